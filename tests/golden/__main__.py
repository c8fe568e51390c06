"""Writes the golden files that are missing, and no other: `python -m tests.golden`."""

from __future__ import annotations

from eventsourcing.persistence import JSONTranscoder

from projections.storage.mapper import EventMapper
from tests.golden.examples import EXAMPLES, path_of, recorded


def write_missing() -> None:
    mapper = EventMapper(JSONTranscoder())
    for event in EXAMPLES:
        path = path_of(event)
        if not path.exists():
            path.write_bytes(mapper.to_stored_event(recorded(event)).state + b"\n")
            print(f"wrote {path.name}")


if __name__ == "__main__":
    write_missing()
