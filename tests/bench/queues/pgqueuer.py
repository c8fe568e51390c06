"""PgQueuer, with asyncpg, the driver that its manual begins with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import LiteralString

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from tests.bench.queues.queue import SUBMITTERS, Submit, no_op

BATCH = 50


class PgQueuerQueue:
    unfinished: LiteralString = "SELECT EXISTS (SELECT FROM pgqueuer)"
    settings = f"asyncpg, batches of {BATCH}, LISTEN"

    async def install(self, url: str) -> None:
        async with asyncpg.create_pool(url, min_size=1) as pool:
            await Queries(AsyncpgPoolDriver(pool)).install()

    @asynccontextmanager
    async def submitting(self, url: str) -> AsyncIterator[Submit]:
        async with asyncpg.create_pool(
            url, min_size=SUBMITTERS, max_size=SUBMITTERS
        ) as pool:
            queries = Queries(AsyncpgPoolDriver(pool))

            async def submit(address: str) -> None:
                await queries.enqueue("no_op", address.encode())

            yield submit

    async def work(self, url: str) -> None:
        async with asyncpg.create_pool(url) as pool:
            worker = PgQueuer.from_asyncpg_pool(pool)

            @worker.entrypoint("no_op")
            async def run(job: Job) -> None:
                await no_op((job.payload or b"").decode())

            await worker.run(batch_size=BATCH)
