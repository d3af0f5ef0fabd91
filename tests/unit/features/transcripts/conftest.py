"""Fixtures that the tests of deferred work share with those of the worker."""

from __future__ import annotations

from tests.unit.worker.conftest import claim, clock, store

__all__ = ["claim", "clock", "store"]
