"""Whose a folder is, which may belong to another user, who would fool root by links."""

from __future__ import annotations

import os
from errno import EPERM
from pathlib import Path

from workers.embedded.privileges import Account


def check_link(path: Path) -> None:
    """`OSError` if that is a link which is neither root's nor our own."""
    if path.is_symlink() and path.lstat().st_uid not in {0, os.geteuid()}:
        raise OSError(EPERM, "another user has put a link there", str(path))


def close_to_others(folder: Path, account: Account | None) -> None:
    """Mode 0700, and that account's. `OSError` if it has become a link."""
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchmod(place, 0o700)
        if account:
            os.fchown(place, account.uid, account.gid)
    finally:
        os.close(place)


def hand_over(folder: Path, account: Account) -> None:
    """All that is in it, itself last; nothing that a link leads to, also in its place.

    The folder may belong to the account, which could put one there meanwhile, too.
    """
    for _, folders, files, place in os.fwalk(folder, topdown=False):
        for name in (*folders, *files):
            os.chown(
                name, account.uid, account.gid, dir_fd=place, follow_symlinks=False
            )
        os.fchown(place, account.uid, account.gid)
