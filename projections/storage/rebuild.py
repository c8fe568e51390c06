"""Views filled anew beside the live ones: the journal is read once for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from enum import StrEnum
from typing import NamedTuple

import psycopg
from eventsourcing.persistence import InterfaceError, OperationalError

from domain.errors import JournalUnavailable
from projections.storage.beside import BATCH, Beside
from projections.storage.checkpoint import Page, read
from projections.storage.database import Database
from projections.view import View


class Stage(StrEnum):
    """What a rebuild is at."""

    READING = "reading"
    INDEXING = "indexing"
    SWAPPING = "swapping"


class Progress(NamedTuple):
    """`position` is the last one that is projected; `tip`, where the journal ended."""

    position: int
    tip: int
    stage: Stage = Stage.READING


def rebuild(database: Database, views: Sequence[View]) -> Iterator[Progress]:
    """Project the whole journal into new tables; yields after each batch.

    The live tables serve readers until each view's new ones take over, at the end.
    `RebuildError` if another rebuild of one of them begins meanwhile, or somebody is
    erased, who may be in what was filled; `JournalUnavailable` if the database goes
    away. `database` must have a connection for each view.
    """
    try:
        yield from _rebuild(database, views)
    except (OperationalError, InterfaceError, psycopg.OperationalError) as error:
        raise JournalUnavailable("the database does not answer") from error


def _rebuild(database: Database, views: Sequence[View]) -> Iterator[Progress]:
    new = [Beside(database, view) for view in views]
    # All at once: of two that begin together, the later one has them all.
    with database.transaction(commit=True) as cursor:
        for tables in new:
            tables.make_room(cursor)
    topics = sorted({topic for view in views for topic in view.topics})
    filling = Filling(database, new, topics)
    with ThreadPoolExecutor(max_workers=len(new)) as writers:
        yield from filling.fill(writers)
        yield filling.progress(Stage.INDEXING)
        for _ in writers.map(Beside.add_indexes, new):
            pass
        yield from filling.fill(writers)  # What has come meanwhile.
    yield filling.progress(Stage.SWAPPING)
    for tables in new:
        tables.take_over()


class Filling:
    """Reads the journal, a page at a time, for all the new tables."""

    def __init__(
        self, database: Database, new: Sequence[Beside], topics: Sequence[str]
    ) -> None:
        self._database = database
        self._new = new
        self._topics = topics
        self._position = self._tip = 0

    def progress(self, stage: Stage = Stage.READING) -> Progress:
        return Progress(self._position, self._tip, stage)

    def fill(self, writers: ThreadPoolExecutor) -> Iterator[Progress]:
        """While PostgreSQL writes one page, the next one is read."""
        with closing(self._database.connect()) as source:
            writing: list[Future[None]] = []
            after, self._tip = self._position, self._new[0].tip
            while writing or after < self._tip:
                upto = min(after + BATCH, self._tip)
                page = read(source, self._topics, after, upto, self._database.subjects)
                if writing:
                    for written in writing:
                        written.result()
                    self._position = after
                    yield self.progress()  # Meanwhile nothing is under way.
                writing = self._begin(writers, page) if page.upto > after else []
                after = page.upto

    def _begin(self, writers: ThreadPoolExecutor, page: Page) -> list[Future[None]]:
        return [writers.submit(tables.write, page) for tables in self._new]
