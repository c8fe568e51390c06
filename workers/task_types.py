"""The types of task that this installation serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import structlog

from domain.task.types import Data, TaskType
from workers.running import Handlers

log = structlog.get_logger()
MS = 1_000


def task_types(
    handlers: Handlers, served_elsewhere: Sequence[str]
) -> Mapping[str, TaskType]:
    """By name. Those `served_elsewhere` have workers in other languages, and a queue
    each; the others are the `handlers` that are installed here."""
    local = [one for name in handlers.references if (one := _local(name, handlers))]
    others = [TaskType(name, queue=name) for name in served_elsewhere]
    return {one.name: one for one in (*local, *others)}


def _local(name: str, handlers: Handlers) -> TaskType | None:
    try:
        handler = handlers[name]
    except (Exception, SystemExit):
        log.exception("a type of task cannot be served", type=name)
        return None
    timeout = handler.timeout_seconds
    return TaskType(
        name,
        is_public=handler.submittable,
        default_timeout_ms=None if timeout is None else round(timeout * MS),
        concurrency_max=handler.at_most,
        check=partial(_check, handlers, name),
        concurrency_key=handler.key_of,
    )


def _check(handlers: Handlers, name: str, data: Data) -> None:
    handlers.check(name, data)
