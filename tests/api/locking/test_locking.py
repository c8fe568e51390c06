"""`berth lock` runs a command that alone has an environment, whatever happens to it."""

from __future__ import annotations

import signal
from collections.abc import Mapping

import pytest

from domain.roles import Role
from tests.support.client import Caller, Json, made
from tests.support.gate import Gate
from tests.support.pipeline import ENDLESS, Pipeline
from tests.support.running import Api, Installation, until
from workers.pipeline.signals import ENDING

LOCK_LOST, WAIT_OVER, NOT_FOUND = 125, 124, 127
RENEWALS = """
SELECT FROM berth_events WHERE originator_id = %s AND topic = 'lock.renewed'
"""


def queued(caller: Caller, place: Json) -> list[Json]:
    return list(caller.look(place)["lockStatus"]["queuedLocks"])


def another_has_had_it(caller: Caller, place: Json) -> None:
    lock = caller.lock(place)
    ticket = lock.ticket()
    until(lambda: lock.acquire(ticket, 0).is_success)
    made(lock.release(ticket))


def test_a_command_has_the_environment_and_berth_exits_as_it_does(
    pipeline: Pipeline, owner: Caller, prod: Json
) -> None:
    running = pipeline.start("lock", prod, "--", "sh", "-c", ENDLESS)
    ticket = made(owner.lock(prod).look(running.ticket()))
    assert ticket["status"] == "acquired"
    held = owner.look(prod)
    assert held["lockedBy"] == pipeline.caller.name
    done = running.signalled(signal.SIGTERM).done()
    assert (done.code, done.printed) == (9, "told\n")
    assert done.lines == [
        "berth: locked prod, fence 1",
        "berth: given back: released",
    ]
    assert not owner.look(prod)["isLocked"]


def test_it_finds_its_ticket_fence_and_credentials_in_its_environment(
    pipeline: Pipeline, owner: Caller
) -> None:
    place = owner.environment(name="uat", salesforceUsername=owner.org())
    found = pipeline.run("lock", place, "--", "env").variables
    ended = made(pipeline.caller.lock(place).look(found["BERTH_TICKET_ID"]))
    assert ended["status"] == "released"
    assert found["BERTH_FENCE"] == str(ended["fence"])
    assert found["BERTH_ENVIRONMENT_ID"] == place["id"]
    assert found["BERTH_SALESFORCE_USERNAME"] == place["salesforceUsername"]
    assert found["BERTH_SFDX_AUTH_URL"].startswith("force://")
    assert "BERTH_FRONT_DOOR_URL" not in found  # Nothing was told of that.


def test_it_waits_its_turn_and_says_where_in_the_queue_it_is(
    pipeline: Pipeline, owner: Caller, prod: Json
) -> None:
    held = owner.lock(prod).hold(leaseDurationSeconds=7200)
    waiting = pipeline.start("lock", prod, "--reason", "hotfix", "--", "true")
    until(lambda: "place 1 in the queue, 120 min to wait" in waiting.told)
    [hotfix] = queued(owner, prod)
    assert hotfix["lockReason"] == "hotfix"
    made(owner.lock(prod).release(held["ticketId"]))
    assert waiting.done().code == 0


def test_whoever_waits_no_longer_leaves_the_queue(
    pipeline: Pipeline, owner: Caller, prod: Json
) -> None:
    owner.lock(prod).hold()
    for seconds in "0", "1":
        done = pipeline.run("lock", prod, "--wait", seconds, "--", "echo", "ran")
        assert (done.code, done.printed) == (WAIT_OVER, "")
        assert f"prod was not free within {seconds} s" in done.told
        assert not queued(owner, prod)


@pytest.mark.parametrize("number", ENDING)
def test_and_so_does_whoever_is_told_to_end(
    pipeline: Pipeline, owner: Caller, prod: Json, number: signal.Signals
) -> None:
    owner.lock(prod).hold()
    waiting = pipeline.start("lock", prod, "--", "true")
    until(lambda: "in the queue" in waiting.told)
    assert waiting.signalled(number).done().code == 128 + number
    assert not queued(owner, prod)


def test_whoever_is_told_to_end_as_he_asks_leaves_no_ticket(
    gate: Gate, pipeline: Pipeline, owner: Caller, prod: Json
) -> None:
    owner.lock(prod).hold()
    gate.holds = b"POST"
    waiting = pipeline.start("lock", prod, "--", "true")
    until(lambda: bool(queued(owner, prod)))
    waiting.signalled(signal.SIGTERM)
    gate.answers.set()
    assert waiting.done().code == 128 + signal.SIGTERM
    assert not queued(owner, prod)


def test_the_lease_is_renewed_for_as_long_as_the_command_runs(
    pipeline: Pipeline, owner: Caller, prod: Json, installation: Installation
) -> None:
    running = pipeline.start("lock", prod, "--lease", "9", "--", "sh", "-c", ENDLESS)
    assert running.ticket()
    until(lambda: len(installation.query(RENEWALS, prod["id"])) >= 3)
    assert owner.look(prod)["lockedBy"] == pipeline.caller.name
    assert running.signalled(signal.SIGTERM).done().code == 9


def test_nor_does_a_moment_without_the_server_end_it(
    gate: Gate, pipeline: Pipeline, owner: Caller, prod: Json
) -> None:
    running = pipeline.start("lock", prod, "--lease", "30", "--", "sh", "-c", ENDLESS)
    assert running.ticket()
    gate.shut()
    running.signalled(signal.SIGTERM)
    until(lambda: "asking again" in running.told)
    gate.open()
    assert running.done().code == 9
    assert not owner.look(prod)["isLocked"]


