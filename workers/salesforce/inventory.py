"""The artifacts of an org, asked for once an hour at most unless somebody insists.

Whoever may look may insist, and an org has so many calls a day for all who use it: so
there is a limit to that, for each process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from domain.org import OrgAskedTooOften
from projections.storage.artifact_cache import ArtifactCache
from workers.salesforce.allowance import Allowance
from workers.salesforce.artifacts import Artifact
from workers.salesforce.client import Salesforce
from workers.salesforce.together import Together

FRESH_SECONDS = 3_600
ASKED_AT_ONCE_MAX = 20
ASKED_EVERY_SECONDS = OrgAskedTooOften.retry_after_seconds

_decode = msgspec.json.Decoder(list[Artifact]).decode


@dataclass(frozen=True, slots=True)
class Found:
    artifacts: Sequence[Artifact]
    retrieved_at: datetime
    cached: bool


class Inventory:
    """All processes share the cache; those who ask one at the same time, one query."""

    def __init__(self, salesforce: Salesforce, cache: ArtifactCache) -> None:
        self._salesforce = salesforce
        self._cache = cache
        self._asking: Together[str, Found] = Together()
        self._allowance = Allowance(ASKED_AT_ONCE_MAX, ASKED_EVERY_SECONDS)

    async def of(self, credential_id: str, *, force: bool = False) -> Found:
        """`SalesforceRefused`; `OrgAskedTooOften` if it would have to be asked."""
        if not force and (found := await self._cached(credential_id)):
            return found

        async def retrieve() -> Found:
            # Who asked just before may have kept it by now.
            if not force and (found := await self._cached(credential_id)):
                return found
            if not self._allowance.take(credential_id):
                raise OrgAskedTooOften(
                    "the org was asked often enough; ask again later"
                )
            artifacts = await self._salesforce.artifacts(credential_id)
            text = msgspec.json.encode(artifacts).decode()
            at = await self._cache.put(credential_id, text)
            return Found(artifacts, at, cached=False)

        found = await self._asking.ask(credential_id, retrieve)
        while force and found.cached:
            found = await self._asking.ask(credential_id, retrieve)
        return found

    async def _cached(self, credential_id: str) -> Found | None:
        kept = await self._cache.get(credential_id, FRESH_SECONDS)
        if kept is None:
            return None
        return Found(_decode(kept.artifacts), kept.retrieved_at, cached=True)
