"""One webhook that cannot be told at all keeps no other waiting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import LiteralString

import pytest

from tests.support.client import Caller, made
from tests.support.hooks import Hook, attempts, lock_events, only
from tests.support.running import Api, Installation, until

ALTERED: LiteralString = """
UPDATE credential SET ciphertext = wrapped_key
WHERE id = (SELECT facts->>'config_id' FROM webhook WHERE id = %s) RETURNING 1
"""
UNKNOWN_KEY: LiteralString = """
UPDATE credential SET key_version = 99
WHERE id = (SELECT facts->>'secret_id' FROM webhook WHERE id = %s) RETURNING 1
"""


@pytest.fixture(scope="module", autouse=True)
def worker(installation: Installation, api: Api) -> Iterator[None]:
    assert api.is_ready()
    with installation.worker():
        yield


@pytest.mark.parametrize("damage", [ALTERED, UNKNOWN_KEY])
def test_one_that_the_vault_cannot_open_keeps_no_other_waiting(
    installation: Installation, owner: Caller, hook: Hook, damage: LiteralString
) -> None:
    environment = owner.environment()
    closed = hook.webhook(owner, config=only(environment))
    assert installation.query(damage, closed["id"])
    good = hook.webhook(owner, config=only(environment))
    for _ in range(10):
        lock_events(owner, environment)
    hook.got(40)
    until(lambda: len(attempts(owner, good, limit="200")) == 40)
    assert {one["attempt"] for one in attempts(owner, good, limit="200")} == {1}
    assert attempts(owner, closed) == []
    # What waits for it is kept, and it is shown as far as it can be, and deleted.
    shown = made(owner.get(f"/webhooks/{closed['id']}"))
    assert (shown["status"], shown["pendingDeliveries"]) == ("active", 40)
    assert owner.get("/webhooks").is_success
    assert owner.delete(f"/webhooks/{closed['id']}").status_code == 204
