"""What this code needs of the kernel that Python has no name for."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of whatever descendants lose theirs. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def ring_on_child() -> int:
    """A descriptor that is readable when a child has ended."""
    bell, rope = os.pipe()
    os.set_blocking(bell, False)
    os.set_blocking(rope, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(rope, warn_on_full_buffer=False)
    return bell


def children(parent: int | None = None) -> list[int]:
    """Our own, or another's: dead or alive. Elsewhere than on Linux: none are known."""
    whose = f"{parent}/task/{parent}" if parent else "thread-self"
    try:
        return [*map(int, Path(f"/proc/{whose}/children").read_text().split())]
    except (FileNotFoundError, ProcessLookupError):
        return []


def kill(pid: int) -> None:
    """End it now, if it has not ended."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
