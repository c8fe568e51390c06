"""The settings of a `berth up`, read from its folder, for commands about it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from api.commands.private_file import private_text
from api.commands.vault_file import vault_keys_text
from projections.storage.keyring import Keyring
from workers.embedded import EmbeddedPostgres
from workers.settings import (
    Settings,
    SettingsError,
    database_url_from,
    from_environment,
    keyring_from,
)

NATS_URL = "nats-url"  # for workers in other languages: docs/task-workers.md
KEPT = {"BERTH_SECRET": "secret", "BERTH_NATS_URL": NATS_URL}


def environment_of(data_dir: Path | None) -> Mapping[str, str]:
    """The variables of this process, or those of the `berth up` in `data_dir`.

    That one has to run. `SettingsError` if there is none, or its vault's key is gone.
    """
    if data_dir is None:
        _check_is_there()
        return os.environ
    found = {
        "BERTH_DATABASE_URL": database_of(data_dir),
        "BERTH_VAULT_KEYS": vault_keys_text(_resolved(data_dir)),
    }
    for name, file in KEPT.items():
        if (path := _resolved(data_dir) / file).exists():
            found[name] = private_text(path)
    return os.environ | found


def database_of(data_dir: Path | None) -> str:
    """As above, the database's URL alone, for what takes no key."""
    if data_dir is None:
        _check_is_there()
        return database_url_from()
    folder = _resolved(data_dir) / "postgres"
    if not folder.exists():
        raise SettingsError(f"{folder.parent} has no PostgreSQL of a `berth up`")
    return EmbeddedPostgres(folder).url


def settings_of(data_dir: Path | None) -> Settings:
    """As above, all of them. `SettingsError` if one is missing or makes no sense."""
    return from_environment(environment_of(data_dir))


def journal_of(data_dir: Path | None) -> tuple[str, Keyring]:
    """As above, what it takes to read: the database's URL and the vault's keys."""
    environment = environment_of(data_dir)
    return database_url_from(environment), keyring_from(environment)


def _check_is_there() -> None:
    """Whoever has only a `berth up` is told that there is another way."""
    if not os.environ.get("BERTH_DATABASE_URL"):
        raise SettingsError("BERTH_DATABASE_URL is not set; or give --data-dir")


def _resolved(data_dir: Path) -> Path:
    return data_dir.expanduser().resolve()
