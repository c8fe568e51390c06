"""Whose the task queues on this NATS are: an installation uses none of another's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic

import structlog
from nats.js import JetStreamContext
from nats.js.api import StreamConfig, StreamInfo
from nats.js.errors import APIError, NotFoundError

from workers.tasks.broker import BrokerUnavailable

log = structlog.get_logger()
OWNER = "berth.installation"
OTHERWISE_CONFIGURED = 10_058
# JetStream's own: "no suitable peers for placement", and "replicas > 1 not supported in
# non-clustered mode".
TOO_FEW_SERVERS = frozenset((10_005, 10_074))
LOOK_AGAIN_SECONDS = 60.0
LOOK_AGAIN_IF_FOREIGN_SECONDS = 5.0


class ForeignQueues(BrokerUnavailable):
    """They are another installation's, whose tasks would be lost or done by us."""


@dataclass
class OwnStreams:
    """Each in `replicas` servers of a cluster, or as many as there may be."""

    replicas: int = 1
    _short: set[str] = field(default_factory=set)

    async def own(
        self, context: JetStreamContext, config: StreamConfig, us: str
    ) -> None:
        """Make the stream, or see to it that it is as it should be; `ForeignQueues`."""
        name = config.name
        assert name is not None
        wanted = config.evolve(num_replicas=self.replicas, metadata={OWNER: us})
        try:
            await _own(context, wanted, us)
        except APIError as error:
            if error.err_code not in TOO_FEW_SERVERS:
                raise
            has = await _replicas_of(context, name)
            await _own(context, wanted.evolve(num_replicas=has), us)
            if name not in self._short:
                self._short.add(name)
                log.warning(
                    "a stream has fewer replicas than it should",
                    stream=name,
                    has=has,
                    wanted=self.replicas,
                    why=error.description,
                )
        else:
            self._short.discard(name)


async def _replicas_of(context: JetStreamContext, name: str) -> int:
    """Those that it has; one, if it is yet to be made."""
    try:
        return (await context.stream_info(name)).config.num_replicas or 1
    except NotFoundError:
        return 1


async def _own(context: JetStreamContext, config: StreamConfig, us: str) -> None:
    try:
        await context.add_stream(config)
    except APIError as error:
        if error.err_code != OTHERWISE_CONFIGURED:
            raise
        assert config.name is not None
        owner = owner_of(await context.stream_info(config.name))
        if owner not in {None, us}:
            raise ForeignQueues(
                f"the task queues of this NATS are those of the installation {owner}, "
                f"and this is {us}: give each a NATS account of its own, and its "
                "URL in BERTH_NATS_URL"
            ) from None
        await context.update_stream(config)


def owner_of(info: StreamInfo) -> str | None:
    """The installation whose stream that is, unless none has made it its own."""
    return (info.config.metadata or {}).get(OWNER)


class Ownership:
    """Remembers for a while that the queues are there and ours, or are not ours."""

    def __init__(self, ensure: Callable[[], Awaitable[None]]) -> None:
        self._ensure = ensure
        self._foreign: ForeignQueues | None = None
        self._good_until = 0.0
        self._turn = asyncio.Lock()

    def forget(self) -> None:
        self._good_until = 0.0

    async def check(self) -> None:
        """`ForeignQueues`, or `BrokerUnavailable` if that cannot be said now."""
        if monotonic() >= self._good_until:
            async with self._turn:  # Whoever comes second finds it done.
                if monotonic() >= self._good_until:
                    await self._look()
        if self._foreign is not None:
            raise self._foreign

    async def _look(self) -> None:
        try:
            await self._ensure()
        except ForeignQueues as error:
            self._foreign, seconds = error, LOOK_AGAIN_IF_FOREIGN_SECONDS
            log.error("no tasks are carried out here", reason=str(error))  # noqa: TRY400
        else:
            self._foreign, seconds = None, LOOK_AGAIN_SECONDS
        self._good_until = monotonic() + seconds
