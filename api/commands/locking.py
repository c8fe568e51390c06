"""`berth lock` and `berth unlock`: for pipelines, against a Berth elsewhere."""

from __future__ import annotations

import math
import os
import shutil
import sys
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from api.commands.elsewhere import Said, repository_of, tell, with_server
from domain.environment.lock import REASON_LENGTH_MAX
from workers.pipeline.holding import lock_alone, run_locked
from workers.pipeline.place import Wanted, find, release
from workers.pipeline.server import Server

NO_SENSE, NOT_RUN, NOT_FOUND = 2, 126, 127
RUNNING_LEASE_SECONDS, LEASE_SECONDS = 300, 3_600

Lease = Annotated[int, Parameter(validator=Number(gte=3, lte=604_800))]
Wait = Annotated[int, Parameter(validator=Number(gte=0, lte=604_800))]
Words = Annotated[str, Parameter(allow_leading_hyphen=True)]
END_OF_OPTIONS = "--"


def lock(
    environment: str,
    *command: Words,
    repository: Said | None = None,
    lease: Lease | None = None,
    wait: Wait | None = None,
    reason: str | None = None,
    url: Said | None = None,
) -> int:
    """Wait for an environment, run a command that alone has it, and give it back.

    The lease is renewed for as long as the command runs, and the command is ended
    if the lock is lost. Without a command, print the ticket and keep the lock, for
    `berth unlock` to give back. In whose name: BERTH_TOKEN.

    Exits with what the command does, and with 128 and its number if a signal ended
    it; 124 if the environment was not free within --wait; 125 if Berth failed, or
    the lock was lost before the command's end; 126 or 127 if there is no such
    command; 2 if these words make no sense.

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
    if sys.argv[-1] == END_OF_OPTIONS and not command:  # $COMMAND, say, was not set.
        tell(f"there is no command after {END_OF_OPTIONS}")
        return NO_SENSE
    if command and command[0].startswith("-"):
        tell(f"{command[0]} is no option; a command begins after {END_OF_OPTIONS}")
        return NO_SENSE
    if reason is not None and len(reason) > REASON_LENGTH_MAX:
        tell(f"--reason has more than {REASON_LENGTH_MAX:,} characters")
        return NO_SENSE
    program = shutil.which(command[0]) if command else None
    if command and program is None:
        return _cannot_run(command[0])
    usual = RUNNING_LEASE_SECONDS if command else LEASE_SECONDS
    wanted = Wanted(
        environment=environment,
        repository=repository_of(repository),
        lease_seconds=usual if lease is None else lease,
        wait_seconds=math.inf if wait is None else wait,
        reason=reason,
    )

    async def locking(server: Server) -> int:
        if program:
            words = [program, *command[1:]]
            return await run_locked(server, wanted, words, os.environ, tell)
        await lock_alone(server, wanted, _print, tell)
        return 0

    return with_server(url, locking)


def unlock(
    environment: str,
    ticket: str,
    *,
    repository: Said | None = None,
    url: Said | None = None,
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
        place = await find(server, environment, repository_of(repository))
        tell(f"{place.name}: {await release(server, place, ticket)}")
        return 0

    return with_server(url, unlocking)


def _cannot_run(program: str) -> int:
    """Told before anybody waits for it; the exit code is that of shells."""
    is_there = os.path.exists(program)  # noqa: PTH110 - as the kernel would look
    tell(f"{program} " + ("cannot be run" if is_there else "is not there to be run"))
    return NOT_RUN if is_there else NOT_FOUND


def _print(ticket: str) -> None:
    """`OSError` if nobody can have got it."""
    if sys.stdout is None:
        raise OSError("standard output is closed")
    os.write(sys.stdout.fileno(), f"{ticket}\n".encode())
