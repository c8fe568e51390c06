"""One try at one webhook: it is sent, and judged by what came back."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime
from time import perf_counter

from msgspec import Struct

from domain.catalog import tag
from domain.record import Recorded
from domain.webhook.schedule import retry_seconds
from projections.storage.deliveries import (
    Attempt,
    Claimed,
    Outcome,
)
from workers.outgoing import Answer, Outgoing, Unreachable, signed
from workers.webhooks.bodies import JSON_HEADERS
from workers.webhooks.receivers import Receiver

GONE = 410
# Those who say so are asked again when they say.
BUSY = {429, 503}
HEAD_LENGTH_MAX = 2_000


class Reply(Struct, frozen=True):
    """What came back: a status, or the reason why there is none."""

    latency_ms: float
    status: int | None = None
    error: str | None = None
    head: str = ""
    retry_after_seconds: float | None = None

    @property
    def is_success(self) -> bool:
        return self.status in range(200, 300)

    @property
    def rest_seconds(self) -> float | None:
        """How long it asked to be left alone."""
        return self.retry_after_seconds if self.status in BUSY else None


async def send(
    outgoing: Outgoing, receiver: Receiver, message_id: str, at: datetime, body: bytes
) -> Reply:
    """`at` is now: receivers refuse what was signed long ago."""
    facts, config = receiver.facts, receiver.config
    headers: Mapping[str, str] = {
        **JSON_HEADERS,
        **{name.lower(): value for name, value in config.headers.items()},
        **signed(receiver.secrets, message_id, at, body),
    }
    began = perf_counter()
    try:
        answer = await outgoing.post(
            config.url,
            method=facts.method,
            headers=headers,
            body=body,
            timeout_seconds=facts.timeout_ms / 1_000,
        )
    except Unreachable as error:
        return Reply((perf_counter() - began) * 1_000, error=error.reason)
    return _reply(receiver, answer)


def attempt_of(
    claimed: Claimed, receiver: Receiver, record: Recorded, reply: Reply
) -> Attempt:
    """When it will be tried again, if it is."""
    number = claimed.attempts + 1
    outcome, again = Outcome.DELIVERED, None
    if not reply.is_success:
        again = retry_seconds(receiver.facts, number, random.random())  # noqa: S311
        if again is not None and reply.rest_seconds is not None:
            again = max(again, reply.rest_seconds)
        outcome = Outcome.GIVEN_UP if again is None else Outcome.FAILED
    return Attempt(
        webhook_id=claimed.webhook_id,
        position=claimed.position,
        claim=claimed.claim,
        attempt=number,
        is_probe=claimed.is_probe,
        outcome=outcome,
        event_id=record.id,
        event_type=tag(type(record.event)),
        latency_ms=reply.latency_ms,
        again_seconds=again,
        rest_seconds=reply.rest_seconds,
        status=reply.status,
        error=reply.error,
        head=reply.head,
        config_id=receiver.facts.config_id,
    )


def _reply(receiver: Receiver, answer: Answer) -> Reply:
    head = answer.head.decode(errors="replace").replace("\0", "\ufffd")
    is_success = answer.status in range(200, 300)
    return Reply(
        answer.latency_ms,
        answer.status,
        None if is_success else f"it answered {answer.status}",
        receiver.without_secrets(head)[:HEAD_LENGTH_MAX],
        answer.retry_after_seconds,
    )
