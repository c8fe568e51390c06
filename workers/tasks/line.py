"""Where workers in other languages ask, and are answered: request and reply over NATS.

Any number of processes may listen; each question reaches one of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from projections.storage.installation import InstallationId
from workers.tasks.broker import Broker

SUBJECT = "berth.v1.worker"
GROUP = "berth"
# What comes beyond waits in the connection's own buffer.
AT_ONCE_MAX = 100
LEAVE_SECONDS_MAX = 5.0
# Where Berth and NATS speak themselves. Whoever has an answer sent there speaks by our
# right: it would be stored among the events.
NO_INBOXES = ("berth.", "$")

Headers = Mapping[str, str]
Answering = Callable[[str, Headers, bytes], Awaitable[bytes]]


def line_of(installation: str) -> str:
    """`berth.v1.worker.<installation>`: below it, what is asked."""
    return f"{SUBJECT}.{installation}"


@dataclass(frozen=True)
class WorkerLine:
    """`answer` is told what is asked, `start` say, and never raises."""

    broker: Broker
    installation: InstallationId
    answer: Answering

    async def run(self) -> int:
        """Answer until cancelled, or until the connection is closed for good."""
        client = await self.broker.connected()
        subject = line_of(await self.installation())
        subscription = await client.subscribe(f"{subject}.*", queue=GROUP)
        hands, works = asyncio.Semaphore(AT_ONCE_MAX), set[asyncio.Task[None]]()

        def done(work: asyncio.Task[None]) -> None:
            works.discard(work)
            hands.release()

        try:
            async for message in subscription.messages:
                await hands.acquire()
                work = asyncio.create_task(self._reply(message))
                works.add(work)
                work.add_done_callback(done)
        finally:
            with suppress(NatsError):
                await subscription.unsubscribe()
            if works:
                await asyncio.wait(works, timeout=LEAVE_SECONDS_MAX)
        return 0

    async def _reply(self, message: Msg) -> None:
        if not message.reply or message.reply.startswith(NO_INBOXES):
            return  # Nobody would hear the answer, so nothing is done.
        what = message.subject.rpartition(".")[2]
        answer = await self.answer(what, message.headers or {}, message.data)
        with suppress(NatsError):  # Whoever hears nothing asks again.
            await message.respond(answer)
