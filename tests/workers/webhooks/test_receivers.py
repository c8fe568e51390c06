"""Nobody is sent anything that is not signed as its owner may expect it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import closing

import pytest

from projections.storage.database import Database
from projections.storage.keyring import Keyring
from projections.storage.reader import Reader
from projections.storage.vault import Vault
from projections.webhook_directory import Listed
from tests.domain.test_webhook import created
from tests.support.builders import at
from workers.webhooks import receivers
from workers.webhooks.receivers import Config, Receivers

CONFIG = Config("https://a.example")
FACTS = created(config_id="config", secret_id="new")
KNOWN = Listed("a", "active", FACTS, "old", at(60), "olga", at(0), at(0))


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    with closing(Database(own_journal_url, pool_max=2)) as database:
        yield database


@pytest.fixture
def vault(database: Database) -> Vault:
    return Vault(database, Keyring({1: secrets.token_bytes(32)}))


def keep(vault: Vault, **kept: str) -> None:
    async def keeping() -> None:
        for id_, text in kept.items():
            await vault.put(id_, text)

    asyncio.run(keeping())


@pytest.mark.parametrize(
    ("seconds", "signing"), [(59, ["s-new", "s-old"]), (60, ["s-new"])]
)
def test_after_a_rotation_both_secrets_sign_for_a_while(
    database: Database, vault: Vault, seconds: int, signing: list[str]
) -> None:
    keep(vault, config=CONFIG.text, new="s-new", old="s-old")
    known = Receivers(Reader(database), vault)
    found = asyncio.run(known.receiver(KNOWN, at(seconds)))
    assert found
    assert (found.id, found.config, found.secrets) == ("a", CONFIG, signing)


def test_an_old_secret_that_is_gone_is_not_needed(
    database: Database, vault: Vault
) -> None:
    keep(vault, config=CONFIG.text, new="s-new")
    found = asyncio.run(Receivers(Reader(database), vault).receiver(KNOWN, at(0)))
    assert found
    assert found.secrets == ["s-new"]


@pytest.mark.parametrize("gone", ["config", "new"])
def test_without_the_newest_or_where_to_nothing_is_sent(
    database: Database, vault: Vault, gone: str
) -> None:
    """It is being deleted."""
    kept = {"config": CONFIG.text, "new": "s-new", "old": "s-old"}
    del kept[gone]
    keep(vault, **kept)
    assert (
        asyncio.run(Receivers(Reader(database), vault).receiver(KNOWN, at(0))) is None
    )


def test_only_so_much_is_remembered(
    database: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receivers, "KNOWN_MAX", 2)
    keep(vault, config=CONFIG.text, new="s-new", old="s-old")
    known = Receivers(Reader(database), vault)
    for _ in range(2):
        assert asyncio.run(known.receiver(KNOWN, at(0)))
        assert len(known._known) <= 2
