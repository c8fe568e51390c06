"""What a receiver is sent, and what is told of its answer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.receivers import Receiver, receivers
from tests.workers.outgoing.setting import BODY, post, sending
from workers.outgoing import Answer, Outgoing, Unreachable
from workers.outgoing.answer import retry_after_seconds


def answered(
    receiver_does: dict[str, object], **headers: str
) -> tuple[Answer, Receiver]:
    async def test() -> tuple[Answer, Receiver]:
        async with sending() as (outgoing, _), receivers(1) as [receiver]:
            for name, value in receiver_does.items():
                setattr(receiver, name, value)
            return await post(outgoing, receiver.url, **headers), receiver

    return asyncio.run(test())


def test_a_request_is_what_was_asked_for_and_next_to_nothing_else() -> None:
    _, receiver = answered({}, authorization="Bearer a")
    [request] = receiver.received
    assert (request.method, request.path, request.body) == ("POST", "/hook", BODY)
    assert request.headers == {
        "accept": "*/*",
        "accept-encoding": "identity",
        "authorization": "Bearer a",
        "content-length": str(len(BODY)),
        "content-type": "application/json",
        "host": f"127.0.0.1:{receiver.port}",
        "user-agent": "Berth",
    }


@pytest.mark.parametrize("status", [200, 201, 400, 404, 410, 429, 500, 503, 599])
def test_any_status_is_an_answer(status: int) -> None:
    answer, _ = answered({"status": status})
    assert answer.status == status
    assert answer.head == b"ok"
    assert 0 < answer.latency_ms < 10_000


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_not_followed(status: int) -> None:
    inward = {"location": "http://169.254.169.254/latest/meta-data"}
    answer, receiver = answered({"status": status, "headers": inward})
    assert answer.status == status
    itself = {"location": "/elsewhere"}
    answer, receiver = answered({"status": status, "headers": itself})
    assert [one.path for one in receiver.received] == ["/hook"]


def test_only_what_a_body_begins_with_is_kept() -> None:
    answer, _ = answered({"body": b"a" * 3_000 + b"b" * 60_000})
    assert answer.head == b"a" * 2_048


def test_nothing_is_unpacked() -> None:
    answer, _ = answered({"body": b"\x1f\x8b", "headers": {"content-encoding": "gzip"}})
    assert answer.head == b"\x1f\x8b"


def test_cookies_are_not_kept() -> None:
    async def test() -> None:
        async with sending() as (outgoing, dns), receivers(1) as [receiver]:
            dns.says("hooks.example", ["127.0.0.1"])
            receiver.headers = {"set-cookie": "a=b; Path=/"}
            for _ in range(2):
                await post(outgoing, f"http://hooks.example:{receiver.port}/")
            assert "cookie" not in receiver.received[1].headers

    asyncio.run(test())


def test_proxies_and_passwords_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login canary password canary\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    answer, receiver = answered({})
    assert answer.status == 200
    assert "authorization" not in receiver.received[0].headers


def test_many_share_few_connections() -> None:
    async def test() -> None:
        async with sending() as (outgoing, _), receivers(2) as both:
            for _ in range(25):
                await asyncio.gather(
                    *(post(outgoing, one.url) for _ in range(8) for one in both)
                )
            assert [len(one.received) for one in both] == [200, 200]
            assert all(1 <= one.connections <= 8 for one in both)

    asyncio.run(test())


def test_old_connections_are_closed_when_their_last_request_is_over() -> None:
    async def test() -> None:
        async with (
            sending(connections_seconds=0) as (outgoing, _),
            receivers(2) as [slow, quick],
        ):
            slow.seconds = 0.2
            waiting = asyncio.create_task(post(outgoing, slow.url))
            await slow.got()
            for _ in range(3):
                await post(outgoing, quick.url)
            assert (await waiting).status == 200
            await slow.gone()
            assert quick.connections == 3

    asyncio.run(test())


def test_what_may_not_be_called_is_not_and_a_url_is_not_repeated() -> None:
    async def test() -> None:
        outgoing = Outgoing()
        for url in ("https://127.0.0.1/canary", "http://a.example/canary", "canary"):
            with pytest.raises(Unreachable) as refusal:
                await post(outgoing, url)
            assert "canary" not in refusal.value.reason
        await outgoing.close()

    asyncio.run(test())


def test_what_cannot_be_written_is_not_sent() -> None:
    async def test() -> None:
        async with sending() as (outgoing, _), receivers(1) as [receiver]:
            for headers in ({"x-a": "canary\r\nx-b: c"}, {"x-a\r\nx-b": "canary"}):
                with pytest.raises(Unreachable) as refusal:
                    await post(outgoing, receiver.url, **headers)
                assert "canary" not in refusal.value.reason
            assert not receiver.received

    asyncio.run(test())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("9" * 400, 86_400.0),
        ("999999", 86_400.0),
        ("Wed, 21 Oct 2026 07:28:10 GMT", 10.0),
        ("Wed, 21 Oct 2026 07:28:10 -0000", 10.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 9999 07:28:00 GMT", 86_400.0),
        *(
            (text, None)
            for text in ("", "-1", "1.5", "soon", "٣", "Wed, 99 Oct", "1 2")
        ),
    ],
)
def test_a_receiver_says_when_to_come_again(text: str, seconds: float | None) -> None:
    at = datetime(2026, 10, 21, 7, 28, tzinfo=UTC)
    assert retry_after_seconds(text, at) == seconds


def test_that_is_part_of_the_answer() -> None:
    answer, _ = answered({"status": 429, "headers": {"retry-after": "7"}})
    assert answer.retry_after_seconds == 7
    answer, _ = answered({"status": 429})
    assert answer.retry_after_seconds is None
