"""A week of traffic in a Berth of its own, to ask it what an auditor would ask.

    python -m tests.support.week --data-dir DIR
    berth up --data-dir DIR

The same seed makes the same week; people in it have keys of their own.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from api.commands.vault_file import ensured_vault_keys
from projections.rebuild import rebuild
from projections.storage.keyring import Keyring
from projections.storage.migrate import migrate
from projections.storage.subjects import subjects_of
from projections.views import VIEWS
from tests.support.history.traffic import Load, history
from tests.support.journal_rows import put
from workers.embedded import EmbeddedPostgres
from workers.settings import vault_keys_from
from workers.supervisor import Supervisor

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
SEED = 2026


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="tests.support.week",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data-dir", type=Path, required=True, help="a new folder")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--environments", type=int, default=20)
    chosen = parser.parse_args()
    folder: Path = chosen.data_dir.expanduser().resolve()
    load = Load(environments=chosen.environments)
    until = MONDAY + timedelta(days=chosen.days)
    with Supervisor(folder) as supervisor:
        url = supervisor.keep(EmbeddedPostgres(folder / "postgres")).url
        migrate(url)
        if not is_empty(url):
            sys.exit(f"week: {folder} has a history already")
        records = history(chosen.seed, MONDAY, until, load).records
        keys = Keyring(vault_keys_from(ensured_vault_keys(folder, url)))
        with closing(subjects_of(url, keys)) as subjects:
            put(url, records, subjects)
        rebuild(url, keys, [*VIEWS.values()], lambda _: None)
    print(f"{len(records)} events from {MONDAY:%Y-%m-%d} to {until:%Y-%m-%d}: {folder}")


def is_empty(url: str) -> bool:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT FROM berth_events LIMIT 1").fetchall()
    return not found


if __name__ == "__main__":
    main()
