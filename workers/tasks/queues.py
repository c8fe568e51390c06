"""The work queues in JetStream: a stream for each priority, a consumer for each queue.

They carry what is ready, and nothing that the journal would not know: they are kept in
memory, and whatever is lost with them is published again. A task is in its queue at
most once: its subject is its own, and the server takes no second message of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from time import monotonic
from typing import NamedTuple

import msgspec
from msgspec import Struct
from nats.aio.client import Client
from nats.aio.msg import Msg
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
from projections.storage.installation import InstallationId
from workers.tasks.batch_client import Stored
from workers.tasks.broker import ANSWER_SECONDS_MAX, Broker, BrokerUnavailable
from workers.tasks.busy import BusyKeys
from workers.tasks.line import line_of
from workers.tasks.owning import Ownership, OwnStreams
from workers.tasks.room import Key, Room

SUBJECT = "berth.v1.tasks"
ACK_SECONDS = 10
# What JetStream says to a second message of one subject, in these words, and when
# there is no room for one more.
NOT_STORED = 10_077
IS_THERE = "per subject"
NO_ROOM = {NOT_STORED, 10_023, 10_028, 10_047}
NO_RESPONDERS = "503"


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


def priority_of(subject: str) -> Priority:
    """Of a task's message."""
    return Priority(subject.split(".")[3])


class Published(NamedTuple):
    """How many are there now that were not, and which had no room: ask again later."""

    new: int
    left_out: Sequence[Ready]


@dataclass(frozen=True)
class TaskQueues:
    """`queues` are those that somebody here or elsewhere takes work from.

    `sent` has when each was found to be there, for whoever looks for what is missing.
    """

    broker: Broker
    installation: InstallationId
    queues: Collection[str] = (LOCAL,)
    streams: OwnStreams = field(default_factory=OwnStreams)
    room: Room = field(init=False)
    ownership: Ownership = field(init=False)
    busy_keys: BusyKeys = field(default_factory=BusyKeys)
    sent: dict[Ready, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "room", Room(self.broker))
        object.__setattr__(self, "ownership", Ownership(self.ensure))
        forgotten = self.room.forget, self.ownership.forget, self.sent.clear
        self.broker.when_back += forgotten

    async def publish(self, tasks: Iterable[Ready]) -> Published:
        """All of them at once that have room in their queues.

        `BrokerUnavailable` if it is not known of each whether it is there.
        """
        await self.ownership.check()
        tasks = [*dict.fromkeys(tasks)]
        try:
            fitting = await self.room.fitting(tasks)
            ask = line_of(await self.installation())
            how = await _publish(self.broker.client, fitting, ask)
        except NoRespondersError:
            await self.ensure()  # Then whoever asked asks again.
            raise BrokerUnavailable("the queues were missing") from None
        except (NatsError, TimeoutError, JournalUnavailable) as error:
            why = str(error) or "not all was answered in time"
            raise BrokerUnavailable(why) from error
        new = [task for task, end in how.items() if end is Publication.NEW]
        for task in new:
            self.room.took(task)
        # What was there may be of an earlier attempt, and about to go: not noted here.
        self.note(new)
        stored = {Publication.NEW, Publication.THERE}
        left_out = [task for task in tasks if how.get(task) not in stored]
        return Published(len(new), left_out)

    def note(self, tasks: Iterable[Ready]) -> None:
        """As far as is known, these are in their queue now."""
        self.sent.update(dict.fromkeys(tasks, monotonic()))

    async def ensure(self) -> None:
        """Make what is missing; `BrokerUnavailable` if that is not possible now.

        `ForeignQueues` if it is there, and another installation's.
        """
        context = self.broker.jetstream
        try:
            us = await self.installation()
            for priority in Priority:
                await self.streams.own(context, _stream(priority), us)
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


class Answers:
    """What JetStream says to each of `tasks`, once it has said it of all.

    One subscription hears it: an inbox for each (nats-py's `request`) costs as much as
    all the rest. Its `publish_async` never tells of a refusal (2.16).
    """

    def __init__(self, tasks: Sequence[Ready]) -> None:
        self._tasks = tasks
        self._heard: dict[Ready, Publication] = {}
        self.all: asyncio.Future[Mapping[Ready, Publication]]
        self.all = asyncio.get_running_loop().create_future()

    async def hear(self, message: Msg) -> None:
        """Of the task whose number ends the subject."""
        if self.all.done():
            return
        try:
            task = self._tasks[int(message.subject.rpartition(".")[2])]
            self._heard[task] = _judged(message)
        except (NoRespondersError, BrokerUnavailable) as error:
            self.all.set_exception(error)
            return
        if len(self._heard) == len(self._tasks):
            self.all.set_result(self._heard)


def _judged(message: Msg) -> Publication:
    if (message.headers or {}).get("Status") == NO_RESPONDERS:
        raise NoRespondersError
    refusal = msgspec.json.decode(message.data, type=Stored).error
    if refusal is None:
        return Publication.NEW
    if refusal.err_code not in NO_ROOM:
        raise BrokerUnavailable(refusal.description)
    is_there = refusal.err_code == NOT_STORED and IS_THERE in refusal.description
    return Publication.THERE if is_there else Publication.NO_ROOM


async def _publish(
    client: Client, tasks: Sequence[Ready], ask: str
) -> Mapping[Ready, Publication]:
    """What became of each of them; none is there twice.

    `ask` is told to whoever takes one: where he is to ask.
    """
    if not tasks:
        return {}
    inbox, answers = client.new_inbox(), Answers(tasks)
    subscription = await client.subscribe(f"{inbox}.*", cb=answers.hear)
    try:
        for number, task in enumerate(tasks):
            said = {"operationId": task.operation_id, "ask": ask}
            content = msgspec.json.encode(said)
            await client.publish(task.subject, content, reply=f"{inbox}.{number}")
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            return await answers.all
    finally:
        await subscription.unsubscribe()


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
