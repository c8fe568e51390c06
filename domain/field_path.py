"""Where in what was sent something is that cannot be read."""

from __future__ import annotations

import re

from msgspec import ValidationError

PLACE = re.compile(r" - at (?:`key` in )?`\$([^`]*)`\Z")
NAMED = re.compile(r"(?:unknown|required) field `(.*)`\Z", re.DOTALL)


def told(error: ValidationError) -> tuple[str, str]:
    """What is wrong, and the path to the field: `backoff.delay`, `tags[0]`, or none."""
    what, path = str(error), ""
    if place := PLACE.search(what):
        what, path = what[: place.start()], place[1]
    if named := NAMED.search(what):
        path += f".{named[1]}"
    return what, path.removeprefix(".")


def retold(error: ValidationError, place: str) -> str:
    """In msgspec's words, of a field inside `place`."""
    what, path = str(error), ""
    if found := PLACE.search(what):
        what, path = what[: found.start()], found[1]
    return f"{what} - at `$.{place}{path}`"


def within(place: str, path: str) -> str:
    """The path, seen from where `place` is."""
    dot = "." if path and not path.startswith("[") else ""
    return f"{place}{dot}{path}"
