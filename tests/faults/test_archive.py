"""The listing is held against the journal, and found out when it differs."""

from __future__ import annotations

import asyncio
from enum import StrEnum

import psycopg
import pytest

from tests.faults.archive import check_listing, records_in
from tests.faults.findings import Check, Findings
from tests.faults.journal_check import JournalCheck
from tests.projections.journal_contract import begin, stored
from tests.support.builders import acquire, request, to


def found_in(url: str) -> dict[StrEnum, list[str]]:
    findings = Findings()
    check = JournalCheck(findings)
    check.read(records_in(url))
    check_listing(url, check.environments, findings)
    return findings.by_check


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE lock_ticket SET fence = 2 WHERE id = 'a'",
        "DELETE FROM lock_ticket WHERE id = 'b'",
        "UPDATE lock_ticket SET ended_at = now() WHERE id = 'a'",
        "UPDATE environment SET fence = 0",
        "DELETE FROM environment",
    ],
)
def test_it_finds_a_listing_that_differs(journal_url: str, damage: str) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await begin(rig, "e")
            await rig.journal.execute(to("e", request("a")), to("e", request("b")))
            await rig.journal.execute(to("e", acquire("a")))

    asyncio.run(scenario())
    assert found_in(journal_url) == {}
    with psycopg.connect(journal_url) as connection:
        connection.execute(damage.encode())
    assert set(found_in(journal_url)) == {Check.LISTING}
