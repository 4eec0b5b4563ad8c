"""mailpoold with IMAP profiles: their sockets, what poolctl says of them, sessions through them."""

from collections import Counter
from pathlib import Path

from .imap import Imap
from .mailpool import Mailpoold, Value
from .process import Lab, wait_until

PROFILE = "bounces"


class ImapPool:
    """One manager with the profile "bounces" (and others, by `profiles`). `over` changes options of "bounces"."""

    def __init__(self, lab: Lab, address: str, authority: Path | None = None, *, tls: str = "implicit",
                 profiles: dict[str, dict[str, Value]] | None = None, settings: dict[str, Value] | None = None,
                 build: str = "mailpoold", start: bool = True, **over: Value):
        self.lab = lab
        self.authority = authority
        self.sockets = lab.directory("imap", owner="mailpool", group="mailpool")
        self.profiles = {PROFILE: self.profile(PROFILE, address, tls, **over)}
        for name, options in (profiles or {}).items():
            self.profiles[name] = {**self.profile(name, address, tls), **options}
        self.manager = Mailpoold(lab, {**(settings or {}), "imap": self.profiles}, build=build)
        if start:
            self.manager.start()
            wait_until(self.socket().exists, 5, f"{self.socket()} is there\n{self.manager.log()[-2000:]}")

    def profile(self, name: str, address: str, tls: str, **over: Value) -> dict[str, Value]:
        trusted: dict[str, Value] = {"tls_ca_file": str(self.authority)} if self.authority else {}
        return {"server": [address], "tls": tls, "listen": [str(self.socket(name))], "socket_group": "mailpool",
                "allow_users": ["root", "guest"], **trusted, **over}

    def reload(self, **over: Value) -> None:
        """Other options of "bounces", applied by poolctl."""
        self.profiles[PROFILE].update(over)
        self.manager.configure({"imap": self.profiles})
        done = self.manager.poolctl("reload")
        assert done.returncode == 0, done.stdout + done.stderr

    def socket(self, name: str = PROFILE) -> Path:
        return self.sockets / f"{name}.sock"

    def session(self, name: str = PROFILE, timeout: float = 20) -> Imap:
        return Imap.over_unix(self.socket(name), timeout)

    def login(self, user: str, password: str, name: str = PROFILE, timeout: float = 20) -> Imap:
        session = self.session(name, timeout)
        session.login(user, password)
        return session

    # --- looking

    def rows(self) -> list[dict]:
        """`poolctl imap`: one row for each profile and user; what was discarded, by its reason."""
        rows = self.manager.poolctl.ask("imap")["users"]
        return [{**row, "discarded": Counter({entry["reason"]: entry["count"] for entry in row["discarded"]})} for row in rows]

    def row(self, user: str, name: str = PROFILE) -> dict:
        """Zeroes for a user nobody has heard of."""
        for row in self.rows():
            if (row["profile"], row["user"]) == (name, user):
                return row
        return EMPTY

    def wait_for(self, user: str, name: str = PROFILE, timeout: float = 10, **wanted: int) -> dict:
        """Until the row has these values."""
        row: dict = {}

        def has_come() -> bool:
            nonlocal row
            row = self.row(user, name)
            return all(row[key] == value for key, value in wanted.items())
        wait_until(has_come, timeout, f"{user} has {wanted}; the last row was {row}\n{self.manager.log()[-3000:]}")
        return row

    def discarded(self, user: str, name: str = PROFILE) -> Counter[str]:
        return self.row(user, name)["discarded"]


EMPTY: dict = {"active": 0, "waiting": 0, "idle": 0, "resetting": 0, "checking": 0, "login": 0, "created": 0, "reused": 0,
               "discarded": Counter(), "last_error": ""}
