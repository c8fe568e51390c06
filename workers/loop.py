"""How every worker runs: one pass, again and again, until cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from traceback import walk_tb
from typing import Any, TypeVar

import structlog

from domain.errors import JournalUnavailable
from projections.storage.failures import words_of

log = structlog.get_logger()
T = TypeVar("T")
RunOnce = Callable[[], Awaitable[int]]
# Once the database is back, a lock whose time is up must not wait a second more.
BACKOFF_SECONDS_MAX = 0.25
# What is done less often than every second can wait for longer, too.
SLOW_BACKOFF_SECONDS_MAX = 10.0
CANCEL_AGAIN_SECONDS = 0.5
# Beyond that, it rests as long as it ever does.
DOUBLED_MAX = 10
# The innermost of an error's places.
PLACES_MAX = 8


async def run_forever(
    name: str, run_once: RunOnce, every_seconds: float, *, in_bulk: bool = False
) -> None:
    """Run at once again while there is work; else, and after a failure, rest first.

    `in_bulk` rests after every pass: it does all there is, and the more that has come
    together by the next one, the less each piece costs.

    A failing pass is logged and tried again, later each time, for ever: whatever it
    wanted to do is still to be done.
    """
    failures, most = 0, BACKOFF_SECONDS_MAX
    if every_seconds > 1:
        most = min(every_seconds, SLOW_BACKOFF_SECONDS_MAX)
    while True:
        try:
            worked = await run_once()
        except Exception as error:  # noqa: BLE001 - nothing may end a worker's loop
            failures += 1
            doubled = 2 ** min(failures, DOUBLED_MAX)
            rest = min(every_seconds * doubled, most)
            log.warning(
                "worker failed",
                worker=name,
                error=words_of(error),
                again_in=rest,
                **_told(error),
            )
            await asyncio.sleep(rest)
        else:
            failures = 0
            await asyncio.sleep(0 if worked and not in_bulk else every_seconds)


def _told(error: BaseException) -> dict[str, Any]:
    """What may be logged of an error: its kind, and where it came from; of a group,
    the kinds that are in it, and where the first that nobody expects came from.

    No traceback: what the errors say that led to it may quote what was written.
    """
    leaves = [*_leaves(error)]
    kinds = sorted({type(leaf).__name__ for leaf in leaves})
    # That the database is away is nothing to look for in the code.
    found = [leaf for leaf in leaves if not isinstance(leaf, JournalUnavailable)]
    where = {"where": _places(found[0])} if found else {}
    return {"kind": ", ".join(kinds), **where}


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The error itself; of a group, those that are in it, however deep."""
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error


def _places(error: BaseException) -> Sequence[str]:
    """File, line and function, the innermost last."""
    codes = [(frame.f_code, line) for frame, line in walk_tb(error.__traceback__)]
    return [
        f"{code.co_filename}:{line} {code.co_qualname}"
        for code, line in codes[-PLACES_MAX:]
    ]


def results(answers: Iterable[T | BaseException]) -> list[T]:
    """Those of a `gather` that let all go on; what one of them raised is raised now."""
    found: list[T] = []
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
        found.append(answer)
    return found


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel them, and again until they have ended.

    A cancellation can be lost: `wait_for` of Python 3.11 drops it if what it waits for
    fails at that moment, and nats-py then goes on to look for a server, for ever.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
