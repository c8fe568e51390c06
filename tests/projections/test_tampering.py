"""Whatever somebody with all rights does to the journal: it is found, and named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import LiteralString

import pytest

from tests.projections.log_stage import Stage, sealing_stage
from tests.projections.test_views import append
from tests.workers.events.stage import story

EVENTS = 600
SWAP: LiteralString = """
UPDATE berth_events SET notification_id = -1 WHERE notification_id = 20;
UPDATE berth_events SET notification_id = 20 WHERE notification_id = 40;
UPDATE berth_events SET notification_id = 40 WHERE notification_id = -1
"""
SWAP_STATES: LiteralString = """
UPDATE berth_events AS one SET state = other.state FROM berth_events AS other
WHERE (one.notification_id, other.notification_id) IN ((20, 40), (40, 20))
"""
SWAP_CONTENTS: LiteralString = """
UPDATE berth_events AS one SET topic = other.topic, state = other.state
FROM berth_events AS other
WHERE (one.notification_id, other.notification_id) IN ((20, 21), (21, 20))
"""
SLIP_IN: LiteralString = """
INSERT INTO berth_events
    (originator_id, originator_version, notification_id, topic, state)
SELECT originator_id, 1000 + originator_version, %s, topic, state
FROM berth_events WHERE notification_id = 20
"""
FAKE: LiteralString = """
UPDATE berth_events SET state = '{}' WHERE notification_id = 300
"""


@pytest.fixture
def stage(own_journal_url: str) -> Iterator[Stage]:
    with sealing_stage(own_journal_url) as stage:
        append(stage.url, story(250))
        stage.seal()
        append(stage.url, story(EVENTS - 250))
        stage.seal()
        yield stage


def test_an_untouched_journal_is_as_it_was_sealed(stage: Stage) -> None:
    examined = stage.examined(stage.checkpoint(250), stage.checkpoint())
    assert (examined.size, examined.checkpoints, examined.kept) == (EVENTS, 2, 2)
    assert examined.findings == []
    append(stage.url, story(3))
    assert stage.examined().unsealed == 3


@pytest.mark.parametrize(
    ("how", "named"),
    [
        (
            (
                "UPDATE berth_events SET state = replace(convert_from(state, 'UTF8'),"
                "'ticket_2', 'ticket_3')::bytea WHERE notification_id = 3"
            ),
            ["edited: the event at position 3 (version 3 of e-1)"],
        ),
        (
            "UPDATE berth_events SET topic = 'lock.expired' WHERE notification_id = 7",
            ["edited: the event at position 7 (version 7 of e-1)"],
        ),
        (
            (
                "UPDATE berth_events SET originator_version = 999,"
                " originator_id = 'e-2' WHERE notification_id = 599"
            ),
            ["edited: the event at position 599 (version 999 of e-2)"],
        ),
        (
            "DELETE FROM berth_events WHERE notification_id > 590",
            ["removed: the events at positions 591 to 600"],
        ),
        (
            "DELETE FROM berth_events WHERE notification_id IN (1, 5, 6)",
            [
                "removed: the event at position 1",
                "removed: the events at positions 5 to 6",
            ],
        ),
        (
            SWAP,
            [
                (
                    "swapped: the event at position 20 (version 40 of e-1) is what was"
                    " sealed at 40"
                ),
                (
                    "swapped: the event at position 40 (version 20 of e-1) is what was"
                    " sealed at 20"
                ),
            ],
        ),
        (
            SWAP_STATES,
            [
                (
                    "swapped: the event at position 20 (version 20 of e-1) is what was"
                    " sealed at 40"
                ),
                (
                    "swapped: the event at position 40 (version 40 of e-1) is what was"
                    " sealed at 20"
                ),
            ],
        ),
        (
            SWAP_CONTENTS,
            [
                (
                    "swapped: the event at position 20 (version 20 of e-1) is what was"
                    " sealed at 21"
                ),
                (
                    "swapped: the event at position 21 (version 21 of e-1) is what was"
                    " sealed at 20"
                ),
            ],
        ),
        ("DELETE FROM berth_events", ["removed: the events at positions 1 to 600"]),
    ],
)
def test_each_altered_event_is_named(
    stage: Stage, how: LiteralString, named: Sequence[str]
) -> None:
    stage.do(how)
    found = stage.examined(stage.checkpoint()).findings
    assert len(found) == len(named), found
    for finding, beginning in zip(found, named, strict=True):
        assert finding.startswith(beginning)


@pytest.mark.parametrize("position", [0, -(2**40)])
def test_what_is_slipped_in_before_all_is_named(stage: Stage, position: int) -> None:
    """There, nobody who goes by positions reads it; the environment's rules do."""
    stage.do(SLIP_IN, position)
    assert stage.examined().findings == [
        f"slipped in: the event at position {position} (version 1020 of e-1)"
    ]


