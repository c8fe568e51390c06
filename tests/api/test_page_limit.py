"""Who asks for a larger page than there may be gets the largest that there may be."""

from __future__ import annotations

import pytest

from domain.decider import Step
from domain.environment.details import ReviseEnvironment
from domain.environment.environment import environment as decider
from domain.environment.events import EnvironmentRevised
from domain.event import system
from domain.roles import Role
from tests.support.client import Caller, Json, made
from tests.support.running import Api, Installation
from tests.support.tasks import listed, recurring, submitted

TOO_MANY = ("101", "201", "1001", "1000000000", "9" * 30)
HOOK = {"name": "a", "event": "*", "config": {"url": "https://a.example"}}


def with_limit(path: str, limit: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}limit={limit}"


def test_every_page_is_told_however_much_is_asked_for(owner: Caller) -> None:
    environment = owner.environment()
    here = f"/environments/{environment['id']}"
    repository = environment["repositoryIdentifier"]
    webhook = made(owner.post("/webhooks", HOOK | {"status": "inactive"}))["id"]
    for path in (
        *(f"{here}/{what}" for what in ("audit", "releases", "holds", "history")),
        f"/environments/repository/{repository}/audit",
        f"/repositories/{repository}/holds",
        "/audit?accessedBy=nobody",
        "/events",
        "/tasks",
        "/tasks?scheduleType=recurring",
        f"/tasks/{recurring(owner, pattern='0 * * * *')}/recurring-instances",
        f"/webhooks/{webhook}/deliveries",
    ):
        for limit in TOO_MANY:
            made(owner.get(with_limit(path, limit)))


@pytest.mark.parametrize(("what", "most"), [("releases", 1_000), ("holds", 100)])
def test_the_limit_that_is_told_is_the_one_used(
    owner: Caller, what: str, most: int
) -> None:
    path = f"/environments/{owner.environment()['id']}/{what}"
    for limit, used in (most - 1, most - 1), (most, most), (most + 1, most):
        assert made(owner.get(path, limit=limit))["limit"] == used


def test_of_a_thousand_changes_and_more_a_thousand_are_told(
    owner: Caller, installation: Installation
) -> None:
    environment = owner.environment()
    installation.decide(*(change(environment, str(number)) for number in range(1_001)))
    path = f"/environments/{environment['id']}"
    assert len(owner.audit(environment, limit=5_000)) == 1_000
    assert len(owner.audit(environment, limit=5_000, offset=1_000)) == 2
    for page in f"{path}/history", f"/events?environmentId={environment['id']}":
        most, more = (made(owner.get(with_limit(page, n))) for n in ("1000", "5000"))
        assert more["events"] == most["events"]
        assert more["next"] == most["next"] < most["tip"]


def change(environment: Json, description: str) -> Step:
    revised = EnvironmentRevised(description=description)
    command = ReviseEnvironment(by=system("test"), revised=revised)
    return Step(decider, environment["id"], command)


def test_of_two_hundred_tasks_and_more_two_hundred_are_told(api: Api) -> None:
    caller = api.caller(Role.APPLICATION)
    tasks = [submitted(caller) for _ in range(201)]
    assert listed(caller, limit=5_000) == tasks[:0:-1]


def test_no_most_is_published_but_in_words(api: Api) -> None:
    document = api.http.get(f"{api.url}/sfp/apidocs-json").json()
    limits = [
        parameter
        for path in document["paths"].values()
        for operation in path.values()
        for parameter in operation.get("parameters", ())
        if parameter["name"] == "limit"
    ]
    assert len(limits) > 10
    for limit in limits:
        assert "maximum" not in limit["schema"]
        assert limit["schema"]["minimum"] == 1
        assert "at most, also if more are asked for" in limit["description"]
