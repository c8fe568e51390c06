"""Publishes messages right behind a place in the stream: all of them, or none.

JetStream takes them as one batch and syncs it to the disk once, so that this is faster
than to publish them one by one. It takes it only if the stream still ends where we
think: whoever has been overtaken by another relay cannot publish anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from nats.errors import Error as NatsError
from nats.js.api import Header

from domain.ids import new_id
from workers.events.message import Message
from workers.tasks.batch_client import BatchClient, Stored
from workers.tasks.broker import ANSWER_SECONDS_MAX, BrokerUnavailable

# JetStream takes 1,000 at most; this many, and the other work here is not held up.
BATCH_MAX = 500
BATCH_BYTES_MAX = 8 << 20


# JetStream's own: "wrong last sequence", with and without its number; that a batch
# "contains duplicate message id", or has one that the cluster is about to store.
OVERTAKEN = frozenset((10_071, 10_164, 10_201, 10_158))


class Overtaken(BrokerUnavailable):
    """The stream has grown, and does not end any more where we thought.

    Another relay was faster, or what we gave up waiting for has been stored after all.
    """


def batches(messages: Iterable[Message]) -> Iterator[Sequence[Message]]:
    """In order, each of a size that goes in one batch."""
    batch: list[Message] = []
    size = 0
    for message in messages:
        if len(batch) == BATCH_MAX or (batch and size > BATCH_BYTES_MAX):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += message.bytes
    if batch:
        yield batch


async def publish(client: BatchClient, stream: str, batch: Sequence[Message]) -> None:
    """Each comes to the place that is its position.

    `BrokerUnavailable` unless it is known that they are there; `Overtaken` if none of
    them was stored now.
    """
    first, last = batch[0], batch[-1]
    first.headers[Header.EXPECTED_STREAM.value] = stream
    first.headers[Header.EXPECTED_LAST_SEQUENCE.value] = str(first.position - 1)
    try:
        if len(batch) > 1:
            await _publish_all_but_last(client, batch)
        answer = await client.request(
            last.subject, last.data, headers=last.headers, timeout=ANSWER_SECONDS_MAX
        )
        stored = msgspec.json.decode(answer.data, type=Stored)
    except (NatsError, TimeoutError, msgspec.DecodeError) as error:
        raise BrokerUnavailable(f"not acknowledged: {error}") from error
    if stored.error is not None:
        is_overtaken = stored.error.err_code in OVERTAKEN
        refusal = Overtaken if is_overtaken else BrokerUnavailable
        raise refusal(stored.error.description)
    if stored.seq != last.position:
        raise BrokerUnavailable(f"{last.position} was stored as {stored.seq}")


async def _publish_all_but_last(client: BatchClient, batch: Sequence[Message]) -> None:
    batch_id = new_id()
    for number, message in enumerate(batch, 1):
        message.headers[Header.BATCH_ID.value] = batch_id
        message.headers[Header.BATCH_SEQUENCE.value] = str(number)
    batch[-1].headers[Header.BATCH_COMMIT.value] = "1"
    await client.publish_all((m.subject, m.headers, m.data) for m in batch[:-1])
