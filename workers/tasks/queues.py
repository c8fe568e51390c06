"""The work queues in JetStream: a stream for each priority, a consumer for each queue.

They carry what is ready, and nothing that the journal would not know: they are kept in
memory, and whatever is lost with them is published again. A task is in its queue at
most once: its subject is its own, and the server takes no second message of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic

import msgspec
from msgspec import Struct
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import APIError

from domain.task.events import LOCAL, Priority
from workers.tasks.broker import ANSWER_SECONDS_MAX, Broker, BrokerUnavailable

SUBJECT = "berth.v1.tasks"
QUEUED_MAX = 100_000
ACK_SECONDS = 10
# What JetStream says to a second message of one subject, and when a queue is full.
NOT_STORED = 10_077
NO_RESPONDERS = "503"
OTHERWISE_CONFIGURED = 10_058


class Ready(Struct, frozen=True):
    """A task that could be started now; `attempt` is the latest, 0 before the first."""

    operation_id: str
    priority: Priority
    queue: str
    attempt: int = 0

    @property
    def subject(self) -> str:
        return f"{SUBJECT}.{self.priority}.{self.queue}.{self.operation_id}"


def stream_of(priority: Priority) -> str:
    return f"BERTH_TASKS_{priority.upper()}"


def priority_of(subject: str) -> Priority:
    """Of a task's message."""
    return Priority(subject.split(".")[3])


@dataclass(frozen=True)
class TaskQueues:
    """`queues` are those that somebody here or elsewhere takes work from.

    `sent` has when each was found to be there, for whoever looks for what is missing.
    """

    broker: Broker
    queues: Collection[str] = (LOCAL,)
    sent: dict[Ready, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.broker.when_back.append(self.sent.clear)

    async def publish(self, tasks: Iterable[Ready]) -> int:
        """All of them at once; how many were not there yet.

        `BrokerUnavailable` if it is not known of each that it is there.
        """
        tasks = list(tasks)
        try:
            new = await _publish(self.broker.client, tasks)
        except NoRespondersError:
            await self.ensure()  # Then whoever asked asks again.
            raise BrokerUnavailable("the queues were missing") from None
        except (NatsError, TimeoutError) as error:
            raise BrokerUnavailable(str(error)) from error
        if new == len(tasks):
            self.note(tasks)
        return new

    def note(self, tasks: Iterable[Ready]) -> None:
        """As far as is known, these are in their queue now."""
        self.sent.update(dict.fromkeys(tasks, monotonic()))

    async def ensure(self) -> None:
        """Make what is missing; `BrokerUnavailable` if that is not possible now."""
        context = self.broker.jetstream
        try:
            for priority in Priority:
                await _ensure_stream(context, priority)
                for queue in self.queues:
                    await context.add_consumer(
                        stream_of(priority), _consumer(priority, queue)
                    )
        except (NatsError, TimeoutError) as error:
            raise BrokerUnavailable(str(error)) from error


class Refusal(Struct, frozen=True):
    err_code: int = 0
    description: str = ""


class Stored(Struct, frozen=True):
    """JetStream's answer to a publication."""

    error: Refusal | None = None


class Answers:
    """What JetStream says to `left` publications; `new`, how many it has stored.

    One subscription hears all: an inbox for each (nats-py's `request`) costs as much as
    all the rest. Its `publish_async` never tells of a refusal (2.16).
    """

    def __init__(self, left: int) -> None:
        self.all: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.new = 0
        self._left = left

    async def hear(self, message: Msg) -> None:
        if self.all.done():
            return
        if (message.headers or {}).get("Status") == NO_RESPONDERS:
            self.all.set_exception(NoRespondersError())
            return
        refusal = msgspec.json.decode(message.data, type=Stored).error
        if refusal is not None and refusal.err_code != NOT_STORED:
            self.all.set_exception(BrokerUnavailable(refusal.description))
            return
        self._left -= 1
        # Else it was there already, or its queue is full: the sweep comes back.
        self.new += refusal is None
        if self._left == 0:
            self.all.set_result(None)


async def _publish(client: Client, tasks: Sequence[Ready]) -> int:
    if not tasks:
        return 0
    inbox, answers = client.new_inbox(), Answers(len(tasks))
    subscription = await client.subscribe(inbox, cb=answers.hear)
    try:
        for task in tasks:
            content = msgspec.json.encode({"operationId": task.operation_id})
            await client.publish(task.subject, content, reply=inbox)
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            await answers.all
    finally:
        await subscription.unsubscribe()
    return answers.new


async def _ensure_stream(context: JetStreamContext, priority: Priority) -> None:
    config = StreamConfig(
        name=stream_of(priority),
        subjects=[f"{SUBJECT}.{priority}.*.*"],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.MEMORY,
        discard=DiscardPolicy.NEW,
        discard_new_per_subject=True,
        max_msgs=QUEUED_MAX,
        max_msgs_per_subject=1,
    )
    try:
        await context.add_stream(config)
    except APIError as error:
        if error.err_code != OTHERWISE_CONFIGURED:
            raise
        await context.update_stream(config)


def _consumer(priority: Priority, queue: str) -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=queue,
        filter_subject=f"{SUBJECT}.{priority}.{queue}.*",
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_SECONDS,
        # What is put off counts, too: it must not keep the others from being taken.
        max_ack_pending=-1,
    )
