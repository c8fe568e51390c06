"""docs/clients.md as it stands: a client is generated, and deploys under a lock.

The TypeScript of the page takes packages of npm, and is tried by hand.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from domain.roles import Role
from tests.support.client import Caller, unique
from tests.support.running import ELSEWHERE, Api

PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text()
SERVER = "http://127.0.0.1:8080"
GENERATE = re.compile(r"^openapi-python-client (generate .*)$", re.MULTILINE)
PROGRAM = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PACKAGE = "berth_client"
PATIENT, IMPATIENT = "timeout_seconds=60", "timeout_seconds=1"


class Client:
    """The generated one, in one caller's hands."""

    def __init__(self, client: Any) -> None:
        self.models = import_module(f"{PACKAGE}.models")
        self._client = client

    def ask(self, tag: str, operation: str, *given: Any, **named: Any) -> Any:
        module = import_module(f"{PACKAGE}.api.{tag}.{operation}")
        return module.sync(*given, client=self._client, **named)

    def lock(self, operation: str, *given: Any, **named: Any) -> Any:
        return self.ask("environment_locks", operation, *given, **named)

    def object(self, **fields: Any) -> Any:
        return self.models.JsonObject.from_dict(fields)

    def refused(self, answer: Any, code: str) -> Any:
        assert isinstance(answer, self.models.ErrorBody), answer
        assert answer.code == code
        assert answer.message
        assert answer.request_id
        return answer


