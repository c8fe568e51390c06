"""Who leads the fan-out again knows of webhooks added while another one led."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from typing import Any

import psycopg
import pytest

from domain.event import Event
from projections.storage import tail as tails
from projections.storage.database import Database
from projections.storage.reader import Reader
from tests.domain.test_webhook import created
from tests.projections.test_tail import SESSION, never
from tests.projections.test_views import append
from tests.support.dispatching import until
from tests.workers.webhooks.test_fan_out import ISSUED, rows
from workers.loop import end, run_forever
from workers.webhooks.running import Webhooks, webhooks

PLACE = "SELECT position FROM tail WHERE name = 'webhook-fan-out'"


@asynccontextmanager
async def process(url: str) -> AsyncIterator[Webhooks]:
    """It follows the journal as soon as nobody else does, and sends nothing."""
    elsewhere: Any = None
    with closing(Database(url, pool_max=2)) as database:
        one = webhooks(database, elsewhere, Reader(database), elsewhere, elsewhere)
        running = asyncio.create_task(run_forever("fan-out", one.tail.run, 0.01))
        try:
            yield one
        finally:
            await end(running)


def end_session(url: str) -> None:
    with psycopg.connect(url) as connection:
        [[pid]] = connection.execute(SESSION).fetchall()
        connection.execute("SELECT pg_terminate_backend(%s)", [pid])


def leaves(one: Webhooks) -> Callable[[], Awaitable[bool]]:
    async def is_so() -> bool:
        return not one.tail.is_leading

    return is_so


def passes(one: Webhooks, position: int) -> Callable[[], Awaitable[bool]]:
    async def is_so() -> bool:
        return one.tail.is_leading and one.tail.position == position

    return is_so


def notes(url: str, position: int) -> Callable[[], Awaitable[bool]]:
    async def is_so() -> bool:
        with psycopg.connect(url) as connection:
            return connection.execute(PLACE).fetchall() == [(position,)]

    return is_so


def test_who_leads_again_reads_what_only_those_want_who_came_while_another_led(
    own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tails, "FOLLOW_EVERY_SECONDS", 0.01)
    url = own_journal_url

    def happens(stream: str, event: Event) -> None:
        append(url, [(stream, event)])

    async def scene() -> None:
        happens("webhooks/a", created(pattern="token.revoked"))
        async with process(url) as one:
            await until(passes(one, 1))
            with monkeypatch.context() as away:
                away.setattr(one.tail, "_lead", never)
                await asyncio.to_thread(end_session, url)
                await until(leaves(one))
                async with process(url) as other:
                    happens("webhooks/b", created(pattern="token.issued"))
                    await until(passes(other, 2))
                    await until(notes(url, 2))
            happens("tokens/1", ISSUED)
            await until(passes(one, 3))
        assert rows(url) == [("b", 3)]

    asyncio.run(scene())
