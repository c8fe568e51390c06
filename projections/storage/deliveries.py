"""What waits to be delivered to webhooks: put there, claimed in turn, and settled.

A claim is a lease: whoever took a row and dies leaves it to others when that is over.
No transaction is open while anything is sent.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from psycopg import Cursor
from psycopg.rows import DictRow

from domain.webhook.schedule import (
    FAILURES_MAX,
    JITTER,
    PROBE_SECONDS,
    PROBE_SECONDS_MAX,
    SILENT_DAYS,
    SUSPENDED_AFTER_DAYS,
)
from projections.queries import load
from projections.storage.database import Database
from projections.storage.threads import in_thread

AT_ONCE_MAX = 8
# Beyond the webhook's own timeout: until it is sent, and what came of it is put down.
LEASE_SECONDS = 15
CLAIM_BITS = 62
PLACE = "webhook-deliveries"
SWEPT_MAX = 10_000
HURRIED_MAX = 5_000
RULES = {
    "failures_max": FAILURES_MAX,
    "jitter": JITTER,
    "probe_seconds": PROBE_SECONDS,
    "probe_seconds_max": PROBE_SECONDS_MAX,
    "silent_days": SILENT_DAYS,
    "suspended_after_days": SUSPENDED_AFTER_DAYS,
}

sql = load("webhook_deliveries")


class Outcome(StrEnum):
    """`failed` is tried again; `givenUp` is not."""

    DELIVERED = "delivered"
    FAILED = "failed"
    GIVEN_UP = "givenUp"


class New(NamedTuple):
    """The event at `position`, for one webhook; `subject` if it goes in order."""

    webhook_id: str
    position: int
    subject: str | None = None


class Claimed(Struct, frozen=True):
    """`attempts` were made before; a probe is the only one of its webhook."""

    webhook_id: str
    position: int
    attempts: int
    claim: int
    is_probe: bool


class Attempt(Struct, frozen=True):
    """What came of one. Without `again_seconds` it was the last one.

    `rest_seconds` is how long the receiver asked to be left alone; `config_id` says
    where it was then, in the vault.
    """

    webhook_id: str
    position: int
    claim: int
    attempt: int
    is_probe: bool
    outcome: Outcome
    event_id: str
    event_type: str
    latency_ms: float
    again_seconds: float | None = None
    rest_seconds: float | None = None
    status: int | None = None
    error: str | None = None
    head: str = ""
    config_id: str | None = None

    @property
    def is_success(self) -> bool:
        return self.outcome is Outcome.DELIVERED


class Deliveries:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def place(self) -> int:
        """Up to which position of the journal everything was put here."""
        return await in_thread(self._place)

    async def follow(self, new: Sequence[New], *, after: int, upto: int) -> bool:
        """Put these and move the place from `after`, together; False if it is not there
        any more: somebody else follows the journal.
        """
        return await in_thread(self._follow, new, after, upto)

    async def put_again(self, new: Sequence[New]) -> None:
        """Due now, whether they are waiting or were delivered or given up."""
        await in_thread(self._put_again, new)

    async def claim(self, busy: Mapping[str, int]) -> Sequence[Claimed]:
        """What may be sent now, beside what of each webhook is being sent here."""
        return await in_thread(self._claim, busy)

    async def settle(self, attempts: Sequence[Attempt]) -> Sequence[str]:
        """Put down what came of `attempts`; the webhooks that failed for too long."""
        return await in_thread(self._settle, attempts)

    async def forgive(self, webhook_id: str) -> None:
        """It is tried at once, as if it had never failed."""
        await in_thread(self._run, "forgive", {"webhook_id": webhook_id})

    async def waiting(self, webhooks: Sequence[str], limit: int) -> Mapping[str, int]:
        """How many wait for each; `limit` if it is that many or more."""
        return await in_thread(self._waiting, webhooks, limit)

    async def sweep(self) -> int:
        """Drop what waits for webhooks that were deleted; return how many."""
        return await in_thread(self._run, "sweep", {"limit": SWEPT_MAX})

    def _place(self) -> int:
        with self._database.transaction(commit=True) as cursor:
            [row] = cursor.execute(sql["place"], {"name": PLACE}).fetchall()
        position: int = row["position"]
        return position

    def _follow(self, new: Sequence[New], after: int, upto: int) -> bool:
        with self._database.transaction(commit=True) as cursor:
            moved = {"name": PLACE, "after": after, "upto": upto}
            if cursor.execute(sql["move"], moved).rowcount == 0:
                return False
            _put(cursor, new, is_again=False)
        return True

    def _put_again(self, new: Sequence[New]) -> None:
        with self._database.transaction(commit=True) as cursor:
            cursor.execute(sql["take_turns"])
            _put(cursor, new, is_again=True)

    def _claim(self, busy: Mapping[str, int]) -> Sequence[Claimed]:
        values = {
            "webhooks": [*busy],
            "counts": [*busy.values()],
            "claim": secrets.randbits(CLAIM_BITS),
            "at_once": AT_ONCE_MAX,
            "lease_seconds": LEASE_SECONDS,
        }
        with self._database.transaction(commit=True) as cursor:
            cursor.execute(sql["plan_by_index"])
            rows = cursor.execute(sql["claim"], values).fetchall()
        return msgspec.convert(rows, list[Claimed])

    def _settle(self, attempts: Sequence[Attempt]) -> Sequence[str]:
        sums = [*_sums(attempts)]
        well = [sum_["webhook_id"] for sum_ in sums if sum_["successes"]]
        with self._database.transaction(commit=True) as cursor:
            cursor.execute(sql["plan_by_index"])
            cursor.execute(sql["make_shelf"])
            cursor.execute(sql["take_turns"])
            done = cursor.execute(sql["settle"], {"rows": _json(attempts)}).fetchall()
            _call_next(cursor, [row for row in done if row["subject"] is not None])
            if well:
                cursor.execute(
                    sql["hurry"], {"webhooks": well, "hurried_max": HURRIED_MAX}
                )
            values = {"sums": _json(sums), **RULES}
            judged = cursor.execute(sql["judge"], values).fetchall()
        return [row["webhook_id"] for row in judged if row["is_hopeless"]]

    def _waiting(self, webhooks: Sequence[str], limit: int) -> Mapping[str, int]:
        values = {"webhooks": [*webhooks], "limit": limit}
        with self._database.transaction(commit=True) as cursor:
            cursor.execute(sql["plan_by_index"])
            rows = cursor.execute(sql["count_waiting"], values).fetchall()
        return {row["id"]: row["number"] for row in rows}

    def _run(self, name: str, values: Mapping[str, Any]) -> int:
        with self._database.transaction(commit=True) as cursor:
            cursor.execute(sql["plan_by_index"])
            return cursor.execute(sql[name], values).rowcount


def _put(cursor: Cursor[DictRow], new: Sequence[New], *, is_again: bool) -> None:
    if not new:
        return
    webhooks, positions, subjects = zip(*new, strict=True)
    values = {
        "webhooks": [*webhooks],
        "positions": [*positions],
        "subjects": [*subjects],
        "is_again": is_again,
    }
    if any(subjects):
        cursor.execute(sql["take_turns"])
    cursor.execute(sql["plan_by_index"])
    cursor.execute(sql["know"], {"webhooks": [*dict.fromkeys(webhooks)]})
    cursor.execute(sql["put"], values)


def _call_next(cursor: Cursor[DictRow], done: Sequence[DictRow]) -> None:
    if done:
        values = {
            "webhooks": [row["webhook_id"] for row in done],
            "subjects": [row["subject"] for row in done],
        }
        cursor.execute(sql["call_next"], values)


def _sums(attempts: Iterable[Attempt]) -> Iterable[dict[str, Any]]:
    """Of each webhook, how it did."""
    of: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        of.setdefault(attempt.webhook_id, []).append(attempt)
    for webhook_id, its in of.items():
        successes = sum(attempt.is_success for attempt in its)
        rests = [a.rest_seconds for a in its if a.rest_seconds is not None]
        yield {
            "webhook_id": webhook_id,
            "successes": successes,
            "failures": len(its) - successes,
            "is_probe": any(attempt.is_probe for attempt in its),
            "rest_seconds": max(rests, default=None),
        }


def _json(rows: Sequence[Any]) -> str:
    return msgspec.json.encode(rows).decode()
