"""`Idempotency-Key`: a POST that is sent again is answered as it was, and done once.

The same key, caller, route and body: the first answer again, for a day, from whatever
process. docs/idempotency.md tells what holds, and why.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from hashlib import sha256

import msgspec
import structlog
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException
from litestar.types import (
    ASGIApp,
    HTTPReceiveMessage,
    HTTPRequestEvent,
    Message,
    Receive,
    Scope,
    Send,
)

from api.auth import Authenticator
from api.once import Once
from api.requests import BODY_BYTES_MAX
from api.whole_answer import send_whole
from domain.errors import (
    DomainError,
    Invalid,
    IssuerUnavailable,
    JournalUnavailable,
    VaultClosed,
)
from domain.roles import Role
from projections.storage.answers import TAKEN_SECONDS, Answer, Answers, Taken

NAME = "Idempotency-Key"
HEADER = NAME.lower().encode()
KEY = re.compile(rb"[!-~]{1,255}")
REPLAYED = (b"idempotent-replayed", b"true")
RENEW_EVERY_SECONDS = TAKEN_SECONDS / 3
KEPT_BYTES_MAX = 1024 * 1024
# Not an answer to the request but to its token, or to the moment it came.
NOT_KEPT = {401, 429, *range(500, 600)}
log = structlog.get_logger()


class ClientGoneError(Exception):
    """The client went away before the body had arrived: there is nobody to answer."""


class IdempotencyKeys:
    """Stands before the routes; a request without the header passes untouched."""

    def __init__(
        self, app: ASGIApp, authenticator: Authenticator, answers: Answers
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") != "POST":
            await self._app(scope, receive, send)
            return
        keys = [value for name, value in scope["headers"] if name == HEADER]
        if not keys:
            await self._app(scope, receive, send)
            return
        try:
            if (name := await self._name(scope, keys)) is not None:
                body = await _body(receive)
                found = await self._answers.take(name, _fingerprint(scope, body))
        except ClientGoneError:
            return
        except (
            DomainError,
            HTTPException,
            IssuerUnavailable,
            JournalUnavailable,
            VaultClosed,
        ) as refusal:
            # The route's guard raises it, so that it is told and recorded as any other.
            scope["state"]["refusal"] = refusal
            await self._app(scope, receive, send)
            return
        if name is None:
            await self._app(scope, receive, send)
            return
        if isinstance(found, Answer):
            headers = [*found.headers, REPLAYED]
            await send_whole(send, found.status, headers, found.body)
            return
        await self._carry_out(found, scope, _again(body, receive), send)

    async def _name(self, scope: Scope, keys: list[bytes]) -> bytes | None:
        """What this caller's key is called, whatever token it comes with.

        None of a member's, to whom no POST is open: nothing of his could be done twice,
        and what is kept of it would be at the cost of the others'.
        """
        if len(keys) > 1 or not KEY.fullmatch(keys[0]):
            raise Invalid(
                f"{NAME} must be 1 to 255 visible ASCII characters, once", field=NAME
            )
        who = await self._authenticator.identity(ASGIConnection(scope))
        if not who.role.includes(Role.APPLICATION):
            return None
        whole = (who.id, who.application, who.role, keys[0])
        return sha256(msgspec.msgpack.encode(whole)).digest()

    async def _carry_out(
        self, taken: Taken, scope: Scope, receive: Receive, send: Send
    ) -> None:
        scope["state"]["once"] = Once(taken.id, taken.seed)
        renewing = asyncio.create_task(self._renew(taken))
        try:
            outbox = Outbox(self._answers, taken, scope, send)
            await self._app(scope, receive, outbox.send)
        finally:
            renewing.cancel()

    async def _renew(self, taken: Taken) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY_SECONDS)
            with suppress(JournalUnavailable):
                await self._answers.renew(taken)


class Outbox:
    """Holds an answer back until it is kept: who has it can rely on that."""

    def __init__(
        self, answers: Answers, taken: Taken, scope: Scope, send: Send
    ) -> None:
        self._answers = answers
        self._taken = taken
        self._scope = scope
        self._send = send
        self._messages: list[Message] = []

    async def send(self, message: Message) -> None:
        self._messages.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            try:
                await self._keep()
            except JournalUnavailable as error:
                # It is true all the same; who asks again is told it once more.
                log.warning("answer not kept", error=str(error))
            for held in self._messages:
                await self._send(held)

    async def _keep(self) -> None:
        answer = _answer(self._messages)
        is_of_the_moment = self._scope["state"].get("is_of_the_moment", False)
        is_kept = answer.status not in NOT_KEPT and not is_of_the_moment
        if not is_kept or len(answer.body) > KEPT_BYTES_MAX:
            await self._answers.give_back(self._taken)
        else:
            await self._answers.keep(self._taken, answer)


def _answer(messages: list[Message]) -> Answer:
    status, headers, body = 500, [], bytearray()
    for message in messages:
        if message["type"] == "http.response.start":
            status, headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            body += message["body"]
    # The envelope adds the rest anew.
    return Answer(status, [(k, v) for k, v in headers if k != b"date"], bytes(body))


def _fingerprint(scope: Scope, body: bytes) -> bytes:
    """Of all that says what is asked for: the path, the query and the body."""
    whole = (scope["path"], scope["query_string"], body)
    return sha256(msgspec.msgpack.encode(whole)).digest()


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        body += message["body"]
        if len(body) > BODY_BYTES_MAX:
            raise HTTPException("Request Entity Too Large", status_code=413)
        if not message["more_body"]:
            return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more, and then whatever else comes."""
    is_read = False

    async def receive_again() -> HTTPReceiveMessage:
        nonlocal is_read
        if is_read:
            return await receive()  # type: ignore[return-value]  # of HTTP it is
        is_read = True
        return HTTPRequestEvent(type="http.request", body=body, more_body=False)

    return receive_again
