"""What `berth lock` writes, and whoever reads it, change nothing of what it does."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.client import Caller, Json
from tests.support.gate import Gate
from tests.support.pipeline import ENDLESS, Pipeline
from tests.support.running import until

FAILED = 125


@pytest.mark.parametrize("streams", [">&-", ">/dev/full"])
def test_a_ticket_that_cannot_be_printed_is_given_back(
    pipeline: Pipeline, owner: Caller, prod: Json, streams: str
) -> None:
    done = pipeline.run("lock", prod, shell=streams)
    assert done.code == FAILED
    assert "the ticket cannot be printed" in done.told
    assert not owner.look(prod)["isLocked"]


def test_only_the_ticket_is_printed_where_nothing_can_be_told(
    pipeline: Pipeline, prod: Json
) -> None:
    done = pipeline.run("lock", prod, shell="2>&-")
    [ticket] = done.printed.splitlines()
    assert pipeline.run("unlock", prod, ticket).code == 0


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full"])
def test_a_command_runs_where_nothing_can_be_told(
    pipeline: Pipeline, owner: Caller, prod: Json, streams: str
) -> None:
    done = pipeline.run("lock", prod, "--", "echo", "ran", shell=streams)
    assert (done.code, done.printed) == (0, "ran\n")
    assert not owner.look(prod)["isLocked"]


@pytest.fixture
def stalled(tmp_path: Path) -> Path:
    """A pipe that is full, and nobody reads."""
    path = tmp_path / "stalled"
    os.mkfifo(path)
    return path


def test_a_reader_that_stalls_does_not_keep_a_command_running_without_the_lock(
    gate: Gate, pipeline: Pipeline, prod: Json, stalled: Path
) -> None:
    quiet = f"exec 2>/dev/null; {ENDLESS}"
    words = ("--lease", "9", "--", "sh", "-c", quiet)
    running = pipeline.start("lock", prod, *words, shell=f"2<>{stalled}")
    assert running.ticket()
    full = os.open(stalled, os.O_RDWR | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:
            os.write(full, b"-" * 4096)
    gate.shut()
    printing = running.output.fileno()
    until(lambda: bool(select.select((printing,), (), (), 0)[0]))
    gate.open()
    done = running.done()
    assert (done.code, done.printed) == (FAILED, "told\n")
    os.close(full)
