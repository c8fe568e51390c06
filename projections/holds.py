"""The holds: who held which lock, from when to when, and how it ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, get_args

from domain.environment.events import (
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
from domain.record import Recorded
from projections.queries import load
from projections.view import NewRows, Row, View, Write

sql = load("holds")


class Cause(StrEnum):
    """How a hold ended: given back, taken away by an owner, or its time was over."""

    RELEASED = "released"
    FORCED = "forced"
    LEASE_EXPIRED = "lease_expired"
    CLAIM_EXPIRED = "claim_expired"


EXPIRED = {
    ExpiryCause.LEASE: Cause.LEASE_EXPIRED,
    ExpiryCause.CLAIM: Cause.CLAIM_EXPIRED,
}
Shown = (
    LockRequested
    | LockGranted
    | LockAcquired
    | LockRenewed
    | LockReleased
    | LockExpired
    | LockWithdrawn
    | LockLapsed
)
# What became of a ticket within the batch is in its row already.
HOLDS = NewRows(
    "hold",
    {
        "ticket_id": "text",
        "environment_id": "text",
        "requested_by": "text",
        "application": "text",
        "reason": "text",
        "lease_seconds": "integer",
        "requested_at": "timestamptz",
        "fence": "bigint",
        "granted_position": "bigint",
        "granted_version": "bigint",
        "granted_at": "timestamptz",
        "acquired_at": "timestamptz",
        "expires_at": "timestamptz",
        "expiry_cause": "text",
        "ended_position": "bigint",
        "ended_version": "bigint",
        "ended_at": "timestamptz",
        "cause": "text",
        "ended_by": "text",
    },
)
UNKNOWN_YET: dict[str, Any] = dict.fromkeys([*HOLDS.columns][7:])


class Changes:
    """What one batch changes; the cases stand in the order of how often they come."""

    def __init__(self) -> None:
        self.new: dict[str, dict[str, Any]] = {}
        self.changed: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        self.gone: list[Row] = []

    def see(self, record: Recorded) -> None:
        match record.event:
            case LockRequested() as asked:
                self.new[asked.ticket_id] = {
                    "ticket_id": asked.ticket_id,
                    "environment_id": record.originator_id,
                    "requested_by": asked.requested_by,
                    "application": asked.application,
                    "reason": asked.reason,
                    "lease_seconds": asked.lease_seconds,
                    "requested_at": asked.requested_at,
                    **UNKNOWN_YET,
                }
            case LockGranted() as granted:
                row = self._row(granted.ticket_id)
                row["fence"] = granted.fence
                row["granted_position"] = record.position
                row["granted_version"] = record.originator_version
                row["granted_at"] = record.origin.at
                row["expires_at"] = granted.expires_at
                row["expiry_cause"] = granted.expiry_cause
            case LockAcquired() as acquired:
                row = self._row(acquired.ticket_id)
                row["acquired_at"] = record.origin.at
                row["expires_at"] = acquired.expires_at
                row["expiry_cause"] = ExpiryCause.LEASE
            case LockReleased(ticket_id=ticket_id, released_by=by, forced=forced):
                cause = Cause.FORCED if forced else Cause.RELEASED
                self._end(ticket_id, record, cause, by)
            case LockExpired(ticket_id=ticket_id, cause=expiry_cause):
                self._end(ticket_id, record, EXPIRED[expiry_cause], None)
            case LockRenewed() as renewed:
                self._row(renewed.ticket_id)["expires_at"] = renewed.expires_at
            case LockWithdrawn(ticket_id=ticket_id) | LockLapsed(ticket_id=ticket_id):
                if self.new.pop(ticket_id, None) is None:
                    self.gone.append({"ticket_id": ticket_id})
            case _:
                pass  # Not every event shows in this view.

    def _row(self, ticket_id: str) -> dict[str, Any]:
        row = self.new.get(ticket_id)
        return self.changed[ticket_id] if row is None else row

    def _end(
        self, ticket_id: str, record: Recorded, cause: Cause, by: str | None
    ) -> None:
        """What expired ended when its time was over, however late it was told."""
        row, at = self._row(ticket_id), record.origin.at
        row["ended_at"] = min(at, row.get("expires_at") or at)
        row["ended_position"] = record.position
        row["ended_version"] = record.originator_version
        row["cause"] = cause
        row["ended_by"] = by

    def writes(self) -> Iterable[Write]:
        yield HOLDS, [tuple(row.values()) for row in self.new.values()]
        changed = [{"ticket_id": key, **row} for key, row in self.changed.items()]
        yield sql["change_holds"], changed
        yield sql["remove_tickets"], self.gone


def project(records: Iterable[Recorded]) -> Iterable[Write]:
    changes = Changes()
    for record in records:
        changes.see(record)
    return changes.writes()


holds = View(
    "holds",
    ("hold",),
    project,
    get_args(Shown),
    erase=(sql["erase_holders"], sql["erase_enders"]),
)
