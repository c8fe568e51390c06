"""Traces by OpenTelemetry, set up by its own standard variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from projections.traces import TRACES


@contextmanager
def sending_traces(
    part: str, environment: Mapping[str, str], exporter: SpanExporter | None = None
) -> Iterator[None]:
    """Send spans inside, to where the variables say; at the end, what is left."""
    name = environment.get("OTEL_SERVICE_NAME", f"berth-{part}")
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
    provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
    TRACES.tracer = provider.get_tracer("berth")
    try:
        yield
    finally:
        TRACES.tracer = None
        provider.shutdown()
