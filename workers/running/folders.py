"""The folders of tasks: safe from others, and removed whatever has become of them."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR, S_ISVTX, S_IWGRP, S_IWOTH


def made(root: str) -> str:
    """One for a task of this process, its keeper: in `root`, or beside it.

    After days of waiting, whatever tidies /tmp may have taken that away, and somebody
    else have put something in its place.
    """
    place = Path(root)
    with suppress(FileExistsError):
        place.mkdir(mode=0o700)
    safe = place if is_safe(place) else place.parent
    return tempfile.mkdtemp(prefix=f"task-{os.getpid()}-", dir=safe)


def remove_of(keeper: int, root: str) -> None:
    """What a keeper that was killed could not."""
    if is_safe(Path(root)):
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


def is_safe(place: Path) -> bool:
    """Whether nobody else can put something in the place of what we make in it."""
    with suppress(OSError):
        found = place.lstat()
        is_open = found.st_mode & (S_IWGRP | S_IWOTH) and not found.st_mode & S_ISVTX
        is_ours = found.st_uid in {0, os.geteuid()} and not is_open
        return S_ISDIR(found.st_mode) and is_ours
    return False


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
