"""A person is erased: nothing in the database tells who it was; all else goes on."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from signal import SIGINT
from urllib.parse import quote

import psycopg
import pytest

from domain.event import system
from domain.roles import Role
from projections.views import VIEWS
from tests.api.erasing_scene import From, Scene, caught_up, own, scene, traces
from tests.api.test_rebuild import rows
from tests.support.canaries import Canaries, tables
from tests.support.client import made, refused, unique
from tests.support.running import ENOUGH_SECONDS, Api, Installation, until
from tests.support.tasks import HOURLY, submitted
from workers.wiring import running

__all__ = ["own", "scene"]
FORGET_SECONDS_MAX = 5
PUBLISHED = "SELECT published_by FROM release WHERE environment_id = %s"
STATES = "SELECT state FROM berth_events ORDER BY notification_id"


def states(here: Installation) -> list[bytes]:
    return [bytes(row["state"]) for row in here.query(STATES)]


def test_nothing_tells_who_it_was_and_nothing_that_was_stored_has_changed(
    scene: Scene,
) -> None:
    caught_up(scene)
    before, path = states(scene.here), f"/subjects/{scene.name}"
    assert traces(scene), "else there is nothing to be erased"
    told = made(scene.bob.delete(path))
    assert told["keys"] == 1
    assert told["rows"] > 10
    assert traces(scene) == []
    assert states(scene.here)[: len(before)] == before
    shown = told["erasedAs"]
    at = scene.bob.look(scene.environment)
    assert (at["createdBy"], at["updatedBy"]) == (shown, shown)
    audit = scene.bob.audit(scene.environment)
    mine = [record for record in audit if record["accessed_by"] == shown]
    assert {record["ip_address"] for record in mine} == {"erased"}
    assert {record["user_agent"] for record in mine} == {"erased"}
    details = [record["access_details"] for record in audit]
    assert shown in {told.get("granted_to") for told in details}
    assert shown in {told.get("requested_by") for told in details}
    [release] = scene.here.query(PUBLISHED, scene.environment["id"])
    assert release["published_by"] == shown
    for listed in "/application-tokens", "/webhooks":
        creators = [one["createdBy"] for one in scene.bob.get(listed).json()]
        assert shown in creators
    assert scene.bob.name in {record["accessed_by"] for record in audit}
    assert scene.name not in scene.bob.get("/events", limit=1000).text

    again = made(scene.bob.delete(path))
    assert again == {"erasedAs": shown, "keys": 0, "rows": 0}


def test_a_view_that_is_rebuilt_says_the_same(scene: Scene) -> None:
    """Also of what was told after the erasure."""
    caught_up(scene)
    made(scene.bob.delete(f"/subjects/{scene.name}"))
    scene.bob.lock(scene.environment).hold()
    caught_up(scene)
    kept = in_views(scene.here)
    assert "erased:" in str(kept)
    with scene.here.berth("rebuild") as command:
        until(lambda: command.exit_code is not None)
    assert command.exit_code == 0
    rebuilt = in_views(scene.here)
    assert {name for name in VIEWS if kept[name] != rebuilt[name]} == set()


def in_views(here: Installation) -> dict[str, list[Sequence[str]]]:
    return {
        name: [rows(here, table) for table in view.tables]
        for name, view in VIEWS.items()
    }


def test_who_holds_something_is_not_erased_unless_it_may_be_ended(
    scene: Scene,
) -> None:
    held, path = scene.ada.lock(scene.environment), f"/subjects/{scene.name}"
    held.hold()
    queued = scene.bob.lock(scene.environment)
    next_one = queued.ticket()
    task, hourly = submitted(scene.ada), submitted(scene.ada, **HOURLY)
    refusal = refused(scene.bob.delete(path), 409, "SUBJECT_IN_USE")
    assert "1 place in a lock's queue" in refusal["message"]
    assert "1 task that is not over, 1 recurring task" in refusal["message"]
    assert scene.bob.look(scene.environment)["lockedBy"] == scene.name

    shown = made(scene.bob.delete(path, force="true"))["erasedAs"]
    made(queued.acquire(next_one, 0))
    [released] = [
        record
        for record in scene.bob.audit(scene.environment, accessType="lock")
        if record["access_details"].get("forced") and shown in str(record)
    ][:1]
    assert released["accessed_by"] == scene.bob.name
    for operation in task, hourly:
        told = made(scene.bob.get(f"/tasks/{operation}/status"))
        assert told["status"] == "cancelled"


def test_what_was_cut_off_is_finished_by_the_next_try(scene: Scene) -> None:
    """After each step: the key is gone, or also on record, and nothing else is done."""
    caught_up(scene)

    async def cut_off() -> None:
        async with running(scene.here.settings) as services:
            erasing = services.erasing
            known = services.subjects.known(scene.name)
            assert erasing.erasure.destroy(known)
            assert erasing.erasure.destroy(known), "it is found again"

    asyncio.run(cut_off())
    assert traces(scene), "the views still tell"
    told = made(scene.bob.delete(f"/subjects/{scene.name}"))
    assert told["keys"] == 1
    assert traces(scene) == []
    assert made(scene.bob.delete(f"/subjects/{scene.name}"))["keys"] == 0


def test_another_process_forgets_within_seconds(scene: Scene) -> None:
    """The API's process, when the command line has erased."""
    feed = scene.bob.get("/events", limit=1000).text
    assert scene.name in feed
    command = scene.here.berth("erase", scene.name, "--yes")
    with command:
        until(lambda: command.exit_code is not None)
    assert command.exit_code == 0
    said = (scene.here.folder / f"{command.name}.log").read_text()
    assert "rows now say erased:" in said
    until(
        lambda: scene.name not in scene.bob.get("/events", limit=1000).text,
        FORGET_SECONDS_MAX,
    )
    # What was folded before is forgotten as well: a lock can be had as ever.
    scene.bob.lock(scene.environment).hold()
    assert traces(scene) == []


