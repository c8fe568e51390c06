"""A task that is carried out again, its worker having died, does nothing twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from domain.environment.details import RetireEnvironment
from domain.environment.review_events import (
    ReviewAssigned,
    ReviewExtended,
    ReviewTransitioned,
    ReviewUnassigned,
)
from domain.errors import ReviewGivenBack
from tests.support.builders import OWNER
from tests.workers.review.test_race import rename
from tests.workers.review.worker import Play, Worker

WAYS: list[tuple[str, dict[str, Any], str]] = [
    ("extend", {"extendBy": 60}, "InUse"),
    ("transition", {"status": "Expired"}, "Expired"),
    ("transition", {"status": "Available"}, "Available"),
    ("unassign", {}, "Available"),
]
DONE = ReviewExtended | ReviewTransitioned | ReviewUnassigned
every_way = pytest.mark.parametrize(("name", "more", "status"), WAYS)


def done_by(worker: Worker, task: str) -> Sequence[str]:
    """The environments that it changed."""
    return [
        stream
        for stream, event in worker.events
        if isinstance(event, DONE) and event.operation_id == task
    ]


@every_way
def test_it_is_told_what_it_did(
    play: Play, name: str, more: dict[str, Any], status: str
) -> None:
    async def scene(worker: Worker) -> None:
        await worker.add("r1", "r2")
        await worker.run("fetch", issue="A")
        first = await worker.run(name, task="t", issue="A", **more)
        again = await worker.run(name, task="t", issue="A", **more)
        left = {"expiresInSeconds": first["expiresInSeconds"]}
        assert again | left == first
        assert (first["status"], done_by(worker, "t")) == (status, ["r1"])

    play(scene)


@pytest.mark.parametrize(("name", "more"), [way[:2] for way in WAYS])
def test_it_does_not_do_it_to_the_one_that_the_issue_has_by_then(
    play: Play, name: str, more: dict[str, Any]
) -> None:
    async def scene(worker: Worker) -> None:
        await worker.add("r1", "r2")
        await worker.run("fetch", issue="A")
        await worker.run(name, task="t", issue="A", **more)
        await worker.run("unassign", environment="r1")
        await worker.lock("r1")
        other = await worker.run("fetch", issue="A")
        assert other["environment"] == "r2"
        again = await worker.run(name, task="t", issue="A", **more)
        assert again["environment"] == "r1"
        assert done_by(worker, "t") == ["r1"]

    play(scene)


@every_way
def test_it_does_not_do_it_to_the_one_that_has_the_name_by_then(
    play: Play, name: str, more: dict[str, Any], status: str
) -> None:
    async def scene(worker: Worker) -> None:
        await worker.add("r1", "r2")
        await rename(worker, r1="blue", r2="green")
        await worker.run("fetch", issue="A")
        await worker.run("fetch", issue="B")
        await worker.run(name, task="t", environment="blue", **more)
        await rename(worker, r1="old")
        await rename(worker, r2="blue")
        again = await worker.run(name, task="t", environment="blue", **more)
        assert (again["environment"], again["status"]) == ("old", status)
        assert done_by(worker, "t") == ["r1"]

    play(scene)


def test_what_there_was_nothing_to_change_about_is_as_it_is(play: Play) -> None:
    async def scene(worker: Worker) -> None:
        await worker.add("r1")
        got = await worker.run("fetch", issue="A")
        for _ in range(2):
            same = await worker.run("extend", task="t", issue="A", leasefor=1)
            assert same["expiresAt"] == got["expiresAt"]
        assert done_by(worker, "t") == []

    play(scene)


def test_a_fetch_gets_what_it_got(play: Play) -> None:
    async def scene(worker: Worker) -> None:
        await worker.add("r1", "r2")
        first = await worker.run("fetch", task="t", issue="A", leasefor=60)
        again = await worker.run("fetch", task="t", issue="A", leasefor=60)
        assert again["expiresAt"] == first["expiresAt"]
        await worker.run("fetch", task="u", issue="A", leasefor=90)
        longer = await worker.run("check", issue="A")
        again = await worker.run("fetch", task="u", issue="A", leasefor=90)
        assert again["expiresAt"] == longer["expiresAt"] > first["expiresAt"]
        events = [e for _, e in worker.events if isinstance(e, ReviewAssigned)]
        assert len(events) == 1

    play(scene)


@pytest.mark.parametrize("way", ["given back", "lent again", "another had", "deleted"])
def test_a_fetch_takes_no_other_once_that_is_over(play: Play, way: str) -> None:
    async def scene(worker: Worker) -> None:
        await worker.add("r1", "r2")
        await worker.run("fetch", task="t", issue="A")
        if way == "deleted":
            await worker.do("r1", RetireEnvironment(by=OWNER))
        else:
            await worker.run("unassign", issue="A")
        if way in {"lent again", "another had"}:
            await worker.run("fetch", issue="B")
        if way == "another had":
            await worker.run("fetch", issue="A")
            await worker.run("unassign", issue="A")
        with pytest.raises(ReviewGivenBack, match="given back"):
            await worker.run("fetch", task="t", issue="A")
        assert not (await worker.run("check", issue="A"))["isAssigned"]
        assert await worker.run("fetch", issue="A")

    play(scene)
