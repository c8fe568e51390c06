"""The six tasks: each does in the submitter's name what its data says, or why not."""

from __future__ import annotations

from typing import Any

import pytest

from domain.environment.details import RetireEnvironment, ReviseEnvironment
from domain.environment.events import EnvironmentRevised
from domain.errors import (
    DomainError,
    EnvironmentNotFound,
    Forbidden,
    Invalid,
    PoolBusy,
    ProjectNotFound,
    ReviewNotAssigned,
    ReviewTaken,
)
from domain.event import Actor
from domain.roles import Role
from tests.support.builders import MEMBER, OWNER
from tests.workers.review.worker import Play, Worker

SEED: dict[str, Any] = {
    "repoId": "shop",
    "directory": "/path/to/dir",
    "username": "user@devhub.example",
    "pool": "core",
    "pooltype": "sandbox",
    "branch": "feature/123",
    "issue": "ISSUE-123",
    "wait": 300,
    "leasefor": 3600,
}
LIMITED = Actor("ci", Role.APPLICATION, "rule", repositories=frozenset({"acme/bank"}))


async def refused(error: type[DomainError], saying: str, asked: Any) -> None:
    with pytest.raises(error, match=saying):
        await asked


def test_an_environment_is_fetched_checked_extended_and_given_back(play: Play) -> None:
    async def scene(worker: Worker) -> None:
        await worker.add("r1")
        got = await worker.run("fetch", **SEED)
        assert got == {
            "environmentId": "r1",
            "environment": "r1",
            "repositoryIdentifier": "acme/shop",
            "salesforceUsername": None,
            "pool": "core",
            "status": "InUse",
            "issue": "ISSUE-123",
            "branch": "feature/123",
            "requestedBy": "ci",
            "assignedAt": got["assignedAt"],
            "expiresAt": got["expiresAt"],
            "expiresInSeconds": 3600,
        }
        seen = await worker.run("check", issue="issue-123")
        assert seen["isAssigned"]
        assert seen["expiresAt"] == got["expiresAt"]
        assert await worker.run("check", environment="R1") == seen | {
            "expiresInSeconds": seen["expiresInSeconds"]
        }
        longer = await worker.run("extend", issue="ISSUE-123", extendBy=3600)
        assert longer["expiresInSeconds"] > 7000
        [listed] = await worker.run("list_assigned")
        assert listed["issue"] == "ISSUE-123"
        back = await worker.run("unassign", issue="ISSUE-123")
        assert (back["status"], back["isAssigned"]) == ("Available", False)
        assert not (await worker.run("check", issue="ISSUE-123"))["isAssigned"]
        assert not (await worker.run("unassign", issue="ISSUE-123"))["isAssigned"]
        assert await worker.run("list_assigned", pool="core") == []

    play(scene)


def test_wrapped_data_is_the_same_data(play: Play) -> None:
    async def scene(worker: Worker) -> None:
        await worker.add("r1")
        plain = await worker.run("fetch", **SEED)
        context = worker.context("wrapped")
        wrapped = await worker.desk.answer(
            "review.assign",
            {
                "operation_id": context.operation_id,
                "data": {"value": SEED, "description": "Fetch one"},
            },
            OWNER,
        )
        assert wrapped["assigned"]["environmentId"] == plain["environmentId"]

    play(scene)


def test_an_expired_one_is_lent_when_no_other_is_to_be_had(play: Play) -> None:
    async def scene(worker: Worker) -> None:
        await worker.add("r1", "r2")
        await worker.run("fetch", issue="A")
        said = await worker.run("transition", issue="A", status="Expired")
        assert (said["status"], said["issue"]) == ("Expired", "A")
        assert (await worker.run("fetch", issue="B"))["environmentId"] == "r2"
        assert (await worker.run("fetch", issue="C"))["environmentId"] == "r1"
        await refused(PoolBusy, "none of the 2", worker.run("fetch", issue="A"))

    play(scene)


def test_an_issue_whose_time_was_over_gets_another_one(play: Play) -> None:
    async def scene(worker: Worker) -> None:
        await worker.add("r1", "r2")
        await worker.run("fetch", issue="A")
        await worker.run("transition", issue="A", status="Available")
        await worker.lock("r1")
        assert (await worker.run("fetch", issue="A"))["environmentId"] == "r2"
        assert (await worker.run("fetch", issue="A"))["environmentId"] == "r2"

    play(scene)


