"""Events at rest: msgspec JSON, with the event's tag as its topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, StoredEvent

from domain.catalog import AnyEvent, tag
from domain.record import Origin, Recorded


class Stored(msgspec.Struct, frozen=True, gc=False):
    """What the column `state` holds."""

    id: str
    event: AnyEvent
    origin: Origin


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Stored).decode


class EventMapper(Mapper[str]):
    """The library's port between `Recorded` and the row that keeps it."""

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        assert isinstance(domain_event, Recorded)
        return StoredEvent(
            originator_id=domain_event.originator_id,
            originator_version=domain_event.originator_version,
            topic=tag(type(domain_event.event)),
            state=encode(
                {
                    "id": domain_event.id,
                    "event": domain_event.event,
                    "origin": domain_event.origin,
                }
            ),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Recorded:
        return recorded(
            str(stored_event.originator_id),
            stored_event.originator_version,
            getattr(stored_event, "id", 0),
            stored_event.state,
        )


def recorded(stream: str, version: int, position: int, state: bytes) -> Recorded:
    """One row of the journal's table, decoded."""
    stored = decode(state)
    return Recorded(stream, version, position, stored.id, stored.event, stored.origin)


def recorded_in(row: Mapping[str, Any]) -> Recorded:
    """The same, of a row as the database gives it."""
    return recorded(
        row["originator_id"],
        row["originator_version"],
        row["notification_id"],
        row["state"],
    )
