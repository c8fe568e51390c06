"""A Berth elsewhere, for whoever runs a command: where it is, and what went wrong."""

from __future__ import annotations

import asyncio
import os
import select
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated

from cyclopts import Parameter

from workers.one_line import short
from workers.pipeline.bearer import bearer_from
from workers.pipeline.server import PipelineError, Server
from workers.pipeline.signals import Interrupted
from workers.pipeline.ticket import WaitOver

WAIT_OVER, FAILED = 124, 125
# What is longer than a pipe takes at once may be held up by whoever does not read.
TELL_SECONDS_MAX, TOLD_LENGTH_MAX = 0.3, select.PIPE_BUF // 4 - 8
LOCALLY = "http://127.0.0.1:8080"
# What GitHub and GitLab call the job's own one does as well.
REPOSITORY = ("BERTH_REPOSITORY", "GITHUB_REPOSITORY", "CI_PROJECT_PATH")


def is_said(_: type, text: str | None) -> None:
    """`ValueError`, for the command line to tell: a variable may not have been set."""
    if text == "":
        raise ValueError("it is empty")


Said = Annotated[str, Parameter(validator=is_said)]


def repository_of(given: str | None) -> str | None:
    """The one that is `given`, or the job's own."""
    return given or _set(*REPOSITORY)


def with_server(url: str | None, work: Callable[[Server], Awaitable[int]]) -> int:
    """What `work` returns, or the exit code for what kept it from its end."""

    async def working() -> int:
        where = url or _set("BERTH_URL") or LOCALLY
        server = Server(where, bearer_from(os.environ), tell)
        try:
            return await work(server)
        finally:
            await server.close()

    try:
        return asyncio.run(working())
    except Interrupted as error:
        tell(str(error))
        return error.exit_code
    except PipelineError as error:
        tell(str(error))
        return WAIT_OVER if isinstance(error, WaitOver) else FAILED
    except UnicodeEncodeError:
        tell("what it was given is not UTF-8")
        return FAILED


def tell(line: str) -> None:
    """Beside the command's own output. Whoever does not read it holds nothing up."""
    told = f"berth: {short(line, TOLD_LENGTH_MAX)}\n".encode()
    with suppress(OSError):
        stderr = sys.stderr.fileno()
        if select.select((), (stderr,), (), TELL_SECONDS_MAX)[1]:
            os.write(stderr, told)


def _set(*names: str) -> str | None:
    """The first of these variables that says something."""
    return next((value for name in names if (value := os.environ.get(name))), None)
