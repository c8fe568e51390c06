"""What is swept out by and by, at once: before views are compared."""

from __future__ import annotations

import asyncio
from contextlib import closing

from projections.storage.checkpoint import ViewStore
from projections.storage.database import Database
from projections.sweep import Sweep


def swept(url: str) -> None:
    """Of the views, all that environments which are gone have left."""
    with closing(Database(url, pool_max=1)) as database:
        sweep = Sweep(ViewStore(database))
        while asyncio.run(sweep.run_once()):
            pass
