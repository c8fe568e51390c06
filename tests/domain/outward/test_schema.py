"""Each event has a schema, which its data keeps to, and which tells nothing else."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import msgspec
import pytest

from domain.catalog import tag
from domain.environment.events import LockGranted
from domain.event import Event
from domain.outward.cloud_event import WITHHELD, cloud_event
from domain.outward.schema import EVENTS, schema_of
from domain.record import Origin
from tests.golden.examples import EXAMPLES, recorded

each = pytest.mark.parametrize("event", EXAMPLES, ids=lambda e: tag(type(e)))


def told(event: Event) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.json.decode(
        cloud_event(recorded(event), "here").data
    )
    return data


def valid(schema: Any, data: Any) -> bool:
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True).is_valid(
        data
    )


@each
def test_the_schema_is_one_and_the_example_keeps_to_it(event: Event) -> None:
    schema = schema_of(type(event))
    jsonschema_rs.meta.validate(schema)
    assert valid(schema, told(event))
    assert schema["$id"] == cloud_event(recorded(event), "here").dataschema


@each
def test_every_field_is_described_and_none_is_forbidden(event: Event) -> None:
    schema, data = schema_of(type(event)), told(event)
    assert data.keys() == schema["properties"].keys()
    assert valid(schema, data | {"added_later": 1})


@each
def test_without_a_field_that_must_be_there_it_would_be_no_example(
    event: Event,
) -> None:
    schema, data = schema_of(type(event)), told(event)
    assert {"type", "origin"} <= set(schema["required"])
    for name in schema["required"]:
        assert not valid(schema, {k: v for k, v in data.items() if k != name})
    assert not valid(schema, data | {"type": "something.else"})
    assert not valid(schema, data | {"origin": data["origin"] | {"at": "noon"}})


@pytest.mark.parametrize("event_type", WITHHELD, ids=tag)
def test_what_is_withheld_is_in_no_schema(event_type: type[Event]) -> None:
    schema = schema_of(event_type)
    assert WITHHELD[event_type] not in schema["properties"]
    assert WITHHELD[event_type] not in schema["required"]


def test_instants_and_meanings_are_told() -> None:
    schema = schema_of(LockGranted)
    expires = schema["properties"]["expires_at"]
    assert expires["format"] == "date-time"
    assert "acquired by `expires_at`" in expires["description"]
    assert schema["$defs"][Origin.__name__]["properties"]["at"]["format"] == "date-time"


def test_there_is_one_for_every_event() -> None:
    assert set(EVENTS.values()) == {type(event) for event in EXAMPLES}
