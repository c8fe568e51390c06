"""NATS from its wheel starts again after any crash, with all that it had."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nats
import psutil
import pytest

from workers.embedded import EmbeddedNats, ServerStartError
from workers.embedded.nats import _program
from workers.embedded.privileges import Account, capability_for
from workers.embedded.process import wait_for


def test_nats_keeps_its_streams_port_and_token(tmp_path: Path) -> None:
    """Clients come back to a restarted NATS, and find what they published."""
    with EmbeddedNats(tmp_path) as server:
        url = server.url
        assert asyncio.run(publish(url)) == 1
    with EmbeddedNats(tmp_path) as server:
        assert server.url == url
        assert asyncio.run(publish(url)) == 2


def test_nats_recovers_from_kill_9(tmp_path: Path) -> None:
    """What JetStream has acknowledged survives the server."""
    with EmbeddedNats(tmp_path) as server:
        assert asyncio.run(publish(server.url)) == 1
        assert server.pid
        os.kill(server.pid, signal.SIGKILL)
        assert wait_for(lambda: server.exit_code is not None, 5)
        assert asyncio.run(publish(server.start())) == 2


def test_nats_replaces_a_server_that_was_left_behind(tmp_path: Path) -> None:
    """Two servers never write to one folder."""
    with EmbeddedNats(tmp_path) as orphan, EmbeddedNats(tmp_path) as successor:
        assert orphan.exit_code is not None
        assert successor.url == orphan.url


def test_nats_runs_in_a_folder_with_any_name(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode("a, $b '\"\\ ü%船".encode() + b"\xff")
    for published in 1, 2:
        with EmbeddedNats(odd) as server:
            assert asyncio.run(publish(server.url)) == published


@pytest.mark.skipif(sys.platform != "linux", reason="takes prlimit")
def test_nats_that_could_not_write_is_stuck_until_it_is_started_again(
    tmp_path: Path,
) -> None:
    """As on a disk that was full, though there is room again."""
    with EmbeddedNats(tmp_path) as server:
        assert asyncio.run(publish(server.url)) == 1
        assert not server.is_stuck()
        process = psutil.Process(server.pid)
        before = process.rlimit(psutil.RLIMIT_FSIZE)
        process.rlimit(psutil.RLIMIT_FSIZE, (0, before[1]))
        with pytest.raises(nats.errors.Error):
            asyncio.run(publish(server.url))
        process.rlimit(psutil.RLIMIT_FSIZE, before)
        with pytest.raises(nats.errors.Error):
            asyncio.run(publish(server.url))
        assert wait_for(server.is_stuck, 5)
        server.stop()
        server.start()
        assert not server.is_stuck()
        assert asyncio.run(publish(server.url)) == 2


def test_nats_takes_another_port_if_it_must(tmp_path: Path) -> None:
    """A port that somebody took while we were down is given up."""
    with EmbeddedNats(tmp_path) as server:
        port = int(server.url.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)), EmbeddedNats(tmp_path) as server:
        assert not server.url.endswith(f":{port}")
        assert asyncio.run(publish(server.url)) == 1


def test_nats_knows_its_clients(tmp_path: Path) -> None:
    """Another user of this machine, who cannot read the token, is turned away."""
    with EmbeddedNats(tmp_path) as server:
        assert (tmp_path / "nats.json").stat().st_mode & 0o777 == 0o600
        port = int(server.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            stranger.sendall(b'CONNECT {"auth_token": "guess", "verbose": true}\r\n')
            answers = b"".join(iter(lambda: stranger.recv(4096), b""))
    assert b"-ERR 'Authorization Violation'" in answers


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root")
def test_nats_runs_as_who_owns_its_folder_and_not_as_root() -> None:
    """He could have root write elsewhere, by a link. What root left there, it has."""
    if capability_for(Account(65534, 65534), [_program()]) is not None:
        pytest.skip("it is installed where nobody else may go")
    with TemporaryDirectory() as name:
        parent, folder = Path(name), Path(name, "nats")
        parent.chmod(0o755)
        with EmbeddedNats(folder) as server:
            assert psutil.Process(server.pid).uids().real == 0
            assert asyncio.run(publish(server.url)) == 1
        os.chown(parent, 65534, 65534)
        with EmbeddedNats(folder) as server:
            assert psutil.Process(server.pid).uids().real == 65534
            status = Path(f"/proc/{server.pid}/status").read_text()
            assert int(status.partition("CapEff:")[2].split()[0], 16) == 0
            assert asyncio.run(publish(server.url)) == 2
        assert {path.lstat().st_uid for path in folder.rglob("*")} == {65534}


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root")
def test_nats_has_no_right_which_who_owns_its_folder_has_not(tmp_path: Path) -> None:
    """It is his to use: with a right to pass what is closed he would read it all."""
    folder = tmp_path / "closed" / "theirs" / "nats"
    folder.mkdir(parents=True)
    folder.parent.parent.chmod(0o700)
    os.chown(folder.parent, 65534, 65534)
    with pytest.raises(ServerStartError, match="as whom NATS has to run"):
        EmbeddedNats(folder).start()


async def publish(url: str) -> int:
    """Publish one message; return its number in the stream."""
    client = await nats.connect(url, allow_reconnect=False)
    try:
        stream = client.jetstream()
        await stream.add_stream(name="events", subjects=["events.>"])
        return (await stream.publish("events.one", b"1")).seq
    finally:
        await client.close()
