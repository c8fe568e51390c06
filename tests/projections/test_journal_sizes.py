"""Whoever has much kept takes nobody else's time for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from projections.storage import arrivals
from tests.projections.journal_contract import (
    begin,
    check_the_order_of,
    do,
    records_in,
    stored,
)
from tests.support.builders import nudge, register, request, to

BYTES_MAX = 200_000
MUCH = {"text": "x" * 30_000}


@pytest.mark.parametrize("is_alone", [True, False])
def test_a_batch_is_bounded_in_bytes(
    journal_url: str, monkeypatch: pytest.MonkeyPatch, *, is_alone: bool
) -> None:
    """It is decided ahead where nobody else appends; else under the lock."""
    monkeypatch.setattr(arrivals, "BATCH_BYTES_MAX", BYTES_MAX)
    sizes: list[int] = []

    async def scenario() -> None:
        async with stored(journal_url) as rig, stored(journal_url) as theirs:
            await begin(rig, "e")
            await do(rig, nudge())
            recorder = rig.appender._recorder
            end, append_if = recorder.end, recorder.append_if

            async def ended(after: int, events: Any, *values: Any) -> None:
                sizes.append(sum(len(event.state) for event in events))
                await end(after, events, *values)

            async def appended(after: int, at: Any, events: Any) -> Any:
                sizes.append(sum(len(event.state) for event in events))
                return await append_if(after, at, events)

            monkeypatch.setattr(recorder, "end", ended)
            monkeypatch.setattr(recorder, "append_if", appended)
            if not is_alone:
                await do(theirs, request("a"))
            much = [
                to(f"m{n}", register(name=f"m{n}", metadata=MUCH), fresh=True)
                for n in range(40)
            ]
            await asyncio.gather(*(rig.journal.execute(step) for step in much))
            records = records_in(journal_url)
            check_the_order_of(records)
            assert len({record.originator_id for record in records}) == 41
            # Two times: those who come meanwhile get along, up to as much again.
            assert max(sizes) <= 2 * (BYTES_MAX + len(MUCH["text"]) + 1_000)

    asyncio.run(scenario())
