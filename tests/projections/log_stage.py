"""A journal with some events under seal, for tests to look at and to tamper with."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from domain.seal.note import Checkpoint, Key, checkpoint_of, key_of, note_of
from projections.storage.database import Database
from projections.storage.keyring import Keyring
from projections.storage.log.examination import Examined, examine
from projections.storage.log.export import Bundle
from projections.storage.log.keys import LogKeys
from projections.storage.log.reading import Log
from projections.storage.log.sealing import SealStore
from projections.storage.log.selection import Question
from projections.storage.subjects import Subjects
from projections.storage.vault import Vault

KEYS = Keyring({1: base64.b64encode(secrets.token_bytes(32))[:32]})


@dataclass(frozen=True)
class Stage:
    """`seal` does what a sealer would, whenever it is told to."""

    url: str
    database: Database
    keys: LogKeys
    log: Log
    store: SealStore

    def seal(self) -> int:
        """Everything there is; how many events were sealed."""
        signers = asyncio.run(self.keys.signers())
        with closing(self.store.open()) as connection:
            assert self.store.lead(connection)
            sealed = 0
            while more := self.store.seal(connection, signers):
                sealed += more
            return sealed

    @property
    def vkeys(self) -> Sequence[Key]:
        return [key_of(key.vkey) for key in asyncio.run(self.keys.all())]

    def checkpoint(self, size: int | None = None) -> Checkpoint:
        """As it is signed, of this size or the newest."""
        note = asyncio.run(self.log.checkpoint(size)).note
        return checkpoint_of(note_of(note).text)

    def examined(self, *kept: Checkpoint) -> Examined:
        return examine(self.url, self.vkeys, kept, lambda _, __: None)

    def bundle(self, **question: Any) -> bytes:
        return b"".join(Bundle(self.database, Question(**question)).lines())

    def do(self, statement: LiteralString, *values: Any) -> None:
        """As somebody with the rights to everything."""
        with psycopg.connect(self.url) as connection:
            connection.execute(statement, values)

    def do_all(self, *statements: LiteralString) -> None:
        """At once, for all who look."""
        with psycopg.connect(self.url) as connection:
            for statement in statements:
                connection.execute(statement)


@contextmanager
def sealing_stage(url: str, subjects: Subjects | None = None) -> Iterator[Stage]:
    with closing(Database(url, pool_max=2, subjects=subjects)) as database:
        keys = LogKeys(database, Vault(database, KEYS))
        store = SealStore(database, apart_seconds=0)
        yield Stage(url, database, keys, Log(database), store)
