"""What a process remembers of streams: bounded, never trusted, and quick to regain."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace as variant
from typing import Any

import msgspec
import psycopg
import pytest
from msgspec.structs import replace

from domain.decider import Decider, Outcome, Step
from domain.environment.environment import Environment, environment
from domain.record import Recorded
from projections.storage.batch import Head
from projections.storage.heads import SNAPSHOT_EVERY, Heads, snapshots_due
from projections.storage.recorder import Tip
from tests.projections.journal_contract import (
    StoredRig,
    begin,
    folded,
    records_in,
    stored,
)
from tests.support.builders import acquire, renew, request, to

HUGE_FENCE = 999


async def write_a_long_stream(rig: StoredRig, events: int) -> Outcome:
    """A lock renewed again and again, and somebody in the queue."""
    await begin(rig, "e")
    start = [request("a"), acquire("a"), request("b")]
    await rig.journal.execute(*(to("e", command) for command in start))
    calls = [rig.journal.execute(to("e", renew("a", 1_000 + n))) for n in range(events)]
    return (await asyncio.gather(*calls))[-1]


async def read(rig: StoredRig, decider: Decider[Any, Any, Any] = environment) -> Any:
    """The state, as the journal knows it when it decides something."""
    outcome = await rig.journal.execute(Step(decider, "e", request("b")))
    assert not outcome.events
    return outcome.states[0]


def change(url: str, statement: Any, values: Sequence[Any] = ()) -> int:
    with psycopg.connect(url) as connection:
        return connection.execute(statement, values).rowcount


def test_a_long_stream_is_regained_from_its_snapshot(journal_url: str) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as first:
            written = await write_a_long_stream(first, SNAPSHOT_EVERY + 20)
        forget = "DELETE FROM berth_events WHERE originator_version <= %s"
        async with stored(journal_url) as second:
            assert change(journal_url, forget, [SNAPSHOT_EVERY]) == SNAPSHOT_EVERY
            assert await read(second) == written.states[0]
            assert second.appender.heads["e"].snapshot >= SNAPSHOT_EVERY

    asyncio.run(scenario())


def test_a_snapshot_is_taken_again_when_the_stream_has_grown(journal_url: str) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await write_a_long_stream(rig, SNAPSHOT_EVERY)
            first = rig.appender.heads["e"].snapshot
            calls = [
                rig.journal.execute(to("e", renew("a", 5_000 + n)))
                for n in range(SNAPSHOT_EVERY)
            ]
            await asyncio.gather(*calls)
            second = rig.appender.heads["e"].snapshot
            assert second >= first + SNAPSHOT_EVERY
            kept = "UPDATE snapshot SET version = version WHERE version = %s"
            assert change(journal_url, kept, [second]) == 1
        async with stored(journal_url) as other:
            state = await read(other)
            assert state == folded(environment, records_in(journal_url), "e")

    asyncio.run(scenario())


def test_no_snapshot_is_due_until_enough_has_happened_since_the_last() -> None:
    last = 3 * SNAPSHOT_EVERY
    heads = {
        name: Head(last + since, environment.initial, snapshot=last)
        for name, since in {"few": SNAPSHOT_EVERY - 1, "enough": SNAPSHOT_EVERY}.items()
    }
    due = snapshots_due(heads, dict.fromkeys(heads, environment))
    assert [(one.stream, one.version) for one in due] == [
        ("enough", last + SNAPSHOT_EVERY)
    ]


def forge_a_snapshot(url: str, state: Environment) -> None:
    """So that whoever uses it gives itself away."""
    forged = replace(state, queue=replace(state.queue, fence=HUGE_FENCE))
    values = [msgspec.json.encode(forged)]
    assert change(url, "UPDATE snapshot SET state = %s", values) == 1


@pytest.mark.parametrize(
    ("decider", "is_used"),
    [
        (environment, True),
        (variant(environment), True),
        (variant(environment, revision=environment.revision + 1), False),
    ],
)
def test_a_snapshot_of_another_revision_is_dropped(
    journal_url: str, decider: Decider[Any, Any, Any], is_used: bool
) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as first:
            written = await write_a_long_stream(first, SNAPSHOT_EVERY)
        forge_a_snapshot(journal_url, written.states[0])
        async with stored(journal_url) as second:
            state = await read(second, decider)
            assert (state.queue.fence == HUGE_FENCE) is is_used
            assert is_used or state == written.states[0]

    asyncio.run(scenario())


def test_a_snapshot_of_another_shape_is_dropped(journal_url: str) -> None:
    class Longer(Environment, frozen=True):
        note: str = ""

    longer = variant(environment, initial=Longer())

    async def scenario() -> None:
        async with stored(journal_url) as first:
            written = await write_a_long_stream(first, SNAPSHOT_EVERY)
        forge_a_snapshot(journal_url, written.states[0])
        async with stored(journal_url) as second:
            assert (await read(second, longer)).queue.fence == 1

    asyncio.run(scenario())


@contextmanager
def reading(rig: StoredRig) -> Iterator[list[int]]:
    """How many events each reading of the log brings."""
    recorder, reads = rig.appender._recorder, []
    news, begin = recorder.news, recorder.begin

    async def count(*args: Any, **kwargs: Any) -> Sequence[Recorded]:
        found = await news(*args, **kwargs)
        reads.append(len(found))
        return found

    async def count_too(
        versions: Mapping[str, int], most: int
    ) -> tuple[Tip, Sequence[Recorded]]:
        tip, found = await begin(versions, most)
        reads.extend([len(found)] * bool(versions))
        return tip, found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "news", count)
        patch.setattr(recorder, "begin", count_too)
        yield reads


def test_what_nobody_else_can_have_changed_is_not_read_again(journal_url: str) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as ours, stored(journal_url) as theirs:
            await begin(ours, "e", "other")
            await ours.journal.execute(to("e", request("a")))
            with reading(ours) as reads:
                await ours.journal.execute(to("e", request("b")))
                assert reads == []
                await theirs.journal.execute(to("other", request("a")))
                await ours.journal.execute(to("e", request("c")))
                assert reads == [0]

    asyncio.run(scenario())


def of(stream: str, url: str) -> Sequence[Recorded]:
    return [r for r in records_in(url) if r.originator_id == stream]


def test_a_stream_whose_beginning_is_told_is_not_loaded(journal_url: str) -> None:
    """What came after that is seen nevertheless."""

    async def scenario() -> None:
        async with stored(journal_url) as ours, stored(journal_url) as theirs:
            await begin(theirs, "e")
            [first] = of("e", journal_url)
            await theirs.journal.execute(to("e", request("a")))
            await ours.journal.execute()
            ours.journal.meet(first, environment)
            with reading(ours) as reads:
                outcome = await ours.journal.execute(to("e", request("b")))
            assert reads == [2]  # Requested and granted.
            assert list(outcome.states[0].queue.tickets) == ["a", "b"]

    asyncio.run(scenario())


def test_what_is_known_already_is_not_learned_from_its_beginning(
    journal_url: str,
) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await begin(rig, "e")
            await rig.journal.execute(to("e", request("a")))
            first, later, *_ = of("e", journal_url)
            rig.journal.meet(first, environment)
            rig.appender.heads = Heads()
            rig.journal.meet(later, environment)  # No beginning.
            assert "e" not in rig.appender.heads
            rig.journal.meet(first, environment)  # And nobody says it is current.
            outcome = await rig.journal.execute(to("e", request("b")))
            assert list(outcome.states[0].queue.tickets) == ["a", "b"]

    asyncio.run(scenario())


def test_a_head_that_is_no_longer_known_is_loaded_again(journal_url: str) -> None:
    """Every page of a past longer than one is read."""

    async def scenario() -> None:
        async with stored(journal_url) as rig:
            written = await write_a_long_stream(rig, 32)
            rig.appender.heads = Heads()
            change(journal_url, "DELETE FROM snapshot")
            with reading(rig) as reads, pytest.MonkeyPatch.context() as patch:
                patch.setattr("projections.storage.heads.PAGE", 7)
                assert await read(rig) == written.states[0]
            # All of it before the journal is locked, then what came in between.
            assert reads == [7, 7, 7, 7, 7, 2, 0]

    asyncio.run(scenario())


def test_a_head_in_use_is_not_forgotten_for_one_that_comes_along(
    journal_url: str,
) -> None:
    """The oldest head known and a stranger are decided in one batch."""

    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await begin(rig, "old", "mid", "new")
            for stream in ("old", "mid"):
                await rig.journal.execute(to(stream, request("a")))
            rig.appender.heads._limit = 2
            outcomes = await asyncio.gather(
                rig.journal.execute(to("old", request("b"))),
                rig.journal.execute(to("new", request("b"))),
            )
            assert [len(o.states[0].queue.tickets) for o in outcomes] == [2, 1]

    asyncio.run(scenario())
