"""Fixtures that the tests of features share with those of the surfaces and of the worker."""

from __future__ import annotations

from tests.unit.cli.conftest import house, run

__all__ = ["house", "run"]
