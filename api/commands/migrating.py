"""`berth migrate`: the database's schema."""

from __future__ import annotations

from projections.storage import migrate as migrations
from workers.say import say
from workers.settings import database_url_from


def migrate() -> None:
    """Bring the database's schema up to date."""
    for name in migrations.migrate(database_url_from(), say):
        print(f"applied {name}")
