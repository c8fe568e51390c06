"""Throws a view away and builds it anew from the journal, while the server runs."""

from __future__ import annotations

from collections.abc import Callable

from projections.storage import rebuild as storage
from projections.storage.database import Database
from projections.storage.keyring import Keyring
from projections.storage.subjects import subjects_of
from projections.view import View


def rebuild(
    url: str, keys: Keyring, view: View, report: Callable[[int, int], None]
) -> None:
    """`report` is told how far it is: the position reached, and the last one.

    `keys` are the vault's, which open those of the people in the journal.
    """
    subjects = subjects_of(url, keys)
    database = Database(
        url,
        name=f"berth-rebuild-{view.name}",
        patient=True,
        durable=False,
        subjects=subjects,
    )
    try:
        for progress in storage.rebuild(database, view):
            report(progress.position, progress.tip)
    finally:
        database.close()
        subjects.close()
