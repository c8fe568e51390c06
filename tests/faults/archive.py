"""Reads what a run has left in the database, once nobody writes any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import psycopg
from eventsourcing.persistence import JSONTranscoder, Notification
from msgspec.structs import replace

from api.place import NO_FILTER
from domain.environment.environment import Environment, environment
from domain.record import Recorded
from projections.environment_listing import environment_listing, listed, sql
from projections.storage.checkpoint import ViewStore
from projections.storage.database import Database
from projections.storage.keyring import Keyring
from projections.storage.mapper import EventMapper
from projections.storage.subjects import subjects_of
from tests.faults.findings import Check, Findings

JOURNAL = """
SELECT notification_id, originator_id, originator_version, topic, state
FROM berth_events ORDER BY notification_id
"""
PAGE = 5_000


def records_in(url: str, keys: Keyring | None = None) -> Iterator[Recorded]:
    """The journal in order, read without any of Berth's own SQL but for people's keys.

    `keys` are the vault's, if there is anybody in it.
    """
    subjects = subjects_of(url, keys) if keys else None
    mapper = EventMapper(JSONTranscoder(), subjects)
    with psycopg.connect(url) as connection, connection.cursor("journal") as cursor:
        cursor.itersize = PAGE
        for position, stream, version, topic, state in cursor.execute(JOURNAL):
            yield mapper.to_domain_event(
                Notification(
                    id=position,
                    originator_id=stream,
                    originator_version=version,
                    topic=topic,
                    state=state,
                )
            )


def check_listing(
    url: str,
    folded: Mapping[str, Environment],
    findings: Findings,
    keys: Keyring | None = None,
) -> None:
    """Once the listing has read everything, it shows what the streams fold to."""
    database = Database(url, subjects=subjects_of(url, keys) if keys else None)
    store = ViewStore(database)
    while store.advance(environment_listing):
        pass
    at = store.lag(environment_listing.name).at
    with database.cursor() as cursor:
        rows = cursor.execute(sql["list_environments"], NO_FILTER).fetchall()
    database.close()
    shown = {row["id"]: open_only(listed(row, at).environment) for row in rows}
    kept = {
        key: open_only(environment.fold(environment.lapse(state, at), onto=state))
        for key, state in folded.items()
    }
    for key in shown.keys() | kept.keys():
        if shown.get(key) != kept.get(key):
            findings.add(
                Check.LISTING, key, shown.get(key), "but the journal:", kept.get(key)
            )


def open_only(state: Environment) -> Environment:
    """The listing shows no tickets that are over, and of none when it was acquired."""
    tickets = state.queue.tickets
    shown = {key: replace(tickets[key], acquired_at=None) for key in tickets}
    return replace(state, queue=replace(state.queue, tickets=shown, ended={}))
