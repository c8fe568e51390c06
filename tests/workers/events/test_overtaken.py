"""Two relays at once, or one that gave up too early: each event is there once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing

import pytest
import uvloop
from msgspec.structs import replace
from nats.js.api import Header
from structlog.testing import capture_logs

from domain.record import Recorded
from projections.storage.database import Database
from projections.storage.entry import entry_at
from tests.projections.test_deliveries import run
from tests.projections.test_views import append
from tests.workers.events.conftest import EVENTS
from tests.workers.events.stage import UNLIMITED, Stage, story
from workers.embedded import EmbeddedNats
from workers.events.message import message_of
from workers.events.publishing import _publish_all_but_last
from workers.events.relay import TAIL, EventRelay
from workers.events.stream import NAME
from workers.loop import end
from workers.nats_servers import NatsServers

KNOWN = 10


@asynccontextmanager
async def idle(url: str, nats_url: str) -> AsyncIterator[Stage]:
    """A relay that follows nothing: it publishes what it is handed."""
    with closing(Database(url, pool_max=2, durable=False)) as database:
        relay = EventRelay(NatsServers(nats_url), database, UNLIMITED)
        connection = asyncio.create_task(relay.broker.run())
        try:
            await relay.broker.connected()
            yield Stage(url, relay)
        finally:
            await end(connection)


async def upto(stage: Stage, last: int) -> Sequence[Recorded]:
    places = range(1, last + 1)
    found = [await entry_at(stage.relay.stream.database, place) for place in places]
    return [record for record in found if record is not None]


@pytest.mark.parametrize("faster", [KNOWN + 1, 15, EVENTS])
@pytest.mark.parametrize("wanted", [KNOWN + 1, EVENTS])
def test_what_another_relay_has_published_meanwhile_is_passed_over(
    journal_of_some: str, nats: EmbeddedNats, faster: int, wanted: int
) -> None:
    async def scene() -> None:
        async with (
            idle(journal_of_some, nats.url) as one,
            idle(journal_of_some, nats.url) as other,
        ):
            assert await one.relay.hand_on(await upto(one, KNOWN))
            assert await other.relay.hand_on(await upto(other, faster))
            with capture_logs() as logs:
                assert await one.relay.hand_on(await upto(one, wanted))
                assert await one.relay.hand_on(await upto(one, EVENTS))
            assert logs == []
            assert await one.is_complete()

    uvloop.run(scene())


def test_what_was_given_up_and_is_stored_after_all_is_not_stored_twice(
    journal_of_some: str, nats: EmbeddedNats
) -> None:
    """Nobody waits for the answer to the first publication: it was late."""

    async def scene(stage: Stage) -> None:
        assert await stage.relay.hand_on(await upto(stage, KNOWN))
        records, client = await upto(stage, EVENTS), stage.relay.broker.client
        here = await stage.relay.stream.installation()
        batch = [message_of(r, here, client.max_payload) for r in records[KNOWN:]]
        batch[0].headers[Header.EXPECTED_STREAM.value] = NAME
        batch[0].headers[Header.EXPECTED_LAST_SEQUENCE.value] = str(KNOWN)
        await _publish_all_but_last(client, batch)
        last = batch[-1]
        with capture_logs() as logs:
            await client.publish(
                last.subject, last.data, reply="_INBOX.nobody", headers=last.headers
            )
            assert await stage.relay.hand_on(records)
        assert logs == []
        assert await stage.is_complete()

    async def playing() -> None:
        async with idle(journal_of_some, nats.url) as stage:
            await scene(stage)

    uvloop.run(playing())


def test_who_leads_again_after_another_does_not_take_the_stream_for_shorter(
    journal_of_some: str, nats: EmbeddedNats
) -> None:
    async def scene() -> None:
        async with (
            idle(journal_of_some, nats.url) as one,
            idle(journal_of_some, nats.url) as other,
        ):
            assert await one.relay.hand_on(await upto(one, KNOWN))
            assert await other.relay.hand_on(await upto(other, EVENTS))
            run(journal_of_some, "INSERT INTO tail VALUES (%s, %s)", TAIL, EVENTS)
            append(journal_of_some, story(1, "e-2"))
            with capture_logs() as logs:
                leading = asyncio.create_task(one.relay.tail.run())
                await one.completed()
                await end(leading)
            assert logs == []

    uvloop.run(scene())


def test_a_stream_that_has_not_grown_is_told_of(
    journal_of_some: str, nats: EmbeddedNats
) -> None:
    """It refuses what should come next, which is not to be passed over in silence."""

    async def scene() -> None:
        async with idle(journal_of_some, nats.url) as stage:
            assert await stage.relay.hand_on(await upto(stage, EVENTS))
            records = await upto(stage, EVENTS)
            repeated = [
                replace(record, position=record.position + EVENTS - KNOWN)
                for record in records[KNOWN:]
            ]
            with capture_logs() as logs:
                assert not await stage.relay.hand_on(repeated)
            assert [log["event"] for log in logs] == ["events are not published"]
            assert await stage.is_complete()

    uvloop.run(scene())
