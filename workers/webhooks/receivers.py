"""Where webhooks lead, what they are sent along, and what signs: out of the vault."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import msgspec
import structlog
from msgspec import Struct

from domain.errors import VaultClosed
from domain.webhook.events import Provider, WebhookCreated
from projections.storage.reader import Reader
from projections.storage.vault import Vault
from projections.webhook_directory import Listed, listed, sql
from workers.webhooks.hushed import hushed, secrets_in

log = structlog.get_logger()
KNOWN_MAX = 1_000


class Config(Struct, frozen=True):
    """What the vault keeps of one webhook, in one piece. All of it may be secret."""

    url: str
    headers: dict[str, str] = {}

    def __repr__(self) -> str:
        return "Config(...)"

    @property
    def text(self) -> str:
        return msgspec.json.encode(self).decode()


class Receiver(Struct, frozen=True):
    """One webhook as it is sent to. `secrets` are those that sign now."""

    id: str
    facts: WebhookCreated
    config: Config
    secrets: Sequence[str]

    def __repr__(self) -> str:
        return f"Receiver({self.id})"

    def without_secrets(self, text: str) -> str:
        """What it says, without what it was sent."""
        is_chat = self.facts.provider is not Provider.GENERIC
        config = self.config
        return hushed(text, secrets_in(config.url, config.headers, is_chat=is_chat))


def config_of(text: str) -> Config:
    return msgspec.json.decode(text, type=Config)


class Receivers:
    """Remembers what it was told by the vault: nothing there is ever changed."""

    def __init__(self, reader: Reader, vault: Vault) -> None:
        self._reader = reader
        self._vault = vault
        self._known: dict[str, str] = {}
        self._closed: set[str] = set()

    def __repr__(self) -> str:
        return "Receivers(...)"

    async def of(self, ids: Collection[str], at: datetime) -> Mapping[str, Receiver]:
        """By id. Left out are those that the vault knows no more, being deleted, and
        those that it cannot open: they keep nobody else waiting.
        """
        rows = await self._reader.peek(sql["find_webhooks"], {"ids": [*ids]})
        found = [await self._opened(listed(row), at) for row in rows]
        return {one.id: one for one in found if one is not None}

    async def receiver(self, known: Listed, at: datetime) -> Receiver | None:
        facts = known.facts
        config = await self._told(facts.config_id)
        secrets = [await self._told(id_) for id_ in known.secret_ids(at)]
        if config is None or not secrets or secrets[0] is None:
            return None
        good = [secret for secret in secrets if secret is not None]
        return Receiver(known.id, facts, config_of(config), good)

    async def _opened(self, known: Listed, at: datetime) -> Receiver | None:
        try:
            found = await self.receiver(known, at)
        except VaultClosed as error:
            if known.id not in self._closed:
                self._closed.add(known.id)
                log.warning("webhook not told", webhook=known.id, error=str(error))
            return None
        self._closed.discard(known.id)
        return found

    async def _told(self, credential_id: str) -> str | None:
        if (found := self._known.get(credential_id)) is not None:
            return found
        told = await self._vault.get(credential_id)
        if told is not None:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[credential_id] = told
        return told
