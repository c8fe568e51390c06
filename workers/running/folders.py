"""Makes the folders of tasks, and removes them, whatever these have made of them."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR


def made(root: str) -> str:
    """One for a task of this process, its keeper."""
    return tempfile.mkdtemp(prefix=f"task-{os.getpid()}-", dir=root)


def remove_of(keeper: int, root: str) -> None:
    """What a keeper that was killed could not."""
    for folder in Path(root).glob(f"task-{keeper}-*"):
        remove(folder)


def remove(folder: Path) -> None:
    """Also what is deeper than Python can follow, or closed to its own owner.

    What was put in its place goes, and nothing of what that may lead to.
    """
    if not _is_one(folder):
        with suppress(OSError):
            folder.unlink()
        return
    with suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder):
        with suppress(OSError):
            _flatten(folder)


def _is_one(folder: Path) -> bool:
    """And no link to one."""
    with suppress(OSError):
        return S_ISDIR(folder.lstat().st_mode)
    return False


def _flatten(folder: Path) -> None:
    """What lies within moves up before it goes, so that no path grows too long."""
    aside = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
    folders = [folder]
    for place in folders:  # which become more meanwhile
        with suppress(OSError):
            place.chmod(0o700)
            for entry in [*os.scandir(place)]:
                inner = Path(entry.path)
                with suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        inner.chmod(0o700)
                        folders.append(inner.rename(aside / f"{len(folders)}"))
                    else:
                        inner.unlink()
            place.rmdir()
    aside.rmdir()
