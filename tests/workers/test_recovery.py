"""PostgreSQL from its wheel recovers from any crash, and from being told not to."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.support.kept import ask
from workers.embedded import EmbeddedPostgres
from workers.embedded.process import wait_for
from workers.supervisor import Stopped


def test_recovers_from_kill_9(postgres: EmbeddedPostgres) -> None:
    """A server that was killed with a session open starts again at once."""
    with psycopg.connect(postgres.start()):
        assert postgres.pid
        os.kill(postgres.pid, signal.SIGKILL)
        assert wait_for(lambda: postgres.exit_code is not None, 5)
        assert ask(postgres.start()) == 42


@pytest.fixture
def recovery(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Path]:
    """It crashed, and recovers from the first of these files on, until the second."""
    asked, may_go_on = postgres.folder / "asked", postgres.folder / "may-go-on"
    waiting = f"touch {asked}; until test -e {may_go_on}; do sleep 0.01; done; false"
    settings = {**postgres.settings, "restore_command": waiting}
    postgres.start()
    postgres.kill()
    monkeypatch.setattr(postgres, "settings", settings)
    (postgres.folder / "data" / "recovery.signal").touch()
    return asked, may_go_on


def test_is_let_recover_however_long_that_takes(
    postgres: EmbeddedPostgres,
    recovery: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If it was ended, the next one would begin anew, and never come to an end."""
    asked, may_go_on = recovery
    with ThreadPoolExecutor() as pool:
        starting = pool.submit(postgres.start)
        assert wait_for(asked.exists, 60)
        monkeypatch.setattr("workers.embedded.postgres._START_SECONDS_MAX", 0)
        may_go_on.touch()
        assert ask(starting.result()) == 42


def test_says_that_it_recovers(
    postgres: EmbeddedPostgres,
    recovery: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else whoever waits would take it for stuck, and kill it."""
    _, may_go_on = recovery

    def say(line: str) -> None:
        if "PostgreSQL is recovering from a crash, for" in line:
            may_go_on.touch()

    for name in ("_SAID_AFTER_SECONDS", "_SAID_EVERY_SECONDS"):
        monkeypatch.setattr(f"workers.embedded.postgres.{name}", 0)
    postgres.say = say
    assert ask(postgres.start()) == 42


def test_that_recovers_ends_when_it_is_told_to_and_is_not_killed(
    postgres: EmbeddedPostgres, recovery: tuple[Path, Path]
) -> None:
    """What it has recovered by then, and what it has not, is there the next time."""
    asked, may_go_on = recovery

    def pause(_: float) -> None:
        if asked.exists():
            raise Stopped

    postgres.pause = pause
    with pytest.raises(Stopped):
        postgres.start()
    assert postgres.pid
    postgres.stop()
    assert postgres.exit_code == 0
    may_go_on.touch()
    postgres.pause = time.sleep
    assert ask(postgres.start()) == 42
