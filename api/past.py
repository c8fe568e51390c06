"""Environments that are or were, and how they were at an instant: `?at=`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Annotated, NamedTuple

from litestar.params import QueryParameter

from api.deps import Desk
from api.place import Place
from domain.decider import check_reach
from domain.environment.events import Category
from domain.errors import EnvironmentNotFound, Forbidden, Invalid
from domain.event import Actor
from domain.instant import BeforeHistory, instant_of, told
from domain.naming import fold
from domain.roles import Role
from projections.environment_listing import Listed
from projections.history import ENVIRONMENTS_MAX, History, Known, Wanted
from projections.storage.time_travel import LATEST

At = Annotated[
    str | None,
    QueryParameter(
        name="at",
        description="How it was at this instant, such as 2026-01-31T12:00:00Z",
    ),
]
From = Annotated[
    str | None,
    QueryParameter(name="from", description="An instant; not what was before it"),
]
To = Annotated[
    str | None, QueryParameter(name="to", description="An instant; not what came later")
]


EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
PERIOD = timedelta(days=30)


class Period(NamedTuple):
    """From one instant to another, and the positions of what happened between."""

    since: datetime
    until: datetime
    first: int
    last: int


class Filter(NamedTuple):
    """What the list was asked for; None lets all pass. `tags`: all of them."""

    project: str | None
    category: Category | None
    is_active: bool | None
    branch: str | None
    tags: Collection[str] | None

    def passes(self, listed: Listed) -> bool:
        details = listed.details
        return (
            self.category in (None, details.category)
            and self.is_active in (None, details.is_active)
            and self.branch in (None, details.branch)
            and {*(self.tags or ())} <= {*details.tags}
        )


async def environment_then(place: Place, text: str) -> Listed:
    """The environment as it was at the instant `text`.

    `Invalid` if that is none, or not over; `BeforeHistory` before its registration;
    `EnvironmentNotFound` once it was deleted, and for whoever may not look back at it.
    """
    history = place.desk.services.history
    instant, position = await _moment(history, text)
    wanted = wanted_of(place)
    known = await history.known(wanted, position)
    if known is None:
        await ever(place)  # Else there is nothing before which it could be.
        began = await history.began(wanted)
        assert began
        raise BeforeHistory("this environment", began)
    if not may_look_back(place.desk.actor, known):
        raise EnvironmentNotFound("no such environment")
    found = await history.listed([known.id], position, instant)
    if known.has_ended or not found:
        raise EnvironmentNotFound("there was no such environment any more")
    place.id = known.id
    return found[0]


async def environments_then(desk: Desk, text: str, wanted: Filter) -> list[Listed]:
    """Those that there were at the instant `text`, as the list had them.

    Those deleted since are for owners alone. `Invalid` if that is too much to look at.
    """
    history = desk.services.history
    instant, position = await _moment(history, text)
    retired = sees_retired(desk.actor, wanted.project)
    known = await history.environments(wanted.project, position, retired=retired)
    if len(known) > ENVIRONMENTS_MAX:
        raise Invalid(
            f"there were more than {ENVIRONMENTS_MAX} environments:"
            " name one repository with repositoryIdentifier",
            field="repositoryIdentifier",
        )
    ids = [one.id for one in known if may_look_back(desk.actor, one)]
    found = await history.listed(ids, position, instant)
    return [one for one in found if wanted.passes(one)]


async def ever(place: Place) -> Known:
    """The environment that is meant, also if it was deleted and the caller is an owner.

    By name it is the one that has it, or had it last.
    """
    known = await place.desk.services.history.known(wanted_of(place))
    if known is None or not may_look_back(place.desk.actor, known):
        raise EnvironmentNotFound("no such environment")
    place.id = known.id
    return known


def may_look_back(actor: Actor, known: Known) -> bool:
    return not known.is_retired or sees_retired(actor, known.repository)


def sees_retired(actor: Actor, repository: str | None) -> bool:
    """What was deleted is for owners to see (DESIGN section 4, deleting).

    In that repository; None is any.
    """
    if repository is not None:
        try:
            check_reach(actor, repository)
        except Forbidden:
            return False
    return actor.role.includes(Role.OWNER)


def wanted_of(place: Place) -> Wanted:
    if place.repository is None or place.name is None:
        return Wanted(id=place.id)
    return Wanted(project=fold(place.repository), name_key=fold(place.name))


async def range_of(
    history: History, from_: str | None, to: str | None
) -> tuple[int, int]:
    """The first and the last position between two instants; `Invalid` if reversed."""
    since = None if from_ is None else instant_of(from_, "from")
    until = None if to is None else instant_of(to, "to")
    if since and until and since > until:
        raise Invalid("from must not be after to", field="from")
    first = await history.first_since(since) if since else 1
    last = (await history.moment(until)).position if until else LATEST
    return first, last


async def period_of(desk: Desk, from_: str | None, to: str | None) -> Period:
    """Up to now, and 30 days long, unless it is said; `Invalid` if it is reversed."""
    history = desk.services.history
    end = None if to is None else instant_of(to, "to")
    moment = await history.moment(end)
    until = min(end or moment.now, moment.now)
    if from_ is not None:
        since = instant_of(from_, "from")
    else:
        since = max(until, EARLIEST + PERIOD) - PERIOD
    if since > until:
        raise Invalid("from must be before to, and before now", field="from")
    first = await history.first_since(since)
    return Period(since, until, first, moment.position)


async def _moment(history: History, text: str) -> tuple[datetime, int]:
    """The instant, and where the journal ended then."""
    instant = instant_of(text, "at")
    moment = await history.moment(instant)
    if instant > moment.now:
        raise Invalid(f"at is in the future: it is {told(moment.now)} now", field="at")
    if moment.first and instant < moment.first:
        raise BeforeHistory("this installation", moment.first)
    return instant, moment.position
