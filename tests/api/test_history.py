"""What happened to an environment, in pages, with who caused it and from where."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg
import pytest

from tests.support.client import Caller, Json, made, refused
from tests.support.running import Installation

# Where nobody reads in order.
MOVE: LiteralString = """
UPDATE berth_events SET notification_id = %s WHERE notification_id = %s
"""


def pages(caller: Caller, path: str, **query: Any) -> Sequence[Json]:
    """All of them, put together: each goes on where the one before ended."""
    found: list[Json] = []
    after = "0"
    while True:
        page = made(caller.get(path, after=after, **query))
        found += page["events"]
        assert page["next"] >= after
        after = page["next"]
        if after >= page["tip"]:
            return found


def types(events: Sequence[Json]) -> list[str]:
    return [event["data"]["type"] for event in events]


def eventful(owner: Caller, application: Caller) -> Json:
    """An environment to which some of everything happened."""
    one = owner.environment()
    lock = application.lock(one)
    ticket = lock.hold(reason="Release 2.1")["ticketId"]
    made(application.publish(one, ticketId=ticket))
    made(lock.release(ticket))
    owner.environment(repositoryIdentifier=one["repositoryIdentifier"], name="other")
    made(owner.patch(f"/environments/{one['id']}", {"isDefault": True}))
    order = owner.ask(
        "PUT",
        "/environments/orchestration-order",
        {"environmentOrder": ["uat", "other"]},
        category="test",
        repositoryIdentifier=one["repositoryIdentifier"],
    )
    assert order.is_success
    return one


HAPPENED = [
    "environment.registered",
    "lock.requested",
    "lock.granted",
    "lock.acquired",
    "release.published",
    "lock.released",
    "project.default_chosen",
    "project.environments_ordered",
]


def test_it_has_all_that_is_about_it_in_order_and_nothing_else(
    owner: Caller, application: Caller, member: Caller
) -> None:
    one = eventful(owner, application)
    path = f"/environments/{one['id']}/history"
    events = pages(member, path)
    assert types(events) == HAPPENED
    # That somebody reads it is on record, too, once a minute.
    events = pages(member, path)
    [read] = events[len(HAPPENED) :]
    assert (types([read]), read["data"]["origin"]["by"]) == (
        ["access.read"],
        member.name,
    )
    sequences = [event["sequence"] for event in events]
    assert sequences == sorted(sequences)
    asked = events[1]
    assert asked["data"]["reason"] == "Release 2.1"
    assert asked["data"]["origin"]["by"] == application.name
    assert {"at", "ip", "request_id", "role"} <= asked["data"]["origin"].keys()
    for limit in 1, 3:
        assert pages(member, path, limit=limit) == events
    here = {"repositoryIdentifier": one["repositoryIdentifier"]}
    assert pages(member, "/environments/by-name/uat/history", **here) == events


def test_it_is_filtered_by_type_and_time(owner: Caller, application: Caller) -> None:
    one = eventful(owner, application)
    path = f"/environments/{one['id']}/history"
    events = pages(owner, path)
    assert types(pages(owner, path, types="lock.*,release.published")) == HAPPENED[1:6]
    assert pages(owner, path, types="lock.released", limit=1) == [events[5]]
    first, last = events[1]["time"], events[4]["time"]
    between = [event for event in events if first <= event["time"] <= last]
    assert pages(owner, path, **{"from": first, "to": last}, limit=2) == between
    assert pages(owner, path, to=events[0]["time"]) == [events[0]]
    late = {"from": "2200-01-01T00:00:00Z"}
    assert pages(owner, path, **late) == []
    assert pages(owner, path, to="2001-01-01T00:00:00Z") == []


@pytest.mark.parametrize("only", [{}, {"types": "lock.*"}], ids=["all", "some"])
def test_it_is_at_its_end_where_it_begins_after_what_is_asked_for(
    owner: Caller, application: Caller, only: dict[str, str]
) -> None:
    """Who goes on until `next` is `tip` would never be done."""
    one = eventful(owner, application)
    path = f"/environments/{one['id']}/history"
    first, *_, last = pages(owner, path)
    answer = made(owner.get(path, after=last["sequence"], to=first["time"], **only))
    assert answer == {"events": [], "next": last["sequence"], "tip": last["sequence"]}


def test_it_comes_as_lines_too(owner: Caller, application: Caller) -> None:
    one = eventful(owner, application)
    path, lines = f"/environments/{one['id']}/history", "application/x-ndjson"
    pages(owner, path)  # That it was read is on record from here on.
    answer = owner.ask("GET", path, headers={"accept": lines})
    assert [json.loads(line) for line in answer.text.splitlines()] == pages(owner, path)
    assert answer.headers["x-next-after"] == answer.headers["x-tip"]


def test_who_looked_and_who_was_turned_away_is_in_it(
    owner: Caller, member: Caller
) -> None:
    one = owner.environment()
    member.look(one)
    refused(member.lock(one).request(), 403)
    told = pages(member, f"/environments/{one['id']}/history")
    assert types(told) == ["environment.registered", "access.read", "access.refused"]
    assert told[2]["data"]["origin"]["by"] == member.name


def test_owners_reach_what_was_deleted_by_id_and_by_its_last_name(
    owner: Caller, application: Caller
) -> None:
    one = eventful(owner, application)
    assert owner.delete(f"/environments/{one['id']}").is_success
    here = {"repositoryIdentifier": one["repositoryIdentifier"]}
    events = pages(owner, f"/environments/{one['id']}/history")
    assert types(events) == [
        *HAPPENED,
        "environment.retired",
        "project.environments_ordered",
    ]
    *same, read = pages(owner, "/environments/by-name/UAT/history", **here)
    assert (same, types([read])) == (events, ["access.read"])
    again = owner.environment(repositoryIdentifier=one["repositoryIdentifier"])
    newer = pages(owner, "/environments/by-name/uat/history", **here)
    assert newer[0]["subject"] == f"environments/{again['id']}"


def test_it_cannot_begin_where_the_journal_is_not_yet(owner: Caller) -> None:
    path = f"/environments/{owner.environment()['id']}/history"
    refused(owner.get(path, after="999999999999"), 400, "POSITION_AHEAD")


@pytest.mark.parametrize("limit", [1, 100])
def test_an_event_that_somebody_has_removed_keeps_none_of_the_others_from_it(
    owner: Caller, application: Caller, installation: Installation, limit: int
) -> None:
    """One that is told of it elsewhere, and is a page of its own or amid others."""
    one = eventful(owner, application)
    path = f"/environments/{one['id']}/history"
    events = [e for e in pages(owner, path) if e["data"]["type"] != "access.read"]
    gone = types(events).index("release.published")
    moved = (-1, int(events[gone]["sequence"]))
    url = installation.settings.database_url
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(MOVE, moved)
        try:
            told = pages(owner, path, limit=limit)[: len(events) - 1]
        finally:
            connection.execute(MOVE, moved[::-1])
    assert told == [*events[:gone], *events[gone + 1 :]]
