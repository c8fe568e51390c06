"""What NATS carries is what CloudEvents' binding for it says, and never too long."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
from nats.aio.msg import Msg

from domain.catalog import tag
from domain.event import Event
from domain.outward.cloud_event import cloud_event, nats_subject_of
from domain.outward.subject import KINDS
from domain.record import Recorded
from tests.golden.examples import EXAMPLES, recorded
from workers.events.message import FRAME_BYTES, Message, message_of
from workers.events.publishing import BATCH_BYTES_MAX, BATCH_MAX, batches, publish
from workers.events.stream import NAME, SUBJECTS
from workers.tasks.batch_client import _lines

MIB = 1 << 20
LAST = 10**18


def requested_by(request_id: str) -> Recorded:
    record = recorded(EXAMPLES[0])
    origin = msgspec.structs.replace(record.origin, request_id=request_id)
    return msgspec.structs.replace(record, origin=origin)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda event: tag(type(event)))
def test_each_attribute_is_a_header_and_the_data_is_the_payload(example: Event) -> None:
    record = recorded(example)
    message = message_of(record, "here", MIB)
    told = msgspec.to_builtins(
        msgspec.json.decode(msgspec.json.encode(cloud_event(record, "here")))
    )
    assert msgspec.json.decode(message.data) == told.pop("data")
    heads = dict(message.headers)
    assert heads.pop("Nats-Msg-Id") == record.id
    assert heads.pop("content-type") == "application/json"
    assert {name: unquote(value) for name, value in heads.items()} == {
        f"ce-{name}": value for name, value in told.items()
    }


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda event: tag(type(event)))
def test_the_stream_takes_the_subject_of_every_event(example: Event) -> None:
    _, _, kind, *rest = nats_subject_of(recorded(example)).split(".")
    assert kind in KINDS
    assert f"berth.v1.{kind}.>" in SUBJECTS
    assert len(rest) == 3


def test_a_header_is_percent_encoded_as_cloudevents_say() -> None:
    message = message_of(requested_by('Euro € 😀 100% "a"\r\n'), "here", MIB)
    encoded = "Euro%20%E2%82%AC%20%F0%9F%98%80%20100%25%20%22a%22%0D%0A"
    assert message.headers["ce-correlationid"] == encoded
    assert message.headers["ce-source"] == "/berth/here"


def test_what_is_too_long_says_where_its_data_is() -> None:
    record = recorded(EXAMPLES[0])
    whole = message_of(record, "here", MIB)
    assert "ce-dataref" not in whole.headers
    assert message_of(record, "here", whole.bytes) == whole
    short = message_of(record, "here", whole.bytes - 1)
    assert short.data == b""
    where = f"/sfp/api/events?after={record.position - 1}&limit=1"
    assert short.headers == whole.headers | {"ce-dataref": where}


class Wire:
    """Counts what NATS counts of each message: its headers, framed, and its data."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def count(self, headers: Mapping[str, str], data: bytes) -> None:
        self.sizes.append(len(_lines(headers)) + len(data))

    async def publish_all(
        self, messages: Iterable[tuple[str, Mapping[str, str], bytes]]
    ) -> None:
        for _, headers, data in messages:
            self.count(headers, data)

    async def request(
        self, _: str, data: bytes, *, headers: Mapping[str, str], **__: Any
    ) -> Msg:
        self.count(headers, data)
        stored = msgspec.json.encode({"seq": LAST})
        return Msg(_client=None, data=stored)  # type: ignore[arg-type]


def test_no_message_is_longer_on_its_way_than_it_was_said_to_be() -> None:
    """Else NATS refuses one that was thought to fit, whenever it is tried."""
    first = LAST - len(EXAMPLES) + 1
    batch = [
        message_of(recorded(event), "here" * 9, MIB)._replace(position=position)
        for position, event in enumerate(EXAMPLES, first)
    ]
    said, wire = [message.bytes for message in batch], Wire()
    client: Any = wire
    asyncio.run(publish(client, NAME, batch))
    assert len(wire.sizes) == len(batch)
    assert all(size <= most for size, most in zip(wire.sizes, said, strict=True))


def test_batches_are_bounded_in_number_and_in_bytes() -> None:
    small = [Message(n, "s", {}, b"") for n in range(BATCH_MAX * 2 + 1)]
    assert [len(batch) for batch in batches(small)] == [BATCH_MAX, BATCH_MAX, 1]
    large = [Message(n, "s", {}, bytes(MIB)) for n in range(20)]
    cut = [*batches(large)]
    assert [message for batch in cut for message in batch] == large
    most = BATCH_BYTES_MAX + MIB + FRAME_BYTES
    assert all(sum(m.bytes for m in batch) <= most for batch in cut)
    assert [len(batch) for batch in cut] == [8, 8, 4]
    assert [*batches([])] == []
