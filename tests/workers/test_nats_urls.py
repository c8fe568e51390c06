"""Where NATS is: what nats-py understands, and nothing else; a token is never told."""

from __future__ import annotations

import pytest
from nats.aio.client import Client

from tests.workers.test_salesforce_settings import settings
from workers.nats_urls import credentials_in, nats_servers_from, secrets_in
from workers.settings import SettingsError

GOOD = (
    "nats://127.0.0.1:4222",
    "nats://5Aep861@nats.example",
    "tls://ada:5Aep861@nats.example:4222/",
    "nats://[::1]:4222",
    "nats.example",
    "5Aep861@nats.example:4222",
    "wss://nats.example/behind/a/proxy",
    "nats://one:4222, tls://two:4222",
    "ws://one,wss://two",
)
BAD = (
    "http://5Aep861@nats.example:4222",
    "NATS://5Aep861@nats.example:4222",
    "nats://5Aep861@nats.example:client",
    "nats://5Aep861@nats.example:422222",
    "nats://5Aep861@:4222",
    "nats://5Aep861/x@nats.example",
    "nats://5Aep861@none:4222",
    "nats://5Aep861@one nats://5Aep861@two",
    "nats://5Aep861@one,",
    "nats://5Aep861@one,ws://5Aep861@two",
    "nats://5Aep861@one:0",
    "nats://5Aep861@[::1",
    "://5Aep861",
    " ",
)


@pytest.mark.parametrize("url", GOOD)
def test_whatever_nats_py_takes_is_taken(url: str) -> None:
    assert settings(BERTH_NATS_URL=url).nats.url == url
    Client()._setup_server_pool(nats_servers_from(url))


@pytest.mark.parametrize("url", BAD)
def test_what_is_no_url_of_nats_is_refused_and_not_told(url: str) -> None:
    with pytest.raises(SettingsError, match="BERTH_NATS_URL") as refused:
        settings(BERTH_NATS_URL=url)
    assert "5Aep861" not in str(refused.value)


def test_what_is_not_to_be_told_of_them_is_known() -> None:
    servers = nats_servers_from("nats://one,token@two,tls://ada:pass:word@three")
    assert {*secrets_in(servers)} == {"token", "ada:pass:word", "ada", "pass:word"}
    assert {*secrets_in(["nats://a%2Fb@one"])} == {"a%2Fb", "a/b"}


@pytest.mark.parametrize(
    ("url", "credentials"),
    [
        ("nats://one,nats://two", {}),
        ("nats://token@one,tls://token@two", {"token": "token"}),
        ("ada:pass:word@one", {"user": "ada", "password": "pass:word"}),
        ("ada:@one", {"user": "ada", "password": ""}),
        ("ada:a%2Fb+c%40d@one", {"user": "ada", "password": "a/b+c@d"}),
        ("100%25+@one", {"token": "100%+"}),
        ("nats://token@one,nats://two", {}),
        ("nats://ada:word@one,nats://eve:word@two", {}),
    ],
)
def test_what_is_good_for_any_server_is_what_all_have(
    url: str, credentials: dict[str, str]
) -> None:
    assert credentials_in(nats_servers_from(url)) == credentials
