"""Of each key it is on record once that it was destroyed, and not whose it was."""

from __future__ import annotations

from domain.subject import EraseSubject, SubjectErased, stream_of, subject
from tests.support.builders import OWNER, at
from tests.support.spec import Spec

SHOWN = "erased:4f1d0a2b9c3e"
SUBJECT = Spec(subject)
FIRST, SECOND, THIRD = (SubjectErased(SHOWN, key_id) for key_id in (7, 9, 12))


def erase(key_id: int) -> EraseSubject:
    return EraseSubject(by=OWNER, erased_as=SHOWN, key_id=key_id)


def test_who_comes_back_is_erased_once_more() -> None:
    SUBJECT.when(erase(7), at(0)).then(FIRST)
    SUBJECT.given(FIRST, SECOND).when(erase(12), at(0)).then(THIRD)


def test_what_is_on_record_is_not_put_there_again() -> None:
    """The latest, or any of before: whoever was cut off begins anew."""
    for key_id in 7, 9:
        SUBJECT.given(FIRST, SECOND).when(erase(key_id), at(0)).then()


def test_its_stream_is_named_by_what_stands_in_the_place_of_the_name() -> None:
    assert stream_of(SHOWN) == "subjects/4f1d0a2b9c3e"
