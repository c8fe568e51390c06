"""Null for what may be left out of a new thing is the same as leaving it out."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import FieldInfo, fields

from api.orgs import OrgBody
from api.projects import ProjectBody
from api.releases import ReleaseBody
from api.requests import strictly
from api.schemas import Body, EnvironmentBody, EnvironmentPatch, LockBody
from api.task_schemas import BackoffBody, RecurrenceBody, RetryBody, TaskBody
from api.tokens import TokenBody
from api.webhook_schemas import ConfigBody, FilterBody, RotateBody, WebhookBody
from tests.support.client import AUTH_URL, Caller, Json, made, refused, unique
from tests.support.tasks import NOTHING

HOOK: Json = {"url": "https://a.example"}
WHOLE: dict[type[Body], Json] = {
    EnvironmentBody: {"repositoryIdentifier": "a/b", "name": "a", "category": "dev"},
    LockBody: {},
    ReleaseBody: {"name": "v1", "domain": "core"},
    ProjectBody: {"identifier": "a/b", "remoteUrl": "https://github.com/a/b"},
    OrgBody: {"username": "a", "sfdxAuthUrl": AUTH_URL},
    TokenBody: {"name": "a"},
    TaskBody: NOTHING,
    RetryBody: {},
    BackoffBody: {},
    RecurrenceBody: {},
    WebhookBody: {"name": "a", "event": "*", "config": HOOK},
    ConfigBody: HOOK,
    FilterBody: {},
    RotateBody: {},
}


def nulls(kind: type[Body]) -> Json:
    """One for each field that may be left out."""
    return dict.fromkeys(field.encode_name for field in optional(kind))


def optional(kind: type[Body]) -> list[FieldInfo]:
    return [field for field in fields(kind) if not field.required]


def read(kind: type[Body], body: Json) -> Any:
    return strictly(msgspec.json.encode(body), kind)


@pytest.mark.parametrize("kind", WHOLE)
def test_each_body_is_read_as_if_the_nulls_were_not_there(kind: type[Body]) -> None:
    whole = WHOLE[kind]
    assert read(kind, whole | nulls(kind)) == read(kind, whole)
    for name in nulls(kind):
        assert read(kind, whole | {name: None}) == read(kind, whole), name


def test_what_is_given_stands() -> None:
    said = WHOLE[EnvironmentBody] | {"isActive": False, "tags": ["a"], "metadata": None}
    body = read(EnvironmentBody, said)
    assert (body.is_active, body.tags, body.metadata) == (False, ("a",), {})


def test_a_default_that_can_change_is_nobody_elses() -> None:
    said = WHOLE[EnvironmentBody] | {"metadata": None}
    one, other = (read(EnvironmentBody, said).metadata for _ in range(2))
    assert one is not other


@pytest.mark.parametrize("field", ["isActive", "isDefault", "metadata", "tags"])
def test_a_patch_tells_null_from_absent(owner: Caller, field: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(EnvironmentPatch, {field: None})
    path = f"/environments/{owner.environment()['id']}"
    assert refused(owner.patch(path, {field: None}), 400)["field"] == field
    assert made(owner.patch(path, {"description": None}))["description"] is None


def test_an_environment_is_the_same_with_nulls(owner: Caller) -> None:
    here = {"repositoryIdentifier": owner.repository()}
    plain = owner.environment(**here, name="plain")
    other = owner.environment(**(nulls(EnvironmentBody) | here), name="nulls")
    own = {"id", "name", "createdAt", "updatedAt"}
    assert [*other] == [*plain]
    assert {k: v for k, v in other.items() if k not in own} == {
        k: v for k, v in plain.items() if k not in own
    }


def test_so_is_whatever_else_can_be_made(owner: Caller) -> None:
    name = unique("acme/nulls")
    project = {"identifier": name, "remoteUrl": f"https://github.com/{name}"}
    retry = {"retryConfig": {"attempts": None, "backoff": nulls(BackoffBody)}}
    environment = owner.environment()
    release = WHOLE[ReleaseBody] | nulls(ReleaseBody)
    for path, body in (
        ("/tasks", NOTHING | nulls(TaskBody)),
        ("/tasks", NOTHING | retry),
        ("/projects", nulls(ProjectBody) | project),
        ("/application-tokens", {"name": "ci"} | nulls(TokenBody)),
        ("/webhooks", WHOLE[WebhookBody] | nulls(WebhookBody)),
        (f"/environments/{environment['id']}/releases", release),
    ):
        made(owner.post(path, body))
    assert owner.org(**nulls(OrgBody))
    assert owner.lock(environment).ticket(**nulls(LockBody))
