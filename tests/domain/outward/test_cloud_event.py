"""Every event has its form outside, and nothing of it says what only we know."""

from __future__ import annotations

import re
from typing import get_args

import msgspec
import pytest

from domain.catalog import AnyEvent, tag
from domain.environment.events import LockAcquired
from domain.event import Event
from domain.outward.cloud_event import (
    WITHHELD,
    cloud_event,
    nats_subject_of,
    sequence_of,
)
from domain.outward.subject import subject_of
from tests.golden.examples import EXAMPLES, recorded

SUBJECT = re.compile(r"berth\.v1\.[a-z-]+\.[0-9A-Za-z-]+\.[a-z_]+\.[a-z_]+", re.ASCII)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda event: tag(type(event)))
def test_every_event_is_about_something_that_nats_can_name(example: Event) -> None:
    assert SUBJECT.fullmatch(nats_subject_of(recorded(example)))


def test_no_event_is_left_out() -> None:
    assert {type(example) for example in EXAMPLES} == set(get_args(AnyEvent))


def test_an_acquired_lock_reads_as_the_document_says() -> None:
    [example] = (e for e in EXAMPLES if isinstance(e, LockAcquired))
    record = recorded(example)
    told = msgspec.json.decode(msgspec.json.encode(cloud_event(record, "here")))
    data = told.pop("data")
    subject = f"environments/{record.originator_id}"
    assert told == {
        "specversion": "1.0",
        "id": record.id,
        "source": "/berth/here",
        "type": "berth.lock.acquired.v1",
        "subject": subject,
        "time": msgspec.to_builtins(record.origin.at),
        "sequence": sequence_of(record.position),
        "partitionkey": subject,
        "correlationid": record.origin.request_id,
        "datacontenttype": "application/json",
        "dataschema": "/sfp/api/schemas/berth.lock.acquired.v1.json",
    }
    assert data.pop("origin") == msgspec.to_builtins(record.origin)
    assert data == msgspec.to_builtins(example)


def test_twenty_digits_sort_as_numbers_do() -> None:
    positions = [1, 9, 10, 2**63 - 1]
    assert sorted(map(sequence_of, positions)) == [*map(sequence_of, positions)]


@pytest.mark.parametrize("withheld", WITHHELD, ids=tag)
def test_what_is_for_nobody_outside_stays_here(withheld: type[Event]) -> None:
    [example] = (e for e in EXAMPLES if type(e) is withheld)
    told = msgspec.json.encode(cloud_event(recorded(example), "here")).decode()
    assert WITHHELD[withheld] not in told
    assert str(getattr(example, WITHHELD[withheld])) not in told


def test_a_repository_is_named_by_a_number() -> None:
    [example] = (e for e in EXAMPLES if tag(type(e)) == "project.registered")
    assert "acme" not in subject_of(recorded(example)).path
