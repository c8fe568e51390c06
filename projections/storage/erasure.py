"""What erasing a person does to the database, in steps that can be taken again.

Once the key is destroyed, what the journal has of them is erased; what is left to do is
to have everything forget that was made of it before. Until that is done, the key's row
keeps its digest: so whoever begins again finds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import LiteralString, NamedTuple

import msgspec

from domain.hidden import MARK, NAME, ORIGIN
from domain.person import ERASED
from projections.storage.checkpoint import ViewStore
from projections.storage.database import Database
from projections.storage.subject_keys import Known
from projections.storage.subjects import Subjects
from projections.view import View

DESTROY: LiteralString = """
WITH destroyed AS (
    UPDATE subject_key SET wrapped_key = NULL, key_version = NULL
    WHERE digest = %s AND wrapped_key IS NOT NULL
    RETURNING id
)
INSERT INTO erasure (number) SELECT 1 WHERE EXISTS (SELECT FROM destroyed)
ON CONFLICT (is_only) DO UPDATE SET number = erasure.number + 1
"""
# From here on, nobody keeps a snapshot of what they have folded before.
BEGIN_ANEW: LiteralString = """
LOCK TABLE snapshot, history_snapshot IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO erasure (number) VALUES (1)
ON CONFLICT (is_only) DO UPDATE SET number = erasure.number + 1
"""
UNFINISHED: LiteralString = """
SELECT id FROM subject_key WHERE digest = %s AND wrapped_key IS NULL ORDER BY id
"""
IN_USE: LiteralString = """
SELECT id FROM subject_key WHERE digest = %s ORDER BY id
"""
FINISH: LiteralString = """
UPDATE subject_key SET digest = NULL WHERE id = ANY(%s) AND wrapped_key IS NULL
"""
# Folded streams are made again from the journal when they are asked for.
FORGET_SNAPSHOTS: LiteralString = """
WITH dropped AS (
    DELETE FROM snapshot
    WHERE position(convert_to(%(name)s, 'UTF8') IN state) > 0 RETURNING 1
), dropped_of_history AS (
    DELETE FROM history_snapshot
    WHERE position(convert_to(%(name)s, 'UTF8') IN state) > 0 RETURNING 1
)
SELECT (SELECT count(*) FROM dropped) + (SELECT count(*) FROM dropped_of_history)
    AS number
"""
COUNT: LiteralString = """
SELECT
    count(*) FILTER (WHERE EXISTS (
        SELECT FROM unnest(%(hidden)s::text[]) AS hidden
        WHERE position(convert_to(hidden, 'UTF8') IN state) > 0
    )) AS hidden,
    count(*) FILTER (
        WHERE position(convert_to(%(plain)s, 'UTF8') IN state) > 0
    ) AS plain
FROM berth_events
"""


class Told(NamedTuple):
    """Events that speak of a person: `hidden` under their keys, or `plain`.

    `plain` are those of before there were keys, and what somebody wrote into a reason,
    a description or the data of a task: those are not erased.
    """

    hidden: int
    plain: int


class Erasure:
    """Of the database at `url`; connected only for as long as something is done."""

    def __init__(self, url: str, subjects: Subjects) -> None:
        self._url = url
        self._subjects = subjects

    @contextmanager
    def _database(self) -> Iterator[Database]:
        opened = Database(
            self._url, name="berth-erasure", patient=True, subjects=self._subjects
        )
        with closing(opened):
            yield opened

    def told(self, name: str, known: Known) -> Told:
        """Reads all of the journal, which takes a second for a million events."""
        with self._database() as database, database.cursor() as cursor:
            keys = cursor.execute(IN_USE, [known.digest]).fetchall()
            hidden = [
                (MARK + kind + b"%d." % row["id"]).decode()
                for row in keys
                for kind in (NAME, ORIGIN)
            ]
            values = {"hidden": hidden, "plain": _quoted(name)}
            [row] = cursor.execute(COUNT, values).fetchall()
        return Told(row["hidden"], row["plain"])

    def destroy(self, known: Known) -> Sequence[int]:
        """The keys that were destroyed, also those that somebody did not finish."""
        with self._database() as database, database.transaction(commit=True) as cursor:
            cursor.execute(DESTROY, [known.digest])
            rows = cursor.execute(UNFINISHED, [known.digest]).fetchall()
        return [row["id"] for row in rows]

    def show_erased(self, views: Sequence[View], name: str, known: Known) -> int:
        """In the views; returns how many rows named the person.

        Whoever was projecting has done so after a turn of ours, and whoever does from
        then on knows that the key is gone: what is there now is all there is.
        """
        values = {"name": name, "erased_as": known.erased_as, "erased": ERASED}
        number = 0
        with self._database() as database:
            store = ViewStore(database)
            for view in views:
                with database.transaction(commit=True) as cursor:
                    store.turn(cursor, view.name)
                for statement in view.erase:
                    with database.transaction(commit=True) as cursor:
                        number += cursor.execute(statement, values).rowcount
        return number

    def forget_snapshots(self, name: str) -> None:
        """Whoever has read one may have kept another: so until none is found."""
        with self._database() as database:
            is_found = True
            while is_found:
                with database.transaction(commit=True) as cursor:
                    cursor.execute(BEGIN_ANEW)
                with database.transaction(commit=True) as cursor:
                    values = {"name": _quoted(name)}
                    [row] = cursor.execute(FORGET_SNAPSHOTS, values).fetchall()
                is_found = row["number"] > 0

    def finish(self, key_ids: Sequence[int]) -> None:
        """Nothing is left that could tell whose these keys were."""
        with self._database() as database, database.transaction(commit=True) as cursor:
            cursor.execute(FINISH, [[*key_ids]])


def _quoted(name: str) -> str:
    return msgspec.json.encode(name).decode()
