"""The process of one task: runs its handler, and says how that went."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TextIO

import msgspec

from domain.errors import Invalid
from workers.embedded.launch import die_with_parent
from workers.running.assignment import Assignment, FailureKind
from workers.running.context import Context, Interrupted, Line
from workers.running.folders import is_safe
from workers.running.handlers import Handler
from workers.running.held import hold
from workers.running.wire import (
    MESSAGE_CHARACTERS_MAX,
    RESULT_BYTES_MAX,
    RESULT_LEVELS_MAX,
    STACK_CHARACTERS_MAX,
    Ended,
    Returned,
    bounded,
    has_nul,
    nests_deeper,
)

_LINE = 3
_INHERITED = ("PATH", "LANG", "TZ")
# A type's handler, or why it could not be imported.
Loaded = Mapping[str, Handler | str]


class _Unfit(Exception):
    """What the handler returned cannot be a result."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def carry_out(
    handlers: Loaded, keeper: int, source: socket.socket, folder: str
) -> NoReturn:
    """Wait for a task's descriptors, become that task, and end with it."""
    try:
        os.setsid()
        die_with_parent(signal.SIGKILL, keeper)
        _carry_out(handlers, source, folder)
    except BaseException:  # noqa: BLE001 - whoever forked us is not to see it
        traceback.print_exc()
    finally:
        # No thread, and nothing that is registered for the exit, delays it.
        os._exit(1)


def _carry_out(handlers: Loaded, source: socket.socket, folder: str) -> None:
    _, descriptors, _, _ = socket.recv_fds(source, 1, 2)
    if not descriptors:  # there will be no task
        os._exit(0)
    _keep_only(*descriptors)
    _settle_in(folder)
    talk = Line(_LINE)
    outcome = _outcome(talk, handlers, Path(folder))
    with suppress(OSError, ValueError):  # the handler may have closed them
        sys.stdout.flush()
        sys.stderr.flush()
    with suppress(OSError):
        talk.say(outcome)
    os._exit(0)


def _keep_only(line: int, output: int) -> None:
    """Descriptors: nothing to read, the log to write to, and the line to the worker."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # First out of the way of where they go.
    line, output = (os.dup(line), os.dup(output))
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(line, _LINE, inheritable=False)
    os.closerange(_LINE + 1, os.sysconf("SC_OPEN_MAX"))
    sys.stdout, sys.stderr = _writer_to(1), _writer_to(2)


def _writer_to(descriptor: int) -> TextIO:
    """Line by line, so that what is printed is in the log at once, and in order."""
    return open(
        descriptor,
        "w",
        buffering=1,
        encoding="utf-8",
        errors="backslashreplace",
        closefd=False,
    )


def _settle_in(folder: str) -> None:
    """In its own folder, with an environment that tells it nothing but where it is."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    os.environ.clear()
    os.environ.update(kept | {"HOME": folder, "TMPDIR": folder})
    time.tzset()
    tempfile.tempdir = None  # an import may have asked, and then it is remembered
    # After days of waiting, whatever tidies /tmp may have taken it away.
    for place in (Path(folder).parent, Path(folder)):
        with suppress(FileExistsError):
            place.mkdir(mode=0o700)
            hold(Path(folder).parent)  # as its keeper did with what is gone
        if not is_safe(place):
            raise PermissionError(f"{place} is not ours alone")
    os.chdir(folder)
    os.umask(0o077)


def _outcome(line: Line, handlers: Loaded, folder: Path) -> Returned | Ended:
    me = os.getpid()
    try:
        assignment = line.hear()
        assert isinstance(assignment, Assignment)
        handler = handlers.get(assignment.task_type, "there is no such type of task")
        if isinstance(handler, str):
            return Ended(FailureKind.UNKNOWN_TYPE, f"{assignment.task_type}: {handler}")
        data = handler.decode(assignment.data)
        context = Context(assignment, folder, line)
        return _result_of(_run(handler, context, data, line))
    except Invalid as error:
        return _ended(FailureKind.WRONG_DATA, str(error), error)
    except _Unfit as error:
        return Ended(error.kind, str(error))
    except (Interrupted, asyncio.CancelledError) as error:
        return _ended(FailureKind.KILLED, "the task was asked to stop (SIGTERM)", error)
    except SystemExit as error:
        told = f"the handler exited: {error.code}"
        return _ended(FailureKind.EXITED, told, error)
    except BaseException as error:  # noqa: BLE001 - that is how the task ends
        return _ended(FailureKind.RAISED, words_of(error), error)
    finally:
        if os.getpid() != me:  # the handler forked, and its copy came back here
            os._exit(0)


def _run(handler: Handler, context: Context, data: Any, line: Line) -> Any:
    def stop(*_: object) -> None:
        context.is_cancelled = True
        if not handler.heeds_cancel:
            line.interrupt()

    signal.signal(signal.SIGTERM, stop)
    try:
        result = handler(context, data)
        if inspect.iscoroutine(result):
            return asyncio.run(_run_async(handler, context, result))
        return result
    finally:
        # It has ended as it has ended: saying so must not be interrupted.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


async def _run_async(handler: Handler, context: Context, result: Any) -> Any:
    running = asyncio.ensure_future(result)

    def stop() -> None:
        context.is_cancelled = True
        if not handler.heeds_cancel:
            running.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    return await running


def _result_of(returned: Any) -> Returned:
    try:
        encoded = msgspec.json.encode(returned)
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        told = f"the result cannot be written as JSON: {error}"
        raise _Unfit(FailureKind.UNSERIALISABLE, told) from None
    if len(encoded) > RESULT_BYTES_MAX:
        told = f"the result has {len(encoded)} bytes of JSON; {RESULT_BYTES_MAX} may be"
        raise _Unfit(FailureKind.TOO_LARGE, told)
    value = msgspec.json.decode(encoded)
    if nests_deeper(value, RESULT_LEVELS_MAX):
        told = f"the result is nested deeper than {RESULT_LEVELS_MAX} levels"
        raise _Unfit(FailureKind.TOO_LARGE, told)
    if b"\\u0000" in encoded and has_nul(value):
        told = "the result has a NUL character, which cannot be stored"
        raise _Unfit(FailureKind.UNSERIALISABLE, told)
    return Returned(msgspec.Raw(encoded))


def _ended(kind: FailureKind, message: str, error: BaseException) -> Ended:
    # Twice of what is kept: so the worker masks secrets before they may be cut in two.
    stack = "".join(traceback.format_exception(error))
    return Ended(
        kind,
        bounded(message, 2 * MESSAGE_CHARACTERS_MAX),
        bounded(stack, 2 * STACK_CHARACTERS_MAX),
    )


def words_of(error: BaseException) -> str:
    """What an error says. `str` of another's class may itself raise."""
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - then its class has to do
        return type(error).__name__
