"""Where a request comes from: its peer, unless that is a proxy that we trust."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest

from api.peers import Peers
from domain.roles import Role
from tests.support.client import Caller
from tests.support.running import HOST, Api, Installation

OURS = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


def address(client: Any, *forwarded: str) -> str | None:
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    scope: Any = {"client": client, "headers": [(b"host", b"a"), *headers]}
    return Peers(OURS).address_of(scope)


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        (["203.0.113.7"], "203.0.113.7"),
        (["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
        (["6.6.6.6", "203.0.113.7"], "203.0.113.7"),
        (["203.0.113.7, 10.1.1.1,10.2.2.2"], "203.0.113.7"),
        (["6.6.6.6,10.9.9.9,203.0.113.7,10.1.1.1"], "203.0.113.7"),
        (["203.0.113.7:4711"], "203.0.113.7"),
        (["2001:db8::7"], "2001:db8::7"),
        (["[2001:db8::7]:4711, fd00::1"], "2001:db8::7"),
        (["::ffff:203.0.113.7"], "203.0.113.7"),
        (["6.6.6.6, ::ffff:10.1.1.1"], "6.6.6.6"),
        (["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        (["203.0.113.7, unknown"], "10.0.0.1"),
        (["203.0.113.7, unknown, 10.2.2.2"], "10.2.2.2"),
        (["203.0.113.7,"], "10.0.0.1"),
        (["<script>"], "10.0.0.1"),
        (["2001:db8::7%<script>"], "10.0.0.1"),
        (["1" * 5_000], "10.0.0.1"),
        ([""], "10.0.0.1"),
        ([], "10.0.0.1"),
        ([",".join(["10.1.1.1"] * 10_000)], "10.1.1.1"),
    ],
)
def test_the_nearest_stranger_is_who_asks(forwarded: list[str], expected: str) -> None:
    assert address(("10.0.0.1", 1), *forwarded) == expected


def test_a_stranger_s_word_is_not_taken() -> None:
    for peer in ("203.0.113.9", "127.0.0.1", "2001:db8::9"):
        assert address((peer, 1), "10.0.0.1") == peer
    assert address(("::ffff:10.0.0.1", 1), "203.0.113.7") == "203.0.113.7"
    assert address(None, "203.0.113.7") is None


@pytest.fixture(scope="module")
def proxied_api(installation: Installation) -> Iterator[Api]:
    trusted = f"10.0.0.0/8, {HOST}/32"
    with installation.api("proxied-api", BERTH_TRUSTED_PROXIES=trusted) as process:
        yield process


SPOOFED = {
    "x-forwarded-for": "203.0.113.7",
    "x-real-ip": "203.0.113.7",
    "forwarded": "for=203.0.113.7",
    "true-client-ip": "203.0.113.7",
}


def recorded(caller: Caller, headers: dict[str, str]) -> str:
    """What the audit says of where `caller` read an environment from."""
    environment = caller.environment()
    path = f"/environments/{environment['id']}"
    assert caller.ask("GET", path, headers=headers).is_success
    [read] = caller.audit(environment, accessType="read")
    return str(read["ip_address"])


def test_nobody_can_pass_for_another_address(owner: Caller) -> None:
    assert recorded(owner, SPOOFED) == HOST


def test_behind_a_trusted_proxy_the_client_is_on_record(proxied_api: Api) -> None:
    owner = proxied_api.caller(Role.OWNER)
    headers = {"x-forwarded-for": "6.6.6.6, 203.0.113.7, 10.1.1.1"}
    assert recorded(owner, headers) == "203.0.113.7"
    assert recorded(owner, {"x-forwarded-for": "6.6.6.6, \t?"}) == HOST
    assert recorded(owner, SPOOFED | {"x-forwarded-for": "oops"}) == HOST


def test_the_host_that_a_client_names_is_told_nowhere(owner: Caller, api: Api) -> None:
    headers = {"host": "evil.example", "x-forwarded-host": "evil.example"}
    for method, path in (
        ("GET", "/environments"),
        ("GET", "/environments/"),
        ("GET", "/nowhere"),
        ("POST", "/projects"),
        ("GET", f"{api.url}/sfp/apidocs-json"),
        ("GET", f"{api.url}/sfp/apidocs"),
    ):
        answer = owner.ask(method, path, headers=headers)
        assert answer.status_code < 500
        assert "evil" not in answer.text + str(answer.headers)
