"""What a running task is told of credentials: what its submitter may be told, then."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from domain.errors import Forbidden
from domain.event import Actor
from domain.ids import new_id
from domain.roles import Role
from domain.task.commands import SubmitTask
from domain.task.events import Order
from domain.task.firing import of_task
from tests.support.client import Caller, Json, made, refused, unique
from tests.support.fake_org.server import FakeSalesforce
from tests.support.running import Api, Installation, until
from tests.support.salesforce import ERASE_LATEST, FULL, Site, site
from tests.support.tasks import recurring, status, submitted
from tests.support.trials import CREDENTIALS, INSTALLED
from workers.settings import Credentials
from workers.tasks.credentials import CredentialsDesk
from workers.wiring import running

SECONDS = 20
ENDED = {"completed", "failed", "cancelled"}


@pytest.fixture(scope="module")
def office(installation: Installation, salesforce: FakeSalesforce) -> Iterator[Api]:
    """An API and a worker that have the handler installed."""
    settings = FULL | {
        "BERTH_SALESFORCE_HOSTS": salesforce.origin,
        "PYTHONPATH": str(INSTALLED),
    }
    with installation.api("office-api", **settings) as api:
        api.caller(Role.OWNER).environment()
        with installation.worker(**settings):
            yield api


@pytest.fixture
def there(office: Api, salesforce: FakeSalesforce) -> Site:
    return site(office, salesforce.org(unique("task@acme.example")))


def asking(
    caller: Caller, environment_id: str, *, until_refused: bool = False, **which: str
) -> str:
    data = {"which": {"environmentId": environment_id} | which}
    return submitted(
        caller, type=CREDENTIALS, data=data | {"until_refused": until_refused}
    )


def answer(caller: Caller, operation: str) -> Any:
    until(lambda: status(caller, operation)["status"] in ENDED, SECONDS)
    told = made(caller.get(f"/tasks/{operation}/result"))
    assert "result" in told, told["error"]
    return told["result"]


def issued(owner: Caller, api: Api) -> tuple[Caller, str]:
    token = made(owner.post("/application-tokens", {"name": unique("ci")}))
    return api.bearing(token["token"]), f"/application-tokens/{token['id']}"


def audit(there: Site, kind: str) -> list[Json]:
    return there.caller(Role.OWNER).audit(there.environment, accessType=kind)


def test_a_task_is_told_and_that_is_on_record(there: Site) -> None:
    ci, _ = issued(there.caller(Role.OWNER), there.api)
    told = answer(ci, asking(ci, there.environment["id"], authType="sfdxAuthUrl"))
    assert told["sfdxAuthUrl"] == sha256(there.org.auth_url.encode()).hexdigest()
    told = answer(ci, asking(ci, there.environment["id"]))
    given = [sha256(token.encode()).hexdigest() for token in there.org.tokens]
    assert told["accessToken"] in given
    until(lambda: len(audit(there, "credentials")) == 2)
    kinds = [one["access_details"]["kind"] for one in audit(there, "credentials")]
    assert kinds == ["accessToken", "sfdxAuthUrl"]


def test_a_running_task_is_told_no_more_once_its_token_is_revoked(
    there: Site,
) -> None:
    owner = there.caller(Role.OWNER)
    ci, token = issued(owner, there.api)
    operation = asking(ci, there.environment["id"], until_refused=True)
    until(lambda: bool(audit(there, "credentials")), SECONDS)
    assert owner.delete(token).is_success
    assert answer(owner, operation) == {"code": "UNAUTHENTICATED"}
    until(lambda: bool(audit(there, "refused")))
    [record] = audit(there, "refused")
    found = record["access_details"]
    assert (found["status"], found["method"]) == (401, "ASK")
    assert found["path"] == f"/tasks/{operation}/credentials"


def test_a_token_revoked_while_the_org_thinks_discloses_nothing(there: Site) -> None:
    owner = there.caller(Role.OWNER)
    ci, token = issued(owner, there.api)
    before = there.org.asked["token"]
    there.org.gate.clear()
    operation = asking(ci, there.environment["id"])
    until(lambda: there.org.asked["token"] > before, SECONDS)
    assert owner.delete(token).is_success
    there.org.gate.set()
    assert answer(owner, operation) == {"code": "UNAUTHENTICATED"}
    until(lambda: bool(audit(there, "refused")))
    assert not audit(there, "credentials")


@pytest.mark.parametrize(
    "actor",
    [
        Actor("ci", Role.APPLICATION, "ci", repositories=frozenset({"acme/other"})),
        Actor("mary", Role.MEMBER),
    ],
    ids=["another repository", "a member"],
)
def test_without_the_right_a_task_is_told_nothing(
    there: Site, installation: Installation, actor: Actor
) -> None:
    data = {"which": {"environmentId": there.environment["id"]}}
    order = Order(CREDENTIALS, data, repository="acme/other")
    operation = new_id()
    installation.decide(of_task(operation, SubmitTask(by=actor, order=order)))
    owner = there.caller(Role.OWNER)
    assert answer(owner, operation) == {"code": "FORBIDDEN"}
    until(lambda: bool(audit(there, "refused")))
    [record] = audit(there, "refused")
    assert record["access_details"]["status"] == 403
    assert record["accessed_by"] == actor.id
    assert not audit(there, "credentials")


@pytest.mark.parametrize(
    ("which", "code"),
    [
        ({"environmentId": "nowhere"}, "INVALID"),
        ({"environment_id": str(new_id())}, "INVALID"),
        ({"environmentId": str(new_id())}, "ENVIRONMENT_NOT_FOUND"),
        ({"environmentId": str(new_id()), "authType": "password"}, "INVALID"),
    ],
)
def test_a_wrong_question_has_a_clear_answer(
    office: Api, which: Json, code: str
) -> None:
    ci = office.caller(Role.APPLICATION)
    operation = submitted(ci, type=CREDENTIALS, data={"which": which})
    assert answer(ci, operation) == {"code": code}


@pytest.mark.parametrize(
    ("handed_out", "expected"),
    [(Credentials.ACCESS_TOKEN, False), (Credentials.AUTH_URL, True)],
)
def test_the_installation_says_whether_auth_urls_are_told(
    there: Site, installation: Installation, handed_out: Credentials, *, expected: bool
) -> None:
    by = there.caller(Role.APPLICATION)
    wanted = {"environmentId": there.environment["id"], "authType": "sfdxAuthUrl"}

    async def ask() -> Json:
        async with running(installation.settings) as services:
            desk = CredentialsDesk(services.journal, services.salesforce, handed_out)
            return await desk.answer(wanted, Actor(by.name, Role.APPLICATION))

    if expected:
        assert asyncio.run(ask())["sfdxAuthUrl"] == there.org.auth_url
    else:
        with pytest.raises(Forbidden, match="access tokens only"):
            asyncio.run(ask())
    until(lambda: len(audit(there, "credentials")) == expected)


def test_a_task_is_refused_what_was_erased_a_moment_ago(
    there: Site, installation: Installation
) -> None:
    installation.query(ERASE_LATEST)
    ci = there.caller(Role.APPLICATION)
    operation = asking(ci, there.environment["id"], authType="sfdxAuthUrl")
    assert answer(ci, operation) == {"code": "SALESFORCE_REFUSED"}
    assert not audit(there, "credentials")


def test_a_recurring_task_ends_with_the_token_it_came_with(
    there: Site, installation: Installation
) -> None:
    owner = there.caller(Role.OWNER)
    ci, token = issued(owner, there.api)
    person = there.caller(Role.APPLICATION)
    every = {"every": 1_000, "overlapPolicy": "allow"}
    theirs, other = recurring(ci, **every), recurring(person, **every)
    until(lambda: status(ci, theirs)["totalExecutions"] > 0, SECONDS)
    assert owner.delete(token).is_success
    until(lambda: status(owner, theirs)["status"] == "cancelled", SECONDS)
    refused(ci.get(f"/tasks/{theirs}/status"), 401)
    assert status(owner, other)["status"] == "pending"
    [stopped] = installation.query(
        "SELECT convert_from(state, 'UTF8') AS text FROM berth_events"
        " WHERE originator_id = %s AND topic = 'schedule.stopped'",
        f"schedules/{theirs}",
    )
    assert "berth:task-schedule" in stopped["text"]
    made(owner.post(f"/tasks/{other}/stop-recurring"))
