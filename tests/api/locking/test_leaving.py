"""Whoever is told to end while he asks or waits ends, and says what he leaves."""

from __future__ import annotations

import asyncio
import math
import signal

import pytest

from tests.support.client import Caller, Json
from tests.support.gate import Gate
from workers.pipeline import ticket as pipeline_ticket
from workers.pipeline.bearer import Kept
from workers.pipeline.place import Place, Wanted
from workers.pipeline.server import Server
from workers.pipeline.signals import Interrupted, Signals
from workers.pipeline.ticket import Ticket


def test_a_signal_counts_that_comes_as_the_work_is_done() -> None:
    signals = Signals()

    async def work() -> None:
        asyncio.get_running_loop().call_soon(signals.come, signal.SIGTERM)

    with pytest.raises(Interrupted):
        asyncio.run(signals.unless(work()))


def test_whoever_leaves_a_server_that_is_away_says_so_and_goes(
    gate: Gate, application: Caller, prod: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_ticket, "LAST_SECONDS_MAX", 0.1)
    gate.shut()
    told = asyncio.run(_told_in_leaving(gate.url, application, prod))
    assert "a ticket of prod may be left: no answer in time" in told


async def _told_in_leaving(url: str, caller: Caller, prod: Json) -> list[str]:
    told: list[str] = []
    asked = asyncio.Event()

    def tell(line: str) -> None:
        told.append(line)
        asked.set()

    server = Server(url, Kept(caller.token), tell)
    place = Place("prod", f"/environments/{prod['id']}/lock", {})
    wanted = Wanted("prod", None, 300, math.inf, None)
    ticket = Ticket(server, place, wanted, tell)
    acquiring = asyncio.create_task(ticket.acquired())
    await asked.wait()
    acquiring.cancel()
    async with asyncio.timeout(60):
        await ticket.leave()
    await server.close()
    return told