def test_refusals_that_are_counted_are_put_down_without_the_name(scene: Scene) -> None:
    """They are kept in memory for a minute, and the person may be erased meanwhile."""
    with scene.here.api("counting") as api:
        ada = From(**vars(api.caller(Role.MEMBER, scene.name)), agent=scene.agent)
        for _ in range(3):
            refused(ada.patch(f"/environments/{scene.environment['id']}", {}), 403)
        caught_up(scene)
        shown = made(scene.bob.delete(f"/subjects/{scene.name}"))["erasedAs"]
    [counted, first] = scene.bob.audit(scene.environment, accessType="refused")
    assert counted["access_details"]["count"] == 2
    assert [one["accessed_by"] for one in (counted, first)] == [shown, shown]
    assert counted["ip_address"] == first["ip_address"] == "erased"
    assert traces(scene) == []


@pytest.mark.parametrize(
    ("answer", "code"), [(b"", 130), (b"n\n", 1), (b"\x04", 1)], ids=["^C", "no", "^D"]
)
def test_whoever_is_asked_can_still_leave(
    scene: Scene, answer: bytes, code: int
) -> None:
    """Without an answer by Ctrl-C, which is a signal, or by the end of the input."""
    keyboard, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "api", "erase", "nobody@example.org"],
        env=os.environ | scene.here.environment,
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            assert process.stdout
            said = b""
            while b"[y/N]" not in said:
                said += process.stdout.read(1)
            if answer:
                os.write(keyboard, answer)
            else:
                until(lambda: is_ended_by_ctrl_c(process))
            rest, _ = process.communicate(timeout=ENOUGH_SECONDS)
        finally:
            process.kill()
    os.close(keyboard)
    os.close(terminal)
    assert process.returncode == code
    assert b"Traceback" not in rest
    assert b"Nothing was known" not in rest


