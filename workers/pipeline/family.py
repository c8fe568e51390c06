"""The processes that a command has started, as Linux's /proc tells of them.

Nothing is known elsewhere: there a signal goes to the command's process group alone.
"""

from __future__ import annotations

import asyncio
import os
import select
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from signal import Signals
from typing import NamedTuple

PROC = Path("/proc")


class Member(NamedTuple):
    """`group` is that of its processes."""

    pid: int
    group: int

    @property
    def leads(self) -> bool:
        """It has a group of its own, as timeout(1) has, and a shell at a terminal."""
        return self.pid == self.group


def family(pid: int) -> Iterator[Member]:
    """What that process has started, and what those have, and so on."""
    children = defaultdict(list)
    for parent, member in _all():
        children[parent].append(member)
    found = [*children[pid]]
    while found:
        member = found.pop()
        found += children[member.pid]
        yield member


def heeds(member: Member, number: Signals) -> bool:
    """It is not told to ignore that signal, as by nohup, or by a shell and its `&`."""
    with suppress(OSError):
        for line in (PROC / str(member.pid) / "status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "SigIgn":
                return not int(value, 16) >> (number - 1) & 1
    return False


class Awaited:
    """Processes that are not our children, until they have ended."""

    def __init__(self) -> None:
        self._handles: dict[Member, int] = {}

    def add(self, members: Iterable[Member]) -> None:
        for member in {*members} - self._handles.keys():
            # It has ended, or this Python was built where there was no such call.
            with suppress(OSError, AttributeError):
                self._handles[member] = os.pidfd_open(member.pid)

    @property
    def left(self) -> Sequence[Member]:
        """Those that have not ended."""
        return [m for m, handle in self._handles.items() if not _is_readable(handle)]

    async def ended(self) -> None:
        """All of them, also those that are added meanwhile."""
        while self._handles:
            member, handle = next(iter(self._handles.items()))
            await _readable(handle)
            os.close(self._handles.pop(member))


def _is_readable(handle: int) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(0))


async def _readable(handle: int) -> None:
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(handle)


def _all() -> Iterator[tuple[int, Member]]:
    """Each with its parent's id."""
    for entry in PROC.glob("[0-9]*/stat"):
        with suppress(OSError):  # It has ended.
            # The name, in brackets, may have anything in it.
            fields = entry.read_text(errors="replace").rpartition(")")[2].split()
            yield int(fields[1]), Member(int(entry.parent.name), int(fields[2]))
