"""Which floods of refusals are told apart: so many, and then all are one."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import cast

import pytest
from msgspec.structs import replace

from api.access_log import AccessLog
from api.floods import NETWORKS_MAX, TOLD_APART_MAX
from domain.access import AccessRefused
from domain.errors import Forbidden, Unauthenticated
from domain.ids import new_id
from tests.api.refusals import MALLORY, asking, unknown
from tests.support.memory import MemoryJournal

NOBODY = Unauthenticated("no")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.access_log.monotonic", lambda: 0.0)


def test_whoever_makes_up_environments_is_counted_all_the_same(
    journal: MemoryJournal,
) -> None:
    async def refusals() -> None:
        log = AccessLog(journal, str)
        for _ in range(TOLD_APART_MAX + 900):
            await log.refused(asking(new_id()), Forbidden("no"))
        await log.refused(asking(), Forbidden("no"))
        await log.close()

    asyncio.run(refusals())
    counts = [cast("AccessRefused", record.event).count for record in journal.records]
    assert counts == [1] * (TOLD_APART_MAX + 1) + [900]


def test_a_network_of_ipv6_addresses_is_counted_together(
    journal: MemoryJournal,
) -> None:
    async def refusals() -> None:
        log = AccessLog(journal, str)
        for network in "2001:db8:1:2", "2001:db8:1:3":
            for host in range(50):
                await log.refused(unknown(f"{network}::{host:x}"), NOBODY)
        for ip in "10.0.0.1", "10.0.0.2", "::ffff:10.0.0.1", "::ffff:10.0.0.2":
            await log.refused(unknown(ip), NOBODY)
        await log.close()

    asyncio.run(refusals())
    counts = [cast("AccessRefused", record.event).count for record in journal.records]
    assert counts == [1] * 6 + [49] * 2
    assert journal.records[0].origin.ip == "2001:db8:1:2::0"


def test_nobody_is_recorded_as_often_as_he_has_networks(journal: MemoryJournal) -> None:
    async def refusals() -> None:
        log = AccessLog(journal, str)
        for network in range(NETWORKS_MAX + 900):
            await log.refused(unknown(f"2001:db8:1:{network:x}::1"), NOBODY)
        await log.close()

    asyncio.run(refusals())
    counts = [cast("AccessRefused", record.event).count for record in journal.records]
    assert counts == [1] * (NETWORKS_MAX + 1) + [899]


def test_nor_is_a_caller(journal: MemoryJournal) -> None:
    async def refusals() -> None:
        log = AccessLog(journal, str)
        for network in range(TOLD_APART_MAX + 900):
            await log.refused(asking(ip=f"2001:db8:1:{network:x}::1"), Forbidden("no"))
        await log.close()

    asyncio.run(refusals())
    counts = [cast("AccessRefused", record.event).count for record in journal.records]
    assert counts == [1] * (TOLD_APART_MAX + 1) + [899]


def test_who_is_counted_already_stays_on_its_own_beside_so_many(
    journal: MemoryJournal,
) -> None:
    places = [new_id() for _ in range(TOLD_APART_MAX)]

    async def refusals() -> None:
        log = AccessLog(journal, str)
        for place in (*places, *places):
            await log.refused(asking(place), Forbidden("no"))
        await log.close()

    asyncio.run(refusals())
    assert told(journal) == [(place, 1) for place in (*places, *places)]


def test_once_floods_are_over_others_are_told_apart(
    journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [new_id() for _ in range(2 * TOLD_APART_MAX)]

    async def refusals() -> None:
        log = AccessLog(journal, str)
        for place in places[:TOLD_APART_MAX]:
            await log.refused(asking(place), Forbidden("no"))
        monkeypatch.setattr("api.access_log.monotonic", lambda: 60.0)
        await log.flush_once()
        for place in places[TOLD_APART_MAX:]:
            await log.refused(asking(place), Forbidden("no"))

    asyncio.run(refusals())
    assert told(journal) == [(place, 1) for place in places]


def test_a_flood_that_goes_on_for_hours_is_but_one(
    journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = (new_id() for _ in range(3))

    async def refusals() -> None:
        log = AccessLog(journal, str)
        for minute in range(TOLD_APART_MAX):
            now = 60.0 * minute
            monkeypatch.setattr("api.access_log.monotonic", lambda now=now: now)
            await log.refused(asking(first), Forbidden("no"))
        for place in second, third:
            await log.refused(asking(place), Forbidden("no"))

    asyncio.run(refusals())
    assert told(journal)[TOLD_APART_MAX:] == [(second, 1), (third, 1)]


def test_who_has_no_token_is_counted_together_whatever_he_asks_about(
    journal: MemoryJournal,
) -> None:
    """Whoever makes up ids without a token is told apart by his network alone."""

    async def refusals() -> None:
        log = AccessLog(journal, str)
        for _ in range(10):
            await log.refused(unknown("10.0.0.1", new_id()), NOBODY)
        await log.close()

    asyncio.run(refusals())
    counts = [cast("AccessRefused", record.event).count for record in journal.records]
    assert counts == [1, 9]


def test_a_person_is_not_counted_as_an_application_of_that_name(
    journal: MemoryJournal,
) -> None:
    async def refusals() -> None:
        log = AccessLog(journal, str)
        for application in (None, "mallory"):
            actor = replace(MALLORY.actor, application=application, ip=None)
            for _ in range(3):
                await log.refused(asking(application=application), Forbidden("no"))
                await log.refused_over_nats(actor, "berth.v1.x", Forbidden("no"))
        await log.close()

    asyncio.run(refusals())
    counted = Counter[str | None]()
    for record in journal.records:
        refused = cast("AccessRefused", record.event)
        counted[record.origin.application] += refused.count
    assert counted == {None: 6, "mallory": 6}


def test_what_is_refused_over_nats_is_counted_too(journal: MemoryJournal) -> None:
    async def refusals() -> None:
        log = AccessLog(journal, str)
        for _ in range(5):
            await log.refused_over_nats(MALLORY.actor, "berth.v1.x", Forbidden("no"))
        await log.close()

    asyncio.run(refusals())
    events = [cast("AccessRefused", record.event) for record in journal.records]
    asked = [(event.method, event.path, event.status) for event in events]
    assert asked == [("NATS", "berth.v1.x", 403)] * 2
    assert told(journal) == [(None, 1), (None, 4)]


def test_of_too_many_the_one_that_began_first_is_put_on_record(
    journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all that was counted of it; the others go on."""
    monkeypatch.setattr("api.access_log.REMEMBERED_MAX", 2)
    first, second, third = (new_id() for _ in range(3))

    async def refusals() -> None:
        log = AccessLog(journal, str)
        for place in first, second, first, second, third, second:
            await log.refused(asking(place), Forbidden("no"))
        assert told(journal) == [(first, 1), (second, 1), (first, 1), (third, 1)]
        await log.close()

    asyncio.run(refusals())
    assert told(journal)[4:] == [(second, 2)]


def test_one_that_goes_on_for_another_minute_is_not_the_first_any_more(
    journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its refusals would be put on record one by one."""
    monkeypatch.setattr("api.access_log.REMEMBERED_MAX", 2)
    first, second, third = (new_id() for _ in range(3))

    async def refusals() -> None:
        log = AccessLog(journal, str)
        for place in first, second:
            await log.refused(asking(place), Forbidden("no"))
        monkeypatch.setattr("api.access_log.monotonic", lambda: 60.0)
        for place in first, third, first, first:
            await log.refused(asking(place), Forbidden("no"))
        assert told(journal) == [(one, 1) for one in (first, second, first, third)]
        await log.close()

    asyncio.run(refusals())
    assert told(journal)[4:] == [(first, 2)]


def told(journal: MemoryJournal) -> list[tuple[str | None, int]]:
    events = [cast("AccessRefused", record.event) for record in journal.records]
    return [(event.environment_id, event.count) for event in events]
