"""Short words for the facts and the wishes that the tests speak of.

A ticket `a` is asked for by `by-a`. Instants are seconds after noon.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.decider import Step
from domain.environment.details import RegisterEnvironment
from domain.environment.environment import environment
from domain.environment.events import (
    Category,
    EnvironmentRegistered,
    ExpiryCause,
    LockAcquired,
    LockExpired,
    LockGranted,
    LockLapsed,
    LockReleased,
    LockRenewed,
    LockRequested,
    LockWithdrawn,
)
from domain.environment.lock import (
    MAX_WAIT_SECONDS,
    AcquireLock,
    ExpireLock,
    ReleaseLock,
    RenewLock,
    RequestLock,
)
from domain.environment.review_events import ReviewAssigned
from domain.event import Actor, Command, system
from domain.roles import Role

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OWNER = Actor("olga", Role.OWNER)
MEMBER = Actor("mia", Role.MEMBER)
STRANGER = Actor("mallory", Role.APPLICATION)
TIMER = system("lock_expiry")


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def by(ticket: str) -> Actor:
    return Actor(f"by-{ticket}", Role.APPLICATION)


def registered(**details: Any) -> EnvironmentRegistered:
    facts: dict[str, Any] = {
        "repository": "acme/shop",
        "name": "uat",
        "category": Category.TEST,
        "salesforce_username": "uat@acme.example",
    }
    return EnvironmentRegistered(**(facts | details))


def requested(
    ticket: str, seconds: float = 0, *, lease: int = 600, patience: float | None = None
) -> LockRequested:
    wait = MAX_WAIT_SECONDS if patience is None else patience
    return LockRequested(
        ticket_id=ticket,
        requested_by=f"by-{ticket}",
        application=None,
        reason="test",
        lease_seconds=lease,
        requested_at=at(seconds),
        lapses_at=at(seconds + wait),
    )


def granted(ticket: str, fence: int, until: float) -> LockGranted:
    """At the request: its lease may be spent on its coming."""
    return LockGranted(ticket, f"by-{ticket}", fence, at(until), ExpiryCause.LEASE)


def called(ticket: str, fence: int, until: float) -> LockGranted:
    """From the queue: to be claimed by then."""
    return LockGranted(ticket, f"by-{ticket}", fence, at(until), ExpiryCause.CLAIM)


def acquired(
    ticket: str, fence: int, until: float, *, lease: int = 600
) -> LockAcquired:
    return LockAcquired(ticket, fence, at(until), lease, "test")


def renewed(ticket: str, fence: int, until: float) -> LockRenewed:
    return LockRenewed(ticket, fence, at(until))


def released(ticket: str, fence: int) -> LockReleased:
    return LockReleased(ticket, f"by-{ticket}", fence, f"by-{ticket}")


def forced(ticket: str, fence: int, *, by: str = OWNER.id) -> LockReleased:
    return LockReleased(ticket, f"by-{ticket}", fence, by, forced=True)


def withdrawn(ticket: str) -> LockWithdrawn:
    return LockWithdrawn(ticket, f"by-{ticket}", f"by-{ticket}")


def lapsed(ticket: str) -> LockLapsed:
    return LockLapsed(ticket, f"by-{ticket}")


def expired(ticket: str, fence: int) -> LockExpired:
    return LockExpired(ticket, f"by-{ticket}", fence, ExpiryCause.LEASE)


def unclaimed(ticket: str, fence: int) -> LockExpired:
    return LockExpired(ticket, f"by-{ticket}", fence, ExpiryCause.CLAIM)


def lent(issue: str, *, until: float, since: float = 0) -> ReviewAssigned:
    """A review environment, by the task `fetch-<issue>` of `by-<issue>`."""
    return ReviewAssigned(
        issue=issue,
        pool="core",
        branch=None,
        assigned_at=at(since),
        until=at(until),
        operation_id=f"fetch-{issue}",
        requested_by=f"by-{issue}",
    )


def request(
    ticket: str,
    *,
    lease: int = 600,
    patience: int = MAX_WAIT_SECONDS,
    actor: Actor | None = None,
) -> RequestLock:
    return RequestLock(
        by=actor or by(ticket),
        ticket_id=ticket,
        reason="test",
        lease_seconds=lease,
        max_wait_seconds=patience,
    )


def acquire(
    ticket: str, *, actor: Actor | None = None, disclose: bool = False
) -> AcquireLock:
    return AcquireLock(by=actor or by(ticket), ticket_id=ticket, disclose=disclose)


def renew(
    ticket: str, lease: int | None = None, *, actor: Actor | None = None
) -> RenewLock:
    return RenewLock(by=actor or by(ticket), ticket_id=ticket, lease_seconds=lease)


def release(ticket: str, *, actor: Actor | None = None) -> ReleaseLock:
    return ReleaseLock(by=actor or by(ticket), ticket_id=ticket)


def nudge() -> ExpireLock:
    return ExpireLock(by=TIMER)


def register(**details: Any) -> RegisterEnvironment:
    return RegisterEnvironment(by=OWNER, registered=registered(**details))


def to(stream: str, command: Command, *, fresh: bool = False) -> Step:
    """`command` put to the environment `stream`."""
    return Step(environment, stream, command, fresh)
