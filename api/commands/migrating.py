"""`berth migrate`: the database's schema."""

from __future__ import annotations

import sys
from contextlib import suppress

from projections.storage import migrate as migrations
from workers.settings import database_url_from


def migrate() -> None:
    """Bring the database's schema up to date."""
    for name in migrations.migrate(database_url_from(), say):
        print(f"applied {name}")


def say(line: str) -> None:
    """Whether or not it can be written: the schema is to be brought up to date."""
    with suppress(OSError):
        print(f"berth: {line}", file=sys.stderr, flush=True)
