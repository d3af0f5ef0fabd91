"""What the tests of the services share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mediavault.core.clock import SystemClock
from mediavault.media.probe import FfmpegProbe, open_probe


@pytest.fixture
async def probe() -> AsyncIterator[FfmpegProbe]:
    async with open_probe(SystemClock()) as opened:
        yield opened
