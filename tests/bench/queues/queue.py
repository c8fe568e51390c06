"""What is asked of every queue that Berth's tasks are measured beside."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from signal import SIGCONT, SIGSTOP
from typing import LiteralString, Protocol

from msgspec import Struct

from tests.bench.starts import tell_start

Submit = Callable[[str], Awaitable[object]]
SUBMITTERS = 16


class Flood(Struct):
    """How many were submitted, and when that began by the machine's clock."""

    began_at: float
    submitted: int


class Queue(Protocol):
    """`unfinished` asks whether anything is left; `settings` says what was chosen."""

    unfinished: LiteralString
    settings: str

    async def install(self, url: str) -> None: ...

    def submitting(self, url: str) -> AbstractAsyncContextManager[Submit]:
        """A way to submit one no-op; its address, if any, is told of its start."""
        ...

    async def work(self, url: str) -> None:
        """Run what is submitted, until stopped."""
        ...


async def no_op(address: str) -> None:
    if address:
        tell_start(address)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process does nothing meanwhile."""
    os.kill(pid, SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, SIGCONT)
