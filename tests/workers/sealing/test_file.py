"""Checkpoints in a file: each whole, one after the other, whatever broke off before."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from domain.seal.note import Checkpoint, checkpoint_of, note_of, opened, signed
from projections.storage.log.signing import is_signed, new_private_key, public_half
from workers.sealing.file import FileOutlet, notes_in
from workers.sealing.outlet import OutletUnavailable

ORIGIN = "berth.log/1"
PRIVATE = new_private_key()
SIGNERS = [(public_half(PRIVATE, ORIGIN), PRIVATE.sign)] * 2
NOTES = [signed(Checkpoint(ORIGIN, n, bytes(32)).text, SIGNERS) for n in range(1, 5)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


@pytest.fixture(autouse=True)
def _unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here cuts the power: what was written need not wait for the disk."""
    monkeypatch.setattr(os, "fsync", int)


def publish(path: Path, *notes: str) -> None:
    for note in notes:
        asyncio.run(FileOutlet(path).publish(ORIGIN, note))


def last(path: Path) -> str | None:
    return asyncio.run(FileOutlet(path).last())


def size_of(note: str | None) -> int:
    assert note
    return checkpoint_of(note_of(note).text).size


def test_a_file_that_is_not_there_has_none(path: Path) -> None:
    assert last(path) is None


def test_each_is_appended_and_the_last_is_found(path: Path) -> None:
    for number, note in enumerate(NOTES, 1):
        publish(path, note)
        assert last(path) == note
        assert [*notes_in(path.read_text())] == NOTES[:number]


def test_where_one_broke_off_the_next_begins_below(path: Path) -> None:
    for end in range(len(NOTES[1].encode())):
        path.unlink(missing_ok=True)
        publish(path, NOTES[0])
        with path.open("ab") as file:
            file.write(NOTES[1].encode()[:end])
        whole, _ = opened(last(path) or "", [SIGNERS[0][0]], is_signed)
        assert whole.size in {1, 2}  # With one signature it is whole.
        publish(path, NOTES[2], NOTES[3])
        sizes = [*map(size_of, notes_in(path.read_text(errors="replace")))]
        assert [size for size in sizes if size != 2] == [1, 3, 4], end
        assert last(path) == NOTES[3]


def test_of_a_long_file_only_the_end_is_read(path: Path) -> None:
    publish(path, *NOTES)
    path.write_text(path.read_text() * 200)
    assert path.stat().st_size > 100_000
    assert last(path) == NOTES[3]


def test_what_is_told_to_be_there_is_on_disk(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it had been written when the disk was waited for."""
    synced: list[str] = []

    def sync(handle: int) -> None:
        del handle
        synced.append(path.read_text())

    monkeypatch.setattr(os, "fsync", sync)
    for number, note in enumerate(NOTES, 1):
        publish(path, note)
        assert [*notes_in(synced[-1])] == NOTES[:number]
        assert len(synced) == number


def test_a_file_that_cannot_be_written_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(OutletUnavailable):
        publish(tmp_path / "nowhere" / "checkpoints", NOTES[0])
    with pytest.raises(OutletUnavailable):
        asyncio.run(FileOutlet(tmp_path).last())


PUBLISHING = """
import asyncio, resource, sys
from pathlib import Path
from workers.sealing.file import FileOutlet
from workers.sealing.outlet import OutletUnavailable

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    asyncio.run(FileOutlet(Path(sys.argv[1])).publish("berth.log/1", sys.argv[2]))
except OutletUnavailable:
    sys.exit(3)
"""


def test_a_disk_that_takes_a_part_has_not_taken_it(path: Path) -> None:
    publish(path, NOTES[0])
    room = path.stat().st_size + 10
    words = [sys.executable, "-c", PUBLISHING, str(path), NOTES[1], str(room)]
    assert subprocess.run(words, check=False).returncode == 3
    assert path.stat().st_size == room
    publish(path, NOTES[2])
    sizes = [*map(size_of, notes_in(path.read_text()))]
    assert sizes == [1, 3]
