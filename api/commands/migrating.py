"""`berth migrate`: the database's schema."""

from __future__ import annotations

from projections.storage import migrate as migrations
from workers.settings import database_url_from


def migrate() -> None:
    """Bring the database's schema up to date."""
    for name in migrations.migrate(database_url_from()):
        print(f"applied {name}")
