"""What the library is read from is brought up to date while nobody looks."""

from __future__ import annotations

import pytest

from mediavault.api.app import KEEP_UP_EVERY_S, create_app
from tests.unit.api.conftest import House


async def test_the_library_keeps_up_once_a_minute_for_as_long_as_the_server_runs(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_up: list[float] = []

    async def keep_up() -> None:
        kept_up.append(house.clock.monotonic())

    monkeypatch.setattr(house.store, "keep_up", keep_up)
    app = create_app(house.services)
    async with app.router.lifespan_context(app):
        for _ in range(3):
            await house.clock.settle()
            house.clock.advance(KEEP_UP_EVERY_S)
        await house.clock.settle()
    house.clock.advance(KEEP_UP_EVERY_S)
    await house.clock.settle()

    assert len(kept_up) == 3
