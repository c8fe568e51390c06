"""A task that no process could be had for has not begun, and has not failed either."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.workers.running.stage import Ear, assigned, server
from workers.running import Completed, Ending, Failed, FailureKind, keeper


def test_to_wait_for_it_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.running.run.HAND_OVER_SECONDS_MAX", 0.05)

    async def wait() -> Ending:
        async with server() as forking:
            forking._up.clear()
            return await forking.run(assigned("echo"), Ear())

    ending = asyncio.run(wait())
    assert isinstance(ending, Failed)
    assert ending.kind == FailureKind.NOT_BEGUN


def test_where_no_process_can_be_had_for_it_a_task_has_not_begun(
    tmp_path: Path,
) -> None:
    folder, aside = tmp_path / "folder", tmp_path / "aside"
    folder.mkdir()

    async def scene() -> list[Ending]:
        async with server(folder) as forking:
            folder.rename(aside)
            folder.touch()  # No keeper can make a folder for its task from here on.
            keepers = psutil.Process(forking.pid).children()
            for keeper in keepers:
                keeper.kill()
            psutil.wait_procs(keepers)
            without = await forking.run(assigned("echo"), Ear())
            folder.unlink()
            aside.rename(folder)
            while (ended := await forking.run(assigned("echo"), Ear())) == without:
                pass
            return [without, ended]

    without, ended = asyncio.run(scene())
    assert isinstance(without, Failed)
    assert without.kind == FailureKind.NOT_BEGUN
    assert ended == Completed({})


STANDARD = 3  # descriptors, which every process has


@contextmanager
def no_more_files(left: int) -> Iterator[None]:
    """This process may open `left` more inside."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + left, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("left", [0, 2, 4])
def test_where_the_worker_can_open_no_more_files_a_task_has_not_begun(
    left: int,
) -> None:
    async def scene() -> list[Ending]:
        async with server() as forking:
            with no_more_files(left):
                without = await forking.run(assigned("echo"), Ear())
            return [without, await forking.run(assigned("echo"), Ear())]

    without, ended = asyncio.run(scene())
    assert isinstance(without, Failed)
    assert without.kind == FailureKind.NOT_BEGUN
    assert ended == Completed({})


def test_where_the_fork_server_can_open_no_more_files_it_stays() -> None:
    async def scene() -> list[object]:
        async with server() as forking:
            pid = forking.pid
            assert pid
            await forking.run(assigned("echo"), Ear())
            process = psutil.Process(pid)
            before = process.rlimit(psutil.RLIMIT_NOFILE)
            process.rlimit(psutil.RLIMIT_NOFILE, (STANDARD, before[1]))
            for keeper in process.children():
                keeper.kill()
            without = await forking.run(assigned("echo"), Ear())
            process.rlimit(psutil.RLIMIT_NOFILE, before)
            while (ended := await forking.run(assigned("echo"), Ear())) == without:
                pass
            return [without, ended, forking.pid == pid]

    without, ended, is_the_same = asyncio.run(scene())
    assert isinstance(without, Failed)
    assert without.kind == FailureKind.NOT_BEGUN
    assert ended == Completed({})
    assert is_the_same


def test_one_that_stands_still_does_not_keep_a_task_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("workers.running.run.HAND_OVER_SECONDS_MAX", 0.5)

    async def scene() -> list[Ending]:
        async with asyncio.timeout(60), server() as forking:
            assert forking.pid
            os.kill(forking.pid, signal.SIGSTOP)
            try:
                # What has not begun has not taken too long either.
                short = assigned("echo", timeout_seconds=0.1)
                kept = await forking.run(short, Ear())
            finally:
                os.kill(forking.pid, signal.SIGCONT)
            while (ended := await forking.run(assigned("echo"), Ear())) == kept:
                pass
            return [kept, ended]

    kept, ended = asyncio.run(scene())
    assert isinstance(kept, Failed)
    assert kept.kind == FailureKind.NOT_BEGUN
    assert ended == Completed({})


def test_what_its_worker_has_given_up_is_not_begun_by_a_keeper_that_was_late() -> None:
    link, keepers_link = socket.socketpair()
    to_task, tasks_end = socket.socketpair()
    ours, theirs = socket.socketpair()
    reading, writing = os.pipe()
    with link, keepers_link, to_task, tasks_end, theirs:
        socket.send_fds(link, [b"T"], [theirs.fileno(), writing, writing])
        ours.close()
        assert keeper._pass_on(keepers_link, to_task) is None
        to_task.close()
        assert socket.recv_fds(tasks_end, 1, 2)[:2] == (b"", [])
    os.close(reading)
    os.close(writing)
