"""The work queues in JetStream: a stream for each priority, a consumer for each queue.

They carry what is ready, and nothing that the journal would not know: they are kept in
memory, and whatever is lost with them is published again. A task is in its queue at
most once: its subject is its own, and the server takes no second message of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import msgspec
from msgspec import Struct
from nats.aio.client import Client
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
    """`queues` are those that somebody here or elsewhere takes work from."""

    broker: Broker
    queues: Collection[str] = (LOCAL,)

    async def publish(self, tasks: Iterable[Ready]) -> int:
        """All of them at once; how many were not there yet.

        `BrokerUnavailable` if it is not known of each that it is there.
        """
        client = self.broker.client
        try:
            # Not `publish_async`, which never tells of a refusal (nats-py 2.16).
            new = await asyncio.gather(*(_publish(client, task) for task in tasks))
        except NoRespondersError:
            await self.ensure()  # Then whoever asked asks again.
            raise BrokerUnavailable("the queues were missing") from None
        except (NatsError, TimeoutError) as error:
            raise BrokerUnavailable(str(error)) from error
        return sum(new)

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


async def _publish(client: Client, task: Ready) -> bool:
    """False if it was there already, or its queue is full: the sweep comes back."""
    content = msgspec.json.encode({"operationId": task.operation_id})
    answer = await client.request(task.subject, content, timeout=ANSWER_SECONDS_MAX)
    refusal = msgspec.json.decode(answer.data, type=Stored).error
    if refusal is not None and refusal.err_code != NOT_STORED:
        raise BrokerUnavailable(refusal.description)
    return refusal is None


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
