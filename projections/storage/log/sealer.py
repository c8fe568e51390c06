"""Follows the journal and seals it, one process at a time, outside the write path."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from psycopg import Connection, Error
from psycopg.rows import DictRow

from domain.errors import JournalUnavailable, VaultClosed
from projections.storage.failures import SILENT
from projections.storage.log.keys import LogKeys
from projections.storage.log.sealing import HistoryRefused, SealStore
from projections.storage.tail import FOLLOW_EVERY_SECONDS

log = structlog.get_logger()
LOOK_EVERY_SECONDS = 0.5
LOUD_EVERY = 120  # looks, which is once a minute

# Why nothing may be signed, for all that others know; None if nothing is against it.
Contradiction = Callable[[], Awaitable[str | None]]


class Sealer:
    """`contradiction` is asked before each seal; it may take its time at first.

    `when_leading` is called before the first seal of each lead: another may have led
    since the last one, and the database may be one that has lost what it sealed.
    """

    def __init__(
        self,
        store: SealStore,
        keys: LogKeys,
        contradiction: Contradiction,
        when_leading: Callable[[], None] = lambda: None,
    ) -> None:
        self.is_leading = False
        self._store = store
        self._keys = keys
        self._contradiction = contradiction
        self._when_leading = when_leading
        self._refused = 0
        self._is_on_record = True  # For all that is known: of a process before.

    async def run(self) -> int:
        """Wait for the lead, then seal until cancelled.

        `JournalUnavailable` when the session was lost, and the lead with it.
        """
        await self._keys.ensured()
        opening = asyncio.ensure_future(asyncio.to_thread(self._store.open))
        try:
            connection = await asyncio.shield(opening)
            while not await asyncio.to_thread(self._store.lead, connection):  # noqa: ASYNC110
                await asyncio.sleep(FOLLOW_EVERY_SECONDS)
            self._when_leading()
            self.is_leading = True
            while True:
                if not await self._seal(connection):
                    await asyncio.sleep(LOOK_EVERY_SECONDS)
        except Error as error:
            raise JournalUnavailable(SILENT) from error
        finally:
            self.is_leading = False
            with suppress(Error):
                (await opening).close()

    async def _seal(self, connection: Connection[DictRow]) -> int:
        try:
            await self._hear()
            signers = await self._keys.signers()
            sealed = await asyncio.to_thread(self._store.seal, connection, signers)
        except (HistoryRefused, VaultClosed, LookupError) as error:
            await self._refuse(connection, str(error))
            return 0
        if self._is_on_record:
            await self._go_on(connection)
        return sealed

    async def _hear(self) -> None:
        if why := await self._contradiction():
            raise HistoryRefused(why)

    async def _refuse(self, connection: Connection[DictRow], why: str) -> None:
        """On record for all to see, and told again and again until it is over."""
        await asyncio.to_thread(self._store.note_refusal, connection, why)
        if self._refused % LOUD_EVERY == 0:
            log.error("the journal is not sealed any more", why=why)
        self._refused += 1
        self._is_on_record = True

    async def _go_on(self, connection: Connection[DictRow]) -> None:
        """Whatever was on record, of this process or another, is over."""
        await asyncio.to_thread(self._store.note_refusal, connection, None)
        if self._refused:
            log.info("the journal is sealed again")
        self._refused = 0
        self._is_on_record = False
