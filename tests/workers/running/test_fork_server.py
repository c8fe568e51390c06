"""The process that forks tasks: starts again, and ends with its worker."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.workers.running.stage import (
    ATTEMPT,
    HANDLERS,
    Ear,
    all_gone,
    assigned,
    carried_out,
    pids_in,
    server,
)
from workers.running import (
    Assignment,
    Cancelled,
    Completed,
    Ending,
    Failed,
    FailureKind,
    ForkServer,
    fork_server,
)
from workers.running.wire import Ready, Setting

ROOT = Path(__file__).parents[3]
WORKER = """
import asyncio
from tests.workers.running.stage import Loud, assigned, server

async def main():
    async with server() as forking:
        print("server", forking.pid, flush=True)
        await forking.run(assigned("leave_children_and_hang"), Loud())

asyncio.run(main())
"""
# One that is killed before it has heard which process has its task.
DEAF = """
import asyncio, os, socket
from tests.workers.running.stage import assigned, server
from workers.running.task_line import TaskLine

async def main():
    async with server() as forking:
        print("server", forking.pid, flush=True)
        channel, keepers = socket.socketpair()
        ours, theirs = socket.socketpair()
        reading, writing = os.pipe()
        with keepers, theirs:
            await forking._hand_over([keepers.fileno(), theirs.fileno(), writing])
        os.close(writing)
        await TaskLine(ours).say(assigned("leave_children_and_hang"))
        for line in os.fdopen(reading):
            print(line, end="", flush=True)

