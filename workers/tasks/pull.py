"""Takes one task at a time out of the queues, and none that it has no hand free for.

It asks each queue in its turn for what is there. When all are empty it asks all of them
to tell as soon as something comes, which costs no time and no further question. What
reaches it once it has its task goes back at once, for the next one who asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Self

import msgspec
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from domain.task.events import LOCAL, Priority
from workers.tasks.broker import Broker, BrokerUnavailable
from workers.tasks.queues import stream_of

# A server that was killed has forgotten who asked: so long until it is asked again.
WAIT_SECONDS = 2.0
ANSWER_SECONDS_MAX = 1.0
NOW = msgspec.json.encode({"batch": 1, "no_wait": True})
LATER = msgspec.json.encode({"batch": 1, "expires": int(WAIT_SECONDS * 1e9)})
NO_SUCH_QUEUE = "503"


class QueuesMissing(BrokerUnavailable):
    """NATS answers, and has no such queue (any more)."""


class Pull:
    """One free hand's line to the queues. Enter it to be connected."""

    def __init__(self, broker: Broker, turns: Iterator[Sequence[Priority]]) -> None:
        self._turns = turns
        self._client = broker.client
        self._broker = broker
        self._inbox = self._client.new_inbox()
        self._asked = 0
        self._answer: asyncio.Future[Msg | None] | None = None
        self._task: asyncio.Future[Msg | None] | None = None

    async def __aenter__(self) -> Self:
        self._subscription = await self._client.subscribe(
            f"{self._inbox}.*", cb=self._on_message
        )
        self._broker.when_back.append(self._give_up)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._broker.when_back.remove(self._give_up)
        with suppress(NatsError):
            await self._subscription.unsubscribe()

    async def next(self) -> Msg | None:
        """A task's message, to be acknowledged; None if none came for a while.

        `QueuesMissing` if the queues have to be made first, `BrokerUnavailable` if NATS
        does not answer.
        """
        order = next(self._turns)
        self._task = asyncio.get_running_loop().create_future()
        try:
            for priority in order:
                if message := await self._ask(priority):
                    return message
            for priority in order:
                await self._send(priority, LATER)
            await asyncio.wait({self._task}, timeout=WAIT_SECONDS)
            return self._task.result() if self._task.done() else None
        except NatsError as error:
            raise BrokerUnavailable(str(error)) from error
        finally:
            self._task = None

    async def _ask(self, priority: Priority) -> Msg | None:
        """What the queue has just now."""
        assert self._task is not None
        self._answer = asyncio.get_running_loop().create_future()
        await self._send(priority, NOW)
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                await asyncio.wait(
                    {self._answer, self._task}, return_when=asyncio.FIRST_COMPLETED
                )
        except TimeoutError:
            raise BrokerUnavailable("the queues do not answer") from None
        if self._task.done():
            return self._task.result()
        self._answer.result()
        return None

    async def _send(self, priority: Priority, request: bytes) -> None:
        if not self._client.is_connected:
            raise BrokerUnavailable("NATS is not connected")
        self._asked += 1
        await self._client.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{stream_of(priority)}.{LOCAL}",
            request,
            reply=f"{self._inbox}.{self._asked}",
        )

    async def _on_message(self, message: Msg) -> None:
        if message.subject.startswith(self._inbox):
            self._on_status(message)
        elif self._task is not None and not self._task.done():
            self._task.set_result(message)
        else:
            await message.nak()

    def _on_status(self, message: Msg) -> None:
        """To the latest question; an earlier one has run out of time."""
        is_latest = message.subject == f"{self._inbox}.{self._asked}"
        status = (message.headers or {}).get("Status")
        if status == NO_SUCH_QUEUE:
            self._end(QueuesMissing("there is no such queue"))
        elif is_latest and self._answer is not None and not self._answer.done():
            self._answer.set_result(None)

    def _give_up(self) -> None:
        """The server that was asked is gone, and another one does not know of it."""
        self._end(None)

    def _end(self, error: Exception | None) -> None:
        for future in (self._answer, self._task):
            if future is None or future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
                future.exception()  # Not all of them are waited for.
