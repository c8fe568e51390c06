"""What is asked for when a task is submitted, made into an order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from api.task_schemas import RetryBody, ScheduleType, TaskBody
from domain.errors import DomainError, Invalid
from domain.naming import fold
from domain.task.events import Backoff, Order, Retry
from domain.task.types import TaskType
from projections.directory import directory, sql
from projections.storage.reader import Reader

log = structlog.get_logger()
WRAPPED = {"value", "description"}
AHEAD_MAX = timedelta(days=366)
NAME_LENGTH_MAX = 255
DESCRIPTION_CHARACTERS_MAX = 4_000


async def order_of(
    body: TaskBody, types: Mapping[str, TaskType], views: Reader
) -> Order:
    """Whatever its schedule is; `Invalid` names what will not do."""
    kind = types.get(body.type)
    if kind is None or not kind.is_public:
        known = ", ".join(sorted(t.name for t in types.values() if t.is_public))
        raise Invalid(f"type must be one of {known}", field="type")
    data, description = unwrapped(body.data)
    try:
        key = key_of(kind, data)
    except Invalid as refusal:
        if data is body.data or not refusal.field.startswith("data"):
            raise
        inside = refusal.field.removeprefix("data")
        raise refusal.of(f"data.value{inside}") from None
    return Order(
        task_type=kind.name,
        data=data,
        priority=body.priority.priority,
        queue=kind.queue,
        lock_duration_ms=body.lock_duration,
        timeout_ms=body.timeout or kind.default_timeout_ms,
        retry=retry_of(body.retry_config),
        repository=await repository_of(data, views),
        concurrency_key=None if key is None else f"{kind.name}/{key}",
        concurrency_max=kind.concurrency_max,
        description=description,
    )


def key_of(kind: TaskType, data: dict[str, Any]) -> str | None:
    """Of data that it takes; `Invalid` if it takes no such data.

    The functions are the handler's own, and the data may be nothing it thought of.
    """
    try:
        kind.check(data)
        return kind.concurrency_key(data)
    except DomainError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller sent the data
        # What it says may tell of the data, which is nobody else's to read.
        log.warning("data not taken", type=kind.name, error=type(error).__name__)
        message = f"data: {kind.name} can do nothing with it"
        raise Invalid(message, field="data") from None


def unwrapped(data: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The reference API's documents have the data also as a value with words to it."""
    value, description = data.get("value"), data.get("description")
    is_wrapped = data.keys() == WRAPPED and isinstance(value, dict)
    if not is_wrapped or not isinstance(description, str):
        return data, None
    if len(description) > DESCRIPTION_CHARACTERS_MAX:
        field = "data.description"
        told = f"{field}: at most {DESCRIPTION_CHARACTERS_MAX} characters"
        raise Invalid(told, field=field)
    return data["value"], description


def retry_of(body: RetryBody) -> Retry:
    backoff = Backoff(
        type=body.backoff.type,
        delay_ms=body.backoff.delay,
        jitter=body.backoff.jitter,
        max_delay_ms=body.backoff.max_delay,
    )
    return Retry(body.attempts, backoff, body.max_stalled_count)


async def repository_of(data: dict[str, Any], views: Reader) -> str | None:
    """The registered repository that `repoId` names, by its identifier or its name.

    Also where the data is a value that has no words to it. A name that several have
    stands for none of them.
    """
    inside = data.get("value")
    wrapped = inside.get("repoId") if isinstance(inside, dict) else None
    named = data.get("repoId", wrapped)
    if not isinstance(named, str) or not 0 < len(named) <= NAME_LENGTH_MAX:
        return None
    found = await views.read(directory, sql["projects_named"], {"name": fold(named)})
    exact = [row["identifier"] for row in found.rows if row["is_it"]]
    if exact:
        return str(exact[0])
    return str(found.rows[0]["identifier"]) if len(found.rows) == 1 else None


def ready_at(body: TaskBody, now: datetime) -> datetime | None:
    """When the first attempt may begin; None is now, and so is what is past."""
    when, asked = body.scheduled_for, body.schedule_type
    if when is None:
        if asked is ScheduleType.SCHEDULED:
            raise Invalid("scheduledFor says when to begin", field="scheduledFor")
        return None
    if asked not in (None, ScheduleType.SCHEDULED):
        raise Invalid(
            "scheduledFor goes with scheduleType scheduled", field="scheduledFor"
        )
    if when - now > AHEAD_MAX:
        raise Invalid(
            "scheduledFor must lie within a year from now", field="scheduledFor"
        )
    return when.astimezone(UTC) if when > now else None