asyncio.run(main())
"""


def test_many_run_at_once() -> None:
    async def results() -> list[object]:
        async with server() as forking:
            runs = [
                forking.run(
                    Assignment(
                        operation_id=str(n), attempt=1, task_type="echo", data={"n": n}
                    ),
                    Ear(),
                )
                for n in range(40)
            ]
            endings = await asyncio.gather(*runs)
        return [ending.result for ending in endings if isinstance(ending, Completed)]

    assert asyncio.run(results()) == [{"n": n} for n in range(40)]


def test_the_same_attempt_runs_once() -> None:
    async def twice() -> None:
        ear = Ear()
        async with server() as forking:
            first = asyncio.create_task(forking.run(assigned("hang"), ear))
            await ear.until_hanging()
            with pytest.raises(ValueError, match="runs here already"):
                await forking.run(assigned("hang"), Ear())
            forking.cancel("op-hang", ATTEMPT)
            await first

    asyncio.run(twice())


def test_the_next_attempt_runs_beside_one_that_lost_its_lease() -> None:
    async def both() -> None:
        lost, next_one = Ear(), Ear()
        async with server() as forking:
            first = asyncio.create_task(forking.run(assigned("hang"), lost))
            await lost.until_hanging()
            again = assigned("hang", attempt=ATTEMPT + 1)
            second = asyncio.create_task(forking.run(again, next_one))
            await next_one.until_hanging()
            assert forking.cancel("op-hang", ATTEMPT)
            assert await first == Cancelled()
            assert not second.done()
            assert forking.cancel("op-hang", ATTEMPT + 1)
            assert await second == Cancelled()

    asyncio.run(both())


def test_killed_it_is_started_again_and_its_tasks_are_lost() -> None:
    async def kill() -> None:
        ear = Ear()
        async with server() as forking:
            run = forking.run(assigned("leave_children_and_hang"), ear)
            running = asyncio.create_task(run)
            await ear.until_hanging()
            assert forking.pid
            os.kill(forking.pid, signal.SIGKILL)
            ending = await running
            assert isinstance(ending, Failed)
            assert ending.kind == FailureKind.LOST
            assert all_gone(pids_in(ear))
            assert await forking.run(assigned("echo", a=1), Ear()) == Completed(
                {"a": 1}
            )

    asyncio.run(kill())


class KilledAtOnce(ForkServer):
    """Until it has been started so often."""

    starts = 0
    lives_from = 3

    def _spawn(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        process = super()._spawn(theirs)
        self.starts += 1
        if self.starts < self.lives_from:
            process.kill()
        return process


def test_killed_while_it_starts_it_is_started_again() -> None:
    async def start(lives_from: int) -> int:
        forking = KilledAtOnce(HANDLERS)
        forking.lives_from = lives_from
        async with forking:
            assert forking.pid
            return forking.starts

    assert asyncio.run(start(lives_from=3)) == 3
    with pytest.raises(fork_server.ForkServerError):
        asyncio.run(start(lives_from=4))


def test_what_it_had_not_begun_is_left_to_the_next_one() -> None:
    async def kill() -> Ending:
        async with server() as forking:
            assert forking.pid
            pid = forking.pid
            forking._up.clear()  # as at the moment when it is found to have ended
            waiting = asyncio.create_task(forking.run(assigned("echo"), Ear()))
            await asyncio.sleep(0)
            os.kill(pid, signal.SIGKILL)
            return await waiting

    assert asyncio.run(kill()) == Completed({})


def test_what_waits_for_it_can_be_cancelled() -> None:
    async def cancel() -> Ending:
        async with server() as forking:
            forking._up.clear()
            waiting = asyncio.create_task(forking.run(assigned("echo"), Ear()))
            await asyncio.sleep(0)
            assert forking.cancel("op-echo", ATTEMPT)
            return await waiting

    assert asyncio.run(cancel()) == Cancelled()


def test_whatever_keeps_it_from_starting_it_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    introduce, failed = fork_server._introduce, list[Setting]()

    async def fails_once(ours: socket.socket, setting: Setting) -> Ready:
        if not failed:
            failed.append(setting)
            raise ZeroDivisionError
        return await introduce(ours, setting)

    async def kill() -> Ending:
        async with server() as forking:
            monkeypatch.setattr(fork_server, "_introduce", fails_once)
            assert forking.pid
            pid = forking.pid
            forking._up.clear()
            os.kill(pid, signal.SIGKILL)
            return await forking.run(assigned("echo"), Ear())

    assert asyncio.run(kill()) == Completed({})
    assert failed


@pytest.mark.parametrize("program", [WORKER, DEAF], ids=["worker", "deaf"])
def test_nothing_outlives_a_worker_that_is_killed(program: str) -> None:
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout
        pids: list[int] = []
        while (line := worker.stdout.readline().strip()) != "hanging":
            assert line
            pids += [int(word) for word in line.split()[1:]]
        pids += [p.pid for p in psutil.Process(worker.pid).children(recursive=True)]
        worker.kill()
    assert len(pids) >= 5
    assert all_gone(pids)


def test_nothing_outlives_a_server_that_is_left() -> None:
    async def leave() -> list[int]:
        async with server() as forking:
            await forking.run(assigned("echo"), Ear())
            assert forking.pid
            family = psutil.Process(forking.pid).children(recursive=True)
            return [forking.pid, *(process.pid for process in family)]

    assert all_gone(asyncio.run(leave()))


def test_it_answers_what_a_handler_asks_or_says_why_not() -> None:
    assert carried_out("ask", place="port")[0] == Completed("calm")
    assert carried_out("ask", place="moon")[0] == Completed(
        {"code": "FORBIDDEN", "message": "only the port's"}
    )


def test_its_worker_hears_when_it_waits_and_when_it_goes_on() -> None:
    ending, ear = carried_out("stand_by")
    assert ending == Completed("calm")
    assert ear.waited == [True, False]


def test_what_a_listener_raises_ends_the_task_and_is_raised() -> None:
    class Deaf(Ear):
        async def logged(self, lines: list[str]) -> None:
            raise ZeroDivisionError(lines)

    async def run() -> None:
        async with server() as forking:
            with pytest.raises(ZeroDivisionError, match="hanging"):
                await forking.run(assigned("hang"), Deaf())

    asyncio.run(run())
