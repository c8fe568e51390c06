"""Logs: one JSON object a line on standard error, never with a secret in it.

Whatever is logged while a request is answered says which one it is, and who asks.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, BinaryIO, cast

import msgspec
import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

from domain.clock import utc_now

# The state of the request that is being answered: its `request_id`, and its `caller`
# once that is known.
ASKED: ContextVar[Mapping[str, Any] | None] = ContextVar("asked", default=None)

# What these log is ours to choose. Others may tell at a low level what they send, and
# that can be a secret: of them, only what goes wrong is worth a line.
TALKING = ("uvicorn", "nats")
# Local variables may hold secrets.
EXCEPTIONS = structlog.processors.ExceptionRenderer(
    ExceptionDictTransformer(show_locals=False)
)


def who_asks(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Adds `request_id` and `actor`."""
    if (asked := ASKED.get()) is not None:
        event.setdefault("request_id", asked.get("request_id"))
        if (caller := asked.get("caller")) is not None:
            event["actor"] = caller.actor.id
            if caller.actor.application:
                event["application"] = caller.actor.application
    return event


def when(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Adds `timestamp`; the library's own would cost as much as all the others."""
    event["timestamp"] = utc_now()
    return event


def as_json(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    """Whatever is in it: what is no JSON is told by its `repr`."""
    try:
        return msgspec.json.encode(event, enc_hook=repr)
    except UnicodeEncodeError:  # Half a character, which only escaped is JSON.
        return json.dumps(event, default=str).encode()


class Lossy:
    """A file in which what cannot be written is lost, as on a full disk: no more.

    Else the worker's loop that wanted to say what went wrong would end for ever.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, line: bytes) -> None:
        with suppress(OSError):
            self._file.write(line)

    def flush(self) -> None:
        with suppress(OSError):
            self._file.flush()


def teller() -> Callable[[EventDict], None]:
    """Writes lines as `log.info` does, at half its cost: for what each request has.

    The line has its `event` and `level`; nothing happens below the level configured.
    """
    log = structlog.get_logger().bind()
    if not log.is_enabled_for(logging.INFO):
        return lambda _: None
    write: Callable[[bytes], None] = structlog.get_config()["logger_factory"]().msg

    def tell(event: EventDict) -> None:
        write(as_json(None, "", who_asks(None, "", when(None, "", event))))

    return tell


SHARED: tuple[Processor, ...] = (
    structlog.processors.add_log_level,
    when,
    who_asks,
    EXCEPTIONS,
)


def configure_logs(level: str = "info") -> None:
    """structlog, wired directly; what libraries log goes the same way."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*SHARED, as_json],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(
            cast("BinaryIO", Lossy(sys.stderr.buffer))
        ),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *SHARED],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                lambda logger, name, event: as_json(logger, name, event).decode(),
            ],
        )
    )
    logging.basicConfig(
        level=max(number, logging.WARNING), handlers=[handler], force=True
    )
    for name in TALKING:
        logging.getLogger(name).setLevel(number)
