"""A worker's folder goes with it, or with the next one: never while it is in use."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.workers.running.stage import Ear, assigned, server
from workers.embedded.process import wait_for
from workers.running import Ending
from workers.running.held import PREFIX, sweep
from workers.running.keepers import SPARES

ROOT = Path(__file__).parents[3]
WORKER = """
import asyncio
from tests.workers.running.stage import Loud, assigned, server

async def main():
    async with server() as forking:
        await forking.run(assigned("hang"), Loud())

asyncio.run(main())
"""


def kill_all(worker: psutil.Process) -> None:
    """Stopped first, so that none sees another one's end."""
    family = [worker, *worker.children(recursive=True)]
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in family:
            process.send_signal(number)
    psutil.wait_procs(family[1:])


def test_what_those_left_who_were_killed_together_goes_with_the_next(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WORKER],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
    ) as worker:
        assert worker.stdout
        assert worker.stdout.readline() == b"hanging\n"
        sweep(tmp_path)
        [root] = tmp_path.glob(f"{PREFIX}*")  # it is in use
        assert list(root.glob("task-*"))
        kill_all(psutil.Process(worker.pid))
    assert root.exists()

    async def scene() -> None:
        async with server(tmp_path):
            assert not await asyncio.to_thread(root.exists)

    asyncio.run(scene())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tasks", [1, SPARES + 1])
def test_one_that_was_tidied_away_and_made_again_is_in_use(
    tmp_path: Path, tasks: int
) -> None:
    """By who stood by before, and by a task that came after."""

    async def scene() -> list[Ending]:
        def all_stand_by() -> bool:
            return len(list(tmp_path.glob("*/task-*"))) == SPARES

        async with server(tmp_path) as forking:
            assert await asyncio.to_thread(wait_for, all_stand_by, 10)
            [root] = await asyncio.to_thread(lambda: [*tmp_path.iterdir()])
            await asyncio.to_thread(shutil.rmtree, root)
            for _ in range(tasks - 1):
                await forking.run(assigned("echo"), Ear())
            ear = Ear()
            hanging = asyncio.create_task(forking.run(assigned("hang"), ear))
            await ear.until_hanging()
            before = await asyncio.to_thread(lambda: {*root.iterdir()})
            assert before
            await asyncio.to_thread(sweep, tmp_path)
            assert before <= await asyncio.to_thread(lambda: {*root.iterdir()})
            forking.cancel("op-hang", 2)
            return [await hanging]

    asyncio.run(scene())
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_ours_alone_stays(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").touch()
    (tmp_path / f"{PREFIX}link").symlink_to(elsewhere)
    (tmp_path / f"{PREFIX}file").touch()
    theirs = tmp_path / f"{PREFIX}theirs"
    theirs.mkdir()
    if os.geteuid() == 0:
        os.chown(theirs, 65534, 65534)
    before = {*tmp_path.rglob("*")}
    sweep(tmp_path)
    assert {*tmp_path.rglob("*")} == (
        before if os.geteuid() == 0 else before - {theirs}
    )