@pytest.fixture(scope="module")
def folder(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a client in it, generated as the page says, and nothing to warn of."""
    folder = tmp_path_factory.mktemp("client")
    command = GENERATE.search(PAGE)
    assert command
    words = command[1].replace(SERVER, api.url).split()
    binaries = Path(sys.executable).parent
    said = subprocess.run(
        [binaries / "openapi-python-client", *words, "--fail-on-warning"],
        cwd=folder,
        env={"PATH": f"{binaries}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    return folder


@pytest.fixture
def client(folder: Path, api: Api, owner: Caller) -> Iterator[Client]:
    sys.path.insert(0, str(folder))
    with import_module(PACKAGE).AuthenticatedClient(api.url, owner.token) as client:
        yield Client(client)
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
        del sys.modules[name]


@pytest.fixture
def program(folder: Path) -> Path:
    """That of the page, which would wait for a minute at a time."""
    text = PROGRAM.search(PAGE)
    assert text
    assert text[1].count(PATIENT) == 1
    path = folder / "deploy.py"
    path.write_text(text[1].replace(PATIENT, IMPATIENT))
    return path


def test_the_program_of_the_page_waits_and_deploys(
    program: Path, api: Api, owner: Caller
) -> None:
    there = owner.environment(name="prod")
    lock = owner.lock(there)
    ticket = lock.hold()["ticketId"]
    place = [there["name"], there["repositoryIdentifier"]]
    token = api.caller(Role.APPLICATION).token
    with subprocess.Popen(
        [sys.executable, program.name, *place, "sh", "-c", "echo fence $BERTH_FENCE"],
        cwd=program.parent,
        env=os.environ | {"BERTH_URL": api.url, "BERTH_TOKEN": token},
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout
        assert running.stdout.readline() == "waiting: number 1\n"
        lock.release(ticket)
        *_, last = running.stdout
    assert last == "fence 2\n"
    assert running.returncode == 0
    assert owner.look(there)["isLocked"] is False


def test_the_program_of_the_page_has_no_type_wrong(program: Path) -> None:
    flags = ["--strict", "--follow-imports=silent", "--cache-dir=/dev/null"]
    said = subprocess.run(
        [sys.executable, "-m", "mypy", *flags, "--config-file=", program.name],
        cwd=program.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout


def environment_of(client: Client) -> Any:
    """A new one, with metadata, in a new repository."""
    named, models = unique("acme/shop"), client.models
    body = models.ProjectBody(identifier=named, remote_url=f"https://g.example/{named}")
    client.ask("repositories", "register_project", body=body)
    made = client.ask(
        "environments",
        "create_environment",
        body=models.EnvironmentBody(
            repository_identifier=named,
            name="prod",
            category=models.Category.RELEASE,
            metadata=client.object(region="us-west"),
        ),
    )
    assert made.metadata["region"] == "us-west"
    assert isinstance(made.id, UUID)
    return made


def test_the_client_takes_a_lock_all_the_way(client: Client) -> None:
    models, there = client.models, environment_of(client)
    place = {"repository_name": there.repository_name}
    key = unique("key")
    first, again = (
        client.lock("request_lock", there.id, idempotency_key=key, **place)
        for _ in range(2)
    )
    assert first == again
    held = client.lock("acquire_lock", there.id, first.ticket_id, **place)
    assert (held.fence, held.status) == (1, models.TicketStatus.ACQUIRED)
    renewed = client.lock("renew_lock", there.id, first.ticket_id, **place)
    assert renewed.expires_at >= held.expires_at
    body = models.LockBody(reason="next")
    second = client.lock("request_lock", there.id, body=body, **place)
    waiting = client.lock(
        "acquire_lock", there.id, second.ticket_id, timeout_seconds=0, **place
    )
    assert isinstance(waiting, models.LockWaitTimeout)
    assert waiting.position == 1
    body = models.ReleaseBody(
        name="v1",
        domain="core",
        ticket_id=first.ticket_id,
        metadata=client.object(commit="7f3c2a1"),
    )
    released = client.ask(
        "environment_releases", "publish_release", there.id, body=body
    )
    assert released.fence == 1
    for ticket in first, second:
        client.lock("release_lock", there.id, ticket.ticket_id, **place)
    unknown = client.lock("release_lock", there.id, "ticket_none", **place)
    client.refused(unknown, "TICKET_NOT_FOUND")
    late = client.lock("acquire_lock", there.id, first.ticket_id, **place)
    assert client.refused(late, "TICKET_ENDED").status == "released"


def test_the_client_reads_what_happened(client: Client) -> None:
    models, there = client.models, environment_of(client)
    named = there.repository_identifier
    listed = [
        client.ask(
            "environments", "list_environments", repository_identifier=named, **its
        )
        for its in ({}, {"category": models.Category.RELEASE})
    ]
    assert listed[0].release == listed[1]
    assert [one.id for one in listed[1]] == [there.id]
    audit = client.ask("audit", "get_repository_audit", named)
    assert {record.environment_id for record in audit} == {there.id}
    after, types = "0", set()
    while True:
        page = client.ask("history", "get_history", there.id, limit=1, after=after)
        types |= {event.type_ for event in page.events}
        if page.next_ >= page.tip:
            break
        after = page.next_
    assert "berth.environment.registered.v1" in types
    schema = client.ask(
        "events", "get_event_schema", "berth.environment.registered.v1.json"
    )
    assert schema["type"] == "object"


def test_the_client_submits_work_and_asks_to_be_told(client: Client) -> None:
    models, there = client.models, environment_of(client)
    body = models.TaskBody(
        type_=models.TaskBodyType(ELSEWHERE), data=client.object(page=1)
    )
    task = client.ask("tasks", "submit_task", body=body)
    assert task.status is models.TaskStatus.PENDING
    client.ask("tasks", "cancel_task", task.operation_id)
    result = client.ask("tasks", "get_task_result", task.operation_id, wait=30)
    assert result.status is models.TaskStatus.CANCELLED
    config = models.WebhookConfigBody(
        url="https://127.0.0.1:9",
        headers=models.WebhookConfigBodyHeaders.from_dict({"x-team": "core"}),
        filter_=models.WebhookFilterBody(environment_id=there.id),
    )
    body = models.WebhookBody(name="deploys", event="lock.*", config=config)
    hook = client.ask("webhooks", "create_webhook", body=body)
    assert hook.secret
    assert hook.config.filter_.environment_id == there.id
    client.ask("webhooks", "delete_webhook", hook.id)
    gone = client.ask("webhooks", "get_webhook", hook.id)
    client.refused(gone, "WEBHOOK_NOT_FOUND")
