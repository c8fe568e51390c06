"""A scene on a stage: the stage is set, the scene is played, the stage is cleared."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import uvloop

Stage = TypeVar("Stage")


def play(
    stage: AbstractAsyncContextManager[Stage],
    scene: Callable[[Stage], Awaitable[None]],
) -> None:
    """In an event loop of its own."""

    async def whole() -> None:
        async with stage as what_is_there:
            await scene(what_is_there)

    uvloop.run(whole())
