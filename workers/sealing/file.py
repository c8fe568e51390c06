"""Checkpoints appended to a file: best on another disk, or one that is written once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from domain.seal.findings import Unreadable
from domain.seal.note import DASH, SIGNATURE_BYTES, checkpoint_of, note_of
from workers.sealing.outlet import OutletUnavailable

# Far more than two checkpoints take.
END_BYTES = 64 * 1024
BETWEEN = "\n"


class FileOutlet:
    """Each checkpoint is followed by an empty line, and on disk when it is told."""

    def __init__(self, path: Path) -> None:
        self.name = f"the file {path}"
        self._path = path

    async def last(self) -> str | None:
        """What broke off in the middle is passed over."""
        try:
            text = await asyncio.to_thread(self._end)
        except OSError as error:
            raise OutletUnavailable(str(error)) from error
        return [None, *notes_in(text)][-1]

    async def publish(self, origin: str, note: str) -> None:
        del origin  # It stands in the note.
        try:
            await asyncio.to_thread(self._append, note)
        except OSError as error:
            raise OutletUnavailable(str(error)) from error

    def _end(self) -> str:
        try:
            with self._path.open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - END_BYTES))
                return file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def _append(self, note: str) -> None:
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        with os.fdopen(handle, "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            end = os.pread(handle, 2, max(0, size - 2))
            # Where somebody was cut off in the middle, a new one begins below it.
            torn = "" if not size or end == b"\n\n" else "\n\n"
            file.write(f"{torn}{note}{BETWEEN}".encode())
            file.flush()  # All of it, or an error: a disk may take a part.
            os.fsync(handle)


def notes_in(text: str) -> Iterator[str]:
    """Each whole checkpoint of those that follow one another; fragments are left out.

    A checkpoint is a text, an empty line, and its signatures.
    """
    blocks = [block for block in text.split("\n\n") if block.strip("\n")]
    for body, signatures in pairwise(blocks):
        written = f"{body.lstrip(BETWEEN)}\n\n{signatures.rstrip(BETWEEN)}\n"
        if signatures.startswith(DASH) and _is_whole(written):
            yield written


def _is_whole(written: str) -> bool:
    """What was cut off may still be base64, but is too short for a signature."""
    try:
        note = note_of(written)
        checkpoint_of(note.text)
    except Unreadable:
        return False
    return all(len(one.signature) >= SIGNATURE_BYTES for one in note.signatures)
