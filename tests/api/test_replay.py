"""`berth replay` tells what happened to an environment, and how it stood back then."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import partial

import pytest

from api.commands.replay import tell
from domain.errors import EnvironmentNotFound, Invalid
from projections.storage.keyring import Keyring
from tests.support.client import Caller, Json, made, unique
from tests.support.running import Installation, until
from workers.supervisor import Command

# These depend on when it was asked.
BY_THE_CLOCK = ("lockExpiresInSeconds", "expiresInSeconds", "estimatedWaitSeconds")
LATEST = """
SELECT convert_from(state, 'UTF8')::json->'origin'->>'at' AS at
FROM berth_events ORDER BY notification_id DESC LIMIT 1
"""


@pytest.fixture
def told(installation: Installation, capsys: pytest.CaptureFixture[str]) -> Telling:
    return Telling(installation, capsys)


class Telling:
    """What `berth replay` prints."""

    def __init__(
        self, installation: Installation, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._installation = installation
        self._capsys = capsys

    @property
    def where(self) -> tuple[str, Keyring]:
        settings = self._installation.settings
        return settings.database_url, settings.vault_keys

    def of(
        self,
        named: str,
        repository: str | None = None,
        until: str | None = None,
        *,
        as_json: bool = False,
    ) -> list[str]:
        self._capsys.readouterr()
        tell(*self.where, named, repository, until, as_json=as_json)
        return self._capsys.readouterr().out.splitlines()

    def in_json(
        self, named: str, repository: str | None = None, until: str | None = None
    ) -> list[Json]:
        lines = self.of(named, repository, until, as_json=True)
        return [json.loads(line) for line in lines]

    def latest(self) -> str:
        """When the last event came to pass.

        Not `now`: on a busy machine the journal's time is a little behind the clock's,
        and what comes next may be dated before it.
        """
        [row] = self._installation.query(LATEST)
        return str(row["at"])

    def now(self) -> str:
        [row] = self._installation.query("SELECT clock_timestamp() AS now")
        now: datetime = row["now"]
        return now.isoformat()


def has_ended(command: Command) -> bool:
    return command.exit_code is not None


def in_words(line: str) -> str:
    """Without when, and what stands in columns."""
    return line[62:]


def timeless(answer: Json) -> Json:
    def without(known: Json) -> Json:
        return {k: v for k, v in known.items() if k not in BY_THE_CLOCK}

    kept: Json = json.loads(json.dumps(answer), object_hook=without)
    return kept


def test_a_story_is_told_in_order_by_name_and_by_id(
    owner: Caller, application: Caller, told: Telling
) -> None:
    place = owner.environment()
    lock, who = application.lock(place), application.name
    ticket = lock.hold(reason="Release 2.1", leaseDurationSeconds=600)["ticketId"]
    waiting = lock.ticket(reason="later", leaseDurationSeconds=60)
    made(application.publish(place, ticketId=ticket))
    made(owner.lock(place).release(ticket))
    made(lock.release(waiting))
    head, *lines = told.of("uat", place["repositoryIdentifier"])
    assert [in_words(line) for line in lines] == [
        f"registered as uat by {owner.name}",
        f"{who} asks for the lock for 10 min (Release 2.1)",
        f"granted to {who}, fence 1",
        f"locked by {who} (Release 2.1) for 10 min, fence 1",
        f"{who} asks for the lock for 1 min (later)",
        f"core v1 was released by {who} under fence 1",
        f"released by {owner.name} by force: it was {who}'s",
        f"granted to {who}, fence 2",
        f"released by {who}",
    ]
    assert in_words(head) == "WHAT"
    assert lines[4].split()[2:4] == ["1", "1"]  # the fence, and one who waits
    assert told.of(place["id"]) == [head, *lines]
    assert told.of(place["id"], place["repositoryName"]) == [head, *lines]


def test_programs_are_told_the_same_an_object_a_line(
    owner: Caller, application: Caller, told: Telling
) -> None:
    place = owner.environment()
    application.lock(place).hold()
    lines = told.in_json(place["id"])
    assert [line["type"] for line in lines] == [
        f"berth.{name}.v1"
        for name in (
            "environment.registered",
            "lock.requested",
            "lock.granted",
            "lock.acquired",
        )
    ]
    last = lines[-1]
    assert (last["fence"], last["queued"]) == (1, 0)
    assert last["lockedBy"] == last["who"] == application.name
    assert last["data"]["origin"]["by"] == application.name
    assert int(last["sequence"]) > int(lines[0]["sequence"])


def test_it_stands_at_an_instant_as_the_api_said_then(
    owner: Caller, application: Caller, told: Telling
) -> None:
    place = owner.environment(tags=["a"], isDefault=True)
    path, here = "/environments/orchestration-order", place["repositoryIdentifier"]
    order = {"environmentOrder": ["uat"]}
    lock = application.lock(place)
    steps = (
        lambda: lock.hold(reason="now"),
        lambda: lock.ticket(reason="then"),
        lambda: made(owner.patch(f"/environments/{place['id']}", {"branch": "main"})),
        lambda: owner.ask(
            "PUT", path, order, category="test", repositoryIdentifier=here
        ).raise_for_status(),
        lambda: made(owner.patch(f"/environments/{place['id']}", {"isDefault": False})),
    )
    shown = [(owner.look(place), told.latest())]
    for step in steps:
        step()
        shown.append((owner.look(place), told.latest()))
    for answer, at in shown:
        last = told.in_json(place["id"], until=at)[-1]
        assert timeless(last["environment"]) == timeless(answer)
    before, after = (told.of(place["id"], until=at) for _, at in (shown[1], shown[2]))
    assert "acquired by" in before[-1]
    assert "1. " in after[-1]


def test_what_time_alone_has_done_shows(
    owner: Caller, application: Caller, told: Telling
) -> None:
    place = owner.environment()
    held = application.lock(place).hold(leaseDurationSeconds=1)
    over = datetime.fromisoformat(held["expiresAt"])
    until(lambda: datetime.fromisoformat(told.now()) > over)
    just_before = over - timedelta(milliseconds=1)
    last = told.in_json(place["id"], until=just_before.isoformat())[-1]
    assert last["environment"]["lockedBy"] == application.name
    last = told.in_json(place["id"], until=over.isoformat())[-1]
    assert last["environment"]["isLocked"] is False
    assert told.of(place["id"], until=over.isoformat())[-1].endswith("fence is 1")


def test_a_deleted_one_has_its_story_and_whoever_came_after_it_another(
    owner: Caller, told: Telling, capsys: pytest.CaptureFixture[str]
) -> None:
    old = owner.environment()
    here = old["repositoryIdentifier"]
    assert owner.delete(f"/environments/{old['id']}").is_success
    *_, last = told.of("UAT", here)
    assert in_words(last) == f"deleted by {owner.name}"
    assert told.of(old["id"], until=told.now())[-1] == "  It was deleted before."
    assert told.in_json(old["id"], until=told.now())[-1]["environment"] is None

    new = owner.environment(repositoryIdentifier=here)
    assert told.of("uat", here) == told.of(new["id"])
    tell(*told.where, "uat", here, None, as_json=True)
    assert old["id"] in capsys.readouterr().err


def test_a_name_that_several_repositories_have_needs_one(
    owner: Caller, told: Telling
) -> None:
    name = unique("shared")
    places = [owner.environment(name=name) for _ in range(2)]
    with pytest.raises(EnvironmentNotFound, match="choose with --repository"):
        told.of(name)
    for place in places:
        assert told.of(name, place["repositoryIdentifier"]) == told.of(place["id"])


def test_there_is_no_story_of_what_never_was(owner: Caller, told: Telling) -> None:
    place = owner.environment()
    for named, repository in (
        (unique("nobody"), None),
        ("00000000-0000-4000-8000-000000000000", None),
        (place["id"], "acme/other"),
        ("uat", "acme/nowhere"),
    ):
        with pytest.raises(EnvironmentNotFound, match="there never was"):
            told.of(named, repository)


@pytest.mark.parametrize(
    ("instant", "why"),
    [
        ("2026-01-05T08:00:00", "has no zone"),
        ("2026-01-05", "is not an instant"),
        ("yesterday", "is not an instant"),
        ("", "is not an instant"),
        ("2199-01-01T00:00:00Z", "in the future"),
    ],
)
def test_an_instant_must_be_one_that_is_past(
    owner: Caller, told: Telling, instant: str, why: str
) -> None:
    place = owner.environment()
    with pytest.raises(Invalid, match=why) as refusal:
        told.of(place["id"], until=instant)
    assert refusal.value.field == "--until"


def test_before_it_was_registered_there_is_nothing_to_tell(
    owner: Caller, told: Telling
) -> None:
    owner.repository()
    before, place = told.latest(), owner.environment()
    with pytest.raises(EnvironmentNotFound, match="its story begins at"):
        told.of(place["id"], until=before)


def test_names_cannot_play_tricks_on_a_terminal(
    owner: Caller, application: Caller, told: Telling
) -> None:
    place = owner.environment()
    application.lock(place).hold(reason="\u001b[31m[bold]red[/bold]\u202e\nnext")
    lines = told.of(place["id"])
    assert "\u001b" not in "".join(lines)
    assert any("[bold]red[/bold]" in line for line in lines)
    assert len(lines) == 5


def test_the_command_line_says_what_is_wrong_in_a_line(
    owner: Caller, installation: Installation
) -> None:
    place = owner.environment()
    for name, words, code in (
        ("told", (place["id"],), 0),
        ("unknown", ("nobody",), 1),
    ):
        with installation.berth("replay", *words, name=f"replay-{name}") as command:
            until(partial(has_ended, command))
        assert command.exit_code == code
        assert command.log is not None
        said = command.log.read_text()
        assert "Traceback" not in said
        assert ("registered as uat" in said) == (code == 0)
        assert ("berth: there never was a nobody" in said) == (code == 1)
