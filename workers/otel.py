"""Traces by OpenTelemetry, set up by its own standard variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Thread

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from projections.traces import TRACES

# The library itself would wait for 30 s, and longer than whoever stops a process.
LAST_SECONDS_MAX = 2


@contextmanager
def sending_traces(
    part: str, environment: Mapping[str, str], exporter: SpanExporter | None = None
) -> Iterator[None]:
    """Send spans inside, to where the variables say; at the end, what is left.

    For that there are `LAST_SECONDS_MAX`, whether or not anybody answers.
    """
    name = environment.get("OTEL_SERVICE_NAME", f"berth-{part}")
    resource = Resource.create({SERVICE_NAME: name})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
    TRACES.tracer = provider.get_tracer("berth")
    try:
        yield
    finally:
        TRACES.tracer = None
        closing = Thread(target=provider.shutdown, daemon=True)
        closing.start()
        closing.join(LAST_SECONDS_MAX)
