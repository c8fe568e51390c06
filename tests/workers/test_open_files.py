"""A process may have more open at once than a shell would let it."""

from __future__ import annotations

import resource
import sys

import psutil
import pytest

from tests.support.running import Installation, free_port, until
from tests.workers.test_giving_way import is_listening
from workers.open_files import OPEN_FILES

FEW = 256
_, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)
MOST = OPEN_FILES if HARD == resource.RLIM_INFINITY else min(OPEN_FILES, HARD)
IN_A_SHELL = f"""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({FEW}, {HARD}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
@pytest.mark.parametrize("part", ["worker", "api"])
def test_it_allows_itself_as_many_as_it_may(
    installation: Installation, part: str
) -> None:
    port = free_port()
    beside = {"BERTH_PORT": str(port), "BERTH_METRICS_PORT": str(port)}
    name = f"files-{part}"
    with installation.berth(part, name=name, first=IN_A_SHELL, **beside) as process:
        until(lambda: is_listening(port))
        soft, hard = psutil.Process(process.pid).rlimit(psutil.RLIMIT_NOFILE)
        assert (soft, hard) == (MOST, HARD)
