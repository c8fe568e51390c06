"""What is promised of tasks, and checked."""

from __future__ import annotations

from enum import StrEnum


class Promise(StrEnum):
    ACKNOWLEDGED = "what was acknowledged is in the journal"
    AN_END = "every task comes to an end"
    ONE_END = "nothing happens to a task after its end"
    ATTEMPTS = "attempts count up from 1, each with a lease of its own"
    ONE_LEASE = "never two live leases of one task"
    LATE = "what comes after an attempt's lease changes nothing"
    STALLED = "no worker loses its attempt before its time, nor too often"
    PARTING = "a worker that is stopped has nothing left"
    FAULTLESS = "no attempt fails but by its handler"
    READY = "nothing starts before its time"
    RETRIES = "a task fails for good when its attempts are used up, not before"
    CANCEL = "cancelled is what somebody asked to cancel"
    AT_MOST = "at most so many at once for each concurrency key"
    RUN_ONCE = "no attempt is run twice, nor without a record of its start"
    RESULT = "the result is that of the attempt on record"
    SLOTS = "a schedule fires each slot once, and leaves none out"
    ANSWERS = "no answer that should not be"
    BOARD = "what is shown is what the journal folds to"
