"""A rebuild may pause for long while nobody waits for it, and only then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import LiteralString

import psycopg
import pytest

from domain.environment.events import LockRequested
from domain.record import Recorded
from projections import rebuild as rebuilding
from projections.storage import beside
from projections.storage.beside import Beside
from projections.storage.database import Database
from projections.storage.keyring import Keyring
from projections.storage.rebuild import rebuild
from projections.view import View, Write
from tests.projections.test_views import append
from tests.support.builders import requested
from tests.support.running import until

NOTE: LiteralString = """
INSERT INTO pause
SELECT ticket, current_setting('idle_in_transaction_session_timeout')
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new (ticket text)
"""
NOTED = "SELECT ticket, setting FROM pause ORDER BY ticket"
IN_TRANSACTION = """
SELECT FROM pg_stat_activity
WHERE datname = current_database() AND state LIKE 'idle in transaction%'
"""


@pytest.fixture
def url(own_journal_url: str) -> str:
    """With two tickets; a third is asked for just before new tables take over."""
    with psycopg.connect(own_journal_url) as connection:
        connection.execute("CREATE TABLE pause (ticket text, setting text)")
    append(own_journal_url, [("uat", requested("a")), ("uat", requested("b"))])
    return own_journal_url


@pytest.fixture(autouse=True)
def late(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    catch_up, asked = Beside._catch_up, list[bool]()

    def and_then(self: Beside) -> None:
        catch_up(self)
        if not asked:
            asked.append(True)
            append(url, [("uat", requested("late"))])

    monkeypatch.setattr(Beside, "_catch_up", and_then)


def project(records: Iterable[Recorded]) -> Iterator[Write]:
    events = [record.event for record in records]
    tickets = [e.ticket_id for e in events if isinstance(e, LockRequested)]
    yield NOTE, [{"ticket": ticket} for ticket in tickets]


def noted(url: str) -> dict[str, str]:
    with psycopg.connect(url) as connection:
        return dict(connection.execute(NOTED).fetchall())


def test_between_two_statements_it_has_as_long_as_nobody_waits(url: str) -> None:
    view = View("pauses", ("pause",), project, (LockRequested,))
    keys = Keyring({1: bytes(32)})
    rebuilding.rebuild(url, keys, [view], lambda _: None)
    assert noted(url) == {"a": "1min", "b": "1min", "late": "2s"}


def test_who_paused_for_too_long_while_somebody_waits_takes_over_in_another_go(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry, paused = beside.HURRY, list[bool]()
    monkeypatch.setattr(beside, "HURRY", hurry.replace("2s", "10ms"))

    def slowly(records: Iterable[Recorded]) -> list[Write]:
        writes = [*project(records)]
        [(_, rows)] = writes
        if not paused and {"ticket": "late"} in rows:
            with psycopg.connect(url, autocommit=True) as looking:
                until(lambda: not looking.execute(IN_TRANSACTION).fetchall())
            monkeypatch.setattr(beside, "HURRY", hurry)
            paused.append(True)
        return writes

    view = View("pauses", ("pause",), slowly, (LockRequested,))
    with closing(Database(url, idle_ms=rebuilding.IDLE_MS)) as database:
        assert [*rebuild(database, [view])]
    assert paused
    assert noted(url).keys() == {"a", "b", "late"}