def is_ended_by_ctrl_c(process: subprocess.Popen[bytes]) -> bool:
    """Python sleeps through one that comes just before it reads: then once more."""
    process.send_signal(SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5)
    return process.returncode is not None


def test_the_command_line_asks_before_it_erases(scene: Scene) -> None:
    with scene.here.berth("erase", scene.name, name="unsure") as command:
        until(lambda: command.exit_code is not None)
    said = (scene.here.folder / "unsure.log").read_text()
    assert (command.exit_code, "Say --yes" in said) == (1, True)
    assert scene.name in scene.bob.get("/events", limit=1000).text


def test_what_is_wrong_is_named(scene: Scene) -> None:
    for subject in ("berth:time", "anonymous", "erased:0123456789ab", "x" * 256):
        answer = scene.bob.delete(f"/subjects/{subject}")
        assert refused(answer, 400, "INVALID")["field"] == "subject"
    for force in ("maybe", "2", "", "null"):
        answer = scene.bob.delete("/subjects/nobody@acme.example", force=force)
        assert refused(answer, 400)["field"] == "force"
    own_name = f"/subjects/{scene.bob.name}"
    assert "themselves" in refused(scene.bob.delete(own_name), 409)["message"]
    nobody = made(scene.bob.delete("/subjects/nobody@acme.example"))
    assert (nobody["keys"], nobody["rows"]) == (0, 0)


ALMOST_ALIKE = [
    ("https://idp.example/users/{}", "https:/idp.example/users/{}"),
    ("a//{}", "a/{}"),
    ("{}/", "{}"),
    ("/{}", "{}"),
    ("//{}///", "{}"),
    ("100%2F{}", "100/{}"),
    ("{}?x#y", "{}"),
]


@pytest.mark.parametrize(("name", "other"), ALMOST_ALIKE, ids=range(len(ALMOST_ALIKE)))
@pytest.mark.parametrize("safe", ["", "/"])
def test_a_name_is_taken_as_it_is_with_all_of_its_slashes(
    own: tuple[Installation, Api], name: str, other: str, safe: str
) -> None:
    """And nobody else is erased who is called almost so."""
    _, api = own
    owner, word = api.caller(Role.OWNER), unique("u")
    both = [one.format(word) for one in (name, other)]
    for one in both:  # Who is refused is on record, and so has a key.
        refused(api.caller(Role.MEMBER, one).get("/webhooks"), 403)
    for one in both:
        told = made(owner.delete(f"/subjects/{quote(one, safe)}"))
        assert told["keys"] == 1, one


def test_a_name_of_which_it_cannot_be_told_what_was_meant_is_refused(
    scene: Scene,
) -> None:
    for path in ("//subjects/x", "/subjects/x%FF"):
        answer = scene.bob.delete(f"{scene.api.url}/sfp/api{path}")
        refusal = refused(answer, 400, "INVALID")
        assert refusal["field"] == "subject"


def test_who_may_not_erase_leaves_no_name_behind_by_trying(
    scene: Scene,
) -> None:
    """The refusal is on record, without whom it was about."""
    victim = unique("victim.canary@people.example")
    member = scene.api.caller(Role.MEMBER, unique("mallory@people.example"))
    refused(member.delete(f"/subjects/{victim}"), 403)
    with psycopg.connect(scene.here.settings.database_url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM berth_events WHERE topic = 'access.refused'"
            " AND position('/subjects/{subject' IN convert_from(state, 'UTF8')) > 0"
        ).fetchone()
    assert found is not None
    assert found[0] >= 1
    canaries = Canaries()
    canaries.add("victim", victim)
    assert canaries.found(tables(scene.here.settings.database_url)) == []


def test_nobody_can_pass_for_a_worker_or_for_somebody_erased(api: Api) -> None:
    for name in (system("time").id, "erased:0123456789ab", "anonymous"):
        refused(api.caller(Role.OWNER, name).get("/environments"), 401)
