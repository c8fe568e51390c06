"""What is swept out by and by, at once: before views are compared."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing

from projections.storage.checkpoint import ViewStore
from projections.storage.database import Database
from projections.sweep import Sweep


def swept(url: str) -> None:
    """Of the views, all that environments which are gone have left."""
    while passes(url, 1) != [0]:
        pass


def passes(url: str, number: int) -> Sequence[int]:
    """How much each of so many passes has swept out."""
    with closing(Database(url, pool_max=1)) as database:
        sweep = Sweep(ViewStore(database))
        return [asyncio.run(sweep.run_once()) for _ in range(number)]
