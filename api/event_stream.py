"""Server-sent events: the journal's news for as long as the reader keeps up.

What is on its way to one reader is bounded: a piece, and what uvicorn holds back until
the reader takes it. One that does not take it in time is told where it was, and left.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import structlog
from litestar import Response
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct
from msgspec.structs import replace

from api.auth import Caller
from domain.clock import utc_now
from domain.errors import (
    DomainError,
    IssuerUnavailable,
    JournalUnavailable,
    TooMany,
    Unauthenticated,
    VaultClosed,
)
from domain.event import Actor
from domain.outward.cloud_event import sequence_of
from workers.feed import Feed, Wanted

log = structlog.get_logger()
MEDIA = "text/event-stream"
STREAMS_PER_CALLER_MAX = 200
STREAMS_MAX = 5_000
PIECE_MAX = 100
PIECE_BYTES_MAX = 64 * 1024
PING_SECONDS = 15.0
# Less than what api/http_limits.py gives a client to take what it was sent.
PATIENCE_SECONDS = 15.0
# The feed tells at once when a token is revoked, unless it began to read after that.
LOOK_AGAIN_SECONDS = 60.0
RETRY_MS = 2_000
HEADERS = [
    (b"content-type", MEDIA.encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
HISTORY_LOST = "HISTORY_LOST"
SLOW = "you do not take what is sent; read faster, or ask for less"
STOPPING = "this process is stopping; ask again"
LOST = (
    "the database has come back with less than it had: what you were told after"
    " resumeAfter is not on record"
)
TOKEN_OVER = "this token has expired or was revoked"  # noqa: S105 - it is none


class StreamEnd(Struct, frozen=True, rename="camel"):
    """The last event of a stream, named `berth.end`.

    `code` says why; `resume_after` goes into `Last-Event-ID`, or `after`, and is the
    event's id where the reader has come further than there is anything on record.
    """

    code: str
    message: str
    resume_after: str


class Ended(Exception):
    """The stream is over; `code` and the message say why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Streams:
    """The streams of this process, counted for each caller."""

    def __init__(
        self, per_caller_max: int = STREAMS_PER_CALLER_MAX, all_max: int = STREAMS_MAX
    ) -> None:
        self._per_caller_max = per_caller_max
        self._all_max = all_max
        self._open: Counter[tuple[str, str | None]] = Counter()

    @contextmanager
    def counted(self, actor: Actor) -> Iterator[None]:
        """`TooMany` if there is no room for another of this caller's."""
        key = (actor.id, actor.application)
        self._check(key)
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]

    def _check(self, key: tuple[str, str | None]) -> None:
        if self._open[key] >= self._per_caller_max:
            raise TooMany(f"{self._per_caller_max} streams of yours are open; end some")
        if self._open.total() >= self._all_max:
            raise TooMany(f"{self._all_max} streams are open here; ask again later")


