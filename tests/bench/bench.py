"""What the rows share: servers, sites with environments, and how long to measure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from tests.bench import etcd
from tests.bench.client import Client
from tests.bench.grown import fill, make_current
from tests.bench.installation import (
    Installation,
    await_answer,
    free_port,
    installation,
    python,
    running,
)
from tests.bench.sealed import seal_all
from tests.bench.wrk import Load, load
from tests.support.servers import Servers, embedded_servers, fresh_database, migrated
from workers.embedded import EmbeddedNats

CLIENTS = 64
ENVIRONMENTS = 200
WARM_UP_SECONDS = 2


@dataclass(frozen=True)
class Site:
    """A Berth with environments to lock."""

    berth: Installation
    environments: Sequence[str]

    def warm_up(self) -> None:
        self.lock_cycles(WARM_UP_SECONDS)

    def lock_cycles(
        self, seconds: float, environments: Sequence[str] | None = None
    ) -> Load:
        """All clients go round on `environments`; afterwards every lock is free."""
        try:
            return load(
                "locks.lua",
                self.berth.url,
                *(environments or self.environments),
                clients=CLIENTS,
                seconds=seconds,
                pid=self.berth.pid,
                environment={"BENCH_TOKEN": self.berth.token},
            )
        finally:
            self.berth.settle()


class Grown(NamedTuple):
    database_url: str
    environments: Sequence[str]


@dataclass
class Bench:
    """Started when first needed, stopped at the end."""

    servers: Servers
    folder: Path
    seconds: float
    rounds: int
    stack: ExitStack = field(default_factory=ExitStack)

    @contextmanager
    def young_site(self) -> Iterator[Site]:
        """A new journal; the processes are warm, though."""
        with installation(self.servers, self.folder) as berth:
            site = Site(berth, berth.add_environments(ENVIRONMENTS))
            site.warm_up()
            yield site

    @cached_property
    def grown(self) -> Grown:
        """A database with a million events, and nobody at work on it."""
        url = self.stack.enter_context(fresh_database(self.servers.database_url))
        migrated(url)
        with (
            EmbeddedNats(self.folder / "nats-filling") as nats,
            running(url, nats.url, self.folder) as berth,
        ):
            environments = berth.add_environments(ENVIRONMENTS)
        fill(url, environments)
        return Grown(url, environments)

    @contextmanager
    def grown_site(self) -> Iterator[Site]:
        url, environments = self.grown
        make_current(url)
        for _ in seal_all(url):
            pass
        # Else its events would be on their way to NATS all the time that is measured.
        recent = {"BERTH_EVENTS_MAX_AGE_DAYS": "1"}
        nats_url = self.servers.nats_url
        with running(url, nats_url, self.folder, **recent) as berth:
            site = Site(berth, environments)
            site.warm_up()
            yield site

    @cached_property
    def bare(self) -> tuple[str, int]:
        """The URL and the process of a server whose routes do nothing."""
        port = free_port()
        process = python(self.folder, "bare", "tests.bench.bare", str(port))
        self.stack.enter_context(process)
        await_answer(process, Client(port, ""), "/ready")
        assert process.pid
        return f"http://127.0.0.1:{port}", process.pid

    def bare_calls(self, method: str) -> Load:
        url, pid = self.bare
        return load(
            "bare.lua", url, method, clients=CLIENTS, seconds=self.seconds, pid=pid
        )

    def etcd_cycles(self, lease: str, names: Sequence[str]) -> Load | None:
        """None where etcd is not installed."""
        return etcd.lock_cycles(self.folder, lease, names, CLIENTS, self.seconds)


@contextmanager
def prepared(folder: Path, seconds: float, rounds: int) -> Iterator[Bench]:
    with embedded_servers(folder) as servers, ExitStack() as stack:
        yield Bench(servers, folder, seconds, rounds, stack)
