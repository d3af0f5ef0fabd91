"""Who asks, known to whatever answers the request, as its language is."""

from __future__ import annotations

from contextvars import ContextVar

from mediavault.access.desk import Caller

_CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)


def use_caller(caller: Caller | None) -> None:
    """From here on, within this request."""
    _CALLER.set(caller)


def asking() -> Caller | None:
    """Who asks; None at the doors, and at what is open to all."""
    return _CALLER.get()
