"""Each sees of the events what he may see elsewhere, in pages and in streams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from domain.ids import new_id
from domain.roles import Role
from tests.support.client import Caller, Json, made
from tests.support.events import page, stream, tags, tip
from tests.support.issuer import Issuer, rule, trust_file
from tests.support.running import ELSEWHERE, Api, Installation

SHOP, BANK = "acme/sight-shop", "acme/sight-bank"
TASK = {"type": ELSEWHERE, "data": {}}


def issued(api: Api, owner: Caller) -> tuple[Caller, Json]:
    """An application, and what was said when its token was issued."""
    token = made(owner.post("/application-tokens", {"name": "reader"}))
    return api.bearing(token["token"]), token


def subjects(caller: Caller, after: str, **query: Any) -> list[str]:
    """Of all events after that, which `caller` sees."""
    found: list[str] = []
    while True:
        told = page(caller, after=after, limit=1_000, **query)
        found += [event["subject"] for event in told["events"]]
        after = told["next"]
        if after == told["tip"]:
            return found


@pytest.mark.parametrize("role", [Role.MEMBER, Role.APPLICATION])
def test_only_owners_see_tokens_and_whose_requests_were_refused(
    api: Api, owner: Caller, role: Role
) -> None:
    before, somebody = tip(owner), api.caller(role)
    _, token = issued(api, owner)
    assert somebody.ask("POST", "/projects", {}).status_code == 403
    assert api.caller(Role.MEMBER).post("/tasks", TASK).status_code == 403
    nobodys = "environments/none"
    assert {f"tokens/{token['id']}", nobodys} <= {*subjects(owner, before)}
    assert not {f"tokens/{token['id']}", nobodys} & {*subjects(somebody, before)}


def test_a_token_is_told_of_without_its_hash(api: Api, owner: Caller) -> None:
    before = tip(owner)
    issued(api, owner)
    [event] = page(owner, after=before, types="token.issued")["events"]
    assert event["data"].keys() == {"type", "name", "expires_at", "origin"}


def test_of_tasks_each_sees_his_own_and_owners_all(api: Api, owner: Caller) -> None:
    before = tip(owner)
    mine, theirs = api.caller(Role.APPLICATION), api.caller(Role.APPLICATION)
    one = f"tasks/{made(mine.post('/tasks', TASK))['operationId']}"
    other = f"tasks/{made(theirs.post('/tasks', TASK))['operationId']}"
    assert {one, other} <= {*subjects(owner, before)}
    assert one in subjects(mine, before)
    assert other not in subjects(mine, before)
    assert not {one, other} & {*subjects(api.caller(Role.MEMBER), before)}
    both = subjects(mine, before, types="task.*"), subjects(theirs, before, types="*")
    assert one not in both[1]
    assert {*both[0]} == {one}


def test_members_see_what_the_audit_tells_of_an_environment(
    owner: Caller, member: Caller
) -> None:
    environment = owner.environment()
    owner.look(environment)
    lock = f"/environments/{environment['id']}/lock"
    assert member.post(lock, {}, repositoryName="x").status_code == 403
    nowhere = f"/environments/{new_id()}/lock"
    assert member.post(nowhere, {}, repositoryName="x").status_code == 403
    query = {"environmentId": environment["id"]}
    seen = page(member, **query)["events"]
    assert tags(seen) == ["environment.registered", "access.read", "access.refused"]
    assert seen == page(owner, **query)["events"]


def test_a_stream_shows_no_more_than_a_page(api: Api, owner: Caller) -> None:
    before, reader = tip(owner), api.caller(Role.APPLICATION)
    issued(api, owner)
    made(api.caller(Role.APPLICATION).post("/tasks", TASK))
    made(reader.post("/tasks", TASK))
    owner.repository()
    with stream(reader, after=before) as open_stream:
        heard = [frame.data for frame in open_stream.take(2)]
    assert tags(heard) == ["task.submitted", "project.registered"]
    assert heard == page(reader, after=before, types="task.*,project.*")["events"]


@pytest.fixture(scope="module")
def limited_api(
    installation: Installation, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """One that believes an issuer's tokens, for one repository each."""
    rules = "".join(
        rule(f"{role} of the shop", f'repository_id = "{number}"', role, SHOP)
        for number, role in ((81, "application"), (82, "owner"))
    )
    path = trust_file(tmp_path_factory.mktemp("sight") / "oidc.toml", issuer, rules)
    with installation.api("limited", BERTH_OIDC=str(path)) as api:
        for name in SHOP, BANK:
            body = {"identifier": name, "remoteUrl": f"https://github.com/{name}"}
            made(api.caller(Role.OWNER).post("/projects", body))
        yield api


@pytest.mark.parametrize("repository_id", ["81", "82"])
def test_who_is_limited_to_some_repositories_sees_their_tasks_and_no_tokens(
    limited_api: Api, owner: Caller, issuer: Issuer, repository_id: str
) -> None:
    """Also if he is their owner: what is of no repository is not his to see."""
    before = tip(owner)
    limited = limited_api.bearing(issuer.token(repository_id=repository_id))
    bound = TASK | {"type": "listAssignedReviewEnvironments"}
    shops = bound | {"data": {"repoId": SHOP, "pool": "core", "issue": "ISSUE-1"}}
    others = bound | {"data": {"repoId": BANK, "pool": "core", "issue": "I-1"}}
    tasks = {
        name: f"tasks/{made(owner.post('/tasks', body))['operationId']}"
        for name, body in (("shops", shops), ("others", others), ("nobodys", TASK))
    }
    own = f"tasks/{made(limited.post('/tasks', shops))['operationId']}"
    token = f"tokens/{issued(limited_api, owner)[1]['id']}"
    repository = owner.repository()
    seen = {*subjects(limited, before)}
    assert own in seen
    assert (tasks["shops"] in seen) == (repository_id == "82")
    assert not {tasks["others"], tasks["nobodys"], token} & seen
    assert {*tasks.values(), own, token} <= {*subjects(owner, before)}
    found = page(limited, after=before, types="project.registered")["events"]
    assert repository in [event["data"]["identifier"] for event in found]
