"""What no client library would send: bytes that are hardly HTTP, or not at all."""

from __future__ import annotations

import asyncio
import json
import re
import socket

import pytest
import uvicorn
from litestar.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from api import http_limits
from api.http_limits import FIELDS_MAX, HEAD_BYTES_MAX, LimitedProtocol
from domain.roles import Role
from tests.support.client import REFUSAL, unique
from tests.support.running import HOST, Api

GET = b"GET /sfp/api/ping HTTP/1.1\r\nHost: a\r\n"
CLOSE = b"Connection: close\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n" + CLOSE
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
BLOCK = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
# Beginnings of a request, each after the head of a POST with a token.
BODIES = {
    "a chunk size that is no number": (400, CHUNKED + b"ZZ\r\n{}\r\n0\r\n\r\n"),
    "a chunk longer than it said": (400, CHUNKED + b"2\r\n{}{}\r\n0\r\n\r\n"),
    "a negative chunk": (400, CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n"),
    "too many small chunks": (413, CHUNKED + BLOCK * 5 + b"0\r\n\r\n"),
    "a length that is no number": (400, b"Content-Length: x\r\n" + CLOSE + b"{}"),
    "a negative length": (400, b"Content-Length: -2\r\n" + CLOSE + b"{}"),
    "a length beyond all measure": (
        400,
        b"Content-Length: " + b"9" * 40 + b"\r\n" + CLOSE,
    ),
    "two lengths": (
        400,
        b"Content-Length: 2\r\nContent-Length: 3\r\n" + CLOSE + b"{}",
    ),
    "a length and chunks": (
        400,
        b"Content-Length: 2\r\n" + CHUNKED + b"2\r\n{}\r\n0\r\n\r\n",
    ),
    "too large a trailer": (
        431,
        CHUNKED + b"2\r\n{}\r\n0\r\nA: " + b"x" * HEAD_BYTES_MAX + b"\r\n\r\n",
    ),
    "NUL in a header": (400, b"X-A: a\0b\r\n" + CLOSE),
    "a header without a name": (400, b": a\r\n" + CLOSE),
}
HEADS = {
    "no HTTP": (400, b"hello\r\n\r\n"),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "a tunnel": (400, b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n\x16\x03\x01"),
    "a tunnel through a route": (400, GET.replace(b"GET", b"CONNECT") + b"\r\n" + GET),
    "another version": (400, b"GET / HTTP/9.9\r\nHost: a\r\n\r\n"),
    "bytes in the path": (400, b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a space in the path": (400, b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    "one header too large": (431, GET + b"A: " + b"x" * HEAD_BYTES_MAX + b"\r\n\r\n"),
    "too many headers": (431, GET + b"A: b\r\n" * FIELDS_MAX + b"\r\n"),
    "too long a path": (431, GET.replace(b"ping", b"x" * HEAD_BYTES_MAX) + b"\r\n"),
    "a head too large after a good request": (
        431,
        GET + b"\r\n" + GET + b"A: " + b"x" * HEAD_BYTES_MAX + b"\r\n\r\n",
    ),
    "bytes in the token": (
        401,
        b"GET /sfp/api/projects HTTP/1.1\r\nHost: a\r\n"
        b"Authorization: Bearer \xff\xfe\r\n" + CLOSE,
    ),
}
OFFERS = [
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n",
    b"Connection: keep-alive, upgrade\r\nUpgrade: websocket\r\nUpgrade: TLS/1.0\r\n",
]
# What comes behind a good request; how many of it and these are to be answered first.
FOLLOWERS = {
    "no HTTP": (1, 400, b"\x01\r\n\r\n"),
    "a head too large": (1, 431, GET + b"A: " + b"x" * HEAD_BYTES_MAX + b"\r\n\r\n"),
    "a broken body": (1, 400, GET + CHUNKED + b"ZZ\r\n"),
    "a body too slow": (1, 408, GET + b"Content-Length: 2\r\n\r\n{"),
    "a good request, then no HTTP": (2, 400, GET + b"\r\n" + b"\x01\r\n\r\n"),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_head_that_is_hardly_http_is_refused(api: Api, name: str) -> None:
    status, sent = HEADS[name]
    expect(exchange(api.port, sent), status)


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_hardly_http_is_refused(api: Api, name: str) -> None:
    status, sent = BODIES[name]
    expect(exchange(api.port, post(api) + sent), status)


def test_bytes_beyond_ascii_in_other_headers_do_no_harm(api: Api) -> None:
    headers = b"User-Agent: \xff\xfe\r\nX-Request-Id: \xff\r\nContent-Length: 2\r\n"
    expect(exchange(api.port, post(api) + headers + CLOSE + b"{}"), 400)


def test_a_trailer_says_nothing_about_who_asks(api: Api) -> None:
    head, authorization = post(api).split(b"Authorization", 1)
    body = b"2\r\n{}\r\n0\r\nX-Request-Id: forged\r\n"
    trailer = b"Authorization" + authorization + b"\r\n"
    said = exchange(api.port, head + CHUNKED + body + trailer)
    expect(said, 401)
    assert b"forged" not in said


def test_a_good_request_is_answered_whatever_comes_behind_it(api: Api) -> None:
    body = b'{"identifier": "wire/followed", "remoteUrl": "https://a.b"}'
    request = post(api) + b"Content-Length: %d\r\n\r\n" % len(body) + body
    said = exchange(api.port, request + b"\x01\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 201 ")
    expect(said, 400)


@pytest.mark.parametrize("name", FOLLOWERS)
def test_a_refusal_waits_for_the_answers_before_it(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(http_limits, "BODY_SECONDS_MAX", 0.05)
    good, status, sent = FOLLOWERS[name]
    said = asyncio.run(exchange_here(GET + b"\r\n" + sent, answers_late))
    assert said.startswith(ANSWER * good + b"HTTP/1.1 %d " % status), said
    expect(said, status)


def test_after_all_that_the_server_answers(api: Api) -> None:
    assert exchange(api.port, GET + CLOSE).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        ("HEAD_SECONDS_MAX", GET),
        ("BODY_SECONDS_MAX", GET + b"Content-Length: 2\r\n\r\n{"),
    ],
    ids=["head", "body"],
)
def test_a_client_too_slow_is_told_so(
    monkeypatch: pytest.MonkeyPatch, part: str, sent: bytes
) -> None:
    monkeypatch.setattr(http_limits, part, 0.05)
    expect(asyncio.run(exchange_here(sent, never_answers)), 408)


def test_who_was_answered_before_its_body_came_cannot_stay_for_ever() -> None:
    head = GET + b"Content-Length: 2\r\n\r\n"
    assert asyncio.run(exchange_here(head, answers_late, then=b"{}")) == ANSWER


def test_nor_is_it_closed_on_who_asks_once_more() -> None:
    head = GET + b"Content-Length: 2\r\n\r\n"
    waiting = b"{}" + GET.replace(b"ping", b"slow") + CLOSE
    said = asyncio.run(exchange_here(head, answers_late, then=waiting))
    assert said.count(b"HTTP/1.1 200 OK") == 2, said


@pytest.mark.parametrize("offer", OFFERS)
def test_an_offer_of_another_protocol_is_passed_over(api: Api, offer: bytes) -> None:
    """Java's client makes one with its first request; the body is no other request."""
    body = b'{"identifier": "%s", "remoteUrl": "https://a.b"}'
    bodies = [body % unique("wire/offered").encode() for _ in range(2)]
    heads = [post(api) + offer + b"Content-Length: %d\r\n" % len(b) for b in bodies]
    behind = GET + offer + b"\r\n" + GET + CLOSE
    at_once = exchange(api.port, heads[0] + b"\r\n" + bodies[0] + behind)
    assert statuses(at_once) == ["201", "200", "200"]
    expecting = heads[1] + b"Expect: 100-continue\r\n\r\n"
    later = exchange(api.port, expecting, bodies[1] + behind)
    assert statuses(later) == ["100", "201", "200", "200"]


async def exchange_here(sent: bytes, app: ASGIApp, *, then: bytes = b"") -> bytes:
    """As `exchange`, with a server of `app` in this process."""
    config = uvicorn.Config(app, log_config=None, timeout_keep_alive=1)
    config.load()
    state, loop = ServerState(), asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: LimitedProtocol(config=config, server_state=state, app_state={}), HOST
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        said = await asyncio.to_thread(exchange, port, sent, then)
    await asyncio.gather(*state.tasks)
    return said


async def never_answers(_: Scope, receive: Receive, __: Send) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def answers_late(_: Scope, __: Receive, send: Send) -> None:
    await asyncio.sleep(0.2)
    headers = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def post(api: Api) -> bytes:
    token = api.caller(Role.OWNER).token
    return (
        "POST /sfp/api/projects HTTP/1.1\r\nHost: a\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    ).encode()


def exchange(port: int, sent: bytes, then: bytes = b"") -> bytes:
    """Everything that the server says until it hangs up; `then`, once it has begun."""
    said = b""
    with socket.create_connection((HOST, port), timeout=10) as connection:
        connection.sendall(sent)
        if then:
            said += connection.recv(65_536)
            connection.sendall(then)
        while block := connection.recv(65_536):
            said += block
    return said


def statuses(said: bytes) -> list[str]:
    return re.findall(r"HTTP/1.1 (\d+)", said.decode())


def expect(said: bytes, status: int) -> None:
    """That the last answer is a refusal in the one shape."""
    head, _, body = said[said.rindex(b"HTTP/1.1 ") :].partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    assert line.startswith(f"HTTP/1.1 {status} "), said
    headers = dict(field.lower().split(": ", 1) for field in fields)
    refusal = json.loads(body)
    assert refusal.keys() - {"field"} == REFUSAL
    assert refusal["statusCode"] == status
    assert refusal["requestId"] == headers["x-request-id"]
