"""Structured logs: events are snake_case facts with keyword values; JSON lines on standard error,
if not a terminal.

The worker's loop binds ``job_id`` and ``trace_id`` to the task of each attempt with
:func:`job_context`, so every line of a job carries them. All events are listed in
docs/log-events.md.
Secrets must not be logged: URLs are logged through :func:`redact_url`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from typing import Any, TextIO
from urllib.parse import urlsplit

import structlog

Logger = structlog.stdlib.BoundLogger

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure_logs(level: str = "info", stream: TextIO | None = None) -> None:
    """Send every logger's lines, the standard library's too, to ``stream`` (standard error)."""
    out = stream or sys.stderr
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
    ]
    renderer: Any = (
        structlog.dev.ConsoleRenderer()
        if out.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=True, sort_keys=False)
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[level])
    for noisy in ("asyncio", "uvicorn.access", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> Logger:
    logger: Logger = structlog.stdlib.get_logger(name)
    return logger


@contextmanager
def job_context(job_id: str, trace_id: str, **facts: Any) -> Iterator[None]:
    """Bind the job's ids to every line logged inside, in this task and the tasks it starts."""
    with structlog.contextvars.bound_contextvars(job_id=job_id, trace_id=trace_id, **facts):
        yield


def bind_job(job_id: str, trace_id: str) -> None:
    """Bind the job's ids to every later line of this task,
    such as a request that returns a file of the job.
    """
    structlog.contextvars.bind_contextvars(job_id=job_id, trace_id=trace_id)


def outside_jobs() -> Context:
    """A copy of the current context without a job's ids,
    for a task that may outlive the job that starts it.
    """
    context = copy_context()
    context.run(structlog.contextvars.clear_contextvars)
    return context


def bound_facts() -> dict[str, Any]:
    """Return what :func:`job_context` has bound for the running code.

    In a signal handler, that is the interrupted code.
    """
    return structlog.contextvars.get_contextvars()


def redact_url(url: str) -> str:
    """Scheme, host and path: queries hold signatures and must not be logged."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}" + ("?…" if parts.query else "")
