"""`berth replay` of a journal that somebody has altered: it ends, and says why."""

from __future__ import annotations

from typing import LiteralString

import psycopg
import pytest

from domain.errors import JournalUnavailable
from tests.api.test_replay import Telling, told
from tests.support.client import Caller, made
from tests.support.running import Installation

__all__ = ["told"]
REQUEST: LiteralString = "WHERE originator_id = %s AND topic = 'lock.requested'"
OF_THE_REQUEST: LiteralString = f"SELECT state FROM berth_events {REQUEST}"
ALTER: LiteralString = f"UPDATE berth_events SET state = %s {REQUEST}"
MOVE: LiteralString = f"UPDATE berth_events SET originator_id = %s {REQUEST}"


@pytest.mark.parametrize("altered", ["not JSON", "{}"])
def test_where_the_journal_was_altered_the_story_ends_and_says_so(
    told: Telling, installation: Installation, owner: Caller, altered: str
) -> None:
    environment = owner.environment()
    lock = owner.lock(environment)
    made(lock.release(lock.hold()["ticketId"]))
    values = [environment["id"]]
    with psycopg.connect(
        installation.settings.database_url, autocommit=True
    ) as connection:
        [before] = connection.execute(OF_THE_REQUEST, values).fetchone() or [b""]
        connection.execute(ALTER, [altered.encode(), *values])
        try:
            with pytest.raises(JournalUnavailable, match="`berth verify`"):
                told.of(environment["id"])
            answer = owner.get("/events", environmentId=environment["id"])
            assert answer.status_code == 503, "the caller has done nothing wrong"
        finally:
            connection.execute(ALTER, [before, *values])


def test_where_an_event_is_missing_the_story_ends_and_says_so(
    told: Telling, installation: Installation, owner: Caller
) -> None:
    """A ticket is granted that nobody has asked for."""
    environment = owner.environment()
    lock = owner.lock(environment)
    made(lock.release(lock.hold()["ticketId"]))
    moved = [f"moved/{environment['id']}", environment["id"]]
    with psycopg.connect(
        installation.settings.database_url, autocommit=True
    ) as connection:
        connection.execute(MOVE, moved)
        try:
            with pytest.raises(JournalUnavailable, match="`berth verify`"):
                told.of(environment["id"])
        finally:
            connection.execute(MOVE, moved[::-1])
