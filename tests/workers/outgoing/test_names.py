"""Names: each address behind them is checked, and what was checked is connected to."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp.abc import ResolveResult

from tests.support.receivers import receivers
from tests.workers.outgoing.setting import post, sending
from workers.outgoing import Unreachable
from workers.outgoing.names import CheckedNames


def test_a_name_is_looked_up_and_its_address_connected_to() -> None:
    async def test() -> None:
        async with sending() as (outgoing, dns), receivers(1) as [receiver]:
            dns.says("hooks.example", ["127.0.0.1"])
            url = f"http://hooks.example:{receiver.port}/hook?a=b"
            assert (await post(outgoing, url)).status == 200
            assert receiver.received[0].path == "/hook?a=b"
            assert (
                receiver.received[0].headers["host"] == f"hooks.example:{receiver.port}"
            )

    asyncio.run(test())


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.2", "10.0.0.1", "169.254.169.254", "::1", "fd00::1", "fe80::1"),
        *("::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:2::", "0.0.0.0"),
    ],
)
def test_a_name_of_an_address_that_is_not_public_is_refused(address: str) -> None:
    async def test() -> None:
        async with sending() as (outgoing, dns):
            dns.says("hooks.example", [address])
            for scheme in ("https", "http"):
                with pytest.raises(Unreachable, match="is not public"):
                    await post(outgoing, f"{scheme}://hooks.example/")

    asyncio.run(test())


def test_a_name_of_a_public_address_and_another_is_refused() -> None:
    async def test() -> None:
        async with sending() as (outgoing, dns):
            dns.says("hooks.example", ["93.184.216.34", "10.0.0.1"])
            with pytest.raises(Unreachable, match=r"10\.0\.0\.1 is not public"):
                await post(outgoing, "https://hooks.example/")
            dns.says("mixed.example", ["127.0.0.1", "fd00::1"])
            with pytest.raises(Unreachable, match="fd00::1 is not public"):
                await post(outgoing, "http://mixed.example/")

    asyncio.run(test())


def test_a_public_address_is_not_reached_without_tls() -> None:
    async def test() -> None:
        async with sending() as (outgoing, dns):
            dns.says("hooks.example", ["93.184.216.34"])
            with pytest.raises(Unreachable, match="without TLS"):
                await post(outgoing, "http://hooks.example/")

    asyncio.run(test())


def test_a_name_that_changes_after_the_check_leads_where_it_was_checked() -> None:
    """The second answer is 127.0.0.2, where somebody else listens at that port."""

    async def test() -> None:
        async with (
            sending(connections_seconds=0) as (outgoing, dns),
            receivers(1) as [receiver],
            receivers(1, host="127.0.0.2", port=receiver.port) as [inside],
        ):
            dns.says("rebinding.example", ["127.0.0.1"], ["127.0.0.2"])
            url = f"http://rebinding.example:{receiver.port}/"
            assert (await post(outgoing, url)).status == 200
            assert dns.asked["rebinding.example"] == 1
            with pytest.raises(Unreachable, match=r"127\.0\.0\.2 is not public"):
                await post(outgoing, url)
            assert dns.asked["rebinding.example"] == 2
            assert len(receiver.received) == 1
            assert inside.connections == 0

    asyncio.run(test())


def test_a_connection_is_kept_and_its_name_not_asked_for_meanwhile() -> None:
    async def test() -> None:
        async with sending() as (outgoing, dns), receivers(1) as [receiver]:
            dns.says("hooks.example", ["127.0.0.1"], ["127.0.0.2"])
            for _ in range(5):
                await post(outgoing, f"http://hooks.example:{receiver.port}/")
            assert dns.asked["hooks.example"] == 1
            assert receiver.connections == 1

    asyncio.run(test())


def test_a_name_that_moves_is_followed_once_its_connections_are_old() -> None:
    async def test() -> None:
        async with (
            sending("127.0.0.0/30", connections_seconds=0) as (outgoing, dns),
            receivers(1) as [first],
            receivers(1, host="127.0.0.2", port=first.port) as [second],
        ):
            dns.says("hooks.example", ["127.0.0.1"], ["127.0.0.2"])
            for _ in range(2):
                await post(outgoing, f"http://hooks.example:{first.port}/")
            assert len(first.received) == len(second.received) == 1

    asyncio.run(test())


def test_a_name_without_an_address_is_told() -> None:
    async def test() -> None:
        async with sending() as (outgoing, dns):
            dns.says("empty.example", [])
            for name in ("none.example", "empty.example"):
                with pytest.raises(Unreachable, match="has no address"):
                    await post(outgoing, f"https://{name}/")

    asyncio.run(test())


def test_a_dead_zone_holds_up_nobody_else() -> None:
    async def test() -> None:
        async with sending() as (outgoing, dns), receivers(1) as [receiver]:
            dead = [f"{n}.dead.example" for n in range(60)]
            for name in dead:
                dns.is_silent_on(name)
            dns.says("hooks.example", ["127.0.0.1"])
            asking = [
                asyncio.create_task(post(outgoing, f"https://{name}/", 3.0))
                for name in dead
            ]
            await dns.was_asked(dead)
            url = f"http://hooks.example:{receiver.port}/"
            assert (await post(outgoing, url)).status == 200
            assert not any(task.done() for task in asking)
            results = await asyncio.gather(*asking, return_exceptions=True)
            assert all(isinstance(result, Unreachable) for result in results)

    asyncio.run(test())


def test_a_name_server_that_is_silent_is_given_up() -> None:
    async def test() -> None:
        async with sending() as (outgoing, dns):
            dns.is_silent_on("dead.example")
            with pytest.raises(Unreachable, match="cannot be looked up"):
                await post(outgoing, "https://dead.example/", 30)

    asyncio.run(test())


def test_a_client_that_asks_somebody_else_gets_no_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Should it ever come by an address itself, it could not connect to it."""

    async def unchecked(
        _: CheckedNames, host: str, port: int = 0, family: int = 0
    ) -> list[ResolveResult]:
        assert family == 0
        return [
            ResolveResult(
                hostname=host,
                host="127.0.0.1",
                port=port,
                family=socket.AF_INET,
                proto=0,
                flags=0,
            )
        ]

    async def test() -> None:
        async with sending("10.0.0.0/8") as (outgoing, _), receivers(1) as [receiver]:
            monkeypatch.setattr(CheckedNames, "resolve", unchecked)
            with pytest.raises(Unreachable, match="cannot be connected to"):
                await post(outgoing, f"http://hooks.example:{receiver.port}/")
            assert receiver.connections == 0

    asyncio.run(test())
