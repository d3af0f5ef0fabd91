"""The same fixtures as the unit tests'."""

from __future__ import annotations

from tests.unit.cli.conftest import house, run

__all__ = ["house", "run"]
