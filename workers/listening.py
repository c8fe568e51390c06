"""Where an API listens: on this machine alone, unless it is told otherwise."""

from __future__ import annotations

import os
from collections.abc import Mapping

ONLY_HERE = "127.0.0.1"


def host_from(environment: Mapping[str, str] = os.environ) -> str:
    """BERTH_HOST."""
    return environment.get("BERTH_HOST") or ONLY_HERE
