"""Pages of the journal for whoever asks, and its newest events for all who follow.

Those who follow share one reading of the journal: while there is any, each new event is
read once, whatever their number, and none of them asks the database while it keeps up.

Each reading begins with the last event of the one before. If that is not there any
more, or is another one, the journal has come back with less than it had.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import takewhile

import structlog
from msgspec import Struct
from msgspec.structs import replace

from domain.errors import JournalUnavailable, VaultClosed
from domain.event import Actor
from domain.outward.choice import Choice
from domain.token import TokenRevoked, token_id_of
from projections.storage.events_read import SCAN_MAX, EventsRead, Piece
from projections.storage.mapper import NEWER
from workers.feed.entry import Entry
from workers.feed.window import Window

READ_MAX = 1_000
READ_BYTES_MAX = 1024 * 1024
# Of those who have fallen behind: the others have threads and connections left.
READS_AT_ONCE_MAX = 2
# Few readers are told at a time: what else is asked is answered in between.
TOLD_AT_ONCE = 50
# A busy journal is read in such steps, so that each read brings many.
STEP_SECONDS = 0.01
LOOK_EVERY_SECONDS = 5.0
log = structlog.get_logger()


class Wanted(Struct, frozen=True):
    """Who asks, and for what."""

    actor: Actor
    choice: Choice


class Page(Struct, frozen=True):
    """All that is wanted between what was asked for and `until`."""

    entries: Sequence[Entry]
    until: int
    tip: int

    @property
    def is_last(self) -> bool:
        """Whether there is nothing after it so far."""
        return self.until >= self.tip


class Lost(Struct, frozen=True):
    """What followed the position `after` is gone, and others may be there instead.

    As after a failover to a standby that lacked the last commits.
    """

    after: int = 2**62


class Feed:
    """`is_closing`: nobody should wait for anything any more.

    `lost` is another one each time that the journal has come back with less: whoever
    had come further by then has to begin again from there.
    """

    def __init__(self, events: EventsRead) -> None:
        self.is_closing = False
        self.lost = Lost()
        self.events = events
        self.revoked: set[str] = set()
        self._installation = ""
        self._window: Window | None = None
        self._closed: VaultClosed | None = None
        self._followers = 0
        self._nudged = asyncio.Event()
        self._waiting: set[asyncio.Future[None]] = set()
        self._turns = asyncio.Semaphore(READS_AT_ONCE_MAX)

    @property
    def followers(self) -> int:
        return self._followers

    def nudge(self) -> None:
        """Something was appended."""
        if self._followers:
            self._nudged.set()

    def close(self) -> None:
        self.is_closing = True
        _wake(self._waiting)

    async def page(
        self,
        wanted: Wanted,
        after: int,
        limit: int = READ_MAX,
        bytes_max: int = READ_BYTES_MAX,
    ) -> Page:
        """From the journal itself: nothing that was appended before is missing.

        At most `limit` events, some `bytes_max` at most, after a look at `SCAN_MAX`
        positions or few more. It may well be empty, and not be the last one.
        `JournalUnavailable` if only a newer version of Berth can tell what comes next.
        """
        found: list[Entry] = []
        until, size, at_once = after, 0, max(limit, 100)
        while True:
            piece = await self._read(until, wanted.choice, at_once, bytes_max - size)
            for entry in self._entries(piece):
                if entry.is_for(wanted.actor, wanted.choice):
                    found.append(entry)
                    size += entry.size_bytes
                if len(found) == limit:
                    return Page(found, entry.position, piece.tip)
            until = piece.until
            if piece.is_cut and until == after:
                raise JournalUnavailable(NEWER)
            is_enough = size >= bytes_max or until - after >= SCAN_MAX
            if is_enough or piece.is_cut or until >= piece.tip:
                return Page(found, until, piece.tip)

    async def newest(
        self,
        wanted: Wanted,
        after: int,
        limit: int = READ_MAX,
        bytes_max: int = READ_BYTES_MAX,
    ) -> Page:
        """The same for those who follow: from memory, unless they are behind."""
        window = self._window
        if window is None or not window.covers(after):
            return await self.page(wanted, after, limit, bytes_max)
        entries = window.after(after, limit, bytes_max)
        until = entries[-1].position if entries else after
        mine = [e for e in entries if e.is_for(wanted.actor, wanted.choice)]
        return Page(mine, until, window.tip)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Inside, `beyond` tells of news."""
        self._followers += 1
        self._nudged.set()
        try:
            yield
        finally:
            self._followers -= 1
            if not self._followers:
                self._window = self._closed = None
                self.revoked.clear()

    async def beyond(self, position: int, lost: Lost | None = None) -> None:
        """Until there is something after `position`, or nobody should wait, or more is
        lost than was `lost` when it was read.

        `VaultClosed` if there is, and this process cannot open it.
        """
        lost = lost or self.lost
        while not self.is_closing and (
            self._window is None or self._window.tip <= position
        ):
            if self.lost is not lost:
                return
            if (closed := self._closed) is not None:
                raise VaultClosed(str(closed), version=closed.version)
            news = asyncio.get_running_loop().create_future()
            self._waiting.add(news)
            try:
                await news
            finally:
                self._waiting.discard(news)

    async def run(self) -> int:
        """Keep up with the journal while anybody follows, until cancelled."""
        while True:
            with suppress(TimeoutError):
                # Not `wait_for`, which until Python 3.12 may miss that it is cancelled.
                async with asyncio.timeout(LOOK_EVERY_SECONDS):
                    await self._nudged.wait()
            self._nudged.clear()
            if self._followers:
                try:
                    await self._keep_up()
                except VaultClosed as error:
                    # Another process may have the key: those who follow go there.
                    self._closed = error if self._followers else None
                    await self._tell()
                    raise
                await asyncio.sleep(STEP_SECONDS)

    async def _keep_up(self) -> None:
        if self._window is None:
            begin = await self.events.tip()
            # Somebody is still there, and has seen nothing after that.
            self._window = Window(begin) if self._followers else None
            await self._tell()
        while (window := self._window) is not None:
            piece = await self._read_on(window)
            self._closed = None
            if piece is None:
                await self._lose(window)
                continue
            entries = self._entries(piece)
            for found in piece.found:
                if isinstance(found.record.event, TokenRevoked):
                    self.revoked.add(token_id_of(found.record.originator_id))
            if entries:
                window.add(entries)
                if window.tip != piece.until:  # Somebody has removed some of them.
                    self._window = Window(piece.until) if self._followers else None
                await self._tell()
            if piece.is_cut:
                raise JournalUnavailable(NEWER)
            if piece.until >= piece.tip:
                return

    def forget(self) -> None:
        """Somebody was erased, and what is in memory may still name them."""
        if self._window is not None:
            self._window = Window(self._window.tip)
            self._nudged.set()

    async def _tell(self) -> None:
        """All who wait now; who is done with it waits for what comes next."""
        waiting = [*self._waiting]
        for begin in range(0, len(waiting), TOLD_AT_ONCE):
            _wake(waiting[begin : begin + TOLD_AT_ONCE])
            await asyncio.sleep(0)

    async def _read(self, after: int, choice: Choice, limit: int, size: int) -> Piece:
        await self._know_installation()
        async with self._turns:
            return await self.events.after(
                after,
                limit=limit,
                bytes_max=size,
                topics=choice.tags,
                about=choice.environment_id,
            )

    async def _read_on(self, window: Window) -> Piece | None:
        """What comes next; None if what it ends with is not in the journal any more."""
        if (last := window.last) is None:
            piece = await self._read_all(window.tip)
            return piece if piece.tip >= window.tip else None
        piece = await self._read_all(window.tip - 1, more_bytes=last.size_bytes)
        if not (piece.found and window.has(piece.found[0].record)):
            return None
        return replace(piece, found=piece.found[1:])

    async def _lose(self, window: Window) -> None:
        """Find out where another history begins; tell those who had come further."""
        after, is_same = window.start, True
        while is_same:
            piece = await self._read_all(after)
            records = [found.record for found in piece.found]
            same = [*takewhile(window.has, records)]
            after = same[-1].position if same else min(after, piece.tip)
            is_same = bool(same)
        self.lost = Lost(after)
        log.warning("the journal has come back with less", after=after)
        self._window = Window(after) if self._followers else None
        await self._tell()

    async def _read_all(self, after: int, more_bytes: int = 0) -> Piece:
        await self._know_installation()
        return await self.events.after(
            after, limit=READ_MAX, bytes_max=READ_BYTES_MAX + more_bytes
        )

    async def _know_installation(self) -> None:
        if not self._installation:
            self._installation = await self.events.installation()

    def _entries(self, piece: Piece) -> list[Entry]:
        return [Entry(found, self._installation) for found in piece.found]


def _wake(waiting: Iterable[asyncio.Future[None]]) -> None:
    for one in waiting:
        if not one.done():
            one.set_result(None)
