"""What is put on record of refusals, as the minutes pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from api.access_log import PATH_LENGTH_MAX, WINDOW_SECONDS, AccessLog
from domain.access import AccessRefused
from domain.decider import Outcome, Step
from domain.errors import Forbidden, JournalUnavailable
from domain.person import ERASED_AS
from tests.api.refusals import PLACE, asking
from tests.support.memory import Hands, MemoryJournal

Wait = Callable[[float], None]


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Wait:
    """Lets so many seconds pass for the log."""
    passed = 1_000.0
    monkeypatch.setattr("api.access_log.monotonic", lambda: passed)

    def more(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    return more


def test_a_flood_of_refusals_is_counted_when_it_is_over(
    journal: MemoryJournal, wait: Wait
) -> None:
    async def refusals() -> list[int]:
        log = AccessLog(journal, str)
        for number in range(1_000):
            await log.refused(asking(), Forbidden(f"no {number}"))
        too_early = await log.flush_once()
        wait(WINDOW_SECONDS)
        return [too_early, await log.flush_once(), await log.flush_once()]

    assert asyncio.run(refusals()) == [0, 1, 0]
    events = [cast("AccessRefused", record.event) for record in journal.records]
    told = [(event.count, event.reason) for event in events]
    assert told == [(1, "no 0"), (999, "no 999")]
    assert {event.environment_id for event in events} == {PLACE}
    assert {record.origin.by for record in journal.records} == {"mallory"}


def test_a_refusal_after_a_flood_brings_the_count_along(
    journal: MemoryJournal, wait: Wait
) -> None:
    async def refusals() -> None:
        log = AccessLog(journal, str)
        for seconds in 0, 1, WINDOW_SECONDS:
            wait(seconds)
            await log.refused(asking(), Forbidden("no"))

    asyncio.run(refusals())
    events = [cast("AccessRefused", record.event) for record in journal.records]
    assert [event.count for event in events] == [1, 1, 1]


class Away(MemoryJournal):
    is_away = False

    async def execute(self, *steps: Step, wait_seconds: float = 0) -> Outcome:
        if self.is_away:
            raise JournalUnavailable("it does not answer")
        return await super().execute(*steps, wait_seconds=wait_seconds)


@pytest.mark.parametrize("is_refused_again", [True, False])
def test_what_was_counted_outlives_an_outage(
    clock: Hands, wait: Wait, *, is_refused_again: bool
) -> None:
    journal = Away(clock)

    async def refusals() -> None:
        log = AccessLog(journal, str)
        for _ in range(10):
            await log.refused(asking(), Forbidden("no"))
        wait(WINDOW_SECONDS)
        journal.is_away = True
        again = log.refused(asking(), Forbidden("no"))
        asked: Any = again if is_refused_again else log.flush_once()
        with pytest.raises(JournalUnavailable):
            await asked
        again.close()
        journal.is_away = False
        await log.close()
        await log.close()

    asyncio.run(refusals())
    events = [cast("AccessRefused", record.event) for record in journal.records]
    assert [event.count for event in events] == [1, 9]


def test_a_flood_has_not_begun_if_its_first_refusal_could_not_be_recorded(
    clock: Hands, wait: Wait
) -> None:
    """Else whoever is new would be counted who has no key, as though it were gone."""
    journal = Away(clock)

    async def refusals() -> None:
        log = AccessLog(journal, lambda name: f"{ERASED_AS}{name}")
        journal.is_away = True
        with pytest.raises(JournalUnavailable):
            await log.refused(asking(), Forbidden("no"))
        journal.is_away = False
        for _ in range(2):
            await log.refused(asking(), Forbidden("no"))
            wait(WINDOW_SECONDS)
        await log.close()

    asyncio.run(refusals())
    told = [
        (record.origin.by, cast("AccessRefused", record.event).count)
        for record in journal.records
    ]
    assert told == [("mallory", 1)] * 2


@pytest.mark.parametrize("is_first", [True, False])
def test_who_was_counted_while_the_first_was_not_recorded_is_on_record(
    clock: Hands, wait: Wait, *, is_first: bool
) -> None:
    journal = Away(clock)

    async def refusals() -> None:
        log = AccessLog(journal, str)
        if not is_first:
            await log.refused(asking(), Forbidden("no"))
        wait(WINDOW_SECONDS)
        is_asked, may_fail = asyncio.Event(), asyncio.Event()

        async def failing(*_: Step, **__: float) -> Outcome:
            is_asked.set()
            await may_fail.wait()
            raise JournalUnavailable("it does not answer")

        with pytest.MonkeyPatch.context() as away:
            away.setattr(journal, "execute", failing)
            asked = asyncio.create_task(log.refused(asking(), Forbidden("no")))
            await is_asked.wait()
            for number in range(3):
                await log.refused(asking(), Forbidden(f"again {number}"))
            may_fail.set()
            with pytest.raises(JournalUnavailable):
                await asked
        await log.close()

    asyncio.run(refusals())
    events = [cast("AccessRefused", record.event) for record in journal.records]
    told = [(event.count, event.reason) for event in events]
    assert told == [(1, "no"), (3, "again 2")][is_first:]


@pytest.mark.parametrize("is_cut_off", [True, False])
def test_at_a_stop_nobody_is_forgotten_who_was_counted(
    journal: MemoryJournal, wait: Wait, *, is_cut_off: bool
) -> None:
    async def refusals() -> None:
        log = AccessLog(journal, str)
        for _ in range(3):
            await log.refused(asking(), Forbidden("no"))
        record, is_asked, may_go_on = journal.execute, asyncio.Event(), asyncio.Event()

        async def slow(*steps: Step, wait_seconds: float = 0) -> Outcome:
            is_asked.set()
            await may_go_on.wait()
            return await record(*steps, wait_seconds=wait_seconds)

        if is_cut_off:  # As the loop is that flushes, before all is closed.
            wait(WINDOW_SECONDS)
        with pytest.MonkeyPatch.context() as busy:
            busy.setattr(journal, "execute", slow)
            telling = log.flush_once() if is_cut_off else log.close()
            asked = asyncio.create_task(telling)
            await is_asked.wait()
            if is_cut_off:
                asked.cancel()
                await asyncio.wait({asked})
            else:
                await log.refused(asking(), Forbidden("no"))
            may_go_on.set()
            await (log.close() if is_cut_off else asked)

    asyncio.run(refusals())
    events = [cast("AccessRefused", record.event) for record in journal.records]
    assert [event.count for event in events] == ([1, 2] if is_cut_off else [1, 2, 1])


def test_one_that_began_anew_meanwhile_goes_on(
    journal: MemoryJournal, wait: Wait
) -> None:
    async def refusals() -> None:
        log = AccessLog(journal, str)
        for _ in range(3):
            await log.refused(asking(), Forbidden("no"))
        wait(WINDOW_SECONDS)
        record = journal.execute

        async def meanwhile(*steps: Step, wait_seconds: float = 0) -> Outcome:
            once.undo()
            await log.refused(asking(), Forbidden("no"))
            return await record(*steps, wait_seconds=wait_seconds)

        with pytest.MonkeyPatch.context() as once:
            once.setattr(journal, "execute", meanwhile)
            await log.flush_once()
        await log.refused(asking(), Forbidden("no"))
        assert len(journal.records) == 3
        await log.close()

    asyncio.run(refusals())
    events = [cast("AccessRefused", record.event) for record in journal.records]
    assert [event.count for event in events] == [1, 1, 2, 1]


def test_an_application_is_not_taken_for_somebody_erased_of_its_name(
    journal: MemoryJournal, wait: Wait
) -> None:
    async def refusals() -> None:
        log = AccessLog(journal, lambda name: f"{ERASED_AS}{name}")
        for _ in range(2):
            await log.refused(asking(application="mallory"), Forbidden("no"))
        await log.close()

    wait(0)
    asyncio.run(refusals())
    assert [record.origin.by for record in journal.records] == ["mallory"] * 2
    assert [record.origin.ip for record in journal.records] == ["10.0.0.1"] * 2


def test_of_a_long_path_the_beginning_is_on_record(journal: MemoryJournal) -> None:
    long = "x" * PATH_LENGTH_MAX
    asyncio.run(AccessLog(journal, str).refused(asking(long), Forbidden("no")))
    [event] = [cast("AccessRefused", record.event) for record in journal.records]
    assert len(event.path) == PATH_LENGTH_MAX


def test_one_that_was_evicted_meanwhile_is_no_error(
    journal: MemoryJournal, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refusals() -> None:
        log = AccessLog(journal, str)
        for _ in range(3):
            await log.refused(asking(), Forbidden("no"))
        wait(WINDOW_SECONDS)
        record = journal.execute

        async def evicting(*steps: Step, wait_seconds: float = 0) -> Outcome:
            log._floods.drop_oldest()
            return await record(*steps, wait_seconds=wait_seconds)

        monkeypatch.setattr(journal, "execute", evicting)
        assert await log.flush_once() == 1

    asyncio.run(refusals())


def test_one_that_could_not_begin_and_was_evicted_is_no_other_error(
    journal: MemoryJournal, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asked is told to come again, and not that something is wrong here."""

    async def failing(*_: Step, **__: float) -> Outcome:
        log._floods.drop_oldest()
        raise JournalUnavailable("it does not answer")

    wait(0)
    log = AccessLog(journal, str)
    monkeypatch.setattr(journal, "execute", failing)
    with pytest.raises(JournalUnavailable):
        asyncio.run(log.refused(asking(), Forbidden("no")))