def test_what_is_slipped_in_beside_another_is_named(stage: Stage) -> None:
    """Which of the two was sealed, the tree tells: the other may hide behind it."""
    stage.do("DROP INDEX berth_events_notification_id_idx")
    stage.do(SLIP_IN, 300)
    named = "slipped in: the event at position 300 (version"
    found = stage.examined().findings
    assert f"{named} 1020 of e-1), where there is another" in found
    assert f"{named} 300 of e-1), where there is another" in found


@pytest.mark.parametrize(
    ("how", "named"),
    [
        (
            (
                "UPDATE log_tile SET hashes = substr(hashes, 1, 32) || sha256('')"
                " || substr(hashes, 65) WHERE (level, number) = (0, 1)"
            ),
            "the kept tree was altered; the journal is as it was sealed",
        ),
        (
            "UPDATE log_tile SET hashes = sha256('') WHERE level = 1",
            "tile 0 of level 1 was altered",
        ),
        (
            "UPDATE log_checkpoint SET root = sha256('') WHERE size = 250",
            "the kept checkpoint of 250 events is another's",
        ),
        (
            "UPDATE log_checkpoint SET note = replace(note, '250', '251')",
            "the kept checkpoint of 250 events: the checkpoint of 251 events is not as",
        ),
        (
            "UPDATE log_checkpoint SET note = 'x' WHERE size = 600",
            "the kept checkpoint of 600 events: the checkpoint has no signature",
        ),
    ],
)
def test_what_is_altered_of_the_seal_itself_is_named(
    stage: Stage, how: LiteralString, named: str
) -> None:
    stage.do(how)
    [finding] = stage.examined().findings
    assert finding.startswith(named)


def test_who_alters_an_event_and_the_tree_is_found_by_the_checkpoints(
    stage: Stage,
) -> None:
    """He has no key, so what was signed stays what it was."""
    kept = stage.checkpoint()
    stage.do(FAKE)
    stage.do("CREATE TABLE signed AS SELECT * FROM log_checkpoint")
    stage.do("TRUNCATE log_tile, log_checkpoint")
    stage.seal()
    stage.do("DELETE FROM log_checkpoint")
    stage.do("INSERT INTO log_checkpoint SELECT * FROM signed")
    forked = "is of another history, which differs from this one at a position from"
    [finding] = stage.examined().findings
    assert f"the checkpoint of 600 events {forked} 251 to 600" in finding
    assert forked in stage.examined(kept).findings[0]


def test_who_seals_anew_what_he_altered_is_found_by_what_was_kept_elsewhere(
    stage: Stage,
) -> None:
    early, late = stage.checkpoint(250), stage.checkpoint()
    stage.do(FAKE)
    stage.do("TRUNCATE log_tile, log_checkpoint")
    stage.seal()
    assert stage.examined(early).findings == []
    [finding] = stage.examined(late).findings
    assert finding.startswith("forked: the checkpoint kept elsewhere of 600 events")


def test_truncation_shows_beside_a_checkpoint_kept_elsewhere(stage: Stage) -> None:
    kept = stage.checkpoint(250), stage.checkpoint()
    stage.do("DELETE FROM berth_events WHERE notification_id > 590")
    stage.do("TRUNCATE log_tile, log_checkpoint")
    stage.seal()
    assert stage.examined().findings == []
    [finding] = stage.examined(*kept).findings
    assert finding == (
        "removed: a checkpoint kept elsewhere is of 600 events, and only 590 are"
        " sealed here"
    )
