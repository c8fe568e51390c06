"""A rotation whose answer was lost is asked for again: both secrets go on signing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from signal import SIGKILL

import httpx2
import pytest
from standardwebhooks import Webhook as Oracle

from domain.roles import Role
from tests.api.test_idempotency_crash import (
    NAME,
    Doomed,
    doomed,
    effects,
    no_answer_is_kept,
    patiently,
)
from tests.support.client import Caller, made, unique
from tests.support.hooks import Hook, lock_events, only, switch_off
from tests.support.running import Installation, until

__all__ = ["doomed", "no_answer_is_kept"]
ROTATED = "webhook.secret_rotated"
PREVIOUS = """
SELECT credential.id FROM webhook JOIN credential ON credential.id = previous_secret_id
WHERE webhook.id = %s
"""
pytestmark = pytest.mark.usefixtures("telling")


def test_a_rotation_that_is_asked_for_twice_loses_no_secret(
    installation: Installation,
    owner: Caller,
    doomed: Doomed,
    hook: Hook,
    no_answer_is_kept: Callable[[], None],
    pool: ThreadPoolExecutor,
) -> None:
    environment = owner.environment()
    webhook = hook.webhook(owner, config=only(environment, types=["lock.acquired"]))
    path, headers = f"/webhooks/{webhook['id']}/rotate-secret", {NAME: unique("key")}
    before = effects(installation, ROTATED)
    dying = doomed.api.caller(Role.OWNER, owner.name)
    lost = pool.submit(dying.ask, "POST", path, headers=headers)
    until(lambda: effects(installation, ROTATED) > before)
    doomed.send(SIGKILL)
    with pytest.raises(httpx2.TransportError):
        lost.result()
    no_answer_is_kept()
    rotated = made(patiently(lambda: owner.ask("POST", path, headers=headers)))
    assert effects(installation, ROTATED) == before + 1
    assert installation.query(PREVIOUS, webhook["id"]), "for a worker that starts now"
    lock_events(owner, environment)
    [request] = hook.got(1)
    for secret in (webhook["secret"], rotated["secret"]):
        Oracle(secret).verify(request.body, dict(request.headers))
    switch_off(owner, webhook)
