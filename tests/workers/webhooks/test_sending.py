"""An event that cannot be opened is not sent, and nothing else waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from domain.decider import Look, Outcome, Step
from domain.errors import VaultClosed
from domain.token import TokenIssued
from domain.webhook.events import WebhookRevised
from domain.webhook.webhook import CreateWebhook, ReviseWebhook, webhook
from projections.storage.database import Database
from projections.storage.deliveries import Claimed, Deliveries, New
from projections.storage.descriptions import Descriptions
from projections.storage.failures import ALTERED
from projections.storage.past import Past
from tests.domain.test_webhook import created
from tests.projections.test_deliveries import ADD, run
from tests.projections.test_views import append
from tests.support.builders import OWNER, at
from tests.support.closed import closed
from tests.support.memory import MemoryJournal
from workers.outgoing import Answer, new_secret
from workers.webhooks import sending
from workers.webhooks.bodies import Bodies
from workers.webhooks.receivers import Config, Receiver
from workers.webhooks.sending import Sending

ISSUED = TokenIssued("ci", "ab", at(60))
CLOSED = "this process has no keys of people"
# So that what lapses is claimed again at once.
LAPSED = "UPDATE webhook_delivery SET due_at = now() WHERE position = %s"
ALTER = "UPDATE berth_events SET state = 'no JSON' WHERE notification_id = %s"
LEFT = "SELECT position FROM webhook_delivery ORDER BY position"


class OneReceiver:
    """The webhook `a`, whose vault is open."""

    async def of(self, ids: Collection[str], now: datetime) -> Mapping[str, Receiver]:
        del now
        config, secret = Config("https://chat.example"), new_secret()
        return {id_: Receiver(id_, created(), config, [secret]) for id_ in ids}


class Slow:
    """Answers nothing before it is told to; `tried` are the positions it was sent."""

    def __init__(self, status: int = 204) -> None:
        self.status = status
        self.answers = asyncio.Event()
        self.tried: list[str] = []

    async def post(self, _: str, *, headers: Mapping[str, str], **__: Any) -> Answer:
        self.tried.append(headers["webhook-id"])
        await self.answers.wait()
        return Answer(self.status, 1.0, b"")


class Counted(Deliveries):
    """Counts how often each position was claimed."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.claimed: list[int] = []

    async def claim(self, busy: Mapping[str, int]) -> Sequence[Claimed]:
        found = await super().claim(busy)
        self.claimed += [one.position for one in found]
        return found


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    run(own_journal_url, ADD, "a")
    with closing(Database(own_journal_url, pool_max=4)) as database:
        yield database


@contextmanager
def altered(url: str, position: int) -> Iterator[None]:
    run(url, ALTER, position)
    yield


def left(url: str) -> list[int]:
    with psycopg.connect(url) as connection:
        return [position for [position] in connection.execute(LEFT)]


async def until(is_so: Any) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("spoil", "why"), [(closed, CLOSED), (altered, ALTERED)])
def test_what_cannot_be_opened_lapses_and_the_rest_is_sent(
    database: Database,
    own_journal_url: str,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Any,
    why: str,
) -> None:
    """Also what is under way when it is claimed; and it is logged but once."""
    monkeypatch.setattr(sending, "LOOK_EVERY_SECONDS", 0.05)
    append(own_journal_url, [("tokens/1", ISSUED)] * 3)

    async def scene() -> None:
        deliveries, slow = Counted(database), Slow()
        descriptions, one = Descriptions(database), OneReceiver()
        past, journal = Past(database), MemoryJournal()
        outside: Any = (one, slow)
        sender = Sending(journal, deliveries, past, descriptions, *outside)
        await deliveries.put_again([New("a", 1)])
        async with asyncio.TaskGroup() as group:
            running = group.create_task(sender.run(Bodies("here")))
            await until(lambda: slow.tried == ["e1"])
            await deliveries.put_again([New("a", 2), New("a", 3)])
            await until(lambda: slow.tried == ["e1", "e3"])
            await asyncio.to_thread(run, own_journal_url, LAPSED, 2)
            await until(lambda: deliveries.claimed.count(2) == 2)
            slow.answers.set()
            await until(lambda: left(own_journal_url) == [2])
            running.cancel()
        assert slow.tried == ["e1", "e3"]

    with spoil(own_journal_url, 2), capture_logs() as logs:
        asyncio.run(scene())
    [told] = [line for line in logs if line["event"] == "event not delivered"]
    assert (told["position"], told["error"]) == (2, why)


class Told(MemoryJournal):
    """Counts the commands it was given."""

    commands = 0

    async def execute(self, *steps: Step, wait_seconds: float = 0) -> Outcome:
        outcome = await super().execute(*steps, wait_seconds=wait_seconds)
        self.commands += 1
        return outcome


@pytest.mark.parametrize(("config_id", "is_active"), [("c1", False), ("c2", True)])
def test_who_is_gone_is_suspended_unless_it_leads_elsewhere_by_now(
    database: Database, own_journal_url: str, config_id: str, *, is_active: bool
) -> None:
    append(own_journal_url, [("tokens/1", ISSUED)])
    revised = WebhookRevised(destination="https://b.example", config_id=config_id)

    async def scene() -> None:
        deliveries, slow, journal = Deliveries(database), Slow(410), Told()
        outside: Any = (OneReceiver(), slow)
        past, descriptions = Past(database), Descriptions(database)
        sender = Sending(journal, deliveries, past, descriptions, *outside)
        await deliveries.put_again([New("a", 1)])
        create = CreateWebhook(by=OWNER, created=created(config_id="c1"))
        await journal.execute(Step(webhook, "webhooks/a", create))
        async with asyncio.TaskGroup() as group:
            running = group.create_task(sender.run(Bodies("here")))
            await until(lambda: slow.tried == ["e1"])
            revise = ReviseWebhook(by=OWNER, revised=revised)
            await journal.execute(Step(webhook, "webhooks/a", revise))
            slow.answers.set()
            await until(lambda: journal.commands == 3)
            running.cancel()
        use = Step(webhook, "webhooks/a", Look(by=OWNER))
        [state] = (await journal.execute(use)).states
        assert state.is_active is is_active

    asyncio.run(scene())


def test_who_asks_for_one_that_cannot_be_opened_is_told_so(
    database: Database, own_journal_url: str
) -> None:
    """An owner who has it delivered again: 503."""
    append(own_journal_url, [("tokens/1", ISSUED)] * 2)

    async def scene() -> None:
        past = Past(database)
        with pytest.raises(VaultClosed):
            await past.at([1, 2])
        read = await past.readable_at([1, 2, 3])
        assert ([*read.records], read.closed) == ([1], {2: CLOSED})

    with closed(own_journal_url, 2):
        asyncio.run(scene())
