"""How much a tail hands on at once: as much as is taken, and no more than it may."""

from __future__ import annotations

import psycopg
import pytest

from projections.storage import tail as tails
from tests.projections.test_tail import Reading, heard, is_at, reading, story
from tests.projections.test_views import append
from tests.support.dispatching import until
from tests.support.scenes import play


def test_what_is_too_much_at_once_comes_in_ever_smaller_pieces(
    own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tails, "HAND_ON_SECONDS_MAX", 0.05)
    append(own_journal_url, story(40))

    async def scene(one: Reading) -> None:
        one.takes_at_once_max = 3
        await until(lambda: heard(one, 20))
        assert one.heard == [*range(1, 41, 2)]
        one.takes_at_once_max, one.most_at_once = 20, 0
        append(own_journal_url, story(40))
        await until(lambda: heard(one, 40))
        assert one.most_at_once > 3, "and in larger ones again once it is not"

    play(reading(own_journal_url), scene)


def test_a_window_of_large_events_is_cut_by_its_bytes(
    own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tails, "BATCH_BYTES_MAX", 500)
    append(own_journal_url, story(40))

    async def scene(one: Reading) -> None:
        await until(lambda: heard(one, 20))
        assert one.heard == [*range(1, 41, 2)]
        assert one.most_at_once <= 3

    play(reading(own_journal_url), scene)


def test_what_fills_a_window_to_the_byte_leaves_nothing_out(
    own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(own_journal_url, story(40))
    with psycopg.connect(own_journal_url) as connection:
        [[size]] = connection.execute(
            "SELECT sum(octet_length(state)) FROM berth_events"
            " WHERE notification_id IN (1, 3)"
        ).fetchall()
    monkeypatch.setattr(tails, "BATCH_BYTES_MAX", int(size))

    async def scene(one: Reading) -> None:
        await until(lambda: is_at(one, 40))
        assert one.heard == [*range(1, 41, 2)]

    play(reading(own_journal_url), scene)
