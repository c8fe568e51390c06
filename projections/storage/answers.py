"""Requests that came with an Idempotency-Key: who is at it, and what was answered.

A request is taken before anything is done for it, and its answer is kept before it is
sent. Who takes a request renews that every few seconds; a process that was killed does
not, and the next one takes over, under the same id. This table alone could not prevent
that both do the work: that is `domain/once.py`, in the journal.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, LiteralString

import msgspec
import structlog
from cryptography.exceptions import InvalidTag
from msgspec import Struct
from msgspec.structs import replace

from domain.errors import AnswerLost, KeyInUse, KeyReused, VaultClosed
from domain.ids import new_id
from projections.storage.database import Database
from projections.storage.sealing import Seal, version_of
from projections.storage.threads import in_thread

TAKEN_SECONDS = 6
SEED_BYTES = 32
SWEPT_AT_ONCE = 5_000
ROWS_MAX = 2_000_000
log = structlog.get_logger()

TAKE: LiteralString = """
INSERT INTO idempotent_request AS known
    (name, id, fingerprint, attempt, taken_until, sealed)
VALUES (
    %(name)s, %(id)s, %(fingerprint)s, %(attempt)s,
    clock_timestamp() + make_interval(secs => %(seconds)s), %(sealed)s
)
ON CONFLICT (name) DO UPDATE
SET attempt = excluded.attempt, taken_until = excluded.taken_until
WHERE known.status IS NULL AND known.taken_until <= clock_timestamp()
    AND known.fingerprint = excluded.fingerprint
RETURNING id, sealed
"""
FIND: LiteralString = """
SELECT id, fingerprint, status, sealed FROM idempotent_request WHERE name = %(name)s
"""
# Only the latest attempt has a say: one that was thought dead may still come back.
RENEW: LiteralString = """
UPDATE idempotent_request
SET taken_until = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE name = %(name)s AND attempt = %(attempt)s AND status IS NULL
"""
# No attempt is left of it, so a renewal that is under way does not take it back.
GIVE_BACK: LiteralString = """
UPDATE idempotent_request SET taken_until = clock_timestamp(), attempt = ''
WHERE name = %(name)s AND attempt = %(attempt)s AND status IS NULL
"""
KEEP: LiteralString = """
UPDATE idempotent_request SET status = %(status)s, sealed = %(sealed)s
WHERE name = %(name)s AND attempt = %(attempt)s AND status IS NULL
"""
# Those over a day old, and the oldest of those that are too many.
SWEEP: LiteralString = """
DELETE FROM idempotent_request WHERE name IN (
    SELECT name FROM idempotent_request
    WHERE created_at < greatest(
        clock_timestamp() - interval '24 hours',
        (SELECT created_at FROM idempotent_request
         ORDER BY created_at DESC OFFSET %(rows_max)s LIMIT 1)
    )
    ORDER BY created_at LIMIT %(limit)s
)
"""


class Answer(Struct, frozen=True):
    """What was answered: as much of it as is the same for whoever asks again."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def __repr__(self) -> str:
        return f"Answer({self.status})"


class Taken(Struct, frozen=True):
    """A request that is ours to carry out. The `seed` is for its secrets."""

    name: bytes
    id: str
    attempt: str
    seed: bytes

    def __repr__(self) -> str:
        return f"Taken({self.id})"


class Answers:
    """`durable` commits wait for the disk: a request must not be forgotten."""

    def __init__(self, durable: Database, quick: Database, seal: Seal) -> None:
        self._durable = durable
        self._quick = quick
        self._seal = seal

    async def take(self, name: bytes, fingerprint: bytes) -> Taken | Answer:
        """The request, to carry it out, or what was answered to it before.

        `KeyReused` if the name stands for another request; `KeyInUse` while somebody
        else is at it; `AnswerLost` if the key that sealed it has been taken away;
        `VaultClosed` if that is a new one, which this process has not been given yet.
        """
        return await in_thread(self._take, name, fingerprint)

    async def renew(self, taken: Taken) -> None:
        await in_thread(self._update, RENEW, taken, {"seconds": TAKEN_SECONDS})

    async def give_back(self, taken: Taken) -> None:
        """Nothing is known of what came of it: whoever asks again is to try again."""
        await in_thread(self._update, GIVE_BACK, taken, {})

    async def keep(self, taken: Taken, answer: Answer) -> None:
        """If this is lost, it is made once more."""
        sealed = self._seal.close(taken.id, msgspec.msgpack.encode(answer))
        values = {"status": answer.status, "sealed": sealed}
        await in_thread(self._update, KEEP, taken, values)

    async def sweep(self) -> int:
        """Delete some of what is too old; return how many."""
        return await in_thread(self._sweep)

    def _take(self, name: bytes, fingerprint: bytes) -> Taken | Answer:
        request_id, attempt = new_id(), new_id()
        values = {
            "name": name,
            "id": request_id,
            "fingerprint": fingerprint,
            "attempt": attempt,
            "seconds": TAKEN_SECONDS,
            "sealed": self._seal.close(request_id, secrets.token_bytes(SEED_BYTES)),
        }
        with self._durable.cursor() as cursor:
            mine = cursor.execute(TAKE, values, prepare=True).fetchone()
            if mine is None:
                found = cursor.execute(FIND, values, prepare=True).fetchone()
        if mine is not None:
            taken = Taken(name, mine["id"], attempt, b"")
            try:
                return replace(taken, seed=self._open(mine))
            except VaultClosed:
                self._update(GIVE_BACK, taken, {})
                raise
        if found is None:  # It was swept away just now.
            raise KeyInUse("this Idempotency-Key is just being forgotten; ask again")
        if found["fingerprint"] != fingerprint:
            raise KeyReused("this Idempotency-Key was sent with another request")
        if found["status"] is None:
            raise KeyInUse("the first request with this key has no answer yet")
        return msgspec.msgpack.decode(self._open(found), type=Answer)

    def _open(self, row: Mapping[str, Any]) -> bytes:
        version = version_of(row["sealed"])
        try:
            return self._seal.open(row["id"], row["sealed"])
        except (VaultClosed, InvalidTag) as error:
            if version > max(self._seal.keys.versions):
                raise
            log.warning("answer lost", key_version=version, reason=type(error).__name__)
            raise AnswerLost(
                "the vault key that this request is sealed with is gone"
            ) from None

    def _update(
        self, statement: LiteralString, taken: Taken, values: dict[str, Any]
    ) -> None:
        key = {"name": taken.name, "attempt": taken.attempt}
        with self._quick.cursor() as cursor:
            cursor.execute(statement, key | values, prepare=True)

    def _sweep(self) -> int:
        values = {"limit": SWEPT_AT_ONCE, "rows_max": ROWS_MAX}
        with self._quick.cursor() as cursor:
            return cursor.execute(SWEEP, values).rowcount
