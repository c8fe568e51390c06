"""Whether a process of this machine is ready, for who has started it."""

from __future__ import annotations

from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

HOST = "127.0.0.1"
SECONDS_MAX = 3


def is_ready(port: int, seconds: float = SECONDS_MAX) -> bool:
    """Asked directly, whatever proxy the environment names.

    What answers otherwise than Berth does is not ready either.
    """
    with closing(HTTPConnection(HOST, port, timeout=seconds)) as asking:
        try:
            asking.request("GET", "/sfp/api/health/ready")
            return asking.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
