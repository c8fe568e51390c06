"""A Berth with webhooks, their receivers, and events as fast as one likes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psycopg

from domain.access import EnvironmentRead, stream_of
from domain.clock import utc_now
from domain.ids import new_id
from domain.record import Recorded, origin_of
from projections.storage.uuid7 import event_id
from tests.bench.grown import CI
from tests.bench.installation import (
    REPOSITORY,
    Installation,
    free_port,
    installation,
    python,
)
from tests.support.journal_rows import copy_rows, rows_of
from tests.support.servers import Servers
from workers.embedded.process import ServerStartError, wait_for

RECEIVERS = 20
SLOW_SECONDS = 5.0
BATCH_MAX = 2_000
WANTED = ["access.read", "project.revised"]
# The first receiver is told of this, too, and nobody else.
ALONE = "token.issued"
# Longer than the doorbell keeps still after it has rung.
SILENCE_SECONDS = 0.3
SECONDS_MAX = int(os.environ.get("BENCH_WEBHOOK_SECONDS_MAX", "600"))
# The dead are asked again, and leases that were lost have passed.
HURRY = "UPDATE webhook_health SET retry_at = now() WHERE trips > 0"
LEFT = "SELECT count(*) FROM webhook_delivery"


@dataclass
class WebhookSite:
    berth: Installation
    ports: Sequence[int]
    control: int

    def become(
        self,
        *,
        dead: Sequence[int] = (),
        slow: Sequence[int] = (),
        forget: bool = True,
    ) -> None:
        """So are the receivers from now on; the others are well."""
        wanted = {"dead": dead, "slow": slow, "forget": forget}
        self._ask("/control", wanted | {"seconds": SLOW_SECONDS})

    def report(self) -> dict[int, dict[str, Any]]:
        told = self._ask("/report", {})
        return {int(port): report for port, report in told.items()}

    def late_ms(self, ports: Sequence[int]) -> list[float]:
        """How late each event came to each of these, the first time."""
        told = self._ask("/late", {})
        return [ms for port in ports for ms in told[str(port)]]

    def ask(self, count: int, per_second: float) -> None:
        """That many events, evenly, each by a request."""
        began = monotonic()
        with closing(self.berth.client()) as client:
            for number in range(count):
                url = {"remoteUrl": f"https://github.com/{new_id()}"}
                client.call("PATCH", f"/projects/{REPOSITORY}", url)
                ahead = (number + 1) / per_second - (monotonic() - began)
                sleep(max(0.0, ahead))

    def tell_first(self, count: int) -> None:
        """That many events for the first receiver, each after a while of nothing."""
        with closing(self.berth.client()) as client:
            for number in range(1, count + 1):
                client.call("POST", "/application-tokens", {"name": f"token {number}"})
                self.await_unique(number, self.ports[:1])
                sleep(SILENCE_SECONDS)

    def append(self, count: int) -> None:
        """That many events, as fast as PostgreSQL takes them."""
        with psycopg.connect(self.berth.database_url) as connection:
            for done in range(0, count, BATCH_MAX):
                append(connection, min(BATCH_MAX, count - done))

    def await_unique(self, count: int, ports: Sequence[int]) -> None:
        """Until each of these has received so many events."""

        def have_all() -> bool:
            told = self.report()
            return all(told[port]["unique"] >= count for port in ports)

        if not wait_for(have_all, SECONDS_MAX):
            found = {port: self.report()[port]["unique"] for port in ports}
            raise ServerStartError(f"not all is delivered: {found}")

    def hurry(self) -> None:
        """The dead are tried again now."""
        with psycopg.connect(self.berth.database_url) as connection:
            connection.execute(HURRY)

    def left(self) -> int:
        """How many deliveries wait."""
        with psycopg.connect(self.berth.database_url) as connection:
            [(number,)] = connection.execute(LEFT).fetchall()
        return int(number)

    def _ask(self, path: str, body: Any) -> Any:
        with closing(HTTPConnection("127.0.0.1", self.control, timeout=60)) as one:
            one.request("POST", path, json.dumps(body))
            return json.loads(one.getresponse().read())


def append(connection: psycopg.Connection[Any], count: int) -> None:
    """Each a stream of its own, as the journal would write it."""
    connection.execute("LOCK TABLE berth_events IN EXCLUSIVE MODE")
    [(tip,)] = connection.execute(
        "SELECT coalesce(max(notification_id), 0) FROM berth_events"
    ).fetchall()
    positions = range(tip + 1, tip + count + 1)
    with connection.cursor() as cursor:
        copy_rows(cursor, rows_of(map(looked_at, positions)))
    connection.commit()


def looked_at(position: int) -> Recorded:
    """An event of a stream of its own."""
    at, stream = utc_now(), stream_of(new_id())
    event = EnvironmentRead(new_id(), "acme/bench")
    return Recorded(stream, 1, position, event_id(at), event, origin_of(CI, at))


@contextmanager
def webhook_site(servers: Servers, folder: Path) -> Iterator[WebhookSite]:
    control, *ports = (free_port() for _ in range(RECEIVERS + 1))
    words = [str(port) for port in (control, *ports)]
    networks = {"BERTH_WEBHOOK_NETWORKS": "127.0.0.1/32"}
    with (
        python(folder, "receivers", "tests.bench.receivers", *words),
        installation(servers, folder, **networks) as berth,
        closing(berth.client()) as client,
    ):
        site = WebhookSite(berth, ports, control)
        berth.add_environments(0)
        for port in ports:
            wanted = {"types": [*WANTED, ALONE] if port == ports[0] else WANTED}
            config = {"url": f"http://127.0.0.1:{port}/hook", "filter": wanted}
            body = {"name": f"receiver {port}", "event": "*"}
            client.call("POST", "/webhooks", body | {"config": config})
        if not wait_for(site_answers(site), 10):
            raise ServerStartError("the receivers do not answer")
        yield site


def site_answers(site: WebhookSite) -> Any:
    def answers() -> bool:
        try:
            site.become()
        except OSError:
            return False
        return True

    return answers
