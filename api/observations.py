"""What is said of each request once it has been answered: a measure and a log line.

Neither has anything that a caller made up: a route is told by its template, and whoever
asks for none of ours is counted together with the others.
"""

from __future__ import annotations

from typing import Any

from litestar.types import Scope
from prometheus_client import Histogram

from workers.logs import teller

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
NO_ROUTE = "none"
SECONDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30, 60),
    *(120, 300),
)
REQUESTS = Histogram(
    "berth_http_request_seconds",
    "Requests answered, long polls included, by route, method and status",
    ["route", "method", "status"],
    buckets=SECONDS,
)


class Observations:
    """Called by the outermost layer. `log_each` writes a line for each request."""

    def __init__(self, *, log_each: bool) -> None:
        self._tell = teller() if log_each else None
        # Of prometheus_client's own two look-ups, each takes a lock.
        self._measures: dict[tuple[str, str, int], Any] = {}

    def __call__(self, scope: Scope, status: int, seconds: float) -> None:
        asked: Any = scope
        route: str = asked.get("path_template") or NO_ROUTE
        method: str = asked["method"] if asked["method"] in METHODS else "other"
        key = (route, method, status)
        measure = self._measures.get(key)
        if measure is None:
            measure = self._measures[key] = REQUESTS.labels(*key)
        measure.observe(seconds)
        if self._tell is not None:
            self._tell(
                {
                    "method": method,
                    "route": route,
                    "status": status,
                    "duration_ms": round(seconds * 1000, 3),
                    "event": "request",
                    "level": "info",
                }
            )
