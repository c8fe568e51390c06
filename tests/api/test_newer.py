"""While versions change, an older process says what it cannot tell, and guesses not."""

from __future__ import annotations

from typing import Any

import psycopg

from domain.clock import utc_now
from domain.instant import told
from tests.support.client import Caller, Json, made
from tests.support.newer import newer
from tests.support.running import Installation

FIRST_REQUEST = """
SELECT notification_id FROM berth_events
WHERE originator_id = %s AND topic = 'lock.requested' ORDER BY originator_version
"""
LATER = {"code": "UNAVAILABLE", "statusCode": 503}


def test_what_only_a_newer_version_can_read(
    owner: Caller, application: Caller, installation: Installation
) -> None:
    url = installation.settings.database_url
    one = owner.environment()
    before = told(utc_now())
    application.lock(one).hold()
    path, about = f"/environments/{one['id']}", {"environmentId": one["id"]}
    # The views have it by now, as a newer process would have told them.
    made(owner.get(path))
    history = made(owner.get(f"{path}/history"))
    with psycopg.connect(url) as connection:
        [[position]] = connection.execute(FIRST_REQUEST, [one["id"]]).fetchall()

    def refused(asked: str, **query: Any) -> None:
        answer = owner.get(asked, **query)
        assert LATER.items() <= answer.json().items()
        assert answer.headers["retry-after"] == "1"

    def page(asked: str, **query: Any) -> Json:
        found: Json = made(owner.get(asked, **query))
        return found

    after = f"{position - 1}"
    with newer(url, position):
        assert page(path, at=before)["id"] == one["id"]
        refused(path, at=told(utc_now()))
        repository = {"repositoryIdentifier": one["repositoryIdentifier"]}
        refused("/environments", at=told(utc_now()), **repository)
        first = page(f"{path}/history")
        assert first["events"] == history["events"][:1]
        refused(f"{path}/history", after=first["next"])
        first = page("/events", after=f"{position - 2}")
        assert int(first["next"]) == position - 1
        for chosen in {}, about, {"types": "lock.*"}:
            refused("/events", after=after, **chosen)
    assert page(f"{path}/history") == history
    assert page(path, at=told(utc_now()))["isLocked"]
    assert int(page("/events", after=after)["events"][0]["sequence"]) == position
