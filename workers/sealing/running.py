"""What every worker process runs so that the journal is sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from projections.storage.database import Database
from projections.storage.log.keys import LogKeys
from projections.storage.log.reading import Log
from projections.storage.log.sealer import Sealer
from projections.storage.log.sealing import NAME, SealStore
from workers.loop import run_forever
from workers.outgoing import Outgoing
from workers.sealing.file import FileOutlet
from workers.sealing.nats import NatsOutlet
from workers.sealing.outlet import CheckpointOutlets, Outlet
from workers.sealing.publishing import EVERY_SECONDS, Publishing
from workers.sealing.url import UrlOutlet
from workers.tasks.broker import Broker

RETRY_EVERY_SECONDS = 0.5


@dataclass(frozen=True)
class Sealing:
    """Those of one process."""

    sealer: Sealer
    publishing: Publishing

    def loops(self) -> Sequence[Any]:
        return (
            run_forever(NAME, self.sealer.run, RETRY_EVERY_SECONDS),
            run_forever("checkpoints", self._publish, EVERY_SECONDS),
        )

    async def _publish(self) -> int:
        return await self.publishing.run_once() if self.sealer.is_leading else 0


def sealing(
    database: Database,
    keys: LogKeys,
    broker: Broker,
    outgoing: Outgoing,
    wanted: CheckpointOutlets,
    replicas: int,
) -> Sealing:
    """`database` is one whose commits are on disk: what is signed must not be lost."""
    outlets: list[Outlet] = [NatsOutlet(broker, database, keys, replicas)]
    if wanted.file is not None:
        outlets.append(FileOutlet(wanted.file))
    if wanted.url is not None:
        outlets.append(UrlOutlet(wanted.url, outgoing))
    publishing = Publishing(Log(database), keys, outlets)
    broker.when_back.append(publishing.forget)

    sealer = Sealer(SealStore(database), keys, publishing.objection, publishing.forget)
    return Sealing(sealer, publishing)
