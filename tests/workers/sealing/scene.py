"""Sealers and outlets at work, and what is waited for there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing

from domain.seal.note import Checkpoint, checkpoint_of, note_of
from projections.storage.database import Database
from projections.storage.keyring import Keyring
from projections.storage.log.keys import LogKeys
from projections.storage.log.sealer import Sealer
from projections.storage.log.sealing import SealStore
from projections.storage.vault import Vault
from tests.projections.log_stage import KEYS, Stage
from tests.support.dispatching import until
from workers.embedded import EmbeddedNats
from workers.loop import end, run_forever
from workers.nats_servers import NatsServers
from workers.sealing.nats import NatsOutlet
from workers.sealing.outlet import Outlet, OutletUnavailable
from workers.sealing.publishing import Publishing
from workers.tasks.broker import Broker


@asynccontextmanager
async def running(
    stage: Stage, outlets: Sequence[Outlet] = (), keys: Keyring = KEYS
) -> AsyncIterator[Sealer]:
    """A worker's sealer, with everything of a process of its own."""
    with closing(Database(stage.url, pool_max=2)) as database:
        log_keys = LogKeys(database, Vault(database, keys))
        publishing = Publishing(stage.log, log_keys, outlets)
        store = SealStore(database, apart_seconds=0)
        sealer = Sealer(store, log_keys, publishing.objection, publishing.forget)
        tasks = [
            asyncio.create_task(run_forever("sealer", sealer.run, 0.1)),
            asyncio.create_task(run_forever("checkpoints", publishing.run_once, 0.1)),
        ]
        try:
            yield sealer
        finally:
            await end(*tasks)


@asynccontextmanager
async def nats_outlet(
    nats: EmbeddedNats, stage: Stage, replicas: int = 1
) -> AsyncIterator[NatsOutlet]:
    broker = Broker(NatsServers(nats.url))
    connecting = asyncio.create_task(run_forever("broker", broker.run, 0.1))
    try:
        await broker.connected()
        yield NatsOutlet(broker, stage.database, stage.keys, replicas)
    finally:
        await end(connecting)


async def sealed(stage: Stage, size: int) -> None:
    async def is_sealed() -> bool:
        newest = await stage.log.newest()
        return newest is not None and newest.checkpoint.size >= size

    await until(is_sealed)


async def refused(stage: Stage) -> str:
    async def is_refused() -> bool:
        return await stage.log.refusal() is not None

    await until(is_refused)
    return await stage.log.refusal() or ""


async def has(outlet: Outlet, size: int) -> None:
    """As soon as it can be asked."""

    async def is_there() -> bool:
        try:
            note = await outlet.last()
        except OutletUnavailable:
            return False
        return note is not None and told(note).size == size

    await until(is_there)


def told(note: str) -> Checkpoint:
    return checkpoint_of(note_of(note).text)
