"""Who is far behind catches up before the journal is locked: nobody waits for that."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from domain.decider import Outcome
from domain.environment.environment import environment
from domain.record import Recorded
from projections.storage.heads import NEWS_MAX
from projections.storage.recorder import Tip
from tests.projections.journal_contract import (
    StoredRig,
    begin,
    check_the_order_of,
    do,
    folded,
    kinds,
    parked,
    records_in,
    stored,
    taken,
    wait_for,
)
from tests.support.builders import nudge, release, renew, request, to


async def renew_often(rig: StoredRig) -> None:
    for seconds in (600, 600 + NEWS_MAX):
        again = [to("e", renew("a", seconds + n)) for n in range(NEWS_MAX)]
        await rig.journal.execute(*again)


@contextmanager
def reading_locked(rig: StoredRig) -> Iterator[list[int]]:
    """How many events each reading brings while nobody else can append."""
    recorder, reads, locks = rig.appender._recorder, list[int](), list[bool]()
    begin, news, end = recorder.begin, recorder.news, recorder.end

    async def begun(*values: Any) -> tuple[Tip, Sequence[Recorded]]:
        tip, found = await begin(*values)
        locks.append(True)
        reads.append(len(found))
        return tip, found

    async def read(known: Mapping[str, int], *, limit: int) -> Sequence[Recorded]:
        found = await news(known, limit=limit)
        reads.extend([len(found)] * len(locks))
        return found

    async def ended(*values: Any) -> None:
        await end(*values)
        locks.clear()

    with pytest.MonkeyPatch.context() as patch:
        for name, its in (("begin", begun), ("news", read), ("end", ended)):
            patch.setattr(recorder, name, its)
        yield reads


def test_who_is_far_behind_reads_little_under_the_lock(journal_url: str) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as ours, stored(journal_url) as theirs:
            await taken(ours)
            await do(theirs, nudge())
            await renew_often(ours)
            with reading_locked(theirs) as reads:
                asked = await do(theirs, request("b"))
            assert max(reads) <= NEWS_MAX
            records = records_in(journal_url)
            assert asked.states[0] == folded(environment, records, "e")
            check_the_order_of(records)

    asyncio.run(scenario())


def test_so_does_who_comes_along_with_others(
    journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as ours, stored(journal_url) as theirs:
            await begin(ours, "f")
            await taken(ours)
            await theirs.journal.execute(to("e", nudge()), to("f", nudge()))
            await renew_often(ours)
            late: list[asyncio.Task[Outcome]] = []
            begin_ = theirs.appender._recorder.begin

            async def slowly(*values: Any) -> Any:
                if not late:
                    late.append(asyncio.create_task(do(theirs, request("b"))))
                    await asyncio.sleep(0)
                return await begin_(*values)

            monkeypatch.setattr(theirs.appender._recorder, "begin", slowly)
            with reading_locked(theirs) as reads:
                first = await theirs.journal.execute(to("f", request("x")))
                asked = await late[0]
            assert asked.at == first.at, "it was another batch"
            assert max(reads) <= NEWS_MAX
            records = records_in(journal_url)
            assert asked.states[0] == folded(environment, records, "e")
            check_the_order_of(records)

    asyncio.run(scenario())


def test_who_waits_there_is_woken(journal_url: str) -> None:
    async def scenario() -> None:
        async with stored(journal_url) as ours, stored(journal_url) as theirs:
            await taken(ours, "b")
            waiting = wait_for(theirs, "b")
            await parked(theirs, 1)
            await renew_often(ours)
            await do(ours, release("a"))
            with reading_locked(theirs) as reads:
                theirs.journal.ring(["e"])
                assert kinds((await waiting).events) == ["LockAcquired"]
            assert max(reads) <= NEWS_MAX
            check_the_order_of(records_in(journal_url))

    asyncio.run(scenario())
