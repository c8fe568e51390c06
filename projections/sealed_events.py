"""Sealed events as they may be told to people: of what, and under which name it had."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from domain.errors import NotFound, VaultClosed
from domain.outward.belonging import NOBODYS, Belonging
from domain.outward.subject import ENVIRONMENT, NONE, subject_of
from domain.record import Recorded
from domain.seal.bundle import Asked
from domain.seal.leaf import Leaf
from projections.environment_history import environment_history, sql
from projections.storage.belongings import Belongings
from projections.storage.database import Database
from projections.storage.failures import UNDECODABLE
from projections.storage.log.newest import NEWEST, NOTHING
from projections.storage.log.selection import Question, Selection, checked
from projections.storage.mapper import recorded
from projections.storage.reader import Reader
from projections.storage.threads import in_thread

ALTERED = "cannot be read: it is not as Berth has written it (see `berth verify`)"


class Named(Struct, frozen=True):
    """What an environment was called from the position `since` on."""

    since: int
    repository: str
    name: str


class Sealed(Struct, frozen=True):
    """An event under seal. Without a `record`, `why` says why it cannot be told.

    `name` is that of the environment it is about, once it had happened.
    """

    position: int
    topic: str
    record: Recorded | None = None
    why: str = ""
    repository: str | None = None
    environment_id: str | None = None
    name: str | None = None


class SealedEvents:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._reader = Reader(database)
        self._belongings = Belongings(database)

    async def asked(self, question: Question) -> Asked:
        """What that comes to, up to the newest checkpoint.

        `NotFound` if there is no such thing, or nothing is sealed yet; `Invalid` if
        positions are asked for that are not reached.
        """
        return await in_thread(self._asked, question)

    async def pieces(self, asked: Asked) -> AsyncIterator[Sequence[Sealed]]:
        """In order, a few hundred at a time."""
        pieces = Selection(self._database, asked).pieces()
        while leaves := await in_thread(next, pieces, ()):
            found = await in_thread(self._read, leaves)
            names = await self._names(found)
            yield [*_named(found, names)]

    def _asked(self, question: Question) -> Asked:
        with self._database.transaction() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            newest = cursor.execute(NEWEST).fetchone()
            if newest is None:
                raise NotFound(NOTHING)
            return checked(cursor, question, newest["size"])

    def _read(self, leaves: Sequence[Leaf]) -> Sequence[Sealed]:
        found = [self._told(leaf) for leaf in leaves]
        records = [one.record for one in found if one.record]
        whose = iter(self._whose(records))
        return [_about(one, next(whose)) if one.record else one for one in found]

    def _told(self, leaf: Leaf) -> Sealed:
        place = (leaf.stream, leaf.version, leaf.position, leaf.state)
        try:
            record = recorded(*place, subjects=self._database.subjects)
        except (*UNDECODABLE, ValueError):
            return Sealed(leaf.position, leaf.topic, why=ALTERED)
        except VaultClosed as error:
            why = f"cannot be read here: {error}"
            return Sealed(leaf.position, leaf.topic, why=why)
        return Sealed(leaf.position, leaf.topic, record)

    def _whose(self, records: Sequence[Recorded]) -> Sequence[Belonging]:
        """Nobody's, if the event that says it was altered."""
        try:
            return self._belongings.of(records)
        except UNDECODABLE:
            if len(records) == 1:
                return [NOBODYS]
            return [self._whose([record])[0] for record in records]

    async def _names(self, found: Sequence[Sealed]) -> Mapping[str, Sequence[Named]]:
        """Of each environment in it, the names it had, the latest first."""
        ids = {one.environment_id for one in found if one.environment_id}
        if not ids:
            return {}
        first, last = found[0].position, found[-1].position
        values = {"ids": [*ids], "first": first, "last": last}
        read = await self._reader.read(
            environment_history, sql["names_between"], values, prepare=False
        )
        names: dict[str, list[Named]] = {}
        for row in read.rows:
            one = Named(row["since"], row["repository"], row["name"])
            names.setdefault(row["environment_id"], []).append(one)
        return names


def _about(sealed: Sealed, whose: Belonging) -> Sealed:
    assert sealed.record
    subject = subject_of(sealed.record)
    is_one = subject.kind == ENVIRONMENT and subject.id != NONE
    id_ = subject.id if is_one else None
    return replace(sealed, repository=whose.repository, environment_id=id_)


def _named(
    found: Sequence[Sealed], names: Mapping[str, Sequence[Named]]
) -> Iterator[Sealed]:
    for one in found:
        its = names.get(one.environment_id or "", ())
        then = next((named for named in its if named.since <= one.position), None)
        yield replace(one, name=then.name, repository=then.repository) if then else one
