"""What a fault run remembers: what was asked and answered, and what was done to whom.

All instants are of one clock that never jumps, and so compare with the journal's.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from time import monotonic

from msgspec import Struct

from domain.clock import utc_now

UNAVAILABLE = 503


class Stopwatch:
    """The wall clock at the start, and what the monotonic one has counted since."""

    def __init__(self) -> None:
        self._began = (utc_now(), monotonic())

    def now(self) -> datetime:
        at, began = self._began
        return at + timedelta(seconds=monotonic() - began)


class Ask(StrEnum):
    REQUEST = "request"
    ACQUIRE = "acquire"
    RENEW = "renew"
    RELEASE = "release"


class Operation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One question of one client. `status` is None when no answer ever came.

    `told` is what the answer calls the ticket; the ticket of a request is the answer's.
    """

    client: str
    ask: Ask
    environment_id: str
    asked_at: datetime
    answered_at: datetime
    ticket_id: str | None = None
    status: int | None = None
    code: str | None = None
    told: str | None = None
    fence: int | None = None
    expires_at: datetime | None = None
    discloses: bool = False

    @property
    def is_known(self) -> bool:
        """Whether the client knows what became of it."""
        return self.status not in (None, UNAVAILABLE)

    @property
    def is_success(self) -> bool:
        return self.status in (200, 201)


class FaultKind(StrEnum):
    KILL_API = "kill -9 of an API process"
    KILL_WORKER = "kill -9 of a worker"
    STOP_WORKER = "SIGTERM of a worker"
    KILL_FORK_SERVER = "kill -9 of what a worker's tasks are forked from"
    KILL_POSTMASTER = "kill -9 of the postmaster"
    KILL_POSTGRES = "kill -9 of all of PostgreSQL amid a commit"
    KILL_NATS = "kill -9 of nats-server"
    LOSE_JETSTREAM = "loss of JetStream's folder, and kill -9 of nats-server"
    FREEZE_APPEND = "SIGSTOP of an API process amid an append"
    FREEZE = "SIGSTOP of an API process at another moment"


class Fault(Struct, frozen=True, omit_defaults=True):
    """`over_at`: all that was broken works again. `stalled_until`: while nobody at all
    could append, if it was of that kind; it began with the fault.
    """

    kind: FaultKind
    target: str
    began_at: datetime
    over_at: datetime
    stalled_until: datetime | None = None
