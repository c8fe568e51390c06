"""A Berth whose tasks are measured as those of the other queues are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic, monotonic_ns, sleep
from typing import Any

import psycopg

from api.person_tokens import Signer
from domain.roles import Role
from tests.bench.installation import SECRET, Installation, installation
from tests.bench.queues.queue import SUBMITTERS, stopped
from tests.bench.queues.site import DRAIN_SECONDS_MAX
from tests.bench.starts import CALM_SECONDS, starts
from tests.bench.wrk import load
from tests.support.servers import Servers
from tests.support.trials import INSTALLED, NO_OP
from workers.embedded.process import ServerStartError, wait_for

# What is new in the journal since a position.
NEWS = """
SELECT coalesce(max(notification_id), %(after)s),
    count(*) FILTER (WHERE topic = 'task.submitted'),
    count(*) FILTER (WHERE topic = 'task.completed')
FROM berth_events WHERE notification_id > %(after)s
"""


@dataclass(frozen=True)
class TaskSite:
    berth: Installation
    folder: Path

    def latencies_ms(self, count: int) -> Sequence[float]:
        """From the request's first byte until the handler runs."""
        taken = []
        with closing(self.berth.client()) as client, starts(self.folder) as started:
            task = {"type": NO_OP, "data": {"address": started.address}}
            for _ in range(count):
                asked_ns = monotonic_ns()
                client.call("POST", "/tasks", task)
                taken.append((started.next_ns() - asked_ns) / 1e6)
                sleep(CALM_SECONDS)
        return taken

    def tasks_per_second(self, seconds: float) -> float:
        """Submitted for so long, and run meanwhile, and on until the last one."""
        with self._count() as count:
            began_at = monotonic()
            self._flood(seconds)
            count.wait()
            return count.completed / (monotonic() - began_at)

    def drained_per_second(self, seconds: float) -> float:
        """Submitted for so long, while the worker is stopped, and only then run."""
        with self._count() as count:
            with stopped(self.berth.worker_pid):
                self._flood(seconds)
            began_at = monotonic()
            count.wait()
            return count.completed / (monotonic() - began_at)

    @contextmanager
    def _count(self) -> Iterator[Count]:
        with psycopg.connect(self.berth.database_url, autocommit=True) as connection:
            yield Count(connection)

    def _flood(self, seconds: float) -> None:
        load(
            "tasks.lua",
            self.berth.url,
            NO_OP,
            *submitters(),
            clients=SUBMITTERS,
            seconds=seconds,
            pid=self.berth.pid,
        )


class Count:
    """Of the tasks that are submitted from now on; the journal tells."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._position = 0
        self._look()
        self.left = self.completed = 0

    def wait(self) -> None:
        if not wait_for(self._is_done, DRAIN_SECONDS_MAX):
            raise ServerStartError(f"{self.left} tasks are never completed")

    def _is_done(self) -> bool:
        submitted, completed = self._look()
        self.completed += completed
        self.left += submitted - completed
        return self.left == 0

    def _look(self) -> tuple[int, int]:
        after = {"after": self._position}
        [(self._position, submitted, completed)] = self._connection.execute(
            NEWS, after
        ).fetchall()
        return submitted, completed


def submitters() -> Sequence[str]:
    """A token for each: nobody may have too many tasks that are not finished."""
    signer, a_day = Signer(SECRET.encode()), timedelta(days=1)
    names = (f"submitter-{number}" for number in range(SUBMITTERS))
    return [signer.issue(name, Role.APPLICATION, a_day) for name in names]


@contextmanager
def task_site(
    worker: Sequence[str], slots: int, servers: Servers, folder: Path
) -> Iterator[TaskSite]:
    settings = {"PYTHONPATH": str(INSTALLED), "BERTH_TASK_SLOTS": str(slots)}
    with installation(servers, folder, worker, **settings) as berth:
        yield TaskSite(berth, folder)
