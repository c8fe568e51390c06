"""A worker's folder, which has those of its tasks: swept once nobody is left to use it.

Whoever is killed cannot tidy up. The next worker can, and knows by a lock who is left:
the kernel lets go of it with the process that had it.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from workers.running.folders import remove

PREFIX = "berth-worker-"


def made_in(parent: Path | None) -> tuple[str, int]:
    """A new one, and what holds it: see `hold`. `parent` is the system's, if None."""
    while True:
        root = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
        with suppress(FileNotFoundError):  # it was swept before it was held
            return root, hold(root)


def hold(root: str | Path) -> int:
    """A descriptor. While it is open, `root` is not swept."""
    holding = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    with suppress(OSError):  # where there are no locks, nothing is swept either
        fcntl.flock(holding, fcntl.LOCK_SH)
    return holding


def sweep(parent: Path | None) -> None:
    """Remove those of ours that no living process holds."""
    for root in Path(parent or tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # another user's, or in use
            _sweep(root)


def _sweep(root: Path) -> None:
    holding = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(holding).st_uid == os.geteuid():
            fcntl.flock(holding, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(root)
    finally:
        os.close(holding)
