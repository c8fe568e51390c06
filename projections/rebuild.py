"""Throws views away and builds them anew from the journal, while the server runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from projections.storage import rebuild as storage
from projections.storage.database import Database
from projections.storage.keyring import Keyring
from projections.storage.rebuild import Progress
from projections.storage.subjects import subjects_of
from projections.view import View

# Nobody else waits for its new tables: on a machine that is very busy, its threads may
# pause for long in a transaction. Where somebody waits, it has as little time as any.
IDLE_MS = 60_000


def rebuild(
    url: str,
    keys: Keyring,
    views: Sequence[View],
    report: Callable[[Progress], None],
) -> None:
    """`report` is told how far it is, after each batch.

    `keys` are the vault's, which open those of the people in the journal.
    """
    subjects = subjects_of(url, keys)
    database = Database(
        url,
        name="berth-rebuild",
        pool_max=len(views),
        patient=True,
        durable=False,
        idle_ms=IDLE_MS,
        subjects=subjects,
    )
    try:
        for progress in storage.rebuild(database, views):
            report(progress)
    finally:
        database.close()
        subjects.close()
