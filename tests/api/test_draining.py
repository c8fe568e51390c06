"""A process that is told to stop sends everybody on, and nobody loses a place."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from domain.roles import Role
from tests.support.client import Caller, made
from tests.support.running import HOST, Api, Installation, free_port, until
from tests.support.tasks import submitted
from workers.supervisor import Command

DRAIN_SECONDS = 2
GRACE_SECONDS = 10


@pytest.fixture
def leaving(installation: Installation) -> Iterator[tuple[Api, Command]]:
    """A process to be stopped."""
    port = free_port()
    url = f"http://{HOST}:{port}"
    settings = {"BERTH_PORT": str(port), "BERTH_DRAIN_SECONDS": str(DRAIN_SECONDS)}
    with (
        httpx2.Client(base_url=f"{url}/sfp/api", timeout=30) as http,
        installation.berth("api", name="leaving-api", **settings) as process,
    ):
        api = Api(url, port, http)
        until(api.is_ready)
        yield api, process


def told_to_stop(process: Command) -> Callable[[], bool]:
    """SIGTERM, as an orchestrator sends it; whether it has ended since."""
    assert process.pid
    os.kill(process.pid, signal.SIGTERM)
    return lambda: process.exit_code is not None


def test_who_waits_is_sent_on_and_gets_the_lock_in_his_turn_elsewhere(
    leaving: tuple[Api, Command], api: Api, owner: Caller, pool: ThreadPoolExecutor
) -> None:
    here, process = leaving
    environment = owner.environment()
    holder = owner.lock(environment)
    held = holder.hold()
    waiter = here.caller(Role.APPLICATION)
    there = api.bearing(waiter.token).lock(environment)
    first, second = waiter.lock(environment).ticket(), there.ticket()
    waiting = pool.submit(waiter.lock(environment).acquire, first, 60)
    until(lambda: here.waiting == 1)
    has_ended = told_to_stop(process)
    answer = waiting.result(5)
    assert_stopping(answer)
    assert made(there.look(first))["position"] == 1
    again = pool.submit(there.acquire, first, 30)
    behind = pool.submit(there.acquire, second, 30)
    until(lambda: api.waiting == 2)
    made(holder.release(held["ticketId"]))
    assert made(again.result(5))["fence"] == held["fence"] + 1
    assert not behind.done()
    made(there.release(first))
    assert made(behind.result(5))["fence"] == held["fence"] + 2
    until(has_ended, GRACE_SECONDS)
    assert process.exit_code == 0


def test_who_waits_for_a_result_is_sent_on_too(
    leaving: tuple[Api, Command], pool: ThreadPoolExecutor
) -> None:
    here, process = leaving
    caller = here.caller(Role.OWNER)
    operation = submitted(caller)
    waiting = pool.submit(caller.get, f"/tasks/{operation}/result", wait=60)
    until(lambda: here.waiting == 1)
    told_to_stop(process)
    assert_stopping(waiting.result(5))


def test_while_it_drains_it_is_not_ready_but_answers_and_keeps_no_connection(
    leaving: tuple[Api, Command], owner: Caller
) -> None:
    here, process = leaving
    caller = here.caller(Role.OWNER)
    environment = caller.environment()
    lock = caller.lock(environment)
    held, behind = lock.hold(), lock.ticket()
    assert "connection" not in here.http.get("/ping").headers
    has_ended = told_to_stop(process)
    until(lambda: not here.is_ready())
    ready = here.http.get("/health/ready")
    assert_stopping(ready)
    assert here.http.get("/ping").headers["connection"] == "close"
    assert_stopping(lock.acquire(behind, 30))
    assert lock.acquire(behind, 0).status_code == 408
    made(lock.release(held["ticketId"]))
    until(has_ended, GRACE_SECONDS)
    assert process.exit_code == 0
    assert made(owner.lock(environment).look(behind))["status"] == "granted"


def assert_stopping(answer: Any) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.json()["code"] == "STOPPING"
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["connection"] == "close"
