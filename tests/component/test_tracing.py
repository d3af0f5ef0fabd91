"""Traces of attempts, sent to a stub of an OpenTelemetry collector."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from structlog.testing import capture_logs

from mediavault.core.failures import HttpError
from mediavault.core.job import Job, WorkerId
from mediavault.tracing.opening import is_wanted, open_tracing
from mediavault.tracing.port import NoTracing
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore
from tests.stubs import StubDownloader, StubExtractor, make_context, new_job, worked
from tests.unit.worker.conftest import LEASE


@dataclass(slots=True)
class Collector:
    """Accepts traces over HTTP. ``headers`` are those of the last request."""

    endpoint: str
    spans: list[Any] = field(default_factory=list)
    resource: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def accept(self, path: str, headers: dict[str, str], body: bytes) -> None:
        assert path == "/v1/traces"
        self.headers = headers
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resource = attributes(group.resource)
            self.spans += [span for scope in group.scope_spans for span in scope.spans]

    def named(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]


def attributes(span: Any) -> dict[str, Any]:
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes
    }


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            stub.accept(
                self.path, {name.lower(): value for name, value in self.headers.items()}, body
            )
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub = Collector(f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", stub.endpoint)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield stub
    server.shutdown()
    thread.join()
    server.server_close()


async def save(tmp_path: Path, environ: dict[str, str], **stubs: Any) -> Job:
    """Work on one job with the traces that the environment asks for."""
    clock = FakeClock(auto=True)
    store = MemoryJobStore(clock)
    await store.queue.enqueue([replace(new_job(clock=clock), trace_id="c0ffee" + "0" * 26)])
    (claim,) = await store.queue.claim(WorkerId("w"), limit=1, lease=LEASE)
    async with open_tracing(environ) as tracing:
        return await worked(
            claim, replace(make_context(store, clock, tmp_path, **stubs), tracing=tracing)
        )


def environ_of(collector: Collector, **others: str) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, **others}


async def test_an_attempt_is_a_span_in_the_jobs_trace_and_each_stage_one_inside_it(
    collector: Collector, tmp_path: Path
) -> None:
    job = await save(tmp_path, environ_of(collector))

    (attempt,) = collector.named("attempt")
    stages = [span for span in collector.spans if span is not attempt]
    assert {span.trace_id.hex() for span in collector.spans} == {job.trace_id}
    assert attempt.parent_span_id == b""
    assert {span.parent_span_id for span in stages} == {attempt.span_id}
    assert [span.name for span in stages] == [
        "route",
        "extract",
        "choose",
        "download",
        "validate",
        "thumbnail",
    ]
    assert attributes(attempt) == {
        "mediavault.job_id": job.id,
        "mediavault.platform": job.platform,
        "mediavault.attempt": 1,
        "mediavault.status": "completed",
    }
    (download,) = collector.named("download")
    assert attributes(download)["mediavault.strategy"] == "plain"
    assert (
        attempt.start_time_unix_nano <= download.start_time_unix_nano <= download.end_time_unix_nano
    )


async def test_a_failed_stage_and_its_attempt_carry_the_code(
    collector: Collector, tmp_path: Path
) -> None:
    await save(
        tmp_path, environ_of(collector), extractor=StubExtractor(HttpError("gone", http_status=503))
    )

    for name in ("extract", "attempt"):
        span = collector.named(name)[-1]
        assert attributes(span)["error.type"] == span.status.message == "HTTP_ERROR"


async def test_opentelemetrys_own_variables_are_respected(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save(tmp_path / "a", environ_of(collector))
    default = collector.resource["service.name"]
    monkeypatch.setenv("OTEL_SERVICE_NAME", "films")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret")
    await save(tmp_path / "b", environ_of(collector, OTEL_SERVICE_NAME="films"))

    assert default == "mediavault"
    assert collector.resource["service.name"] == "films"
    assert collector.headers["x-key"] == "secret"


async def test_without_a_collector_there_are_no_traces_and_the_library_is_not_loaded() -> None:
    async with open_tracing({}) as tracing:
        assert isinstance(tracing, NoTracing)
    assert not is_wanted(
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c.example", "OTEL_SDK_DISABLED": "TRUE"}
    )
    assert not is_wanted({"OTEL_EXPORTER_OTLP_ENDPOINT": ""})
    look = "import mediavault.app.processes, sys; sys.exit('opentelemetry' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0


async def test_a_vault_without_the_extra_says_so_and_works(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mediavault.tracing.otlp", None)
    with capture_logs() as lines:
        job = await save(tmp_path, environ_of(collector))

    assert job.status == "completed"
    assert [line["event"] for line in lines if line["log_level"] == "warning"] == [
        "tracing_not_installed"
    ]
    assert collector.spans == []


async def test_a_collector_that_is_away_neither_fails_the_job_nor_holds_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediavault.tracing.otlp.LAST_SPANS_WITHIN_S", 0.2)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    job = await save(
        tmp_path, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, downloader=StubDownloader()
    )

    assert job.status == "completed"
