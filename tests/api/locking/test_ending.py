"""How a command and what it has started are told to end, and when it is back."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.support.client import Caller, Json, made
from tests.support.pipeline import Pipeline
from tests.support.running import until

FAILED, TERMINATED = 125, 128 + signal.SIGTERM
# Says its ticket; told to end, it takes its time: until there is the file $0.
UNWINDING = """
unwind() {
    trap "" TERM
    echo unwinding
    for n in $(seq 5000); do [ -e "$0" ] && break; sleep 0.02; done
    echo done
    exit 0
}
trap unwind TERM
echo $BERTH_TICKET_ID
for n in $(seq 5000); do sleep 0.02; done
"""
STARTING_ONE = 'sh -c "$1" "$0"; true'
# timeout(1) has a process group of its own, and all that it starts is in it.
STARTING_ONE_ELSEWHERE = 'timeout 300 sh -c "$1" "$0"; true'


def test_an_environment_is_given_back_once_all_that_was_told_to_end_has(
    pipeline: Pipeline, owner: Caller, prod: Json, tmp_path: Path
) -> None:
    file = tmp_path / "unwound"
    words = ("--", "sh", "-c", STARTING_ONE, str(file), UNWINDING)
    running = pipeline.start("lock", prod, *words)
    assert running.ticket()
    running.signalled(signal.SIGTERM)
    until(lambda: "has ended, and what it started has not" in running.told)
    assert owner.look(prod)["isLocked"]
    file.touch()
    done = running.done()
    assert (done.code, done.printed) == (TERMINATED, "unwinding\ndone\n")
    assert not owner.look(prod)["isLocked"]


def test_a_group_of_its_own_is_told_as_well(
    pipeline: Pipeline, prod: Json, tmp_path: Path
) -> None:
    file = tmp_path / "unwound"
    file.touch()
    words = ("--", "sh", "-c", STARTING_ONE_ELSEWHERE, str(file), UNWINDING)
    running = pipeline.start("lock", prod, *words)
    assert running.ticket()
    done = running.signalled(signal.SIGTERM).done()
    assert (done.code, done.printed) == (TERMINATED, "unwinding\ndone\n")


def test_nothing_of_it_outlives_a_lost_lock(
    pipeline: Pipeline, owner: Caller, prod: Json, tmp_path: Path
) -> None:
    words = ("--", "sh", "-c", STARTING_ONE_ELSEWHERE, str(tmp_path / "no"), UNWINDING)
    running = pipeline.start("lock", prod, "--lease", "9", *words)
    made(owner.lock(prod).release(running.ticket()))
    done = running.done()  # Nor is there anybody left who could still print.
    assert (done.code, done.printed) == (FAILED, "unwinding\n")


def test_but_it_may_unwind_for_as_long_as_the_command_may(
    pipeline: Pipeline, owner: Caller, prod: Json, tmp_path: Path
) -> None:
    file = tmp_path / "unwound"
    words = ("--", "sh", "-c", STARTING_ONE, str(file), UNWINDING)
    running = pipeline.start("lock", prod, "--lease", "30", *words)
    made(owner.lock(prod).release(running.ticket()))
    assert running.line() == "unwinding\n"
    until(lambda: "has ended, and what it started has not" in running.told)
    file.touch()
    done = running.done()
    assert (done.code, done.printed) == (FAILED, "done\n")


def test_what_heeds_no_signal_keeps_no_lock(
    pipeline: Pipeline, owner: Caller, prod: Json, tmp_path: Path
) -> None:
    """As a shell's `&` has it of a Ctrl-C: the runner ends it, when the job is over."""
    pids = tmp_path / "pids"
    background = 'sleep 300 & echo $! > "$0"; echo $BERTH_TICKET_ID; wait'
    words = ("--", "sh", "-c", background, str(pids))
    running = pipeline.start("lock", prod, *words)
    assert running.ticket()
    running.signalled(signal.SIGINT)
    until(lambda: not owner.look(prod)["isLocked"])
    os.kill(int(pids.read_text()), signal.SIGKILL)
    assert running.done().code == 128 + signal.SIGINT


def test_whoever_had_lost_the_lock_before_the_command_ended_is_told(
    pipeline: Pipeline, owner: Caller, prod: Json, tmp_path: Path
) -> None:
    file = tmp_path / "enough"
    waits = 'echo $BERTH_TICKET_ID; until [ -e "$1" ]; do sleep 0.02; done; exit $0'
    for code, shown in ("0", FAILED), ("3", 3):
        file.unlink(missing_ok=True)
        words = ("--", "sh", "-c", waits, code, str(file))
        running = pipeline.start("lock", prod, *words)
        made(owner.lock(prod).release(running.ticket()))
        file.touch()
        done = running.done()
        assert done.code == shown
        [_, line] = done.lines
        assert line == "berth: lost the lock of prod: too late: this ticket is released"
