"""A refusal names the field by its path in the body, as it was sent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import Caller, Json, refused
from tests.support.tasks import NOTHING

FETCH: Json = {"repoId": "acme/shop", "pool": "core", "issue": "A-1"}
WRONG_DATA: list[tuple[Json, str]] = [
    (FETCH | {"pool": " core"}, "data.pool"),
    (FETCH | {"branch": "a\n"}, "data.branch"),
    (FETCH | {"wait": -1}, "data.wait"),
    (FETCH | {"foo": 1}, "data.foo"),
    ({"repoId": "acme/shop", "pool": "core"}, "data.issue"),
    ({"value": FETCH | {"branch": "a "}}, "data.value.branch"),
    ({"value": FETCH | {"foo": 1}}, "data.value.foo"),
    ({"value": FETCH | {"wait": 1.5}}, "data.value.wait"),
    ({"value": {"value": FETCH}}, "data.value.value"),
    ({"value": FETCH, "pool": "other"}, "data.pool"),
    ({"value": FETCH | {"pool": " "}, "description": "Fetch"}, "data.value.pool"),
    ({"value": FETCH | {"foo": 1}, "description": "Fetch"}, "data.value.foo"),
    ({"value": {"pool": "core"}, "description": "Fetch"}, "data.value.repoId"),
]
WRONG: list[tuple[Json, str]] = [
    ({"retryConfig": {"foo": 1}}, "retryConfig.foo"),
    ({"retryConfig": {"backoff": {"foo": 1}}}, "retryConfig.backoff.foo"),
    ({"retryConfig": {"backoff": {"delay": -1}}}, "retryConfig.backoff.delay"),
    ({"recurrenceConfig": {"foo": 1}}, "recurrenceConfig.foo"),
    ({"recurrenceConfig": {"tz": "a\0"}}, "recurrenceConfig.tz"),
    ({"data": {"a": [{"b": ["c", "\0"]}]}}, "data.a[0].b[1]"),
    ({"foo": 1}, "foo"),
]


@pytest.mark.parametrize(("data", "field"), WRONG_DATA)
def test_what_is_wrong_in_a_task_s_data_is_named(
    application: Caller, data: Json, field: str
) -> None:
    body = {"type": "fetchReviewEnvironment", "data": data}
    refusal = refused(application.post("/tasks", body), 400, "INVALID")
    assert refusal["field"] == field
    assert refusal["message"].startswith(field)


@pytest.mark.parametrize(("body", "field"), WRONG)
def test_what_is_wrong_deep_in_a_body_is_named(
    application: Caller, body: dict[str, Any], field: str
) -> None:
    refusal = refused(application.post("/tasks", NOTHING | body), 400, "INVALID")
    assert refusal["field"] == field
    assert refusal["message"].startswith(field)
