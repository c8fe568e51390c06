"""The audit narrowed down: from one instant to another, and to what one caller did."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from domain.roles import Role
from tests.support.client import Caller, Json, made, refused, unique
from tests.support.running import Api


@pytest.fixture
def environment(owner: Caller) -> Json:
    return owner.environment()


@pytest.fixture
def ann(api: Api) -> Caller:
    return api.caller(Role.APPLICATION, unique("ann"))


def of_repository(caller: Caller, environment: Json, **query: Any) -> list[Json]:
    name = quote(environment["repositoryIdentifier"], safe="")
    found = caller.get(f"/environments/repository/{name}/audit", **query)
    assert found.status_code == 200, found.text
    return list(found.json())


def of_caller(asker: Caller, name: str, **query: Any) -> list[Json]:
    found = asker.get("/audit", accessedBy=name, **query)
    assert found.status_code == 200, found.text
    return list(found.json())


def use(caller: Caller, environment: Json) -> None:
    lock = caller.lock(environment)
    made(lock.release(lock.hold()["ticketId"]))


def test_it_is_of_some_time_with_both_ends(
    owner: Caller, ann: Caller, environment: Json
) -> None:
    for _ in range(3):
        use(ann, environment)
    story = owner.audit(environment)
    last, first = story[2]["accessed_at"], story[-3]["accessed_at"]
    between = [one for one in story if first <= one["accessed_at"] <= last]
    assert 0 < len(between) < len(story)
    here = {"from": first, "to": last}
    assert owner.audit(environment, **here) == between
    assert owner.audit(environment, **here, limit=2, offset=1) == between[1:3]
    assert of_repository(owner, environment, **here) == between
    locks = [one for one in between if one["access_type"] == "lock"]
    assert owner.audit(environment, **here, accessType="lock") == locks
    since = [one for one in story if one["accessed_at"] >= first]
    assert owner.audit(environment, **{"from": first}) == since
    assert owner.audit(environment, to="2001-01-01T00:00:00Z") == []


def test_it_is_of_one_caller(owner: Caller, ann: Caller, environment: Json) -> None:
    for caller in ann, owner, ann:
        use(caller, environment)
    story = owner.audit(environment)
    for caller in ann, owner:
        theirs = [one for one in story if one["accessed_by"] == caller.name]
        assert 0 < len(theirs) < len(story)
        assert owner.audit(environment, accessedBy=caller.name) == theirs
        assert of_repository(owner, environment, accessedBy=caller.name) == theirs
        first, last = theirs[-2]["accessed_at"], theirs[1]["accessed_at"]
        then = [one for one in theirs if first <= one["accessed_at"] <= last]
        query: Json = {"accessedBy": caller.name, "from": first, "to": last}
        assert owner.audit(environment, **query) == then
        locks = [one for one in then if one["access_type"] == "lock"]
        assert owner.audit(environment, **query, accessType="lock") == locks
    assert owner.audit(environment, accessedBy=unique("nobody")) == []


def test_what_one_caller_did_is_told_of_every_environment(
    owner: Caller, ann: Caller, environment: Json, member: Caller
) -> None:
    """Whatever the repository; of those that were deleted, owners have the history."""
    elsewhere, deleted = owner.environment(), owner.environment()
    places = [environment, elsewhere, environment, deleted]
    for place in places:
        use(ann, place)
    use(owner, environment)
    refused(ann.patch(f"/environments/{elsewhere['id']}", {}), 403)
    assert owner.delete(f"/environments/{deleted['id']}").is_success
    parts = [owner.audit(one, accessedBy=ann.name) for one in (environment, elsewhere)]
    story = sorted(
        (record for part in parts for record in part),
        key=lambda record: record["accessed_at"],
        reverse=True,
    )
    assert len({record["repository_identifier"] for record in story}) == 2
    assert of_caller(member, ann.name) == story
    assert of_caller(member, ann.name, limit=3, offset=2) == story[2:5]
    [turned_away] = of_caller(member, ann.name, accessType="refused")
    assert turned_away["environment_id"] == elsewhere["id"]
    since = story[3]["accessed_at"]
    latest = [record for record in story if record["accessed_at"] >= since]
    assert of_caller(member, ann.name, **{"from": since}) == latest


def test_whose_doings_are_wanted_must_be_said(owner: Caller) -> None:
    assert refused(owner.get("/audit"), 400, "INVALID")["field"] == "accessedBy"


def test_who_looked_at_the_past_is_on_record_as_any_reader(
    api: Api, owner: Caller, environment: Json
) -> None:
    """The audit itself, and what is told of many at once, is not."""
    here = {"repositoryIdentifier": environment["repositoryIdentifier"]}
    by_id, by_name = f"/environments/{environment['id']}", "/environments/by-name/uat"
    asked: list[tuple[str, Json]] = [
        (f"{by_id}/history", {}),
        (f"{by_name}/history", here),
        (f"{by_id}/holds", {}),
        (f"{by_id}/holds", {"format": "csv"}),
        (f"{by_name}/holds", here),
        (by_id, {"at": environment["createdAt"]}),
    ]
    readers = []
    for path, query in asked:
        reader = api.caller(Role.MEMBER, unique("reader"))
        for _ in range(2):
            assert reader.get(path, **query).is_success
        readers.append(reader.name)
    other = api.caller(Role.MEMBER, unique("other"))
    of_repository(other, environment)
    other.audit(environment)
    of_caller(other, owner.name)
    name = quote(here["repositoryIdentifier"], safe="")
    made(other.get(f"/repositories/{name}/holds"))
    reads = owner.audit(environment, accessType="read")
    assert [one["accessed_by"] for one in reversed(reads)] == readers


def test_whoever_reads_what_was_deleted_is_in_its_history(owner: Caller) -> None:
    one = owner.environment()
    assert owner.delete(f"/environments/{one['id']}").is_success
    path = f"/environments/{one['id']}/history"
    before = [event["data"]["type"] for event in made(owner.get(path))["events"]]
    assert "access.read" not in before
    *_, last = made(owner.get(path))["events"]
    assert last["data"]["type"] == "access.read"
    assert last["data"]["origin"]["by"] == owner.name
