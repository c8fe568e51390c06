"""Breaks what tasks go through: workers above all, and the queues that tell them."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from signal import SIGKILL

import psutil
import psycopg

from tests.faults.cluster import READY_SECONDS_MAX, Cluster
from tests.faults.history import FaultKind, Stopwatch
from tests.faults.nemesis import Nemesis, pid_of
from tests.faults.tasks.history import Parting
from workers.embedded.process import wait_for
from workers.supervisor import Command

FORK_SERVER = "workers.running.forking"
# Whether any attempt of this worker was taken from it.
GIVEN_BACK = """
SELECT EXISTS (
    SELECT FROM berth_events AS stalled, LATERAL (
        SELECT convert_from(state, 'UTF8')::jsonb #>> '{event,worker}' AS worker
        FROM berth_events
        WHERE originator_id = stalled.originator_id AND topic = 'task.started'
            AND notification_id < stalled.notification_id
        ORDER BY notification_id DESC LIMIT 1
    ) AS started
    WHERE stalled.topic = 'task.stalled' AND started.worker = %s
)
"""


class TaskNemesis(Nemesis):
    """`partings` are the workers that it made give back what they had."""

    kinds = (
        FaultKind.KILL_WORKER,
        FaultKind.STOP_WORKER,
        FaultKind.KILL_FORK_SERVER,
        FaultKind.KILL_API,
        FaultKind.KILL_NATS,
        FaultKind.LOSE_JETSTREAM,
    )

    def __init__(self, cluster: Cluster, watch: Stopwatch, seed: str) -> None:
        super().__init__(cluster, watch, seed)
        self.partings: list[Parting] = []
        self._has_given_back = False

    @property
    def has_done_each(self) -> bool:
        """And a worker that was stopped had something to give back."""
        return super().has_done_each and self._has_given_back

    def _every_kind(self) -> Sequence[Callable[[], None]]:
        return (
            self._kill_worker,
            self._stop_worker,
            self._kill_fork_server,
            self._kill_api,
            self._kill_nats,
            self._lose_jetstream,
        )

    def _frequent(self) -> Sequence[Callable[[], None]]:
        """Tasks have to bear what locks have to, too."""
        return (
            *(self._kill_worker, self._stop_worker, self._kill_fork_server),
            *super()._every_kind(),
            self._lose_jetstream,
        )

    def _stop_worker(self) -> None:
        worker = self._chance.choice(self._cluster.workers)
        name, began_at = name_of(worker), self._watch.now()
        worker.stop()
        now, code = self._watch.now(), worker.exit_code
        if code:
            raise RuntimeError(f"{worker.name} did not stop well, {code}: {worker.log}")
        self.partings.append(Parting(name, began_at, now, is_stopped=True))
        with psycopg.connect(self._cluster.postgres.url) as connection:
            for (has_given_back,) in connection.execute(GIVEN_BACK, [name]):
                self._has_given_back |= has_given_back
        worker.launch()
        self._cluster.wait_until_working(worker)
        self._note(FaultKind.STOP_WORKER, worker.name, began_at)

    def _kill_fork_server(self) -> None:
        """It is started again; the tasks that were under it are nobody's fault."""
        worker = self._chance.choice(self._cluster.workers)
        pid, began_at = fork_server_of(worker, None), self._watch.now()
        os.kill(pid, SIGKILL)
        fork_server_of(worker, pid)
        parting = Parting(name_of(worker), began_at, self._watch.now())
        self.partings.append(parting)
        self._note(FaultKind.KILL_FORK_SERVER, worker.name, began_at)

    def _lose_jetstream(self) -> None:
        """What was queued is gone, and all that NATS knew of who takes what."""
        began_at = self._watch.now()
        nats = self._cluster.nats
        shutil.rmtree(nats.folder / "jetstream", ignore_errors=True)
        nats.kill()
        shutil.rmtree(nats.folder / "jetstream", ignore_errors=True)
        self._rest(self._chance.uniform(0, 2))
        nats.start()
        self._note(FaultKind.LOSE_JETSTREAM, "nats", began_at)


def name_of(worker: Command) -> str:
    """As the journal knows it."""
    return f"{socket.gethostname()}/{pid_of(worker)}"


def fork_server_of(worker: Command, before: int | None) -> int:
    """The one that it has, or has in place of the one `before`."""
    found: list[int] = []

    def is_there() -> bool:
        found[:] = [
            child.pid
            for child in psutil.Process(pid_of(worker)).children()
            if is_fork_server(child) and child.pid != before
        ]
        return bool(found)

    if not wait_for(is_there, READY_SECONDS_MAX):
        raise TimeoutError(f"{worker.name} has no fork server: {worker.log}")
    return found[0]


def is_fork_server(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return FORK_SERVER in process.cmdline()
    return False
