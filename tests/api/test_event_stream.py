"""The events as a stream: as they come, from where one was, for as long as one may."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx2
import pytest

from api.event_stream import STREAMS_PER_CALLER_MAX
from domain.outward.cloud_event import sequence_of
from domain.roles import Role
from tests.support.client import Caller, Json, made, refused
from tests.support.events import STREAM, Frame, following, page, stream, tags, tip
from tests.support.running import HOST, Api, Installation, free_port, until


def test_each_event_comes_as_it_happens_and_as_the_pages_tell_it(
    api: Api, owner: Caller, other_api: Api
) -> None:
    """Wherever it was appended."""
    before = tip(owner)
    with stream(owner) as open_stream:
        headers = open_stream.answer.headers
        assert headers["content-type"].startswith(STREAM)
        assert headers["cache-control"] == "no-store"
        assert headers["x-accel-buffering"] == "no"
        until(lambda: following(api) == 1)
        owner.repository()
        first = open_stream.take(1)
        other_api.caller(Role.OWNER).repository()
        heard = first + open_stream.take(1)
    expected = page(owner, after=before)["events"]
    assert heard == [Frame(e["sequence"], e["type"], e) for e in expected]
    assert tags(expected) == ["project.registered"] * 2
    until(lambda: following(api) == 0)


def test_a_reader_goes_on_where_it_was(owner: Caller) -> None:
    before = tip(owner)
    for _ in range(3):
        owner.repository()
    with stream(owner, after=before) as first:
        [last] = first.take(1)
    resumed = {"last-event-id": last.id}
    with stream(owner, resumed, after=before) as second:
        heard = second.take(2)
    expected = page(owner, after=before)["events"]
    assert [last.data, *(frame.data for frame in heard)] == expected


def test_a_stream_tells_first_how_soon_to_come_again_and_where_it_is(
    owner: Caller,
) -> None:
    with stream(owner) as open_stream:
        first = next(open_stream.frames())
    assert first == Frame(first.id, "", {})
    assert first.id == tip(owner)


def test_only_what_is_asked_for_comes(
    api: Api, owner: Caller, environment: Json
) -> None:
    query = {"environmentId": environment["id"], "types": "lock.*"}
    with stream(owner, **query) as open_stream:
        until(lambda: following(api) == 1)
        owner.environment()
        owner.look(environment)
        owner.lock(environment).ticket()
        heard = open_stream.take(2)
    assert tags([frame.data for frame in heard]) == ["lock.requested", "lock.granted"]


@pytest.fixture
def environment(owner: Caller) -> Json:
    return owner.environment()


def test_a_revoked_token_ends_its_stream(
    api: Api, owner: Caller, other_api: Api
) -> None:
    """Whoever revokes it, and however long nothing else has happened."""
    issued = made(owner.post("/application-tokens", {"name": "reader"}))
    with stream(api.bearing(issued["token"])) as open_stream:
        next(open_stream.frames())
        before = tip(owner)
        revoker = other_api.caller(Role.OWNER)
        assert revoker.delete(f"/application-tokens/{issued['id']}").is_success
        [end] = open_stream.frames()
    assert (end.event, end.data["code"]) == ("berth.end", "UNAUTHENTICATED")
    assert end.data["resumeAfter"] in {before, sequence_of(int(before) + 1)}


def test_a_process_that_stops_says_where_to_go_on(
    installation: Installation, owner: Caller, pool: ThreadPoolExecutor
) -> None:
    port = free_port()
    url = f"http://{HOST}:{port}"
    process = installation.berth("api", name="stopping", BERTH_PORT=str(port))
    with process, httpx2.Client(base_url=f"{url}/sfp/api", timeout=30) as http:
        there = Api(url, port, http)
        until(there.is_ready)
        reader = there.caller(Role.OWNER)
        with stream(reader, types="token.*") as open_stream:
            frames = open_stream.frames()
            begun = next(frames)
            waiting = pool.submit(
                reader.get, "/events", after=begun.id, types="token.*", wait=30
            )
            until(lambda: following(there) == 2)
            process.stop()
            ends = [frame for frame in frames if frame.event]
        assert process.exit_code == 0
    assert [(end.event, end.data["code"]) for end in ends] == [
        ("berth.end", "STOPPING")
    ]
    assert begun.id <= ends[0].data["resumeAfter"] <= tip(owner)
    told = refused(waiting.result(10), 503, "UNAVAILABLE")
    assert "stopping" in told["message"]


@pytest.mark.parametrize("last", ["-1", "x", "1.5", "9" * 21, "99999999999"])
def test_what_is_no_place_to_go_on_from_is_refused(owner: Caller, last: str) -> None:
    with stream(owner, {"last-event-id": last}) as open_stream:
        body = refused(open_stream.answer, 400)
    assert body["field"] == "Last-Event-ID"
    assert (body["code"] == "POSITION_AHEAD") == (last == "99999999999")


def test_where_to_begin_must_be_reached_already(owner: Caller) -> None:
    with stream(owner, after=10**15) as open_stream:
        body = refused(open_stream.answer, 400, "POSITION_AHEAD")
    assert body["field"] == "after"


def test_a_caller_has_only_so_many_streams(api: Api) -> None:
    """Those of others are not counted, and one that ends makes room."""
    reader, other = api.caller(Role.MEMBER), api.caller(Role.MEMBER)
    request = (
        f"GET /sfp/api/events HTTP/1.1\r\nHost: {HOST}\r\nAccept: {STREAM}\r\n"
        f"Authorization: Bearer {reader.token}\r\n\r\n"
    ).encode()
    with ExitStack() as stack:
        for _ in range(STREAMS_PER_CALLER_MAX):
            connection = stack.enter_context(socket.create_connection((HOST, api.port)))
            connection.sendall(request)
        until(lambda: following(api) == STREAMS_PER_CALLER_MAX)
        with stream(reader) as one_more:
            told = refused(one_more.answer, 429, "TOO_MANY")
        assert one_more.answer.headers["retry-after"]
        assert str(STREAMS_PER_CALLER_MAX) in told["message"]
        with stream(other) as open_stream:
            assert next(open_stream.frames()).id
    until(lambda: following(api) == 0)
    with stream(reader) as open_stream:
        assert next(open_stream.frames()).id


def test_those_who_come_all_at_once_are_no_more_than_one_may_have(api: Api) -> None:
    """None of them is counted yet when the first is let in."""
    reader = api.caller(Role.MEMBER)
    request = (
        f"GET /sfp/api/events HTTP/1.1\r\nHost: {HOST}\r\nAccept: {STREAM}\r\n"
        f"Authorization: Bearer {reader.token}\r\n\r\n"
    ).encode()
    with ExitStack() as stack:
        readers = [
            stack.enter_context(socket.create_connection((HOST, api.port)))
            for _ in range(STREAMS_PER_CALLER_MAX + 100)
        ]
        for one in readers:
            one.sendall(request)
        statuses = [one.recv(12).split()[1] for one in readers]
        assert statuses.count(b"200") == STREAMS_PER_CALLER_MAX
        assert statuses.count(b"429") == 100
    until(lambda: following(api) == 0)


def test_a_token_in_the_query_is_none(owner: Caller) -> None:
    """It would be in every log on the way."""
    answer = owner.http.get("/events", params={"token": owner.token, "limit": 1})
    refused(answer, 401, "UNAUTHENTICATED")
