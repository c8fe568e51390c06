"""The past of environments: who there was, what happened, and how they were then.

How one was is what its records come to, with the rules' own `evolve` and `lapse`: the
same code that answers for the present.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from domain.environment.assignment import had
from domain.environment.chronicle import Chronicle, chronicle
from domain.environment.environment import Environment
from domain.errors import JournalUnavailable
from domain.fold import fold_of
from domain.project import Project, project, stream_of
from projections.environment_history import environment_history, sql
from projections.environment_listing import Listed, with_time_passed
from projections.recent_holds import with_past_holds
from projections.storage.database import Database
from projections.storage.entry import entry_at
from projections.storage.failures import ALTERED
from projections.storage.instants import Moment, first_since, moment_of
from projections.storage.reader import Reader
from projections.storage.time_travel import (
    LATEST,
    SNAPSHOT_EVERY,
    TimeTravel,
    shape_of,
)

# Of an environment's events, how many positions one read looks through.
SCAN_MAX = 10_000
# Whom one look at the past of several may be about.
ENVIRONMENTS_MAX = 500
STREAMS_MAX = 20
THE_END = datetime.max.replace(tzinfo=UTC)
repository = fold_of(project)


class Known(NamedTuple):
    """An environment under a name that it had. `has_ended`: not any more, then."""

    id: str
    repository: str
    name: str
    is_retired: bool
    has_ended: bool = False


class Wanted(NamedTuple):
    """Which one: by its id, or by its folded name in a folded repository."""

    id: str | None = None
    project: str | None = None
    name_key: str | None = None


class Positions(NamedTuple):
    """Of the events found; `until` there is no other, and `tip` is where it ends.

    That is where it began, if what was asked for ends before that.
    """

    found: Sequence[int]
    until: int
    tip: int


class History:
    def __init__(self, database: Database, reader: Reader) -> None:
        self._travel = TimeTravel(database)
        self._database = database
        self._reader = reader

    async def moment(self, instant: datetime | None) -> Moment:
        """Where the journal ended at `instant`, or ends now, and its time now."""
        return await moment_of(self._database, instant or THE_END)

    async def first_since(self, instant: datetime) -> int:
        """The first position since `instant`, be there an event or not yet."""
        return await first_since(self._database, instant)

    async def known(self, wanted: Wanted, upto: int = LATEST) -> Known | None:
        """The one with this id, or that had the name last; also if it is retired."""
        values = wanted._asdict() | {"upto": upto}
        rows = await self._ask("known_environment", values)
        return _known(rows[0], rows[0]["has_ended"]) if rows else None

    async def began(self, wanted: Wanted) -> datetime | None:
        """When the first one of this id or name was registered, or came to the name."""
        for row in await self._ask("first_known", wanted._asdict()):
            if entry := await entry_at(self._database, row["since"]):
                return entry.origin.at
        return None

    async def environments(
        self, in_project: str | None, upto: int, *, retired: bool
    ) -> Sequence[Known]:
        """Those that there were at `upto`, or of these those that there still are.

        One more than `ENVIRONMENTS_MAX` at most.
        """
        values = {
            "project": in_project,
            "upto": upto,
            "retired": retired,
            "limit": ENVIRONMENTS_MAX + 1,
        }
        rows = await self._ask("known_environments", values)
        return [_known(row) for row in rows]

    async def between(
        self, in_project: str, first: int, last: int, *, retired: bool
    ) -> Sequence[Known]:
        """The same of those that there were at some time."""
        values = {
            "project": in_project,
            "first": first,
            "last": last,
            "retired": retired,
            "limit": ENVIRONMENTS_MAX + 1,
        }
        rows = await self._ask("environments_between", values)
        return [_known(row) for row in rows]

    async def listed(
        self, ids: Collection[str], position: int, at: datetime
    ) -> list[Listed]:
        """How they were at `at`, when the journal ended at `position`.

        In the listing's order. Who was not there is left out. `JournalUnavailable` if
        only a newer version of Berth can tell, or somebody has altered the journal.
        """
        chronicles = await self._travel.states(chronicle, ids, position)
        there = {id_: one for id_, one in chronicles.items() if one.environment.details}
        projects = await self._projects(there.values(), position)
        if any(_project_of(one) not in projects for one in there.values()):
            raise JournalUnavailable(ALTERED)  # Each was registered in one.
        found = [
            _listed(id_, one, projects[_project_of(one)], at)
            for id_, one in there.items()
        ]
        found.sort(key=lambda one: (one.created_at, one.id))
        return await with_past_holds(self._reader, found, position)

    async def keep_snapshots(self, most: int) -> int:
        """Of environments that have grown since their last; returns how many.

        From some `most` events, so that it costs little beside what appends them.
        """
        values = {
            "shape": shape_of(chronicle),
            "every": SNAPSHOT_EVERY,
            "limit": STREAMS_MAX,
        }
        rows = await self._reader.peek(sql["grown_environments"], values)
        streams = [row["stream"] for row in rows]
        return await self._travel.keep(chronicle, streams, most)

    async def forget_others(self) -> None:
        """Snapshots that only another version of Berth could read."""
        await self._travel.forget_others((chronicle, repository))

    async def positions(
        self,
        environment_id: str,
        *,
        after: int,
        last: int,
        limit: int,
        topics: Collection[str] | None,
    ) -> Positions:
        """What happened to it `after` one position and up to the `last` one."""
        scan = limit if topics is None else SCAN_MAX
        values = {"id": environment_id, "after": after, "last": last, "scan": scan}
        rows = await self._ask("positions_of_environment", values)
        tip = max(after, min(rows[0]["tip"], last))
        scanned = [row for row in rows if row["position"] is not None]
        found = [
            row["position"]
            for row in scanned
            if topics is None or row["topic"] in topics
        ]
        if len(found) >= limit:
            return Positions(found[:limit], found[limit - 1], tip)
        until = scanned[-1]["position"] if len(scanned) == scan else tip
        return Positions(found, until, tip)

    async def _projects(
        self, chronicles: Iterable[Chronicle], position: int
    ) -> Mapping[str, Project]:
        streams = {_project_of(one) for one in chronicles}
        return await self._travel.states(repository, streams, position)

    async def _ask(
        self, name: str, values: Mapping[str, Any]
    ) -> Sequence[Mapping[str, Any]]:
        found = await self._reader.read(
            environment_history, sql[name], values, prepare=False
        )
        return found.rows


def _known(row: Mapping[str, Any], has_ended: bool = False) -> Known:
    return Known(
        row["environment_id"],
        row["repository"],
        row["name"],
        row["is_retired"],
        has_ended,
    )


def _project_of(one: Chronicle) -> str:
    assert one.environment.details
    return stream_of(one.environment.details.repository)


def _listed(id_: str, one: Chronicle, its: Project, at: datetime) -> Listed:
    assert one.environment.details
    assert one.created_at
    assert one.updated_at
    order = its.orders.get(one.environment.details.category, ())
    past = Environment(
        one.environment.details, one.environment.queue, had(one.environment.review)
    )
    return Listed(
        id=id_,
        environment=with_time_passed(past, at),
        is_default=id_ in its.defaults.values(),
        orchestration_order=order.index(id_) + 1 if id_ in order else None,
        created_at=one.created_at,
        created_by=one.created_by,
        updated_at=one.updated_at,
        updated_by=one.updated_by,
        at=at,
    )
