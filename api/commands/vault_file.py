"""The vault's keys of a `berth up`, in a file of its folder."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from api.commands.private_file import private_file, private_text
from projections.storage.database import Database
from projections.storage.vault_use import VaultUse
from workers.settings import KEY_BYTES, SettingsError

VAULT_KEYS = "vault-key"


def ensured_vault_keys(data_dir: Path, database_url: str) -> str:
    """As BERTH_VAULT_KEYS; made up at the first start, and on disk before it is used.

    Not once something in the database is encrypted: another key would not open that,
    nor tell that it is another one. `SettingsError` then.
    """
    if not (data_dir / VAULT_KEYS).exists() and not _is_in_use(database_url):
        write_vault_keys(data_dir, {1: new_vault_key()})
    return vault_keys_text(data_dir)


def vault_keys_text(data_dir: Path) -> str:
    """As BERTH_VAULT_KEYS. A file with one bare key, as at first, is of version 1.

    `SettingsError` if it is gone.
    """
    path = data_dir / VAULT_KEYS
    try:
        text = private_text(path)
    except FileNotFoundError:
        raise SettingsError(
            f"{path} is missing: put it back from your copy; nothing else opens the"
            " credentials and the names of people in the database"
        ) from None
    return text if ":" in text else f"1:{text}"


def write_vault_keys(data_dir: Path, keys: Mapping[int, bytes]) -> None:
    """By version: all of them at once, in place of those that the file had."""
    texts = [
        f"{version}:{base64.b64encode(key).decode()}"
        for version, key in sorted(keys.items())
    ]
    with private_file(data_dir / VAULT_KEYS) as file:
        file.write(f"{','.join(texts)}\n".encode())


def new_vault_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def _is_in_use(database_url: str) -> bool:
    with closing(Database(database_url, name="berth-vault-key")) as database:
        return bool(VaultUse(database).now())
