"""What workers in other languages say and are told: docs/task-workers.md."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta

from api.schemas import Answer, Body, Name
from workers.running.wire import MESSAGE_CHARACTERS_MAX, STACK_CHARACTERS_MAX

LOG_CHARACTERS_MAX = 64 << 10
Attempt = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Message = Annotated[str, Meta(max_length=MESSAGE_CHARACTERS_MAX)]
Stack = Annotated[str, Meta(max_length=STACK_CHARACTERS_MAX)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Written = Annotated[str, Meta(max_length=LOG_CHARACTERS_MAX)]


class Reason(StrEnum):
    ERROR = "error"
    EXITED = "exited"
    TIMEOUT = "timeout"


class StartBody(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """`leaseId` is a UUID, made up for this start, and the same if it is told again."""

    operation_id: str
    type: Name
    lease_id: str
    worker: Name = "worker"


class OfAttemptBody(
    Body, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """The three things that tell which attempt it is, from the answer to its start."""

    operation_id: str
    attempt: Attempt
    lease_id: str


class ProgressBody(
    OfAttemptBody, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    percent: Percent
    message: Message = ""


class LogBody(
    OfAttemptBody, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    text: Written


class CompleteBody(
    OfAttemptBody, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    result: Any = None


class FailBody(
    OfAttemptBody, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """`mayRetry` is false when trying again cannot help. Owners alone see `stack`."""

    message: Message
    stack: Stack | None = None
    reason: Reason = Reason.ERROR
    may_retry: bool = True


class StartedAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """`timeout` and `lockDuration` are in milliseconds; the worker heeds them."""

    operation_id: str
    attempt: int
    lease_id: str
    lease_until: datetime | None
    lock_duration: int
    timeout: int | None
    type: str
    data: dict[str, Any]
    repository_identifier: str | None


class AttemptAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """How the task stands; `isCancelling`: it should be stopped."""

    operation_id: str
    attempt: int
    status: str
    is_cancelling: bool
    lease_until: datetime | None


class LogAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """`isFull`: no more of this attempt is kept."""

    is_full: bool
