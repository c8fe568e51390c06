"""Procrastinate, with its connector on psycopg and its pool."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import LiteralString

from procrastinate import App, PsycopgConnector

from tests.bench.queues.queue import SUBMITTERS, Submit, no_op

CONCURRENCY = 10
LOOK_SECONDS = 0.2  # It missed a notification now and then, and at 5 s stood still.


class Procrastinate:
    unfinished: LiteralString = """
        SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE status IN ('todo', 'doing'))
    """
    settings = f"{CONCURRENCY} at once, LISTEN, and a look every {LOOK_SECONDS} s"

    async def install(self, url: str) -> None:
        async with app(url, 1).open_async() as opened:
            await opened.schema_manager.apply_schema_async()

    @asynccontextmanager
    async def submitting(self, url: str) -> AsyncIterator[Submit]:
        async with app(url, SUBMITTERS).open_async() as opened:
            task = opened.tasks["no_op"]

            async def submit(address: str) -> None:
                await task.defer_async(address=address)

            yield submit

    async def work(self, url: str) -> None:
        async with app(url, CONCURRENCY + 2).open_async() as opened:
            await opened.run_worker_async(
                concurrency=CONCURRENCY, fetch_job_polling_interval=LOOK_SECONDS
            )


def app(url: str, connections: int) -> App:
    connector = PsycopgConnector(conninfo=url, min_size=1, max_size=connections)
    made = App(connector=connector)
    made.task(name="no_op")(no_op)
    return made
