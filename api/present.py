"""From what the rules and views know to what callers are shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import UNSET, UnsetType

from api.schemas import (
    CurrentLock,
    EnvironmentAnswer,
    LockStatus,
    QueuedLock,
    ReviewEnvironment,
    TicketAnswer,
)
from domain.environment.assignment import Assignment
from domain.environment.details import Details
from domain.environment.queue import LockQueue, Ticket, TicketStatus
from domain.environment.review import is_in_a_pool
from domain.environment.review_events import ReviewStatus
from domain.environment.standing import seconds_left, standing, standings
from projections.environment_listing import Listed

OPEN = {TicketStatus.QUEUED, TicketStatus.GRANTED, TicketStatus.ACQUIRED}


def environment_answer(
    listed: Listed, at: datetime, *, with_people: bool = True
) -> EnvironmentAnswer:
    """`with_people`: who created and last changed it; the list leaves that out."""
    details, queue = listed.details, listed.environment.queue
    lock = lock_status(queue, at, listed.past_holds)
    current = lock.current_lock
    return EnvironmentAnswer(
        id=listed.id,
        repository_identifier=details.repository,
        repository_name=details.repository.rpartition("/")[2],
        name=details.name,
        description=details.description,
        category=details.category,
        salesforce_username=details.salesforce_username,
        dev_hub_username=details.dev_hub_username,
        is_active=details.is_active,
        is_default=listed.is_default,
        is_locked=lock.is_locked,
        locked_by=current.locked_by if current else None,
        lock_expires_at=current.expires_at if current else None,
        lock_expires_in_seconds=current.expires_in_seconds if current else None,
        lock_status=lock,
        metadata=details.metadata,
        tags=details.tags,
        branch=details.branch,
        orchestration_order=listed.orchestration_order,
        claim_window_seconds=details.claim_window_seconds,
        created_at=listed.created_at,
        updated_at=listed.updated_at,
        review_environment=review_environment(listed.environment.review, details),
        created_by=listed.created_by if with_people else UNSET,
        updated_by=listed.updated_by if with_people else UNSET,
    )


def review_environment(
    review: Assignment | None, details: Details
) -> ReviewEnvironment | UnsetType:
    """Nothing is said of an environment that is in no pool."""
    if review is None and not is_in_a_pool(details):
        return UNSET
    return ReviewEnvironment(
        status=review.status if review else ReviewStatus.AVAILABLE,
        issue=review.issue if review else None,
        branch=review.branch if review else None,
        assigned_at=review.assigned_at if review else None,
        expires_at=review.until if review else None,
    )


def lock_status(
    queue: LockQueue, at: datetime, past_holds: Sequence[float]
) -> LockStatus:
    """As of `at`. `past_holds` are seconds, from which waits are estimated."""
    holder = queue.holder
    current = None
    if holder and holder.expires_at:
        current = CurrentLock(
            locked_by=holder.requested_by,
            lock_reason=holder.reason,
            fence=holder.fence,
            acquired_at=holder.acquired_at,
            expires_at=holder.expires_at,
            expires_in_seconds=seconds_left(holder, at),
            ticket_id=holder.id,
        )
    waiting = [
        QueuedLock(
            position=place.position,
            requested_by=place.ticket.requested_by,
            lock_reason=place.ticket.reason,
            estimated_wait_seconds=place.wait_seconds,
            estimated_wait_p50_seconds=place.p50_seconds,
            estimated_wait_p90_seconds=place.p90_seconds,
            ticket_id=place.ticket.id,
        )
        for place in standings(queue, at, past_holds)
    ]
    return LockStatus(
        is_locked=current is not None, current_lock=current, queued_locks=waiting
    )


def ticket_answer(ticket: Ticket, listed: Listed) -> TicketAnswer:
    """`listed` is the ticket's environment at the same moment."""
    at = listed.at
    place = standing(listed.environment.queue, ticket.id, at, listed.past_holds)
    is_open = ticket.status in OPEN
    return TicketAnswer(
        ticket_id=ticket.id,
        status=ticket.status,
        requested_by=ticket.requested_by,
        lock_reason=ticket.reason,
        requested_at=ticket.requested_at,
        lease_duration_seconds=ticket.lease_seconds,
        fence=ticket.fence or None,
        expires_at=ticket.expires_at,
        expires_in_seconds=(
            seconds_left(ticket, at) if is_open and ticket.expires_at else None
        ),
        position=place.position if place else None,
        estimated_wait_seconds=place.wait_seconds if place else None,
        estimated_wait_p50_seconds=place.p50_seconds if place else None,
        estimated_wait_p90_seconds=place.p90_seconds if place else None,
    )
