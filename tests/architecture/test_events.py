"""Events are for ever: their tags, their fields, and one stored example of each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

import msgspec
import pytest
from eventsourcing.persistence import JSONTranscoder, Notification

from domain.catalog import AnyEvent, tag
from domain.event import Event
from projections.storage.mapper import EventMapper, Stored, decode
from tests.golden.examples import EXAMPLES, FOLDER, path_of, recorded

EVENTS: tuple[type[Event], ...] = get_args(AnyEvent)
TAGS = [
    "access.credentials_read",
    "access.front_door_opened",
    "access.read",
    "access.refused",
    "environment.registered",
    "environment.retired",
    "environment.revised",
    "lock.acquired",
    "lock.credentials_disclosed",
    "lock.expired",
    "lock.granted",
    "lock.lapsed",
    "lock.released",
    "lock.renewed",
    "lock.requested",
    "lock.withdrawn",
    "org.default_dev_hub_chosen",
    "org.registered",
    "org.removed",
    "project.default_chosen",
    "project.environment_added",
    "project.environment_changed",
    "project.environment_removed",
    "project.environments_ordered",
    "project.registered",
    "project.retired",
    "project.revised",
    "release.published",
    "request.carried_out",
    "review.assigned",
    "review.environment_chosen",
    "review.expired",
    "review.extended",
    "review.transitioned",
    "review.unassigned",
    "schedule.ended",
    "schedule.fired",
    "schedule.missed",
    "schedule.queued",
    "schedule.skipped",
    "schedule.started",
    "schedule.stopped",
    "subject.erased",
    "task.attempt_failed",
    "task.cancellation_requested",
    "task.cancelled",
    "task.completed",
    "task.failed",
    "task.lease_extended",
    "task.progressed",
    "task.stalled",
    "task.started",
    "task.submitted",
    "task_key.slot_given_back",
    "task_key.slot_lapsed",
    "task_key.slot_taken",
    "token.issued",
    "token.revoked",
    "webhook.created",
    "webhook.deleted",
    "webhook.resumed",
    "webhook.revised",
    "webhook.secret_rotated",
    "webhook.suspended",
    "webhook_place.given_back",
    "webhook_place.taken",
]
MAPPER = EventMapper(JSONTranscoder())
each = pytest.mark.parametrize("event", EXAMPLES, ids=lambda e: tag(type(e)))


class NewlyMade(Event, frozen=True, tag="something.new"):
    """An event whose author forgot the example."""


def without_example(events: Iterable[type[Event]]) -> list[str]:
    shown = {type(event) for event in EXAMPLES if path_of(event).exists()}
    return [tag(event) for event in events if event not in shown]


def test_no_event_was_ever_renamed_or_dropped() -> None:
    assert sorted(tag(event) for event in EVENTS) == TAGS


def test_a_tag_is_a_thing_and_what_happened_to_it() -> None:
    for event in EVENTS:
        thing, _, fact = tag(event).partition(".")
        assert thing.isidentifier()
        assert fact.partition(".v")[0].isidentifier()


def test_a_tag_stands_for_one_event() -> None:
    assert len({tag(event) for event in EVENTS}) == len(EVENTS)


def test_events_cannot_be_edited_and_are_lenient_about_what_they_do_not_know() -> None:
    for event in EVENTS:
        config = event.__struct_config__
        assert config.frozen
        assert config.tag_field == "type"
        assert not config.forbid_unknown_fields


def test_every_event_has_its_example() -> None:
    assert without_example(EVENTS) == [], "see tests/golden/examples.py"


def test_an_event_without_its_example_would_be_found() -> None:
    assert without_example([*EVENTS, NewlyMade]) == ["something.new"]


def test_every_file_has_its_example() -> None:
    files = {path.name for path in FOLDER.glob("*.json")}
    assert files == {path_of(event).name for event in EXAMPLES}


@each
def test_what_was_stored_is_read_for_ever(event: Event) -> None:
    expected = recorded(event)
    golden = Notification(
        id=expected.position,
        originator_id=expected.originator_id,
        originator_version=expected.originator_version,
        topic=tag(type(event)),
        state=path_of(event).read_bytes(),
    )
    assert MAPPER.to_domain_event(golden) == expected


@each
def test_what_is_stored_today_is_read_today(event: AnyEvent) -> None:
    stored = MAPPER.to_stored_event(recorded(event))
    assert stored.topic == tag(type(event))
    assert decode(stored.state) == Stored(
        recorded(event).id, event, recorded(event).origin
    )


@each
def test_a_field_that_a_later_version_adds_is_no_hindrance(event: Event) -> None:
    golden = msgspec.json.decode(path_of(event).read_bytes())
    golden["event"]["added_later"] = golden["origin"]["added_later"] = {"x": [1]}
    assert decode(msgspec.json.encode(golden)).event == event


@each
def test_the_example_shows_every_field_that_was_there(event: Event) -> None:
    golden = msgspec.json.decode(path_of(event).read_bytes())["event"]
    assert set(golden) <= {"type", *event.__struct_fields__}
    shown = msgspec.to_builtins(event)
    defaults = [f for f in msgspec.structs.fields(event) if not f.required]
    for field in defaults:
        assert field.encode_name in shown
