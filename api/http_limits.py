"""How much and how slowly a client may send, and how slowly it may take an answer.

uvicorn itself bounds neither the size of a request's head, nor the time that it takes,
nor how long an answer lies about that nobody takes.
Pinned with uvicorn's minor version, since the hooks are its own.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from api.corked import Corked
from api.errors import error_body
from api.plain_http import PlainProtocol
from domain.ids import new_id

HEAD_BYTES_MAX = 32 * 1024
FIELDS_MAX = 100
HEAD_SECONDS_MAX = 10.0
BODY_SECONDS_MAX = 30.0
# So long may a client take nothing of an answer that is more than the buffers hold.
STALLED_SECONDS_MAX = 30.0
UNREADABLE, TIMEOUT, TOO_LARGE = 400, 408, 431
MESSAGES = {
    UNREADABLE: "this is not an HTTP request",
    TIMEOUT: "the request did not arrive in time",
    TOO_LARGE: "the head of the request is too large",
}


class LimitedProtocol(PlainProtocol):
    """431 for a head too large, 408 for a request too slow, 400 for what is neither."""

    _in_head = True
    _received = 0
    _size = 0
    _is_too_large = False
    _deadline = math.inf  # in seconds of the loop's time, as is the next
    _looks_at = math.inf
    _timer: asyncio.TimerHandle | None = None
    _stalling: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(Corked(transport, self.loop))  # type: ignore[arg-type]
        self._expect(HEAD_SECONDS_MAX)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in self._timer, self._stalling:
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        later = self.loop.call_later
        self._stalling = later(STALLED_SECONDS_MAX, self.transport.abort)

    def resume_writing(self) -> None:
        if self._stalling is not None:
            self._stalling.cancel()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._received += len(data)
            if self._deadline == math.inf:
                self._expect(HEAD_SECONDS_MAX)
        super().data_received(data)
        if self._in_head and self._received > HEAD_BYTES_MAX:
            self._refuse(TOO_LARGE)

    def on_message_begin(self) -> None:
        self._in_head, self._size = True, 0
        self._unset_keepalive_if_required()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._size += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._size += len(name) + len(value) + len(": \r\n")
        if self._size > HEAD_BYTES_MAX or len(self.headers) >= FIELDS_MAX:
            self._is_too_large = True
            raise ValueError
        # A trailer must not become part of the head (RFC 9110, 6.5.1).
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._received = False, 0
        self._expect(BODY_SECONDS_MAX)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head = True
        self._expect(None)
        super().on_message_complete()
        last: RequestResponseCycle | None = self.cycle
        if last is not None and last.response_complete:
            self._keep_alive_once_more()

    def _keep_alive_once_more(self) -> None:
        """It was answered before its body came, which has ended the wait for the next.

        uvicorn would begin that again only with another answer.
        """
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def send_400_response(self, msg: str) -> None:
        del msg
        self._refuse(TOO_LARGE if self._is_too_large else UNREADABLE)

    def _expect(self, seconds: float | None) -> None:
        """The rest of the head, or of the body, within so many seconds.

        One timer for each connection looks again when it must; to set and cancel one
        for each part of each request costs more than to parse it.
        """
        if seconds is None:
            self._deadline = math.inf
            return
        self._deadline = self.loop.time() + seconds
        if self._deadline < self._looks_at:
            self._look_later()

    def _look_later(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._looks_at = self._deadline
        self._timer = self.loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        self._looks_at, self._timer = math.inf, None
        if self._deadline <= self.loop.time():
            self._refuse(TIMEOUT)
        elif self._deadline < math.inf:
            self._look_later()

    def _refuse(self, status: int) -> None:
        self._deadline = math.inf
        if self.transport.is_closing():
            return
        if self._owes_an_answer():
            self._refuse_later(status)
            return
        last: RequestResponseCycle | None = self.cycle  # None before the first
        if last is None or last.response_complete or not last.response_started:
            self.transport.write(_answer(status))
        self.transport.close()

    def _owes_an_answer(self) -> bool:
        """Whether a request that arrived whole has not got all of its answer yet."""
        last: RequestResponseCycle | None = self.cycle
        if last is None or last.response_complete:
            return False
        return bool(self.pipeline) or not last.more_body

    def _refuse_later(self, status: int) -> None:
        """Once what is owed is answered; until then, nothing more is read."""
        if self.cycle.more_body:
            self.pipeline.popleft()  # What is refused, itself.
        turn: Any = _Refusal(self.transport, status)
        self.pipeline.appendleft((turn, self.app))
        self.parser = _Deaf()  # type: ignore[assignment]
        self._in_head = False


class _Refusal:
    """What takes its turn in the pipeline as a request does, and ends it."""

    def __init__(self, transport: asyncio.Transport, status: int) -> None:
        self._transport = transport
        self._status = status

    async def run_asgi(self, _: object) -> None:
        if not self._transport.is_closing():
            self._transport.write(_answer(self._status))
            self._transport.close()


class _Deaf:
    """A parser of what nobody wants to know."""

    def feed_data(self, _: bytes) -> None:
        pass


def _answer(status: int) -> bytes:
    request_id = new_id()
    body = msgspec.json.encode(error_body(status, MESSAGES[status], request_id))
    head = (
        "content-type: application/json\r\n"
        f"content-length: {len(body)}\r\n"
        f"x-request-id: {request_id}\r\n"
        "connection: close\r\n"
        "\r\n"
    )
    return STATUS_LINE[status] + head.encode() + body
