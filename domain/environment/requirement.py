"""What is asked of an environment by those who rely on it and change nothing.

Put beside a step to another stream, it makes both of them one decision.
"""

from __future__ import annotations

from domain.environment.command import EnvironmentCommand
from domain.environment.lock import known
from domain.environment.queue import LockQueue, TicketStatus
from domain.errors import NotAcquired, NotHolder, StaleFence, TicketEnded


class RequireEnvironment(EnvironmentCommand, frozen=True, kw_only=True):
    """Refuses unless it is there."""


class RequireHold(EnvironmentCommand, frozen=True, kw_only=True):
    """Refuses unless the caller holds the lock now, with this ticket and its fence."""

    ticket_id: str
    fence: int


Requirement = RequireEnvironment | RequireHold


def check(command: Requirement, queue: LockQueue) -> None:
    """`lapse` has been applied to `queue`, so that a hold is a live one."""
    if isinstance(command, RequireEnvironment):
        return
    ticket = known(queue, command.ticket_id)
    if not command.by.is_same_as(ticket.requested_by, ticket.application):
        raise NotHolder("only its holder may use this ticket")
    if ticket.id in queue.ended:
        if ticket.fence:
            raise StaleFence(f"this ticket is {ticket.status}: its fence is outdated")
        raise TicketEnded(f"this ticket is {ticket.status}", status=ticket.status)
    if ticket.status is not TicketStatus.ACQUIRED or ticket.fence != command.fence:
        raise NotAcquired(f"this ticket is {ticket.status}: acquire the lock first")
