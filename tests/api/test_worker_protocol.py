"""Workers in other languages: what they ask over NATS, and a real one in Node."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from domain.clock import utc_now
from domain.ids import new_id
from domain.roles import Role
from tests.support.client import Caller, Json, made
from tests.support.node_worker import EXAMPLE, example
from tests.support.running import Api, Installation, until
from tests.support.servers import OF_THE_TESTS
from tests.support.tasks import status, submitted
from workers.supervisor import Command

TYPE = "renderReport"
SERVED = {"BERTH_TASK_TYPES": TYPE}


class Worker:
    """Somebody with a token, who asks as a worker does."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token

    def ask(self, what: str, body: Any, **headers: str) -> Json:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return asyncio.run(
            self._ask(what, sent, {"Authorization": f"Bearer {self._token}"} | headers)
        )

    async def _ask(self, what: str, sent: bytes, headers: dict[str, str]) -> Json:
        client = Client()
        await client.connect(self._url)
        try:
            subject = f"berth.v1.worker.{OF_THE_TESTS}.{what}"
            answer = await client.request(subject, sent, timeout=30, headers=headers)
        finally:
            await client.close()
        told: Json = json.loads(answer.data)
        return told

    def start(self, operation: str, **body: Any) -> Json:
        wish = {"operationId": operation, "type": TYPE, "leaseId": new_id()}
        return self.ask("start", wish | body)

    def begun(self, operation: str) -> Json:
        """What tells the attempt that has been started."""
        told = self.start(operation)
        assert "statusCode" not in told, told
        return {name: told[name] for name in ("operationId", "attempt", "leaseId")}


@pytest.fixture(scope="module")
def served(installation: Installation) -> Iterator[Api]:
    """An API and a worker process of an installation that has such a type."""
    with installation.api("elsewhere-api", **SERVED) as process:
        process.caller(Role.OWNER).repository()
        with installation.berth("worker", name="elsewhere-worker", **SERVED):
            nobody = Worker(installation.settings.nats.url, "")
            until(lambda: answers(nobody))
            yield process


def answers(worker: Worker) -> bool:
    try:
        return bool(worker.ask("heartbeat", {}))
    except Exception:  # noqa: BLE001 - not yet
        return False


@pytest.fixture
def ci(served: Api) -> Caller:
    return served.caller(Role.OWNER)


@pytest.fixture
def token(ci: Caller) -> Json:
    return made(ci.post("/application-tokens", {"name": f"renderer {new_id()}"}))


@pytest.fixture
def renderer(installation: Installation, token: Json) -> Worker:
    return Worker(installation.settings.nats.url, token["token"])


def task(ci: Caller, **body: Any) -> str:
    return submitted(ci, **({"type": TYPE, "data": {"steps": 1}} | body))


def is_refused(told: Json, code: int, reason: str) -> None:
    assert (told.get("statusCode"), told.get("code")) == (code, reason), told
    assert {"error", "message", "requestId"} <= set(told)


def test_a_task_is_started_reported_on_and_completed(
    ci: Caller, renderer: Worker
) -> None:
    operation = task(ci)
    lease = new_id()
    told = renderer.start(operation, leaseId=lease)
    assert (told["attempt"], told["data"], told["type"]) == (1, {"steps": 1}, TYPE)
    assert renderer.start(operation, leaseId=lease) == told, "told again"
    mine = {"operationId": operation, "attempt": 1, "leaseId": lease}
    is_refused(renderer.start(operation), 409, "ATTEMPT_RUNNING")
    assert renderer.ask("heartbeat", mine)["isCancelling"] is False
    renderer.ask("progress", mine | {"percent": 50, "message": "half"})
    assert renderer.ask("log", mine | {"text": "hello\n"}) == {"isFull": False}
    assert renderer.ask("complete", mine | {"result": [1]})["status"] == "completed"
    assert renderer.ask("complete", mine | {"result": [1]})["status"] == "completed"
    is_refused(renderer.start(operation), 400, "TASK_OVER")
    result = made(ci.get(f"/tasks/{operation}/result", wait=10))
    assert (result["result"], result["progress"]) == ([1], 100)
    [log] = made(ci.get(f"/tasks/{operation}/logs"))["attempts"]
    assert log == {"attempt": 1, "log": "hello\n"}


def test_what_failed_is_tried_again_and_the_first_try_is_stale(
    ci: Caller, renderer: Worker
) -> None:
    operation = task(ci, retryConfig={"attempts": 2})
    first = renderer.begun(operation)
    no = first | {"message": "no"}
    assert renderer.ask("fail", no)["status"] == "pending"
    is_refused(renderer.ask("fail", no), 409, "STALE_ATTEMPT")
    second = renderer.begun(operation)
    assert second["attempt"] == 2
    for what in "heartbeat", "complete", "abandon":
        is_refused(renderer.ask(what, first), 409, "STALE_ATTEMPT")
    failed = renderer.ask("fail", second | {"message": "no", "mayRetry": False})
    assert failed["status"] == "failed"
    is_refused(renderer.ask("complete", second), 409, "STALE_ATTEMPT")


