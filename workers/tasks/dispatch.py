"""What every worker process runs so that tasks get from the journal to the queues."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from domain.task.events import LOCAL
from domain.task.lifecycle import STREAMS
from projections.storage.database import Database
from projections.storage.installation import Installation
from projections.storage.journal import StoredJournal
from projections.storage.tail import Tail
from workers.loop import run_forever
from workers.nats_servers import NatsServers
from workers.tasks import relay
from workers.tasks.broker import Broker
from workers.tasks.owning import OwnStreams
from workers.tasks.queues import TaskQueues
from workers.tasks.relay import TaskRelay

RETRY_EVERY_SECONDS = 0.5


class Dispatch:
    """`queues` are the types that workers in other languages take, beside the local."""

    def __init__(
        self,
        nats: NatsServers,
        database: Database,
        journal: StoredJournal,
        queues: Collection[str] = (),
        replicas: int = 1,
    ) -> None:
        self.broker = Broker(nats)
        here = Installation(database).id
        streams = OwnStreams(replicas)
        self.queues = TaskQueues(self.broker, here, (LOCAL, *queues), streams)
        relaying = TaskRelay(journal, self.queues)
        self.tail = Tail(database, relay.NAME, relay.EVENTS, relaying.hand_on)

    def nudge(self, streams: Collection[str]) -> None:
        """Something happened to these: if one is a task, it may be ready."""
        self.queues.busy_keys.changed(streams)
        if any(stream.startswith(STREAMS) for stream in streams):
            self.tail.nudge()

    def loops(self) -> Sequence[Any]:
        return (
            run_forever("broker", self.broker.run, RETRY_EVERY_SECONDS),
            run_forever(relay.NAME, self.tail.run, RETRY_EVERY_SECONDS),
        )
