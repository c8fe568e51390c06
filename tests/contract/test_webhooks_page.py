"""docs/webhooks.md shows what really comes, and a receiver that really verifies it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import msgspec
import pytest
import standardwebhooks.webhooks
from msgspec.structs import asdict
from standardwebhooks import Webhook, WebhookVerificationError

from domain.catalog import AnyEvent
from domain.environment.details import Details
from domain.environment.events import Category, EnvironmentRegistered
from domain.record import Origin, Recorded
from domain.webhook.events import Provider
from tests.support.client import Caller, made
from tests.support.hooks import Hook, attempts, lock_events, only
from tests.support.running import HOST, free_port, until
from workers.outgoing import signed
from workers.webhooks.bodies import JSON_HEADERS, MESSAGES, Bodies

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
RECEIVED = re.compile(r"^```http\n(.*?)\n\n(.*?)\n```", re.MULTILINE | re.DOTALL)
RECEIVER = re.compile(r"^```python\n(import sys\n.*?)^```", re.MULTILINE | re.DOTALL)
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")


class Sample(NamedTuple):
    """One request as the page has it."""

    headers: dict[str, str]
    body: bytes

    @property
    def at(self) -> datetime:
        """When it was sent."""
        return datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), UTC)


def samples() -> tuple[Sample, Sample]:
    generic, slack = (
        Sample(
            dict(line.split(": ", 1) for line in head.splitlines()[1:]), body.encode()
        )
        for head, body in RECEIVED.findall(PAGE)
    )
    return generic, slack


def shown_event() -> Recorded:
    """The one that both samples tell of, as it stood in the journal."""
    generic, _ = samples()
    told = json.loads(generic.body)
    origin = msgspec.convert(told["data"].pop("origin"), Origin, strict=False)
    event: Any = msgspec.convert(told["data"], AnyEvent)
    stream = told["event"]["subject"].removeprefix("environments/")
    position = int(told["event"]["sequence"])
    return Recorded(stream, 1, position, told["event"]["id"], event, origin)


@pytest.mark.parametrize("sample", samples(), ids=["generic", "slack"])
def test_the_signatures_of_the_page_fit(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Then(datetime):
        """The clock as it stood when the sample was sent."""

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return sample.at.astimezone(tz)

    secrets = SECRET.findall(PAGE)
    oracles = [Webhook(secret) for secret in secrets]
    monkeypatch.setattr(standardwebhooks.webhooks, "datetime", Then)
    fitting = [oracle for oracle in oracles if verifies(oracle, sample)]
    assert len(fitting) == 1
    assert not verifies(fitting[0], sample._replace(body=sample.body + b" "))


def verifies(oracle: Webhook, sample: Sample) -> bool:
    try:
        oracle.verify(sample.body, sample.headers)
    except WebhookVerificationError:
        return False
    return True


def test_berth_would_send_today_what_the_page_shows() -> None:
    generic, slack = samples()
    record = shown_event()
    installation = json.loads(generic.body)["event"]["source"].removeprefix("/berth/")
    assert Bodies(installation).of(Provider.GENERIC, record, None) == generic.body
    words = json.loads(slack.body)["text"].partition(": ")[0]
    name, _, repository = words.partition(" of ")
    details = Details(
        **asdict(EnvironmentRegistered(repository, name, Category.RELEASE))
    )
    sent = Bodies(installation).of(Provider.SLACK, record, details)
    assert sent == slack.body
    assert MESSAGES.keys() == {Provider.SLACK, Provider.TEAMS, Provider.DISCORD}
    for sample in (generic, slack):
        assert sample.headers.items() >= JSON_HEADERS.items()
        assert sample.headers["webhook-id"] == record.id
        assert sample.headers["content-length"] == str(len(sample.body))
        written = [
            signed([secret], record.id, sample.at, sample.body)
            for secret in SECRET.findall(PAGE)
        ]
        assert [one for one in written if one.items() <= sample.headers.items()]


@pytest.mark.usefixtures("telling")
def test_what_comes_has_the_headers_that_the_page_shows(
    owner: Caller, hook: Hook
) -> None:
    generic, _ = samples()
    environment = owner.environment()
    key = {"headers": {"X-Api-Key": "s3cret"}}
    hook.webhook(owner, config=only(environment, types=["lock.acquired"]) | key)
    lock_events(owner, environment)
    [request] = hook.got(1)
    assert request.headers.keys() == generic.headers.keys()
    assert request.json.keys() == json.loads(generic.body).keys()
    assert request.json["event"].keys() == json.loads(generic.body)["event"].keys()


@pytest.mark.usefixtures("telling")
def test_the_receiver_of_the_page_takes_what_is_signed_and_nothing_else(
    owner: Caller, hook: Hook, tmp_path: Path
) -> None:
    found = RECEIVER.search(PAGE)
    assert found
    script, heard = tmp_path / "receiver.py", tmp_path / "heard"
    script.write_text(found[1])
    port = free_port()
    environment = owner.environment()
    config = {"url": f"http://{HOST}:{port}/", **only(environment)}
    webhook = hook.webhook(owner, config=config, retryDelay=100)
    words = [sys.executable, str(script), webhook["secret"], str(port)]
    with heard.open("w") as output:
        process = subprocess.Popen(words, stdout=output, stderr=subprocess.DEVNULL)
    try:
        ticket = lock_events(owner, environment)
        until(lambda: len(heard.read_text().splitlines()) >= 4)
        lines = heard.read_text().splitlines()
        assert {line.split()[0] for line in lines} == {
            f"lock.{what}" for what in ("requested", "granted", "acquired", "released")
        }
        assert all(ticket in line for line in lines)
        until(lambda: bool(attempts(owner, webhook, outcome="delivered")))
        tried = made(owner.post(f"/webhooks/{webhook['id']}/test"))
        assert tried["status"] == 204
        generic, _ = samples()
        forged = httpx2.post(
            f"http://{HOST}:{port}/", headers=generic.headers, content=generic.body
        )
        assert forged.status_code == 401
    finally:
        process.kill()
        process.wait()
