"""Messages that have broken mail servers before, and how to compare what arrived with what was sent."""

import hashlib
import re

HEADER = (b"From: <sender@example.com>\r\nTo: <someone@example.org>\r\nSubject: a test\r\n"
          b"Date: Sat, 21 Nov 2026 06:00:00 +0000\r\nMessage-Id: <%s@example.com>\r\n\r\n")
HEADER_FIELD = re.compile(rb"[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*")


def message(body: bytes, identity: str = "test") -> bytes:
    return HEADER % identity.encode() + body


BODIES: dict[str, bytes] = {
    "plain": b"Hello,\r\n\r\nthis is a line.\r\n",
    "dots": b".\r\n..\r\n...\r\n.dot first\r\nin . the middle\r\n.\r\n",
    "only_dots": b".\r\n" * 200,
    "eight_bit": "Grüße aus Köln, 日本語, €\r\n".encode() + bytes(range(0x80, 0x100)) + b"\r\n",
    "line_of_998": b"x" * 998 + b"\r\n" + b"." * 998 + b"\r\n",
    "empty": b"",
    "empty_lines": b"\r\n\r\n\r\n",
    "trailing_blanks": b"a \r\nb\t\r\n  \r\n",
}
# Beyond what RFC 5321 4.5.3.1.6 promises; Postfix passes it on with lmtp_line_length_limit=0.
LONG_LINES = b"y" * 5000 + b"\r\n" + b"." + b"z" * 20000 + b"\r\nend\r\n"
NO_FINAL_LINE_END = b"first\r\nlast line without an end"


def large(size: int) -> bytes:
    """Lines of 76 octets, no two alike, some with a dot first."""
    line = b".%09d " + b"abcdefghijklmnopqrstuvwxyz0123456789" * 2
    lines = (line % number if number % 7 == 0 else line[1:] % number for number in range(size // 78 + 1))
    return b"".join(text[:76].ljust(76, b"=") + b"\r\n" for text in lines)


def without_trace(content: bytes) -> bytes:
    """The message without the Received (and, from a final delivery, Return-Path and Delivered-To) fields that every
    hop adds, line ends as LF: what two copies of it must have in common."""
    content = content.replace(b"\r\n", b"\n")
    kept, position = [], 0
    while match := HEADER_FIELD.match(content, position):
        field = match[0]
        if field == b"\n" or b":" not in field.split(b"\n")[0]:
            break
        if not re.match(rb"(?i)(received|return-path|delivered-to|x-original-to):", field):
            kept.append(field)
        position = match.end()
    return b"".join(kept) + content[position:]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
