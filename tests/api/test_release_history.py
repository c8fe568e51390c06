"""Reading releases: newest first, in pages, and on record."""

from __future__ import annotations

from typing import Any

import pytest

from domain.roles import Role
from tests.support.client import Caller, Json, made, refused, unique
from tests.support.running import Api

TIMES = [f"2024-01-{day:02}T10:30:00Z" for day in range(1, 32)]
V1 = {"name": "v1", "domain": "core"}


@pytest.fixture
def environment(owner: Caller) -> Json:
    return owner.environment()


def names(caller: Caller, environment: Json, **query: Any) -> list[str]:
    found = caller.releases(environment, **query)
    return [release["name"] for release in found["releases"]]


def test_the_newest_publication_comes_first_in_pages(
    application: Caller, environment: Json
) -> None:
    for number in (2, 0, 4, 1, 3):
        facts = {"name": f"v{number}", "publishedAt": TIMES[number]}
        made(application.publish(environment, **facts))
    made(application.publish(environment, name="same", publishedAt=TIMES[4]))
    story = ["same", "v4", "v3", "v2", "v1", "v0"]
    assert names(application, environment) == story
    assert names(application, environment, limit=2, offset=1) == story[1:3]
    beyond = application.releases(environment, offset=6)
    assert (beyond["releases"], beyond["totalCount"]) == ([], 6)
    assert (beyond["limit"], beyond["offset"]) == (50, 6)


def test_a_domain_is_chosen_however_it_is_spelled(
    application: Caller, environment: Json
) -> None:
    for domain in "core", "sales":
        made(application.publish(environment, domain=domain, name=domain))
    for spelled in "core", "Core":
        found = application.releases(environment, domain=spelled)
        assert [release["domain"] for release in found["releases"]] == ["core"]
        assert found["totalCount"] == 1
    for nothing in "", "cor":
        assert names(application, environment, domain=nothing) == []


def test_by_name_is_the_same_as_by_id(application: Caller, environment: Json) -> None:
    made(application.publish(environment))
    here = {"repositoryIdentifier": environment["repositoryIdentifier"]}
    found = made(application.get("/environments/by-name/UAT/releases", **here))
    by_id = application.releases(environment)
    assert found | {"retrievedAt": ""} == by_id | {"retrievedAt": ""}


def test_reading_and_publishing_are_on_record(
    api: Api, application: Caller, owner: Caller, environment: Json
) -> None:
    reader = api.caller(Role.MEMBER, unique("mia"))
    names(reader, environment)
    [read] = owner.audit(environment, accessType="read")
    assert read["accessed_by"] == reader.name
    ticket = application.lock(environment).hold()["ticketId"]
    facts = {"ticketId": ticket, "publishedAt": TIMES[0]}
    made(application.publish(environment, **facts))
    [record] = owner.audit(environment, accessType="release")
    assert record["accessed_by"] == application.name
    assert record["access_details"] == {
        **V1,
        "action": "release_published",
        "published_at": TIMES[0],
        "ticket_id": ticket,
        "fence": 1,
    }


def test_a_release_keeps_the_name_its_environment_had(
    application: Caller, owner: Caller, environment: Json
) -> None:
    made(application.publish(environment))
    made(owner.patch(f"/environments/{environment['id']}", {"name": "sit"}))
    found = application.releases(environment)
    assert found["environmentName"] == "sit"
    assert found["releases"][0]["targetOrg"] == "uat"


def test_a_deleted_environment_takes_its_releases_along(
    application: Caller, owner: Caller, environment: Json
) -> None:
    made(application.publish(environment))
    assert owner.delete(f"/environments/{environment['id']}").status_code == 204
    gone = application.get(f"/environments/{environment['id']}/releases")
    refused(gone, 404, "ENVIRONMENT_NOT_FOUND")
    refused(application.publish(environment), 404, "ENVIRONMENT_NOT_FOUND")
    here = {"repositoryIdentifier": environment["repositoryIdentifier"]}
    assert names(application, owner.environment(**here)) == []


def test_a_name_may_have_slashes_and_what_people_write(
    application: Caller, environment: Json
) -> None:
    name = "release/1.2 \u6d4b\u8bd5"
    assert made(application.publish(environment, name=name))["name"] == name
    assert names(application, environment) == [name]
