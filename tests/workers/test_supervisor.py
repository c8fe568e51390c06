"""Nothing that `berth up` starts stays down while it runs, or stays up after it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from workers.embedded import ServerStartError
from workers.embedded.process import wait_for
from workers.supervisor import AlreadyRunningError, Command, Supervisor

ROOT = Path(__file__).parents[2]
UP = """
import sys
from pathlib import Path
from workers.embedded import EmbeddedNats, EmbeddedPostgres
from workers.supervisor import Command, Supervisor

data_dir, *scripts = sys.argv[1:]
with Supervisor(Path(data_dir)) as supervisor:
    if not scripts:
        print(supervisor.keep(EmbeddedPostgres(Path(data_dir, "postgres"))).url)
        supervisor.keep(EmbeddedNats(Path(data_dir, "nats")))
        scripts = ["exec sleep 60"]
    for number, script in enumerate(scripts):
        supervisor.keep(Command(f"child-{number}", ["sh", "-c", script]))
    print("ready", flush=True)
    supervisor.watch()
print("stopped", flush=True)
"""


class Up:
    """A supervisor in a process of its own, keeping shell scripts or the servers."""

    def __init__(self, data_dir: Path, *scripts: str) -> None:
        self.data_dir = data_dir
        with (data_dir / "stderr").open("w") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-c", UP, str(data_dir), *scripts],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        self.said = self._read_until("ready")

    def _read_until(self, word: str) -> list[str]:
        assert self.process.stdout
        lines = [""]
        while lines[-1] != word:
            lines.append(self.process.stdout.readline().strip())
            assert lines[-1], self.complaints()
        return lines[1:]

    def complaints(self) -> str:
        """Not that PostgreSQL takes long, as it does where the machine is busy."""
        told = (self.data_dir / "stderr").read_text().splitlines(keepends=True)
        return "".join(line for line in told if "PostgreSQL is starting" not in line)

    def notes(self) -> list[str]:
        """What the scripts wrote to the file `notes`."""
        file = self.data_dir / "notes"
        return file.read_text().split() if file.exists() else []

    def descendants(self) -> list[psutil.Process]:
        found: list[psutil.Process]
        found = psutil.Process(self.process.pid).children(recursive=True)
        return found

    def close(self) -> None:
        with suppress(psutil.NoSuchProcess):
            descendants = self.descendants()
            self.process.kill()
            for descendant in descendants:
                with suppress(psutil.NoSuchProcess):
                    descendant.kill()
        self.process.communicate()


@pytest.fixture
def ups() -> Iterator[list[Up]]:
    """A place for what must be closed after the test."""
    running: list[Up] = []
    yield running
    for up in running:
        up.close()


def has_ended(process: psutil.Process) -> bool:
    """Whether it is gone, or waits for somebody to notice that it is."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def all_end(processes: list[psutil.Process], seconds: float = 5) -> bool:
    return wait_for(lambda: all(map(has_ended, processes)), seconds)


def test_sigterm_stops_everything(tmp_path: Path, ups: list[Up]) -> None:
    """PostgreSQL, NATS and the commands have all ended when the supervisor has."""
    ups.append(up := Up(tmp_path))
    children = up.descendants()
    assert len(children) >= 3
    up.process.terminate()
    assert up.process.wait(10) == 0
    assert all(map(has_ended, children))
    assert up.complaints() == ""


def test_kill_9_of_the_supervisor_ends_everything(
    tmp_path: Path, ups: list[Up]
) -> None:
    """No orphan keeps a port or a folder, and the next start finds its data."""
    ups.append(up := Up(tmp_path))
    url = up.said[0]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept ()")
    children = up.descendants()
    up.process.kill()
    ups.append(Up(tmp_path))  # at once: it waits for what is still leaving
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT FROM kept").fetchall() == []
    assert all_end(children)


def test_a_server_that_is_killed_comes_back_on_its_address(
    tmp_path: Path, ups: list[Up]
) -> None:
    """After kill -9 of PostgreSQL the same URL answers again."""
    ups.append(up := Up(tmp_path))
    url = up.said[0]
    for process in up.descendants():
        if process.name() in ("postgres", "nats-server"):
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def answers() -> bool:
        with suppress(psycopg.OperationalError), psycopg.connect(url):
            return True
        return False

    assert wait_for(answers, 10)
    names = {"postgres", "nats-server", "sleep"}
    assert wait_for(lambda: names <= {p.name() for p in up.descendants()}, 5)
    assert "postgres was ended by SIGKILL; starting it again in" in up.complaints()


