"""Erasing a person: on record is that it was done, and not who it was.

The person's key is destroyed in the vault; what the journal has of them stays as it is,
and can be read by nobody any more. docs/erasure.md tells the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from domain.decider import Decider, Reach
from domain.errors import Conflict
from domain.event import Command, Event


class SubjectInUse(Conflict):
    """Who holds or waits for a lock, or has tasks going on, cannot be erased."""

    code = "SUBJECT_IN_USE"


class SubjectErased(Event, frozen=True, tag="subject.erased"):
    """Nobody can tell any more who `erased_as` was.

    That is a digest under a secret of this installation; `key_id` is the key that was
    destroyed.
    """

    erased_as: str
    key_id: int


SubjectEvent = SubjectErased


class EraseSubject(Command, frozen=True, kw_only=True):
    erased_as: str
    key_id: int


class Erased(Struct, frozen=True):
    """The keys that were destroyed: who came back after that had another one."""

    key_ids: tuple[int, ...] = ()


STREAMS = "subjects/"


def stream_of(erased_as: str) -> str:
    """`erased:4f1d0a2b9c3e`, without what is the same in all."""
    return STREAMS + erased_as.rpartition(":")[2]


def decide(
    command: EraseSubject, erased: Erased, _: datetime
) -> Sequence[SubjectErased]:
    if command.key_id in erased.key_ids:
        return []  # On record already: nothing to append.
    return [SubjectErased(command.erased_as, command.key_id)]


def evolve(erased: Erased, event: SubjectErased) -> Erased:
    return Erased((*erased.key_ids, event.key_id))


def belongs_to(_: EraseSubject, __: Erased) -> Reach:
    return Reach.INSTALLATION


subject = Decider(initial=Erased(), decide=decide, evolve=evolve, belongs_to=belongs_to)
