"""Many tasks race for few environments, and none goes to two issues."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from domain.decider import Journal, Outcome, Step
from domain.environment.details import ReviseEnvironment
from domain.environment.events import EnvironmentRevised
from domain.environment.review_events import (
    ReviewAssigned,
    ReviewExtended,
    ReviewTransitioned,
    ReviewUnassigned,
)
from domain.errors import EnvironmentNotFound, PoolBusy
from domain.review_index import ReviewEnvironmentChosen
from tests.support.builders import OWNER, release
from tests.support.running import until
from tests.workers.review.worker import CI, Play, Worker
from workers.review.desk import ReviewDesk

CHANGES = ReviewExtended | ReviewTransitioned | ReviewUnassigned


def test_of_ten_issues_three_get_an_environment_each_its_own(play: Play) -> None:
    async def scene(worker: Worker) -> None:
        await worker.add("r1", "r2", "r3")
        fetches = [worker.run("fetch", issue=f"I-{n}") for n in range(10)]
        ended = await asyncio.gather(*fetches, return_exceptions=True)
        got = [one for one in ended if isinstance(one, dict)]
        assert {one["environmentId"] for one in got} == {"r1", "r2", "r3"}
        assert len(got) == 3
        others = [one for one in ended if not isinstance(one, dict)]
        assert {type(one) for one in others} == {PoolBusy}
        listed = await worker.run("list_assigned")
        assert {(o["issue"], o["environment"]) for o in listed} == {
            (o["issue"], o["environment"]) for o in got
        }

    play(scene)


def test_who_waits_gets_what_the_others_give_back(play: Play) -> None:
    async def scene(worker: Worker) -> None:
        await worker.add("r1", "r2", "r3")

        async def use(issue: str) -> Any:
            got = await worker.run("fetch", issue=issue, wait=60)
            await worker.run("unassign", issue=issue)
            return got["environmentId"]

        used = await asyncio.gather(*(use(f"I-{n}") for n in range(10)))
        assert set(used) <= {"r1", "r2", "r3"}
        check_one_issue_at_a_time(worker)

    play(scene)


def test_one_issue_that_asks_ten_times_at_once_has_one_environment(play: Play) -> None:
    async def scene(worker: Worker) -> None:
        await worker.add("r1", "r2", "r3")
        fetches = [worker.run("fetch", issue="I-1") for _ in range(10)]
        got = await asyncio.gather(*fetches)
        assert len({one["environmentId"] for one in got}) == 1
        assert len(await worker.run("list_assigned")) == 1
        kinds = Counter(type(event) for _, event in worker.events)
        assert kinds[ReviewAssigned] == kinds[ReviewEnvironmentChosen] == 1

    play(scene)


@pytest.mark.parametrize("had_it_before", [False, True])
def test_a_fetch_that_was_overtaken_by_another_ends_with_what_that_one_got(
    play: Play, had_it_before: bool
) -> None:
    """While `r1` was locked it saw `r2` free; meanwhile the issue was given `r1`."""

    async def scene(worker: Worker) -> None:
        await worker.add("r1", "r2")
        if had_it_before:
            await worker.run("fetch", issue="I-1")
            await worker.run("unassign", issue="I-1")
        await worker.lock("r1")

        async def meanwhile() -> None:
            await worker.do("r1", release("ticket-r1", actor=OWNER))
            early = await worker.run("fetch", issue="i-1")
            assert early["environmentId"] == "r1"

        overtaken = Overtaken(worker.rig.journal, meanwhile)
        late = ReviewDesk(overtaken, worker.desk.reader)
        told = {"repoId": "acme/shop", "pool": "core", "issue": "I-1"}
        asked = {"operation_id": "late", "data": told}
        answer = await late.answer("review.assign", asked, CI)
        assert overtaken.meanwhile is None
        assert answer["assigned"]["environmentId"] == "r1"
        [listed] = await worker.run("list_assigned")
        assert listed["environmentId"] == "r1"

    play(scene)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("extend", {"extendBy": 60}),
        ("transition", {"status": "Expired"}),
        ("unassign", {}),
    ],
)
def test_who_has_the_name_by_then_is_the_one_that_changes(
    play: Play, kind: str, more: dict[str, Any]
) -> None:
    """`blue` and `green` are swapped after `blue` was looked up."""

    async def scene(worker: Worker) -> None:
        await worker.add("r1", "r2")
        await rename(worker, r1="blue", r2="green")
        for issue in "I-1", "I-2":
            await worker.run("fetch", issue=issue)

        async def meanwhile() -> None:
            await rename(worker, r1="tmp", r2="blue")
            await rename(worker, r1="green")

        overtaken = Overtaken(worker.rig.journal, meanwhile, steps=1)
        late = ReviewDesk(overtaken, worker.desk.reader)
        told = {"repoId": "acme/shop", "pool": "core", "environment": "Blue"}
        asked = {"operation_id": "late", "data": told | more}
        answer = await late.answer(f"review.{kind}", asked, OWNER)
        assert (answer["environmentId"], answer["environment"]) == ("r2", "blue")
        changed = [s for s, e in worker.events if isinstance(e, CHANGES)]
        assert changed == ["r2"]

    play(scene)


def test_a_name_that_nobody_has_by_then_is_not_found(play: Play) -> None:
    async def scene(worker: Worker) -> None:
        await worker.add("r1")
        await rename(worker, r1="blue")
        await worker.run("fetch", issue="I-1")

        async def meanwhile() -> None:
            await rename(worker, r1="tmp")

        overtaken = Overtaken(worker.rig.journal, meanwhile, steps=1)
        late = ReviewDesk(overtaken, worker.desk.reader)
        told = {"repoId": "acme/shop", "pool": "core", "environment": "blue"}
        asked = {"operation_id": "late", "data": told}
        with pytest.raises(EnvironmentNotFound, match="no blue in the pool core"):
            await late.answer("review.unassign", asked, OWNER)
        assert (await worker.run("check", issue="I-1"))["isAssigned"]

    play(scene)


def test_who_waits_says_so_and_is_told_when_it_was_in_vain(play: Play) -> None:
    async def scene(worker: Worker) -> None:
        await worker.add("r1")
        await worker.run("fetch", issue="I-1")
        patient = worker.context("patient")
        waiting = asyncio.create_task(
            worker.run("fetch", issue="I-2", wait=60, context=patient)
        )
        await asyncio.to_thread(until, lambda: bool(patient.said))
        assert patient.said[0] == "waiting: none of the 1 environments of core is free"
        patient.is_cancelled = True
        with pytest.raises(PoolBusy):
            await waiting

    play(scene)


@dataclass
class Overtaken:
    """A journal where something happens before the first append of so many steps.

    They are two where one assigns.
    """

    journal: Journal
    meanwhile: Callable[[], Awaitable[None]] | None
    steps: int = 2

    async def execute(self, *steps: Step, wait_seconds: float = 0) -> Outcome:
        if len(steps) >= self.steps and self.meanwhile:
            happens, self.meanwhile = self.meanwhile, None
            await happens()
        return await self.journal.execute(*steps, wait_seconds=wait_seconds)

    def now(self) -> datetime:
        return self.journal.now()


async def rename(worker: Worker, **names: str) -> None:
    for stream, name in names.items():
        revised = EnvironmentRevised(name=name)
        await worker.do(stream, ReviseEnvironment(by=OWNER, revised=revised))


def check_one_issue_at_a_time(worker: Worker) -> None:
    whose: dict[str, str] = {}
    for stream, event in worker.events:
        if isinstance(event, ReviewAssigned):
            assert whose.setdefault(stream, event.issue) == event.issue
        elif isinstance(event, ReviewUnassigned):
            assert whose.pop(stream) == event.issue
