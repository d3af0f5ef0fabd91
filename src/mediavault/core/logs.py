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
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context, copy_context
from types import ModuleType
from typing import TYPE_CHECKING, Any, TextIO, cast
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import structlog  # a tenth of a short command's time: imported with the first line

    Logger = structlog.stdlib.BoundLogger

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure_logs(level: str = "info", stream: TextIO | None = None) -> None:
    """Send every logger's lines, the standard library's too, to ``stream`` (standard error)."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Formatter(handler.stream))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[level])
    for noisy in ("asyncio", "uvicorn.access", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    _pending.append(_configure)
    if _is_imported():
        _structlog()


def get_logger(name: str) -> Logger:
    return cast("Logger", _LateLogger(name))


class _LateLogger:
    """A logger of structlog, made when a line is logged; until then lines that the level leaves out
    cost no import.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._logger: Any = None

    def __getattr__(self, method: str) -> Any:
        if self._logger is None:
            level = _LEVELS.get(method, logging.ERROR)
            if not _is_imported() and not logging.getLogger(self._name).isEnabledFor(level):
                return _log_nothing
            self._logger = _structlog().stdlib.get_logger(self._name)
        return getattr(self._logger, method)


def _log_nothing(*_: object, **__: object) -> None:
    """Stand for a method of a logger whose level leaves the line out."""


_pending: list[Callable[[], None]] = []  # what is to be done once the library is imported


def _is_imported() -> bool:
    return "structlog" in sys.modules


def _structlog() -> ModuleType:
    """Import the library, and configure it if ``configure_logs`` was called before."""
    import structlog

    with suppress(IndexError):  # another thread may do it
        while True:
            _pending.pop()()
    return structlog


class _Formatter(logging.Formatter):
    """structlog's formatter, made for the first line: colours on a terminal, else JSON."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._formatter: logging.Formatter | None = None

    def format(self, record: logging.LogRecord) -> str:
        if self._formatter is None:
            self._formatter = self._make()
        return self._formatter.format(record)

    def _make(self) -> logging.Formatter:
        import structlog

        renderer: Any = (
            structlog.dev.ConsoleRenderer()
            if self._stream.isatty()
            else structlog.processors.JSONRenderer(ensure_ascii=True, sort_keys=False)
        )
        return structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_processors(),
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )


def _processors() -> list[Any]:
    import structlog

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
    ]


def _configure() -> None:
    import structlog

    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


@contextmanager
def job_context(job_id: str, trace_id: str, **facts: Any) -> Iterator[None]:
    """Bind the job's ids to every line logged inside, in this task and the tasks it starts."""
    with _structlog().contextvars.bound_contextvars(job_id=job_id, trace_id=trace_id, **facts):
        yield


def bind_job(job_id: str, trace_id: str) -> None:
    """Bind the job's ids to every later line of this task,
    such as a request that returns a file of the job.
    """
    _structlog().contextvars.bind_contextvars(job_id=job_id, trace_id=trace_id)


def outside_jobs() -> Context:
    """A copy of the current context without a job's ids,
    for a task that may outlive the job that starts it.
    """
    context = copy_context()
    if not _is_imported():  # nothing is bound yet
        return context
    context.run(_structlog().contextvars.clear_contextvars)
    return context


def bound_facts() -> dict[str, Any]:
    """Return what :func:`job_context` has bound for the running code.

    In a signal handler, that is the interrupted code.
    """
    facts: dict[str, Any] = _structlog().contextvars.get_contextvars()
    return facts


def redact_url(url: str) -> str:
    """Scheme, host and path: queries hold signatures and must not be logged."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}" + ("?…" if parts.query else "")
