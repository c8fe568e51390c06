"""Who leads the fan-out knows of each webhook from the moment that it is added."""

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


def test_what_happens_right_after_a_webhook_was_added_is_not_passed_over(
    own_journal_url: str,
) -> None:
    """Nobody wanted it when it was asked what is of interest in the journal."""
    url = own_journal_url
    append(url, [("webhooks/a", created(pattern="token.revoked"))])

    async def scene() -> None:
        async with process(url) as one:
            await until(passes(one, 1))
            b, c = created(pattern="token.issued"), created(pattern="token.issued")
            issued = ("tokens/1", ISSUED)
            append(url, [("webhooks/b", b), issued, ("webhooks/c", c), issued])
            await until(passes(one, 5))
        assert rows(url) == [("b", 3), ("b", 5), ("c", 5)]

    asyncio.run(scene())


def test_who_has_nobody_to_tell_looks_up_when_a_webhook_is_added(
    own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tails, "LOOK_EVERY_SECONDS", 600.0)
    url = own_journal_url
    append(url, [("webhooks/a", created(is_active=False))])

    async def scene() -> None:
        async with process(url) as one:
            is_wanted = [one.fan_out.is_wanted]  # It does not know yet.
            await until(passes(one, 1))
            is_wanted.append(one.fan_out.is_wanted)
            append(url, [("webhooks/b", created())])
            one.nudge(["e-1", "webhooks/b"])
            await until(passes(one, 2))
            is_wanted.append(one.fan_out.is_wanted)
        assert is_wanted == [True, False, True]

    asyncio.run(scene())
