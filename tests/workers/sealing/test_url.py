"""A URL has a checkpoint once it has answered so, and not before."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from workers.outgoing import Answer, Unreachable
from workers.sealing.outlet import OutletUnavailable
from workers.sealing.url import UrlOutlet


class Outside:
    """Answers every request with `what`."""

    def __init__(self, what: int | Unreachable) -> None:
        self.what = what

    async def post(self, _: str, **__: Any) -> Answer:
        if isinstance(self.what, Unreachable):
            raise self.what
        return Answer(self.what, 1.0, b"")


def publish(what: int | Unreachable) -> None:
    outside: Any = Outside(what)
    asyncio.run(UrlOutlet("https://a.example", outside).publish("log", "a note"))


@pytest.mark.parametrize("status", [200, 204, 299])
def test_what_begins_with_two_says_that_it_is_there(status: int) -> None:
    publish(status)


@pytest.mark.parametrize("status", [199, 300, 302, 404, 500])
def test_whatever_else_does_not(status: int) -> None:
    """Nobody follows a redirect, so what is behind one was told nothing."""
    with pytest.raises(OutletUnavailable, match=f"it answers {status}"):
        publish(status)


def test_nor_does_silence() -> None:
    with pytest.raises(OutletUnavailable, match="it is away"):
        publish(Unreachable("it is away"))
