"""Events that a mailpoold wrote, each held against the schema that the package ships."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from .process import LabError

SCHEMA = Path(__file__).resolve().parents[2] / "conf/events.schema.json"

Event = dict[str, Any]


@cache
def validators() -> dict[str, Callable[[Event], Event]]:
    """By kind: so a mistake is named, and not only that no kind fits."""
    import fastjsonschema  # the demo does without it

    schema = json.loads(SCHEMA.read_text())
    kinds = [name for name, what in schema["definitions"].items() if "kind" in what.get("properties", {})]
    assert len(kinds) == len(schema["oneOf"])
    return {kind: fastjsonschema.compile({"$ref": f"#/definitions/{kind}", "definitions": schema["definitions"]}) for kind in kinds}


def valid(line: str) -> Event:
    """The event of a line, if it is one."""
    try:
        event = json.loads(line)
        return validators()[event["kind"]](event)
    except (ValueError, KeyError, TypeError) as error:
        raise LabError(f"no event of {SCHEMA.name}: {error!r}: {line[:2000]}") from error


def read_events(file: Path, kills: int = 0) -> Iterator[Event]:
    """All of a file's, one by one; none may be wrong. What is being written, or was torn by one of so many kills, is none yet."""
    if not file.exists():
        return
    with file.open() as lines:
        for line in lines:
            if line.endswith("}\n"):
                yield valid(line)
            elif line.endswith("\n"):
                kills -= 1
                if kills < 0:
                    raise LabError(f"half a line: {line[:2000]}")
