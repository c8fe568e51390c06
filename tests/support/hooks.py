"""A receiver of webhooks over HTTP, which answers as a test likes, and who is told.

Fixtures: `hook`, one such receiver; `telling`, a worker that tells webhooks. Name this
module in `pytest_plugins`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from domain.roles import Role
from tests.support.client import Caller, Json, made, unique
from tests.support.running import HOST, Api, Installation, until


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        said: Json = json.loads(self.body)
        return said

    @property
    def position(self) -> int:
        return int(self.json["event"]["sequence"])


@dataclass
class Hook:
    """`answer` says what each request is answered: a status, headers and a body."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"thank you"
    wait: threading.Event = field(default_factory=threading.Event)
    judge: Callable[[Request], int] | None = None

    def __post_init__(self) -> None:
        self.wait.set()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/hook"

    def got(self, count: int) -> list[Request]:
        """The requests, once there are so many."""
        until(lambda: len(self.requests) >= count)
        return self.requests

    def webhook(self, owner: Caller, **details: Any) -> Json:
        """One that leads here, and what its owner was told of it."""
        config = {"url": self.url} | details.pop("config", {})
        body = {"name": unique("hook"), "event": "lock.*", "config": config}
        return made(owner.post("/webhooks", body | details))


def switch_off(owner: Caller, webhook: Json) -> None:
    """It is told nothing more; what waits stays, and goes out when it is resumed."""
    made(owner.patch(f"/webhooks/{webhook['id']}", {"status": "inactive"}))


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@contextmanager
def listening(port: int = 0) -> Iterator[Hook]:
    """On a port of its own, unless it is told which."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, body)
            status = hook.judge(request) if hook.judge else hook.status
            hook.requests.append(request)
            hook.wait.wait(30)
            self.send_response(status)
            for name, value in hook.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(hook.body)))
            self.end_headers()
            self.wfile.write(hook.body)

        do_POST = do_PUT = answer  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = Server((HOST, port), Handler)
    hook.port = server.server_address[1]
    with closing_server(server):
        yield hook
    hook.wait.set()


@contextmanager
def closing_server(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def hook() -> Iterator[Hook]:
    with listening() as one:
        yield one


@pytest.fixture(scope="module")
def telling(installation: Installation, api: Api) -> Iterator[None]:
    """A worker that has come as far as the journal."""
    api.caller(Role.OWNER).repository()
    with installation.worker():
        yield


def attempts(owner: Caller, webhook: Json, **query: str) -> list[Json]:
    path = f"/webhooks/{webhook['id']}/deliveries"
    return list(made(owner.get(path, **query))["deliveries"])


def status(owner: Caller, webhook: Json) -> str:
    return str(made(owner.get(f"/webhooks/{webhook['id']}"))["status"])


def lock_events(owner: Caller, environment: Json) -> str:
    """Requested, granted, acquired, released; the ticket's id."""
    lock = owner.lock(environment)
    ticket = str(lock.hold()["ticketId"])
    made(lock.release(ticket))
    return ticket


def only(environment: Json, **more: object) -> Json:
    """A filter, so that nobody else's events get in the way."""
    return {"filter": {"environmentId": environment["id"], **more}}
