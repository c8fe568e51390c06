"""Answers workers in other languages: the HTTP API's tokens and refusals, over NATS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import structlog

from api.access_log import FLUSH_EVERY_SECONDS, AccessLog
from api.auth import Authenticator, Caller, actor_as, require
from api.errors import (
    UNDECODABLE,
    ErrorBody,
    error_body,
    refused_body,
    undecodable_body,
    vault_closed_body,
)
from api.identity import ANYBODY
from api.person_tokens import Signer
from api.requests import BODY_BYTES_MAX, decent_request_id, strictly
from api.visitors import Visitors
from api.worker_schemas import (
    CompleteBody,
    FailBody,
    LogBody,
    OfAttemptBody,
    ProgressBody,
    StartBody,
)
from api.worker_work import WorkerWork
from domain.errors import (
    DomainError,
    Forbidden,
    Invalid,
    IssuerUnavailable,
    JournalUnavailable,
    NotFound,
    Unauthenticated,
    VaultClosed,
)
from domain.roles import Role
from workers.loop import run_forever
from workers.tasks.line import SUBJECT, Headers, WorkerLine
from workers.wiring import Services

log = structlog.get_logger()
RETRY_EVERY_SECONDS = 0.5
Verb = tuple[type[Any], Callable[..., Any]]
VERBS: dict[str, Verb] = {
    "start": (StartBody, WorkerWork.start),
    "heartbeat": (OfAttemptBody, WorkerWork.heartbeat),
    "progress": (ProgressBody, WorkerWork.progress),
    "log": (LogBody, WorkerWork.log),
    "complete": (CompleteBody, WorkerWork.complete),
    "fail": (FailBody, WorkerWork.fail),
    "cancelled": (OfAttemptBody, WorkerWork.cancelled),
    "abandon": (OfAttemptBody, WorkerWork.abandon),
}


@asynccontextmanager
async def answering_workers(services: Services) -> AsyncIterator[None]:
    """Answer inside, beside whatever else this process does."""
    settings = services.settings
    access_log = AccessLog(services.journal, services.subjects.by_now)
    authenticator = Authenticator(
        services.journal, Signer(settings.secret), Visitors(settings.issuers)
    )
    desk = WorkerDesk(services, authenticator, access_log)
    dispatch = services.dispatch
    line = WorkerLine(dispatch.broker, dispatch.queues.installation, desk.answer)
    loops = [
        run_forever("worker-line", line.run, RETRY_EVERY_SECONDS),
        run_forever("access-log", access_log.flush_once, FLUSH_EVERY_SECONDS),
    ]
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(JournalUnavailable):
            await access_log.close()


class WorkerDesk:
    """One question, one answer, whatever is asked."""

    def __init__(
        self, services: Services, authenticator: Authenticator, access_log: AccessLog
    ) -> None:
        self._services = services
        self._authenticator = authenticator
        self._access_log = access_log

    async def answer(self, what: str, headers: Headers, body: bytes) -> bytes:
        """JSON; a refusal is one in the API's error shape."""
        given = {name.lower(): value for name, value in headers.items()}
        request_id = decent_request_id(given.get("x-request-id", ""))
        try:
            authorization = given.get("authorization", "")
            answered = await self._answer(what, authorization, request_id, body)
        except DomainError as refusal:
            answered = refused_body(refusal, request_id)
        except (JournalUnavailable, IssuerUnavailable) as error:
            answered = error_body(503, str(error), request_id, error.code)
        except VaultClosed as error:
            answered = vault_closed_body(error, request_id)
        except UNDECODABLE as error:
            answered = undecodable_body(error, request_id)
        except Exception:
            log.exception("unexpected error", request_id=request_id, asked=what)
            message = "something went wrong; the log has the details"
            answered = error_body(500, message, request_id)
        return msgspec.json.encode(answered)

    async def _answer(
        self, what: str, authorization: str, request_id: str, body: bytes
    ) -> Any:
        caller: Caller | None = None
        try:
            caller = await self._authenticator.bearing(authorization, request_id)
            require(Role.APPLICATION, caller)
            return await self._carry_out(what, caller, body, request_id)
        except (Unauthenticated, Forbidden) as refusal:
            actor = caller.actor if caller else actor_as(ANYBODY, request_id)
            subject = f"{SUBJECT}.{what if what in VERBS else '?'}"
            await self._access_log.refused_over_nats(actor, subject, refusal)
            raise

    async def _carry_out(
        self, what: str, caller: Caller, body: bytes, request_id: str
    ) -> Any:
        if what not in VERBS:
            raise NotFound(f"nothing is asked here but {', '.join(VERBS)}")
        if len(body) > BODY_BYTES_MAX:
            return _too_large(request_id)
        kind, work = VERBS[what]
        said = strictly(body, kind)
        if not isinstance(said, kind):
            raise Invalid("the body must be an object", field="body")
        return await work(WorkerWork(self._services, caller), said)


def _too_large(request_id: str) -> ErrorBody:
    return error_body(413, "the body is too large", request_id)
