"""The vault that the tests of the API, the server and the pages call."""

from __future__ import annotations

from tests.http_vault import make_vault, vault

__all__ = ["make_vault", "vault"]
