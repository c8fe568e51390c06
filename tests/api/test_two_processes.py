"""Two API processes on one database: what one is told, the other knows."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx2
import pytest

from domain.roles import Role
from tests.support.client import Caller, Json, made, unique
from tests.support.running import Api, Installation, until

HAND_OVERS = 3
NOBODY_LISTENS = "nats://127.0.0.1:9"
NEVER_LOOKS = """
from workers import doorbell
doorbell.LOOK_EVERY_SECONDS = 3_600
"""


@pytest.fixture(scope="module")
def deaf_api(installation: Installation) -> Iterator[Api]:
    """A process that has never reached NATS."""
    with installation.api("deaf-api", BERTH_NATS_URL=NOBODY_LISTENS) as process:
        yield process


@pytest.fixture
def listening_api(
    installation: Installation, owner: Caller, pool: ThreadPoolExecutor
) -> Iterator[Api]:
    """A process that has heard the doorbell, and goes by nothing else."""
    with installation.api("listening-api", first=NEVER_LOOKS) as process:
        environment = owner.environment()
        path, lock = f"/environments/{environment['id']}", owner.lock(environment)
        ticket = lock.hold()["ticketId"]
        waiting = wait_there(process, environment, pool)
        made(lock.release(ticket))

        def has_heard() -> bool:
            made(owner.patch(path, {"description": unique("ring")}))
            return waiting.done()

        until(has_heard)
        yield process


def test_a_release_here_answers_who_waits_there(
    api: Api, listening_api: Api, pool: ThreadPoolExecutor
) -> None:
    """By the doorbell: there, nobody looks at the journal."""
    for _ in range(HAND_OVERS):
        hand_over(api, listening_api, pool)


@pytest.mark.parametrize("way", ["to", "from"])
def test_without_nats_who_waits_is_answered_after_the_next_look(
    api: Api, deaf_api: Api, pool: ThreadPoolExecutor, way: str
) -> None:
    processes = (api, deaf_api) if way == "to" else (deaf_api, api)
    hand_over(*processes, pool)


def test_what_was_written_here_is_read_there_at_once(
    api: Api, other_api: Api, deaf_api: Api
) -> None:
    """No worker runs: whoever reads brings the view up to date."""
    everybody = [p.caller(Role.OWNER, "olga") for p in (api, other_api, deaf_api)]
    for writer, reader in zip(everybody, everybody[1:] + everybody[:1], strict=True):
        environment = writer.environment(description="new")
        assert reader.look(environment) == environment
        path = f"/environments/{environment['id']}"
        changed = made(writer.patch(path, {"description": "changed"}))
        assert reader.look(environment) == changed
        held = writer.lock(environment).hold()
        assert reader.look(environment)["lockExpiresAt"] == held["expiresAt"]
        assert made(reader.lock(environment).acquire(held["ticketId"], 0))["fence"] == 1
        made(reader.lock(environment).release(held["ticketId"]))
        assert not writer.look(environment)["isLocked"]
        assert writer.audit(environment) == reader.audit(environment)
        assert writer.delete(path).status_code == 204
        assert reader.get(path).status_code == 404


def test_a_queue_over_two_processes_is_one_queue(api: Api, other_api: Api) -> None:
    here, there = api.caller(Role.OWNER), other_api.caller(Role.APPLICATION)
    environment = here.environment()
    locks = [caller.lock(environment) for caller in (here, there)]
    tickets = [locks[number % 2].ticket() for number in range(6)]
    fences = []
    for number, ticket in enumerate(tickets):
        lock = locks[number % 2]
        fences.append(made(lock.acquire(ticket, 0))["fence"])
        made(lock.release(ticket))
    assert fences == [1, 2, 3, 4, 5, 6]


def hand_over(here: Api, there: Api, pool: ThreadPoolExecutor) -> None:
    """A release through `here` gives the lock to who waits `there`."""
    owner = here.caller(Role.OWNER)
    environment = owner.environment()
    holder = owner.lock(environment)
    ticket = holder.hold()["ticketId"]
    waiting = wait_there(there, environment, pool)
    made(holder.release(ticket))
    assert made(waiting.result(15))["fence"] == 2


def wait_there(
    there: Api, environment: Json, pool: ThreadPoolExecutor
) -> Future[httpx2.Response]:
    """Somebody whose call for the lock is parked in that process."""
    waiter = there.caller(Role.APPLICATION).lock(environment)
    waiting = pool.submit(waiter.acquire, waiter.ticket(), 20)
    until(lambda: there.waiting == 1)
    return waiting
