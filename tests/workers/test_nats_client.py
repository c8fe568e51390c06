"""That NATS is away is told once and then now and then, and also that it is back."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from structlog.testing import capture_logs

from domain.ids import new_id
from tests.support.flushed import flushed
from tests.support.nats_cluster import SERVERS, nats_cluster
from tests.support.running import free_port
from tests.support.servers import Servers
from workers import nats_client
from workers.embedded import EmbeddedNats
from workers.embedded.process import wait_for
from workers.loop import end
from workers.nats_client import Outage, SteadyClient, connect
from workers.nats_servers import NatsServers

AWAY, BACK = "NATS cannot be reached", "NATS is reached again"


class Counting(Outage):
    """Knows how often a client has tried in vain."""

    number = 0

    def goes_on(self, kind: str, said: str) -> None:
        self.number += 1
        super().goes_on(kind, said)


@pytest.fixture(autouse=True)
def tries(monkeypatch: pytest.MonkeyPatch) -> Counting:
    outage = Counting()
    monkeypatch.setattr(nats_client, "OUTAGE", outage)
    return outage


def told(logs: list[Any]) -> list[tuple[str, str]]:
    return [
        (line["log_level"], line["event"])
        for line in logs
        if line["event"] in {AWAY, BACK}
    ]


async def holds(condition: Callable[[], bool]) -> None:
    assert await asyncio.to_thread(wait_for, condition, 30)


async def until(logs: list[Any], event: str, times: int = 1) -> None:
    await holds(lambda: sum(of == event for _, of in told(logs)) >= times)


def test_however_often_and_many_try_it_is_told_once(
    tmp_path: Path, tries: Counting
) -> None:
    async def trial(server: EmbeddedNats) -> list[Any]:
        one, two = SteadyClient(), SteadyClient()
        for client in one, two:
            await connect(client, NatsServers(server.url), when_closed=lambda: None)
        with capture_logs() as logs:
            server.stop()
            await until(logs, AWAY)
            before = tries.number
            await holds(lambda: tries.number >= before + 4)
            assert told(logs) == [("warning", AWAY)]
            await asyncio.to_thread(server.start)
            await until(logs, BACK)
            await holds(lambda: one.is_connected and two.is_connected)
        for client in one, two:
            await client.close()
        return logs

    with EmbeddedNats(tmp_path) as server:
        logs = asyncio.run(trial(server))
    assert told(logs) == [("warning", AWAY), ("info", BACK)]
    [away] = [line for line in logs if line["event"] == AWAY]
    assert away["kind"] == "ConnectionRefusedError"
    assert away["error"]


def test_what_is_away_from_the_start_is_told_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one is not there, the other does not know the token."""
    monkeypatch.setattr(nats_client, "TOLD_EVERY_SECONDS", 0)

    async def trial(url: str) -> list[Any]:
        with capture_logs() as logs:
            connecting = connect(
                SteadyClient(), NatsServers(url), when_closed=lambda: None
            )
            trying = asyncio.create_task(connecting)
            await until(logs, AWAY, times=3)
            await end(trying)
        return logs

    with EmbeddedNats(tmp_path) as server:
        port = server.url.rpartition(":")[2]
        for where in (free_port(), port):
            logs = asyncio.run(trial(f"nats://5Aep861@127.0.0.1:{where}"))
            assert "5Aep861" not in str(logs)


def test_of_one_that_is_silent_it_is_told_that_it_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nats_client, "CONNECT_TIMEOUT_SECONDS", 0.1)

    async def trial(url: str) -> Any:
        with capture_logs() as logs:
            there = NatsServers(url)
            connecting = connect(SteadyClient(), there, when_closed=lambda: None)
            trying = asyncio.create_task(connecting)
            await until(logs, AWAY)
            await end(trying)
        return logs[0]

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        line = asyncio.run(trial(f"nats://127.0.0.1:{port}"))
    assert (line["kind"], line["error"]) == ("TimeoutError", "it does not answer")


def test_what_an_error_says_of_a_url_is_without_its_secrets() -> None:
    class Odd(SteadyClient):
        async def connect(self, servers: Any, **options: Any) -> None:  # type: ignore[override]
            await options["error_cb"](OSError(f"no way to {servers}"))

    async def trial() -> None:
        url = "ws://ada:5Aep861@one,ws://6Cep861@two"
        await connect(Odd(), NatsServers(url), when_closed=lambda: None)

    with capture_logs() as logs:
        asyncio.run(trial())
    assert [line["event"] for line in logs] == [AWAY, BACK]
    assert logs[0]["error"] == "no way to ['ws://***@one', 'ws://***@two']"


def test_when_the_one_server_that_was_named_is_killed_another_one_is_taken(
    tmp_path: Path,
) -> None:
    async def trial() -> None:
        client, named = SteadyClient(), cluster.servers[0]
        await connect(client, NatsServers(named.url), when_closed=lambda: None)
        await holds(lambda: len(client.discovered_servers) >= SERVERS - 1)
        await asyncio.to_thread(named.kill)
        await holds(lambda: client.stats["reconnects"] > 0)
        assert client.is_connected
        await client.close()

    with nats_cluster(tmp_path) as cluster:
        asyncio.run(trial())


def test_a_token_with_a_slash_is_written_as_in_any_url(tmp_path: Path) -> None:
    async def trial(url: str) -> None:
        client = SteadyClient()
        async with asyncio.timeout(30):
            await connect(client, NatsServers(url), when_closed=lambda: None)
        await client.close()

    told = json.dumps({"authorization": {"token": "a/b@c"}})
    (tmp_path / "nats.json").write_text(told)
    with EmbeddedNats(tmp_path) as server:
        port = server.url.rpartition(":")[2]
        asyncio.run(trial(f"nats://a%2Fb%40c@127.0.0.1:{port}"))


def test_while_it_is_away_it_is_told_once_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outage = Outage()
    with capture_logs() as logs:
        for second in range(150):
            monkeypatch.setattr(nats_client, "monotonic", lambda s=second: float(s))
            outage.goes_on("OSError", "no route")
        outage.is_over()
        outage.is_over()
    assert told(logs) == [("warning", AWAY)] * 3 + [("info", BACK)]


@pytest.mark.parametrize(
    ("topic", "headers"),
    [
        ("headers", b"NATS/1.0"),
        ("status", b"NATS/1.0 \xff\xff\xff\r\n\r\n"),
        ("description", b"NATS/1.0 503 \xff\r\n\r\n"),
        ("\udcff", b"NATS/1.0\r\n\r\n"),
    ],
)
def test_a_message_that_cannot_be_read_does_not_keep_others_from_being_heard(
    servers: Servers, topic: str, headers: bytes
) -> None:
    place = f"berth.unreadable.{new_id()}"
    subject = f"{place}.{topic}".encode(errors="surrogateescape")
    head = b"HPUB %s %d %d\r\n" % (subject, len(headers), len(headers))

    async def scene() -> bytes:
        client, sender = SteadyClient(), Client()
        await connect(client, NatsServers(servers.nats_url), when_closed=lambda: None)
        await sender.connect(servers.nats_url)
        try:
            heard = await client.subscribe(f"{place}.*")
            await flushed(client)
            await sender._send_command(head + headers + b"\r\n")
            await sender.publish(f"{place}.good", b"sense")
            await flushed(sender)
            return bytes((await heard.next_msg(timeout=5)).data)
        finally:
            await sender.close()
            await client.close()

    assert asyncio.run(scene()) == b"sense"
