"""A fork server with the handlers of these tests, and somebody who listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

from domain.errors import Forbidden
from tests.workers.running import handlers as module
from workers.embedded.process import wait_for
from workers.running import Assignment, Ending, ForkServer, Handlers

NAMES = [
    *("greet", "forgetful", "echo", "tell", "look_around", "close_folder", "fail"),
    *("fail_unspeakably", "leave", "vanish", "crash", "hang", "tidy", "tidy_async"),
    *("heed", "ignore", "leave_children", "leave_children_and_hang", "multiply"),
    *("close_all", "babble", "kill_keeper", "write", "give", "ask"),
    *("wait_for_answer", "spill", "report_pid", "dig", "stand_by"),
    *("ask_and_leave", "stop_keeper", "put_in_its_place"),
]
HANDLERS = Handlers({name: f"{module.__name__}:{name}" for name in NAMES})
ATTEMPT = 2
TOKEN = "00Dxx!AQ-very-secret"
AUTH_URL = "force://PlatformCLI::5Aep861-refresh@org.example"
CREDENTIALS = {
    "accessToken": TOKEN,
    "sfdxAuthUrl": AUTH_URL,
    "username": "deploy@myorg.example",
}


class Ear:
    """Remembers what it hears, and answers what these handlers ask."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.progress: list[tuple[float, str]] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.waited: list[bool] = []
        self._news = asyncio.Event()

    async def progressed(self, percent: float, message: str) -> None:
        self.progress.append((percent, message))

    async def waits(self, *, is_waiting: bool) -> None:
        self.waited.append(is_waiting)

    async def logged(self, lines: list[str]) -> None:
        self.lines += lines
        self._news.set()

    async def ask(self, kind: str, arguments: dict[str, Any]) -> Any:
        self.asked.append((kind, arguments))
        self._news.set()
        match kind, arguments:
            case "credentials", _:
                return CREDENTIALS
            case "weather", {"place": "port"}:
                return "calm"
            case "weather", _:
                raise Forbidden("only the port's")
            case _:
                return await asyncio.Event().wait()

    async def until(self, condition: Callable[[], object]) -> None:
        """Until what was heard makes it true."""
        async with asyncio.timeout(20):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def until_hanging(self) -> None:
        await self.until(lambda: "hanging" in self.lines)


class Loud(Ear):
    """Tells what it hears to whoever reads this process's output."""

    async def logged(self, lines: list[str]) -> None:
        print(*lines, sep="\n", flush=True)


@asynccontextmanager
async def server(folder: Path | None = None) -> AsyncIterator[ForkServer]:
    async with ForkServer(HANDLERS, grace_seconds=0.3, folder=folder) as forking:
        yield forking


def assigned(
    task_type: str,
    *,
    timeout_seconds: float | None = None,
    attempt: int = ATTEMPT,
    **data: Any,
) -> Assignment:
    return Assignment(
        operation_id=f"op-{task_type}",
        attempt=attempt,
        task_type=task_type,
        data=data,
        timeout_seconds=timeout_seconds,
    )


def carried_out(
    task_type: str, *, timeout_seconds: float | None = None, **data: Any
) -> tuple[Ending, Ear]:
    """How it ends; and that the fork server lives, and can carry out the next one."""

    async def carry_out() -> tuple[Ending, Ear]:
        ear = Ear()
        async with server() as forking:
            pid = forking.pid
            assignment = assigned(task_type, timeout_seconds=timeout_seconds, **data)
            ending = await forking.run(assignment, ear)
            await forking.run(assigned("echo"), Ear())
            assert forking.pid == pid
        return ending, ear

    return asyncio.run(carry_out())


def all_gone(pids: list[int]) -> bool:
    """Whether none of them is alive, or soon will be."""
    return wait_for(lambda: not any(map(_is_alive, pids)), seconds=5)


def _is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def pids_in(ear: Ear) -> list[int]:
    """Those that `leave_children` has written."""
    (line,) = (line for line in ear.lines if line.startswith("pids "))
    return [int(word) for word in line.split()[1:]]
