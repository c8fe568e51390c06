"""`berth locks` tells who has which environment, and who waits for it."""

from __future__ import annotations

from domain.ids import new_id
from tests.support.client import Caller, Json
from tests.support.pipeline import Pipeline

FAILED = 125


def test_who_has_which_environment_and_how_many_wait(
    pipeline: Pipeline, owner: Caller, prod: Json
) -> None:
    where = {"repositoryIdentifier": prod["repositoryIdentifier"]}
    owner.environment(name="uat", **where)
    lock = owner.lock(prod)
    lock.hold(reason="Release 2.1", leaseDurationSeconds=7200)
    lock.ticket()
    done = pipeline.run("locks", where)
    assert done.code == 0
    assert [line.split() for line in done.printed.splitlines()] == [
        ["ENVIRONMENT", "LOCKED", "BY", "AT", "MOST", "QUEUE", "REASON"],
        ["prod", owner.name, "120", "min", "1", "Release", "2.1"],
        ["uat", "-"],
    ]


def test_an_owner_ends_a_lock_that_somebody_has_left(
    pipeline: Pipeline, owner: Caller, prod: Json
) -> None:
    pipeline.caller.lock(prod).hold(reason="forgotten")
    waiting = owner.lock(prod).ticket(reason="hotfix")
    head, has_it, first = pipeline.run("locks", prod).printed.splitlines()
    assert head.split() == ["PLACE", "TICKET", "WHO", "AT", "MOST", "REASON"]
    assert has_it.endswith("forgotten")
    assert first.split()[:2] == ["1", waiting]
    assert first.endswith("hotfix")
    ticket = has_it.removeprefix("has it").split()[0]
    token = {"BERTH_TOKEN": owner.token}
    assert pipeline.run("unlock", prod, ticket, **token).lines == [
        "berth: prod: released"
    ]
    assert owner.look(prod)["lockStatus"]["currentLock"]["ticketId"] == waiting


def test_nobody_has_it(pipeline: Pipeline, prod: Json) -> None:
    _, only = pipeline.run("locks", prod).printed.splitlines()
    assert only == "nobody has it"


def test_what_a_caller_wrote_moves_no_terminal_s_cursor(
    pipeline: Pipeline, owner: Caller, prod: Json
) -> None:
    owner.lock(prod).hold(reason="one\x1b[2J\ntwo" + "o" * 100)
    has_it = pipeline.run("locks", prod).printed.splitlines()[1]
    assert "\x1b" not in has_it
    assert "one [2J two" in has_it
    assert has_it.endswith("…")


def test_one_that_is_not_there(pipeline: Pipeline, prod: Json) -> None:
    where = prod["repositoryIdentifier"]
    for name, there in ("nowhere", f" in {where}"), (new_id(), ""):
        done = pipeline.run("locks", prod | {"name": name})
        assert (done.code, done.printed) == (FAILED, "")
        told = f"berth: there is no environment {name}{there}: "
        assert done.lines == [told + "`berth locks` tells which there are"]


def test_a_repository_that_has_none_is_named(pipeline: Pipeline) -> None:
    done = pipeline.run("locks", {"repositoryIdentifier": "acme/none"})
    assert done.code == 0
    assert done.lines == ["berth: there is no environment in acme/none"]


def test_one_that_nobody_can_lock(pipeline: Pipeline, owner: Caller) -> None:
    prod = owner.environment(name="prod", isActive=False)
    where = {"repositoryIdentifier": prod["repositoryIdentifier"]}
    _, listed = pipeline.run("locks", where).printed.splitlines()
    assert listed.split() == ["prod", "not", "active"]
    _, only = pipeline.run("locks", prod).printed.splitlines()
    assert only == "not active"