class EventStream:
    """An ASGI application that sends what is `wanted` from `position` on.

    `caller_again` finds out anew who is calling.
    """

    def __init__(
        self,
        feed: Feed,
        wanted: Wanted,
        position: int,
        caller: Caller,
        caller_again: Callable[[], Awaitable[Caller]],
        check_token: Callable[[Caller], Awaitable[None]],
        streams: Streams,
        *,
        ping_seconds: float = PING_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._feed = feed
        self._wanted = wanted
        self._position = position
        self._lost = feed.lost
        self._caller = caller
        self._caller_again = caller_again
        self._check_token = check_token
        self._streams = streams
        self._ping_seconds = ping_seconds
        self._patience_seconds = patience_seconds
        self._ping_at = self._look_again_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        # `TooMany` before anything is sent is an answer like any other.
        with self._streams.counted(self._wanted.actor):
            await send(
                {"type": "http.response.start", "status": 200, "headers": HEADERS}
            )
            await self._tell_until_gone(receive, send)

    async def _tell_until_gone(self, receive: Receive, send: Send) -> None:
        telling = asyncio.create_task(self._tell(send))
        leaving = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            telling.cancel()
            leaving.cancel()
            await asyncio.gather(telling, leaving, return_exceptions=True)
        for ended in (telling, leaving):
            if not ended.cancelled():
                ended.result()  # An error that nobody expected is for the log.

    async def _tell(self, send: Send) -> None:
        code, message, place = "", "", b""
        try:
            async with self._feed.following():
                await self._follow(send)
        except Ended as ended:
            code, message = ended.code, str(ended)
        except (JournalUnavailable, IssuerUnavailable) as error:
            code, message = "UNAVAILABLE", str(error)
        except VaultClosed as error:
            code, message = "VAULT_CLOSED", str(error)
            version = error.version
            log.error("vault closed", key_version=version, reason=message)  # noqa: TRY400 - it is no bug
        except DomainError as refusal:
            code, message = refusal.code, str(refusal)
        resume_after = sequence_of(self._position)
        if code == HISTORY_LOST:  # Who connects again by himself goes back to there.
            place = b"id: %s\n" % resume_after.encode()
        data = msgspec.json.encode(StreamEnd(code, message, resume_after))
        end = b"%sevent: berth.end\ndata: %s\n\n" % (place, data)
        await _send(send, end, more=False)

    async def _follow(self, send: Send) -> None:
        """Until something ends it."""
        now = asyncio.get_running_loop().time
        # From here on the feed tells when a token is revoked, once it has begun.
        await self._check_token(self._caller)
        self._look_again_at = now() + LOOK_AGAIN_SECONDS
        await self._send(send, b"retry: %d\n%s" % (RETRY_MS, self._ping()))
        while True:
            self._check()
            page = await self._feed.newest(
                self._wanted, self._position, PIECE_MAX, PIECE_BYTES_MAX
            )
            if page.entries:
                await self._send(send, b"".join(entry.frame for entry in page.entries))
            self._position = page.until
            if page.is_last:
                await self._wait()
            if now() >= self._ping_at:
                await self._send(send, self._ping())
            if now() >= self._look_again_at:
                self._caller = await self._caller_again()
                await self._check_token(self._caller)
                self._wanted = replace(self._wanted, actor=self._caller.actor)
                self._look_again_at = now() + LOOK_AGAIN_SECONDS

    def _check(self) -> None:
        if self._feed.is_closing:
            raise Ended("STOPPING", STOPPING)
        if self._lost is not self._feed.lost:
            self._lost = self._feed.lost
            if self._position > self._lost.after:
                self._position = self._lost.after
                raise Ended(HISTORY_LOST, LOST)
        is_revoked = self._caller.actor.token_id in self._feed.revoked
        if is_revoked or utc_now() >= self._caller.expires_at:
            raise Unauthenticated(TOKEN_OVER)

    async def _wait(self) -> None:
        """For news, or until there is something else to do."""
        expires = (self._caller.expires_at - utc_now()).total_seconds()
        due = asyncio.get_running_loop().time() + expires
        try:
            async with asyncio.timeout_at(min(self._ping_at, self._look_again_at, due)):
                await self._feed.beyond(self._position, self._lost)
        except TimeoutError:
            pass

    async def _send(self, send: Send, body: bytes) -> None:
        """uvicorn's `send` waits while the reader has not taken what came before."""
        try:
            async with asyncio.timeout(self._patience_seconds):
                await _send(send, body, more=True)
        except TimeoutError:
            raise Ended("SLOW", SLOW) from None
        self._ping_at = asyncio.get_running_loop().time() + self._ping_seconds

    def _ping(self) -> bytes:
        """A comment. The id moves the reader's place past what was not for it."""
        return b": ping\nid: %s\n\n" % sequence_of(self._position).encode()


class EventStreamResponse(Response[bytes]):
    """What a handler returns to answer with a stream."""

    def __init__(self, stream: EventStream) -> None:
        super().__init__(b"", media_type=MEDIA)
        self._stream = stream

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIApp:  # type: ignore[override]  # all that Litestar does with it is to call it
        return self._stream


async def _send(send: Send, body: bytes, *, more: bool) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
