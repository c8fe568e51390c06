"""An event as NATS carries it: CloudEvents 1.0 in binary mode.

The attributes are headers, spelled and percent-encoded as CloudEvents' binding for NATS
says (section 3.1); the data is the payload.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote

import msgspec
from msgspec import UNSET
from nats.js.api import Header

from domain.outward.cloud_event import CloudEvent, cloud_event, nats_subject_of
from domain.record import Recorded

PREFIX = "ce-"
FEED = "/sfp/api/events"
ATTRIBUTES = [name for name in CloudEvent.__struct_fields__ if name != "data"]
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
    headers = dict(_headers(event))
    subject = nats_subject_of(record)
    whole = Message(record.position, subject, headers, bytes(event.data))
    if whole.bytes <= bytes_max:
        return whole
    headers[f"{PREFIX}dataref"] = f"{FEED}?after={record.position - 1}&limit=1"
    return whole._replace(data=b"")


def _headers(event: CloudEvent) -> Iterator[tuple[str, str]]:
    for name in ATTRIBUTES:
        value = getattr(event, name)
        if isinstance(value, datetime):
            value = msgspec.to_builtins(value)
        if value is not UNSET:
            if UNUSUAL.search(value):
                value = quote(value, safe=PLAIN)
            yield PREFIX + name, value
    # Whoever reads it as HTTP would, finds it here.
    yield "content-type", event.datacontenttype
    yield Header.MSG_ID.value, event.id
