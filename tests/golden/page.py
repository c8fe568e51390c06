"""The examples in docs/events.md: written anew by `python -m tests.golden.page`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from domain.catalog import tag
from domain.environment.events import LockAcquired
from domain.event import Event
from domain.outward.cloud_event import cloud_event, nats_subject_of, type_of
from domain.outward.subject import kind_of
from domain.record import Recorded
from projections.storage.mapper import recorded as read
from tests.golden.examples import EXAMPLES, path_of, recorded

PAGE = Path(__file__).parents[2] / "docs" / "events.md"
MARK = "<!-- From here on written by `python -m tests.golden.page`. -->\n"
INSTALLATION = "6c1f0e2d-3b4a-4f5e-8d7c-9a0b1c2d3e08"


def written(page: str) -> str:
    """The page with the examples as they are now."""
    head, mark, _ = page.partition(MARK)
    return head + mark + "".join(_examples())


def _examples() -> Iterator[str]:
    whole = as_stored(next(e for e in EXAMPLES if isinstance(e, LockAcquired)))
    yield f"\nOne as a whole; in NATS, under `{nats_subject_of(whole)}`:\n\n"
    yield shown(told(whole))
    yield "\nOf the others, `data` without its `origin`:\n"
    events = sorted(EXAMPLES, key=lambda event: tag(type(event)))
    for event in events:
        yield f"\n### {type_of(type(event))}\n\n"
        yield f"About: {kind_of(type(event))}. "
        yield " ".join((event.__doc__ or "").split())
        data = told(as_stored(event))["data"]
        yield "\n\n" + shown({k: v for k, v in data.items() if k != "origin"})


def told(record: Recorded) -> dict[str, Any]:
    event = msgspec.json.encode(cloud_event(record, INSTALLATION))
    return dict(json.loads(event))


def shown(value: dict[str, Any]) -> str:
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```\n"


def as_stored(event: Event) -> Recorded:
    """What the golden file of this event says."""
    golden = path_of(event).read_bytes()
    like = recorded(event)
    stream = like.originator_id
    return read(stream, like.originator_version, like.position, golden)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
