"""A folder in memory, for servers whose data no test keeps.

On ext4 a new file looks through all that were removed in the last minutes, and a
database is some 300 files: after a hundred databases, to make one took a second.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

MEMORY = Path("/dev/shm")
ROOM_BYTES = 2 << 30
PREFIX = "berth-tests-"


@contextmanager
def folder_in_memory(otherwise: Path) -> Iterator[Path]:
    """It is gone afterwards. `otherwise`, where there is no memory with enough room."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
        sweep()
        prefix = f"{PREFIX}{os.getpid()}-"
        with TemporaryDirectory(prefix=prefix, dir=MEMORY) as folder:
            yield Path(folder)
    else:
        yield otherwise


def sweep() -> None:
    """What test runs that were killed have left."""
    for folder in MEMORY.glob(f"{PREFIX}*-*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if not Path("/proc", owner).exists():
            shutil.rmtree(folder, ignore_errors=True)
