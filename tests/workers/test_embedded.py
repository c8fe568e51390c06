"""PostgreSQL from its wheel starts anywhere, as anybody, and after any crash."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.kept import ask
from workers.embedded import EmbeddedNats, EmbeddedPostgres, ServerStartError
from workers.embedded.postgres_folder import take
from workers.embedded.privileges import Account, account_for, capability_for
from workers.embedded.process import launcher

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
ROOT = Path(__file__).parents[2]
AS_ANYBODY = """
import sys
from pathlib import Path
from workers.embedded import EmbeddedNats, EmbeddedPostgres
for _ in range(2):
    with EmbeddedPostgres(Path(sys.argv[1], "pg")) as postgres:
        with EmbeddedNats(Path(sys.argv[1], "nats")) as nats:
            print(postgres.url, nats.url)
"""


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that every user may enter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def test_keeps_its_data_over_a_restart(postgres: EmbeddedPostgres) -> None:
    """A restart finds its data again, on the same URL."""
    url = postgres.start()
    ask(url, "UPDATE kept SET answer = 43")
    postgres.stop()
    assert postgres.pid is None
    assert postgres.start() == url
    assert ask(url) == 43


def test_promises_durability(postgres: EmbeddedPostgres) -> None:
    """An acknowledged commit is on the disk, and a damaged page is noticed."""
    url = postgres.start()
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert ask(url, f"SHOW {setting}") == "on"
    assert ask(url, "SHOW data_checksums") == "on"
    assert ask(url, "SHOW server_encoding") == "UTF8"


def test_replaces_a_server_that_was_left_behind(postgres: EmbeddedPostgres) -> None:
    """An orphan of an earlier run is stopped, and its folder taken over."""
    postgres.start()
    with EmbeddedPostgres(postgres.folder) as successor:
        assert postgres.exit_code is not None
        assert ask(successor.url) == 42


def test_leaves_a_stranger_with_the_old_number_alone(
    postgres: EmbeddedPostgres,
) -> None:
    """After a reboot, another process may have the number in the lock files."""
    same_user = launcher(signal.SIGKILL, account_for(postgres.folder))
    with subprocess.Popen([*same_user, "/bin/sleep", "60"]) as stranger:
        stale = f"{stranger.pid}\n{postgres.folder}/data\n0\n5432\n\n\n"
        (postgres.folder / "data" / "postmaster.pid").write_text(stale)
        (postgres.folder / ".s.PGSQL.5432.lock").write_text(stale)
        assert ask(postgres.start()) == 42
        assert stranger.poll() is None
        stranger.kill()


def test_forgets_a_half_finished_initdb(tmp_path: Path) -> None:
    """A folder in which initdb was killed is as good as an empty one."""
    half_finished = tmp_path / "postgres" / "new-123"
    half_finished.mkdir(parents=True)
    (half_finished / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(tmp_path / "postgres") as postgres:
        assert ask(postgres.url, "SELECT current_database()") == "berth"
    assert not half_finished.exists()


def test_runs_in_a_folder_with_any_name(initialised: Path, tmp_path: Path) -> None:
    """A path may be longer than a socket's can be, and hold what libpq splits at."""
    odd = tmp_path / ("long " * 20) / "a,b @ü%'" / ("x" * 100)
    shutil.copytree(initialised, odd)
    with EmbeddedPostgres(odd) as postgres:
        assert ask(postgres.url) == 42
        sockets = Path(postgres.url.partition("host=")[2])
        assert sockets.stat().st_mode & 0o777 == 0o700
    sockets.rmdir()


def test_is_found_from_a_shell_with_another_folder_for_what_is_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its sockets lie is known from the data folder alone."""
    code = "import sys; from workers.embedded import EmbeddedPostgres as P;"
    code += "from pathlib import Path; print(P(Path(sys.argv[1])).url)"
    odd = tmp_path / "a,b"
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    said = subprocess.check_output([sys.executable, "-c", code, odd], text=True)
    assert said.strip() == EmbeddedPostgres(odd).url


def test_refuses_sockets_in_a_folder_of_somebody_else(
    postgres: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever guesses the short name first does not get our connections."""
    monkeypatch.setattr("workers.embedded.postgres.SHORT", tmp_path)
    odd = EmbeddedPostgres(postgres.folder.rename(tmp_path / "a,b"))
    Path(odd.url.partition("host=")[2]).mkdir(mode=0o777)
    with pytest.raises(ServerStartError, match="not ours alone"):
        odd.start()


