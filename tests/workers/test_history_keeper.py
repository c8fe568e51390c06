"""The worker makes snapshots ahead, a bounded number of events at a time."""

from __future__ import annotations

import asyncio
from contextlib import closing

import pytest

from domain.environment.chronicle import chronicle
from projections import history
from projections.history import History
from projections.storage import time_travel
from projections.storage.database import Database
from projections.storage.reader import Reader
from projections.storage.time_travel import LATEST, TimeTravel
from tests.projections.histories import STREAMS, histories, put
from workers import history_keeper
from workers.history_keeper import HistoryKeeper

KEPT = "SELECT stream, max(version) AS version FROM history_snapshot GROUP BY stream"
STRANGE = """
INSERT INTO history_snapshot VALUES ('uat', 1, 1, 'of another version', 'x')
"""


def test_snapshots_are_made_until_no_environment_has_too_few(
    own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_travel, "SNAPSHOT_EVERY", 10)
    monkeypatch.setattr(time_travel, "PAGE", 20)
    monkeypatch.setattr(history, "SNAPSHOT_EVERY", 10)
    monkeypatch.setattr(history_keeper, "EVENTS_MAX", 30)
    records = histories(2, 200)
    put(own_journal_url, records)

    async def keeping(database: Database) -> None:
        reader = Reader(database)
        # Whoever asks brings the view up to date, as its keeper would.
        keeper_of = History(database, reader)
        await keeper_of.environments(None, LATEST, retired=True)
        keeper = HistoryKeeper(keeper_of)
        passes = 0
        while await keeper.run_once():
            passes += 1
        assert passes > 1
        [*rows] = await reader.peek(KEPT, {})
        kept = {row["stream"]: row["version"] for row in rows}
        for stream in STREAMS[:-1]:  # The last one is retired, and grows no more.
            versions = sum(record.originator_id == stream for record in records)
            assert 0 <= versions - kept[stream] < 10
        found = await TimeTravel(database).states(chronicle, STREAMS, LATEST)
        assert found.keys() == {*STREAMS}

    with closing(Database(own_journal_url)) as database:
        with database.transaction(commit=True) as cursor:
            cursor.execute(STRANGE)
        asyncio.run(keeping(database))
        with database.cursor() as cursor:
            strange = "SELECT FROM history_snapshot WHERE shape = 'of another version'"
            assert not cursor.execute(strange).fetchall()
