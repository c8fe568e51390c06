"""How a story is told: in columns for people, or in JSON, one object a line."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any, Protocol

import msgspec
from rich.console import Console
from rich.text import Text

from api.present import environment_answer
from domain.access import AccessEvent
from domain.environment.environment import Environment
from domain.environment.events import (
    EnvironmentRegistered,
    EnvironmentRetired,
    LockAcquired,
    LockEvent,
    LockExpired,
    LockReleased,
)
from domain.environment.queue import Ticket
from domain.environment.standing import seconds_left, standings
from domain.event import Event
from domain.outward.cloud_event import data_of, sequence_of, type_of
from domain.record import Recorded
from domain.release import ReleasePublished
from projections.environment_listing import Listed
from workers.one_line import short
from workers.webhooks.telling import NAME_LENGTH_MAX, told, who

HEAD = f"{'TIME (UTC)':<23} {'FENCE':>5} {'QUEUE':>5}  {'WHO':<24} WHAT"
WHO_LENGTH_MAX = 24
DELETED = "It was deleted before."


class Telling(Protocol):
    """`now` is how the environment stood after the record."""

    def happened(self, record: Recorded, now: Environment) -> None: ...

    def stood(self, listed: Listed | None, at: datetime) -> None:
        """As the API would have answered `at` then; None if it was deleted."""


class Lines:
    """With colours, if it is a terminal that shows them."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._has_begun = False

    def happened(self, record: Recorded, now: Environment) -> None:
        if not self._has_begun:
            self._console.print(Text(HEAD, "bold"))
            self._has_begun = True
        by = short(who(record.origin), WHO_LENGTH_MAX)
        line = Text(f"{clock(record.origin.at)} ", "dim")
        fence = now.queue.fence or ""
        queued = len(now.queue.queued) or ""
        line.append(f"{fence:>5} {queued:>5}  {by:<{WHO_LENGTH_MAX}} ", "not dim")
        line.append(told(record, now.details).text, f"not dim {colour(record.event)}")
        self._console.print(line)

    def stood(self, listed: Listed | None, at: datetime) -> None:
        self._console.print(Text(f"\nAt {clock(at)} UTC", "bold"))
        for line in [DELETED] if listed is None else state_lines(listed, at):
            self._console.print(Text(f"  {line}"))


class JsonLines:
    """An object for each event; with an instant, the state is the last one."""

    def happened(self, record: Recorded, now: Environment) -> None:
        holder = now.queue.holder
        self._write(
            {
                "sequence": sequence_of(record.position),
                "time": record.origin.at,
                "type": type_of(type(record.event)),
                "who": who(record.origin),
                "text": told(record, now.details).text,
                "fence": now.queue.fence,
                "lockedBy": holder.requested_by if holder else None,
                "queued": len(now.queue.queued),
                "data": msgspec.Raw(data_of(record)),
            }
        )

    def stood(self, listed: Listed | None, at: datetime) -> None:
        answer = None if listed is None else environment_answer(listed, at)
        self._write({"at": at, "environment": answer})

    def _write(self, line: dict[str, Any]) -> None:
        sys.stdout.write(msgspec.json.encode(line).decode() + "\n")


def state_lines(listed: Listed, at: datetime) -> list[str]:
    """What it was, who held it and until when, and who waited."""
    details, queue = listed.details, listed.environment.queue
    is_on = "" if details.is_active else ", not active"
    name = short(details.name, NAME_LENGTH_MAX)
    lines = [f"{name} of {details.repository} ({details.category}{is_on}), {listed.id}"]
    holder = queue.holder
    if holder is None or holder.expires_at is None:
        lines.append(f"free; its last fence is {queue.fence}")
    else:
        left = seconds_left(holder, at)
        lines.append(
            f"{holder.status} by {whose(holder)}{since(holder)} until"
            f" {clock(holder.expires_at)} ({left} s left), fence {holder.fence}:"
            f" {reason(holder.reason)}"
        )
    for place in standings(queue, at):
        ticket = place.ticket
        lines.append(
            f"{place.position}. {whose(ticket)} waits since"
            f" {clock(ticket.requested_at)}: {reason(ticket.reason)}"
        )
    if (review := listed.environment.review) is not None:
        issue = short(review.issue, NAME_LENGTH_MAX)
        lines.append(f"review: {review.status}, {issue}")
    return lines


def whose(ticket: Ticket) -> str:
    """Nothing in it moves a terminal's cursor."""
    return short(ticket.requested_by, NAME_LENGTH_MAX)


def since(holder: Ticket) -> str:
    return f" at {clock(holder.acquired_at)}" if holder.acquired_at else ""


def reason(text: str | None) -> str:
    return short(text, NAME_LENGTH_MAX) if text else "no reason given"


def clock(at: datetime) -> str:
    """To the millisecond."""
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1_000:03}"


def colour(event: Event) -> str:
    """As `rich` names it."""
    match event:
        case LockAcquired():
            return "green"
        case LockReleased(forced=True) | LockExpired():
            return "red"
        case ReleasePublished():
            return "cyan"
        case EnvironmentRegistered() | EnvironmentRetired():
            return "bold"
        case _ if isinstance(event, AccessEvent):
            return "yellow"
        case _:
            return "default" if isinstance(event, LockEvent) else "magenta"
