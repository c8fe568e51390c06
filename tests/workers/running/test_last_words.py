"""What a task said before its process ended counts, however late it is heard."""

from __future__ import annotations

import asyncio

import pytest

from tests.workers.running.stage import ATTEMPT, Ear, assigned, server
from workers.running import Completed, Ending
from workers.running.conversation import Conversation

ROUNDS = 50  # of waiting for a word, each of which takes a turn of the loop or two


class SlowEar(Ear):
    """Takes note of progress only long after the task's process has ended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.process_ended = asyncio.Event()
        last_words = Conversation.last_words

        async def told(
            conversation: Conversation, *listening: asyncio.Task[None]
        ) -> None:
            self.process_ended.set()
            await last_words(conversation, *listening)

        monkeypatch.setattr(Conversation, "last_words", told)
        monkeypatch.setattr("workers.running.conversation.LAST_WORDS_SECONDS", 0)

    async def progressed(self, percent: float, message: str) -> None:
        await self.process_ended.wait()
        for _ in range(ROUNDS):
            await asyncio.sleep(0)
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
