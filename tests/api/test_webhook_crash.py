"""Workers are killed in the middle of it: nothing is lost, and little is sent twice."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from domain.roles import Role
from tests.support.client import Caller, made
from tests.support.hooks import Hook, lock_events, only
from tests.support.running import Api, Installation, until
from workers.supervisor import Command

# As if the leases of those who died had passed.
LAPSED = """
UPDATE webhook_delivery SET due_at = now()
WHERE webhook_id = %s AND claim IS NOT NULL RETURNING 1
"""
WAITING = "SELECT FROM webhook_delivery WHERE webhook_id = %s"
AT_ONCE = 8


@pytest.fixture
def worker(installation: Installation, api: Api) -> Iterator[Command]:
    api.caller(Role.OWNER).repository()
    with installation.berth("worker", name="mortal-worker") as command:
        yield command


def kill(command: Command) -> None:
    assert command.pid
    os.kill(command.pid, signal.SIGKILL)


def test_what_was_being_sent_is_sent_by_another(
    installation: Installation, owner: Caller, hook: Hook, worker: Command
) -> None:
    environment = owner.environment()
    webhook = hook.webhook(owner, config=only(environment), timeout=30_000)
    hook.wait.clear()
    for _ in range(5):
        lock_events(owner, environment)
    hook.got(AT_ONCE)
    kill(worker)
    hook.wait.set()
    with installation.worker():
        until(lambda: len(installation.query(WAITING, webhook["id"])) == AT_ONCE)
        assert len(installation.query(LAPSED, webhook["id"])) == AT_ONCE
        until(lambda: not installation.query(WAITING, webhook["id"]))
    times = Counter(request.position for request in hook.requests)
    assert len(times) == 20
    assert sum(times.values()) == 20 + AT_ONCE


def test_of_several_workers_any_may_die_while_events_happen(
    installation: Installation, owner: Caller, hook: Hook, worker: Command
) -> None:
    environment = owner.environment()
    webhook = hook.webhook(owner, config=only(environment))
    with ExitStack() as stack:
        for number in range(2):
            name = f"other-worker-{number}"
            stack.enter_context(installation.berth("worker", name=name))
        for _ in range(5):
            lock_events(owner, environment)
        hook.got(4)
        kill(worker)
        for _ in range(10):
            lock_events(owner, environment)

        def is_done() -> bool:
            installation.query(LAPSED, webhook["id"])
            return len({request.position for request in hook.requests}) == 60

        until(is_done)
    positions = [request.position for request in hook.requests]
    assert len(set(positions)) == 60
    shown = made(owner.get(f"/webhooks/{webhook['id']}"))
    assert shown["errorCount"] == 0
