"""A name that means another environment by the time of the decision."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import pytest
from httpx2 import Response

from domain.decider import Look, Step
from domain.environment.details import ReviseEnvironment
from domain.environment.environment import environment as decider
from domain.environment.events import EnvironmentRevised
from domain.project import ChangeEnvironment, project, stream_of
from tests.support.builders import OWNER
from tests.support.client import Caller, Json, made, refused, unique
from tests.support.running import Installation, until
from workers.wiring import running

WAITING = """
SELECT count(*) AS number FROM pg_locks
WHERE NOT granted AND relation = 'berth_events'::regclass
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
LOSE_ANSWER = """
UPDATE idempotent_request SET status = NULL, taken_until = now()
WHERE created_at = (SELECT max(created_at) FROM idempotent_request) RETURNING id
"""
Ask = Callable[[], Response]
Meanwhile = Callable[[Ask, Sequence[Step]], Response]


@pytest.fixture
def meanwhile(installation: Installation) -> Meanwhile:
    """An answer to what has looked its name up before `steps`, and is decided after."""
    url = installation.settings.database_url

    async def answer(ask: Ask, steps: Sequence[Step]) -> Response:
        async with running(installation.settings) as services:
            # A connection is opened for it, which nobody could do while that is locked.
            await services.journal.execute(Step(decider, "nowhere", Look(by=OWNER)))
            with psycopg.connect(url) as busy:
                busy.execute("LOCK TABLE berth_events IN EXCLUSIVE MODE")
                first = asyncio.create_task(services.journal.execute(*steps))
                await asyncio.to_thread(until, lambda: waiting(installation) == 1)
                second = asyncio.create_task(asyncio.to_thread(ask))
                await asyncio.to_thread(until, lambda: waiting(installation) == 2)
            await first
            return await second

    return lambda ask, steps: asyncio.run(answer(ask, steps))


def waiting(installation: Installation) -> int:
    """How many processes would append, if they could."""
    return int(installation.query(WAITING)[0]["number"])


@pytest.fixture
def blue(owner: Caller) -> Json:
    return owner.environment(name="blue")


@pytest.fixture
def green(owner: Caller, blue: Json) -> Json:
    repository = blue["repositoryIdentifier"]
    return owner.environment(name="green", repositoryIdentifier=repository)


@pytest.fixture
def swap(blue: Json, green: Json) -> Sequence[Step]:
    renamings = (blue, "tmp"), (green, "blue"), (blue, "green")
    return [step for one, name in renamings for step in renaming(one, name)]


def renaming(environment: Json, name: str) -> Sequence[Step]:
    change = ChangeEnvironment(by=OWNER, environment_id=environment["id"], name=name)
    revise = ReviseEnvironment(by=OWNER, revised=EnvironmentRevised(name=name))
    return [
        Step(project, stream_of(environment["repositoryIdentifier"]), change),
        Step(decider, environment["id"], revise),
    ]


def by_name(
    caller: Caller, method: str, environment: Json, rest: str = "", body: Any = None
) -> Ask:
    path = f"/environments/by-name/{environment['name']}{rest}"
    here = {"repositoryIdentifier": environment["repositoryIdentifier"]}
    return lambda: caller.ask(method, path, body, **here)


def test_who_has_the_name_by_then_is_deleted(
    owner: Caller, blue: Json, green: Json, swap: Sequence[Step], meanwhile: Meanwhile
) -> None:
    answer = meanwhile(by_name(owner, "DELETE", blue), swap)
    assert answer.status_code == 204
    assert owner.look(blue)["name"] == "green"
    refused(owner.get(f"/environments/{green['id']}"), 404)


@pytest.mark.parametrize("name", ["blue", "cyan"])
def test_who_has_the_name_by_then_is_changed(
    owner: Caller,
    blue: Json,
    green: Json,
    swap: Sequence[Step],
    meanwhile: Meanwhile,
    name: str,
) -> None:
    """To no other name, though its bearer of before could not have this one."""
    change = {"description": "live", "name": name}
    answer = meanwhile(by_name(owner, "PATCH", blue, body=change), swap)
    changed = made(answer)
    assert [changed[key] for key in ("id", "name")] == [green["id"], name]
    seen = owner.look(blue)
    assert [seen["name"], seen["description"]] == ["green", None]


def test_a_release_is_of_who_has_the_name_by_then(
    owner: Caller, blue: Json, green: Json, swap: Sequence[Step], meanwhile: Meanwhile
) -> None:
    release = {"name": "v1", "domain": "core"}
    answer = meanwhile(by_name(owner, "POST", blue, "/releases", release), swap)
    assert made(answer)["targetOrg"] == "blue"
    found = [owner.releases(one)["totalCount"] for one in (blue, green)]
    assert found == [0, 1]


def test_a_ticket_proves_no_hold_of_who_has_the_name_by_then(
    owner: Caller, blue: Json, green: Json, swap: Sequence[Step], meanwhile: Meanwhile
) -> None:
    ticket = owner.lock(blue).hold()["ticketId"]
    release = {"name": "v1", "domain": "core", "ticketId": ticket}
    answer = meanwhile(by_name(owner, "POST", blue, "/releases", release), swap)
    refused(answer, 404, "TICKET_NOT_FOUND")
    found = [owner.releases(one)["totalCount"] for one in (blue, green)]
    assert found == [0, 0]


@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [
        ("DELETE", "", None),
        ("PATCH", "", {"description": "live"}),
        ("POST", "/releases", {"name": "v1", "domain": "core"}),
    ],
)
def test_a_name_that_nobody_has_by_then_is_not_found(
    owner: Caller, blue: Json, meanwhile: Meanwhile, method: str, rest: str, body: Any
) -> None:
    answer = meanwhile(by_name(owner, method, blue, rest, body), renaming(blue, "tmp"))
    refused(answer, 404, "ENVIRONMENT_NOT_FOUND")
    assert owner.look(blue)["description"] is None
    assert owner.releases(blue)["totalCount"] == 0


def test_by_its_id_an_environment_is_the_same_whatever_its_name(
    owner: Caller, blue: Json, meanwhile: Meanwhile
) -> None:
    path = f"/environments/{blue['id']}"
    meant = renaming(blue, "tmp")
    changed = made(meanwhile(lambda: owner.patch(path, {"description": "live"}), meant))
    assert [changed["name"], changed["description"]] == ["tmp", "live"]
    renamed = renaming(blue, "blue")
    assert made(meanwhile(lambda: owner.publish(blue), renamed))
    gone = meanwhile(lambda: owner.delete(path), renaming(blue, "tmp"))
    assert gone.status_code == 204


def test_a_release_is_not_told_of_whoever_has_the_name_by_then(
    installation: Installation, owner: Caller
) -> None:
    before = owner.environment(name="prod")
    repository = before["repositoryIdentifier"]
    after = owner.environment(name="blue", repositoryIdentifier=repository)
    path = "/environments/by-name/prod/releases"
    query = {"repositoryIdentifier": repository}
    body = {"name": "v1", "domain": "core"}
    headers = {"Idempotency-Key": unique("key")}
    made(owner.ask("POST", path, body, headers=headers, **query))
    assert installation.query(LOSE_ANSWER)
    for environment, name in (before, "old"), (after, "prod"):
        made(owner.patch(f"/environments/{environment['id']}", {"name": name}))
    again = owner.ask("POST", path, body, headers=headers, **query)
    refused(again, 409, "IDEMPOTENCY_ANSWER_LOST")
    assert owner.releases(after)["releases"] == []
