"""How each documented answer about a task is brought about: by a worker's reports."""

from __future__ import annotations

from typing import Any

from domain.task.commands import CompleteAttempt, FailAttempt
from domain.task.events import FailureReason
from tests.contract.replay import Example, differences, example
from tests.contract.stage import Stage
from tests.support.client import Json, made
from tests.support.tasks import HERE, START, work

Said = tuple[int, Any]


def submitted(stage: Stage) -> str:
    answer = example("task_submit").send(stage.application("ci"))
    return str(made(answer)["operationId"])


def asked_for(stage: Stage, its: Example) -> Said:
    """The example's answer is to another type of task than the one it asks for."""
    answer = its.send(stage.application())
    ours = made(answer)
    assert ours["type"] == its.body["type"]
    return answer.status_code, ours | {"type": its.answer["type"]}


def looked_at(stage: Stage, its: Example) -> Said:
    """The example shows every field, and so an error beside a result: one at a time."""
    failed, completed = submitted(stage), submitted(stage)
    theirs: Json = its.answer["error"]
    why: Any = {"message": theirs["message"], "stack": theirs["stack"]}
    refusal = FailAttempt(**HERE, reason=FailureReason.ERROR, **why)
    work(stage.installation, failed, START, refusal)
    ours = made(its.send(stage.owner, operationId=failed))
    assert ours["status"] == "failed"
    assert list(differences(theirs, ours["error"])) == []
    done = CompleteAttempt(**HERE, result=its.answer.get("result"))
    work(stage.installation, completed, START, done)
    answer = its.send(stage.owner, operationId=completed)
    return answer.status_code, made(answer) | {"error": ours["error"]}


def cancelled(stage: Stage, its: Example) -> Said:
    answer = its.send(stage.owner, operationId=submitted(stage))
    return answer.status_code, answer.json()


TASK_SCENES = {
    "task_cancel": cancelled,
    "task_result": looked_at,
    "task_status": looked_at,
    "task_submit": asked_for,
}
