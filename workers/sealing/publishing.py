"""Hands the newest checkpoint to each outlet, and hears what they have from before.

An outlet remembers what the database may have been made to forget: one that has a
checkpoint which contradicts the log stops the sealer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog

from domain.seal.findings import Tampered, Unreadable
from domain.seal.note import key_of, opened
from projections.storage.log.keys import LogKeys
from projections.storage.log.reading import Log, Sealed
from projections.storage.log.signing import is_signed
from workers.sealing.outlet import Outlet, OutletUnavailable

log = structlog.get_logger()
EVERY_SECONDS = 0.5
# Must leave the sealer's session time before PostgreSQL takes it for dead.
ASKED_SECONDS_MAX = 1.5


class Publishing:
    """`contradiction` says which outlet knows otherwise, and what, if one does."""

    def __init__(self, sealed: Log, keys: LogKeys, outlets: Sequence[Outlet]) -> None:
        self._log = sealed
        self._keys = keys
        self._outlets = outlets
        # How many events the newest checkpoint has that each was given or had.
        self._given: dict[str, int] = {}
        self._contradictions: dict[str, str] = {}
        self._complaints: dict[str, str] = {}

    @property
    def contradiction(self) -> str | None:
        return next(iter(self._contradictions.values()), None)

    async def objection(self) -> str | None:
        """The same, after asking them. Whoever is silent keeps nobody from sealing, nor
        from being heard: he is asked again.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(ASKED_SECONDS_MAX):
                await self.look()
        return self.contradiction

    def forget(self) -> None:
        """An outlet may have been replaced meanwhile, or been given more by another
        process: ask them all again.
        """
        self._given.clear()

    async def look(self) -> None:
        """Ask those outlets what they have that were not asked, or knew otherwise, or
        were given more than is sealed by now.
        """
        newest = await self._log.newest()
        size = newest.checkpoint.size if newest else 0
        await asyncio.gather(*(self._ask(outlet, size) for outlet in self._outlets))

    async def run_once(self) -> int:
        """Give each what it lacks; return how many were given something."""
        await self.look()
        newest = await self._log.newest()
        if newest is None or self.contradiction:
            return 0
        given = [self._give(outlet, newest) for outlet in self._outlets]
        return sum(await asyncio.gather(*given))

    async def _ask(self, outlet: Outlet, size: int) -> None:
        given = self._given.get(outlet.name)
        is_known = given is not None and given <= size
        if is_known and outlet.name not in self._contradictions:
            return
        try:
            note = await outlet.last()
            size, why = await self._heard(note) if note else (0, None)
        except OutletUnavailable as error:
            self._complain(outlet, str(error))
            return
        self._given[outlet.name] = size
        if why:
            self._contradictions[outlet.name] = f"{outlet.name} knows otherwise: {why}"
        else:
            self._contradictions.pop(outlet.name, None)

    async def _heard(self, note: str) -> tuple[int, str | None]:
        """How many events it is of, and what it contradicts."""
        keys = [key_of(key.vkey) for key in await self._keys.all()]
        try:
            checkpoint, _ = opened(note, keys, is_signed)
        except (Unreadable, Tampered) as error:
            raise OutletUnavailable(f"what it has is none of ours: {error}") from None
        return checkpoint.size, await self._log.contradiction(checkpoint)

    async def _give(self, outlet: Outlet, newest: Sealed) -> int:
        checkpoint = newest.checkpoint
        if self._given.get(outlet.name, checkpoint.size) >= checkpoint.size:
            return 0
        try:
            await outlet.publish(checkpoint.origin, newest.note)
        except OutletUnavailable as error:
            # It may have been removed: to be asked again is to be made again.
            self._given.pop(outlet.name, None)
            self._complain(outlet, str(error))
            return 0
        self._given[outlet.name] = checkpoint.size
        self._complain(outlet)
        return 1

    def _complain(self, outlet: Outlet, why: str = "") -> None:
        """Once, until it is something else, or over."""
        before = self._complaints.get(outlet.name, "")
        self._complaints[outlet.name] = why
        if why and why != before:
            log.warning("checkpoints are not handed out", to=outlet.name, why=why)
        elif before and not why:
            log.info("checkpoints are handed out again", to=outlet.name)
