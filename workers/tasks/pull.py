"""Takes tasks out of the queues: as many as there are free hands, and no more.

It asks the queues for what is there, many tasks by one question. A queue that turns out
to be empty is asked to tell as soon as something comes, which costs no time and, until
it does, no further question. What comes while no hand is free goes back at once, for
the next one who asks.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Self

import msgspec
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from domain.task.events import LOCAL, Priority
from workers.tasks.broker import Broker, BrokerUnavailable
from workers.tasks.queues import priority_of, stream_of
from workers.tasks.turns import URGENT_FIRST

# A server that was killed has forgotten who asked: so long until it is asked again.
WAIT_SECONDS = 2.0
WAIT_NS = int(WAIT_SECONDS * 1e9)
ANSWER_SECONDS_MAX = 1.0
EMPTY = "404"
NO_SUCH_QUEUE = "503"


class QueuesMissing(BrokerUnavailable):
    """NATS answers, and has no such queue (any more)."""


@dataclass
class Question:
    """For up to `left` tasks: those there now, or those that come `until` a time."""

    subject: str
    left: int
    until: float | None = None


class Pull:
    """One worker's line to the queues. Enter it to be connected.

    `free` says how many tasks could be begun, those not counted that it has still here.
    """

    def __init__(
        self,
        broker: Broker,
        turns: Iterator[Sequence[Priority]],
        free: Callable[[], int],
    ) -> None:
        self._turns = turns
        self._free = free
        self._client = broker.client
        self._broker = broker
        self._inbox = self._client.new_inbox()
        self._asked = 0
        self._questions: dict[Priority, Question] = {}
        self._tasks: list[Msg] = []
        self._news: asyncio.Future[None] | None = None

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
            for message in self._tasks:
                await message.nak()

    async def next(self) -> Sequence[Msg]:
        """Tasks' messages, to be acknowledged; none if none came for a while, or if
        no hand is free any more.

        `QueuesMissing` if the queues have to be made first, `BrokerUnavailable` if NATS
        does not answer.
        """
        try:
            for seek in (self._ask, self._wait):
                if not self._tasks and self._hands > 0:
                    await seek()
        except NatsError as error:
            raise BrokerUnavailable(str(error)) from error
        tasks, self._tasks = self._tasks, []
        return tasks

    @property
    def _hands(self) -> int:
        return self._free() - len(self._tasks)

    async def _ask(self) -> None:
        """For what is there: each in its turn, then the others for what is left."""
        await self._ask_for(self._shares())
        for priority in URGENT_FIRST:
            if self._hands > 0 and not self._will_tell(priority):
                await self._ask_for({priority: self._hands})

    def _shares(self) -> Mapping[Priority, int]:
        """Of how many hands each queue has the first call."""
        asked = [p for p in URGENT_FIRST if not self._will_tell(p)]
        if len(asked) == 1:
            return {asked[0]: self._hands}
        orders = (next(self._turns) for _ in range(self._hands) if asked)
        return Counter(next(p for p in order if p in asked) for order in orders)

    def _will_tell(self, priority: Priority) -> bool:
        """It is empty, or would have told of what is there."""
        question = self._questions.get(priority)
        return question is not None and monotonic() < (question.until or 0)

    async def _ask_for(self, shares: Mapping[Priority, int]) -> None:
        for priority, count in shares.items():
            await self._send(priority, count)
        if self._is_open and not await self._is_told(ANSWER_SECONDS_MAX):
            raise BrokerUnavailable("the queues do not answer")

    async def _wait(self) -> None:
        for priority in URGENT_FIRST:
            if not self._will_tell(priority):
                await self._send(priority, max(1, self._hands), later=True)
        if not self._tasks:
            await self._is_told(WAIT_SECONDS)

    @property
    def _is_open(self) -> bool:
        """Whether a queue is yet to say what is there now."""
        return any(question.until is None for question in self._questions.values())

    async def _is_told(self, seconds: float) -> bool:
        self._news = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait({self._news}, timeout=seconds)
            if is_told := self._news.done():
                self._news.result()
        finally:
            self._news = None
        return is_told

    async def _send(
        self, priority: Priority, count: int, *, later: bool = False
    ) -> None:
        if not self._client.is_connected:
            raise BrokerUnavailable("NATS is not connected")
        self._asked += 1
        question = Question(f"{self._inbox}.{self._asked}", count)
        until: dict[str, int] = {"no_wait": True}
        if later:
            question.until, until = monotonic() + WAIT_SECONDS, {"expires": WAIT_NS}
        self._questions[priority] = question
        await self._client.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{stream_of(priority)}.{LOCAL}",
            msgspec.json.encode({"batch": count, **until}),
            reply=question.subject,
        )

    async def _on_message(self, message: Msg) -> None:
        if message.subject.startswith(self._inbox):
            await self._on_status(message)
        else:
            self._count(priority_of(message.subject))
            if self._hands > 0:
                self._tasks.append(message)
            else:
                await message.nak()
        if not self._is_open:
            self._tell()

    def _count(self, priority: Priority) -> None:
        """One task of it has come."""
        if (question := self._questions.get(priority)) is not None:
            question.left -= 1
            if question.left == 0:
                del self._questions[priority]

    async def _on_status(self, message: Msg) -> None:
        """No more will come of a question, unless that has been forgotten already."""
        status = (message.headers or {}).get("Status")
        if status == NO_SUCH_QUEUE:
            self._questions.clear()
            self._tell(QueuesMissing("there is no such queue"))
            return
        for priority, question in self._questions.items():
            if question.subject == message.subject:
                del self._questions[priority]
                if status == EMPTY and self._hands > 0:
                    with suppress(NatsError, BrokerUnavailable):
                        await self._send(priority, self._hands, later=True)
                return

    def _give_up(self) -> None:
        """The server that was asked is gone, and another one does not know of it."""
        self._questions.clear()
        self._tell()

    def _tell(self, error: Exception | None = None) -> None:
        if self._news is None or self._news.done():
            return
        if error is None:
            self._news.set_result(None)
        else:
            self._news.set_exception(error)