def test_names_the_version_that_it_cannot_read(tmp_path: Path) -> None:
    """Data of another major version is refused before anything is touched."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(ServerStartError, match="written by PostgreSQL 17"):
        EmbeddedPostgres(tmp_path).start()


def test_shows_the_log_when_it_does_not_start(postgres: EmbeddedPostgres) -> None:
    """The error says what PostgreSQL said."""
    (postgres.folder / "data" / "postgresql.conf").write_text("no_such_thing = 1\n")
    with pytest.raises(ServerStartError, match="no_such_thing"):
        postgres.start()


@as_root
def test_root_passes_closed_folders_without_opening_them(
    initialised: Path, tmp_path: Path
) -> None:
    """Under a 0700 folder of root's, PostgreSQL runs unprivileged, with one right."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with EmbeddedPostgres(shutil.copytree(initialised, closed / "pg")) as postgres:
        process = psutil.Process(postgres.pid)
        assert process.uids().real != 0
        assert process.gids().real != 0
        status = Path(f"/proc/{postgres.pid}/status").read_text()
        assert effective_capabilities(status) in (1 << 1, 1 << 2)
    assert (closed.stat().st_mode & 0o777, closed.stat().st_uid) == (0o700, 0)


@as_root
def test_root_keeps_no_right_where_none_is_needed(public_folder: Path) -> None:
    """In a folder that anybody may enter, the account has no capability at all."""
    nobody = Account(65534, 65534)
    assert capability_for(nobody, [public_folder]) is None
    public_folder.chmod(0o700)
    assert capability_for(nobody, [public_folder / "inside"]) in (1, 2)


@as_root
def test_root_leaves_the_folder_to_its_owner(public_folder: Path) -> None:
    """The owner of a data folder can still start it after root did."""
    daemon = pwd.getpwnam("daemon")
    os.chown(public_folder, daemon.pw_uid, daemon.pw_gid)
    account = account_for(public_folder / "postgres")
    assert account == Account(daemon.pw_uid, daemon.pw_gid)


@as_root
@pytest.mark.parametrize("is_inside", [True, False])
def test_root_hands_over_what_it_restored_and_nothing_that_a_link_leads_to(
    public_folder: Path, is_inside: bool
) -> None:
    """The account, whose folder it is, may have put a link there before."""
    data, elsewhere = public_folder / "data", public_folder / "elsewhere"
    (elsewhere / "inner").mkdir(parents=True)
    (elsewhere / "inner" / "file").touch()
    nobody = Account(65534, 65534)
    os.chown(public_folder, nobody.uid, nobody.gid)
    link = data
    if is_inside:
        (data / "base").mkdir(parents=True)
        (data / "base" / "1").touch()
        link = data / "pg_wal"
    link.symlink_to(elsewhere)
    assert take(public_folder) == nobody
    theirs = [elsewhere, *elsewhere.rglob("*")]
    assert {path.stat().st_uid for path in theirs} == {0}
    if is_inside:
        ours = [data, data / "base", data / "base" / "1", link]
        assert {path.lstat().st_uid for path in ours} == {nobody.uid}


@as_root
def test_runs_as_an_ordinary_user(public_folder: Path) -> None:
    """Without root, both servers run as whoever starts them, and start again."""
    nobody = Account(65534, 65534)
    os.chown(public_folder, nobody.uid, nobody.gid)
    # The interpreter of this run may lie under /root: then it must be let through.
    reach = (Path(sys.executable).resolve(), ROOT / "workers" / "supervisor.py")
    command = [sys.executable, "-c", AS_ANYBODY, str(public_folder)]
    done = subprocess.run(
        launcher(signal.SIGKILL, nobody, reach) + command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == second
    assert (public_folder / "pg" / "data").stat().st_uid == nobody.uid


def effective_capabilities(status: str) -> int:
    return int(status.partition("CapEff:")[2].split()[0], 16)


@as_root
@pytest.mark.parametrize("server", [EmbeddedPostgres, EmbeddedNats])
def test_root_follows_no_link_that_another_has_put_in_the_place_of_its_folder(
    tmp_path: Path, server: type[EmbeddedPostgres | EmbeddedNats]
) -> None:
    """It would hand over, or close, whatever that leads to."""
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "folder"
    elsewhere.mkdir()
    folder.symlink_to(elsewhere)
    assert server(folder).folder == elsewhere
    os.chown(folder, 65534, 65534, follow_symlinks=False)
    with pytest.raises(OSError, match="another user"):
        server(folder)
