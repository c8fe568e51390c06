"""What an outlet knows is heard before it is given anything, and heard again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from domain.seal.note import Checkpoint, signed
from tests.projections.log_stage import Stage, sealing_stage
from tests.projections.test_views import append
from tests.workers.events.stage import story
from workers.sealing import publishing
from workers.sealing.outlet import OutletUnavailable
from workers.sealing.publishing import Publishing

EVENTS = 3


class Kept:
    """Has what it was given, or `note` from before; it may be `away`."""

    def __init__(
        self, name: str, note: str | None = None, *, is_silent: bool = False
    ) -> None:
        self.name = name
        self.note = note
        self.away: str | None = None
        self.is_silent = is_silent
        self.given: list[str] = []

    async def last(self) -> str | None:
        if self.is_silent:
            await asyncio.Event().wait()
        if self.away:
            raise OutletUnavailable(self.away)
        return self.note

    async def publish(self, origin: str, note: str) -> None:
        del origin
        self.given.append(note)
        self.note = note


@pytest.fixture
def stage(own_journal_url: str) -> Iterator[Stage]:
    with sealing_stage(own_journal_url) as stage:
        append(stage.url, story(EVENTS))
        assert stage.seal() == EVENTS
        yield stage


def play(stage: Stage, scene: Any, *outlets: Kept) -> None:
    asyncio.run(scene(Publishing(stage.log, stage.keys, outlets)))


def forked(stage: Stage) -> str:
    """A checkpoint of ours, smaller than the newest, of another history."""
    origin = stage.checkpoint().origin
    signers = asyncio.run(stage.keys.signers())
    return signed(Checkpoint(origin, EVENTS - 1, bytes(32)).text, signers)


def test_who_knew_otherwise_is_asked_until_he_does_no_more(stage: Stage) -> None:
    """Though he has no more than there is."""
    outlet = Kept("the file", forked(stage))

    async def scene(publishing: Publishing) -> None:
        assert "the file knows otherwise" in (await publishing.objection() or "")
        assert "the file knows otherwise" in (await publishing.objection() or "")
        outlet.note = None
        assert await publishing.objection() is None

    play(stage, scene, outlet)


def test_while_one_knows_otherwise_nobody_is_given_anything(stage: Stage) -> None:
    outlet, other = Kept("the file", forked(stage)), Kept("another")

    async def scene(publishing: Publishing) -> None:
        assert await publishing.run_once() == 0
        assert outlet.given == other.given == []
        outlet.note = None
        assert await publishing.run_once() == 2
        assert len(outlet.given) == len(other.given) == 1
        assert await publishing.run_once() == 0

    play(stage, scene, outlet, other)


def test_who_cannot_be_asked_is_given_nothing_and_that_is_told_once(
    stage: Stage,
) -> None:
    """It may know otherwise, and would be made to forget it."""
    outlet = Kept("the file")

    async def scene(publishing: Publishing) -> None:
        outlet.away = "it is away"
        for _ in range(3):
            assert await publishing.run_once() == 0
        outlet.away = None
        for number in 1, 0:
            assert await publishing.run_once() == number

    with capture_logs() as logs:
        play(stage, scene, outlet)
    assert len(outlet.given) == 1
    assert [log["event"] for log in logs] == [
        "checkpoints are not handed out",
        "checkpoints are handed out again",
    ]


def test_who_is_silent_is_not_waited_for_and_others_are_heard(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "ASKED_SECONDS_MAX", 0.3)
    silent, other = Kept("NATS", is_silent=True), Kept("the file", forked(stage))

    async def scene(publishing: Publishing) -> None:
        async with asyncio.timeout(20):
            while (why := await publishing.objection()) is None:
                pass  # There was no time to look into what he knows.
        assert "the file knows otherwise" in why

    play(stage, scene, silent, other)
