"""The CloudEvents' own package reads our events as we mean them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from cloudevents.core.bindings.http import (
    HTTPMessage,
    from_structured_event,
    to_binary_event,
)
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.catalog import tag
from domain.environment.events import LockRequested
from domain.event import Event
from domain.outward.cloud_event import cloud_event
from domain.record import Recorded
from tests.golden.examples import EXAMPLES, ORIGIN, recorded

MEDIA = "application/cloudevents+json"
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
REQUEST_IDS = st.from_regex(r"[\w.:/+=-]{1,128}", fullmatch=True)
[REQUESTED] = (event for event in EXAMPLES if isinstance(event, LockRequested))


def read(record: Recorded) -> Any:
    body = msgspec.json.encode(cloud_event(record, "here"))
    return from_structured_event(HTTPMessage({"content-type": MEDIA}, body))


def check(record: Recorded) -> None:
    told, expected = read(record), cloud_event(record, "here")
    attributes = {
        name: value
        for name, value in msgspec.structs.asdict(expected).items()
        if name != "data" and value is not msgspec.UNSET
    }
    assert told.get_attributes() == attributes
    assert told.get_data() == msgspec.json.decode(expected.data)


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda e: tag(type(e)))
def test_every_event_is_read_as_it_is(event: Event) -> None:
    check(recorded(event))


@given(reason=TEXT, by=TEXT, agent=TEXT, request_id=REQUEST_IDS | st.just(""))
def test_so_it_is_whatever_people_write(
    reason: str, by: str, agent: str, request_id: str
) -> None:
    event = replace(REQUESTED, reason=reason, requested_by=by)
    origin = replace(ORIGIN, by=by, user_agent=agent, request_id=request_id)
    record = replace(recorded(event), origin=origin)
    check(record)
    sent = to_binary_event(read(record))
    assert all(value.isascii() for value in sent.headers.values())
    assert (
        JSONFormat().read_data(sent.body, "application/json") == read(record).get_data()
    )
