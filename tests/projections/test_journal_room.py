"""What a process remembers of streams is bounded: in number, and in bytes."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from domain.environment.environment import environment
from projections.storage.batch import Head
from projections.storage.heads import Heads
from tests.projections.journal_contract import (
    begin,
    check_the_order_of,
    records_in,
    stored,
)
from tests.support.builders import release, request, to


@pytest.mark.parametrize("limit", ["limit", "bytes_max"])
def test_no_more_beginnings_are_kept_than_there_is_room_for(
    journal_url: str, limit: str
) -> None:
    """Beyond four, there is room for one that is told of."""
    each = len(msgspec.json.encode(environment.initial)) if limit == "bytes_max" else 1
    heads = Heads(**{limit: 4 * each})

    async def scenario() -> None:
        async with stored(journal_url) as rig:
            await begin(rig, *"abcdef")
            firsts = records_in(journal_url)
            rig.appender.heads = heads
            known = {name: Head(0, environment.initial) for name in "vwxy"}
            heads.keep(known)
            for first in firsts:
                rig.journal.meet(first, environment)
            assert set(heads) == {*known, "a"}

    asyncio.run(scenario())


def test_the_heads_used_last_are_kept() -> None:
    heads = Heads(2)
    heads.keep({name: Head(1, name) for name in "abc"})
    assert set(heads) == set("abc")
    assert heads["a"].state == "a"
    heads.forget()
    assert set(heads) == set("ac")
    assert "b" not in heads


def test_few_heads_are_kept_of_streams_that_have_much() -> None:
    """Also where it came later: a state is measured again when it may have grown."""
    heads = Heads(bytes_max=10_000)
    heads.keep({name: Head(1, name) for name in "abcde"})
    for name in "bd":
        heads.keep({name: Head(2, name * 4_900)})
    heads.forget()
    assert set(heads) == set("abcde")
    heads.keep({"e": Head(2, "e" * 4_900)})
    heads.forget()
    assert set(heads) == set("de")
    heads.keep({"e": Head(4, "e")})
    heads.keep({name: Head(1, name * 2_000) for name in "abc"})
    heads.forget()
    assert set(heads) == set("abce")
    heads.keep_none()
    heads.keep({"a": Head(1, "a" * 9_900)})
    heads.forget()
    assert set(heads) == {"a"}


def test_what_is_forgotten_as_a_whole_is_measured_anew() -> None:
    """A stream that comes back shorter may have more to it nevertheless."""
    heads = Heads(bytes_max=10_000)
    heads.keep({"a": Head(2, "a"), "b": Head(2, "b" * 4_900)})
    heads.keep_none()
    heads.keep({"b": Head(1, "b"), "a": Head(1, "a" * 9_900)})
    heads.forget()
    assert set(heads) == {"a", "b"}
    heads.keep({"c": Head(1, "c" * 9_000)})
    heads.forget()
    assert set(heads) == {"c"}


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_decisions_are_right_however_few_heads_are_kept(
    journal_url: str, limit: int
) -> None:
    streams = [f"e{n}" for n in range(8)]

    async def scenario() -> None:
        async with stored(journal_url) as rig:
            rig.appender.heads = Heads(limit)
            await asyncio.gather(*(begin(rig, stream) for stream in streams))
            for ticket in "abc":
                calls = [rig.journal.execute(to(s, request(ticket))) for s in streams]
                await asyncio.gather(*calls)
            calls = [rig.journal.execute(to(s, release("a"))) for s in streams]
            for outcome in await asyncio.gather(*calls):
                assert list(outcome.states[0].queue.tickets) == ["b", "c"]
            assert len(rig.appender.heads) <= limit
            check_the_order_of(records_in(journal_url))

    asyncio.run(scenario())
