"""An issuer of OIDC tokens: real HTTP, real keys; counts who asks; can misbehave."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from tests.support.client import Json

AUDIENCE = "https://berth.example"
SUBJECT = "repo:acme/shop:ref:refs/heads/main"
JWKS = "/.well-known/jwks"

Answering = Callable[[BaseHTTPRequestHandler], None]


class Issuer:
    """`keys` is what it publishes and signs with; `answering`, how it answers."""

    def __init__(self, url: str = "http://127.0.0.1:1") -> None:
        self.url = url
        self.keys: dict[str, tuple[str, Key]] = {}
        self.fetches = 0
        self.answering: Answering = self.publish
        self.may_go_on = threading.Event()
        for algorithm in ("RS256", "ES256", "EdDSA"):
            self.add_key(algorithm.lower(), algorithm)
        self.keys["ps256"] = ("PS256", make_key("RS256", "ps256"))

    @property
    def jwks(self) -> str:
        return self.url + JWKS

    def add_key(self, kid: str, algorithm: str = "ES256") -> Key:
        key = make_key(algorithm, kid)
        self.keys[kid] = (algorithm, key)
        return key

    def published(self) -> Json:
        """Each says its algorithm and use, as those of GitHub and GitLab do."""
        return {
            "keys": [
                key.as_dict(private=False) | {"alg": algorithm, "use": "sig"}
                for algorithm, key in self.keys.values()
            ]
        }

    def claims(self, **others: Any) -> Json:
        """Those of a job of GitHub Actions in acme/shop; None takes one away."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": SUBJECT,
            "iat": now,
            "nbf": now - 5,
            "exp": now + 300,
            "repository_id": "74",
            "environment": "production",
        } | others
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, kid: str = "es256", **claims: Any) -> str:
        algorithm, key = self.keys[kid]
        return sign({"alg": algorithm, "kid": kid}, self.claims(**claims), key)

    # Ways to answer:

    def publish(self, request: BaseHTTPRequestHandler) -> None:
        send(request, json.dumps(self.published()).encode())

    def fail(self, request: BaseHTTPRequestHandler) -> None:
        send(request, b"out of order", status=500)

    def hang_up(self, request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True

    def talk_garbage(self, request: BaseHTTPRequestHandler) -> None:
        send(request, b"<html>")

    def talk_without_end(self, request: BaseHTTPRequestHandler) -> None:
        send(request, json.dumps(self.published()).encode() + b" " * 4_000_000)

    def send_elsewhere(self, request: BaseHTTPRequestHandler) -> None:
        send(request, b"", status=302, location=self.url + "/elsewhere")

    def compress(self, request: BaseHTTPRequestHandler) -> None:
        send(request, b"\x1f\x8b\x08\x00", content_encoding="gzip")

    def wait(self, request: BaseHTTPRequestHandler) -> None:
        """Answers when it `may_go_on`."""
        self.may_go_on.wait(30)
        self.publish(request)


def make_key(algorithm: str, kid: str) -> Key:
    match algorithm:
        case "RS256":
            return RSAKey.generate_key(2_048, {"kid": kid})
        case "ES256":
            return ECKey.generate_key("P-256", {"kid": kid})
        case _:
            return OKPKey.generate_key("Ed25519", {"kid": kid})


def sign(header: Json, claims: Any, key: Any) -> str:
    """Whatever it says: nothing is checked. `key` is for the header's algorithm."""
    algorithm = JWSRegistry.algorithms[header["alg"]]
    signed = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{encode(algorithm.sign(signed.encode(), key))}"


def encode(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def send(
    request: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str
) -> None:
    request.send_response(status)
    request.send_header("content-length", str(len(body)))
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    with suppress(OSError):  # The client may have had enough.
        request.wfile.write(body)


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.fetches += 1
            issuer.answering(self)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        issuer.url = f"http://127.0.0.1:{server.server_address[1]}"
        serving = threading.Thread(target=server.serve_forever, args=(0.02,))
        serving.start()
        try:
            yield issuer
        finally:
            issuer.may_go_on.set()
            server.shutdown()
            serving.join()


def trust_file(path: Path, issuer: Issuer, rules: str, algorithms: str = "") -> Path:
    """A file for BERTH_OIDC that trusts `issuer` by `rules`."""
    algorithms = algorithms or '"RS256", "ES256", "EdDSA"'
    path.write_text(
        "[[issuer]]\n"
        f'issuer = "{issuer.url}"\n'
        f'jwks = "{issuer.jwks}"\n'
        f'audience = "{AUDIENCE}"\n'
        f"algorithms = [{algorithms}]\n"
        f"{rules}\n"
    )
    return path


def rule(name: str, claims: str, role: str, *repositories: str) -> str:
    return (
        "[[issuer.rule]]\n"
        f'name = "{name}"\n'
        f"claims = {{ {claims} }}\n"
        f'role = "{role}"\n'
        f"repositories = {json.dumps(repositories)}\n"
    )


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    """One that answers as it should."""
    with running_issuer() as one:
        yield one


@pytest.fixture
def odd_issuer() -> Iterator[Issuer]:
    """One for a single test, to misbehave."""
    with running_issuer() as one:
        yield one
