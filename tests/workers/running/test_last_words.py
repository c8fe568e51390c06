"""What a task said before its process ended counts, however late it is heard."""

from __future__ import annotations

import asyncio
import itertools
import socket
from contextlib import closing
from typing import Any

import msgspec
import pytest

from tests.workers.running.stage import ATTEMPT, Ear, assigned, carried_out, server
from workers.running import Completed, Ending, conversation
from workers.running.task_line import TaskLine
from workers.running.wire import Answered, Progressed, Returned, Said, frame

ANSWER = Answered(1, "calm")
RESULT = Returned(msgspec.Raw(b"7"))
ROUND_SECONDS, ROUNDS = 0.2, 4


class SlowEar(Ear):
    """Takes note of progress only long after the task's process has ended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.process_ended, self._waited_long = asyncio.Event(), asyncio.Event()
        wait, rounds = asyncio.wait, itertools.count(1)

        async def counted(listening: Any, **more: Any) -> Any:
            if more.get("timeout") == ROUND_SECONDS:
                self.process_ended.set()
                if next(rounds) == ROUNDS:
                    self._waited_long.set()
            return await wait(listening, **more)

        monkeypatch.setattr(conversation, "LAST_WORDS_SECONDS", ROUND_SECONDS)
        monkeypatch.setattr(asyncio, "wait", counted)

    async def progressed(self, percent: float, message: str) -> None:
        await self._waited_long.wait()
        await super().progressed(percent, message)


def test_a_result_waits_for_the_progress_before_it_to_be_taken_note_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> tuple[Ending, Ear]:
        ear = SlowEar(monkeypatch)
        async with server() as forking:
            return await forking.run(assigned("tell"), ear), ear

    ending, ear = asyncio.run(run())
    assert ending == Completed({"operation": "op-tell", "attempt": ATTEMPT})
    assert [percent for percent, _ in ear.progress] == [50, 100]


def test_what_has_returned_is_not_cancelled_though_that_is_not_yet_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def cancel() -> Ending:
        ear = SlowEar(monkeypatch)
        async with server() as forking:
            running = asyncio.create_task(forking.run(assigned("tell"), ear))
            await ear.process_ended.wait()
            assert forking.cancel("op-tell", ATTEMPT)
            return await running

    assert isinstance(asyncio.run(cancel()), Completed)


def test_a_result_is_heard_also_behind_a_question_that_nobody_answers() -> None:
    ending, ear = carried_out("ask_and_leave")
    assert ending == Completed("done")
    assert ear.asked == [("never", {})]


def test_what_has_ended_is_not_answered_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> tuple[Ending, Ear]:
        ear = SlowEar(monkeypatch)
        async with server() as forking:
            return await forking.run(assigned("ask_and_leave"), ear), ear

    ending, ear = asyncio.run(run())
    assert ending == Completed("done")
    assert ear.asked == []


def test_what_was_said_before_the_line_broke_is_heard() -> None:
    async def hear() -> list[Said]:
        ours, theirs = socket.socketpair()
        line = TaskLine(ours)
        with closing(line):
            with theirs:
                await line.say(ANSWER)  # which is never read, and so breaks the line
                theirs.sendall(frame(Progressed(100)) + frame(RESULT))
            await line.say(ANSWER)
            heard = [await line.hear(), await line.hear()]
            with pytest.raises(EOFError):
                await line.hear()
        return heard

    assert asyncio.run(hear()) == [Progressed(100), RESULT]