def test_what_is_taken_out_of_use_is_not_waited_for(play: Play) -> None:
    async def scene(worker: Worker) -> None:
        await worker.add("r1", "r2", "r3")
        await worker.run("fetch", issue="A")
        await worker.do("r1", RetireEnvironment(by=OWNER))
        assert (await worker.run("fetch", issue="A"))["environmentId"] == "r2"
        off = EnvironmentRevised(is_active=False)
        await worker.do("r2", ReviseEnvironment(by=OWNER, revised=off))
        assert (await worker.run("fetch", issue="A"))["environmentId"] == "r3"

    play(scene)


def test_who_is_meant_must_be_there(play: Play) -> None:
    async def scene(worker: Worker) -> None:
        await worker.add("r1", "r2")
        await worker.add("elsewhere", tags=("pool:other",))
        await worker.run("fetch", issue="A")
        run = worker.run
        lost: dict[str, Any] = {"issue": "B", "status": "Available"}
        await refused(Invalid, "pool: no env", run("fetch", issue="A", pool="no"))
        await refused(ProjectNotFound, "repoId", run("fetch", issue="A", repoId="x"))
        await refused(ReviewNotAssigned, "issue", run("extend", issue="B"))
        await refused(ReviewNotAssigned, "issue", run("transition", **lost))
        lost["environment"] = "r1"
        await refused(ReviewTaken, "another", run("transition", **lost))
        gone = run("check", environment="nowhere")
        await refused(EnvironmentNotFound, "environment: no nowhere", gone)

    play(scene)


def test_who_names_one_of_another_pool_is_told_of_which(play: Play) -> None:
    async def scene(worker: Worker) -> None:
        await worker.add("r1", tags=("pool:core", "pool:third"))
        await worker.add("elsewhere", tags=("pool:other",))
        await worker.add("none", tags=())
        expired: dict[str, Any] = {"name": "transition", "status": "Expired"}

        async def told(error: type[DomainError], saying: str, one: str) -> None:
            await refused(error, saying, worker.run(environment=one, **expired))

        where = "elsewhere is in the pool other, not in core"
        await told(EnvironmentNotFound, where, "Elsewhere")
        await told(EnvironmentNotFound, "none is in no pool", "none")
        await worker.run("fetch", issue="A", pool="third")
        where = "in the pool third, not in core"
        await told(ReviewTaken, where, "r1")
        await worker.run("transition", issue="A", pool="third", status="Expired")
        await told(ReviewNotAssigned, where, "r1")

    play(scene)


def test_a_repository_may_be_named_by_its_last_part_if_that_says_which(
    play: Play,
) -> None:
    async def scene(worker: Worker) -> None:
        await worker.add("r1")
        await worker.add_repository("other/shop")
        run = worker.run
        await refused(
            Invalid, "repoId: several", run("fetch", issue="A", repoId="Shop")
        )
        assert await run("fetch", issue="A", repoId="ACME/Shop")

    play(scene)


def test_a_task_reaches_as_far_as_who_submitted_it(play: Play) -> None:
    async def scene(worker: Worker) -> None:
        await worker.add("r1")
        await worker.add_repository("acme/bank")
        await worker.add("b1", repository="acme/bank")
        limited: dict[str, Any] = {"by": LIMITED, "issue": "A"}
        assert await worker.run("fetch", repoId="bank", **limited)
        for name in ("fetch", "check", "extend", "unassign", "list_assigned"):
            await refused(Forbidden, "acme/shop", worker.run(name, **limited))
        member = worker.run("fetch", MEMBER, issue="A")
        await refused(Forbidden, "application", member)

    play(scene)


def test_nobody_else_is_answered(play: Play) -> None:
    async def scene(worker: Worker) -> None:
        answer = worker.desk.answer
        await refused(Invalid, "nobody", answer("review.destroy", {}, OWNER))
        await refused(Invalid, "data", answer("review.assign", {"data": 7}, OWNER))
        await refused(Invalid, "data", answer("review.find", {}, OWNER))

    play(scene)
