"""A journal of two environments to make bundles of, and what becomes of bundles."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

import msgspec

from domain.access import AccessRefused
from domain.event import Event
from domain.seal.findings import Tampered, Unreadable
from domain.seal.note import Checkpoint, Key
from domain.seal.verdict import Proven, Verdict
from projections.storage.log.signing import is_signed
from tests.projections.log_stage import Stage, sealing_stage
from tests.projections.test_views import append
from tests.workers.events.stage import granted

Json = dict[str, Any]
E1 = "0b5e3c1e-37a5-4c54-9f8e-0d3a3e0d6a01"
E2 = "0b5e3c1e-37a5-4c54-9f8e-0d3a3e0d6a02"
COUNT: LiteralString = """
UPDATE berth_events AS event SET originator_version = counted.number FROM (
    SELECT notification_id AS id, row_number() OVER (
        PARTITION BY originator_id ORDER BY notification_id
    ) AS number FROM berth_events
) AS counted WHERE notification_id = id
"""


def sealed(stage: Stage, events: Sequence[tuple[str, Event]]) -> None:
    """Appended with versions that count within each stream, as the journal's do."""
    append(stage.url, events)
    stage.do(COUNT)
    stage.seal()


@contextmanager
def bundle_stage(url: str) -> Iterator[Stage]:
    """Two environments that are locked by turns, and one refusal; all sealed."""
    with sealing_stage(url) as stage:
        events: list[tuple[str, Event]] = [
            (stream, granted(n)) for n in range(4) for stream in (E1, E2)
        ]
        events.insert(5, ("access/1", AccessRefused(E1, 403, "GET", "/", "why")))
        sealed(stage, events)
        yield stage


def verified(stage: Stage, bundle: bytes, *known: Checkpoint) -> Proven:
    return judged(stage.vkeys, bundle, *known)


def judged(keys: Sequence[Key], bundle: bytes, *known: Checkpoint) -> Proven:
    verdict = Verdict(keys, is_signed, known)
    for line in bundle.splitlines(keepends=True):
        verdict.line(line)
    return verdict.proven()


def is_found(keys: Sequence[Key], bundle: bytes) -> bool:
    """Whether anything is wrong with it, to whoever trusts these keys."""
    try:
        judged(keys, bundle)
    except (Tampered, Unreadable):
        return True
    return False


def lines_of(bundle: bytes) -> list[Json]:
    return [msgspec.json.decode(line) for line in bundle.splitlines()]


def positions(bundle: bytes) -> Sequence[int]:
    return [line["position"] for line in lines_of(bundle)[1:-1]]


def ended_anew(lines: Sequence[bytes], events: int | None = None) -> bytes:
    """By somebody who knows how: with a count and a hash that are right."""
    body = b"".join(lines)
    count = len(lines) - 1 if events is None else events
    digest = hashlib.sha256(body).hexdigest()
    return body + b'{"type":"end","events":%d,"sha256":"%s"}\n' % (
        count,
        digest.encode(),
    )
