"""Scenes about review environments are played on a database of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.workers.review.worker import Play, Worker, working


@pytest.fixture
def play(own_journal_url: str) -> Play:
    """Play a scene with a worker on a database of its own."""

    def played(scene: Callable[[Worker], Awaitable[None]]) -> None:
        async def playing() -> None:
            async with working(own_journal_url) as worker:
                await scene(worker)

        asyncio.run(playing())

    return played
