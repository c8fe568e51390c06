"""Traces: a span for each request, its call and the append; none without settings."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event
from typing import Any

import httpx2
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from api.access_log import AccessLog
from api.app import build
from domain.roles import Role
from projections.traces import TRACES
from tests.support.client import Caller, unique
from tests.support.running import HOST, Installation, until
from tests.support.tasks import submitted
from workers.otel import sending_traces
from workers.settings import SettingsError
from workers.tracing import tracing
from workers.wiring import running

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
PROJECT = "/sfp/api/projects"


@pytest.fixture
def spans(installation: Installation, owner: Caller) -> Sequence[ReadableSpan]:
    """Of a repository's registration, of a look at it, and of what is not there."""
    exporter = InMemorySpanExporter()
    name = unique("acme/traced")
    body = {"identifier": name, "remoteUrl": f"https://github.com/{name}"}
    secret = {"secret": "5Aep861", "bad": b"\xff".decode("latin-1")}

    async def asking() -> None:
        async with running(installation.settings) as services:
            app: Any = build(services, AccessLog(services.journal, str))
            transport = httpx2.ASGITransport(app=app)
            headers = {"Authorization": f"Bearer {owner.token}", "traceparent": PARENT}
            async with httpx2.AsyncClient(
                transport=transport, base_url="http://berth.example", headers=headers
            ) as http:
                await http.post(PROJECT, json=body)
                await http.get(f"{PROJECT}/{name}", params=secret)
                await http.get("/nowhere")
                await http.post(PROJECT, json=body)
                services.journal.release_waiting(ConnectionAbortedError("stopping"))
                await http.get("/sfp/api/health/ready")

    with sending_traces("test", {}, exporter):
        asyncio.run(asking())
    assert TRACES.tracer is None
    return exporter.get_finished_spans()


def test_a_request_is_a_span_and_so_is_what_it_asked_of_the_journal(
    spans: Sequence[ReadableSpan],
) -> None:
    request, _ = named(spans, f"POST {PROJECT}")
    assert request.attributes
    assert request.attributes["http.response.status_code"] == 201
    assert request.attributes["http.route"] == PROJECT
    assert request.context
    assert f"{request.context.trace_id:032x}" == TRACE
    calls = [
        span
        for span in named(spans, "journal.execute")
        if span.parent and span.parent.span_id == request.context.span_id
    ]
    assert calls
    linked = {
        link.context.span_id
        for span in named(spans, "journal.append")
        for link in span.links
    }
    assert {call.context.span_id for call in calls if call.context} <= linked
    assert sum(attribute(s, "berth.events") for s in named(spans, "journal.append"))


def test_a_span_has_the_template_of_the_route_and_nothing_of_the_query(
    spans: Sequence[ReadableSpan],
) -> None:
    assert named(spans, f"GET {PROJECT}/{{identifier}}")
    assert named(spans, "GET")
    assert "5Aep861" not in "".join(span.to_json() for span in spans)


def test_what_went_wrong_is_an_error(spans: Sequence[ReadableSpan]) -> None:
    """A refusal is not; what it says has names in it, which are not to be sent."""
    _, refused = named(spans, f"POST {PROJECT}")
    assert attribute(refused, "http.response.status_code") == 409
    assert not [span.status.description for span in spans if span.status.description]
    wrong = [span.name for span in spans if span.status.status_code is StatusCode.ERROR]
    assert wrong == ["GET /sfp/api/health/ready"]


def named(spans: Sequence[ReadableSpan], name: str) -> Sequence[ReadableSpan]:
    return [span for span in spans if span.name == name]


def attribute(span: ReadableSpan, name: str) -> int:
    found = (span.attributes or {})[name]
    assert isinstance(found, int)
    return found


def test_processes_send_theirs_to_where_the_standard_variables_say(
    installation: Installation, pool: ThreadPoolExecutor
) -> None:
    with collector() as (url, received):
        settings: Mapping[str, str] = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        with (
            installation.api("traced-api", **settings) as api,
            installation.berth("worker", name="traced-worker", **settings),
        ):
            owner = api.caller(Role.OWNER)
            repository = owner.repository()
            task = {"type": "listAssignedReviewEnvironments"}
            operation = submitted(owner, **task, data={"repoId": repository})
            waiting = pool.submit(owner.get, f"/tasks/{operation}/result", wait=30)
            assert waiting.result(40).json()["status"] == "completed"
            until(lambda: operation.encode() in b"".join(received))
    sent = b"".join(received)
    for part in (
        b"berth-api",
        b"berth-worker",
        b"POST /sfp/api/tasks",
        b"task.attempt",
    ):
        assert part in sent
    assert owner.token.encode() not in sent


def test_who_stops_does_not_wait_long_for_a_collector_that_is_silent() -> None:
    """Not for as long as the library would, which then closes the exporter."""
    silent = Silent()
    with sending_traces("test", {}, silent), TRACES.span("the last one"):
        pass
    assert silent.is_asked.is_set()
    assert not silent.is_given_up.is_set()
    silent.answers.set()


class Silent(SpanExporter):
    """It is asked, and does not answer."""

    def __init__(self) -> None:
        self.is_asked, self.answers, self.is_given_up = Event(), Event(), Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        assert spans
        self.is_asked.set()
        self.answers.wait()
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self.is_given_up.set()


def test_without_the_extra_the_setting_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "workers.otel", None)
    with pytest.raises(SettingsError, match=r"berth-server\[otel\]"):
        tracing("api", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})


def test_without_settings_there_are_none() -> None:
    with tracing("api", {}):
        assert TRACES.tracer is None


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """Something that takes what is sent, as an OpenTelemetry collector does."""
    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing: what is asked is told by the test."""

    with (
        ThreadingHTTPServer((HOST, 0), Collector) as server,
        ThreadPoolExecutor(1) as thread,
    ):
        thread.submit(server.serve_forever, 0.05)
        try:
            yield f"http://{HOST}:{server.server_port}", received
        finally:
            server.shutdown()
