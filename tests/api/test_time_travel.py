"""`?at=` tells what the live API told at that instant."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from domain.clock import utc_now
from domain.ids import new_id
from domain.instant import told
from tests.api.recorded_run import Run
from tests.support.client import Caller, Json, made, refused
from tests.support.running import Api, Installation

# How many instants of a run are compared; more by this variable.
INSTANTS = int(os.environ.get("BERTH_TIME_TRAVEL_INSTANTS", "250"))
STEPS = 16
BETWEEN = """
SELECT count(*) FROM berth_events WHERE notification_id > %s
    AND (convert_from(state, 'UTF8')::json #>> '{origin,at}')::timestamptz <= %s
"""
# What moves with time, and by how much it is rounded.
MOVING = {
    "lockExpiresAt": 0,
    "expiresAt": 0,
    "lockExpiresInSeconds": 1,
    "expiresInSeconds": 1,
    "estimatedWaitSeconds": 1,
}
# As they go by how long the holder has held, they leap.
ESTIMATES = {"estimatedWaitP50Seconds", "estimatedWaitP90Seconds"}


@pytest.fixture
def run(api: Api, installation: Installation) -> Iterator[Run]:
    url = installation.settings.database_url
    with psycopg.connect(url, autocommit=True) as connection:
        yield Run(api, connection, random.Random(6))


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of an answer, by where it stands."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}")
    elif isinstance(value, list):
        yield f"{path}#", len(value)
        for number, inner in enumerate(value):
            yield from leaves(inner, f"{path}.{number}")
    else:
        yield path, value


def differs(live: Json, then: Json, seconds: float) -> str:
    """Where the live answer is not the past one of at most so many `seconds` apart."""
    if live == then:
        return ""
    ours, theirs = dict(leaves(live)), dict(leaves(then))
    if ours.keys() != theirs.keys():
        return str(ours.keys() ^ theirs.keys())
    for path, value in ours.items():
        other, key = theirs[path], path.split(".")[-1]
        if value == other or key in ESTIMATES:
            continue
        if key not in MOVING or apart(value, other) > seconds + MOVING[key]:
            return f"{path}: {value} and not {other}"
    return ""


def apart(one: Any, other: Any) -> float:
    """In seconds."""
    if isinstance(one, str) and isinstance(other, str):
        between = datetime.fromisoformat(one) - datetime.fromisoformat(other)
        return abs(between.total_seconds())
    return float("inf") if None in (one, other) else abs(one - other)


def test_the_past_is_what_the_live_answers_were(run: Run) -> None:
    looks: list[tuple[datetime, int, Json, datetime]] = []
    while len(looks) < INSTANTS:
        run.step()
        before, tip = run.now()
        live = run.listed()
        looks.append((before, tip, live, run.now()[0]))
    compared = exact = 0
    for before, tip, live, after in run.chance.sample(looks, len(looks)):
        # What was decided a moment ago may have been dated a moment earlier.
        [[early]] = run.connection.execute(BETWEEN, (tip, after)).fetchall()
        if early:
            continue
        seconds, then = (after - before).total_seconds(), run.listed(at=told(before))
        if why := differs(live, then, seconds):
            # Time has done something between the two, on a busy machine several things.
            steps = [before + (after - before) * n / STEPS for n in range(STEPS, 0, -1)]
            assert any(
                not differs(live, run.listed(at=told(step)), seconds) for step in steps
            ), why
        compared += 1
        exact += live == then
    assert exact > compared * 0.2
    assert compared > len(looks) * 0.3
    shown = [answer for _, _, live, _ in looks for answer in live["test"]]
    waiting = [answer["lockStatus"]["queuedLocks"] for answer in shown]
    assert any(waiting)
    assert any(place["estimatedWaitP90Seconds"] for some in waiting for place in some)
    assert {len(live["test"]) for _, _, live, _ in looks} > {2, 3}


def test_one_environment_is_told_as_it_was_under_the_name_it_had(
    owner: Caller, member: Caller, run: Run
) -> None:
    one = owner.environment(description="first", tags=["a"])
    here = {"repositoryIdentifier": one["repositoryIdentifier"]}
    lock = owner.lock(one)
    ticket = lock.hold(reason="Release")["ticketId"]
    held, held_at = owner.look(one), run.latest()
    made(lock.release(ticket))
    path = f"/environments/{one['id']}"
    made(owner.patch(path, {"name": "renamed", "description": None}))
    renamed, renamed_at = owner.look(one), run.latest()

    for asked in (
        member.get(path, at=told(held_at)),
        member.get("/environments/by-name/UAT", at=told(held_at), **here),
    ):
        then = made(asked)
        assert not differs(held, then, 5)
        assert then["lockedBy"] == owner.name
    by_name = "/environments/by-name/renamed"
    assert made(member.get(by_name, at=told(renamed_at), **here)) == renamed
    gone = member.get("/environments/by-name/uat", at=told(renamed_at), **here)
    refused(gone, 404, "ENVIRONMENT_NOT_FOUND")
    began = refused(member.get(by_name, at=told(held_at), **here), 404)
    assert began["code"] == "BEFORE_HISTORY"
    assert renamed["updatedAt"] in began["message"]
    assert member.get(path, at=renamed["updatedAt"]).json()["name"] == "renamed"


def test_before_the_beginning_the_first_instant_is_told(
    owner: Caller, member: Caller
) -> None:
    one = owner.environment()
    path, created = f"/environments/{one['id']}", one["createdAt"]
    at = told(datetime.fromisoformat(created) - timedelta(microseconds=1))
    assert created in refused(member.get(path, at=at), 404, "BEFORE_HISTORY")["message"]
    assert made(member.get(path, at=created))["id"] == one["id"]
    query = {"repositoryIdentifier": one["repositoryIdentifier"], "category": "test"}
    assert member.get("/environments", at=at, **query).json() == []
    dawn = member.get("/environments", at="2001-01-01T00:00:00Z")
    refused(dawn, 404, "BEFORE_HISTORY")
    nowhere = member.get(f"/environments/{new_id()}", at=created)
    refused(nowhere, 404, "ENVIRONMENT_NOT_FOUND")


def test_the_future_is_not_told(owner: Caller) -> None:
    path = f"/environments/{owner.environment()['id']}"
    soon = told(utc_now() + timedelta(minutes=1))
    refusal = refused(owner.get(path, at=soon), 400, "INVALID")
    assert refusal["field"] == "at"
    assert "future" in refusal["message"]


def test_what_was_deleted_is_for_owners_to_look_back_at(
    owner: Caller, member: Caller, application: Caller, run: Run
) -> None:
    one = owner.environment(name="short-lived")
    path = f"/environments/{one['id']}"
    here = {"repositoryIdentifier": one["repositoryIdentifier"]}
    by_name = "/environments/by-name/short-lived"
    seen, at = owner.look(one), told(run.latest())
    assert owner.delete(path).is_success
    over = told(run.latest())
    assert made(owner.get(path, at=at)) == seen
    assert made(owner.get(by_name, at=at, **here)) == seen
    assert [e["id"] for e in made(owner.get("/environments", at=at, **here))["test"]]
    refused(owner.get(path, at=over), 404, "ENVIRONMENT_NOT_FOUND")
    refused(owner.get(by_name, at=over, **here), 404, "ENVIRONMENT_NOT_FOUND")
    for other in member, application:
        assert made(other.get("/environments", at=at, **here))["test"] == []
        for asked in (
            other.get(path, at=at),
            other.get(by_name, at=at, **here),
            other.get(f"{path}/history"),
            other.get(f"{path}/holds"),
            other.get(f"{by_name}/history", **here),
        ):
            refused(asked, 404, "ENVIRONMENT_NOT_FOUND")


def test_the_list_is_filtered_as_it_was(owner: Caller, run: Run) -> None:
    one = owner.environment(tags=["a", "b"], branch="main")
    here = {"repositoryIdentifier": one["repositoryIdentifier"], "category": "test"}
    at = told(run.latest())
    changed: Json = {"tags": [], "branch": None, "isActive": False, "category": "dev"}
    made(owner.patch(f"/environments/{one['id']}", changed))

    def found(**query: Any) -> Sequence[str]:
        there: Any = made(owner.get("/environments", **here | {"at": at} | query))
        return [environment["id"] for environment in there]

    for query in ({}, {"tags": "b,a"}, {"branch": "main"}, {"isActive": "true"}):
        assert found(**query) == [one["id"]]
        assert found(**query, at=told(run.latest())) == []
    for query in ({"tags": "c"}, {"branch": "x"}, {"isActive": "false"}):
        assert found(**query) == []
    assert found(category="dev") == []
