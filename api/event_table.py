"""Sealed events as a table for people: a row each, told in a sentence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

import msgspec

from api.csv_table import Cell, in_json, lines
from domain.outward.cloud_event import data_of
from domain.outward.subject import subject_of
from domain.record import Recorded
from domain.seal.bundle import Asked
from projections.sealed_events import Sealed, SealedEvents
from workers.webhooks.telling import told

# A bundle for `berth verify`, or this table.
Form = Literal["ndjson", "csv"]
COLUMNS = (
    *("sequence", "time", "type", "environmentId", "environment", "repository"),
    *("subject", "who", "role", "application", "ip", "userAgent", "requestId"),
    *("what", "fence", "ticketId", "reason", "cause", "causedBy", "data"),
)
# Fields of events that have a column of their own, in this order.
OWN = ("fence", "ticket_id", "reason", "cause")


async def event_table(events: SealedEvents, asked: Asked) -> AsyncIterator[bytes]:
    """The names of the columns, then the rows, piece by piece."""
    yield lines([COLUMNS])
    async for piece in events.pieces(asked):
        yield lines(map(row, piece))


def row(sealed: Sealed) -> Sequence[Cell]:
    """What an event says beside its own columns is in `data`, as it goes to others."""
    if (record := sealed.record) is None:
        known: dict[str, Cell] = {
            "sequence": sealed.position,
            "type": sealed.topic,
            "what": sealed.why,
        }
        return [known.get(column) for column in COLUMNS]
    origin = record.origin
    data = data_in(record)
    own = [data.pop(name, None) for name in OWN]
    return (
        sealed.position,
        origin.at,
        sealed.topic,
        sealed.environment_id,
        sealed.name,
        sealed.repository,
        subject_of(record).path,
        origin.by,
        origin.role,
        origin.application,
        origin.ip,
        origin.user_agent,
        origin.request_id or None,
        told(record, None).text,
        *own,
        origin.cause,
        in_json(data),
    )


def data_in(record: Recorded) -> dict[str, Any]:
    """Without its type and origin, which are told beside it, and what is withheld."""
    data: dict[str, Any] = msgspec.json.decode(data_of(record))
    del data["type"], data["origin"]
    return data
