"""IMAP responses, read from an asyncio stream into the shapes that imaplib gives them."""

import asyncio
import re
from dataclasses import dataclass, field

from .errors import ConnectionLost

LITERAL = re.compile(rb"\{(\d+)\}$")
CODE = re.compile(rb"\[([A-Za-z-]+)(?: ([^\]]*))?\]")
NUMBERED = re.compile(rb"(\d+) ([A-Za-z-]+)(?: (.*))?$", re.DOTALL)
ATOM = re.compile(r"[^\x00-\x20\x7f-\U0010ffff(){%*\"\\\]]+")
MOST_LINE = 1_000_000
MOST_LITERAL = 1 << 30

Part = bytes | tuple[bytes, bytes]


@dataclass
class Answer:
    """What came until a command was over: its status and text, and the untagged responses by their names."""

    status: str = ""
    text: bytes = b""
    untagged: dict[str, list[Part]] = field(default_factory=dict[str, list[Part]])

    def take(self, parts: list[Part]) -> None:
        """An untagged response, without its star."""
        first = parts[0]
        line, literal = first if isinstance(first, tuple) else (first, None)
        if numbered := NUMBERED.match(line):
            name, rest = numbered[2], numbered[1] + (b" " + numbered[3] if numbered[3] is not None else b"")
        else:
            name, _, rest = line.partition(b" ")
        kept = self.untagged.setdefault(name.decode("ascii", "replace").upper(), [])
        kept.append(rest if literal is None else (rest, literal))
        kept += parts[1:]
        if code := CODE.match(rest):
            self.untagged.setdefault(code[1].decode().upper(), []).append(code[2] or b"")


async def read_response(reader: asyncio.StreamReader) -> list[Part]:
    """One response: its lines without CRLF, each that a literal follows in a tuple with it."""
    parts: list[Part] = []
    while True:
        line = await read_line(reader)
        literal = LITERAL.search(line)
        if not literal:
            parts.append(line)
            return parts
        size = int(literal[1])
        if size > MOST_LITERAL:
            raise ConnectionLost(f"a literal of {size} octets is too large")
        try:
            parts.append((line, await reader.readexactly(size)))
        except asyncio.IncompleteReadError as trouble:
            raise ConnectionLost("the manager has closed the connection in the middle of a literal") from trouble
        except OSError as trouble:
            raise ConnectionLost(f"the connection to the manager is broken ({trouble})") from trouble


async def read_line(reader: asyncio.StreamReader) -> bytes:
    """Without CRLF; an end of the stream is a ConnectionLost."""
    try:
        line = await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as trouble:
        raise ConnectionLost("the manager has closed the connection") from trouble
    except asyncio.LimitOverrunError as trouble:
        raise ConnectionLost(f"a line of more than {MOST_LINE} octets") from trouble
    except OSError as trouble:
        raise ConnectionLost(f"the connection to the manager is broken ({trouble})") from trouble
    return line.rstrip(b"\r\n")


def mailbox_name(name: str) -> str:
    """As it is said: an atom, or a quoted string; what is in quotes already stays as it is, as with imaplib."""
    if ATOM.fullmatch(name) or (len(name) > 1 and name[0] == name[-1] == '"'):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
