"""A process or a machine that stood still looks at once whether it has the lock."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.client import Caller, Json
from tests.support.gate import Gate
from tests.support.pipeline import ENDLESS, Pipeline
from tests.support.running import Api, Installation, until
from workers.pipeline.bearer import Kept
from workers.pipeline.place import Wanted, find
from workers.pipeline.server import Server, Unreachable
from workers.pipeline.ticket import LockLost, Ticket

LOST, LEASE_SECONDS = 125, 300
RENEWALS = """
SELECT FROM berth_events WHERE originator_id = %s AND topic = 'lock.renewed'
"""


class Suspended:
    """The machine: its clock goes on for so many seconds, and the loop's does not."""

    seconds = 0.0

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        tells = time.clock_gettime
        monkeypatch.setattr(time, "clock_gettime", lambda of: tells(of) + self.seconds)


@pytest.fixture
def suspended(monkeypatch: pytest.MonkeyPatch) -> Suspended:
    return Suspended(monkeypatch)


@asynccontextmanager
async def keeping(url: str, caller: Caller, place: Json) -> AsyncIterator[Ticket]:
    """A ticket whose lease was just extended, and is kept."""

    def tell(_: str) -> None:
        pass

    server = Server(url, Kept(caller.token), tell)
    wanted = Wanted("prod", place["repositoryIdentifier"], LEASE_SECONDS, 0, None)
    try:
        found = await find(server, wanted.environment, wanted.repository)
        ticket = Ticket(server, found, wanted, tell)
        await ticket.acquired()
        async with asyncio.timeout(60):
            yield ticket
    finally:
        await server.close()


def test_a_command_does_not_go_on_where_a_machine_slept_through_its_lease(
    api: Api, application: Caller, prod: Json, suspended: Suspended
) -> None:
    async def sleeping() -> None:
        async with keeping(api.url, application, prod) as ticket:
            kept = asyncio.create_task(ticket.keep())
            await asyncio.sleep(0)
            suspended.seconds += LEASE_SECONDS
            await kept

    with pytest.raises(LockLost, match="its lease was over"):
        asyncio.run(sleeping())


def test_nor_while_it_asks_a_server_that_does_not_answer(
    gate: Gate, application: Caller, prod: Json, suspended: Suspended
) -> None:
    async def sleeping() -> None:
        async with keeping(gate.url, application, prod) as ticket:
            gate.answers.clear()
            renewing = asyncio.create_task(ticket.renew(LEASE_SECONDS / 3))
            await asyncio.sleep(0)
            suspended.seconds += LEASE_SECONDS / 3
            await renewing

    with pytest.raises(Unreachable):
        asyncio.run(sleeping())


def test_it_goes_on_where_the_lease_does(
    api: Api,
    application: Caller,
    prod: Json,
    suspended: Suspended,
    installation: Installation,
) -> None:
    def renewals() -> int:
        return len(installation.query(RENEWALS, prod["id"]))

    async def sleeping() -> None:
        async with keeping(api.url, application, prod) as ticket:
            begun_with = renewals()
            kept = asyncio.create_task(ticket.keep())
            await asyncio.sleep(0)
            suspended.seconds += LEASE_SECONDS * 0.9
            while renewals() == begun_with:
                assert not kept.done(), kept.exception()
                await asyncio.sleep(0.02)
            kept.cancel()

    asyncio.run(sleeping())


def test_who_was_stopped_for_longer_than_his_lease_ends_the_command(
    pipeline: Pipeline, owner: Caller, prod: Json
) -> None:
    running = pipeline.start("lock", prod, "--lease", "9", "--", "sh", "-c", ENDLESS)
    assert running.ticket()
    running.signalled(signal.SIGSTOP)
    until(lambda: not owner.look(prod)["isLocked"])
    done = running.signalled(signal.SIGCONT).done()
    assert (done.code, done.printed) == (LOST, "told\n")
    assert "lost the lock of prod: its lease was over" in done.told


def test_nobody_vouches_for_a_command_that_may_have_ended_after_its_lease(
    pipeline: Pipeline, owner: Caller, prod: Json, tmp_path: Path
) -> None:
    file = tmp_path / "enough"
    waits = 'echo $BERTH_TICKET_ID; until [ -e "$0" ]; do sleep 0.02; done; echo ended'
    words = ("--", "sh", "-c", waits, str(file))
    running = pipeline.start("lock", prod, "--lease", "9", *words)
    assert running.ticket()
    running.signalled(signal.SIGSTOP)
    until(lambda: not owner.look(prod)["isLocked"])
    file.touch()
    assert running.line() == "ended\n"
    done = running.signalled(signal.SIGCONT).done()
    assert done.code == LOST
    assert "lost the lock of prod: its lease was over" in done.told
