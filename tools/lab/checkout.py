"""The checkout in a room: its programs run as users of the room, which may be kept out of it outside.

The modes of /root and of a home directory are 0700, and a strict umask closes what it makes. Only mounts change: the
machine's own modes stay.
"""

import os
import subprocess
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SOURCES = ("tools", "tests")  # what is run or read as another user; builds are made with an open umask


def open_checkout(scratch: Path) -> None:
    """Opens this checkout, and the build if that lies elsewhere; `scratch` is a tmpfs of the room."""
    build = Path(os.environ.get("MAILPOOL_BUILD", CHECKOUT)).resolve()
    open_inside(CHECKOUT, scratch)
    for place in (CHECKOUT, build):
        open_way(place, scratch)


def open_way(place: Path, scratch: Path) -> None:
    """Puts an empty directory over the topmost closed one above `place`, with nothing in it but the way there."""
    closed = next((above for above in reversed(place.parents) if is_closed(above)), None)
    if closed is None:
        return
    kept = Path(tempfile.mkdtemp(prefix="kept-", dir=scratch))
    mount("--bind", str(place), str(kept))
    mount("-t", "tmpfs", "-o", "mode=755", "way", str(closed))
    place.mkdir(parents=True)
    mount("--move", str(kept), str(place))


def open_inside(checkout: Path, scratch: Path) -> None:
    """Lays a copy on write over a checkout that a strict umask made, and opens its sources there."""
    sources = [checkout / name for name in SOURCES]
    if not any(is_closed(place) for place in (checkout, *sources)):
        return
    layer = Path(tempfile.mkdtemp(prefix="checkout-", dir=scratch))
    upper, work = layer / "upper", layer / "work"
    upper.mkdir(mode=0o755)
    work.mkdir()
    mount("-t", "overlay", "-o", f"lowerdir={checkout},upperdir={upper},workdir={work}", "checkout", str(checkout))
    subprocess.run(["chmod", "-R", "go+rX", *map(str, sources)], check=True)


def is_closed(directory: Path) -> bool:
    return directory.is_dir() and not directory.stat().st_mode & 0o001


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)
