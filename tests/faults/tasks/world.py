"""Sets a run up, lets the clients loose, and sees all that they began to its end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import psycopg

from api.person_tokens import Signer
from domain.roles import Role
from tests.faults.cluster import Cluster
from tests.faults.history import Stopwatch
from tests.faults.tasks.clients import Asking, Submitter, World, each_second
from tests.faults.tasks.history import Ask
from workers.embedded.process import wait_for

CLIENTS, LOOKERS = 24, 8
OWNER = "owner"
VALID_FOR = timedelta(days=1)
# For the schedules, to fire what the last fault delayed; and for all that is left.
CATCH_UP_SECONDS = 5
SETTLE_SECONDS_MAX = 180

UNSETTLED = """
SELECT (
    SELECT count(*) FILTER (WHERE topic = 'task.submitted')
        > count(*) FILTER (
            WHERE topic IN ('task.completed', 'task.failed', 'task.cancelled'))
    FROM berth_events
) OR EXISTS (
    SELECT FROM berth_tracking
    WHERE notification_id < (SELECT max(notification_id) FROM berth_events)
)
"""


async def prepare(
    cluster: Cluster, watch: Stopwatch, ledger: Path, numbers: Iterator[int]
) -> World:
    """Clients with a bearer token each, and two schedules that fire each second."""
    signer = Signer(cluster.secret.encode())
    names = [f"client-{number}" for number in range(CLIENTS)]
    bearers = {n: signer.issue(n, Role.APPLICATION, VALID_FOR) for n in names}
    bearers[OWNER] = signer.issue(OWNER, Role.OWNER, VALID_FOR)
    world = World(
        ports=list(cluster.apis),
        bearers=bearers,
        watch=watch,
        ledger=ledger,
        numbers=numbers,
    )
    owner = Asking(OWNER, world, random.Random())
    for recurrence in ({"every": 1_000}, {"pattern": "* * * * * *"}):
        await owner.insist(Ask.REPEAT, body=each_second(ledger, **recurrence))
    await owner.close()
    return world


async def submit(world: World, seed: str) -> None:
    """Until every number is drawn."""
    names = [name for name in world.bearers if name != OWNER]
    await asyncio.gather(*(Submitter(name, world, seed).run() for name in names))


async def see_the_end(world: World, cluster: Cluster) -> Mapping[str, str]:
    """Stop the schedules, wait until all is over; what is shown of each task then.

    What is not over by then will be found.
    """
    await asyncio.sleep(CATCH_UP_SECONDS)
    owner = Asking(OWNER, world, random.Random())
    for schedule_id in told_of(world, Ask.REPEAT):
        await owner.insist(Ask.STOP, schedule_id)
    await owner.close()
    await asyncio.to_thread(settle, cluster)
    left = iter(told_of(world, Ask.SUBMIT))
    shown: dict[str, str] = {}
    await asyncio.gather(*(look(world, left, shown) for _ in range(LOOKERS)))
    return shown


def settle(cluster: Cluster) -> None:
    with psycopg.connect(cluster.postgres.url, autocommit=True) as connection:

        def is_settled() -> bool:
            [(is_unsettled,)] = connection.execute(UNSETTLED).fetchall()
            return not is_unsettled

        wait_for(is_settled, SETTLE_SECONDS_MAX)


async def look(world: World, left: Iterator[str], shown: dict[str, str]) -> None:
    asking = Asking(OWNER, world, random.Random())
    for operation_id in left:
        shown[operation_id] = (await asking.insist(Ask.LOOK, operation_id)).told or ""
    await asking.close()


def told_of(world: World, ask: Ask) -> Sequence[str]:
    """The operations that were acknowledged."""
    return [
        operation.operation_id
        for operation in world.operations
        if operation.ask is ask and operation.is_success and operation.operation_id
    ]
