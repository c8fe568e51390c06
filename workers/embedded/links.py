"""Links in a folder that may be another user's, who would have root follow them."""

from __future__ import annotations

import os
from errno import EPERM
from pathlib import Path


def check_link(path: Path) -> None:
    """`OSError` if that is a link which is neither root's nor our own."""
    if path.is_symlink() and path.lstat().st_uid not in {0, os.geteuid()}:
        raise OSError(EPERM, "another user has put a link there", str(path))
