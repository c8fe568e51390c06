"""Recurring tasks over HTTP: started, told of, fired by the worker, stopped."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.ids import new_id
from domain.roles import Role
from domain.task.commands import CompleteAttempt, StartAttempt
from domain.task.firing import of_task
from tests.support.client import Caller, Json, made, refused
from tests.support.running import ELSEWHERE, Api, Installation, until
from tests.support.tasks import NOTHING, WORKER, listed, recurring, status, submitted

HOURLY: Json = {"pattern": "0 * * * *"}
FOREVER = datetime(2100, 1, 1, tzinfo=UTC).isoformat()


def asked(caller: Caller, config: Any, **body: Any) -> Any:
    facts = NOTHING | {"scheduleType": "recurring"}
    return caller.post("/tasks", facts | {"recurrenceConfig": config} | body)


def instances(caller: Caller, operation: str, **query: Any) -> list[Json]:
    answer = caller.get(f"/tasks/{operation}/recurring-instances", **query)
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()
    return found


def stop(caller: Caller, operation: str) -> Any:
    return caller.post(f"/tasks/{operation}/stop-recurring")


def test_a_recurring_task_is_pending_while_it_goes_on(application: Caller) -> None:
    told = made(asked(application, HOURLY))
    assert told["scheduleType"] == "recurring"
    seen = status(application, told["operationId"])
    expected = {"status": "pending", "totalExecutions": 0, "type": ELSEWHERE}
    assert expected.items() <= seen.items()
    assert seen["nextRunAt"] == told["scheduledFor"]
    assert datetime.fromisoformat(seen["nextRunAt"]).minute == 0
    result = made(application.get(f"/tasks/{told['operationId']}/result"))
    assert "result" not in result
    assert instances(application, told["operationId"]) == []


def test_the_first_instance_comes_at_once_when_asked_for(
    application: Caller, installation: Installation
) -> None:
    operation = recurring(application, **HOURLY, immediately=True)
    [first] = instances(application, operation)
    assert first["status"] == "pending"
    assert (first["scheduleType"], first["scheduleId"]) == ("recurring", operation)
    here: Any = {"by": WORKER, "lease_id": "l"}
    task = first["operationId"]
    installation.decide(
        of_task(task, StartAttempt(worker="w", queue=ELSEWHERE, **here)),
        of_task(task, CompleteAttempt(attempt=1, result={"n": 1}, **here)),
    )
    [first] = instances(application, operation)
    assert (first["status"], first["result"]) == ("completed", {"n": 1})


def test_a_limit_reached_at_once_completes_it(application: Caller) -> None:
    operation = recurring(application, **HOURLY, immediately=True, limit=1)
    seen = status(application, operation)
    assert (seen["status"], seen["totalExecutions"]) == ("completed", 1)
    assert seen["nextRunAt"] is None
    refused(stop(application, operation), 400, "TASK_OVER")
    refused(application.delete(f"/tasks/{operation}"), 400, "TASK_OVER")


def test_it_is_stopped_once(application: Caller) -> None:
    operation = recurring(application, **HOURLY, immediately=True, endDate=FOREVER)
    told = made(stop(application, operation))
    assert told == {
        "message": "Recurring task stopped successfully",
        "operationId": operation,
        "stoppedAt": told["stoppedAt"],
        "totalExecutions": 1,
        "lastExecutionAt": told["lastExecutionAt"],
        "originalEndDate": "2100-01-01T00:00:00Z",
    }
    seen = status(application, operation)
    assert (seen["status"], seen["endedAt"]) == ("cancelled", told["stoppedAt"])
    assert instances(application, operation)[0]["status"] == "pending"
    refused(stop(application, operation), 400, "TASK_OVER")


def test_to_cancel_it_is_to_stop_it(application: Caller) -> None:
    operation = recurring(application, **HOURLY)
    for _ in range(2):
        told = made(application.delete(f"/tasks/{operation}"))
        assert told["status"] == "cancelled"
    assert status(application, operation)["status"] == "cancelled"


def test_whoever_cancels_it_at_the_same_time_has_cancelled_it(
    application: Caller,
) -> None:
    with ThreadPoolExecutor(16) as threads:
        for _ in range(5):
            path = f"/tasks/{recurring(application, **HOURLY)}"
            answers = list(threads.map(application.delete, [path] * 16))
            assert {made(answer)["status"] for answer in answers} == {"cancelled"}


def test_what_it_has_written_is_in_the_logs_of_its_instances(
    application: Caller,
) -> None:
    operation = recurring(application, **HOURLY, immediately=True)
    told = made(application.get(f"/tasks/{operation}/logs"))
    assert (told["operationId"], told["attempts"]) == (operation, [])
    path = told["message"].rpartition("/sfp/api")[2]
    [first] = application.get(path).json()
    logs = made(application.get(f"/tasks/{first['operationId']}/logs"))
    assert "message" not in logs


def test_the_same_key_starts_one_and_stops_it_once(application: Caller) -> None:
    key = {"Idempotency-Key": new_id()}
    body = NOTHING | {"scheduleType": "recurring", "recurrenceConfig": HOURLY}
    first, again = (
        application.ask("POST", "/tasks", body, headers=key) for _ in range(2)
    )
    assert made(first) == made(again)
    path = f"/tasks/{first.json()['operationId']}/stop-recurring"
    key = {"Idempotency-Key": new_id()}
    first, again = (application.ask("POST", path, headers=key) for _ in range(2))
    assert made(first) == made(again)


def test_a_one_time_task_is_no_recurring_one(application: Caller) -> None:
    for operation in (submitted(application), new_id(), "1", "%20"):
        refused(stop(application, operation), 404, "TASK_NOT_FOUND")
        path = f"/tasks/{operation}/recurring-instances"
        refused(application.get(path), 404, "TASK_NOT_FOUND")


def test_a_page_of_instances_begins_after_one_of_them(application: Caller) -> None:
    path = f"/tasks/{recurring(application, **HOURLY)}/recurring-instances"
    for after in ("", "1", new_id(), submitted(application)):
        assert refused(application.get(path, after=after), 400)["field"] == "after"


def test_it_is_its_submitters_and_the_owners(api: Api, application: Caller) -> None:
    operation = recurring(application, **HOURLY)
    stranger, owner = api.caller(Role.APPLICATION), api.caller(Role.OWNER)
    for path in ("status", "result", "recurring-instances"):
        found = stranger.get(f"/tasks/{operation}/{path}")
        refused(found, 403, "NOT_YOUR_TASK")
    refused(stop(stranger, operation), 403, "NOT_YOUR_TASK")
    refused(stranger.delete(f"/tasks/{operation}"), 403, "NOT_YOUR_TASK")
    assert status(owner, operation)["status"] == "pending"
    made(stop(owner, operation))


def test_recurring_tasks_are_listed_when_asked_for(
    api: Api, application: Caller, owner: Caller
) -> None:
    first, second = (recurring(application, **HOURLY, immediately=True) for _ in "ab")
    made(stop(application, first))
    kind = {"scheduleType": "recurring"}
    page = made(application.get("/tasks", **kind, limit=1))
    [shown] = page["tasks"]
    assert shown == status(application, second)
    assert listed(application, **kind, after=page["next"]) == [first]
    for caller in application, owner:
        of = kind | {"submittedBy": application.name}
        assert listed(caller, **of) == [second, first]
        assert listed(caller, **of, status="cancelled") == [first]
        assert listed(caller, **of, status="active") == []
        assert listed(caller, **of, type=ELSEWHERE, scheduleId=first) == [first]
    assert listed(api.caller(Role.APPLICATION), **kind) == []
    assert not {first, second} & set(listed(application))


def test_nobody_waits_for_the_end_of_a_recurring_task(application: Caller) -> None:
    operation = recurring(application, **HOURLY)
    seen = made(application.get(f"/tasks/{operation}/result", wait=300))
    assert seen["status"] == "pending"


def test_the_worker_fires_it(application: Caller, installation: Installation) -> None:
    operation = recurring(application, every=1_000, limit=3, overlapPolicy="allow")
    with installation.worker():
        until(lambda: status(application, operation)["status"] == "completed")
    seen, found = status(application, operation), instances(application, operation)
    assert seen["totalExecutions"] == len(found) == 3
    ids = [instance["operationId"] for instance in found]
    assert len(set(ids)) == 3
    assert instances(application, operation, limit=1) == found[:1]
    assert instances(application, operation, limit=1, after=ids[0]) == found[1:2]
    assert instances(application, operation, after=ids[0]) == found[1:]
    assert instances(application, operation, after=ids[2]) == []
    slots = installation.query(
        "SELECT slot, submitted_at FROM task WHERE schedule_id = %s ORDER BY slot",
        operation,
    )
    first, second, third = (row["slot"] for row in slots)
    assert second - first == third - second == timedelta(seconds=1)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (None, "recurrenceConfig"),
        ({}, "recurrenceConfig"),
        ("daily", "recurrenceConfig"),
        ({"pattern": "* * * * *", "every": 1_000}, "recurrenceConfig"),
        ({"every": 1}, "recurrenceConfig.every"),
        ({"every": "1000"}, "recurrenceConfig.every"),
        ({"every": 10**18}, "recurrenceConfig.every"),
        ({"pattern": ""}, "recurrenceConfig.pattern"),
        ({"pattern": "daily"}, "recurrenceConfig.pattern"),
        ({"pattern": "0 0 30 2 *"}, "recurrenceConfig.pattern"),
        ({"pattern": "0 " * 300}, "recurrenceConfig.pattern"),
        (HOURLY | {"tz": "Mars/Olympus"}, "recurrenceConfig.tz"),
        (HOURLY | {"tz": "../../etc/passwd"}, "recurrenceConfig.tz"),
        (HOURLY | {"startDate": "2030-01-01T00:00:00"}, "recurrenceConfig.startDate"),
        (
            HOURLY | {"startDate": "0001-01-01T00:00:00+14:00"},
            "recurrenceConfig.startDate",
        ),
        (HOURLY | {"endDate": "2030-01-01"}, "recurrenceConfig.endDate"),
        (HOURLY | {"endDate": "2020-01-01T00:00:00Z"}, "recurrenceConfig.endDate"),
        (
            HOURLY
            | {"startDate": "2090-01-02T00:00:00Z", "endDate": "2090-01-01T00:00:00Z"},
            "recurrenceConfig.endDate",
        ),
        (HOURLY | {"limit": 0}, "recurrenceConfig.limit"),
        (HOURLY | {"limit": 10**9}, "recurrenceConfig.limit"),
        (HOURLY | {"overlapPolicy": "maybe"}, "recurrenceConfig.overlapPolicy"),
        (HOURLY | {"catchUp": "some"}, "recurrenceConfig.catchUp"),
        (HOURLY | {"immediately": 1}, "recurrenceConfig.immediately"),
        (HOURLY | {"evry": 1}, "recurrenceConfig.evry"),
    ],
)
def test_what_is_no_recurrence_is_named(
    application: Caller, config: Any, field: str
) -> None:
    assert refused(asked(application, config), 400)["field"] == field


def test_a_recurrence_is_for_recurring_tasks(application: Caller) -> None:
    once = asked(application, HOURLY, scheduleType="immediate")
    assert refused(once, 400)["field"] == "recurrenceConfig"
    both = asked(application, HOURLY, scheduledFor=FOREVER)
    assert refused(both, 400)["field"] == "scheduledFor"
