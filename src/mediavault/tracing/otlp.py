"""Sends traces to an OpenTelemetry collector (OTLP over HTTP). The only importer of opentelemetry.

Where to, with which headers, and which share of them, is read from OpenTelemetry's own variables:
``OTEL_EXPORTER_OTLP_…``, ``OTEL_RESOURCE_ATTRIBUTES``, ``OTEL_TRACES_SAMPLER`` and others
(opentelemetry.io, "Environment Variable Specification"). A thread sends the spans in batches; when
its queue is full, spans are dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Mapping
from datetime import datetime

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Span, Status, StatusCode, Tracer, set_span_in_context

from mediavault import __version__
from mediavault.core.clock import to_micros
from mediavault.tracing.port import AttemptTrace, Facts

LAST_SPANS_WITHIN_S = 3.0  # of a collector that does not answer at the end
PREFIX = "mediavault."


class OtlpTracing:
    """Traces by OpenTelemetry's SDK."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._ids = _JobTraceIds()
        facts = {"service.version": __version__}
        if not environ.get("OTEL_SERVICE_NAME") and "service.name=" not in environ.get(
            "OTEL_RESOURCE_ATTRIBUTES", ""
        ):
            facts["service.name"] = "mediavault"
        self._provider = TracerProvider(
            resource=Resource.create(facts), id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("mediavault", __version__)

    def attempt(self, trace_id: str, began_at: datetime, facts: Facts) -> AttemptTrace:
        try:
            self._ids.following = int(trace_id, 16)
        except ValueError:  # a job that did not come from us; this only shows in the traces
            self._ids.following = 0
        root = Context()  # no parent
        span = self._tracer.start_span(
            "attempt", root, start_time=_nanos(began_at), attributes=_attributes(facts)
        )
        return _OtlpAttempt(self._tracer, span)

    async def close(self) -> None:
        """Send what is left, for at most LAST_SPANS_WITHIN_S.

        The thread is a daemon: one of asyncio's would hold up the end of the process until a silent
        collector's timeout.
        """
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            with contextlib.suppress(RuntimeError):  # the loop has been closed since
                loop.call_soon_threadsafe(done.set)

        threading.Thread(target=shut_down, name="last traces", daemon=True).start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_SPANS_WITHIN_S):
                await done.wait()


class _JobTraceIds(RandomIdGenerator):
    """Gives a trace the id that the job's log lines have: ``following``, or a random one for 0."""

    following = 0

    def generate_trace_id(self) -> int:
        return self.following or super().generate_trace_id()


class _OtlpAttempt:
    def __init__(self, tracer: Tracer, span: Span) -> None:
        self._tracer = tracer
        self._span = span

    def step(
        self, name: str, ended_at: datetime, took_s: float, facts: Facts, *, error: str | None
    ) -> None:
        end = _nanos(ended_at)
        inside = set_span_in_context(self._span, Context())
        step = self._tracer.start_span(name, inside, start_time=end - round(took_s * 1e9))
        _end(step, end, facts, error)

    def end(self, ended_at: datetime, facts: Facts, *, error: str | None) -> None:
        _end(self._span, _nanos(ended_at), facts, error)


def _end(span: Span, at: int, facts: Facts, error: str | None) -> None:
    span.set_attributes(_attributes(facts))
    if error is not None:
        span.set_attribute("error.type", error)
        span.set_status(Status(StatusCode.ERROR, error))
    span.end(at)


def _attributes(facts: Facts) -> dict[str, str | int]:
    return {f"{PREFIX}{name}": value for name, value in facts.items() if value is not None}


def _nanos(moment: datetime) -> int:
    return to_micros(moment) * 1_000
