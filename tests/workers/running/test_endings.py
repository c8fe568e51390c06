"""However a handler ends, its task has one ending, and the worker goes on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workers.running.stage import all_gone, carried_out, pids_in
from workers.running import Completed, Failed, FailureKind
from workers.running.wire import MESSAGE_CHARACTERS_MAX


def failed(task_type: str, **data: Any) -> Failed:
    ending, _ = carried_out(task_type, **data)
    assert isinstance(ending, Failed), ending
    return ending


def test_what_it_returns_is_the_result() -> None:
    ending, _ = carried_out("greet", name="Ada", times=2)
    assert ending == Completed(["Hello Ada", "Hello Ada"])


def test_it_reports_progress_and_knows_which_attempt_it_is() -> None:
    ending, ear = carried_out("tell")
    assert ending == Completed({"operation": "op-tell", "attempt": 2})
    assert ear.progress == [(50, "halfway"), (100, "")]


def test_an_exception_fails_it_with_a_message_and_a_stack_apart() -> None:
    ending = failed("fail", message="no pool\0 of that name")
    assert (ending.kind, ending.message) == (FailureKind.RAISED, "no pool of that name")
    assert ending.stack
    assert "raise LookupError" in ending.stack


def test_a_long_message_is_bounded() -> None:
    ending = failed("fail", message="x" * 200_000)
    assert len(ending.message) < MESSAGE_CHARACTERS_MAX + 50
    assert "left out" in ending.message
    assert len(ending.stack or "") < 40_000


def test_an_exception_that_cannot_be_told_is_named() -> None:
    assert failed("fail_unspeakably").message == "Unspeakable"


def test_data_of_another_shape_fails_it_and_names_the_field() -> None:
    ending = failed("greet", name="Ada", times="two")
    assert ending.kind == FailureKind.WRONG_DATA
    assert ending.message.startswith("data.times: Expected `int`")


def test_a_type_that_nobody_has_registered_fails_it() -> None:
    assert failed("dance").kind == FailureKind.UNKNOWN_TYPE


@pytest.mark.parametrize(
    ("task_type", "code", "message"),
    [
        ("leave", 3, "the handler exited: 3"),
        ("vanish", 3, "the handler's process exited with 3, without a result"),
        ("vanish", 0, "the handler's process exited with 0, without a result"),
    ],
)
def test_an_exit_fails_it(task_type: str, code: int, message: str) -> None:
    ending = failed(task_type, code=code)
    assert (ending.kind, ending.message) == (FailureKind.EXITED, message)


def test_a_crash_of_the_interpreter_fails_it_with_the_signals_name() -> None:
    ending = failed("crash")
    assert ending.kind == FailureKind.KILLED
    assert "signal 11" in ending.message


@pytest.mark.parametrize(
    ("what", "kind", "message"),
    [
        ("object", FailureKind.UNSERIALISABLE, "cannot be written as JSON"),
        ("surrogate", FailureKind.UNSERIALISABLE, "cannot be written as JSON"),
        ("endless", FailureKind.UNSERIALISABLE, "cannot be written as JSON"),
        ("nul", FailureKind.UNSERIALISABLE, "NUL"),
        ("nested", FailureKind.TOO_LARGE, "nested deeper"),
        ("large", FailureKind.TOO_LARGE, "bytes of JSON"),
    ],
)
def test_a_result_that_cannot_be_kept_fails_it(
    what: str, kind: FailureKind, message: str
) -> None:
    ending = failed("give", what=what)
    assert ending.kind == kind
    assert message in ending.message


@pytest.mark.parametrize(
    "garbage",
    [
        "ff" * 100,  # a frame of 4 GB
        "00000003" + "ffffff",  # no JSON
        "00000002" + "7b7d",  # no word that we know
        "0000002a" + b'{"type":"progressed","percent":1e9,"x":""}'.hex(),
    ],
)
def test_garbage_on_the_line_to_the_worker_fails_it(garbage: str) -> None:
    assert failed("babble", hex=garbage).kind == FailureKind.GARBLED


def test_half_a_frame_and_then_nothing_waits_for_the_timeout() -> None:
    assert failed("babble", hex="0000", timeout_seconds=0.2).kind == (
        FailureKind.TIMED_OUT
    )


def test_to_close_every_descriptor_fails_it() -> None:
    assert failed("close_all").kind == FailureKind.EXITED


def test_copies_of_the_handler_do_not_speak_for_it() -> None:
    ending, _ = carried_out("multiply")
    assert ending == Completed("each of them returns")


def test_the_children_that_it_leaves_are_ended() -> None:
    ending, ear = carried_out("leave_children")
    assert isinstance(ending, Completed)
    assert len(pids_in(ear)) == 4
    assert all_gone(pids_in(ear))


def test_to_kill_its_keeper_ends_it_and_its_children() -> None:
    ending, ear = carried_out("kill_keeper")
    assert isinstance(ending, Failed)
    assert ending.kind == FailureKind.LOST
    assert all_gone(pids_in(ear))
