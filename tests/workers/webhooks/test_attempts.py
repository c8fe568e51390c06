"""What is sent to a receiver, and when it is tried again by what it answered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from domain.webhook.events import Method
from domain.webhook.schedule import DELAYS_SECONDS, JITTER, RETRIES
from projections.storage.deliveries import Attempt, Claimed, Outcome
from tests.domain.test_webhook import created
from tests.golden.examples import EXAMPLES, recorded
from tests.support.builders import at
from workers.outgoing import Answer, Unreachable, new_secret
from workers.webhooks.attempts import Reply, attempt_of, send
from workers.webhooks.receivers import Config, Receiver

RECORD = recorded(EXAMPLES[0])


class Outside:
    """Answers as it is told to; `asked` is what it was asked to send."""

    def __init__(self, answer: Answer | Unreachable) -> None:
        self.answer = answer
        self.asked: dict[str, Any] = {}

    async def post(self, url: str, **what: Any) -> Answer:
        self.asked = {"url": url, **what}
        if isinstance(self.answer, Unreachable):
            raise self.answer
        return self.answer


def receiver(headers: dict[str, str] | None = None, **facts: Any) -> Receiver:
    config = Config("https://chat.example/in", headers or {})
    return Receiver("a", created(**facts), config, [new_secret()])


def sent(outside: Any, to: Receiver) -> Reply:
    return asyncio.run(send(outside, to, "e1", at(0), b"{}"))


def tried(
    answer: Answer | Unreachable, *, before: int = 0, **facts: Any
) -> tuple[Attempt, float | None]:
    """What comes of it after so many tries before, and when it is tried again."""
    to = receiver(**facts)
    claimed = Claimed("a", 1, before, claim=7, is_probe=False)
    attempt = attempt_of(claimed, to, RECORD, sent(Outside(answer), to))
    assert (attempt.claim, attempt.attempt) == (7, before + 1)
    return attempt, attempt.again_seconds


def answer(status: int, retry_after: float | None = None) -> Answer:
    return Answer(status, 1.0, b"", retry_after)


def test_it_is_sent_as_its_owner_says_and_signed_by_us() -> None:
    outside = Outside(answer(204))
    to = receiver(
        {"X-Key": "k", "User-Agent": "ours"}, method=Method.PUT, timeout_ms=2_500
    )
    assert sent(outside, to).is_success
    headers = outside.asked.pop("headers")
    assert outside.asked == {
        "url": "https://chat.example/in",
        "method": "PUT",
        "body": b"{}",
        "timeout_seconds": 2.5,
    }
    assert (headers["x-key"], headers["user-agent"]) == ("k", "ours")
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == "e1"
    assert headers["webhook-timestamp"] == str(int(at(0).timestamp()))


def test_no_header_of_an_owner_takes_the_place_of_what_signs() -> None:
    ours = {"webhook-id", "webhook-timestamp", "webhook-signature"}
    outside = Outside(answer(204))
    sent(outside, receiver(dict.fromkeys(map(str.title, ours), "forged")))
    headers = outside.asked["headers"]
    assert ours <= headers.keys()
    assert "forged" not in headers.values()


@pytest.mark.parametrize("is_probe", [True, False])
def test_what_came_of_it_is_told_of_what_was_claimed(*, is_probe: bool) -> None:
    to = receiver(config_id="c1")
    claimed = Claimed("a", 4, 2, claim=7, is_probe=is_probe)
    attempt = attempt_of(claimed, to, RECORD, sent(Outside(answer(204)), to))
    assert (attempt.webhook_id, attempt.position) == ("a", 4)
    assert (attempt.is_probe, attempt.config_id) == (is_probe, "c1")
    assert (attempt.event_id, attempt.event_type) == (
        RECORD.id,
        "environment.registered",
    )


@pytest.mark.parametrize("status", [200, 299])
def test_what_begins_with_two_is_a_delivery(status: int) -> None:
    attempt, again = tried(answer(status))
    assert (attempt.status, attempt.outcome) == (status, Outcome.DELIVERED)
    assert (attempt.error, again) == (None, None)


@pytest.mark.parametrize("status", [199, 300, 410, 500])
def test_whatever_else_is_none(status: int) -> None:
    attempt, _ = tried(answer(status))
    assert (attempt.status, attempt.outcome) == (status, Outcome.FAILED)
    assert attempt.error == f"it answered {status}"


@pytest.mark.parametrize("before", range(RETRIES))
def test_each_failure_waits_for_its_own_place_in_the_schedule(before: int) -> None:
    _, again = tried(Unreachable("it is away"), before=before)
    delay = DELAYS_SECONDS[before + 1]
    assert again is not None
    assert delay * (1 - JITTER) <= again <= delay * (1 + JITTER)


@pytest.mark.parametrize("status", [500, 503])
def test_after_the_last_try_it_is_given_up_whatever_was_asked_for(status: int) -> None:
    attempt, again = tried(answer(status, 60.0), before=RETRIES)
    assert (attempt.outcome, again) == (Outcome.GIVEN_UP, None)
    attempt, _ = tried(answer(status, 60.0), before=1, retry_count=1)
    assert attempt.outcome is Outcome.GIVEN_UP


@pytest.mark.parametrize("status", [429, 503])
def test_who_is_busy_says_when_but_never_sooner(status: int) -> None:
    attempt, again = tried(answer(status, 600.0))
    assert (attempt.rest_seconds, again) == (600.0, 600.0)
    attempt, again = tried(answer(status, 1.0), before=2)
    assert attempt.rest_seconds == 1.0
    assert again is not None
    assert again >= DELAYS_SECONDS[3] * (1 - JITTER)
    assert tried(answer(status))[0].rest_seconds is None


@pytest.mark.parametrize("status", [200, 400, 500])
def test_nobody_else_is_asked_when(status: int) -> None:
    attempt, again = tried(answer(status, 600.0))
    assert attempt.rest_seconds is None
    assert again is None or again < 600


def test_what_could_not_be_reached_says_why() -> None:
    attempt, _ = tried(Unreachable("it is away"))
    assert (attempt.status, attempt.error) == (None, "it is away")
