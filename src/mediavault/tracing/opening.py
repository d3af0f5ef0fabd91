"""Opens the traces that the environment asks for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from mediavault.core.installation import command_to_install
from mediavault.core.logs import get_logger
from mediavault.tracing.port import NoTracing, Tracing

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

log = get_logger(__name__)


@asynccontextmanager
async def open_tracing(environ: Mapping[str, str]) -> AsyncIterator[Tracing]:
    """Provide the traces for the collector that the environment names, if any.
    The last spans are sent at the end.
    """
    if not is_wanted(environ):
        yield NoTracing()
        return
    try:
        from mediavault.tracing.otlp import OtlpTracing  # half a second, and an extra
    except ImportError:
        log.warning("tracing_not_installed", help=f"Run: {command_to_install('tracing')}")
        yield NoTracing()
        return
    tracing = OtlpTracing(environ)
    try:
        yield tracing
    finally:
        await tracing.close()


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Whether the environment names a collector, and does not switch OpenTelemetry off."""
    return (
        any(map(environ.get, ENDPOINTS))
        and environ.get("OTEL_SDK_DISABLED", "").strip().lower() != "true"
    )
