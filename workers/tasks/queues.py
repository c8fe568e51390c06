"""The work queues in JetStream: a stream for each priority, a consumer for each queue.

They carry what is ready, and nothing that the journal would not know: they are kept in
memory, and whatever is lost with them is published again. A task is in its queue at
most once: its subject is its own, and the server takes no second message of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple

import msgspec
from msgspec import Struct
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)

from domain.errors import JournalUnavailable
from domain.task.events import LOCAL, Priority
from workers.tasks.broker import ANSWER_SECONDS_MAX, Broker, BrokerUnavailable
from workers.tasks.busy import BusyKeys
from workers.tasks.owning import Installation, Ownership, own
from workers.tasks.room import Key, Room

SUBJECT = "berth.v1.tasks"
ACK_SECONDS = 10
# What JetStream says to a second message of one subject, in these words, and when
# there is no room for one more.
NOT_STORED = 10_077
IS_THERE = "per subject"
NO_ROOM = {NOT_STORED, 10_023, 10_028, 10_047}


class Ready(Struct, frozen=True):
    """A task that could be started now; `attempt` is the latest, 0 before the first."""

    operation_id: str
    priority: Priority
    queue: str
    attempt: int = 0

    @property
    def subject(self) -> str:
        return f"{SUBJECT}.{self.priority}.{self.queue}.{self.operation_id}"

    @property
    def key(self) -> Key:
        return stream_of(self.priority), self.queue


def stream_of(priority: Priority) -> str:
    return f"BERTH_TASKS_{priority.upper()}"


class Published(NamedTuple):
    """How many are there now that were not, and which had no room: ask again later."""

    new: int
    left_out: Sequence[Ready]


@dataclass(frozen=True)
class TaskQueues:
    """`queues` are those that somebody here or elsewhere takes work from."""

    broker: Broker
    installation: Installation
    queues: Collection[str] = (LOCAL,)
    room: Room = field(init=False)
    ownership: Ownership = field(init=False)
    busy_keys: BusyKeys = field(default_factory=BusyKeys)

    def __post_init__(self) -> None:
        object.__setattr__(self, "room", Room(self.broker))
        object.__setattr__(self, "ownership", Ownership(self.ensure))
        self.broker.when_back += [self.room.forget, self.ownership.forget]

    async def publish(self, tasks: Iterable[Ready]) -> Published:
        """All of them at once that have room in their queues.

        `BrokerUnavailable` if it is not known of each whether it is there.
        """
        await self.ownership.check()
        client, tasks = self.broker.client, [*tasks]
        try:
            fitting = await self.room.fitting(tasks)
            # Not `publish_async`, which never tells of a refusal (nats-py 2.16).
            ends = await asyncio.gather(*(_publish(client, task) for task in fitting))
        except NoRespondersError:
            await self.ensure()  # Then whoever asked asks again.
            raise BrokerUnavailable("the queues were missing") from None
        except (NatsError, TimeoutError) as error:
            raise BrokerUnavailable(str(error)) from error
        how = dict(zip(fitting, ends, strict=True))
        new = [task for task in fitting if how[task] is Publication.NEW]
        for task in new:
            self.room.took(task)
        stored = {Publication.NEW, Publication.THERE}
        left_out = [task for task in tasks if how.get(task) not in stored]
        return Published(len(new), left_out)

    async def ensure(self) -> None:
        """Make what is missing; `BrokerUnavailable` if that is not possible now.

        `ForeignQueues` if it is there, and another installation's.
        """
        context = self.broker.jetstream
        try:
            us = await self.installation()
            for priority in Priority:
                await own(context, _stream(priority), us)
                for queue in self.queues:
                    await context.add_consumer(
                        stream_of(priority), _consumer(priority, queue)
                    )
        except (NatsError, TimeoutError, JournalUnavailable) as error:
            raise BrokerUnavailable(str(error)) from error


class Publication(Enum):
    NEW = auto()
    THERE = auto()
    NO_ROOM = auto()


class Refusal(Struct, frozen=True):
    err_code: int = 0
    description: str = ""


class Stored(Struct, frozen=True):
    """JetStream's answer to a publication."""

    error: Refusal | None = None


async def _publish(client: Client, task: Ready) -> Publication:
    content = msgspec.json.encode({"operationId": task.operation_id})
    answer = await client.request(task.subject, content, timeout=ANSWER_SECONDS_MAX)
    refusal = msgspec.json.decode(answer.data, type=Stored).error
    if refusal is None:
        return Publication.NEW
    if refusal.err_code not in NO_ROOM:
        raise BrokerUnavailable(refusal.description)
    is_there = refusal.err_code == NOT_STORED and IS_THERE in refusal.description
    return Publication.THERE if is_there else Publication.NO_ROOM


def _stream(priority: Priority) -> StreamConfig:
    return StreamConfig(
        name=stream_of(priority),
        subjects=[f"{SUBJECT}.{priority}.*.*"],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.MEMORY,
        discard=DiscardPolicy.NEW,
        discard_new_per_subject=True,
        max_msgs=-1,  # One full queue must not be the end of the others: see `Room`.
        max_msgs_per_subject=1,
    )


def _consumer(priority: Priority, queue: str) -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=queue,
        filter_subject=f"{SUBJECT}.{priority}.{queue}.*",
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_SECONDS,
        # What is put off counts, too: it must not keep the others from being taken.
        max_ack_pending=-1,
    )
