"""An event as those outside receive it: CloudEvents 1.0 (DESIGN section 6)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from domain.catalog import tag
from domain.event import Event
from domain.outward.subject import Kind, subject_of
from domain.record import Recorded
from domain.task.events import TaskAttemptFailed, TaskFailed
from domain.token import TokenIssued

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
SCHEMAS = "/sfp/api/schemas"
VERSION = "v1"
# The journal keeps it, and it is for nobody outside.
WITHHELD: dict[type[Event], str] = {
    TokenIssued: "secret_sha256",
    TaskAttemptFailed: "stack",
    TaskFailed: "stack",
}


class CloudEvent(Struct, frozen=True, gc=False):
    """The attributes are CloudEvents' own, or extensions of it that others use too.

    `sequence` is the position in the journal, in 20 digits: without gaps, so whoever
    gets every event can prove it. `correlationid` is the request's that caused it. All
    events of one `partitionkey` are in order. `data` is the event's JSON, as in the
    journal, with its `origin`.
    """

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    sequence: str
    partitionkey: str
    dataschema: str
    data: Raw
    correlationid: str | UnsetType = UNSET
    specversion: str = SPEC_VERSION
    datacontenttype: str = CONTENT_TYPE


def cloud_event(record: Recorded, installation: str) -> CloudEvent:
    """`installation` is its id, which makes the source: `/berth/<id>`."""
    event, origin = record.event, record.origin
    type_ = type_of(type(event))
    subject = subject_of(record).path
    return CloudEvent(
        id=record.id,
        source=f"/berth/{installation}",
        type=type_,
        subject=subject,
        time=origin.at,
        sequence=sequence_of(record.position),
        partitionkey=subject,
        dataschema=f"{SCHEMAS}/{type_}.json",
        data=Raw(data_of(record)),
        correlationid=origin.request_id or UNSET,
    )


def type_of(event_type: type[Event]) -> str:
    """`berth.lock.acquired.v1`; a tag of a later version says itself which."""
    name = tag(event_type)
    return f"berth.{name}" if ".v" in name else f"berth.{name}.{VERSION}"


def sequence_of(position: int) -> str:
    """20 digits, so that texts sort as positions do."""
    return f"{position:020}"


def nats_subject_of(record: Recorded) -> str:
    """`berth.v1.environment.<id>.lock.acquired`."""
    subject = subject_of(record)
    return nats_subject(subject.kind, subject.id, type(record.event))


def nats_subject(kind: Kind, its_id: str, event_type: type[Event]) -> str:
    """`berth.v1.environment.<id>.lock.acquired`; DESIGN section 6."""
    return f"berth.{VERSION}.{kind}.{its_id}.{tag(event_type)}"


def data_of(record: Recorded) -> bytes:
    """`{"type": "lock.acquired", ..., "origin": {...}}`."""
    event: Any = record.event
    if (withheld := WITHHELD.get(type(event))) is not None:
        event = msgspec.to_builtins(event)
        event.pop(withheld, None)
    head, origin = _encode(event), _encode(record.origin)
    return b'%s,"origin":%s}' % (head[:-1], origin)


_encode = msgspec.json.Encoder().encode
