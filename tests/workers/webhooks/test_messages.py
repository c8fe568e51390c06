"""Messages for people: what happened, in a line that is no markup and calls nobody."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from domain.access import AccessRefused, CredentialsRead, FrontDoorOpened
from domain.catalog import tag
from domain.environment.events import (
    Category,
    ExpiryCause,
    LockAcquired,
    LockExpired,
    LockReleased,
    LockRequested,
)
from domain.environment.review_events import ReviewStatus, ReviewTransitioned
from domain.event import Event
from domain.record import Recorded
from domain.webhook.events import Provider
from projections.storage.descriptions import Described
from tests.golden.examples import EXAMPLES, recorded
from workers.webhooks.bodies import (
    MESSAGES,
    REMEMBERED_BYTES_MAX,
    Bodies,
    trial,
)
from workers.webhooks.discord import CONTENT_LENGTH_MAX, cut, discord
from workers.webhooks.slack import slack
from workers.webhooks.teams import teams
from workers.webhooks.telling import NAME_LENGTH_MAX, TEXT_LENGTH_MAX, Told, told

FOLDER = Path(__file__).parent
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
UAT = Described("acme/app", "UAT-1", Category.TEST)
ACQUIRED = LockAcquired("t", 7, NOON, 1_800, "build 42")
NASTY = "<!channel> @everyone *b* [a](http://x) <@U1> & \u202e\n\\"


def record(event: Event) -> Recorded:
    found = recorded(event)
    return replace(found, origin=replace(found.origin, application=None))


def sentence(event: Event, details: Described | None = UAT) -> str:
    return told(record(event), details).sentence


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (ACQUIRED, "locked by ci (build 42) for 30 min, fence 7"),
        (LockAcquired("t", 7, NOON, 7_200, None), "locked by ci for 2 h, fence 7"),
        (LockAcquired("t", 7, NOON, 90, None), "locked by ci for 90 s, fence 7"),
        (LockReleased("t", "ada", 7, "ci"), "released by ci"),
        (
            LockReleased("t", "ada", 7, "ci", forced=True),
            "released by ci by force: it was ada's",
        ),
        (
            LockExpired("t", "ada", 7, ExpiryCause.CLAIM),
            "ada did not come to claim the lock",
        ),
        (
            LockExpired("t", "ada", 7, ExpiryCause.LEASE),
            "the lock of ada has expired, fence 7",
        ),
        (
            CredentialsRead("e", "acme/app", "uat@acme.example", "accessToken"),
            "ci, without the lock, was told the accessToken of uat@acme.example",
        ),
        (
            FrontDoorOpened("e", "acme/app", "uat@acme.example"),
            "ci was let into uat@acme.example",
        ),
        (
            AccessRefused("e", 403, "GET", "/", "only for owners"),
            "ci was turned away: only for owners (403)",
        ),
        (
            AccessRefused("e", 403, "GET", "/", "only for owners", 12),
            "ci was turned away, 12 times: only for owners (403)",
        ),
        (
            ReviewTransitioned("ISSUE-1", ReviewStatus.AVAILABLE, "task", "ci"),
            "said to be Available; it was ISSUE-1's",
        ),
    ],
)
def test_it_says_what_happened_to_what(event: Event, said: str) -> None:
    assert sentence(event) == f"UAT-1 of acme/app: {said}"


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: tag(type(event)))
def test_whatever_happens_can_be_said(event: Event) -> None:
    for details in (UAT, None):
        said = told(record(event), details)
        assert said.type == tag(type(event))
        assert "\n" not in said.sentence
    for provider in Provider:
        body = json.loads(Bodies("here").of(provider, record(event), UAT))
        assert isinstance(body, dict)


def test_long_events_are_remembered_up_to_so_many_bytes() -> None:
    """Not so many events: of the longest that there are, those would be gigabytes."""
    long = record(replace(ACQUIRED, reason="x" * 1_000_000))
    bodies = Bodies("here")
    for number in range(40):
        body = bodies.of(Provider.GENERIC, replace(long, id=f"e{number}"), None)
        assert json.loads(body)["event"]["id"] == f"e{number}"
    held = sum(map(len, bodies._written.values()))
    assert len(body) <= held <= REMEMBERED_BYTES_MAX + len(body)


def test_what_nobody_would_read_says_its_type() -> None:
    [event] = (e for e in EXAMPLES if tag(type(e)) == "request.carried_out")
    assert sentence(event, None).endswith("request.carried_out (by ci)")


@pytest.mark.parametrize("provider", MESSAGES, ids=str)
def test_a_message_is_the_one_on_file(provider: Provider) -> None:
    """As it was sent, and looked at, the day that it was written."""
    body = json.loads(Bodies("here").of(provider, record(ACQUIRED), UAT))
    assert body == json.loads((FOLDER / f"{provider}.json").read_text())


def nasty() -> Told:
    event = replace(ACQUIRED, reason=NASTY)
    return told(record(event), replace(UAT, name=NASTY))


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts(inner)]
    return [value] if isinstance(value, str) else []


def test_slack_finds_no_markup_in_a_name() -> None:
    message = slack(nasty())
    assert "&lt;!channel&gt;" in message["text"]
    assert not {"<", ">"} & set(message["text"])
    kinds = {element["type"] for element in inner(message["blocks"])}
    assert "mrkdwn" not in kinds  # The only kind of text that Slack reads markup in.


def inner(blocks: Any) -> list[Any]:
    found = []
    for block in blocks:
        found += [block, *inner(block.get("elements", []))]
    return found


def test_teams_finds_no_markup_in_a_name() -> None:
    [attachment] = teams(nasty())["attachments"]
    lines = attachment["content"]["body"]
    assert {line["type"] for line in lines} == {"RichTextBlock"}
    runs = [run for line in lines for run in line["inlines"]]
    assert {run["type"] for run in runs} == {"TextRun"}
    assert "msteams" not in attachment["content"]  # Where mentions would be.


def test_discord_finds_no_markup_in_a_name_and_mentions_nobody() -> None:
    message = discord(nasty())
    assert message["allowed_mentions"] == {"parse": []}
    assert "\\<\\!channel\\> \\@everyone \\*b\\*" in message["content"]


def test_what_cannot_be_seen_is_left_out() -> None:
    assert not any({"\u202e", "\n"} & set(text) for text in texts(slack(nasty())))


def test_no_message_is_too_long() -> None:
    event = replace(ACQUIRED, reason="*" * 10_000)
    said = told(record(event), replace(UAT, name="_" * 1_000))
    assert len(said.what) == NAME_LENGTH_MAX
    assert len(said.text) == TEXT_LENGTH_MAX
    assert len(discord(said)["content"]) <= CONTENT_LENGTH_MAX
    assert len(json.dumps(slack(said))) < 12_000
    assert len(json.dumps(teams(said))) < 28_000


@pytest.mark.parametrize("provider", MESSAGES, ids=str)
def test_a_test_is_a_message_like_any_other(provider: Provider) -> None:
    body = json.loads(trial(provider, "id", "my hook", NOON))
    assert any("test of the webhook my" in text for text in texts(body))


def test_an_event_is_written_once_for_all_programs() -> None:
    bodies = Bodies("here")
    first = bodies.of(Provider.GENERIC, record(ACQUIRED), None)
    assert bodies.of(Provider.GENERIC, record(ACQUIRED), UAT) is first


def test_what_happened_where_another_event_was_is_told_as_it_is() -> None:
    """A database that comes back with less has other events at the same positions."""
    bodies = Bodies("here")
    for event in (record(ACQUIRED), replace(record(ACQUIRED), id="another")):
        body = json.loads(bodies.of(Provider.GENERIC, event, None))
        assert body["event"]["id"] == event.id


def test_what_was_written_before_somebody_was_erased_is_written_anew() -> None:
    """The record says so by then, and the body that is remembered does not."""
    erasures = 0
    bodies = Bodies("here", lambda: erasures)
    assert b'"by-ada"' in bodies.of(Provider.GENERIC, said_by("by-ada"), None)
    erasures = 1
    body = bodies.of(Provider.GENERIC, said_by("erased:0123"), None)
    assert b'"by-ada"' not in body
    assert b'"erased:0123"' in body


def said_by(name: str) -> Recorded:
    asked = next(one for one in EXAMPLES if isinstance(one, LockRequested))
    return record(replace(asked, requested_by=name))


def test_an_escape_is_not_cut_in_two() -> None:
    whole = "a" * (CONTENT_LENGTH_MAX - 3)
    assert cut(whole + r"\*\*\*") == whole + "\N{HORIZONTAL ELLIPSIS}"
    assert cut(whole + "abc") == whole + "abc"


def test_who_came_with_an_applications_token_is_called_by_its_name() -> None:
    found = record(ACQUIRED)
    by = replace(found.origin, application="pipeline")
    assert "locked by pipeline " in told(replace(found, origin=by), UAT).sentence
