"""How each documented answer about a task is brought about: by a worker's reports."""

from __future__ import annotations

from typing import Any

from httpx2 import Response
from msgspec.structs import replace

from domain.task.commands import CompleteAttempt, FailAttempt, StartAttempt
from domain.task.events import LOCAL, FailureReason
from tests.contract.replay import Example, differences, example
from tests.contract.stage import Stage
from tests.support.client import Json, made
from tests.support.tasks import HERE, START, recurring, work

FOREVER = "2100-01-01T00:00:00Z"
Said = tuple[int, Any]


def submitted(stage: Stage) -> str:
    answer = example("task_submit").send(stage.application("ci"))
    return str(made(answer)["operationId"])


def repeated(stage: Stage) -> tuple[str, str]:
    """A recurring task and its first instance."""
    every: Json = {"pattern": "0 * * * *", "immediately": True, "endDate": FOREVER}
    operation = recurring(stage.owner, **every)
    found = stage.owner.get(f"/tasks/{operation}/recurring-instances")
    [first] = found.json()
    return operation, first["operationId"]


def asked_for(stage: Stage, its: Example) -> Said:
    """The example's answer is to another type of task than the one it asks for."""
    answer = its.send(stage.application())
    ours = made(answer)
    assert ours["type"] == its.body["type"]
    return answer.status_code, ours | {"type": its.answer["type"]}


def looked_at(stage: Stage, its: Example) -> Said:
    """The example shows every field, and so an error beside a result: one at a time."""
    failed, completed = submitted(stage), submitted(stage)
    here = replace(START, queue=LOCAL)
    carry_out(stage, failed, completed, its.answer, here)
    ours = made(its.send(stage.owner, operationId=failed))
    assert ours["status"] == "failed"
    assert list(differences(its.answer["error"], ours["error"])) == []
    answer = its.send(stage.owner, operationId=completed)
    return answer.status_code, made(answer) | {"error": ours["error"]}


def instances(stage: Stage, its: Example) -> Said:
    """As above: one recurring task for the error, another for the result."""
    bad, failed = repeated(stage)
    good, completed = repeated(stage)
    carry_out(stage, failed, completed, its.answer[0])
    [ours] = its.send(stage.owner, operationId=bad).json()
    assert ours["status"] == "failed"
    answer = its.send(stage.owner, operationId=good)
    [done] = answer.json()
    return answer.status_code, [done | {"error": ours["error"]}]


def stopped(stage: Stage, its: Example) -> Said:
    operation, _ = repeated(stage)
    answer = its.send(stage.owner, operationId=operation)
    return answer.status_code, answer.json()


def stopped_twice(stage: Stage, its: Example) -> Response:
    operation, _ = repeated(stage)
    made(its.send(stage.owner, operationId=operation))
    return its.send(stage.owner, operationId=operation)


def one_time(stage: Stage, its: Example) -> Response:
    return its.send(stage.owner, operationId=submitted(stage))


def carry_out(
    stage: Stage,
    failed: str,
    completed: str,
    theirs: Json,
    begin: StartAttempt = START,
) -> None:
    """As their example has it."""
    why: Any = theirs["error"]
    refusal = FailAttempt(**HERE, reason=FailureReason.ERROR, **why)
    work(stage.installation, failed, begin, refusal)
    done = CompleteAttempt(**HERE, result=theirs.get("result"))
    work(stage.installation, completed, begin, done)


def cancelled(stage: Stage, its: Example) -> Said:
    answer = its.send(stage.owner, operationId=submitted(stage))
    return answer.status_code, answer.json()


TASK_SCENES = {
    "task_cancel": cancelled,
    "task_recurring_instances": instances,
    "task_result": looked_at,
    "task_status": looked_at,
    "task_stop_recurring": stopped,
    "task_submit": asked_for,
}
