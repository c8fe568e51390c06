"""What a worker tells of the attempts that it made, and what waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx2
import pytest

from domain.roles import Role
from tests.api.test_metrics import Reading
from tests.support.client import Caller, made
from tests.support.hooks import Hook, attempts, lock_events, only, switch_off
from tests.support.running import (
    HOST,
    READY_SECONDS_MAX,
    Api,
    Installation,
    free_port,
    until,
)

ATTEMPTS = "berth_webhook_attempts_total"
SLOW_SECONDS = 0.3


@pytest.fixture(scope="module")
def reading(installation: Installation, api: Api) -> Iterator[Callable[[], Reading]]:
    """What the only worker says; other tests' webhooks have nothing waiting."""
    owner = api.caller(Role.OWNER)
    owner.repository()
    for left in owner.get("/webhooks").json():
        switch_off(owner, left)
    port = free_port()
    url = f"http://{HOST}:{port}"
    with (
        httpx2.Client(base_url=f"{url}/sfp/api") as http,
        installation.worker(BERTH_METRICS_PORT=str(port)),
    ):
        until(Api(url, port, http).is_ready, READY_SECONDS_MAX)
        yield lambda: Reading(httpx2.get(f"{url}/metrics").text)


def test_each_attempt_is_counted_by_how_it_ended(
    owner: Caller, hook: Hook, reading: Callable[[], Reading]
) -> None:
    environment = owner.environment()
    webhook = hook.webhook(
        owner,
        config=only(environment, types=["lock.acquired"]),
        retryCount=1,
        retryDelay=100,
    )
    before = reading()
    hook.status = 500
    lock_events(owner, environment)
    until(lambda: len(attempts(owner, webhook)) == 2)
    hook.status = 200
    hook.wait.clear()
    lock_events(owner, environment)
    hook.got(3)
    hook.wait.wait(SLOW_SECONDS)
    hook.wait.set()
    until(lambda: len(attempts(owner, webhook)) == 3)
    after = reading()

    def counted(name: str, **labels: str) -> float:
        return after.value(name, **labels) - before.value(name, **labels)

    for outcome in ("failed", "givenUp", "delivered"):
        assert counted(ATTEMPTS, outcome=outcome) == 1
    assert counted("berth_webhook_attempt_seconds_count") == 3
    assert SLOW_SECONDS <= counted("berth_webhook_attempt_seconds_sum") < 240
    shown = made(owner.get(f"/webhooks/{webhook['id']}"))
    secrets = (webhook["id"], webhook["name"], shown["config"]["url"], str(hook.port))
    assert not [label for label in after.labels for one in secrets if one in label]


@pytest.mark.usefixtures("reading")
def test_what_cannot_be_reached_took_as_long_as_that_took(
    owner: Caller, hook: Hook
) -> None:
    """And not as long as it might have."""
    environment = owner.environment()
    nowhere = {"url": f"http://{HOST}:{free_port()}/", **only(environment)}
    webhook = hook.webhook(owner, config=nowhere, retryCount=0)
    lock_events(owner, environment)
    until(lambda: bool(attempts(owner, webhook)))
    [first, *_] = attempts(owner, webhook)
    assert first["error"] == "it cannot be connected to"
    assert 0 < first["latencyMs"] < webhook["timeout"] / 2
    switch_off(owner, webhook)


def test_a_receiver_that_is_down_shows_in_what_waits_for_it(
    owner: Caller, hook: Hook, reading: Callable[[], Reading]
) -> None:
    environment = owner.environment()
    webhook = hook.webhook(owner, config=only(environment))

    def waiting() -> float:
        return reading().value("berth_webhook_backlog_deliveries", receiver="resting")

    until(lambda: waiting() == 0)
    hook.status = 500
    for _ in range(5):
        lock_events(owner, environment)

    until(lambda: waiting() >= 5)
    active = reading().value("berth_webhooks", status="active")
    switch_off(owner, webhook)
    until(lambda: reading().value("berth_webhooks", status="active") == active - 1)
    until(lambda: waiting() == 0)
