"""The story of one environment: finds it, deleted or not, and reads what is of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import get_args

from msgspec import Struct

from domain.access import EnvironmentRead
from domain.catalog import AnyEvent, tag
from domain.environment.events import EnvironmentRegistered
from domain.errors import EnvironmentNotFound, Invalid, JournalUnavailable
from domain.ids import parse_id
from domain.naming import fold
from domain.outward.subject import ENVIRONMENT, kind_of, subject_of
from domain.project import stream_of
from domain.project_events import EnvironmentAdded, EnvironmentChanged
from domain.record import Recorded
from projections.directory import directory, sql
from projections.environment_listing import Listed
from projections.history import History
from projections.storage.database import Database
from projections.storage.events_read import EventsRead
from projections.storage.instants import Moment
from projections.storage.mapper import NEWER
from projections.storage.past import Past
from projections.storage.reader import Reader

PIECE_EVENTS = 1_000
PIECE_BYTES_MAX = 8 << 20
# Who looked is for the audit, and would drown the rest.
UNTOLD = {EnvironmentRead}
TOLD = [
    tag(event)
    for event in get_args(AnyEvent)
    if kind_of(event) == ENVIRONMENT and event not in UNTOLD
]
NAMING = (EnvironmentAdded, EnvironmentChanged)


class Known(Struct, frozen=True):
    """One environment there is or was. `others` had the same name before it."""

    id: str
    begin: Recorded
    others: Sequence[str] = ()

    @property
    def registered(self) -> EnvironmentRegistered:
        assert isinstance(self.begin.event, EnvironmentRegistered)
        return self.begin.event


class Stories:
    def __init__(self, database: Database) -> None:
        self._past = Past(database)
        self._reader = Reader(database)
        self._history = History(database, self._reader)
        self._events = EventsRead(database)

    async def moment(self, instant: datetime | None) -> Moment:
        """Where the journal ended then, or ends now, and its time now."""
        return await self._history.moment(instant)

    async def find(self, named: str, repository: str | None) -> Known:
        """By its id, or by its name: the one that has it, or else had it last.

        `EnvironmentNotFound` if there never was such a one, or several repositories
        have one.
        """
        try:
            ids = {parse_id(named, "id"): 0}
        except Invalid:  # A name, then.
            ids = await self._named(named, repository)
        known = await self._known(ids, repository)
        if not known:
            where = repository or "any repository that there is"
            raise EnvironmentNotFound(f"there never was a {named} in {where}")
        places = sorted({one.registered.repository for one in known})
        if len(places) > 1:
            raise EnvironmentNotFound(
                f"{named} is in {' and in '.join(places)}: choose with --repository"
            )
        *before, last = known
        return Known(last.id, last.begin, [one.id for one in before])

    async def told(self, known: Known, upto: int) -> AsyncIterator[Recorded]:
        """All that concerns it up to a position, in order, but for who looked at it.

        `JournalUnavailable` where only a newer version of Berth can tell what comes.
        """
        position = known.begin.position - 1
        while position < upto:
            piece = await self._events.after(
                position,
                limit=PIECE_EVENTS,
                bytes_max=PIECE_BYTES_MAX,
                topics=TOLD,
                about=known.id,
            )
            for found in piece.found:
                if found.record.position > upto:
                    return
                if subject_of(found.record).id == known.id:
                    yield found.record
            if piece.is_cut and piece.until < upto:
                raise JournalUnavailable(NEWER)
            position = piece.until

    async def as_of(self, known: Known, position: int, at: datetime) -> Listed | None:
        """As it was at `at`, when the journal ended at `position`.

        None if it was deleted before.
        """
        found = await self._history.listed([known.id], position, at)
        return found[0] if found else None

    async def _named(self, name: str, repository: str | None) -> dict[str, int]:
        """The ids of those that ever had the name, and the position of when last."""
        streams = [stream_of(one) for one in await self._repositories(repository)]
        taken: dict[str, int] = {}
        for record in await self._past.of(streams, NAMING):
            assert isinstance(record.event, EnvironmentAdded | EnvironmentChanged)
            if fold(record.event.name) == fold(name):
                taken[record.event.environment_id] = record.position
        return taken

    async def _repositories(self, named: str | None) -> Sequence[str]:
        """Those that `named` may mean; one that is not known any more, by all of it."""
        found = await self._reader.read(directory, sql["list_projects"], {"id": None})
        ids = [row["id"] for row in found.rows]
        if named is None:
            return ids
        wanted = fold(named)
        meant = [one for one in ids if wanted in (one, one.rpartition("/")[2])]
        return meant or [named]

    async def _known(
        self, ids: Mapping[str, int], repository: str | None
    ) -> Sequence[Known]:
        """In the order of when they had the name; `repository` is checked."""
        found = await self._past.of([*ids], (EnvironmentRegistered,))
        known = [Known(record.originator_id, record) for record in found]
        known.sort(key=lambda one: ids[one.id])
        if repository is None:
            return known
        wanted = fold(repository)
        return [one for one in known if wanted in _names_of(one.registered.repository)]


def _names_of(repository: str) -> tuple[str, str]:
    """In full, and by its last part."""
    full = fold(repository)
    return full, full.rpartition("/")[2]
