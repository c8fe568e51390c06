"""Review environments: members of a pool, each lent to one issue for some time.

    Available --assign--> InUse --unassign, or said to be Available--> Available
                          InUse --its time is over, or said to be--> Expired
    Expired --assign--> InUse        Expired --said to be Available--> Available

Only `InUse` is anybody's. `Expired` still tells whose it was, since nobody has said
that it was left tidy: it is lent again when no `Available` one is to be had. Taking an
environment out of use gives it back. docs/review-environments.md has the whole of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import assert_never

from domain.environment.assignment import Assignment, had
from domain.environment.command import EnvironmentCommand
from domain.environment.details import Details
from domain.environment.review_events import (
    ReviewAssigned,
    ReviewEvent,
    ReviewExtended,
    ReviewStatus,
    ReviewTransitioned,
    ReviewUnassigned,
)
from domain.errors import (
    EnvironmentInactive,
    EnvironmentLocked,
    Invalid,
    LeaseOver,
    NotInPool,
    ReviewMoved,
    ReviewNotAssigned,
    ReviewTaken,
)

LEASE_SECONDS = 86_400
LEASE_SECONDS_MAX = 30 * 86_400


class ReviewCommand(EnvironmentCommand, frozen=True, kw_only=True):
    """Of `issue` in `pool`, or of whoever has it there; for the task `operation_id`."""

    issue: str | None = None
    pool: str
    operation_id: str


class AssignReview(ReviewCommand, frozen=True, kw_only=True):
    """To the same issue again: the same assignment, which never gets shorter."""

    issue: str
    branch: str | None = None
    lease_seconds: int | None = None


class KeepReview(ReviewCommand, frozen=True, kw_only=True):
    """Refuses unless `issue` has it; then as `AssignReview`."""

    lease_seconds: int | None = None


class ExtendReview(ReviewCommand, frozen=True, kw_only=True):
    """To end no sooner than `lease_seconds` from now, or so much later than it did."""

    lease_seconds: int | None = None
    by_seconds: int | None = None


class TransitionReview(ReviewCommand, frozen=True, kw_only=True):
    status: ReviewStatus


class UnassignReview(ReviewCommand, frozen=True, kw_only=True):
    """Give it back. Twice is once."""


class RequireElsewhere(ReviewCommand, frozen=True, kw_only=True):
    """Refuses if `issue` has it: put beside the assignment of another to the issue."""


AnyReviewCommand = (
    AssignReview
    | KeepReview
    | ExtendReview
    | TransitionReview
    | UnassignReview
    | RequireElsewhere
)


POOL = "pool:"


def tag_of(pool: str) -> str:
    """What an environment carries that belongs to `pool`."""
    return POOL + pool


def pools_of(tags: Iterable[str]) -> Sequence[str]:
    return [tag.removeprefix(POOL) for tag in tags if tag.startswith(POOL)]


def is_in_a_pool(details: Details) -> bool:
    return bool(pools_of(details.tags))


def decide(
    command: AnyReviewCommand,
    review: Assignment | None,
    details: Details,
    at: datetime,
    *,
    is_locked: bool,
) -> Sequence[ReviewEvent]:
    """What `command` leads to after `lapse`: a live assignment is one in its time."""
    match command:
        case AssignReview():
            if review and review.is_live:
                return keep(command, live(review, command), at)
            check_is_to_be_had(command, details, is_locked=is_locked)
            return [assigned(command, at)]
        case KeepReview():
            return keep(command, live(review, command), at)
        case ExtendReview():
            return extend(command, live(review, command), at)
        case TransitionReview():
            return transition(command, review)
        case UnassignReview():
            return unassign(command, review)
        case RequireElsewhere():
            if review and review.is_live and is_of(review, command):
                raise ReviewMoved(f"{command.issue} has {details.name} already")
            return []
        case _:
            assert_never(command)


def check_is_to_be_had(
    command: AssignReview, details: Details, *, is_locked: bool
) -> None:
    """`NotInPool`, `EnvironmentInactive` or `EnvironmentLocked`, if it is not."""
    if tag_of(command.pool) not in details.tags:
        raise NotInPool(f"{details.name} is not in the pool {command.pool}")
    if not details.is_active:
        raise EnvironmentInactive(f"{details.name} is not active")
    if is_locked:  # Somebody deploys to it just now, whose work it would disturb.
        raise EnvironmentLocked(f"{details.name} is locked")


def assigned(command: AssignReview, at: datetime) -> ReviewAssigned:
    seconds = command.lease_seconds or LEASE_SECONDS
    return ReviewAssigned(
        issue=command.issue,
        pool=command.pool,
        branch=command.branch,
        assigned_at=at,
        until=at + timedelta(seconds=seconds),
        operation_id=command.operation_id,
        requested_by=command.by.id,
    )


def is_of(review: Assignment, command: ReviewCommand) -> bool:
    return review.is_of(command.issue, command.pool)


def meant(review: Assignment | None, command: ReviewCommand) -> Assignment:
    """The assignment, live or over, if it is the one that `command` means."""
    review = had(review)
    if review is not None and is_of(review, command):
        return review
    refusal = ReviewTaken if review and review.is_live else ReviewNotAssigned
    if review is not None and review.pool != command.pool:
        where = f"in the pool {review.pool}, not in {command.pool}"
        raise refusal(f"this environment is assigned {where}")
    if refusal is ReviewTaken:
        raise refusal("another issue has this environment")
    raise refusal("this environment is assigned to no such issue")


def live(review: Assignment | None, command: ReviewCommand) -> Assignment:
    """The assignment that is meant; `LeaseOver` if its time is over."""
    found = meant(review, command)
    if not found.is_live:
        raise LeaseOver(f"too late: the time of {found.issue} is over")
    return found


def keep(
    command: AssignReview | KeepReview, review: Assignment, at: datetime
) -> Sequence[ReviewEvent]:
    if command.lease_seconds is None:
        return []  # The same assignment: nothing to append.
    return prolong(command, review, at + timedelta(seconds=command.lease_seconds))


def extend(
    command: ExtendReview, review: Assignment, at: datetime
) -> Sequence[ReviewEvent]:
    """By `by_seconds` beyond its end, or from now on; `Invalid` if that is too long."""
    if command.by_seconds is None:
        seconds = command.lease_seconds or LEASE_SECONDS
        return prolong(command, review, at + timedelta(seconds=seconds))
    until = review.until + timedelta(seconds=command.by_seconds)
    if until > at + timedelta(seconds=LEASE_SECONDS_MAX):
        raise Invalid(
            f"extendBy: it would end later than {LEASE_SECONDS_MAX} s from now",
            field="extendBy",
        )
    return prolong(command, review, until)


def prolong(
    command: AssignReview | KeepReview | ExtendReview,
    review: Assignment,
    until: datetime,
) -> Sequence[ReviewEvent]:
    """Unless it lasts that long already."""
    if until <= review.until:
        return []
    by = command.by.id
    return [ReviewExtended(review.issue, until, command.operation_id, by)]


def unassign(
    command: UnassignReview, review: Assignment | None
) -> Sequence[ReviewEvent]:
    """Nothing, if it was given back already or is another issue's."""
    if not (review and review.is_live and is_of(review, command)):
        return []  # It was given back, or is another's by now.
    by = command.by.id
    return [ReviewUnassigned(review.issue, command.operation_id, by)]


def transition(
    command: TransitionReview, review: Assignment | None
) -> Sequence[ReviewEvent]:
    """`LeaseOver` if it is to be in use again."""
    if had(review) is None and command.status is ReviewStatus.AVAILABLE:
        return []  # It is that already.
    found = meant(review, command)
    if found.status is command.status:
        return []
    if command.status is ReviewStatus.IN_USE:
        raise LeaseOver(f"too late: the time of {found.issue} is over")
    by = command.by.id
    return [ReviewTransitioned(found.issue, command.status, command.operation_id, by)]
