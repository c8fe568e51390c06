"""Throws views away and builds them anew from the journal, while the server runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from projections.storage import rebuild as storage
from projections.storage.database import Database
from projections.storage.rebuild import Progress
from projections.view import View


def rebuild(
    url: str, views: Sequence[View], report: Callable[[Progress], None]
) -> None:
    """`report` is told how far it is, after each batch."""
    database = Database(
        url,
        name="berth-rebuild",
        pool_max=len(views),
        patient=True,
        durable=False,
    )
    try:
        for progress in storage.rebuild(database, views):
            report(progress)
    finally:
        database.close()
