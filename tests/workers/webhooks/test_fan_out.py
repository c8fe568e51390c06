"""A webhook is told what happens while it is active, however late that is found out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing

import psycopg
import pytest

from domain.catalog import tag
from domain.environment.events import Category, EnvironmentRevised
from domain.errors import JournalUnavailable
from domain.event import Event
from domain.record import Recorded
from domain.token import TokenIssued, TokenRevoked
from domain.webhook.events import (
    Filter,
    SuspensionReason,
    WebhookDeleted,
    WebhookResumed,
    WebhookRevised,
    WebhookSuspended,
)
from domain.webhook.wishes import TAGS
from projections.storage.belongings import Belongings
from projections.storage.database import Database
from projections.storage.deliveries import Deliveries, New
from projections.storage.descriptions import Descriptions
from projections.storage.past import Past
from projections.storage.reader import Reader
from tests.domain.test_webhook import created
from tests.projections.test_views import append
from tests.support.builders import acquired, at, registered, requested
from workers.webhooks.fan_out import FanOut
from workers.webhooks.selection import Selection

ISSUED = TokenIssued("ci", "ab", at(60))
STORY: Sequence[tuple[str, Event]] = [
    ("tokens/1", ISSUED),
    ("webhooks/a", created(pattern="token.issued")),
    ("tokens/2", ISSUED),  # 3: for a
    ("webhooks/b", created(pattern="*", filter=Filter(types=("token.*",)))),
    ("tokens/3", ISSUED),  # 5: for both
    ("tokens/3", TokenRevoked()),  # 6: for b
    ("webhooks/a", WebhookSuspended(SuspensionReason.FAILING)),
    ("tokens/4", ISSUED),  # 8: for b
    ("webhooks/a", WebhookResumed()),
    ("webhooks/b", WebhookRevised(pattern="lock.*")),
    ("tokens/5", ISSUED),  # 11: for a
    ("webhooks/a", WebhookDeleted()),
    ("tokens/6", ISSUED),
    ("webhooks/c", created(pattern="token.*", is_active=False)),
    ("tokens/7", ISSUED),
]
EXPECTED = [("a", 3), ("a", 5), ("a", 11), ("b", 5), ("b", 6), ("b", 8)]
ROWS = """
SELECT webhook_id, position FROM webhook_delivery ORDER BY webhook_id, position
"""


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    with closing(Database(own_journal_url, pool_max=2)) as database:
        yield database


def fan_out(
    database: Database,
    past: Past | None = None,
    deliveries: Deliveries | None = None,
    on_new: Callable[[], None] = lambda: None,
) -> FanOut:
    """One that has just begun."""
    past = past or Past(database)
    selection = Selection(Descriptions(database), Belongings(database))
    deliveries = deliveries or Deliveries(database)
    return FanOut(deliveries, past, Reader(database), selection, on_new)


def rows(url: str) -> list[tuple[str, int]]:
    with psycopg.connect(url) as connection:
        return [(one, position) for one, position in connection.execute(ROWS)]


async def read(
    database: Database, first: int, last: int, topics: Collection[str] = TAGS
) -> Sequence[Recorded]:
    pieces = Past(database).between(first, last, topics)
    return [record async for piece in pieces for record in piece]


@pytest.mark.parametrize("size", [1, 2, 5, 15])
@pytest.mark.parametrize("begins_anew", [True, False])
def test_the_same_is_put_down_however_the_journal_is_cut(
    database: Database, own_journal_url: str, size: int, *, begins_anew: bool
) -> None:
    append(own_journal_url, STORY)

    async def follow() -> None:
        following = fan_out(database)
        for first in range(1, len(STORY) + 1, size):
            if begins_anew:
                following = fan_out(database)
            records = await read(database, first, first + size - 1)
            assert await following.hand_on(records)
            assert await following.hand_on(records)  # Again: nothing comes of it.

    asyncio.run(follow())
    assert rows(own_journal_url) == EXPECTED


class Asked(Past):
    """Remembers which streams it was asked for."""

    streams: Sequence[str] = ()

    async def of(
        self,
        streams: Collection[str],
        events: Collection[type[Event]],
        upto: int = 2**62,
    ) -> Sequence[Recorded]:
        self.streams = [*streams]
        return await super().of(streams, events, upto)


@pytest.mark.parametrize(
    ("place", "changed"), [(6, ["a", "b", "c"]), (11, ["a", "c"]), (13, ["c"])]
)
def test_who_begins_in_the_middle_reads_no_webhook_that_has_not_changed_since(
    database: Database, own_journal_url: str, place: int, changed: Sequence[str]
) -> None:
    append(own_journal_url, STORY)

    async def follow() -> None:
        assert await fan_out(database).hand_on(await read(database, 1, place))
        past = Asked(database)
        assert await fan_out(database, past).hand_on(await read(database, 1, 15))
        assert sorted(past.streams) == [f"webhooks/{one}" for one in changed]

    asyncio.run(follow())
    assert rows(own_journal_url) == EXPECTED


def test_who_was_overtaken_looks_again_and_puts_nothing_twice(
    database: Database, own_journal_url: str
) -> None:
    append(own_journal_url, STORY)

    async def follow() -> None:
        one, other = fan_out(database), fan_out(database)
        assert await one.hand_on(await read(database, 1, 5))
        assert await other.hand_on(await read(database, 1, 8))
        late = await read(database, 6, 15)
        assert not await one.hand_on(late)
        assert await one.hand_on(late)

    asyncio.run(follow())
    assert rows(own_journal_url) == EXPECTED


def test_it_asks_for_no_more_of_the_journal_than_somebody_wants(
    database: Database, own_journal_url: str
) -> None:
    append(own_journal_url, STORY)

    async def follow() -> None:
        following = fan_out(database)
        assert set(following.topics()) == TAGS  # It does not know yet.
        assert await following.hand_on(await read(database, 1, 3))
        wanted = {tag(TokenIssued)}
        own = {one for one in TAGS if one.startswith("webhook.")}
        assert set(following.topics()) == wanted | own
        assert await following.hand_on(await read(database, 4, 15))
        assert tag(TokenIssued) not in following.topics()
        assert following.is_wanted  # b wants locks by now.

    asyncio.run(follow())


class Failing(Deliveries):
    """The database is away when the first of it is put down."""

    is_away = True

    async def follow(self, new: Sequence[New], *, after: int, upto: int) -> bool:
        if self.is_away:
            self.is_away = False
            raise JournalUnavailable("it does not answer")
        return await super().follow(new, after=after, upto=upto)


def test_what_could_not_be_put_down_is_asked_for_again_as_it_was_before(
    database: Database, own_journal_url: str
) -> None:
    """At the end of it, the only one who wanted the rest is suspended."""
    append(own_journal_url, [STORY[1], STORY[2], STORY[6]])

    async def follow() -> None:
        following = fan_out(database, deliveries=Failing(database))
        with pytest.raises(JournalUnavailable):
            await following.hand_on(await read(database, 1, 3))
        assert await following.hand_on(await read(database, 1, 3, following.topics()))

    asyncio.run(follow())
    assert rows(own_journal_url) == [("a", 2)]


def test_filters_go_by_what_an_environment_was_then(
    database: Database, own_journal_url: str
) -> None:
    wanted = {
        "dev": Filter(category=Category.DEV),
        "test": Filter(category=Category.TEST),
        "mine": Filter("Acme/Shop"),
        "its": Filter(environment_id="uat"),
        "other": Filter("acme/other"),
    }
    hooks: list[tuple[str, Event]] = [
        (f"webhooks/{name}", created(pattern="lock.*", filter=one))
        for name, one in wanted.items()
    ]
    append(own_journal_url, [("uat", registered()), *hooks, ("uat", requested("a"))])
    moved = EnvironmentRevised(category=Category.DEV)
    append(own_journal_url, [("uat", moved), ("uat", acquired("a", 1, until=600))])

    async def follow() -> None:
        assert await fan_out(database).hand_on(await read(database, 1, 7))
        assert await fan_out(database).hand_on(await read(database, 8, 9))

    asyncio.run(follow())
    expected = [
        ("dev", 9),
        ("test", 7),
        *((n, p) for n in ("its", "mine") for p in (7, 9)),
    ]
    assert rows(own_journal_url) == sorted(expected)
