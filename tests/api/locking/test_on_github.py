"""On GitHub Actions a pipeline stores no secret: it locks in the name of its job."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from signal import SIGTERM
from urllib.parse import parse_qs, urlsplit

import pytest

from domain.roles import Role
from tests.support.client import Caller, Json, made, unique
from tests.support.issuer import AUDIENCE, Issuer, rule, send, trust_file
from tests.support.pipeline import ENDLESS, Pipeline
from tests.support.running import Api, Installation, until
from workers.pipeline.bearer import bearer_from

SHOP = unique("acme/shop")
REQUEST_TOKEN = "a-secret-of-the-runner"
FAILED = 125


class Runner:
    """What GitHub's runner offers to a job; `tokens` are those that it gave.

    First it answers with what is in `refusals`.
    """

    def __init__(self, issuer: Issuer) -> None:
        self.tokens: list[str] = []
        self.refusals: list[int] = []
        self._issuer = issuer

        class Handler(BaseHTTPRequestHandler):
            def do_GET(request) -> None:  # noqa: N805
                self.answer(request)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = parse_qs(urlsplit(request.path).query)
        if request.headers["authorization"] != f"Bearer {REQUEST_TOKEN}":
            send(request, b"{}", status=401)
            return
        if self.refusals:
            send(request, b"{}", status=self.refusals.pop())
            return
        claims = self._issuer.claims(aud=asked["audience"][0])
        claims["exp"] = claims["iat"] + 1
        self.tokens.append(self._issuer.token(**claims))
        send(request, json.dumps({"count": 9, "value": self.tokens[-1]}).encode())

    def variables(self, token: str = REQUEST_TOKEN) -> dict[str, str]:
        port = self.server.server_address[1]
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://127.0.0.1:{port}/t?api-version=2",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": token,
            "BERTH_TOKEN": "",
            "BERTH_REPOSITORY": "",
            "GITHUB_REPOSITORY": SHOP,
            "BERTH_AUDIENCE": AUDIENCE,
        }


@pytest.fixture
def runner(issuer: Issuer) -> Iterator[Runner]:
    runner = Runner(issuer)
    threading.Thread(target=runner.server.serve_forever, daemon=True).start()
    yield runner
    runner.server.shutdown()
    runner.server.server_close()


@pytest.fixture(scope="module")
def oidc_api(
    installation: Installation, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    rules = rule("shop deploys", 'repository_id = "74"', "application", SHOP)
    path = trust_file(tmp_path_factory.mktemp("oidc") / "oidc.toml", issuer, rules)
    with installation.api("github-api", BERTH_OIDC=str(path)) as process:
        yield process


@pytest.fixture(scope="module")
def prod(oidc_api: Api) -> Json:
    owner = oidc_api.caller(Role.OWNER)
    body = {"identifier": SHOP, "remoteUrl": f"https://github.com/{SHOP}"}
    made(owner.post("/projects", body))
    return owner.environment(repositoryIdentifier=SHOP, name="prod")


@pytest.fixture
def pipeline(oidc_api: Api, tmp_path: Path) -> Iterator[Pipeline]:
    pipeline = Pipeline(oidc_api.url, Caller(oidc_api.http, "", ""), tmp_path)
    yield pipeline
    pipeline.close()


def test_a_job_locks_in_its_own_name_with_a_new_token_whenever_one_gets_old(
    oidc_api: Api, runner: Runner, pipeline: Pipeline, prod: Json
) -> None:
    words = ("--lease", "9", "--", "sh", "-c", ENDLESS)
    running = pipeline.start("lock", prod, *words, **runner.variables())
    assert running.ticket()
    held = oidc_api.caller(Role.OWNER).look(prod)
    assert held["lockedBy"].endswith("#repo:acme/shop:ref:refs/heads/main")
    began_with = len(runner.tokens)
    until(lambda: len(runner.tokens) > began_with + 1)
    done = running.signalled(SIGTERM).done()
    assert done.code == 9
    assert not {REQUEST_TOKEN, *runner.tokens} & {*done.told.split()}


def test_github_is_asked_again_when_it_has_no_time(
    runner: Runner, pipeline: Pipeline, prod: Json
) -> None:
    runner.refusals = [429, 503]
    assert pipeline.run("lock", prod, "--", "true", **runner.variables()).code == 0


def test_a_token_that_a_machine_slept_through_is_not_sent(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease may go on, and whoever is refused for it would think that lost."""
    tells = time.clock_gettime

    async def before_and_after() -> None:
        bearer = bearer_from(runner.variables())
        await bearer()
        monkeypatch.setattr(time, "clock_gettime", lambda of: tells(of) + 600)
        await bearer()

    asyncio.run(before_and_after())
    assert len(runner.tokens) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"BERTH_AUDIENCE": ""}, "BERTH_AUDIENCE is not set"),
        ({"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x"}, "GitHub answered 401"),
        ({"ACTIONS_ID_TOKEN_REQUEST_URL": ""}, "BERTH_TOKEN is not set"),
    ],
)
def test_what_it_lacks_is_told_in_a_line(
    runner: Runner, pipeline: Pipeline, prod: Json, change: dict[str, str], said: str
) -> None:
    done = pipeline.run("lock", prod, "--", "true", **runner.variables() | change)
    assert done.code == FAILED
    [line] = done.lines
    assert said in line
