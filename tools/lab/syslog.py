"""The room's /dev/log, for servers that log nowhere else."""

import re
import socket
import threading
from pathlib import Path

from .process import Lab

LINE = re.compile(r"<\d+>(?:\w{3} [ \d]\d [\d:]{8} )?(?P<tag>[^\[:]+)(?:\[(?P<pid>\d+)\])?: (?P<text>.*)", re.DOTALL)


class Syslog:
    """Listens from its first use in a room on; what a tag logged is a file in the lab."""

    _shared: "Syslog | None" = None

    def __init__(self) -> None:
        self._files: dict[str, Path] = {}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("/dev/log")
        Path("/dev/log").chmod(0o666)
        threading.Thread(target=self._listen, daemon=True).start()

    @classmethod
    def shared(cls) -> "Syslog":
        if cls._shared is None:
            cls._shared = cls()
        return cls._shared

    def keep(self, lab: Lab, tag: str) -> Path:
        """The file that has what `tag` logs from now on."""
        self._files[tag] = lab.root / f"{tag}.log"
        self._files[tag].touch()
        return self._files[tag]

    def _listen(self) -> None:
        while True:
            line = LINE.match(self._socket.recv(65536).decode(errors="replace").rstrip("\n\0"))
            file = self._files.get(line["tag"]) if line else None
            if file:
                with open(file, "a") as log:
                    print(f"{line['tag']}[{line['pid']}]: {line['text']}", file=log)
