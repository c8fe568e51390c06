"""When a tail rests, and when it does not; and what it notes of what it passes over."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from domain.token import TokenRevoked
from projections.storage import tail as tails
from tests.projections.test_tail import heard, is_noted, reading, story
from tests.projections.test_views import append
from tests.support.dispatching import until

LONG_SECONDS = 600.0


def test_only_after_many_and_only_at_the_end_it_waits_for_more(
    own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither who is far behind is kept waiting, nor a few that come alone."""
    monkeypatch.setattr(tails, "BATCH_MAX", 10)
    monkeypatch.setattr(tails, "MANY", 4)
    append(own_journal_url, story(42))

    async def scene() -> None:
        async with reading(own_journal_url, pause_seconds=LONG_SECONDS) as one:
            await until(lambda: heard(one, 21))
            append(own_journal_url, story(2))
            one.tail.nudge()
            await until(lambda: heard(one, 22))

    asyncio.run(scene())


def test_who_was_nudged_looks_and_rests_again(
    own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tails, "LOOK_EVERY_SECONDS", LONG_SECONDS)

    async def scene() -> None:
        async with reading(own_journal_url) as one:
            rest, is_resting = one.tail._rest, asyncio.Event()

            async def resting(seconds: float) -> None:
                is_resting.set()
                await rest(seconds)

            monkeypatch.setattr(one.tail, "_rest", resting)
            for number in range(1, 4):
                append(own_journal_url, story(2))
                one.tail.nudge()
                await until(partial(heard, one, number))
                is_resting.clear()
                one.tail.nudge()
                await is_resting.wait()

    asyncio.run(scene())


def test_what_is_of_no_interest_need_not_be_passed_over_twice(
    own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many at once: to note each of them would be a write for nothing."""
    monkeypatch.setattr(tails, "PASSED_OVER_MAX", 8)

    async def scene() -> None:
        async with reading(own_journal_url) as one:
            for count in 5, 3:
                append(own_journal_url, [("token/1", TokenRevoked())] * count)
                one.tail.nudge()
            await until(lambda: is_noted(own_journal_url, 8))
            assert one.heard == []

    asyncio.run(scene())
