"""Listing tasks: newest first, in pages, each caller its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.ids import new_id
from domain.roles import Role
from domain.task.commands import CompleteAttempt
from tests.support.client import Caller, Json, made
from tests.support.running import ELSEWHERE, Api, Installation
from tests.support.tasks import (
    HERE,
    START,
    listed,
    recurring,
    submitted,
    work,
)


def pages(caller: Caller, **query: Any) -> Sequence[list[str]]:
    found: list[list[str]] = []
    after: Json = {}
    while True:
        page = made(caller.get("/tasks", **query, **after))
        found.append([task["operationId"] for task in page["tasks"]])
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


def test_the_newest_come_first_in_pages(
    application: Caller, owner: Caller, installation: Installation
) -> None:
    tasks = [submitted(application) for _ in range(5)]
    work(installation, tasks[1], START, CompleteAttempt(**HERE))
    application.delete(f"/tasks/{tasks[3]}")
    story = tasks[::-1]
    for who in {}, {"submittedBy": application.name}:
        caller = owner if who else application
        assert pages(caller, limit=2, **who) == [story[:2], story[2:4], story[4:]]
        assert listed(caller, status="completed", **who) == [tasks[1]]
        assert listed(caller, status="cancelled", **who) == [tasks[3]]
        assert listed(caller, status="pending", type=ELSEWHERE, **who) == story[::2]
        assert listed(caller, type="another", **who) == []
        assert listed(caller, priority="low", status="pending", **who) == story[::2]
        assert listed(caller, priority="critical", **who) == []
        assert listed(caller, repositoryIdentifier="a/b", **who) == []
    assert listed(owner, limit=5) == story
    assert listed(owner, status="completed", limit=1) == [tasks[1]]


def test_others_tasks_are_listed_for_owners_only(
    api: Api, application: Caller, member: Caller
) -> None:
    submitted(application)
    other = api.caller(Role.APPLICATION)
    assert listed(other) == listed(other, submittedBy=application.name) == []
    assert listed(member) == []


def test_what_anothers_schedule_has_fired_is_listed_for_owners_only(
    api: Api, application: Caller, member: Caller, owner: Caller
) -> None:
    schedule = recurring(application, pattern="0 * * * *", immediately=True)
    [first] = listed(application, scheduleId=schedule)
    assert listed(owner, scheduleId=schedule) == [first]
    for other in (api.caller(Role.APPLICATION), member):
        assert listed(other, scheduleId=schedule) == []
    assert listed(owner, scheduleId=schedule, submittedBy=owner.name) == []


def test_a_schedule_that_nobody_has_heard_of_has_no_instances(owner: Caller) -> None:
    assert listed(owner, scheduleId=new_id()) == []
