"""The events in pages: in order, each once, and the cursor always moves on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from httpx2 import Response

from domain.ids import new_id
from domain.outward.cloud_event import sequence_of
from domain.roles import Role
from tests.support.client import Caller, Json, made, refused
from tests.support.events import following, page, tags, tip
from tests.support.running import Api, Installation, until

TOPICS = "SELECT topic FROM berth_events ORDER BY notification_id"
NDJSON = "application/x-ndjson"
FAMILY = ["environment.registered", "lock.requested", "lock.granted", "lock.acquired"]


@pytest.fixture
def environment(owner: Caller) -> Json:
    """Registered, and locked."""
    environment = owner.environment()
    owner.lock(environment).hold()
    return environment


def test_page_by_page_it_is_every_event_of_the_journal_in_order(
    owner: Caller, environment: Json, installation: Installation
) -> None:
    del environment
    read: list[Json] = []
    cursor = "0"
    while (found := page(owner, after=cursor, limit=7))["events"]:
        assert len(found["events"]) <= 7
        read += found["events"]
        cursor = found["next"]
    assert [event["sequence"] for event in read] == [
        sequence_of(number) for number in range(1, len(read) + 1)
    ]
    stored = installation.query(
        "SELECT topic FROM berth_events ORDER BY notification_id"
    )
    assert tags(read) == [row["topic"] for row in stored][: len(read)]
    assert len({event["id"] for event in read}) == len(read)


def test_what_was_just_written_can_be_read(owner: Caller) -> None:
    """Through whichever process, and at once."""
    before = tip(owner)
    environment = owner.environment()
    [event] = page(owner, after=before, types="environment.registered")["events"]
    assert event["subject"] == f"environments/{environment['id']}"
    assert event["data"]["name"] == environment["name"]
    assert event["data"]["origin"]["by"] == owner.name


def test_after_may_be_a_sequence_or_a_plain_number(owner: Caller) -> None:
    owner.repository()
    padded, plain = (
        page(owner, after=sequence_of(1), limit=1),
        page(owner, after=1, limit=1),
    )
    assert padded["events"] == plain["events"]
    assert padded["next"] == sequence_of(2)


def test_the_events_of_one_environment_are_those_about_it(
    owner: Caller, environment: Json
) -> None:
    owner.environment()
    owner.look(environment)
    made(owner.publish(environment))
    query = {"environmentId": environment["id"], "limit": 1_000}
    found = page(owner, **query)["events"]
    assert tags(found) == [*FAMILY, "access.read", "release.published"]
    assert {event["subject"] for event in found} == {
        f"environments/{environment['id']}"
    }
    assert tags(page(owner, types="lock.*", **query)["events"]) == FAMILY[1:]
    chosen = {"types": ["lock.granted", "berth.release.published.v1"]}
    assert tags(page(owner, **query, **chosen)["events"]) == [
        "lock.granted",
        "release.published",
    ]


def test_an_environment_that_was_deleted_has_had_its_events(owner: Caller) -> None:
    environment = owner.environment()
    assert owner.delete(f"/environments/{environment['id']}").is_success
    found = page(owner, environmentId=environment["id"])["events"]
    assert tags(found) == ["environment.registered", "environment.retired"]


def test_the_cursor_moves_past_what_was_not_asked_for(owner: Caller) -> None:
    before = tip(owner)
    owner.environment()
    found = page(owner, after=before, types="token.revoked")
    assert found["events"] == []
    assert found["next"] == found["tip"] > before


def test_lines_of_json_say_the_same(owner: Caller, environment: Json) -> None:
    query = {"environmentId": environment["id"]}
    expected = page(owner, **query)
    answer = owner.ask("GET", "/events", headers={"accept": NDJSON}, **query)
    assert answer.headers["content-type"].startswith(NDJSON)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-next-after"] == expected["next"]
    lines = answer.text.splitlines()
    assert [parsed(line) for line in lines] == expected["events"]


def parsed(line: str) -> Json:
    return dict(Response(200, content=line).json())


def test_who_waits_is_answered_by_the_first_event_and_not_before(
    api: Api, owner: Caller, environment: Json, pool: ThreadPoolExecutor
) -> None:
    query = {"after": tip(owner), "environmentId": environment["id"], "wait": 30}
    waiting = pool.submit(page, owner, **query)
    until(lambda: following(api) == 1)
    owner.environment()
    made(owner.publish(environment))
    assert tags(waiting.result(10)["events"]) == ["release.published"]


def test_who_waits_hears_of_what_another_process_appends(
    api: Api, owner: Caller, other_api: Api, pool: ThreadPoolExecutor
) -> None:
    query = {"after": tip(owner), "types": "project.registered", "wait": 30}
    waiting = pool.submit(page, owner, **query)
    until(lambda: following(api) == 1)
    other_api.caller(Role.OWNER).repository()
    assert tags(waiting.result(10)["events"]) == ["project.registered"]


def test_who_waits_in_vain_gets_an_empty_page_and_a_later_cursor(
    api: Api, owner: Caller, pool: ThreadPoolExecutor
) -> None:
    before = tip(owner)
    waiting = pool.submit(page, owner, after=before, types="token.revoked", wait=2)
    until(lambda: following(api) == 1)
    owner.repository()
    found = waiting.result(10)
    assert found["events"] == []
    assert found["next"] > before


@pytest.mark.parametrize(
    "after", ["-1", "", "x", "1.5", "1e3", "+1", "0x1", "\u0661", "9" * 21, "null"]
)
def test_what_is_no_position_is_refused(owner: Caller, after: str) -> None:
    assert refused(owner.get("/events", after=after), 400)["field"] == "after"


@pytest.mark.parametrize("ahead", [1, 10**15, 10**19])
def test_a_position_that_is_not_reached_yet_is_refused(
    owner: Caller, ahead: int
) -> None:
    """It was read from another journal, or from this one before it was restored."""
    for wait in 0, 1:
        after = int(tip(owner)) + ahead
        answer = owner.get("/events", after=after, wait=wait)
        body = refused(answer, 400, "POSITION_AHEAD")
        assert body["field"] == "after"
        assert str(after) in body["message"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("types", "lock.lost"),
        ("types", ""),
        ("types", "lock.acquired,"),
        ("environmentId", "uat"),
        ("environmentId", ""),
        ("environmentId", "null"),
        ("limit", "0"),
        ("limit", ""),
        ("wait", "-1"),
        ("wait", "61"),
        ("wait", "1.5"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(
    owner: Caller, field: str, value: str
) -> None:
    assert refused(owner.get("/events", **{field: value}), 400)["field"] == field


@pytest.mark.parametrize("quality", ["1e999", "-1e999", "inf", "nan", "x", ""])
def test_whatever_quality_somebody_accepts_is_no_failure_of_ours(
    owner: Caller, quality: str
) -> None:
    accept = {"accept": f"text/event-stream;q=0.1, application/json;q={quality}"}
    place = owner.environment()
    for path in ("/events", f"/environments/{place['id']}/history"):
        answer = owner.ask("GET", path, headers=accept, limit=1)
        if answer.status_code != 200:
            assert refused(answer, 400, "INVALID")["field"] == "Accept"


def test_an_environment_that_never_was_is_not_found(owner: Caller) -> None:
    answer = owner.get("/events", environmentId=new_id())
    refused(answer, 404, "ENVIRONMENT_NOT_FOUND")
