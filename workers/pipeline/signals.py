"""Signals that ask a pipeline to end: each goes to whoever is at work by then."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from workers.pipeline.server import PipelineError

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
SIGNALLED = (
    128  # As shells have it: what a signal ended exits with this and its number.
)

Told = Callable[[signal.Signals], object]
T = TypeVar("T")


class Interrupted(Exception):
    """Told to end before the command could begin."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(f"{number.name} came")
        self.exit_code = SIGNALLED + number


class Signals:
    """Those that came, in order; what nobody heard is kept for the next."""

    def __init__(self) -> None:
        self.first: signal.Signals | None = None
        self._unheard: list[signal.Signals] = []
        self._told: Told | None = None

    def come(self, number: signal.Signals) -> None:
        self.first = self.first or number
        if self._told is None:
            self._unheard.append(number)
        else:
            self._told(number)

    async def unless(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` comes to; `Interrupted` if a signal came first."""
        task = asyncio.create_task(work)
        with self.going_to(lambda _: task.cancel()):
            await asyncio.wait({task})
        if self.first is None:
            return task.result()
        # Also if it came to something in that moment: too late to be cancelled.
        with suppress(asyncio.CancelledError, PipelineError):
            task.result()
        raise Interrupted(self.first)

    @contextmanager
    def going_to(self, told: Told) -> Iterator[None]:
        """Those that were not heard so far, and all that come meanwhile."""
        self._told, unheard = told, self._unheard
        self._unheard = []
        for number in unheard:
            told(number)
        try:
            yield
        finally:
            self._told = None


@contextmanager
def ending_signals() -> Iterator[Signals]:
    """What this process is told to ignore, as by nohup, it goes on to ignore."""
    loop, signals = asyncio.get_running_loop(), Signals()
    heard = [n for n in ENDING if signal.getsignal(n) is not signal.SIG_IGN]
    for number in heard:
        loop.add_signal_handler(number, signals.come, number)
    try:
        yield signals
    finally:
        for number in heard:
            loop.remove_signal_handler(number)
