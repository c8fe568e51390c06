"""`berth lock` and `berth unlock`: for pipelines, against a Berth elsewhere."""

from __future__ import annotations

import asyncio
import math
import os
import select
import shutil
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from workers.one_line import short
from workers.pipeline.bearer import bearer_from
from workers.pipeline.holding import lock_alone, run_locked
from workers.pipeline.place import Wanted, find, release
from workers.pipeline.server import PipelineError, Server
from workers.pipeline.signals import Interrupted
from workers.pipeline.ticket import WaitOver

WAIT_OVER, FAILED, NOT_RUN, NOT_FOUND = 124, 125, 126, 127
RUNNING_LEASE_SECONDS, LEASE_SECONDS = 300, 3_600

Lease = Annotated[int, Parameter(validator=Number(gte=3, lte=604_800))]
Wait = Annotated[int, Parameter(validator=Number(gte=0, lte=604_800))]
Words = Annotated[str, Parameter(allow_leading_hyphen=True)]
# What is longer than a pipe takes at once may be held up by whoever does not read.
TELL_SECONDS_MAX, TOLD_LENGTH_MAX = 0.3, select.PIPE_BUF // 4 - 8
LOCALLY = "http://127.0.0.1:8080"
# What GitHub and GitLab call the job's own one does as well.
REPOSITORY = ("BERTH_REPOSITORY", "GITHUB_REPOSITORY", "CI_PROJECT_PATH")


def lock(
    environment: str,
    *command: Words,
    repository: str | None = None,
    lease: Lease | None = None,
    wait: Wait | None = None,
    reason: str | None = None,
    url: str | None = None,
) -> int:
    """Wait for an environment, run a command that alone has it, and give it back.

    The lease is renewed for as long as the command runs, and the command is ended
    if the lock is lost. Without a command, print the ticket and keep the lock, for
    `berth unlock` to give back. In whose name: BERTH_TOKEN. Exits with what the
    command does; 124 if it had to wait too long; 125 if Berth failed.

    Parameters
    ----------
    environment
        Its name, or its id.
    command
        After --, such as -- ./deploy.sh --all. It finds BERTH_FENCE and the
        org's credentials in its environment.
    repository
        Where the name is, such as acme/shop; else BERTH_REPOSITORY, or what GitHub
        and GitLab call the job's own.
    lease
        In seconds: so long is it locked after this machine has died. 300, or 3600
        without a command.
    wait
        At most so many seconds; else for as long as it takes.
    reason
        What the others are told.
    url
        Where Berth is; else BERTH_URL, or http://127.0.0.1:8080.
    """
    program = shutil.which(command[0]) if command else None
    if command and program is None:
        return _cannot_run(command[0])
    usual = RUNNING_LEASE_SECONDS if command else LEASE_SECONDS
    wanted = Wanted(
        environment=environment,
        repository=repository or _set(*REPOSITORY),
        lease_seconds=usual if lease is None else lease,
        wait_seconds=math.inf if wait is None else wait,
        reason=reason,
    )

    async def locking(server: Server) -> int:
        if program:
            words = [program, *command[1:]]
            return await run_locked(server, wanted, words, os.environ, _tell)
        await lock_alone(server, wanted, _print, _tell)
        return 0

    return _with_server(url, locking)


def unlock(
    environment: str,
    ticket: str,
    *,
    repository: str | None = None,
    url: str | None = None,
) -> int:
    """Give back the lock of an environment, or a place in its queue.

    Twice is once. In whose name: BERTH_TOKEN. Exits with 125 if Berth failed.

    Parameters
    ----------
    environment
        Its name, or its id.
    ticket
        What `berth lock` has printed.
    repository
        Where the name is, such as acme/shop; else BERTH_REPOSITORY, or what GitHub
        and GitLab call the job's own.
    url
        Where Berth is; else BERTH_URL, or http://127.0.0.1:8080.
    """

    async def unlocking(server: Server) -> int:
        place = await find(server, environment, repository or _set(*REPOSITORY))
        _tell(f"{place.name}: {await release(server, place, ticket)}")
        return 0

    return _with_server(url, unlocking)


def _set(*names: str) -> str | None:
    """The first of these variables that says something."""
    return next((value for name in names if (value := os.environ.get(name))), None)


def _with_server(url: str | None, work: Callable[[Server], Awaitable[int]]) -> int:
    async def working() -> int:
        where = url or _set("BERTH_URL") or LOCALLY
        server = Server(where, bearer_from(os.environ), _tell)
        try:
            return await work(server)
        finally:
            await server.close()

    try:
        return asyncio.run(working())
    except Interrupted as error:
        _tell(str(error))
        return error.exit_code
    except PipelineError as error:
        _tell(str(error))
        return WAIT_OVER if isinstance(error, WaitOver) else FAILED
    except UnicodeEncodeError:
        _tell("what it was given is not UTF-8")
        return FAILED


def _cannot_run(program: str) -> int:
    """Told before anybody waits for it; the exit code is that of shells."""
    is_there = os.path.exists(program)  # noqa: PTH110 - as the kernel would look
    _tell(f"{program} " + ("cannot be run" if is_there else "is not there to be run"))
    return NOT_RUN if is_there else NOT_FOUND


def _print(ticket: str) -> None:
    """`OSError` if nobody can have got it."""
    if sys.stdout is None:
        raise OSError("standard output is closed")
    os.write(sys.stdout.fileno(), f"{ticket}\n".encode())


def _tell(line: str) -> None:
    """Beside the command's own output. Whoever does not read it holds nothing up."""
    told = f"berth: {short(line, TOLD_LENGTH_MAX)}\n".encode()
    if sys.stderr is not None:
        with suppress(OSError):
            stderr = sys.stderr.fileno()
            if select.select((), (stderr,), (), TELL_SECONDS_MAX)[1]:
                os.write(stderr, told)