def test_a_command_that_is_killed_is_started_again(
    tmp_path: Path, ups: list[Up]
) -> None:
    """It comes back, and what it had started itself does not stay behind."""
    script = f"sleep 60 & echo $! $$ >> {tmp_path}/notes; wait"
    ups.append(up := Up(tmp_path, script))
    assert wait_for(lambda: len(up.notes()) == 2, 5)
    helper, command = (psutil.Process(int(pid)) for pid in up.notes())
    command.kill()
    assert wait_for(lambda: len(up.notes()) == 4, 5)
    assert all_end([helper, command])


def test_what_ends_is_started_again_though_that_cannot_be_told(
    tmp_path: Path, ups: list[Up]
) -> None:
    """As where the log's disk is full."""
    (tmp_path / "stderr").symlink_to("/dev/full")
    ups.append(up := Up(tmp_path, f"echo once >> {tmp_path}/notes"))
    assert wait_for(lambda: len(up.notes()) >= 2, 5)


def test_a_command_that_keeps_failing_is_started_ever_more_rarely(
    tmp_path: Path, ups: list[Up]
) -> None:
    """Each failure is one line, and the pause doubles."""
    ups.append(up := Up(tmp_path, "exit 3"))
    assert wait_for(lambda: up.complaints().count("\n") >= 3, 5)
    assert up.complaints().splitlines()[:3] == [
        f"berth: child-0 ended with exit code 3; starting it again in {pause} s"
        for pause in ("0.2", "0.4", "0.8")
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_children_are_stopped_last_one_first(
    tmp_path: Path, ups: list[Up], number: signal.Signals
) -> None:
    """What was started on top of something else is stopped before it."""
    scripts = [
        f"trap 'echo {name} >> {tmp_path}/notes; exit' TERM; echo up >> "
        f"{tmp_path}/notes; while :; do sleep 0.02; done"
        for name in ("first", "second", "third")
    ]
    ups.append(up := Up(tmp_path, *scripts))
    assert wait_for(lambda: len(up.notes()) == 3, 5)
    up.process.send_signal(number)
    assert up.process.wait(10) == 0
    assert up.notes()[3:] == ["third", "second", "first"]


def test_a_second_ctrl_c_kills_at_once(tmp_path: Path, ups: list[Up]) -> None:
    """Who does not want to wait for the grace period need not."""
    ups.append(
        up := Up(
            tmp_path,
            f"trap 'echo told >> {tmp_path}/notes' TERM; "
            f"echo up >> {tmp_path}/notes; while :; do sleep 0.02; done",
        )
    )
    assert wait_for(lambda: up.notes() == ["up"], 5)
    children = up.descendants()
    up.process.send_signal(signal.SIGINT)
    assert wait_for(lambda: up.notes() == ["up", "told"], 5)
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(2) == 128 + signal.SIGINT
    assert all_end(children)


def test_what_is_locked_is_no_link(tmp_path: Path) -> None:
    """Or who owns the folder could have root empty any file."""
    elsewhere = tmp_path / "passwd"
    elsewhere.write_text("root")
    (tmp_path / "berth.lock").symlink_to(elsewhere)
    with pytest.raises(OSError, match=r"berth\.lock"), Supervisor(tmp_path):
        pass
    assert elsewhere.read_text() == "root"


def test_a_folder_has_one_supervisor(tmp_path: Path) -> None:
    """A second one is refused, and told who holds the folder."""
    with Supervisor(tmp_path):
        second = Supervisor(tmp_path)
        with pytest.raises(AlreadyRunningError, match=f"process {os.getpid()}"):
            second.__enter__()
    with Supervisor(tmp_path):
        pass


def test_a_child_that_ends_before_all_is_ready_ends_the_start(tmp_path: Path) -> None:
    """A port that is taken, say, is an error at once and not after a timeout."""
    with Supervisor(tmp_path) as supervisor:
        supervisor.keep(Command("api", ["sh", "-c", "exit 3"]))
        with pytest.raises(ServerStartError, match="api ended with exit code 3"):
            supervisor.wait_until(lambda: False, seconds=5)


def test_a_signal_during_the_start_ends_it(tmp_path: Path) -> None:
    """Ctrl-C works before everything is ready, and leaves nothing behind."""
    with Supervisor(tmp_path) as supervisor:
        command = supervisor.keep(Command("api", ["sleep", "60"]))
        os.kill(os.getpid(), signal.SIGINT)
        supervisor.wait_until(lambda: False, seconds=5)
    assert command.exit_code == -signal.SIGTERM
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
