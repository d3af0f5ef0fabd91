"""The vault that the tests of the API, the server and the pages call."""

from __future__ import annotations

from tests.http_vault import house, make_house

__all__ = ["house", "make_house"]
