"""The permissions that the documents give Berth and workers are enough for both."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.ids import new_id
from domain.roles import Role
from tests.support.client import made
from tests.support.node_worker import example
from tests.support.running import SECRET, VAULT_KEYS, Installation
from tests.support.servers import OF_THE_TESTS, Servers, migrated_database
from tests.support.tasks import submitted
from tests.workers.events.test_permissions import with_accounts

DOCS = Path(__file__).parents[2] / "docs"
PERMISSIONS = re.compile(r"^```\n(permissions: .*?)^```", re.MULTILINE | re.DOTALL)
TYPE = "renderReport"
PRIORITIES = ("critical", "high", "normal", "low")
USERS = {"berth": "deploy.md", "worker": "task-workers.md"}


def permissions_of(page: str) -> str:
    [found] = PERMISSIONS.findall((DOCS / page).read_text())
    assert isinstance(found, str)
    return found.replace("<type>", TYPE).replace("<installation>", OF_THE_TESTS)


def user(name: str) -> str:
    return f"{{ user: {name}, password: {name}, {permissions_of(USERS[name])} }}"


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[str]:
    """Where a server is that lets both do what the documents say, and no more."""
    users = "\n".join(user(name) for name in USERS)
    accounts = f"accounts {{ BERTH {{ jetstream: enabled, users: [\n{users}\n] }} }}"
    with with_accounts(tmp_path, accounts) as where:
        yield where


@pytest.fixture
def own(servers: Servers, nats: str, tmp_path: Path) -> Iterator[Installation]:
    with migrated_database(servers) as database_url:
        environment = {
            "BERTH_DATABASE_URL": database_url,
            "BERTH_NATS_URL": f"nats://berth:berth@{nats}",
            "BERTH_SECRET": SECRET,
            "BERTH_VAULT_KEYS": VAULT_KEYS,
            "BERTH_TASK_TYPES": TYPE,
        }
        yield Installation(environment, tmp_path)


def test_a_worker_of_the_documents_carries_out_tasks_of_every_priority(
    own: Installation, nats: str, package: Path, tmp_path: Path
) -> None:
    url = f"nats://worker:worker@{nats}"
    with own.api("api") as api, own.berth("worker"):
        owner = api.caller(Role.OWNER)
        owner.repository()
        token = made(owner.post("/application-tokens", {"name": f"w {new_id()}"}))
        with example(package, url, token["token"], TYPE):
            for priority in PRIORITIES:
                task = submitted(
                    owner, type=TYPE, data={"steps": 1, "pauseMs": 1}, priority=priority
                )
                result = made(owner.get(f"/tasks/{task}/result", wait=30))
                assert result["status"] == "completed", json.dumps(result)
    assert "Violation" not in (tmp_path / "nats.log").read_text()
