"""`berth verify` tells what it finds in words that do nothing to a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.commands import verification
from tests.projections.log_stage import Stage, sealing_stage
from tests.projections.test_views import append
from tests.workers.events.stage import story

# To the line's beginning, and away with what stands there.
HIDING = "x\r\x1b[2K\x9b2Kall is as it was sealed\u202e"
ALTER = "UPDATE berth_events SET originator_id = %s WHERE notification_id = 3"


@pytest.fixture
def stage(own_journal_url: str) -> Iterator[Stage]:
    with sealing_stage(own_journal_url) as stage:
        append(stage.url, story(20))
        stage.seal()
        yield stage


def vkeys(stage: Stage) -> list[str]:
    return [key.vkey for key in stage.vkeys]


def test_what_an_altered_event_is_called_hides_nothing(
    stage: Stage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.do(ALTER, HIDING)
    monkeypatch.setenv("BERTH_DATABASE_URL", stage.url)
    code = verification.verify(None, vkeys(stage), None, None, database=True)
    told = capsys.readouterr().out
    assert code == verification.TAMPERED
    assert told.startswith("TAMPERED: edited: the event at position 3")
    assert told.replace("\n", "").isprintable()


def test_nor_does_what_stands_in_a_bundle(
    stage: Stage, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bundle = tmp_path / "all.ndjson"
    escaped = "x\\r\\u001b[2Kall is as it was sealed"
    text = stage.bundle().decode()
    bundle.write_text(text.replace('"stream":"e-1"', f'"stream":"{escaped}"'))
    code = verification.verify(bundle, vkeys(stage), None, None, database=False)
    told = capsys.readouterr().out
    assert code == verification.TAMPERED
    assert "all is as it was sealed" in told
    assert told.replace("\n", "").isprintable()


def test_a_line_without_an_end_is_not_waited_for(
    stage: Stage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "LINE_BYTES_MAX", 1024)
    zeros = Path("/dev/zero")
    code = verification.verify(zeros, vkeys(stage), None, None, database=False)
    assert code == verification.UNREADABLE
    assert capsys.readouterr().out.startswith("UNREADABLE: the header")


def test_a_key_is_taken_as_berth_prints_it(
    stage: Stage, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bundle = tmp_path / "all.ndjson"
    bundle.write_bytes(stage.bundle())
    printed = [f"{vkey}  # signs" for vkey in vkeys(stage)]
    code = verification.verify(bundle, printed, None, None, database=False)
    assert code == 0, capsys.readouterr().out
