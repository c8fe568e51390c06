"""Whether a process of this machine is ready, for who has started it.

    python -I -m api.commands.readiness

ends with 0 if an API or a worker with the settings of the environment is: the health
check of the image, which does not know which of them runs in it.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

from workers.listening import ONLY_HERE, host_from

# Of BERTH_HOST, those that are no address to ask.
EVERYWHERE = {"0.0.0.0": ONLY_HERE, "::": "::1"}  # noqa: S104 - nobody listens here
SECONDS_MAX = 3


def asked_at() -> str:
    """The address by which this machine reaches who listens there."""
    host = host_from()
    return EVERYWHERE.get(host, host)


def is_ready(port: int, seconds: float = SECONDS_MAX) -> bool:
    """Asked directly, whatever proxy the environment names.

    What answers otherwise than Berth does is not ready either.
    """
    with closing(HTTPConnection(asked_at(), port, timeout=seconds)) as asking:
        try:
            asking.request("GET", "/sfp/api/health/ready")
            return asking.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False


def main() -> None:
    ports = [os.environ.get("BERTH_PORT", "8080")]
    ports += filter(None, [os.environ.get("BERTH_METRICS_PORT")])
    sys.exit(not any(is_ready(int(port)) for port in ports))


if __name__ == "__main__":
    main()
