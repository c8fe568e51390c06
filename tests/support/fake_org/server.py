"""The HTTP side of the made-up orgs: one server for all, told apart by their tokens."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl

import uvicorn

from tests.support.fake_org.org import (
    BAD_TOKEN,
    BUSY,
    Org,
    Reply,
    oauth_error,
    rest_error,
)

HOST = "127.0.0.1"
DATA = "/services/data/v62.0"
PAGE = re.compile(rf"({DATA}/(?:tooling/)?query)(?:/01g-(\d+))?")
CHUNK = b"x" * 65_536
CHUNKS = 1_024
GATE_SECONDS_MAX = 60
ENDPOINTS = {
    "/services/oauth2/token": "token",
    "/services/oauth2/userinfo": "userinfo",
    "/services/oauth2/singleaccess": "singleaccess",
    f"{DATA}/query": "query",
    f"{DATA}/tooling/query": "tooling",
}
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class FakeSalesforce:
    """As an ASGI application."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.orgs: list[Org] = []

    @property
    def origin(self) -> str:
        return f"http://{HOST}:{self.port}"

    def org(self, username: str, **how: Any) -> Org:
        """A new one."""
        org = Org(f"{HOST}:{self.port}", username, **how)
        self.orgs.append(org)
        return org

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await _body(receive)
        form = dict(parse_qsl(body.decode()))
        path: str = scope["path"]
        page = PAGE.fullmatch(path)
        endpoint = "identity" if path.startswith("/id/") else ENDPOINTS.get(path, "")
        if page:
            endpoint = ENDPOINTS[page[1]]
        org = self._org_of(endpoint, form, _token(scope))
        if org is None:
            await _reply(send, _to_stranger(endpoint))
            return
        org.asked[endpoint] += 1
        org.cookies += [v.decode() for k, v in scope["headers"] if k == b"cookie"]
        if endpoint == "token" and org.exchanging:
            await _reply(send, oauth_error("invalid_grant", BUSY))
            return
        org.exchanging += endpoint == "token"
        await asyncio.sleep(org.slow_seconds)
        await asyncio.to_thread(org.gate.wait, GATE_SECONDS_MAX)
        org.exchanging -= endpoint == "token"
        reply = org.out_of_turn(endpoint)
        if reply is None and endpoint == "token":
            reply = org.exchange(form)
        if reply is None and _token(scope) not in org.tokens:
            reply = _to_stranger(endpoint)
        await _reply(send, reply or _answer(org, endpoint, form, page))

    def _org_of(self, endpoint: str, form: dict[str, str], token: str) -> Org | None:
        """By any refresh token that it ever had, or access token that it ever gave."""
        for org in self.orgs:
            given = form.get("refresh_token", "")
            if endpoint == "token" and org.knows(given):
                return org
            if endpoint != "token" and org.gave(token):
                return org
        return None


@contextmanager
def fake_salesforce(port: int = 0) -> Iterator[FakeSalesforce]:
    """It runs in a thread for the length of the `with` block."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen()
        fake = FakeSalesforce(listening.getsockname()[1])
        config = uvicorn.Config(fake, log_level="critical", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield fake
        finally:
            for org in fake.orgs:
                org.gate.set()
            server.should_exit = True
            thread.join()


def _to_stranger(endpoint: str) -> Reply:
    match endpoint:
        case "token":
            return oauth_error("invalid_grant", "invalid token")
        case "userinfo" | "identity" | "singleaccess":
            return BAD_TOKEN
        case _:
            return rest_error(401, "INVALID_SESSION_ID")


def _answer(
    org: Org, endpoint: str, form: dict[str, str], page: re.Match[str] | None
) -> Reply:
    match endpoint:
        case "userinfo":
            return org.userinfo()
        case "identity":
            return Reply(content={"username": org.username})
        case "singleaccess":
            return org.single_access(form)
        case "query" | "tooling":
            assert page
            if endpoint == "query" and not org.has_artifact_object:
                return rest_error(400, "INVALID_TYPE")
            records = org.artifacts if endpoint == "query" else org.packages
            return org.query(records, page[1], int(page[2] or 0))
        case _:
            return rest_error(404, "NOT_FOUND")


def _token(scope: Scope) -> str:
    sent = dict(scope["headers"]).get(b"authorization", b"").decode()
    return str(sent.removeprefix("Bearer "))


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        part: bytes = message.get("body", b"")
        body += part
        if not message.get("more_body"):
            return body


async def _reply(send: Send, reply: Reply) -> None:
    content = json.dumps(reply.content).encode() if reply.content else reply.raw
    headers = [(k.encode(), v.encode()) for k, v in reply.headers]
    headers.append((b"content-type", b"application/json"))
    headers.append((b"set-cookie", b"sid=whose; Path=/"))
    start = {"type": "http.response.start", "status": reply.status, "headers": headers}
    if reply.hang_up:
        headers.append((b"content-length", b"1000"))
        await send(start)
        raise ConnectionAbortedError
    await send(start)
    for _ in range(CHUNKS if reply.endless else 0):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
    await send({"type": "http.response.body", "body": content})
