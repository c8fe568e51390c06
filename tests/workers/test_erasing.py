"""Who can be erased, and what keeps a person from it."""

from __future__ import annotations

import pytest

from domain.errors import Invalid
from domain.person import SUBJECT_LENGTH_MAX
from workers.erasing import Holdings, check_is_a_person

TICKET, OTHER = ("e-1", "ticket_1"), ("e-2", "ticket_2")


@pytest.mark.parametrize(
    ("held", "told"),
    [
        (Holdings([TICKET], [], []), "1 place in a lock's queue"),
        (Holdings([TICKET, OTHER], [], []), "2 places in locks' queues"),
        (Holdings([], ["t"], []), "1 task that is not over"),
        (Holdings([], ["t", "u"], []), "2 tasks that are not over"),
        (Holdings([], [], ["s"]), "1 recurring task"),
        (Holdings([], [], ["s", "t"]), "2 recurring tasks"),
    ],
    ids=lambda one: str(one).replace(" ", "-"),
)
def test_any_one_thing_that_goes_on_is_enough_and_is_told(
    held: Holdings, told: str
) -> None:
    assert held
    assert str(held) == told


def test_who_has_nothing_going_on_holds_nothing() -> None:
    assert not Holdings([], [], [])


@pytest.mark.parametrize("name", ["a", "ada@people.example", "ä" * SUBJECT_LENGTH_MAX])
def test_whoever_can_have_a_token_is_a_person(name: str) -> None:
    check_is_a_person(name)


@pytest.mark.parametrize(
    "name", ["", "a" * (SUBJECT_LENGTH_MAX + 1), "a\0b", "a\udcff", "anonymous"]
)
def test_what_no_token_can_speak_for_is_refused(name: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_is_a_person(name)
    assert refusal.value.field == "subject"
