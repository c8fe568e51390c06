"""What works behind the API gives way, where the CPU is scarce, to those waited for.

Of two cores that are always busy, the API and PostgreSQL get theirs at once when it is
their turn; views, events and tasks come a moment later.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

NICENESS = 5


def give_way(pid: int = 0) -> None:
    """The process `pid`, or this one, and all that it starts from now on.

    It is nicer by 5 and, on Linux, interrupts nobody when it wakes: SCHED_BATCH, as
    sched(7) has it. Neither keeps it from its share. Where that is not allowed, or the
    process has ended, nothing happens.
    """
    with suppress(OSError):
        nice = min(19, os.getpriority(os.PRIO_PROCESS, pid) + NICENESS)
        os.setpriority(os.PRIO_PROCESS, pid, nice)
        if sys.platform == "linux":
            os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0))
