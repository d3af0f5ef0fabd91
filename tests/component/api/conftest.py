"""The unit tests' vault, here behind a real server."""

from __future__ import annotations

from tests.http_vault import make_vault, vault

__all__ = ["make_vault", "vault"]
