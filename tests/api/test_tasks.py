"""Submitting tasks, looking at them, waiting for them, cancelling them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.roles import Role
from domain.task.commands import (
    CompleteAttempt,
    ConfirmCancellation,
    FailAttempt,
    ReportProgress,
    StartAttempt,
)
from domain.task.events import FailureReason
from tests.support.client import Caller, made, refused, unique
from tests.support.running import ELSEWHERE, Api, Installation, until
from tests.support.tasks import (
    HERE,
    NOTHING,
    START,
    WORKER,
    listed,
    status,
    submitted,
    work,
)


def test_a_task_is_pending_once_it_is_submitted(application: Caller) -> None:
    answer = application.post("/tasks", NOTHING)
    assert answer.status_code == 201
    told = answer.json()
    assert told == {
        "operationId": told["operationId"],
        "type": ELSEWHERE,
        "status": "pending",
        "priority": "low",
        "scheduleType": "immediate",
        "submittedAt": told["submittedAt"],
        "scheduledFor": None,
    }
    seen = status(application, told["operationId"])
    assert seen["nextAttemptAt"] == seen["submittedAt"] == told["submittedAt"]
    expected = {"status": "pending", "state": "ready", "progress": 0, "attempt": 0}
    assert expected.items() <= seen.items()
    assert "error" not in seen


@pytest.mark.parametrize(
    ("said", "meant"),
    [("batch", "low"), ("medium", "normal"), ("critical", "critical")],
)
def test_a_priority_has_more_than_one_name(
    application: Caller, said: str, meant: str
) -> None:
    operation = submitted(application, priority=said)
    assert status(application, operation)["priority"] == meant
    assert listed(application, priority=said) == [operation]


def test_data_with_words_to_it_is_taken_apart(application: Caller) -> None:
    wrapped = {"value": {"pool": "core"}, "description": "List them"}
    operation = submitted(application, data=wrapped)
    assert status(application, operation)["description"] == "List them"


def test_words_without_end_are_refused(application: Caller) -> None:
    wrapped = {"value": {"pool": "core"}, "description": "x" * 4_000}
    assert submitted(application, data=wrapped)
    wrapped["description"] = "x" * 4_001
    answer = application.post("/tasks", NOTHING | {"data": wrapped})
    told = refused(answer, 400, "INVALID")
    assert told["field"] == "data.description"


@pytest.mark.parametrize("is_wrapped", [False, True])
@pytest.mark.parametrize("spelled", ["{0}", "{1}"])
def test_a_task_is_of_the_repository_that_its_data_names(
    owner: Caller, application: Caller, spelled: str, *, is_wrapped: bool
) -> None:
    repository = owner.repository()
    named = spelled.format(repository.upper(), repository.partition("/")[2])
    data = {"repoId": named}
    operation = submitted(application, data={"value": data} if is_wrapped else data)
    assert status(application, operation)["repositoryIdentifier"] == repository
    assert listed(owner, repositoryIdentifier=repository) == [operation]


def test_a_name_that_two_repositories_have_is_none_of_theirs(
    owner: Caller, application: Caller
) -> None:
    name = unique("shop")
    for place in "acme", "other":
        body = {"identifier": f"{place}/{name}", "remoteUrl": "https://a.example"}
        made(owner.post("/projects", body))
    operation = submitted(application, data={"repoId": name})
    assert status(application, operation)["repositoryIdentifier"] is None


def test_a_scheduled_task_waits_for_its_time(application: Caller) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)  # noqa: TID251
    when = {"scheduleType": "scheduled", "scheduledFor": later.isoformat()}
    seen = status(application, submitted(application, **when))
    assert (seen["state"], seen["scheduleType"]) == ("waiting", "scheduled")
    assert datetime.fromisoformat(seen["nextAttemptAt"]) == later
    past = when | {"scheduledFor": "2001-01-01T00:00:00+02:00"}
    assert status(application, submitted(application, **past))["state"] == "ready"


def test_the_same_key_submits_once(application: Caller) -> None:
    key = {"Idempotency-Key": unique("key")}
    answers = [
        application.ask("POST", "/tasks", NOTHING, headers=key) for _ in range(2)
    ]
    assert answers[0].content == answers[1].content
    assert len(listed(application)) == 1


def test_progress_and_result_are_told(
    application: Caller, installation: Installation
) -> None:
    operation = submitted(application)
    half = ReportProgress(**HERE, percent=50, message="half\0way")
    work(installation, operation, START, half)
    seen = made(application.get(f"/tasks/{operation}/result"))
    expected = {"status": "active", "state": "running", "progress": 50, "attempt": 1}
    assert expected.items() <= seen.items()
    assert seen["message"] == "half\ufffdway"
    assert "result" not in seen
    result = {"list": [1.5, None, "\0"]}
    work(installation, operation, CompleteAttempt(**HERE, result=result))
    seen = made(application.get(f"/tasks/{operation}/result"))
    assert (seen["status"], seen["progress"]) == ("completed", 100)
    assert seen["result"] == result
    assert "result" not in status(application, operation)


def test_a_result_may_be_null(application: Caller, installation: Installation) -> None:
    operation = submitted(application)
    work(installation, operation, START, CompleteAttempt(**HERE))
    seen = made(application.get(f"/tasks/{operation}/result"))
    assert seen["result"] is None


def test_whoever_waits_for_the_end_is_told_of_it(
    api: Api, application: Caller, installation: Installation, pool: ThreadPoolExecutor
) -> None:
    operation = submitted(application)
    path = f"/tasks/{operation}/result"
    waiting = pool.submit(application.get, path, wait=30)
    until(lambda: api.waiting == 1)
    work(installation, operation, START, CompleteAttempt(**HERE, result="done"))
    assert made(waiting.result())["result"] == "done"
    assert made(application.get(path, wait=30))["result"] == "done"


def test_who_has_waited_long_enough_is_told_how_it_stands(application: Caller) -> None:
    seen = made(application.get(f"/tasks/{submitted(application)}/result", wait=1))
    assert seen["status"] == "pending"
    assert "result" not in seen


def test_the_stack_of_a_failure_is_for_owners(
    application: Caller, owner: Caller, installation: Installation
) -> None:
    operation = submitted(application, retryConfig={"attempts": 2})
    failed: Any = {"reason": FailureReason.ERROR, "message": "no", "stack": "at line 7"}
    work(installation, operation, START, FailAttempt(**HERE, **failed))
    seen = status(application, operation)
    assert seen["status"] == "pending"
    assert seen["error"] == {"message": "no", "reason": "error"}
    for route in "status", "result":
        seen = made(owner.get(f"/tasks/{operation}/{route}"))
        assert seen["error"]["stack"] == "at line 7"
    again = StartAttempt(by=WORKER, worker="w-2", lease_id="other", queue=ELSEWHERE)
    work(installation, operation, again)
    assert "error" not in status(application, operation)


def test_a_task_that_backs_off_says_when_it_is_tried_again(
    application: Caller, installation: Installation
) -> None:
    retry = {"attempts": 2, "backoff": {"type": "fixed", "delay": 3_600_000}}
    operation = submitted(application, retryConfig=retry)
    failed = FailAttempt(**HERE, reason=FailureReason.TIMEOUT, message="slow")
    work(installation, operation, START, failed)
    assert status(application, operation)["state"] == "backingOff"


def test_a_pending_task_is_cancelled_and_a_running_one_told_to_stop(
    application: Caller, installation: Installation
) -> None:
    pending, running = submitted(application), submitted(application)
    for _ in range(2):
        told = made(application.delete(f"/tasks/{pending}"))
        assert told["message"] == "Task cancelled successfully"
    assert status(application, pending)["status"] == "cancelled"
    work(installation, running, START)
    for _ in range(2):
        told = made(application.delete(f"/tasks/{running}"))
        assert told == {"message": "Task cancellation requested", "status": "active"}
    assert status(application, running)["state"] == "cancelling"
    work(installation, running, ConfirmCancellation(**HERE))
    assert status(application, running)["status"] == "cancelled"


@pytest.mark.parametrize("end", ["completed", "failed"])
def test_what_is_over_cannot_be_cancelled(
    application: Caller, installation: Installation, end: str
) -> None:
    operation = submitted(application)
    failed = FailAttempt(**HERE, reason=FailureReason.ERROR, message="no")
    last = CompleteAttempt(**HERE) if end == "completed" else failed
    work(installation, operation, START, last)
    refusal = refused(application.delete(f"/tasks/{operation}"), 400, "TASK_OVER")
    assert refusal["status"] == end
    assert end in refusal["message"]


NOBODYS_ID = "3f0b8a0e-6c51-4d0f-9a67-0d5c5f0c9b11"
ROUTES = [("GET", "/status"), ("GET", "/result"), ("GET", "/logs"), ("DELETE", "")]


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_a_task_is_its_submitter_s_and_the_owners(
    api: Api, application: Caller, owner: Caller, method: str, route: str
) -> None:
    path = f"/tasks/{submitted(application)}{route}"
    refused(api.caller(Role.APPLICATION).ask(method, path), 403, "NOT_YOUR_TASK")
    assert application.ask(method, path).is_success
    assert owner.ask(method, path).is_success


@pytest.mark.parametrize(("method", "route"), ROUTES)
@pytest.mark.parametrize("unknown", ["1234567890", "x" * 5_000, NOBODYS_ID, "%20"])
def test_what_is_not_known_is_not_found(
    owner: Caller, method: str, route: str, unknown: str
) -> None:
    refused(owner.ask(method, f"/tasks/{unknown}{route}"), 404, "TASK_NOT_FOUND")


def test_logs_are_those_of_each_attempt(
    application: Caller, installation: Installation
) -> None:
    operation = submitted(application)
    path = f"/tasks/{operation}/logs"
    assert made(application.get(path)) == {"operationId": operation, "attempts": []}
    installation.log(operation, (1, "one\n"), (2, "two\0\n"), (2, "three\n"))
    first, second = made(application.get(path))["attempts"]
    assert first == {"attempt": 1, "log": "one\n"}
    assert second == {"attempt": 2, "log": "two\ufffd\nthree\n"}
    assert made(application.get(path, attempt=2))["attempts"] == [second]
