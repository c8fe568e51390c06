"""A POST took effect, its process was killed before it could say so: asked again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import Any, LiteralString

import httpx2
import psycopg
import pytest
from httpx2 import Response

from domain.roles import Role
from projections.storage.answers import TAKEN_SECONDS
from tests.support.client import Caller, Json, made, refused, unique
from tests.support.running import HOST, Api, Installation, free_port, until
from tests.support.tasks import HOURLY, NOTHING

NAME = "Idempotency-Key"
HELD = 4_711
# Answers are not kept while somebody holds the lock.
HOLD_UP = f"""
CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.status IS NOT NULL THEN PERFORM pg_advisory_xact_lock_shared({HELD}); END IF;
    RETURN new;
END $$;
CREATE TRIGGER hold_up BEFORE UPDATE ON idempotent_request
FOR EACH ROW EXECUTE FUNCTION hold_up();
"""
CUT_OFF = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND wait_event_type = 'Lock' AND application_name = ANY(%s)
"""
HELD_UP = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND wait_event = 'advisory'
"""
KEEPING, APPENDING = ["berth-vault", "berth-views"], ["berth-journal"]
LET_GO = "DROP TRIGGER hold_up ON idempotent_request; DROP FUNCTION hold_up;"


@pytest.fixture
def no_answer_is_kept(installation: Installation) -> Iterator[Callable[[], None]]:
    """Until it is called. What waits to be kept then is lost for ever."""
    url = installation.settings.database_url
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(HOLD_UP)
        connection.execute(f"SELECT pg_advisory_lock({HELD})")
        try:
            yield lambda: release(connection)
        finally:
            connection.execute("SELECT pg_advisory_unlock_all()")
            connection.execute(LET_GO)


def release(connection: psycopg.Connection[Any]) -> None:
    # The backend of a killed process would otherwise finish what it was told.
    def is_nobody_waiting() -> bool:
        return not connection.execute(CUT_OFF, [KEEPING]).fetchall()

    until(is_nobody_waiting)
    connection.execute("SELECT pg_advisory_unlock_all()")


class Doomed:
    """An API process that is going to be stopped in the middle."""

    def __init__(self, installation: Installation) -> None:
        port = free_port()
        url = f"http://{HOST}:{port}"
        self.command = installation.berth("api", name="doomed", BERTH_PORT=str(port))
        self.http = httpx2.Client(base_url=f"{url}/sfp/api", timeout=30)
        self.api = Api(url, port, self.http)

    def send(self, number: int) -> None:
        assert self.command.pid
        os.kill(self.command.pid, number)


@pytest.fixture
def doomed(installation: Installation) -> Iterator[Doomed]:
    process = Doomed(installation)
    with process.http, process.command:
        until(process.api.is_ready)
        yield process


def effects(installation: Installation, topic: str) -> int:
    [row] = installation.query(
        "SELECT count(*) AS number FROM berth_events WHERE topic = %s", topic
    )
    return int(row["number"])


def patiently(ask: Callable[[], Response]) -> Response:
    """Asks again as long as it is told that the first one is under way."""
    answers: list[Response] = []

    def is_answered() -> bool:
        answers.append(ask())
        if answers[-1].status_code != 409:
            return True
        refused(answers[-1], 409, "IDEMPOTENCY_KEY_IN_USE")
        return False

    until(is_answered, 4 * TAKEN_SECONDS)
    return answers[-1]


SHOP = unique("acme/shop")
POSTS: dict[str, tuple[str, str, Callable[[Json], Json | None]]] = {
    "lock": (
        "lock.requested",
        "/environments/{id}/lock?repositoryName={repositoryName}",
        lambda _: {"reason": "a"},
    ),
    "environment": (
        "environment.registered",
        "/environments",
        lambda environment: {
            "repositoryIdentifier": environment["repositoryIdentifier"],
            "name": "new",
            "category": "dev",
        },
    ),
    "project": (
        "project.registered",
        "/projects",
        lambda _: {"identifier": SHOP, "remoteUrl": "https://github.com/a/b"},
    ),
    "org": (
        "org.registered",
        "/auth/salesforce/register",
        lambda _: {
            "username": SHOP[5:],
            "sfdxAuthUrl": "force://a::b@c.my.salesforce.com",
        },
    ),
    "token": ("token.issued", "/application-tokens", lambda _: {"name": "ci"}),
    "task": ("task.submitted", "/tasks", lambda _: NOTHING),
    "recurring": ("schedule.started", "/tasks", lambda _: NOTHING | HOURLY),
}


@pytest.mark.parametrize("name", POSTS)
def test_after_kill_9_it_is_not_done_again_and_answered_all_the_same(
    installation: Installation,
    owner: Caller,
    doomed: Doomed,
    no_answer_is_kept: Callable[[], None],
    pool: ThreadPoolExecutor,
    name: str,
) -> None:
    topic, path, body = POSTS[name]
    environment = owner.environment()
    path, sent = path.format(**environment), body(environment)
    headers = {NAME: unique("key")}
    before = effects(installation, topic)
    dying = doomed.api.caller(Role.OWNER, owner.name)
    lost: Future[Response] = pool.submit(dying.ask, "POST", path, sent, headers=headers)
    until(lambda: effects(installation, topic) > before)
    doomed.send(SIGKILL)
    with pytest.raises(httpx2.TransportError):
        lost.result()
    no_answer_is_kept()
    answer = patiently(lambda: owner.ask("POST", path, sent, headers=headers))
    said = made(answer)
    assert effects(installation, topic) == before + 1
    again = owner.ask("POST", path, sent, headers=headers)
    assert again.content == answer.content
    if name == "lock":
        acquired = owner.lock(environment).acquire(said["ticketId"], 0)
        assert made(acquired)["fence"] == 1
    if name == "token":
        bearer = doomed.api.bearing(said["token"])
        bearer = Caller(owner.http, bearer.token, "")
        assert bearer.get("/environments").is_success


def test_a_process_thought_dead_that_comes_back_does_not_do_it_again(
    installation: Installation, owner: Caller, doomed: Doomed, pool: ThreadPoolExecutor
) -> None:
    environment = owner.environment()
    path = f"/environments/{environment['id']}/lock"
    query = {"repositoryName": environment["repositoryName"]}
    headers = {NAME: unique("key")}
    before = effects(installation, "lock.requested")
    frozen = doomed.api.caller(Role.OWNER, owner.name)
    made(frozen.get("/projects"))
    url = installation.settings.database_url
    with (
        psycopg.connect(url) as busy,
        # Within a transaction, what others do is seen as it was at its first look.
        psycopg.connect(url, autocommit=True) as connection,
    ):
        busy.execute("LOCK TABLE berth_events IN EXCLUSIVE MODE")
        late: Future[Response] = pool.submit(
            frozen.ask, "POST", path, headers=headers, **query
        )
        until(lambda: bool(connection.execute(CUT_OFF, [APPENDING]).fetchall()))
        doomed.send(SIGSTOP)
    try:
        first = patiently(lambda: owner.ask("POST", path, headers=headers, **query))
    finally:
        doomed.send(SIGCONT)
    assert late.result().status_code in {200, 201, 503}
    if late.result().is_success:
        assert made(late.result()) == made(first)
    assert effects(installation, "lock.requested") == before + 1
    assert owner.look(environment)["lockStatus"]["queuedLocks"] == []


def test_an_answer_that_cannot_be_kept_is_true_all_the_same(
    installation: Installation,
    owner: Caller,
    doomed: Doomed,
    no_answer_is_kept: Callable[[], None],
    pool: ThreadPoolExecutor,
) -> None:
    environment = owner.environment()
    path = f"/environments/{environment['id']}/lock"
    query = {"repositoryName": environment["repositoryName"]}
    headers = {NAME: unique("key")}
    slow = doomed.api.caller(Role.OWNER, owner.name)
    waiting = pool.submit(slow.ask, "POST", path, headers=headers, **query)
    until(lambda: bool(installation.query(HELD_UP)))
    no_answer_is_kept()
    said = made(waiting.result())
    answer = patiently(lambda: owner.ask("POST", path, headers=headers, **query))
    assert made(answer) == said


@pytest.mark.parametrize("table", ["berth_events", "idempotent_request"])
def test_a_503_is_no_answer_and_the_same_key_is_good_at_once(
    installation: Installation, owner: Caller, table: LiteralString
) -> None:
    """Nothing is done, either, for a request that could not be taken first."""
    environment = owner.environment()
    path = f"/environments/{environment['id']}/lock"
    query = {"repositoryName": environment["repositoryName"]}
    headers = {NAME: unique("key")}
    with psycopg.connect(installation.settings.database_url) as connection:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        answer = owner.ask("POST", path, headers=headers, **query)
    refused(answer, 503, "UNAVAILABLE")
    assert answer.headers["retry-after"] == "1"
    assert not owner.look(environment)["isLocked"]
    first = owner.ask("POST", path, headers=headers, **query)
    ticket = made(first)["ticketId"]
    assert owner.ask("POST", path, headers=headers, **query).content == first.content
    assert made(owner.lock(environment).acquire(ticket, 0))["fence"] == 1
