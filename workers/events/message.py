"""An event as NATS carries it: CloudEvents 1.0 in binary mode.

The attributes are headers, spelled and percent-encoded as CloudEvents' binding for NATS
says (section 3.1); the data is the payload.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote

import msgspec
from msgspec import UNSET
from nats.js.api import Header

from domain.outward.cloud_event import CloudEvent, cloud_event, nats_subject_of
from domain.record import Recorded

FEED = "/sfp/api/events"
# All of printable ASCII but the space, the double quote and the percent sign.
PLAIN = "".join(map(chr, range(0x21, 0x7F))).translate({ord('"'): None, ord("%"): None})
UNUSUAL = re.compile(r"[^!#$&-~]")
# For the lines that a publication adds, and how NATS frames a header.
FRAME_BYTES = 512
LINE_BYTES = 4


class Message(NamedTuple):
    position: int
    subject: str
    headers: dict[str, str]
    data: bytes

    @property
    def bytes(self) -> int:
        """How much of what NATS takes at most it needs, roughly."""
        heads = self.headers
        lines = sum(map(len, heads)) + sum(map(len, heads.values()))
        return FRAME_BYTES + lines + LINE_BYTES * len(heads) + len(self.data)


def message_of(record: Recorded, installation: str, bytes_max: int) -> Message:
    """What would be too long for NATS comes without its data, and says where that is.

    `ce-dataref` is CloudEvents' own extension for it, also called a claim check.
    """
    event = cloud_event(record, installation)
    headers = _headers(event)
    subject = nats_subject_of(record)
    whole = Message(record.position, subject, headers, bytes(event.data))
    if whole.bytes <= bytes_max:
        return whole
    headers["ce-dataref"] = f"{FEED}?after={record.position - 1}&limit=1"
    return whole._replace(data=b"")


def _headers(event: CloudEvent) -> dict[str, str]:
    heads = {
        "ce-id": event.id,
        "ce-source": event.source,
        "ce-type": event.type,
        "ce-subject": event.subject,
        "ce-time": msgspec.to_builtins(event.time),
        "ce-sequence": event.sequence,
        "ce-partitionkey": event.partitionkey,
        "ce-dataschema": event.dataschema,
        "ce-specversion": event.specversion,
        "ce-datacontenttype": event.datacontenttype,
        # Whoever reads it as HTTP would, finds it here.
        "content-type": event.datacontenttype,
        Header.MSG_ID.value: event.id,
    }
    if event.correlationid is not UNSET:
        heads["ce-correlationid"] = event.correlationid
    if UNUSUAL.search("".join(heads.values())):
        return {name: quote(value, safe=PLAIN) for name, value in heads.items()}
    return heads
