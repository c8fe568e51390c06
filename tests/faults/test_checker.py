"""The checker can fail: for each promise, a made-up history that breaks it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from tests.faults.findings import Check
from tests.faults.history import Ask, Operation
from tests.faults.made_up import (
    BEGIN,
    HANDED_OVER,
    REGISTERED,
    RELEASED,
    Happened,
    broken,
    got,
    journal,
    saw,
)
from tests.support.builders import (
    acquired,
    at,
    called,
    expired,
    lapsed,
    released,
    renewed,
    requested,
    unclaimed,
    withdrawn,
)


def test_a_history_as_it_should_be_breaks_nothing() -> None:
    records = journal(
        *BEGIN,
        (4, renewed("a", 1, 14)),
        (5, released("a", 1)),
        (5, called("b", 2, 6)),
        (5, requested("c", 5)),
        (5, withdrawn("c")),
        (6.2, unclaimed("b", 2)),
    )
    operations = (
        saw("a", Ask.REQUEST, 0.9, 1.1),
        saw("b", Ask.REQUEST, 1.9, 2.1),
        got("a", 3.1, 1, 13),
        saw("a", Ask.RENEW, 3.9, 4.1, fence=1, expires_at=at(14)),
        saw("a", Ask.RELEASE, 4.9, 5.1, told="released"),
        saw("c", Ask.REQUEST, 4.9, 5.1),
        saw("c", Ask.RELEASE, 4.9, 5.1, told="withdrawn"),
        saw("c", Ask.RELEASE, 5.2, 9, status=None),
        saw("b", Ask.ACQUIRE, 6.3, 6.4, status=404, code="TICKET_ENDED"),
        saw("b", Ask.RELEASE, 6.5, 6.6, told="expired"),
    )
    assert broken(records, *operations) == set()


IN_THE_JOURNAL: dict[str, tuple[Check, Sequence[Happened]]] = {
    "a fence that does not rise": (Check.FENCES, (*RELEASED, (5, called("b", 1, 95)))),
    "a fence that leaps": (Check.FENCES, (*RELEASED, (5, called("b", 3, 95)))),
    "a grant beside a holder": (Check.ONE_HOLDER, (*BEGIN, (5, called("b", 2, 95)))),
    "an acquire without a grant": (
        Check.ONE_HOLDER,
        (*BEGIN, (5, acquired("b", 1, 605))),
    ),
    "a grant past the head of the queue": (
        Check.FIFO,
        (
            *BEGIN,
            (4, requested("c", 4)),
            (5, released("a", 1)),
            (5, called("c", 2, 95)),
        ),
    ),
    "a withdrawal of who holds": (Check.FIFO, (*BEGIN, (5, withdrawn("a")))),
    "a lock left free": (Check.HAND_OVER, RELEASED),
    "a late hand-over": (Check.HAND_OVER, (*RELEASED, (6, called("b", 2, 95)))),
    "a lease that ends early": (
        Check.EARLY,
        (*BEGIN, (12, expired("a", 1)), (12, called("b", 2, 102))),
    ),
    "a lease that is too short": (
        Check.EARLY,
        (*BEGIN[:3], (3, acquired("a", 1, 12, lease=10))),
    ),
    "a renewal that shortens": (Check.EARLY, (*BEGIN, (4, renewed("a", 1, 12)))),
    "a patience that ends early": (
        Check.EARLY,
        (*BEGIN, (3, requested("c", 3, patience=5)), (7, lapsed("c"))),
    ),
    "a lease that ends late": (
        Check.LATE,
        (*BEGIN, (14.1, expired("a", 1)), (14.1, called("b", 2, 95))),
    ),
    "a release after the end": (
        Check.OVER,
        (*BEGIN, (13, released("a", 1)), (13, called("b", 2, 95))),
    ),
    "an instant that goes back": (Check.INSTANTS, (*BEGIN, (2.9, renewed("a", 1, 14)))),
    "a ticket from nowhere": (Check.ACKNOWLEDGED, (REGISTERED, (1, withdrawn("a")))),
    "a ticket that comes twice": (Check.ACKNOWLEDGED, (*BEGIN, (4, requested("a", 4)))),
    "an event that does not fold": (Check.LISTING, (REGISTERED, (1, withdrawn("a")))),
}


@pytest.mark.parametrize("what", IN_THE_JOURNAL)
def test_it_finds_in_the_journal(what: str) -> None:
    check, happened = IN_THE_JOURNAL[what]
    assert check in broken(journal(*happened))


def test_it_finds_a_gap_in_the_positions_and_in_a_stream() -> None:
    first, *others = journal(*BEGIN)
    moved = [replace(r, position=r.position + 1) for r in others]
    assert broken([first, *moved]) == {Check.POSITIONS}
    moved = [replace(r, originator_version=r.originator_version + 1) for r in others]
    assert broken([first, *moved]) == {Check.VERSIONS}


def test_it_finds_that_another_acquired_with_somebody_s_ticket() -> None:
    *others, last = journal(*BEGIN)
    thief = replace(last, origin=replace(last.origin, by="by-b"))
    assert broken([*others, thief]) == {Check.ONE_HOLDER}


@pytest.mark.parametrize(
    "lost",
    [
        saw("x", Ask.REQUEST, 1, 2),
        got("b", 3, 2, 13),
        got("a", 3, 1, 12),
        got("a", 3, 2, 13),
        saw("a", Ask.RENEW, 4, 5, fence=1, expires_at=at(15)),
        saw("a", Ask.RELEASE, 4, 5, told="released"),
        saw("b", Ask.RELEASE, 4, 5, told="withdrawn"),
    ],
)
def test_it_finds_that_something_acknowledged_is_lost(lost: Operation) -> None:
    assert Check.ACKNOWLEDGED in broken(journal(*BEGIN), lost)


def test_it_finds_credentials_told_without_a_record_of_it() -> None:
    assert broken(journal(*BEGIN), got("a", 3, 1, 13)) == set()
    told = replace(got("a", 3, 1, 13), discloses=True)
    assert broken(journal(*BEGIN), told) == {Check.ACKNOWLEDGED}


@pytest.mark.parametrize(
    "answer",
    [
        saw("a", Ask.ACQUIRE, 4, 5, status=500, code="INTERNAL_SERVER_ERROR"),
        saw("a", Ask.ACQUIRE, 4, 5, status=404, code="TICKET_NOT_FOUND"),
        saw("a", Ask.RELEASE, 4, 5, status=403, code="NOT_YOUR_TICKET"),
    ],
)
def test_it_finds_answers_that_should_not_be(answer: Operation) -> None:
    assert broken(journal(*BEGIN), answer) == {Check.ANSWERS}
    assert broken(journal(*BEGIN), replace(answer, status=503)) == set()


def test_it_finds_that_a_later_request_came_first() -> None:
    later = (saw("b", Ask.REQUEST, 0.1, 0.2), saw("a", Ask.REQUEST, 0.3, 2.2))
    assert broken(journal(*BEGIN), *later) == {Check.FIFO}
    together = (saw("b", Ask.REQUEST, 0.1, 0.3), saw("a", Ask.REQUEST, 0.3, 2.2))
    assert broken(journal(*BEGIN), *together) == set()


def test_it_finds_two_clients_who_both_hold() -> None:
    both = (got("a", 3, 1, 13), got("b", 5.1, 2, 15))
    assert broken(journal(*HANDED_OVER), *both) == {Check.ONE_HOLDER}
    asked = saw("a", Ask.RELEASE, 4.9, 5.2, told="released")
    assert broken(journal(*HANDED_OVER), both[0], asked, both[1]) == set()


def test_it_finds_a_fence_that_clients_see_fall() -> None:
    first = replace(got("a", 3, 1, 4), fence=3)
    assert Check.FENCES in broken(journal(*HANDED_OVER), first, got("b", 5.1, 2, 15))


@pytest.mark.parametrize(
    ("ask", "status", "code"),
    [(Ask.RENEW, 410, "LEASE_OVER"), (Ask.ACQUIRE, 404, "TICKET_ENDED")],
)
def test_it_finds_that_a_holder_is_sent_off_early(
    ask: Ask, status: int, code: str
) -> None:
    held = got("a", 3, 1, 13)
    sent_off = saw("a", ask, 12.1, 12.2, status=status, code=code)
    assert broken(journal(*BEGIN), held, sent_off) == {Check.EARLY}
    in_time = replace(sent_off, answered_at=at(13))
    assert broken(journal(*BEGIN), held, in_time) == set()