def test_an_attempt_is_its_holders_alone(
    installation: Installation, served: Api, ci: Caller, renderer: Worker
) -> None:
    mine = renderer.begun(task(ci))
    other = Worker(
        installation.settings.nats.url, served.caller(Role.APPLICATION).token
    )
    for what in "heartbeat", "complete", "cancelled", "abandon":
        is_refused(other.ask(what, mine), 403, "NOT_YOUR_ATTEMPT")
    is_refused(other.ask("log", mine | {"text": "x"}), 403, "NOT_YOUR_ATTEMPT")
    assert renderer.ask("complete", mine)["status"] == "completed"


def test_a_token_counts_as_it_does_over_http(
    installation: Installation, served: Api, ci: Caller, renderer: Worker, token: Json
) -> None:
    operation = task(ci)
    url = installation.settings.nats.url
    member = Worker(url, served.caller(Role.MEMBER).token)
    is_refused(member.start(operation), 403, "FORBIDDEN")
    for bearer in "", "nonsense", token["token"][:-1] + "!":
        is_refused(Worker(url, bearer).start(operation), 401, "UNAUTHENTICATED")
    mine = renderer.begun(operation)
    assert ci.delete(f"/application-tokens/{token['id']}").is_success
    for what in "heartbeat", "complete":
        is_refused(renderer.ask(what, mine), 401, "UNAUTHENTICATED")


def test_a_cancellation_shows_in_the_heartbeat(ci: Caller, renderer: Worker) -> None:
    operation = task(ci)
    mine = renderer.begun(operation)
    is_refused(renderer.ask("cancelled", mine), 409, "NOT_CANCELLING")
    made(ci.delete(f"/tasks/{operation}"))
    assert renderer.ask("heartbeat", mine)["isCancelling"] is True
    assert renderer.ask("cancelled", mine)["status"] == "cancelled"


def test_who_falls_silent_loses_the_attempt_to_another(
    ci: Caller, renderer: Worker
) -> None:
    operation = task(ci, lockDuration=1_000)
    silent = renderer.begun(operation)
    until(lambda: status(ci, operation)["status"] == "pending")
    assert renderer.begun(operation)["attempt"] == 2
    is_refused(renderer.ask("complete", silent), 409, "STALE_ATTEMPT")


def test_what_runs_here_is_not_for_others(ci: Caller, renderer: Worker) -> None:
    local = submitted(
        ci,
        type="listAssignedReviewEnvironments",
        data={"repoId": ci.repository()},
        scheduleType="scheduled",
        scheduledFor=(utc_now() + timedelta(days=1)).isoformat(),
    )
    is_refused(renderer.start(local), 403, "NOT_YOUR_QUEUE")
    is_refused(renderer.start(local, type="local"), 400, "INVALID")
    known = "listAssignedReviewEnvironments"
    is_refused(renderer.start(local, type=known), 400, "INVALID")
    is_refused(renderer.start(new_id()), 404, "TASK_NOT_FOUND")


@pytest.mark.parametrize(
    ("what", "body", "code", "field"),
    [
        ("start", b"", 400, "body"),
        ("start", b"\xff", 400, "body"),
        ("start", b"[]", 400, "body"),
        ("start", {"operationId": "x", "type": TYPE, "leaseId": new_id()}, 400, None),
        ("start", {"operationId": new_id(), "type": TYPE}, 400, "leaseId"),
        ("heartbeat", {"attempt": "1"}, 400, None),
        ("complete", {"attempt": 1, "sudo": True}, 400, None),
        ("progress", b'{"percent": ' + b"[" * 5_000, 400, None),
        ("complete", b'"' + b"x" * 300_000 + b'"', 413, None),
        ("dance", {}, 404, None),
    ],
)
def test_what_makes_no_sense_is_told_so(
    renderer: Worker, what: str, body: Any, code: int, field: str | None
) -> None:
    told = renderer.ask(what, body)
    assert told["statusCode"] == code, told
    assert field is None or told["field"] == field


def node(installation: Installation, package: Path, token: Json) -> Command:
    return example(package, installation.settings.nats.url, token["token"], TYPE)


def test_the_example_does_fails_and_stops_as_it_should(
    installation: Installation, ci: Caller, token: Json, package: Path
) -> None:
    assert len(EXAMPLE.read_text().splitlines()) <= 60
    with node(installation, package, token):
        done = task(ci, data={"steps": 3, "pauseMs": 1})
        result = made(ci.get(f"/tasks/{done}/result", wait=30))
        assert result["result"] == {"operationId": done, "steps": 3}
        failing = task(ci, data={"steps": 1, "pauseMs": 1, "fail": "as it must"})
        result = made(ci.get(f"/tasks/{failing}/result", wait=30))
        assert (result["status"], result["error"]["message"]) == (
            "failed",
            "as it must",
        )
        long = task(ci, data={"steps": 10_000})
        until(lambda: status(ci, long)["state"] == "running")
        made(ci.delete(f"/tasks/{long}"))
        until(lambda: status(ci, long)["status"] == "cancelled")


def test_what_a_killed_worker_had_is_done_by_the_next(
    installation: Installation, ci: Caller, token: Json, package: Path
) -> None:
    body = {"data": {"steps": 30, "pauseMs": 50}, "lockDuration": 1_000}
    with node(installation, package, token) as first:
        operation = task(ci, **body)
        until(lambda: status(ci, operation)["state"] == "running")
        first.kill()
    with node(installation, package, token):
        until(lambda: status(ci, operation)["status"] == "completed")
    assert status(ci, operation)["attempt"] == 2
