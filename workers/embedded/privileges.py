"""Which account a server runs as, and which single right that account needs besides.

PostgreSQL refuses to run as root. It then runs as the owner of its folder, or as
`postgres`, or as `nobody`. Such an account cannot enter a 0700 folder of root's (a
`mktemp -d`, anything below /root), and we do not open up folders that are not ours: the
server keeps the one capability that lets it pass.
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2
_ENTER = 0o1
_READ_AND_ENTER = 0o5


@dataclass(frozen=True)
class Account:
    """An unprivileged user, by number."""

    uid: int
    gid: int


def account_for(folder: Path) -> Account | None:
    """The account for a server that keeps its data in `folder`; None: our own will do.

    `LookupError` when root finds nobody to run it as.
    """
    if os.geteuid() != 0:
        return None
    for owner in _owners(folder):
        if entry := _entry(owner.uid):
            return Account(entry.pw_uid, entry.pw_gid)
    for name in ("postgres", "nobody"):
        if entry := _entry(name):
            return Account(entry.pw_uid, entry.pw_gid)
    raise LookupError("running as root needs an account `postgres` or `nobody`")


def owner_of(folder: Path) -> Account | None:
    """Whose it is, or that in which it is; None: nobody's but root's, or our own."""
    return next(_owners(folder), None) if os.geteuid() == 0 else None


def capability_for(account: Account | None, paths: Iterable[Path]) -> int | None:
    """The one that `account` needs in order to reach all of `paths`, if it does."""
    if account is None or sys.platform != "linux":
        return None
    paths = list(paths)
    closed = [p for p in paths if p.is_file() and not _may(account, p, _READ_AND_ENTER)]
    barred = [p for path in paths for p in path.parents if not _may(account, p, _ENTER)]
    # Reading and searching is the smaller right, but does not extend to running a file.
    wanted = (
        [_CAP_DAC_OVERRIDE] if closed else [_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE]
    )
    if not (closed or barred):
        return None
    return next((cap for cap in wanted if _permitted() >> cap & 1), None)


def _owners(folder: Path) -> Iterator[Account]:
    for place in (folder, folder.parent):
        if place.exists() and (found := place.stat()).st_uid != 0:
            yield Account(found.st_uid, found.st_gid)


def _may(account: Account, path: Path, rights: int) -> bool:
    found = path.stat()
    ours, group = found.st_uid == account.uid, found.st_gid == account.gid
    return found.st_mode >> (6 if ours else 3 if group else 0) & rights == rights


def _permitted() -> int:
    """The capabilities we hold, as a bit set (a container may hold few)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("CapPrm:")[2].split()[0], 16)


def _entry(who: int | str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(who) if isinstance(who, int) else pwd.getpwnam(who)
    except KeyError:
        return None
