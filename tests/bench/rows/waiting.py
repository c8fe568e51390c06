"""Waiting: thousands of acquires on one process, which still answers others."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from time import monotonic

import psutil

from api.person_tokens import Signer
from domain.roles import Role
from tests.bench.bench import Bench, Site
from tests.bench.client import API, Client
from tests.bench.installation import SECRET, Installation, lock_path
from tests.bench.measure import percentile
from tests.bench.table import Row

WAITERS = 5_000
CALLERS = 10  # None may have all the tickets; so each has an environment's queue.
EVERY = 25
HEALTH_MS_MAX = 100
KIB_MAX = 50
SETTLED_CALLS = 200


def rows(bench: Bench) -> Iterator[Row]:
    with bench.young_site() as site:
        kib, latencies = measured(site)
    yield Row(
        what=f"waiting, {WAITERS:,} acquires on one process",
        limit="",
        reached=f"{kib:.1f} KiB each",
        floor=f"<= {KIB_MAX} KiB, health <= {HEALTH_MS_MAX} ms",
        verdict=kib <= KIB_MAX and max(latencies) <= HEALTH_MS_MAX,
        p50_ms=percentile(latencies, 50),
        p99_ms=percentile(latencies, 99),
        notes=[f"health, while they come and wait: at most {max(latencies):.1f} ms"],
    )


def measured(site: Site) -> tuple[float, Sequence[float]]:
    """KiB for each waiter, and what health took meanwhile, in ms."""
    process = psutil.Process(site.berth.pid)
    tickets = requested(site.berth, site.environments[:CALLERS])
    health, latencies = site.berth.client(), []
    before = process.memory_full_info().uss
    with ExitStack() as stack:
        for number, (environment, ticket, token) in enumerate(tickets):
            waiter = socket.create_connection(("127.0.0.1", site.berth.port))
            stack.enter_context(waiter)
            waiter.sendall(acquire(environment, ticket, token))
            if number % EVERY == 0:
                latencies.append(look(health)[0])
        waiting, arriving = 0, len(latencies)
        while waiting < WAITERS or len(latencies) < arriving + SETTLED_CALLS:
            took, waiting = look(health)
            latencies.append(took)
        used = process.memory_full_info().uss - before
    return used / WAITERS / 1_024, latencies


def requested(
    berth: Installation, environments: Sequence[str]
) -> Sequence[tuple[str, str, str]]:
    """Tickets that all have to wait, with their environments and callers' tokens."""
    owner, tickets = berth.client(), []
    for number, environment in enumerate(environments):
        owner.call("POST", lock_path(environment), {})
        token = Signer(SECRET.encode()).issue(
            f"caller-{number}", Role.APPLICATION, timedelta(days=1)
        )
        caller = berth.client(token)
        for _ in range(WAITERS // len(environments)):
            ticket = caller.call("POST", lock_path(environment), {})["ticketId"]
            tickets.append((environment, ticket, token))
    return tickets


def acquire(environment: str, ticket: str, token: str) -> bytes:
    path = API + lock_path(environment, f"{ticket}/acquire") + "&timeoutSeconds=300"
    head = f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n"
    return f"{head}Authorization: Bearer {token}\r\n\r\n".encode()


def look(health: Client) -> tuple[float, int]:
    """How long an answer took in ms, and how many calls wait."""
    began = monotonic()
    told = health.call("GET", "/health/live")
    return (monotonic() - began) * 1_000, told["waiting"]
