"""Files for nobody else's eyes, of which there is all or nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ELOOP
from pathlib import Path
from tempfile import mkstemp
from typing import BinaryIO

from workers.embedded.ownership import check_link
from workers.settings import SettingsError


@contextmanager
def private_file(path: Path) -> Iterator[BinaryIO]:
    """Opened for bytes, which are under `path` once all are on disk: mode 0600.

    Until then, and if it fails, what was there stays as it was. A pipe or a device is
    written to as it is. `OSError` if `path` cannot be written, or is another's link.
    """
    check_link(path)
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    path = _led_to(path)
    handle, draft = mkstemp(prefix=".berth-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # Else the name could still be lost with the power.
    finally:
        os.close(folder)


def private_text(path: Path) -> str:
    """What is in it. `SettingsError` if another user has put it there, and knows it."""
    check_link(path)
    with path.open() as file:
        owner = os.fstat(file.fileno()).st_uid
        if owner not in {0, os.geteuid()}:
            raise SettingsError(
                f"{path} belongs to another user ({owner}), who knows what is in it:"
                " start Berth as that user, or make the file yours with chown"
            )
        return file.read().strip()


def _led_to(path: Path) -> Path:
    """A link goes on leading to it."""
    # Not `Path.resolve`, which until Python 3.13 has an error of its own for a circle.
    led_to = Path(os.path.realpath(path))
    if led_to.is_symlink():
        raise OSError(ELOOP, os.strerror(ELOOP), str(path))
    return led_to
