"""Breaks one thing after the other, at random moments, and mends it at once."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from signal import SIGCONT, SIGSTOP
from threading import Event as Signal

import psutil

from tests.faults.aim import Aim, aiming
from tests.faults.cluster import Cluster
from tests.faults.history import Fault, FaultKind, Stopwatch
from workers.supervisor import Command

REST_SECONDS = (0.5, 2.5)
FREEZE_SECONDS = (0.5, 5.0)
AIM_MAX = 1_000
AIM_SECONDS_MAX = 3
ANSWER_SECONDS = 0.02


class Nemesis:
    """`faults` is what it has done so far; it can do each of `kinds`."""

    kinds: Collection[FaultKind] = (
        FaultKind.KILL_API,
        FaultKind.KILL_WORKER,
        FaultKind.KILL_NATS,
        FaultKind.KILL_POSTMASTER,
        FaultKind.KILL_POSTGRES,
        FaultKind.FREEZE_APPEND,
    )

    def __init__(self, cluster: Cluster, watch: Stopwatch, seed: str) -> None:
        self.faults: list[Fault] = []
        self._cluster = cluster
        self._watch = watch
        self._chance = random.Random(f"{seed} nemesis")
        self._never = Signal()

    @property
    def has_done_each(self) -> bool:
        return {fault.kind for fault in self.faults} >= set(self.kinds)

    def rage(self, goes_on: Callable[[], bool]) -> None:
        """Each kind of fault once, then the frequent ones, each time in any order.

        It ends early if something broke by itself.
        """
        deck: list[Callable[[], None]] = []
        while goes_on():
            if not deck:
                deck = self._shuffled(self._frequent())
                deck += self._shuffled(self._every_kind())
            self._rest(self._chance.uniform(*REST_SECONDS))
            if self._cluster.ended():
                return
            deck.pop()()

    def _frequent(self) -> Sequence[Callable[[], None]]:
        return (self._kill_api, self._kill_api, self._kill_postgres, self._freeze_api)

    def _every_kind(self) -> Sequence[Callable[[], None]]:
        return (
            self._kill_api,
            self._kill_worker,
            self._kill_nats,
            self._kill_postmaster,
            self._kill_postgres,
            self._freeze_api,
        )

    def _shuffled(
        self, faults: Sequence[Callable[[], None]]
    ) -> list[Callable[[], None]]:
        return self._chance.sample(faults, len(faults))

    def _rest(self, seconds: float) -> None:
        self._never.wait(seconds)

    def _note(
        self, kind: FaultKind, target: str, began_at: datetime, stalled: bool = False
    ) -> None:
        now = self._watch.now()
        until = now if stalled else None
        self.faults.append(Fault(kind, target, began_at, now, until))

    def _kill_api(self) -> None:
        port, api = self._chance.choice(list(self._cluster.apis.items()))
        began_at = self._watch.now()
        api.kill()
        api.launch()
        self._cluster.wait_until_ready(port)
        self._note(FaultKind.KILL_API, api.name, began_at)

    def _kill_worker(self) -> None:
        worker = self._chance.choice(self._cluster.workers)
        began_at = self._watch.now()
        worker.kill()
        worker.launch()
        self._cluster.wait_until_working(worker)
        self._note(FaultKind.KILL_WORKER, worker.name, began_at)

    def _kill_nats(self) -> None:
        began_at = self._watch.now()
        self._cluster.nats.kill()
        self._rest(self._chance.uniform(0, 2))
        self._cluster.nats.start()
        self._note(FaultKind.KILL_NATS, "nats", began_at)

    def _kill_postmaster(self) -> None:
        """Its sessions see that it is gone, each when it next looks up."""
        began_at = self._watch.now()
        self._cluster.postgres.kill()
        self._cluster.postgres.start()
        self._note(FaultKind.KILL_POSTMASTER, "postgres", began_at, stalled=True)

    def _kill_postgres(self) -> None:
        """Whatever a session was just about to make durable is lost."""
        began_at = self._stop_a_commit()
        postmaster = psutil.Process(self._cluster.postgres.pid)
        for process in (postmaster, *postmaster.children()):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._cluster.postgres.kill()
        self._rest(self._chance.uniform(0, 1))
        self._cluster.postgres.start()
        self._note(FaultKind.KILL_POSTGRES, "postgres", began_at, stalled=True)

    def _stop_a_commit(self) -> datetime:
        """An answer that does not wait for its commit would go out now, too early."""
        names = [api.name for api in self._cluster.apis.values()]
        with aiming(self._cluster.postgres.url) as aim:
            for _ in range(AIM_MAX):
                for pid in aim.committing(names):
                    began_at = self._watch.now()
                    with suppress(ProcessLookupError):
                        os.kill(pid, SIGSTOP)
                        if pid in aim.committing(names):
                            self._rest(ANSWER_SECONDS)
                            return began_at
                        os.kill(pid, SIGCONT)
        return self._watch.now()

    def _freeze_api(self) -> None:
        """Stop a process while it holds the journal, for longer than it may, or not."""
        api = self._chance.choice(list(self._cluster.apis.values()))
        with aiming(self._cluster.postgres.url) as aim:
            began_at, is_caught = self._stop_an_append(api, aim)
            over_at = began_at + timedelta(
                seconds=self._chance.uniform(*FREEZE_SECONDS)
            )
            stalled_until = None
            while self._watch.now() < over_at:
                if stalled_until is None and not aim.is_appending(api.name):
                    stalled_until = self._watch.now()
                self._rest(0.01)
        os.kill(pid_of(api), SIGCONT)
        now = self._watch.now()
        if is_caught:
            until = stalled_until or now
            fault = Fault(FaultKind.FREEZE_APPEND, api.name, began_at, now, until)
        else:
            fault = Fault(FaultKind.FREEZE, api.name, began_at, now)
        self.faults.append(fault)

    def _stop_an_append(self, api: Command, aim: Aim) -> tuple[datetime, bool]:
        """Stop it at the right moment; whatever else it does, when none comes by.

        It is stopped only once it is seen there: to stop it again and again until it
        happens to be there would leave it no time to do anything else.
        """
        pid = pid_of(api)
        over_at = self._watch.now() + timedelta(seconds=AIM_SECONDS_MAX)
        while self._watch.now() < over_at:
            if not aim.is_appending(api.name):
                continue
            began_at = self._watch.now()
            os.kill(pid, SIGSTOP)
            self._rest(ANSWER_SECONDS)  # What it sent before is still answered.
            if aim.is_appending(api.name):
                return began_at, True
            os.kill(pid, SIGCONT)
        began_at = self._watch.now()
        os.kill(pid, SIGSTOP)
        return began_at, False


def pid_of(process: Command) -> int:
    """Never 0, which would be all of us."""
    if process.pid is None:
        raise RuntimeError(f"{process.name} has ended by itself: {process.log}")
    return process.pid
