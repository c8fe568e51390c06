"""A command that runs under a lock: told of signals, ended when the lock is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from contextlib import suppress

from workers.embedded.process import launcher
from workers.pipeline.signals import SIGNALLED

END_SECONDS_MIN = 1.0


class Command:
    """In a process group of its own, so that what it started is told, too.

    At a terminal it stays in ours, or it could not read from there; then the terminal
    itself tells everybody of a Ctrl-C.
    """

    def __init__(self, process: Process, *, is_at_terminal: bool) -> None:
        self._process = process
        self._is_at_terminal = is_at_terminal

    @classmethod
    async def start(
        cls, words: Sequence[str], environment: Mapping[str, str]
    ) -> Command:
        """`words[0]` is a path. On Linux it is told to end if we are killed."""
        is_at_terminal = sys.stdin is not None and sys.stdin.isatty()
        group = None if is_at_terminal else 0
        process = await asyncio.create_subprocess_exec(
            *launcher(signal.SIGTERM, account=None),
            *words,
            env=environment,
            process_group=group,
        )
        return cls(process, is_at_terminal=is_at_terminal)

    def tell(self, number: signal.Signals) -> None:
        """Pass on a signal that came for us."""
        if not (self._is_at_terminal and number is signal.SIGINT):
            self._send(number)

    async def ended(self) -> int:
        """Its exit code, as a shell would tell it."""
        code = await self._process.wait()
        return code if code >= 0 else SIGNALLED - code

    async def end(self, seconds: float) -> None:
        """Ask it to, and after so many seconds do not ask."""
        self._send(signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, END_SECONDS_MIN)):
                await self._process.wait()
        self._send(signal.SIGKILL)
        await self._process.wait()

    def _send(self, number: signal.Signals) -> None:
        kill = os.kill if self._is_at_terminal else os.killpg
        # Under sudo nobody may tell it; then it is waited for until it has ended.
        with suppress(ProcessLookupError, PermissionError):
            kill(self._process.pid, number)
