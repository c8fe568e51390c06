"""NATS in a company's network: it is known by its certificate, and Berth by its own."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from domain.clock import utc_now
from tests.support.nats_tls import Authority, SecureNats
from tests.support.servers import Servers
from workers import nats_client
from workers.embedded.process import wait_for
from workers.loop import end
from workers.nats_client import Outage, SteadyClient, connect
from workers.nats_servers import NatsServers

AWAY = "NATS cannot be reached"


@pytest.fixture(autouse=True)
def outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test is told anew, and each time."""
    monkeypatch.setattr(nats_client, "OUTAGE", Outage())
    monkeypatch.setattr(nats_client, "TOLD_EVERY_SECONDS", 0)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@contextmanager
def nats(folder: Path, authority: Authority, **tls: Any) -> Iterator[SecureNats]:
    with SecureNats(folder / "nats", authority, **tls) as server:
        yield server


@asynccontextmanager
async def connected(servers: NatsServers) -> AsyncIterator[SteadyClient]:
    client = SteadyClient()
    try:
        async with asyncio.timeout(30):
            await connect(client, servers, when_closed=lambda: None)
        yield client
    finally:
        await client.close()


async def holds(condition: Callable[[], object]) -> None:
    assert await asyncio.to_thread(wait_for, lambda: bool(condition()), 60)


def is_encrypted(client: SteadyClient) -> bool:
    writer = client._transport._io_writer  # type: ignore[union-attr]
    return writer.get_extra_info("ssl_object") is not None


def refusal(servers: NatsServers, *, times: int = 1) -> str:
    """What the log says of why it cannot be reached."""

    async def trying() -> None:
        task = asyncio.create_task(
            connect(SteadyClient(), servers, when_closed=lambda: None)
        )
        await holds(lambda: sum(line["event"] == AWAY for line in logs) >= times)
        await end(task)

    with capture_logs() as logs:
        asyncio.run(trying())
    return str([line["error"] for line in logs if line["event"] == AWAY])


@pytest.mark.parametrize("scheme", ["tls", "nats"])
def test_each_knows_the_other_by_what_their_authority_made(
    tmp_path: Path, authority: Authority, scheme: str
) -> None:
    async def trial(servers: NatsServers) -> None:
        async with connected(servers) as client:
            assert is_encrypted(client)

    certificate, key = authority.issue("berth")
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    with nats(tmp_path, authority, verify=True) as server:
        for shown in (
            {"certificate_file": certificate, "key_file": key},
            {"certificate_file": both},
        ):
            asyncio.run(trial(server.servers(scheme, **shown)))
        assert refusal(server.servers(scheme))  # without one


def test_whom_a_stranger_vouches_for_is_not_believed(
    tmp_path: Path, authority: Authority
) -> None:
    stranger = Authority(tmp_path / "stranger")
    with nats(tmp_path, authority) as server:
        for ca_file in (stranger.file, None):
            said = refusal(server.servers(ca_file=ca_file))
            assert "certificate verify failed" in said
            assert server.url.partition("@")[0].removeprefix("nats://") not in said


def test_nor_is_a_certificate_of_another_name(
    tmp_path: Path, authority: Authority
) -> None:
    with nats(tmp_path, authority, name="other.example") as server:
        assert "Hostname mismatch" in refusal(server.servers())


def test_nor_one_that_has_expired(tmp_path: Path, authority: Authority) -> None:
    server = SecureNats(tmp_path / "nats", authority)
    server.when = {
        "not_before": utc_now() - timedelta(days=2),
        "not_after": utc_now() - timedelta(days=1),
    }
    with server:
        assert "certificate has expired" in refusal(server.servers())


def test_where_tls_is_optional_it_is_taken(
    tmp_path: Path, authority: Authority
) -> None:
    async def trial(servers: NatsServers) -> None:
        async with connected(servers) as client:
            assert is_encrypted(client)

    with nats(tmp_path, authority, beside={"allow_non_tls": True}) as server:
        for scheme in ("tls", "nats"):
            asyncio.run(trial(server.servers(scheme)))


@pytest.mark.parametrize("scheme", ["tls", "nats"])
def test_who_says_that_it_has_no_tls_is_told_no_token(
    authority: Authority, scheme: str
) -> None:
    """It may be somebody in between."""
    heard: list[bytes] = []

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b'INFO {"tls_required": false, "max_payload": 1048576}\r\n')
        heard.append(await reader.read())
        writer.close()

    async def trial() -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            url = f"{scheme}://5Aep861@127.0.0.1:{port}"
            servers = NatsServers(url, None if scheme == "tls" else authority.file)
            connecting = connect(SteadyClient(), servers, when_closed=lambda: None)
            task = asyncio.create_task(connecting)
            await holds(lambda: len(heard) > 1)
            await end(task)

    with capture_logs() as logs:
        asyncio.run(trial())
    assert {*heard} == {b""}
    assert {line["error"] for line in logs} == {"the server has no TLS"}


def test_a_plain_server_is_left_that_is_to_have_tls(servers: Servers) -> None:
    tls = servers.nats_url.replace("nats://", "tls://")
    assert "the server has no TLS" in refusal(NatsServers(tls), times=2)


def test_what_is_renewed_meanwhile_is_taken_at_the_next_connection(
    tmp_path: Path, authority: Authority
) -> None:
    """Another authority, too: the files are read anew."""
    new = Authority(tmp_path / "new")
    certificate, key = authority.issue("berth")

    async def trial(server: SecureNats) -> None:
        servers = server.servers(certificate_file=certificate, key_file=key)
        async with connected(servers) as client:
            server.stop()
            old, server.authority = server.authority, new
            server.start()
            with capture_logs() as logs:
                await holds(lambda: "certificate verify failed" in str(logs))
                old.file.unlink()
                await holds(
                    lambda: f"BERTH_NATS_CA_FILE: {old.file}: No such file" in str(logs)
                )
                for here, there in zip(
                    (old.file, certificate, key),
                    (new.file, *new.issue("berth")),
                    strict=True,
                ):
                    there.replace(here)
                await holds(lambda: client.stats["reconnects"])
            assert client.is_connected

    with nats(tmp_path, authority, verify=True) as server:
        asyncio.run(trial(server))


def test_a_server_that_has_gone_silent_is_left_without_a_farewell(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of TLS would be waited for, and meanwhile no other server be looked for."""
    monkeypatch.setattr(nats_client, "PING_SECONDS", 0.1)

    async def trial(server: SecureNats) -> None:
        async with connected(server.servers()):
            os.kill(server.pid or 0, signal.SIGSTOP)
            try:
                with capture_logs() as logs:
                    await holds(lambda: AWAY in str(logs))
            finally:
                os.kill(server.pid or 0, signal.SIGCONT)
            assert "shutdown" not in str(logs)

    with nats(tmp_path, authority) as server:
        asyncio.run(trial(server))
