"""What a process measures: right, bounded, documented, and told by workers too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from domain.ids import new_id
from domain.roles import Role
from projections.views import VIEWS
from tests.support.client import Caller, Json, made, unique
from tests.support.running import (
    HOST,
    READY_SECONDS_MAX,
    Api,
    Installation,
    free_port,
    until,
)
from tests.support.tasks import submitted

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"
LINE = re.compile(r"^\| `(berth_\w+)` \| (\w+) \| ([^|]*)\|", re.MULTILINE)
Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def text_of(api: Api) -> str:
    answer = httpx2.get(f"{api.url}/metrics")
    assert answer.status_code == 200
    of_prometheus = r"text/plain; version=[\d.]+; charset=utf-8"
    assert re.fullmatch(of_prometheus, answer.headers["content-type"])
    return answer.text


class Reading:
    """All that one process says."""

    def __init__(self, text: str) -> None:
        self.families = [*text_string_to_metric_families(text)]
        self._samples: Samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        return self._samples.get((name, frozenset(labels.items())), 0.0)

    @property
    def labels(self) -> set[str]:
        """Every label's value."""
        return {value for _, labels in self._samples for _, value in labels}


@pytest.fixture
def environment(owner: Caller) -> Json:
    return owner.environment(claimWindowSeconds=1)


def test_waits_holds_and_expiries_are_counted_once_each(
    api: Api, owner: Caller, environment: Json
) -> None:
    before = Reading(text_of(api))
    lock = owner.lock(environment)
    made(lock.release(lock.hold()["ticketId"]))
    short = lock.hold(leaseDurationSeconds=1)["ticketId"]
    abandoned, impatient = lock.ticket(), lock.ticket(maxWaitSeconds=1)
    until(lambda: made(lock.look(impatient))["status"] != "queued")
    until(lambda: made(lock.look(short))["status"] == "expired")
    until(lambda: made(lock.acquire(lock.ticket(), 5))["fence"] > 2)
    assert made(lock.look(abandoned))["status"] == "expired"
    after = Reading(text_of(api))

    def counted(name: str, **labels: str) -> float:
        return after.value(name, **labels) - before.value(name, **labels)

    assert counted("berth_lock_wait_seconds_count") == 3
    assert counted("berth_lock_hold_seconds_count") == 2
    assert 1 <= counted("berth_lock_hold_seconds_sum") < 240
    for cause in ("lease", "claim", "wait"):
        assert counted("berth_lock_expiries_total", cause=cause) == 1


def test_requests_are_counted_by_the_template_of_their_route(
    api: Api, owner: Caller, environment: Json
) -> None:
    name = "berth_http_request_seconds_count"
    where = {"route": "/sfp/api/environments/{environment_id}", "method": "GET"}
    before = Reading(text_of(api))
    owner.look(environment)
    for path in (new_id(), new_id()):
        assert owner.get(f"/environments/{path}").status_code == 404
        assert httpx2.request("PROPFIND", f"{api.url}/{path}").status_code == 404
    after = Reading(text_of(api))
    counts = {
        status: after.value(name, **where, status=status)
        - before.value(name, **where, status=status)
        for status in ("200", "404")
    }
    assert counts == {"200": 1, "404": 2}
    nowhere = {"route": "none", "method": "other", "status": "404"}
    assert after.value(name, **nowhere) - before.value(name, **nowhere) == 2


def test_what_waits_now_is_told(api: Api, owner: Caller, environment: Json) -> None:
    lock = owner.lock(environment)
    lock.hold()
    for _ in range(3):
        lock.ticket()
    submitted(owner, priority="critical")
    owner.look(environment)  # Brings the view up to date: no worker runs here.
    owner.get("/tasks")

    def told() -> bool:
        now = Reading(text_of(api))
        return (
            now.value("berth_locks_held") >= 1
            and now.value("berth_lock_queue_tickets") >= 3
            and now.value("berth_lock_queue_longest_tickets") >= 3
            and now.value("berth_tasks", priority="critical", state="ready") >= 1
        )

    until(told)


