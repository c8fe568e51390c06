"""A request that must take effect once, however often it is sent.

What it does is appended together with `RequestCarriedOut`, in one commit. So whoever
carries it out again, after a crash or beside a process that was thought dead, finds
that it was done, and only looks at what came of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from domain.decider import Decider, Reach
from domain.errors import AlreadyCarriedOut
from domain.event import Command, Event


class RequestCarriedOut(Event, frozen=True, tag="request.carried_out"):
    """`part` counts the appends of one request, from 0."""

    part: int


class CarryOut(Command, frozen=True, kw_only=True):
    part: int


class Carried(Struct, frozen=True):
    parts: int = 0


def stream_of(request_id: str) -> str:
    return f"requests/{request_id}"


def decide(
    command: CarryOut, carried: Carried, _: datetime
) -> Sequence[RequestCarriedOut]:
    """`AlreadyCarriedOut` if this part of the request is on record."""
    if command.part < carried.parts:
        raise AlreadyCarriedOut("this request has taken effect already")
    return [RequestCarriedOut(command.part)]


def evolve(_: Carried, event: RequestCarriedOut) -> Carried:
    return Carried(event.part + 1)


def belongs_to(_: CarryOut, __: Carried) -> Reach:
    return Reach.EVERYBODY


once = Decider(initial=Carried(), decide=decide, evolve=evolve, belongs_to=belongs_to)
