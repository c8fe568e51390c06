"""All that a process measures, as Prometheus reads it. No token needed.

docs/metrics.md lists it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Gauge,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from api.health import OPEN
from workers.wiring import Services

PATH = "/metrics"
# When each sample began, told beside each of them, would double their number.
disable_created_metrics()  # type: ignore[no-untyped-call]
WAITING = Gauge("berth_waiting_calls", "Long polls parked in this process")


class Collected(Collector):
    """What was read before somebody asked."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


@get(PATH, opt=OPEN, include_in_schema=False)
async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    # Litestar takes `/metrics/` for it, too; a proxy that is to keep it, does not.
    if request.scope["raw_path"] != PATH.encode():
        raise NotFoundException
    services: Services = request.app.state.services
    WAITING.set(services.journal.waiting)
    families = await services.gauges.collect()
    # As much as some milliseconds, which nobody else is to wait for.
    text = await asyncio.to_thread(exposed, families)
    # Not as `media_type`, to which Litestar would add the charset once more.
    return Response(text, headers={"content-type": CONTENT_TYPE_LATEST})


def exposed(families: Sequence[Metric]) -> bytes:
    """Those of this process and `families`, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(Collected(families))
    return generate_latest(REGISTRY) + generate_latest(registry)
