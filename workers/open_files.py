"""How many files and connections a process may have open at once."""

from __future__ import annotations

import resource
from contextlib import suppress

# For every caller that waits, and every webhook that is told, and some to spare.
OPEN_FILES = 65_536


def allow_open_files() -> None:
    """So many here, and in all that is started from now on; or what the hard limit is.

    Most systems give a process no more than 1,024 unless it asks. An API with so many
    callers who wait, or a worker with so many receivers that are slow, would reach
    neither its database nor anybody else.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    wanted = OPEN_FILES if hard == unlimited else min(hard, OPEN_FILES)
    if soft != unlimited and soft < wanted:
        with suppress(ValueError, OSError):  # macOS has a limit that it does not tell.
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
