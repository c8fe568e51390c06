"""What PostgreSQL knows of the installation, and what is told when it says nothing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import closing

import psycopg
import pytest
from prometheus_client.core import GaugeMetricFamily

from projections.gauges import ASKED, GAUGES, Gauges
from projections.storage.checkpoint import ViewStore
from projections.storage.database import Database
from projections.storage.reader import Reader
from projections.views import VIEWS
from tests.projections.story import STORY
from tests.projections.test_views import append

Values = dict[tuple[str, ...], float]
# No test takes so many seconds.
AT_MOST = 240
WEBHOOKS = """
INSERT INTO webhook SELECT name, status, '{}', NULL, NULL, 'o', now(), now(), now()
FROM (VALUES
    ('well', 'active'), ('down', 'active'), ('asked for a rest', 'active'),
    ('never told', 'active'), ('off', 'inactive'), ('out', 'failed'),
    ('gone', 'deleted')
) AS webhook (name, status);
INSERT INTO webhook_health (webhook_id, trips, rest_until)
SELECT id, (id = 'down')::integer,
    CASE WHEN id = 'asked for a rest' THEN now() + interval '1 hour' END
FROM webhook WHERE id <> 'never told';
INSERT INTO webhook_delivery (webhook_id, position, due_at, is_first)
SELECT id, n, now() - age * interval '1 s', is_first
FROM webhook, (VALUES
    (1, 60, true), (2, 30, true), (3, 90, false), (4, -60, true)
) AS delivery (n, age, is_first)
WHERE id <> 'never told'
"""


def read(url: str) -> Sequence[GaugeMetricFamily]:
    with closing(Database(url)) as database:
        return asyncio.run(Gauges(Reader(database)).collect())


def values(families: Sequence[GaugeMetricFamily]) -> Values:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_young_installation_has_nothing_to_tell(own_journal_url: str) -> None:
    told = values(read(own_journal_url))
    assert told.pop(("berth_journal_events",)) == 0
    assert {*told.values()} <= {0}


def test_a_view_lags_by_what_it_does_not_show_and_the_age_of_that(
    own_journal_url: str,
) -> None:
    append(own_journal_url, STORY[:-1])
    with closing(Database(own_journal_url)) as database:
        store = ViewStore(database)
        for view in VIEWS.values():
            while store.advance(view):
                pass
    append(own_journal_url, STORY[-1:])
    with psycopg.connect(own_journal_url) as connection:
        connection.execute(
            "UPDATE berth_events SET state = convert_to(replace("
            "convert_from(state, 'UTF8'), %s, to_char(now() - interval '90 s', %s)"
            "), 'UTF8') WHERE notification_id = %s",
            [instant_of(own_journal_url), 'YYYY-MM-DD"T"HH24:MI:SSOF', len(STORY)],
        )
    told = values(read(own_journal_url))
    for name in VIEWS:
        assert told["berth_view_lag_events", name] == 1
        assert 90 <= told["berth_view_lag_seconds", name] < 90 + AT_MOST


def test_a_view_that_nobody_has_begun_to_keep_lags_by_all_there_is(
    own_journal_url: str,
) -> None:
    append(own_journal_url, STORY)
    told = values(read(own_journal_url))
    for name in VIEWS:
        assert told["berth_view_lag_events", name] == len(STORY)
        assert told["berth_view_lag_seconds", name] > 0


def instant_of(url: str) -> str:
    """When the last event happened, as it is stored."""
    with psycopg.connect(url) as connection:
        [[at]] = connection.execute(
            "SELECT convert_from(state, 'UTF8')::json #>> '{origin,at}'"
            " FROM berth_events ORDER BY notification_id DESC LIMIT 1"
        ).fetchall()
        return str(at)


def test_what_waits_for_us_and_what_for_the_receivers_is_told_apart(
    own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes behind another of its subject is due, but it is not its turn."""
    with psycopg.connect(own_journal_url) as connection:
        connection.execute(WEBHOOKS)
    told = values(read(own_journal_url))
    assert [told["berth_webhooks", s] for s in ("active", "inactive", "failed")] == [
        *(4, 1, 1)
    ]
    due, oldest = (
        "berth_webhook_backlog_deliveries",
        "berth_webhook_backlog_oldest_seconds",
    )
    assert (told[due, "well"], told[due, "resting"]) == (3, 6)
    assert 60 <= told[oldest, "well"] < 60 + AT_MOST
    assert 60 <= told[oldest, "resting"] < 60 + AT_MOST
    monkeypatch.setitem(ASKED, "backlog_max", 2)
    told = values(read(own_journal_url))
    assert (told[due, "well"], told[due, "resting"]) == (2, 4)


def test_every_gauge_is_of_a_statement_that_answers(own_journal_url: str) -> None:
    assert [family.name for family in read(own_journal_url)] == [
        gauge.name for gauge in GAUGES
    ]


@pytest.mark.parametrize("altered", ["not JSON", "\\x80", '{"origin":{"at":"noon"}}'])
def test_an_event_that_was_altered_keeps_only_what_is_told_of_it(
    own_journal_url: str, altered: str
) -> None:
    """Above all not that nothing is sealed any more."""
    append(own_journal_url, STORY)
    with psycopg.connect(own_journal_url) as connection:
        change = "UPDATE berth_events SET state = %s::bytea WHERE notification_id = 1"
        connection.execute(change, [altered])
    told = {family.name for family in read(own_journal_url)}
    of_views = {gauge.name for gauge in GAUGES if gauge.statement == "views"}
    assert told == {gauge.name for gauge in GAUGES} - of_views


def test_while_the_database_is_silent_nothing_is_told_in_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"postgresql://somebody@127.0.0.1:{silent.getsockname()[1]}/none"
        with closing(Database(url)) as database:
            gauges = Gauges(Reader(database))

            async def asking() -> Sequence[Sequence[GaugeMetricFamily]]:
                both = await asyncio.gather(gauges.collect(), gauges.collect())
                assert gauges._reading
                assert not gauges._reading.done()
                return both

            assert asyncio.run(asking()) == [[], []]


def test_while_it_refuses_nothing_is_told() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        assert read(f"postgresql://somebody@127.0.0.1:{port}/none") == []
