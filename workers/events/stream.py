"""The stream BERTH_EVENTS: made, checked, and made anew when it was damaged.

An event's place in the stream is its position in the journal. So the stream itself says
how far it has got, and its last message proves that it tells the same history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import (
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
)
from nats.js.errors import APIError, NotFoundError

from domain.clock import utc_now
from domain.outward.cloud_event import VERSION, cloud_event
from domain.outward.subject import KINDS
from domain.record import Recorded
from projections.storage.database import Database
from projections.storage.entry import entry_at
from projections.storage.installation import Installation, InstallationId
from projections.storage.instants import first_since
from workers.events.limits import StreamLimits
from workers.tasks.broker import Broker, BrokerUnavailable
from workers.tasks.owning import OWNER, TOO_FEW_SERVERS, owner_of

log = structlog.get_logger()
NAME = "BERTH_EVENTS"
# Not all of `berth.v1.>`: the queues of tasks have theirs there.
SUBJECTS = [f"berth.{VERSION}.{kind}.>" for kind in KINDS]
FOREIGN = (
    f"{NAME} is of another installation; give each its own account in NATS, "
    "or remove the stream"
)
OTHERWISE = (
    f"{NAME} tells of events that the journal does not know, as though the database "
    "was restored from a backup; `berth rebuild events` has the stream made anew"
)
UNFIT = (
    f"{NAME} was made by somebody else with settings that it cannot be used with; "
    "remove the stream"
)
TOO_OLD = "NATS 2.12 or newer is needed"
# The database dates events, NATS removes them, and neither clock is ours.
CLOCKS_APART = timedelta(minutes=5)
# What JetStream does not let be changed it may let later, as with one more server.
ASK_AGAIN_SECONDS = 60.0


class StreamRefused(Exception):
    """The stream is there, and is not ours to go on with; the message says why."""


@dataclass
class EventStream:
    broker: Broker
    database: Database
    limits: StreamLimits
    _refused: Sequence[str] = ()
    _asked_at: float = 0.0

    def __post_init__(self) -> None:
        self.installation: InstallationId = Installation(self.database).id

    async def look(self) -> int:
        """The last position that it has; made if it is not there, or was emptied.

        `StreamRefused` if it tells another history, `BrokerUnavailable` if NATS does
        not answer.
        """
        try:
            info = await self._found(self.broker.jetstream)
        except (NatsError, TimeoutError) as error:
            raise BrokerUnavailable(str(error)) from error
        last: int = info.state.last_seq
        return last

    async def remove(self) -> None:
        """So that the next look makes it anew. `StreamRefused` if it is another's."""
        context = self.broker.jetstream
        try:
            info = await context.stream_info(NAME)
            if owner_of(info) not in {None, await self.installation()}:
                raise StreamRefused(FOREIGN)
            await context.delete_stream(NAME)
        except NotFoundError:
            return
        except (NatsError, TimeoutError) as error:
            raise BrokerUnavailable(str(error)) from error

    async def _found(self, context: JetStreamContext) -> StreamInfo:
        here = await self.installation()
        try:
            info = await context.stream_info(NAME)
        except NotFoundError:
            return await self._made(context)
        if owner_of(info) not in {None, here}:
            raise StreamRefused(FOREIGN)
        if info.state.last_seq and not await self._is_whole(context, info):
            log.warning("the event stream was damaged, and is made anew")
            await context.delete_stream(NAME)
            return await self._made(context)
        return await self._adjusted(context, info)

    async def _is_whole(self, context: JetStreamContext, info: StreamInfo) -> bool:
        """False if messages are missing that it should still have."""
        last, owner = info.state.last_seq, owner_of(info)
        entry = await entry_at(self.database, last)
        if entry is None:
            raise StreamRefused(OTHERWISE if owner else FOREIGN)
        if info.state.messages:
            message = await context.get_msg(NAME, last)
            expected = cloud_event(entry, await self.installation())
            told = message.headers or {}
            if (told.get("ce-source"), told.get("ce-id")) != (
                expected.source,
                expected.id,
            ):
                raise StreamRefused(OTHERWISE if owner else FOREIGN)
            return not info.state.num_deleted
        if owner is None:
            raise StreamRefused(FOREIGN)
        return self._has_aged(entry)

    def _has_aged(self, entry: Recorded) -> bool:
        """Whether it may be gone, and with it everything before it."""
        max_age = self.limits.max_age
        return bool(max_age) and entry.origin.at + max_age < utc_now() + CLOCKS_APART

    async def _made(self, context: JetStreamContext) -> StreamInfo:
        """From the first event on that it would still keep."""
        max_age, first = self.limits.max_age, 1
        if max_age:
            first = await first_since(self.database, utc_now() - max_age)
        wanted = StreamConfig(name=NAME, first_seq=first, **await self._settings())
        try:
            info = await context.add_stream(wanted)
        except APIError as error:
            if error.err_code not in TOO_FEW_SERVERS:
                raise
            # The next look tells of it, and whoever looks then asks for more.
            info = await context.add_stream(wanted.evolve(num_replicas=1))
        log.info("the event stream was made", first=first)
        return _recent(info)

    async def _adjusted(
        self, context: JetStreamContext, info: StreamInfo
    ) -> StreamInfo:
        """With our settings, as far as JetStream lets a stream be changed."""
        wanted = await self._settings()
        wanted["metadata"] = {**(info.config.metadata or {}), **wanted["metadata"]}
        differing = [k for k, v in wanted.items() if getattr(info.config, k) != v]
        is_old = monotonic() - self._asked_at >= ASK_AGAIN_SECONDS
        if not differing or (differing == self._refused and not is_old):
            return _recent(info)
        try:
            info = await context.update_stream(info.config.evolve(**wanted))
        except APIError as error:
            why = f"{', '.join(differing)}: {error.description}"
            if not info.config.allow_atomic:
                raise StreamRefused(f"{UNFIT}: {why}") from None
            if differing != self._refused:
                log.warning("the event stream keeps other settings", why=why)
            self._refused, self._asked_at = differing, monotonic()
        return _recent(info)

    async def _settings(self) -> dict[str, Any]:
        return {
            "description": "Every event of Berth's journal, each at its position",
            "subjects": SUBJECTS,
            "storage": StorageType.FILE,
            "retention": RetentionPolicy.LIMITS,
            "discard": DiscardPolicy.OLD,
            "max_age": self.limits.max_age.total_seconds(),
            "max_bytes": self.limits.max_mib << 20 or -1,
            "max_msgs": -1,
            "max_msgs_per_subject": -1,
            "max_msg_size": -1,
            "no_ack": False,
            "num_replicas": self.limits.replicas,
            "duplicate_window": 120.0,
            "deny_delete": True,
            "deny_purge": True,
            "allow_direct": True,
            "allow_atomic": True,
            "metadata": {OWNER: await self.installation()},
        }


def _recent(info: StreamInfo) -> StreamInfo:
    if not info.config.allow_atomic:
        raise StreamRefused(TOO_OLD)
    return info
