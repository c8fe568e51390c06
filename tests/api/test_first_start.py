"""`berth up` says where all is that one needs, and none of the secrets."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from api.commands.readiness import is_ready
from projections.storage.migrate import ADVISORY_LOCK
from tests.bench.installation import free_port
from tests.support.servers import WAITING, Servers, fresh_database
from workers.embedded import EmbeddedPostgres
from workers.embedded.process import wait_for

LAST = "Ctrl-C stops it."
OURS = ("BERTH_DATABASE_URL", "BERTH_NATS_URL")


def command(*words: str | Path) -> list[str | Path]:
    return [sys.executable, "-m", "api", *words]


def environment(**settings: str) -> dict[str, str]:
    known = {name: of for name, of in os.environ.items() if name not in OURS}
    return known | settings


@contextmanager
def up(folder: Path, **settings: str) -> Iterator[str]:
    """What a `berth up` has said once it was ready; it ends with the block."""
    with subprocess.Popen(
        command("up", "--data-dir", folder, "--port", str(free_port())),
        env=environment(**settings),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            said = ""
            while LAST not in said and (line := process.stdout.readline()):
                said += line
            assert LAST in said
            yield said
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)


def refused(*words: str | Path) -> str:
    """The line of a command that fails."""
    done = subprocess.run(
        command(*words),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    return line


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a `berth up` that has run once, where a proxy is set up for HTTP."""
    folder = tmp_path_factory.mktemp("up") / "data"
    with up(folder, http_proxy="http://127.0.0.1:9", no_proxy="") as said:
        (folder.parent / "said").write_text(said)
    return folder


def test_it_says_where_the_url_of_nats_is_and_not_what(folder: Path) -> None:
    said = (folder.parent / "said").read_text()
    [path] = [
        Path(line.partition(":")[2].strip())
        for line in said.splitlines()
        if line.startswith("URL of NATS:")
    ]
    url = path.read_text().strip()
    assert url.startswith("nats://")
    assert url not in said
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_port_that_is_taken_is_a_line_before_anything_is_started(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = refused("up", "--data-dir", tmp_path, "--port", str(port))
    assert line.startswith(f"berth: cannot listen on 127.0.0.1:{port}: ")
    assert line.endswith("; --port takes another")
    assert not (tmp_path / "postgres").exists()


def test_an_address_that_is_not_this_machine_s_is_no_matter_of_ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BERTH_HOST", "192.0.2.1")
    line = refused("up", "--data-dir", tmp_path)
    assert line.startswith("berth: cannot listen on 192.0.2.1:8080: ")
    assert line.endswith("; BERTH_HOST takes another")


def test_it_is_ready_on_the_address_that_it_is_told(tmp_path: Path) -> None:
    """What it prints is what has answered there."""
    with up(tmp_path / "data", BERTH_HOST="127.0.0.2") as said:
        assert said.startswith("Berth is ready: http://127.0.0.2:")


@pytest.mark.parametrize("streams", ["2>&-", ">/dev/full"])
def test_it_runs_where_nothing_can_be_told(folder: Path, streams: str) -> None:
    """As where who starts it closes what it does not need, or a log's disk is full."""
    port = free_port()
    words = shlex.join(
        map(str, command("up", "--data-dir", folder, "--port", str(port)))
    )
    with subprocess.Popen(
        ["sh", "-c", f"exec {words} {streams}"], env=environment()
    ) as process:
        assert wait_for(lambda: process.poll() is not None or is_ready(port), 60)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_ctrl_c_ends_it_while_another_keeps_it_from_the_database(
    tmp_path: Path, servers: Servers
) -> None:
    with (
        fresh_database(servers.database_url) as url,
        psycopg.connect(url) as other,
    ):
        other.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
        with subprocess.Popen(
            command("up", "--data-dir", tmp_path, "--port", str(free_port())),
            env=environment(BERTH_DATABASE_URL=url),
        ) as process:
            assert wait_for(lambda: other.execute(WAITING).fetchone() == (1,), 60)
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0


def test_postgresql_has_locks_for_all_the_days_of_tasks(tmp_path: Path) -> None:
    folder, days = tmp_path / "data", {"BERTH_TASK_RESULT_DAYS": "100"}
    with (
        up(folder, **days),
        psycopg.connect(EmbeddedPostgres(folder / "postgres").url) as connection,
    ):
        [(locks,)] = connection.execute("SHOW max_locks_per_transaction").fetchall()
    assert locks == "130"


def test_a_nats_of_its_own_needs_no_files_of_anothers(tmp_path: Path) -> None:
    with up(tmp_path / "data", BERTH_NATS_CA_FILE=f"{tmp_path / 'missing'}") as said:
        assert "URL of NATS:" in said


def test_a_lost_key_of_the_vault_is_asked_for_and_not_made_up_anew(
    folder: Path,
) -> None:
    file = folder / "vault-key"
    copy = file.rename(folder / "copy")
    missing = f"berth: {file} is missing: put it back from your copy; "
    assert refused("up", "--data-dir", folder).startswith(missing)
    assert refused("log", "keys", "--data-dir", folder).startswith(missing)
    assert not file.exists()
    copy.rename(file)
    with up(folder) as said:
        assert vkey_of(said) == vkey_of((folder.parent / "said").read_text())


def vkey_of(said: str) -> str:
    return said.partition("Log's key:")[2].split()[0]
