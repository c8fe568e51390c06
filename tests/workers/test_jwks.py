"""An issuer's keys: asked for seldom, once at a time, and good for a day without it."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest

from domain.errors import IssuerUnavailable
from tests.support.client import Json
from tests.support.issuer import Issuer
from workers import jwks
from workers.jwks import IssuerKeys, keys_of


class Time:
    """Seconds, to be turned by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(jwks, "monotonic", time)
    return time


def test_keys_are_fetched_once_for_everybody(odd_issuer: Issuer) -> None:
    async def asking() -> None:
        keys = IssuerKeys(odd_issuer.jwks)
        found = await asyncio.gather(*(keys.find("es256") for _ in range(100)))
        assert all(found)
        assert await keys.find("rs256")

    asyncio.run(asking())
    assert odd_issuer.fetches == 1


def test_ten_thousand_made_up_keys_are_one_question(
    odd_issuer: Issuer, time: Time
) -> None:
    async def asking() -> None:
        keys = IssuerKeys(odd_issuer.jwks)
        assert await keys.find("es256")
        time.now += jwks.ASKED_EVERY_SECONDS
        for start in range(0, 10_000, 1_000):
            names = [f"made-up-{n}" for n in range(start, start + 1_000)]
            found = await asyncio.gather(*(keys.find(name) for name in names))
            assert not any(found)
            assert await keys.find("es256")
        time.now += jwks.ASKED_EVERY_SECONDS - 1
        assert await keys.find("one more") is None
        assert odd_issuer.fetches == 2
        time.now += 1
        assert await keys.find("one more") is None
        assert odd_issuer.fetches == 3

    asyncio.run(asking())


def test_a_new_key_is_found_after_half_a_minute_at_most(
    odd_issuer: Issuer, time: Time
) -> None:
    async def asking() -> None:
        keys = IssuerKeys(odd_issuer.jwks)
        assert await keys.find("es256")
        odd_issuer.add_key("new")
        assert await keys.find("new") is None
        time.now += jwks.ASKED_EVERY_SECONDS
        assert await keys.find("new")

    asyncio.run(asking())


def test_keys_are_renewed_beside_whoever_comes(odd_issuer: Issuer, time: Time) -> None:
    async def asking() -> None:
        keys = IssuerKeys(odd_issuer.jwks)
        assert await keys.find("es256")
        del odd_issuer.keys["es256"]
        time.now += jwks.RENEWED_AFTER_SECONDS
        assert await keys.find("es256")
        assert odd_issuer.fetches == 1
        time.now += 1
        assert await keys.find("es256")  # The question is asked beside.
        assert keys._fetching
        await keys._fetching
        assert await keys.find("es256") is None

    asyncio.run(asking())


def test_a_key_that_was_withdrawn_is_refused_after_an_hour_though_nobody_came(
    odd_issuer: Issuer, time: Time
) -> None:
    async def asking() -> None:
        keys = IssuerKeys(odd_issuer.jwks)
        assert await keys.find("es256")
        del odd_issuer.keys["es256"]
        time.now += jwks.AWAITED_AFTER_SECONDS + 1
        assert await keys.find("es256") is None
        assert await keys.find("rs256")
        assert odd_issuer.fetches == 2

    asyncio.run(asking())


WAYS = [
    Issuer.fail,
    Issuer.hang_up,
    Issuer.talk_garbage,
    Issuer.talk_without_end,
    Issuer.send_elsewhere,
    Issuer.compress,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_an_issuer_in_trouble_is_told_from_a_key_made_up(
    odd_issuer: Issuer, time: Time, way: Any
) -> None:
    async def asking() -> None:
        odd_issuer.answering = lambda request: way(odd_issuer, request)
        keys = IssuerKeys(odd_issuer.jwks)
        for _ in range(2):
            with pytest.raises(IssuerUnavailable) as error:
                await keys.find("es256")
            assert error.value.retry_after_seconds == jwks.ASKED_EVERY_SECONDS
        assert odd_issuer.fetches == 1  # Where it would be sent, it does not go.
        time.now += jwks.ASKED_EVERY_SECONDS
        odd_issuer.answering = odd_issuer.publish
        assert await keys.find("es256")

    asyncio.run(asking())


def test_what_was_fetched_is_good_for_a_day_without_the_issuer(
    odd_issuer: Issuer, time: Time
) -> None:
    async def asking() -> None:
        keys = IssuerKeys(odd_issuer.jwks)
        assert await keys.find("es256")
        odd_issuer.answering = odd_issuer.talk_garbage
        for _ in range(23):
            time.now += 3_600
            assert await keys.find("es256")
            with pytest.raises(IssuerUnavailable):
                await keys.find("another")
        time.now += 3_601
        with pytest.raises(IssuerUnavailable):
            await keys.find("es256")

    asyncio.run(asking())


def test_an_issuer_too_slow_does_not_answer(
    odd_issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "FETCH_SECONDS_MAX", 0.05)
    odd_issuer.answering = odd_issuer.wait

    async def asking() -> None:
        with pytest.raises(IssuerUnavailable):
            await IssuerKeys(odd_issuer.jwks).find("es256")

    asyncio.run(asking())


def test_who_gives_up_does_not_end_the_fetch_for_others(odd_issuer: Issuer) -> None:
    odd_issuer.answering = odd_issuer.wait

    async def asking() -> None:
        keys = IssuerKeys(odd_issuer.jwks)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(keys.find("es256"), 0.05)
        odd_issuer.may_go_on.set()
        assert await keys.find("es256")

    asyncio.run(asking())
    assert odd_issuer.fetches == 1


def test_a_proxy_in_the_environment_is_not_asked(
    odd_issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def asking() -> None:
        assert await IssuerKeys(odd_issuer.jwks).find("es256")

    asyncio.run(asking())


def test_only_keys_that_can_verify_are_taken() -> None:
    good = {key["kid"]: key for key in Issuer().published()["keys"]}
    small = urlsafe_b64encode((1 << 1_023).to_bytes(128)).decode()
    bad: list[Any] = [
        {"kty": "oct", "kid": "secret", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQ"},
        good["rs256"] | {"kid": "small", "n": small},
        good["rs256"] | {"kid": "no number", "n": 7},
        good["rs256"] | {"kid": "to encrypt", "use": "enc"},
        good["es256"] | {"kid": "another curve", "crv": "P-521"},
        good["es256"] | {"kid": "not on the curve", "x": good["es256"]["y"]},
        good["es256"] | {"kid": 7},
        good["eddsa"] | {"kid": "another", "crv": "X25519"},
        good["eddsa"] | {"kid": "to sign", "key_ops": ["sign"]},
        {"kty": ["RSA"], "kid": "odd"},
        {"kid": "no type"},
        {},
    ]
    body = json.dumps({"keys": [*bad, *good.values()]}).encode()
    assert keys_of(body).keys() == good.keys()


BAD_SETS: list[Json | str] = [{}, {"keys": {}}, {"keys": [7]}, "[]", "", "[" * 100_000]


@pytest.mark.parametrize("body", BAD_SETS, ids=range(len(BAD_SETS)))
def test_what_is_no_key_set_is_an_error(body: Json | str) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    with pytest.raises(ValueError, match="not a key set"):
        keys_of(text.encode())
