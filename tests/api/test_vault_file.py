"""A key of the vault is made up for a database that has nothing under another one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.commands.log_commands import ensured_keys
from api.commands.vault_file import VAULT_KEYS, ensured_vault_keys, vault_keys_text
from projections.storage.keyring import Keyring
from tests.support.servers import Servers, migrated_database
from workers.settings import SettingsError, vault_keys_from


@pytest.fixture
def url(servers: Servers) -> Iterator[str]:
    with migrated_database(servers) as url:
        yield url


def test_it_is_made_up_once(url: str, tmp_path: Path) -> None:
    made = ensured_vault_keys(tmp_path, url)
    assert [*vault_keys_from(made)] == [1]
    assert ensured_vault_keys(tmp_path, url) == vault_keys_text(tmp_path) == made
    assert (tmp_path / VAULT_KEYS).stat().st_mode & 0o777 == 0o600


def test_it_is_not_made_up_beside_what_another_has_encrypted(
    url: str, tmp_path: Path
) -> None:
    ensured_keys(url, Keyring(vault_keys_from(ensured_vault_keys(tmp_path, url))))
    (tmp_path / VAULT_KEYS).unlink()
    with pytest.raises(SettingsError, match=f"{VAULT_KEYS} is missing"):
        ensured_vault_keys(tmp_path, url)
    assert not (tmp_path / VAULT_KEYS).exists()


def test_whoever_only_reads_it_makes_none_up(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"{VAULT_KEYS} is missing"):
        vault_keys_text(tmp_path)
    assert not [*tmp_path.iterdir()]
