"""The same house as the unit tests', here behind a real server."""

from __future__ import annotations

from tests.http_vault import house, make_house

__all__ = ["house", "make_house"]