@pytest.mark.parametrize("path", ["/metrics/", "//metrics", "/metrics%2F"])
def test_they_are_told_under_the_very_name_that_a_proxy_keeps(
    api: Api, path: str
) -> None:
    answer = httpx2.get(f"{api.url}{path}")
    assert answer.status_code == 404
    assert answer.json()["statusCode"] == 404


def test_no_label_tells_which_environment_or_who(
    api: Api, owner: Caller, environment: Json
) -> None:
    lock = owner.lock(environment)
    ticket = lock.hold()["ticketId"]
    owner.get(f"/environments/by-name/{unique('secret-name')}")
    told = Reading(text_of(api)).labels
    mine = (environment["id"], environment["name"], ticket, owner.name)
    assert not [label for label in told for one in mine if one in label]
    assert len(told) < 500


def test_the_document_lists_what_is_told(
    installation: Installation, api: Api, owner: Caller
) -> None:
    """Each by its name, its type and its labels."""
    submitted(owner)
    documented = {
        name: (kind, frozenset(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in LINE.findall(DOCUMENT.read_text())
    }
    with installation.worker():
        until(lambda: "berth_tasks{" in text_of(api))
    told: dict[str, tuple[str, frozenset[str]]] = {}
    for family in Reading(text_of(api)).families:
        if family.name.startswith("berth_"):
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = {label for sample in family.samples for label in sample.labels}
            told[name] = (family.type, frozenset(labels - {"le"}))
    # A tail appears once a worker has followed the journal.
    told.setdefault("berth_relay_lag_events", ("gauge", frozenset({"tail"})))
    if not told["berth_relay_lag_events"][1]:
        told["berth_relay_lag_events"] = ("gauge", frozenset({"tail"}))
    assert told == documented


def test_a_worker_tells_its_own_where_it_is_told_to(
    installation: Installation, owner: Caller
) -> None:
    owner.repository()
    port = free_port()
    url = f"http://{HOST}:{port}"
    settings = {"BERTH_METRICS_PORT": str(port)}
    with (
        httpx2.Client(base_url=f"{url}/sfp/api") as http,
        installation.berth("worker", name="telling-worker", **settings),
    ):
        until(Api(url, port, http).is_ready, READY_SECONDS_MAX)
        reading = Reading(text_of(Api(url, port, http)))
        for view in VIEWS:
            assert reading.value("berth_view_lag_events", view=view) >= 0
        assert httpx2.get(f"{url}/sfp/api/environments").status_code == 404


def test_a_worker_that_cannot_listen_says_so_in_a_line(
    installation: Installation, api: Api
) -> None:
    settings = {"BERTH_METRICS_PORT": str(api.port)}
    with installation.berth("worker", name="no-port", **settings) as process:
        until(lambda: process.exit_code is not None)
        assert process.exit_code == 1
        assert process.log
        assert "Traceback" not in process.log.read_text()
        assert "berth: [Errno 98]" in process.log.read_text()


def test_whoever_goes_away_is_counted_as_gone(
    api: Api, owner: Caller, environment: Json
) -> None:
    lock = owner.lock(environment)
    lock.hold()
    ticket = lock.ticket()
    impatient = httpx2.Client(base_url=f"{api.url}/sfp/api", timeout=0.6)
    before = api.waiting
    with pytest.raises(httpx2.TimeoutException):
        Caller(impatient, owner.token, owner.name).lock(environment).acquire(ticket, 60)
    impatient.close()
    until(lambda: api.waiting == before)
    assert any(
        sample.labels["status"] == "499"
        for family in Reading(text_of(api)).families
        if family.name == "berth_http_request_seconds"
        for sample in family.samples
    )
    assert api.caller(Role.OWNER).look(environment)["isLocked"]
