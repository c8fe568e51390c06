"""Breaks what tasks go through: workers above all, and the queues that tell them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence

from tests.faults.history import FaultKind
from tests.faults.nemesis import Nemesis


class TaskNemesis(Nemesis):
    def _every_kind(self) -> Sequence[Callable[[], None]]:
        return (
            self._kill_worker,
            self._kill_api,
            self._kill_nats,
            self._lose_jetstream,
        )

    def _frequent(self) -> Sequence[Callable[[], None]]:
        """Tasks have to bear what locks have to, too."""
        return (
            *(self._kill_worker, self._kill_worker),
            *super()._every_kind(),
            self._lose_jetstream,
        )

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
