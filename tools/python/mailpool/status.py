"""How a pool is doing."""

from dataclasses import dataclass, fields

from .errors import PoolUnavailable


@dataclass(frozen=True)
class PoolStatus:
    """Figures of a moment. `lent` is of this pool object; the others are the manager's, of the whole profile and all its programs.

    `state` is open, paused, draining or backing_off (no server can be reached; `last_error` says why).
    """

    lent: int
    profile: str
    state: str
    clients: int
    waiting: int
    active: int
    idle: int
    connections: int
    max_connections: int
    pool_size: int
    last_error: str

    def __str__(self) -> str:
        return ", ".join(f"{field.name.replace('_', ' ')} {getattr(self, field.name)}" for field in fields(self)
                         if getattr(self, field.name) != "")


def status_from(fields_of_id: dict[str, str], lent: int) -> PoolStatus:
    """Of the manager's answer to ID."""
    if "profile" not in fields_of_id:
        raise PoolUnavailable("this mailpoold does not tell programs how its pools are doing")
    def number(name: str) -> int:
        return int(fields_of_id.get(name, "0"))
    return PoolStatus(lent, fields_of_id.get("profile", ""), fields_of_id.get("state", ""), number("clients"), number("waiting"),
                      number("active"), number("idle"), number("connections"), number("max_connections"), number("pool_size"),
                      fields_of_id.get("last_error", ""))
