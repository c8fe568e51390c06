"""Events at rest: msgspec JSON, with the event's tag as its topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent

from domain.catalog import AnyEvent, tag
from domain.errors import VaultClosed
from domain.hidden import MARK
from domain.record import Origin, Recorded
from projections.storage.subjects import Subjects


class Stored(msgspec.Struct, frozen=True, gc=False):
    """What the column `state` holds."""

    id: str
    event: AnyEvent
    origin: Origin


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Stored).decode
# The topics that this version can decode. While versions change, there are others.
KNOWN = frozenset(tag(event) for event in get_args(AnyEvent))
NEWER = "a newer version of Berth has written what comes here: ask again"


class EventMapper(Mapper[str]):
    """The library's port between `Recorded` and the row that keeps it.

    `subjects` hide what is personal; without them it is stored as it is.
    """

    def __init__(
        self, transcoder: JSONTranscoder, subjects: Subjects | None = None
    ) -> None:
        super().__init__(transcoder)
        self._subjects = subjects

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        """`SubjectUnknown` if somebody in it must be learned first."""
        assert isinstance(domain_event, Recorded)
        event, origin = domain_event.event, domain_event.origin
        if self._subjects is not None:
            event, origin = self._subjects.hide(event, origin)
        return StoredEvent(
            originator_id=domain_event.originator_id,
            originator_version=domain_event.originator_version,
            topic=tag(type(event)),
            state=encode({"id": domain_event.id, "event": event, "origin": origin}),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Recorded:
        return recorded(
            str(stored_event.originator_id),
            stored_event.originator_version,
            getattr(stored_event, "id", 0),
            stored_event.state,
            subjects=self._subjects,
        )


def recorded(
    stream: str,
    version: int,
    position: int,
    state: bytes,
    *,
    subjects: Subjects | None = None,
) -> Recorded:
    """One row of the journal's table, decoded.

    `VaultClosed` if something in it is hidden, and `subjects` are not here to show it.
    """
    stored = decode(shown(state, subjects))
    return Recorded(stream, version, position, stored.id, stored.event, stored.origin)


def recorded_in(row: Mapping[str, Any], subjects: Subjects | None) -> Recorded:
    """The same, of a row as the database gives it."""
    return recorded(
        row["originator_id"],
        row["originator_version"],
        row["notification_id"],
        row["state"],
        subjects=subjects,
    )


def shown(state: bytes, subjects: Subjects | None) -> bytes:
    """The JSON of an event, with nothing hidden in it."""
    if subjects is not None:
        return subjects.show(state)
    if MARK in state:
        raise VaultClosed("this process has no keys of people", version=0)
    return state
