"""The journal under seal: every proof holds, and nothing else is ever signed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from itertools import pairwise

import psycopg
import pytest

from domain.errors import Invalid, JournalUnavailable, NotFound
from domain.seal.note import Checkpoint, note_of, opened
from domain.seal.tree import is_consistent, is_included
from projections.storage.database import Database
from projections.storage.log import rows, sealing
from projections.storage.log.keys import CREDENTIALS, LogKeys
from projections.storage.log.reading import Log
from projections.storage.log.rows import read_leaves
from projections.storage.log.sealing import HistoryRefused
from projections.storage.log.signing import is_signed
from projections.storage.vault import Vault
from tests.projections.log_stage import KEYS, Stage, sealing_stage
from tests.projections.test_views import append
from tests.workers.events.stage import story

EVENTS = 700
SIZES = (1, 255, 256, 300, 511, EVENTS)


@pytest.fixture
def stage(own_journal_url: str) -> Iterator[Stage]:
    with sealing_stage(own_journal_url) as stage:
        yield stage


@pytest.fixture
def sealed(stage: Stage) -> Stage:
    """Some events, of which several checkpoints were signed."""
    before = 0
    for size in SIZES:
        append(stage.url, story(size - before))
        before = size
        stage.seal()
    return stage


def test_every_proof_of_a_journal_sealed_bit_by_bit_holds(sealed: Stage) -> None:
    with closing(Database(sealed.url)) as database, database.connect() as connection:
        leaves = read_leaves(connection, 0, EVENTS)
    for size in SIZES:
        newest = sealed.checkpoint(size)
        for position in {1, 2, size // 2 + 1, size}:
            if position > size:
                continue
            proof = asyncio.run(sealed.log.inclusion(position, size))
            leaf = leaves[position - 1].hash()
            assert (proof.leaf, proof.root) == (leaf, newest.root)
            assert is_included(leaf, position - 1, size, proof.proof, newest.root)
        for old in SIZES[: SIZES.index(size) + 1]:
            proof = asyncio.run(sealed.log.consistency(old, size))
            before = sealed.checkpoint(old)
            assert is_consistent(old, before.root, size, newest.root, proof.proof)
    assert sealed.examined().findings == []


def test_it_is_the_same_tree_however_it_is_cut(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "BATCH_MAX", 90)
    monkeypatch.setattr(sealing, "APART_EVENTS_MAX", 40)
    append(stage.url, story(EVENTS))
    assert stage.seal() == EVENTS
    with psycopg.connect(stage.url) as connection:
        found = connection.execute("SELECT size FROM log_checkpoint ORDER BY size")
        sizes = [size for (size,) in found]
    assert sizes[:5] == [40, 80, 90, 130, 170]
    assert sizes[-1] == EVENTS
    assert all(later - size <= 40 for size, later in pairwise(sizes))
    cut = stage.checkpoint()
    assert stage.examined().findings == []
    stage.do("TRUNCATE log_tile, log_checkpoint")
    monkeypatch.undo()
    assert stage.seal() == EVENTS
    assert stage.checkpoint() == cut


def test_nothing_is_due_before_its_time_unless_there_is_much(stage: Stage) -> None:
    stage.store._apart_seconds = 60
    append(stage.url, story(2))
    assert stage.seal() == 2  # The first is due at once.
    append(stage.url, story(3))
    assert stage.seal() == 0
    append(stage.url, story(sealing.APART_EVENTS_MAX - 3))
    assert stage.seal() == sealing.APART_EVENTS_MAX


def test_a_clock_that_has_gone_back_keeps_nothing_from_being_sealed(
    stage: Stage,
) -> None:
    stage.store._apart_seconds = 60
    append(stage.url, story(2))
    assert stage.seal() == 2
    stage.do("UPDATE log_checkpoint SET sealed_at = sealed_at + interval '1 hour'")
    append(stage.url, story(1))
    assert stage.seal() == 1


def test_events_however_long_are_sealed_and_found_to_be_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One at a time, where two are more than is read at once."""
    monkeypatch.setattr(rows, "BATCH_BYTES_MAX", 10)
    append(stage.url, story(5))
    assert stage.seal() == 5
    append(stage.url, story(2))
    assert stage.seal() == 2
    assert stage.examined().findings == []


def test_without_events_there_is_nothing_to_sign(stage: Stage) -> None:
    assert stage.seal() == 0
    assert asyncio.run(stage.log.newest()) is None
    with pytest.raises(NotFound):
        asyncio.run(stage.log.checkpoint(None))
    assert stage.examined().findings == []


def test_what_is_not_reached_is_named(sealed: Stage) -> None:
    log, beyond = sealed.log, EVENTS + 1
    for asking, field in (
        (log.checkpoint(beyond), "size"),
        (log.inclusion(1, beyond), "size"),
        (log.inclusion(beyond, None), "position"),
        (log.inclusion(3, 2), "position"),
        (log.consistency(1, beyond), "to"),
        (log.consistency(3, 2), "from"),
    ):
        with pytest.raises(Invalid) as refusal:
            asyncio.run(asking)
        assert refusal.value.field == field
    with pytest.raises(NotFound, match="the next one is of 300"):
        asyncio.run(log.checkpoint(257))


