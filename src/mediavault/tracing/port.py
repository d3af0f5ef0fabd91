"""The contract of traces: an attempt at a job is a span, and each of its steps is a span inside it.

Nothing here waits, and nothing raises: a collector that is away costs its traces and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

Facts = Mapping[str, str | int | None]  # attributes of a span; those that are None are left out


class AttemptTrace(Protocol):
    """The trace of one attempt."""

    def step(
        self, name: str, ended_at: datetime, took_s: float, facts: Facts, *, error: str | None
    ) -> None:
        """Add a step that has ended; ``error`` is the code of its failure."""

    def end(self, ended_at: datetime, facts: Facts, *, error: str | None) -> None:
        """End the attempt. Called once, after its last step."""


class Tracing(Protocol):
    """Where traces go."""

    def attempt(self, trace_id: str, began_at: datetime, facts: Facts) -> AttemptTrace:
        """Begin the trace of an attempt; ``trace_id`` is the job's, 32 hexadecimal digits."""


class NoTracing:
    """No traces are wanted. It is also the trace of each attempt."""

    def attempt(self, trace_id: str, began_at: datetime, facts: Facts) -> NoTracing:  # noqa: ARG002
        return self

    def step(
        self, name: str, ended_at: datetime, took_s: float, facts: Facts, *, error: str | None
    ) -> None: ...

    def end(self, ended_at: datetime, facts: Facts, *, error: str | None) -> None: ...
