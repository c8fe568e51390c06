"""What came too late is found, and what a fault forbade is forgiven."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from tests.faults.findings import Check, Findings
from tests.faults.history import Ask, FaultKind
from tests.faults.journal_check import JournalCheck
from tests.faults.lateness import BUSY
from tests.faults.made_up import (
    BEGIN,
    HANDED_OVER,
    RELEASED,
    broken,
    fault,
    got,
    journal,
    saw,
)
from tests.faults.run import judge
from tests.support.builders import at, called, expired, unclaimed


def test_a_lease_may_end_as_late_as_the_database_was_down() -> None:
    records = journal(*BEGIN, (16, expired("a", 1)), (16, called("b", 2, 95)))
    down = fault(FaultKind.KILL_POSTGRES, 12, 15.1)
    assert broken(records, faults=[down]) == set()
    down = fault(FaultKind.KILL_POSTGRES, 12, 14.9)
    assert broken(records, faults=[down]) == {Check.LATE}


def test_it_finds_a_lease_that_never_ends() -> None:
    elsewhere = saw("c", Ask.ACQUIRE, 14, 14.9, status=408, code="LOCK_WAIT_TIMEOUT")
    assert broken(journal(*BEGIN), elsewhere) == {Check.LATE}
    down = fault(FaultKind.KILL_POSTMASTER, 13.5, 14.5)
    assert broken(journal(*BEGIN), elsewhere, faults=[down]) == set()


def test_it_finds_a_long_stall_by_a_frozen_process() -> None:
    frozen = fault(FaultKind.FREEZE_APPEND, 1, 6.1)
    assert broken(journal(*BEGIN), faults=[frozen]) == {Check.STALL}


def test_it_finds_who_waited_and_missed_the_turn_all_the_same() -> None:
    records = journal(*RELEASED, (5, called("b", 2, 6)), (6.1, unclaimed("b", 2)))
    poll = saw("b", Ask.ACQUIRE, 4, 6.2, status=404, code="TICKET_ENDED")
    assert broken(records, poll) == {Check.TURN}
    killed = replace(fault(FaultKind.KILL_API, 4.5, 5.5), stalled_until=None)
    assert broken(records, poll, faults=[killed]) == set()


def test_hand_overs_are_timed_between_two_answers() -> None:
    findings = Findings()
    check = JournalCheck(findings)
    check.read(journal(*HANDED_OVER))
    operations = (
        saw("a", Ask.RELEASE, 4.9, 5.1, told="released"),
        replace(got("b", 5.3, 2, 15), asked_at=at(4)),
    )
    result = judge(operations, (), check, findings)
    assert result.hand_overs == [timedelta(seconds=0.2)]


def test_on_a_busy_machine_what_never_comes_is_found_all_the_same() -> None:
    """A lease of ten seconds from the third on, seen until what is asked last."""
    frozen = fault(FaultKind.FREEZE_APPEND, 1, 3)
    for asked, found in ((32, set()), (35.1, {Check.LATE})):
        over = {"status": 408, "code": "LOCK_WAIT_TIMEOUT"}
        last = saw("c", Ask.ACQUIRE, asked, asked, **over)
        records = journal(*BEGIN)
        assert broken(records, last, faults=[frozen], limits=BUSY) == found
    frozen = fault(FaultKind.FREEZE_APPEND, 1, 31.1)
    assert broken(journal(*BEGIN), faults=[frozen], limits=BUSY) == {Check.STALL}
