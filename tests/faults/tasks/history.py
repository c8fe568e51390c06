"""What the clients of a run remember of what they asked."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from tests.faults.history import UNAVAILABLE


class Ask(StrEnum):
    SUBMIT = "submit"
    REPEAT = "submit a recurring one"
    RESULT = "wait for the result"
    LOOK = "status"
    CANCEL = "cancel"
    STOP = "stop a recurring one"


class Parting(Struct, frozen=True):
    """From when on `worker` had to part with what it had begun before `until`."""

    worker: str
    since: datetime
    until: datetime
    is_stopped: bool = False


class Operation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One question of one client. `status` is None when no answer ever came.

    `told` is what the answer says of the task; `stopped_at`, of a schedule's end.
    """

    client: str
    ask: Ask
    asked_at: datetime
    answered_at: datetime
    operation_id: str | None = None
    status: int | None = None
    code: str | None = None
    told: str | None = None
    result: Any = None
    stopped_at: datetime | None = None

    @property
    def is_known(self) -> bool:
        """Whether the client knows what became of it."""
        return self.status not in (None, UNAVAILABLE)

    @property
    def is_success(self) -> bool:
        return self.status in (200, 201)