def test_a_key_that_is_replaced_signs_along_for_a_while(sealed: Stage) -> None:
    [first] = sealed.vkeys
    with psycopg.connect(sealed.url) as connection:
        rows = connection.execute("SELECT id FROM credential").fetchall()
    assert [row[0].startswith(CREDENTIALS) for row in rows] == [True]
    asyncio.run(sealed.keys.rotate(timedelta(hours=1)))
    [second, _] = sealed.vkeys
    append(sealed.url, story(1))
    sealed.seal()
    note = asyncio.run(sealed.log.checkpoint(None)).note
    for key in (first, second):
        assert opened(note, [key], is_signed)[1] == [key]
    sealed.do("UPDATE log_key SET signs_until = now() WHERE vkey = %s", first.vkey)
    append(sealed.url, story(1))
    sealed.seal()
    note = asyncio.run(sealed.log.checkpoint(None)).note
    assert [one.key_id for one in note_of(note).signatures] == [second.id]
    assert sealed.examined().findings == []


def test_two_processes_make_one_first_key(own_journal_url: str) -> None:
    with closing(Database(own_journal_url, pool_max=4)) as database:
        vault = Vault(database, KEYS)

        async def both() -> None:
            made = [LogKeys(database, vault).ensured() for _ in range(4)]
            found = await asyncio.gather(*made)
            assert len({key.vkey for keys in found for key in keys}) == 1
            assert len(await vault_ids()) == 1

        async def vault_ids() -> list[str]:
            with database.cursor() as cursor:
                rows = cursor.execute("SELECT id FROM credential").fetchall()
                return [row["id"] for row in rows]

        asyncio.run(both())


def test_the_private_half_is_not_in_the_database_in_the_clear(sealed: Stage) -> None:
    [key] = asyncio.run(sealed.keys.all())
    secret = asyncio.run(sealed.keys._vault.get(key.credential_id))
    assert secret
    with psycopg.connect(sealed.url) as connection:
        rows = connection.execute("SELECT credential::text FROM credential")
        text = " ".join(row[0] for row in rows)
    assert secret not in text


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (
            "DELETE FROM berth_events WHERE notification_id > 690",
            "the journal ends at 690, and 700 events were sealed",
        ),
        (
            "UPDATE berth_events SET state = state || ' ' WHERE notification_id = 650",
            "the event at position 650 is not what was sealed there",
        ),
        (
            "DELETE FROM berth_events WHERE notification_id = 699",
            "the event at position 699 is not what was sealed there",
        ),
        (
            "UPDATE log_checkpoint SET root = sha256('') WHERE size = 700",
            "the kept tree of 700 events is not that of its checkpoint",
        ),
        (
            "UPDATE log_tile SET hashes = sha256('') || substr(hashes, 33)",
            "the kept tree of 700 events is not that of its checkpoint",
        ),
        ("DELETE FROM log_tile WHERE level = 0 AND number = 2", "tile 2 of level 0"),
        (
            "UPDATE berth_events SET notification_id = 705 WHERE notification_id = 702",
            "the event at position 702 is missing",
        ),
    ],
)
def test_a_history_that_does_not_go_on_from_the_last_is_not_signed(
    sealed: Stage, how: str, why: str
) -> None:
    append(sealed.url, story(4)) if "690" not in how else None
    sealed.do(how)
    with pytest.raises(HistoryRefused, match=why):
        sealed.seal()
    assert asyncio.run(sealed.log.newest()).checkpoint.size == EVENTS  # type: ignore[union-attr]  # there is one


def test_a_refusal_is_on_record_until_it_is_over(sealed: Stage) -> None:
    with closing(sealed.store.open()) as connection:
        first = sealed.store.note_refusal(connection, "why")
        assert first
        assert asyncio.run(sealed.log.refusal()) == "why"
        assert sealed.store.note_refusal(connection, "another") == first
        assert sealed.store.note_refusal(connection, None) is None
    assert asyncio.run(sealed.log.refusal()) is None


def test_a_damaged_tree_is_no_fault_of_whoever_asks(sealed: Stage) -> None:
    sealed.do("DELETE FROM log_tile WHERE level = 0 AND number = 1")
    with pytest.raises(JournalUnavailable, match="the log is damaged"):
        asyncio.run(sealed.log.inclusion(300, None))


def test_what_contradicts_a_checkpoint_kept_elsewhere_is_told(sealed: Stage) -> None:
    kept = sealed.checkpoint(300)

    def told(checkpoint: Checkpoint) -> str | None:
        return asyncio.run(Log(sealed.database).contradiction(checkpoint))

    assert told(kept) is None
    assert told(sealed.checkpoint()) is None
    other = Checkpoint(kept.origin, 300, bytes(32))
    assert told(other) == "another history of 300 events was sealed"
    more = Checkpoint(kept.origin, 701, bytes(32))
    assert told(more) == "701 events were sealed, and here are only 700"
