"""Database work off the event loop, and what it means when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import structlog
from eventsourcing.persistence import PersistenceError

from domain.errors import JournalUnavailable
from projections.storage.failures import ALTERED, SILENT, UNDECODABLE, kind_of, reason

P = ParamSpec("P")
R = TypeVar("R")

log = structlog.get_logger()


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """`function` in a thread; `JournalUnavailable` if the database did not answer."""
    try:
        return await asyncio.to_thread(function, *args, **kwargs)
    except PersistenceError as error:
        log.warning(SILENT, kind=kind_of(error))
        raise JournalUnavailable(reason(error) or SILENT) from error
    except UNDECODABLE as error:
        # Not for a caller to be blamed for: what they send is not read in threads.
        raise JournalUnavailable(ALTERED) from error
