"""`berth vault rotate`: another key for the vault, and what becomes of the old ones."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from api.commands.data_dir import DataDir
from api.commands.up_folder import settings_of
from api.commands.vault_file import (
    VAULT_KEYS,
    new_vault_key,
    vault_keys_text,
    write_vault_keys,
)
from projections.storage.database import Database
from projections.storage.keyring import Keyring
from projections.storage.migrate import migrate
from projections.storage.rotation import rotate
from projections.storage.vault_use import Use, VaultUse
from workers.embedded import EmbeddedPostgres
from workers.settings import SettingsError, vault_keys_from
from workers.supervisor import Supervisor

Uses = Mapping[int, Use]


def rotate_vault(*, data_dir: DataDir | None = None) -> int:
    """Put every credential under the newest of BERTH_VAULT_KEYS, while Berth serves.

    Parameters
    ----------
    data_dir
        The folder of a `berth up` that does not run: it is given a new key.
    """
    return _rotate_by_settings() if data_dir is None else _rotate_in(data_dir)


def _rotate_by_settings() -> int:
    """Under the version that encrypts by BERTH_VAULT_KEYS; the exit code."""
    settings = settings_of(None)
    keys = settings.vault_keys
    is_complete, uses = _rotate(settings.database_url, keys)
    for version in sorted(set(keys.versions) - set(uses) - {keys.version}):
        print(
            f"Version {version} is not in use: remove it from BERTH_VAULT_KEYS once no"
            " process is left that encrypts with it."
        )
    return 0 if is_complete else 1


def _rotate_in(data_dir: Path) -> int:
    """Under a new key, in the folder of a `berth up` that does not run.

    The key is on disk before anything needs it; those that nothing needs are dropped.
    """
    data_dir = data_dir.expanduser().resolve()
    if not (data_dir / VAULT_KEYS).exists():
        raise SettingsError(
            f"{data_dir} has no {VAULT_KEYS}: it is not of `berth up`, or lost it"
        )
    with Supervisor(data_dir) as supervisor:
        url = os.environ.get("BERTH_DATABASE_URL")
        if not url:
            postgres = EmbeddedPostgres(data_dir / "postgres")
            url = supervisor.keep(postgres).url
        migrate(url)
        keys = vault_keys_from(vault_keys_text(data_dir))
        version = max(keys) + 1
        keys[version] = new_vault_key()
        write_vault_keys(data_dir, keys)
        is_complete, uses = _rotate(url, Keyring(keys))
        kept = {v: key for v, key in keys.items() if v in uses or v == version}
        if is_complete and kept.keys() < keys.keys():
            write_vault_keys(data_dir, kept)
            for dropped in sorted(keys.keys() - kept.keys()):
                print(f"Version {dropped} was not in use, and is gone.")
    return 0 if is_complete else 1


def _rotate(url: str, keys: Keyring) -> tuple[bool, Uses]:
    """Whether all could be put under another key, and what is in use now."""
    rotated = rotate(url, keys, _show_progress)
    if rotated.number:
        print(file=sys.stderr)
    print(
        f"{_number(rotated.credentials, 'credential')} put under version"
        f" {keys.version}."
    )
    if rotated.subjects:
        moved = _number(rotated.subjects, "key of a person", "keys of people")
        print(f"{moved} put under version {keys.version}.")
    for reason in sorted(set(rotated.left)):
        print(f"Left as it is: {reason}.")
    database = Database(url, name="berth-vault-rotate")
    try:
        uses = VaultUse(database).now()
    finally:
        database.close()
    for version, use in sorted(uses.items()):
        print(f"Version {version} is in use: {_told(use)}.")
    return not rotated.left, uses


def _told(use: Use) -> str:
    told = [_number(use.credentials, "credential")]
    if use.subjects:
        told.append(_number(use.subjects, "key of a person", "keys of people"))
    if use.answers_until is not None:
        answers = _number(use.answers, "kept answer")
        told.append(f"{answers} until {use.answers_until:%Y-%m-%d %H:%M} UTC")
    return ", ".join(told)


def _number(number: int, what: str, many: str = "") -> str:
    return f"{number} {what if number == 1 else many or f'{what}s'}"


def _show_progress(number: int) -> None:
    print(f"\r{number} put under another key", end="", file=sys.stderr, flush=True)
