"""`berth migrate`: the database's schema."""

from __future__ import annotations

from projections.storage import migrate as migrations
from workers.settings import from_environment


def migrate() -> None:
    """Bring the database's schema up to date."""
    for name in migrations.migrate(from_environment().database_url):
        print(f"applied {name}")
