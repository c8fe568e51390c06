"""Which floods of refusals are told apart: so many, and then all are one."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from api.access_log import AccessLog
from api.floods import NETWORKS_MAX, TOLD_APART_MAX
from domain.access import AccessRefused
from domain.errors import Forbidden, Unauthenticated
from domain.ids import new_id
from tests.api.refusals import asking, unknown
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