@pytest.mark.parametrize(
    "says",
    [
        b"HTTP/1.1 408 Request Timeout\r\n\r\n<html>",
        b"HTTP/1.1 500 Internal Server Error\r\n\r\n<html>",
        b"HTTP/1.1 520 \r\n\r\n<html>",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n<html>",
        b"HTTP/1.1 200 OK\r\n\r\n<html>",
        b"HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\n\r\ndefault backend - 404",
    ],
)
def test_nor_does_a_proxy_that_cannot_reach_the_server(
    gate: Gate, pipeline: Pipeline, owner: Caller, prod: Json, says: bytes
) -> None:
    running = pipeline.start("lock", prod, "--lease", "30", "--", "sh", "-c", ENDLESS)
    assert running.ticket()
    gate.says = says
    gate.shut()
    running.signalled(signal.SIGTERM)
    until(lambda: running.told.count("asking again") > 0)
    gate.open()
    assert running.done().code == 9
    assert not owner.look(prod)["isLocked"]


def test_the_command_is_ended_before_anybody_else_is_given_the_lock(
    gate: Gate, pipeline: Pipeline, owner: Caller, prod: Json
) -> None:
    words = ("--lease", "9", "--", "sh", "-c", ENDLESS)
    running = pipeline.start("lock", prod, *words)
    assert running.ticket()
    gate.shut()
    until(lambda: "the lock is lost: ending the command" in running.told)
    assert owner.look(prod)["isLocked"]
    gate.open()
    done = running.done()
    assert (done.code, done.printed) == (LOCK_LOST, "told\n")


def test_nor_does_it_outlive_a_lock_that_an_owner_takes_away(
    pipeline: Pipeline, owner: Caller, prod: Json
) -> None:
    running = pipeline.start("lock", prod, "--lease", "3", "--", "sh", "-c", ENDLESS)
    made(owner.lock(prod).release(running.ticket()))
    done = running.done()
    assert (done.code, done.printed) == (LOCK_LOST, "told\n")
    assert "lost the lock of prod" in done.told


def test_who_sleeps_through_his_lease_queues_again(
    api: Api, pipeline: Pipeline, owner: Caller, prod: Json
) -> None:
    held = owner.lock(prod).hold()
    waiting = pipeline.start("lock", prod, "--lease", "3", "--", "true")
    until(lambda: "place 1 in the queue" in waiting.told)
    until(
        lambda: api.waiting == 1
    )  # Else it is the claim window that it sleeps through.
    waiting.signalled(signal.SIGSTOP)
    made(owner.lock(prod).release(held["ticketId"]))
    another_has_had_it(owner, prod)
    assert waiting.signalled(signal.SIGCONT).done().code == 0
    assert "in the queue of prod again" in waiting.told


def test_and_so_does_who_was_cut_off_when_it_was_his_turn(
    api: Api, gate: Gate, pipeline: Pipeline, owner: Caller
) -> None:
    place = owner.environment(name="prod", claimWindowSeconds=1)
    held = owner.lock(place).hold()
    waiting = pipeline.start("lock", place, "--", "true")
    until(lambda: "place 1 in the queue" in waiting.told)
    until(lambda: api.waiting == 1)
    gate.shut()
    until(lambda: api.waiting == 0)
    made(owner.lock(place).release(held["ticketId"]))
    another_has_had_it(owner, place)
    gate.open()
    assert waiting.done().code == 0
    assert "in the queue of prod again" in waiting.told


def test_without_a_command_the_lock_is_kept_until_it_is_given_back(
    pipeline: Pipeline, owner: Caller, prod: Json
) -> None:
    locked = pipeline.run("lock", prod)
    ticket = locked.printed.strip()
    assert made(owner.lock(prod).look(ticket))["status"] == "acquired"
    for _ in range(2):  # Twice is once.
        done = pipeline.run("unlock", prod, ticket)
        assert (done.code, done.told) == (0, "berth: prod: released\n")
    assert not owner.look(prod)["isLocked"]


def test_an_environment_may_be_named_by_its_id(pipeline: Pipeline, prod: Json) -> None:
    by_id = prod | {"name": prod["id"]}
    assert pipeline.run("lock", by_id, "--", "true", BERTH_REPOSITORY="").code == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"BERTH_TOKEN": ""}, "BERTH_TOKEN is not set"),
        ({"BERTH_TOKEN": "sfp_at_wrong"}, "token"),
        ({"BERTH_TOKEN": "caf\u00e9"}, "BERTH_TOKEN is no token"),
        ({"BERTH_URL": "berth.example"}, "--url is no URL"),
        ({"BERTH_URL": "http://[::1"}, "--url is no URL"),
        ({"BERTH_REPOSITORY": "acme/none"}, "no environment prod in acme/none"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(
    pipeline: Pipeline, prod: Json, change: Mapping[str, str], said: str
) -> None:
    done = pipeline.run("lock", prod, "--", "echo", "ran", **change)
    assert (done.code, done.printed) == (LOCK_LOST, "")
    [line] = done.told.splitlines()
    assert said in line


def test_nobody_queues_for_a_command_that_is_not_there(
    pipeline: Pipeline, owner: Caller, prod: Json
) -> None:
    done = pipeline.run("lock", prod, "--", "./deploy-that-is-not-there")
    assert done.code == NOT_FOUND
    assert owner.audit(prod, accessType="lock") == []


def test_a_member_may_not_lock(api: Api, pipeline: Pipeline, prod: Json) -> None:
    pipeline.caller = api.caller(Role.MEMBER)
    done = pipeline.run("lock", prod, "--", "echo", "ran")
    assert (done.code, done.printed) == (LOCK_LOST, "")
