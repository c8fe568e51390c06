"""A command that runs under a lock: told of signals, ended when the lock is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

from workers.embedded.process import launcher
from workers.pipeline.clock import within
from workers.pipeline.family import Awaited, Member, family, heeds
from workers.pipeline.server import Tell
from workers.pipeline.signals import SIGNALLED

END_SECONDS_MIN, LEAVING_SECONDS = 1.0, 1.0
OF_TERMINALS = (signal.SIGINT, signal.SIGQUIT)


class Command:
    """In a process group of its own, so that what it started is told, too.

    At a terminal it stays in ours, or it could not read from there; then the terminal
    itself tells everybody of a Ctrl-C. Whatever was told to end is waited for, also if
    the command itself has ended: it may be at work in the environment still.
    """

    def __init__(self, process: Process, *, is_at_terminal: bool, tell: Tell) -> None:
        self._process = process
        self._is_at_terminal = is_at_terminal
        self._tell = tell
        self._told = Awaited()
        self.ending = asyncio.create_task(self._ended())

    @classmethod
    async def start(
        cls, words: Sequence[str], environment: Mapping[str, str], tell: Tell
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
        return cls(process, is_at_terminal=is_at_terminal, tell=tell)

    def pass_on(self, number: signal.Signals) -> None:
        """A signal that came for us."""
        heeding = [member for member in self._family() if heeds(member, number)]
        if self._is_at_terminal and number in OF_TERMINALS:
            # Who is in our group has it from the terminal, as we have.
            self._told.add(m for m in heeding if m.group == os.getpgrp())
        else:
            self._told.add(heeding)
            self._send(number, heeding)

    async def end(self, seconds: float) -> None:
        """Ask all of it to, and after so many seconds do not ask."""
        asked = self._family()
        self._told.add(asked)
        self._send(signal.SIGTERM, asked)
        with suppress(TimeoutError):
            async with within(max(seconds, END_SECONDS_MIN)):
                await asyncio.wait({self.ending})
        left = self._family()
        self._send(signal.SIGKILL, left)
        for member in left:
            _signal(os.kill, member.pid, signal.SIGKILL)
        await asyncio.wait({self.ending})

    async def _ended(self) -> int:
        """Its exit code, as a shell would tell it."""
        code = await self._process.wait()
        waiting = asyncio.create_task(self._told.ended())
        await asyncio.wait({waiting}, timeout=LEAVING_SECONDS)
        if left := ", ".join(str(member.pid) for member in self._told.left):
            self._tell(f"the command has ended, and what it started has not: {left}")
        await waiting
        return code if code >= 0 else SIGNALLED - code

    def _family(self) -> Collection[Member]:
        """Also those whose parents have ended since they were told."""
        if self._process.returncode is None:
            return {*self._told.left, *family(self._process.pid)}
        return self._told.left

    def _send(self, number: signal.Signals, members: Collection[Member]) -> None:
        """To the command's group, and to who leads another: timeout(1), say."""
        ours = None
        if not self._is_at_terminal:
            _signal(os.killpg, self._process.pid, number)
        else:
            ours = os.getpgrp()
            if self._process.returncode is None:
                _signal(os.kill, self._process.pid, number)
        for member in members:
            if member.leads or member.group == ours:
                _signal(os.kill, member.pid, number)


def _signal(kill: Callable[[int, int], None], pid: int, number: signal.Signals) -> None:
    # Under sudo nobody may tell it; then it is waited for until it has ended.
    with suppress(ProcessLookupError, PermissionError):
        kill(pid, number)
