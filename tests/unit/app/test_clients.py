"""Clients for the services of the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediavault.app.clients import client_for
from mediavault.core.settings import Settings
from mediavault.egress.guard import EgressGuard


@pytest.mark.parametrize("url", ["http://nas.lan:8096", "http://[fd00::1]:8096/tsr"])
async def test_the_guard_of_a_client_is_closed_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """It has threads that look names up."""
    closed: list[EgressGuard] = []
    monkeypatch.setattr(EgressGuard, "close", lambda guard: closed.append(guard))

    async with client_for(url, Settings(state_dir=tmp_path)):
        assert closed == []
    assert len(closed) == 1
