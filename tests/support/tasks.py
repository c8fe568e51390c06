"""What tests of tasks have in common: they are submitted, and worked on."""

from __future__ import annotations

from typing import Any

from domain.decider import Step
from domain.event import system
from domain.task.commands import StartAttempt, TaskCommand
from domain.task.lifecycle import lifecycle, stream_of
from tests.support.client import Caller, Json, made
from tests.support.running import ELSEWHERE, Installation

WORKER = system("worker")
HERE: Any = {"by": WORKER, "attempt": 1, "lease_id": "lease"}
START = StartAttempt(by=WORKER, worker="w-1", lease_id="lease", queue=ELSEWHERE)
NOTHING: Json = {"type": ELSEWHERE, "data": {}}
HOURLY: Json = {
    "scheduleType": "recurring",
    "recurrenceConfig": {"pattern": "0 * * * *"},
}


def submitted(caller: Caller, **body: Any) -> str:
    return str(made(caller.post("/tasks", NOTHING | body))["operationId"])


def recurring(caller: Caller, **config: Any) -> str:
    return submitted(caller, scheduleType="recurring", recurrenceConfig=config)


def status(caller: Caller, operation: str) -> Json:
    return made(caller.get(f"/tasks/{operation}/status"))


def work(installation: Installation, operation: str, *done: TaskCommand) -> None:
    """As a worker does."""
    stream = stream_of(operation)
    installation.decide(*(Step(lifecycle, stream, command) for command in done))


def listed(caller: Caller, **query: Any) -> list[str]:
    found = made(caller.get("/tasks", **query))
    return [task["operationId"] for task in found["tasks"]]
