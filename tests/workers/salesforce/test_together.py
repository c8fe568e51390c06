"""Asking together: one answer for all who ask at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from workers.salesforce.together import Together


class Source:
    """Answers when it is told to, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.error: Exception | None = None

    async def make(self) -> int:
        self.asked += 1
        await self.may_answer.wait()
        if self.error:
            raise self.error
        return self.asked


def run(test: Callable[[Source, Together[str, int]], Awaitable[None]]) -> None:
    async def running() -> None:
        await test(Source(), Together())

    asyncio.run(running())


def test_who_asks_at_the_same_time_shares_an_answer() -> None:
    async def test(source: Source, together: Together[str, int]) -> None:
        asking = [
            asyncio.create_task(together.ask(key, source.make)) for key in "aaabb"
        ]
        await asyncio.sleep(0)
        source.may_answer.set()
        answers = await asyncio.gather(*asking)
        assert source.asked == len(set(answers)) == 2
        assert answers[0] == answers[1] == answers[2]

    run(test)


def test_who_asks_later_asks_anew() -> None:
    async def test(source: Source, together: Together[str, int]) -> None:
        source.may_answer.set()
        assert await together.ask("a", source.make) == 1
        assert await together.ask("a", source.make) == 2

    run(test)


def test_who_goes_away_leaves_the_others_theirs() -> None:
    async def test(source: Source, together: Together[str, int]) -> None:
        first, second = [
            asyncio.create_task(together.ask("a", source.make)) for _ in range(2)
        ]
        await asyncio.sleep(0)
        first.cancel()
        source.may_answer.set()
        assert await second == 1
        with pytest.raises(asyncio.CancelledError):
            await first

    run(test)


def test_a_failure_is_everybody_s_and_is_over_then() -> None:
    async def test(source: Source, together: Together[str, int]) -> None:
        source.error = ValueError("no")
        source.may_answer.set()
        asking = [together.ask("a", source.make) for _ in range(3)]
        failures = await asyncio.gather(*asking, return_exceptions=True)
        assert failures == [source.error] * 3
        source.error = None
        assert await together.ask("a", source.make) == 2

    run(test)
