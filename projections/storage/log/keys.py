"""The keys that sign checkpoints: made at the first start, replaced when it is ordered.

The private halves are in the vault, so whoever has the database alone can sign nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import LiteralString

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from domain.ids import new_id
from domain.seal.note import Key, Sign, decoded, encoded, key_of
from projections.storage.database import Database
from projections.storage.log.signing import new_private_key, private_key, public_half
from projections.storage.migrate import ADVISORY_LOCK
from projections.storage.threads import in_thread
from projections.storage.vault import Vault

# What the sweep of the vault leaves alone: workers/credential_sweep.py.
CREDENTIALS = "log-key/"
ORIGIN = "berth.log/"

ONE_AT_A_TIME: LiteralString = "SELECT pg_advisory_xact_lock(%s, hashtext('log-key'))"
BEGIN: LiteralString = """
INSERT INTO log (origin) VALUES (%s) ON CONFLICT (is_only) DO NOTHING
"""
ORIGIN_OF: LiteralString = "SELECT origin FROM log"
ALL: LiteralString = """
SELECT vkey, credential_id, created_at, signs_until,
    signs_until IS NULL OR signs_until > clock_timestamp() AS signs
FROM log_key ORDER BY created_at DESC, vkey
"""
ADD: LiteralString = "INSERT INTO log_key (vkey, credential_id) VALUES (%s, %s)"
REPLACE: LiteralString = """
UPDATE log_key SET signs_until = clock_timestamp() + %s
WHERE signs_until IS NULL
"""


class LogKey(Struct, frozen=True):
    """`signs_until` is None for the newest; `signs` tells whether it signs now."""

    vkey: str
    credential_id: str
    created_at: datetime
    signs_until: datetime | None
    signs: bool


class LogKeys:
    """The newest comes first everywhere."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._private: dict[str, Ed25519PrivateKey] = {}

    async def all(self) -> Sequence[LogKey]:
        """None before the first start of a worker or of `berth up`."""
        return await in_thread(self._all)

    async def ensured(self) -> Sequence[LogKey]:
        """The same; the first one is made if there is none."""
        return await self.all() or await self._add(None)

    async def rotate(self, overlap: timedelta) -> Sequence[LogKey]:
        """A new one; those before it sign along for as long as `overlap`."""
        return await self._add(overlap)

    async def signers(self) -> Sequence[tuple[Key, Sign]]:
        """Those that sign now; `VaultClosed` without the vault's key for one."""
        signing = [key for key in await self.ensured() if key.signs]
        for key in signing:
            if key.vkey not in self._private:
                secret = await self._vault.get(key.credential_id)
                if secret is None:
                    raise LookupError(f"the private half of {key.vkey} was erased")
                self._private[key.vkey] = private_key(decoded(secret, "a private key"))
        return [(key_of(key.vkey), self._private[key.vkey].sign) for key in signing]

    async def _add(self, overlap: timedelta | None) -> Sequence[LogKey]:
        """A first one, without `overlap`, only if there is none yet."""
        private, credential_id = new_private_key(), CREDENTIALS + new_id()
        await self._vault.put(credential_id, encoded(private.private_bytes_raw()))
        keys = await in_thread(self._insert, private, credential_id, overlap)
        if credential_id not in {key.credential_id for key in keys}:
            await self._vault.forget(credential_id)  # Another process was first.
        return keys

    def _insert(
        self, private: Ed25519PrivateKey, credential_id: str, overlap: timedelta | None
    ) -> Sequence[LogKey]:
        with self._database.transaction(commit=True) as cursor:
            cursor.execute(ONE_AT_A_TIME, [ADVISORY_LOCK])
            cursor.execute(BEGIN, [ORIGIN + new_id()])
            [row] = cursor.execute(ORIGIN_OF).fetchall()
            known = cursor.execute(ALL).fetchall()
            if overlap is not None or not known:
                cursor.execute(REPLACE, [overlap or timedelta()])
                vkey = public_half(private, row["origin"]).vkey
                cursor.execute(ADD, [vkey, credential_id])
                known = cursor.execute(ALL).fetchall()
        return [LogKey(**row) for row in known]

    def _all(self) -> Sequence[LogKey]:
        with self._database.cursor() as cursor:
            return [LogKey(**row) for row in cursor.execute(ALL).fetchall()]
