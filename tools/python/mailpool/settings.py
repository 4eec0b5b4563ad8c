"""What a pool is made of: checked once, before anything is connected."""

import os
from dataclasses import dataclass
from typing import Literal

# Where the packages' profiles listen: NAME.sock for [imap.NAME], dynamic.sock for [imap_dynamic].
DIRECTORY = "/run/mailpool/imap"
DYNAMIC = "dynamic"
NAME = "abcdefghijklmnopqrstuvwxyz0123456789-"
HOST = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:"


@dataclass(frozen=True)
class Server:
    """A server that no profile names, as a dynamic socket wants to hear of it."""

    host: str
    port: int
    tls: Literal["implicit", "starttls"]
    pool_size: int | None

    @property
    def words(self) -> tuple[str, ...]:
        """For XMAILPOOL, behind the host; without a pool_size that of [imap_dynamic] counts."""
        return (str(self.port), self.tls, *(() if self.pool_size is None else (str(self.pool_size),)))


@dataclass(frozen=True)
class Settings:
    """Where the manager listens, which server it is to name there, and how long an answer may take."""

    path: str
    timeout: float | None
    server: Server | None = None


def checked(profile: str | None, socket: str | os.PathLike[str] | None, host: str | None, port: int | None, ssl: bool | None,
            pool_size: int | None, timeout: float | None, directory: str | os.PathLike[str] | None) -> Settings:
    """The arguments of a pool; what makes no sense, or would count for nothing, is a ValueError."""
    if (profile is not None) + (host is not None) + (socket is not None and host is None) != 1:
        raise ValueError("name one of these: a profile, a socket, or a host")
    if host is None:
        for name, value in (("port", port), ("ssl", ssl), ("pool_size", pool_size)):
            if value is not None:
                raise ValueError(f"{name} goes with a host; for a profile it stands in mailpool.toml")
    if socket is not None and directory is not None:
        raise ValueError("directory counts for nothing where a socket is named")
    server = None if host is None else checked_server(host, port, ssl is not False, pool_size)
    name = DYNAMIC if profile is None else checked_name(profile)
    path = os.fspath(socket) if socket is not None else os.path.join(DIRECTORY if directory is None else directory, f"{name}.sock")
    return Settings(path, checked_timeout(timeout), server)


def checked_timeout(timeout: float | None) -> float | None:
    """Seconds; None is for ever."""
    if timeout is not None and timeout <= 0:
        raise ValueError("timeout: more than 0 seconds, or None to wait for ever")
    return timeout


def checked_name(profile: str) -> str:
    """Names end up in a path."""
    if not profile or profile.strip(NAME) or len(profile) > 63:
        raise ValueError(f"{profile!r} is not a profile's name: small letters, digits and hyphens")
    return profile


def checked_server(host: str, port: int | None, ssl: bool, pool_size: int | None) -> Server:
    """What a dynamic socket wants to know."""
    if not host or host.strip(HOST):
        raise ValueError(f"{host!r} is not a host name or an address")
    if port is None:
        port = 993 if ssl else 143
    if not 1 <= port <= 65535:
        raise ValueError(f"port: 1 to 65535, not {port}")
    if pool_size is not None and not 1 <= pool_size <= 1000:
        raise ValueError(f"pool_size: 1 to 1000, not {pool_size}")
    return Server(host, port, "implicit" if ssl else "starttls", pool_size)


@dataclass(frozen=True)
class Login:
    """Who borrows, or nobody yet. `token` instead of `password`: an OAuth 2.0 bearer token."""

    user: str | None
    password: str | None
    token: str | None

    def __post_init__(self) -> None:
        if self.password is not None and self.token is not None:
            raise ValueError("a password or a token, not both")
        if (self.user is None) != (self.password is None and self.token is None):
            raise ValueError("a user and a password (or a token), or neither")

    def __repr__(self) -> str:
        return f"Login({self.user!r})"
