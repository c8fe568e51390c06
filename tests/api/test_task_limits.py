"""How many tasks a caller may have, how long they are kept, and for whom they are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest

from api.waiting import TASKS_PER_CALLER_MAX
from domain.roles import Role
from domain.task.commands import CompleteAttempt
from projections.storage.database import Database
from projections.storage.shelves import Shelves
from tests.support.client import Caller, made, refused, unique
from tests.support.issuer import Issuer, rule, trust_file
from tests.support.running import Api, Installation
from tests.support.tasks import (
    HERE,
    HOURLY,
    NOTHING,
    START,
    listed,
    status,
    submitted,
    work,
)
from workers.task_retention import TaskRetention

SHOP, BANK = unique("acme/shop"), unique("acme/bank")
RULES = rule("shop deploys", 'repository_id = "74"', "application", SHOP) + rule(
    "shop admins", 'repository_id = "75"', "owner", SHOP
)
MANY = """
INSERT INTO task (
    operation_id, position, task_type, priority, queue, state, ready_at, attempt,
    percent, message, submitter_id, submitted_at, failed_attempt
)
SELECT gen_random_uuid(), 0, 'renderReport', 'low', 'renderReport', 'pending',
    'infinity', 0, 0, '', %s, now(), 0
FROM generate_series(1, %s)
RETURNING operation_id
"""
CLEAR = "DELETE FROM task WHERE submitter_id = %s AND position = 0 RETURNING state"
# As if it had ended long ago.
PUT_BACK = """
WITH made AS MATERIALIZED (SELECT make_shelf('ended_task', 'completed_20200101'))
SELECT count(*) FROM made
"""
MOVE = """
UPDATE ended_task SET shelf = 'completed_20200101'
WHERE operation_id = %s RETURNING operation_id
"""


@pytest.fixture(scope="module")
def oidc_api(
    installation: Installation, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    path = trust_file(tmp_path_factory.mktemp("oidc") / "oidc.toml", issuer, RULES)
    with installation.api("tasks-oidc-api", BERTH_OIDC=str(path)) as process:
        owner = process.caller(Role.OWNER)
        for name in SHOP, BANK:
            body = {"identifier": name, "remoteUrl": f"https://github.com/{name}"}
            made(owner.post("/projects", body))
        yield process


@pytest.fixture
def deploys(oidc_api: Api, issuer: Issuer) -> Caller:
    return oidc_api.bearing(issuer.token())


@pytest.fixture
def admins(oidc_api: Api, issuer: Issuer) -> Caller:
    return oidc_api.bearing(issuer.token(repository_id="75"))


def test_ten_thousand_unfinished_tasks_are_the_most(
    application: Caller, installation: Installation
) -> None:
    assert TASKS_PER_CALLER_MAX == 10_000
    installation.query(MANY, application.name, TASKS_PER_CALLER_MAX - 1)
    try:
        submitted(application)
        for body in NOTHING, NOTHING | HOURLY:
            refusal = refused(application.post("/tasks", body), 429)
            assert "10000" in refusal["message"]
    finally:
        installation.query(CLEAR, application.name)


def test_what_was_kept_long_enough_is_not_found(
    application: Caller, installation: Installation
) -> None:
    old, new = submitted(application), submitted(application)
    for operation in old, new:
        work(installation, operation, START, CompleteAttempt(**HERE, result=1))
        assert made(application.get(f"/tasks/{operation}/result"))["result"] == 1
    installation.log(old, (1, "written"))
    installation.query(PUT_BACK)
    installation.query(MOVE, old)
    with closing(Database(installation.settings.database_url)) as database:
        kept = TaskRetention(Shelves(database), 7, 30)
        assert asyncio.run(kept.run_once()) == 1
    for route in "status", "result", "logs":
        answer = application.get(f"/tasks/{old}/{route}")
        refused(answer, 404, "TASK_NOT_FOUND")
    refused(application.delete(f"/tasks/{old}"), 404, "TASK_NOT_FOUND")
    assert listed(application) == [new]
    assert made(application.get(f"/tasks/{new}/result"))["result"] == 1


@pytest.mark.parametrize("schedule", [{}, HOURLY], ids=["once", "recurring"])
def test_who_is_limited_to_a_repository_submits_for_it_alone(
    deploys: Caller, admins: Caller, schedule: dict[str, object]
) -> None:
    for caller in deploys, admins:
        elsewhere = {"repoId": BANK}
        for data in elsewhere, {"value": elsewhere}, {"repoId": "nowhere"}, {}:
            body = NOTHING | schedule | {"data": data}
            refused(caller.post("/tasks", body), 403, "FORBIDDEN")
        operation = submitted(caller, data={"repoId": SHOP}, **schedule)
        assert status(caller, operation)["repositoryIdentifier"] == SHOP
        made(caller.delete(f"/tasks/{operation}"))


def test_nor_does_a_limited_owner_see_or_stop_another_s(
    oidc_api: Api, deploys: Caller, admins: Caller
) -> None:
    other = oidc_api.caller(Role.OWNER)
    for data in {"repoId": BANK}, {}:
        theirs = submitted(other, data=data)
        recurring = submitted(other, data=data, **HOURLY)
        for caller, code in (deploys, "NOT_YOUR_TASK"), (admins, "FORBIDDEN"):
            for path in (
                f"{theirs}/status",
                f"{theirs}/result",
                f"{theirs}/logs",
                f"{recurring}/status",
                f"{recurring}/recurring-instances",
            ):
                refused(caller.get(f"/tasks/{path}"), 403, code)
            for operation in theirs, recurring:
                refused(caller.delete(f"/tasks/{operation}"), 403, code)
            stop = caller.post(f"/tasks/{recurring}/stop-recurring")
            refused(stop, 403, code)
            assert theirs not in listed(caller)
        made(other.delete(f"/tasks/{recurring}"))


def test_a_limited_owner_sees_those_of_its_repository(
    oidc_api: Api, admins: Caller
) -> None:
    operation = submitted(oidc_api.caller(Role.OWNER), data={"repoId": SHOP})
    assert status(admins, operation)["repositoryIdentifier"] == SHOP
    assert operation in listed(admins)
