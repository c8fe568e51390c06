"""Checkpoints in NATS: a subject for each log, whose last message is the newest one."""

from __future__ import annotations

from nats.errors import Error as NatsError
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from projections.storage.database import Database
from projections.storage.installation import installation_id
from projections.storage.log.keys import ORIGIN, LogKeys
from workers.sealing.outlet import OutletUnavailable
from workers.tasks.broker import Broker, BrokerUnavailable
from workers.tasks.owning import OwnStreams

STREAM = "BERTH_LOG"
SUBJECT = "berth.v1.log"
CONTENT_TYPE = "text/plain; charset=utf-8"


class NatsOutlet:
    """`berth.v1.log.<id>.checkpoint` of the stream BERTH_LOG, which it makes."""

    name = "NATS"

    def __init__(
        self, broker: Broker, database: Database, keys: LogKeys, replicas: int
    ) -> None:
        self._broker = broker
        self._database = database
        self._keys = keys
        self._streams = OwnStreams(replicas)

    async def last(self) -> str | None:
        origin = (await self._keys.ensured())[0].vkey.partition("+")[0]
        try:
            await self._make()
            context = self._broker.jetstream
            message = await context.get_last_msg(STREAM, subject_of(origin))
        except NotFoundError:
            return None
        except (NatsError, TimeoutError, BrokerUnavailable) as error:
            raise OutletUnavailable(str(error)) from error
        return (message.data or b"").decode(errors="replace")

    async def publish(self, origin: str, note: str) -> None:
        headers = {"content-type": CONTENT_TYPE}
        try:
            context = self._broker.jetstream
            await context.publish(
                subject_of(origin), note.encode(), stream=STREAM, headers=headers
            )
        except (NatsError, TimeoutError, BrokerUnavailable) as error:
            raise OutletUnavailable(str(error)) from error

    async def _make(self) -> None:
        config = StreamConfig(
            name=STREAM,
            description="The newest checkpoint of Berth's journal (docs/log.md)",
            subjects=[f"{SUBJECT}.>"],
            storage=StorageType.FILE,
            retention=RetentionPolicy.LIMITS,
            discard=DiscardPolicy.OLD,
            max_msgs_per_subject=1,
            allow_direct=True,
        )
        installation = await installation_id(self._database)
        await self._streams.own(self._broker.jetstream, config, installation)


def subject_of(origin: str) -> str:
    """`berth.v1.log.<id>.checkpoint`, of the log with this origin."""
    return f"{SUBJECT}.{origin.removeprefix(ORIGIN)}.checkpoint"
