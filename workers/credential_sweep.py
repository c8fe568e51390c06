"""Erases what nobody uses in the vault: of requests that were cut off in the middle.

A credential is put before its org or webhook is there, and erased after that goes;
a process that is killed in between leaves one behind. What is used, the journal says.
The log's own keys are not in the journal, and stay.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.decider import Journal, Look, Step
from domain.event import system
from domain.org import STREAM, Orgs, orgs
from projections.storage.log.keys import CREDENTIALS as LOG_KEYS
from projections.storage.reader import Reader
from projections.storage.vault import Vault
from projections.webhook_directory import sql, webhook_directory

EVERY_SECONDS = 600
SWEEPER = system("credential-sweep")


@dataclass(frozen=True)
class CredentialSweep:
    journal: Journal
    vault: Vault
    reader: Reader

    async def run_once(self) -> int:
        """Erase those of them that are old enough; return how many."""
        # Looked at before the journal: what is registered in between is not among them.
        settled = await self.vault.settled()
        settled = [one for one in settled if not one.startswith(LOG_KEYS)]
        if not settled:
            return 0
        outcome = await self.journal.execute(Step(orgs, STREAM, Look(by=SWEEPER)))
        known: Orgs = outcome.states[0]
        used = {org.credential_id for org in known.known.values()}
        found = await self.reader.read(webhook_directory, sql["used_credentials"], {})
        used.update(*(row.values() for row in found.rows))
        left = [credential_id for credential_id in settled if credential_id not in used]
        for credential_id in left:
            await self.vault.forget(credential_id)
        return len(left)
