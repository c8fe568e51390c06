"""The settings of a `berth up`, read from its folder, for commands about it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from api.first_start import NATS_URL, vault_keys_text
from projections.storage.keyring import Keyring
from workers.embedded import EmbeddedPostgres
from workers.settings import (
    Settings,
    SettingsError,
    database_url_from,
    from_environment,
    keyring_from,
)

KEPT = {"BERTH_SECRET": "secret", "BERTH_NATS_URL": NATS_URL}


def environment_of(data_dir: Path | None) -> Mapping[str, str]:
    """The variables of this process, or those of the `berth up` in `data_dir`.

    That one has to run. `SettingsError` if there is none.
    """
    if data_dir is None:
        return os.environ
    data_dir = data_dir.expanduser().resolve()
    folder = data_dir / "postgres"
    if not folder.exists():
        raise SettingsError(f"{data_dir} has no PostgreSQL of a `berth up`")
    found = {
        "BERTH_DATABASE_URL": EmbeddedPostgres(folder).url,
        "BERTH_VAULT_KEYS": vault_keys_text(data_dir),
    }
    for name, file in KEPT.items():
        if (path := data_dir / file).exists():
            found[name] = path.read_text().strip()
    return os.environ | found


def settings_of(data_dir: Path | None) -> Settings:
    """As above, all of them. `SettingsError` if one is missing or makes no sense."""
    return from_environment(environment_of(data_dir))


def journal_of(data_dir: Path | None) -> tuple[str, Keyring]:
    """As above, what it takes to read: the database's URL and the vault's keys."""
    environment = environment_of(data_dir)
    return database_url_from(environment), keyring_from(environment)
