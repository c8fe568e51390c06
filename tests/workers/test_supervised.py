"""What the supervisor of `berth up` has to do with a child that runs, and is no use."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from workers.supervisor import Command, Supervisor


def test_what_is_stuck_is_started_again(tmp_path: Path) -> None:
    """A NATS that stores nothing more, say, since its disk was full."""

    class StuckOnce(Command):
        launches = 0

        def launch(self) -> None:
            self.launches += 1
            super().launch()

        def is_stuck(self) -> bool:
            if self.launches > 1:
                os.kill(os.getpid(), signal.SIGTERM)
            return self.launches == 1

    with Supervisor(tmp_path) as supervisor:
        child = supervisor.keep(StuckOnce("nats", ["sleep", "60"]))
        supervisor.watch()
    assert child.launches == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_for_a_child(
    tmp_path: Path, number: signal.Signals
) -> None:
    """A PostgreSQL that recovers, say, which may take for ever."""

    class NeverReady(Command):
        def start(self) -> None:
            self.launch()
            os.kill(os.getpid(), number)
            while True:
                self.pause(60)

    with Supervisor(tmp_path) as supervisor:
        child = NeverReady("postgres", ["sleep", "60"])
        supervisor.keep(child)
    assert child.exit_code == -signal.SIGTERM
