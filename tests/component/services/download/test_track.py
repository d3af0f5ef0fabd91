"""One track on its way to disk, with a scripted source: what is under way at the same time, and in which order it lands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from mediavault.core.failures import TooLarge
from mediavault.services.download import track as module
from mediavault.services.download.manifest import MediaPlaylist, Segment
from mediavault.services.download.stream_source import StreamSource
from mediavault.services.download.track import TrackFetch, TrackProgress, all_or_first_failure
from mediavault.services.media.remux import Track
from tests.component.services.download.conftest import LIMITS
from tests.fakes import FakeClock

BOX = 1_000


def box(number: int) -> bytes:
    """A piece of a segment that counts as whole: one MP4 box."""
    return BOX.to_bytes(4, "big") + b"moof" + bytes([number]) * (BOX - 8)


class Source:
    """Segments of ``pieces`` boxes each, the first of which waits for ``first``. Keeps which were begun."""

    def __init__(self, pieces: int) -> None:
        self._pieces = pieces
        self.first = asyncio.Event()
        self.begun: list[int] = []
        self.given: dict[int, int] = {}

    async def pieces(self, segment: Segment) -> AsyncGenerator[bytes, None]:
        self.begun.append(segment.sequence)
        if segment.sequence == 0:
            await self.first.wait()
        for _ in range(self._pieces):
            self.given[segment.sequence] = self.given.get(segment.sequence, 0) + 1
            yield box(segment.sequence)


def fetch(source: Source, folder: Path, *, count: int, slots: int, max_bytes: int = 10**9) -> TrackFetch:
    segments = tuple(
        Segment(f"https://a.example/{n}", None, 1.0, n, None, None, part=int(n >= 5)) for n in range(count)
    )
    return TrackFetch(
        cast("StreamSource", source),
        FakeClock(auto=True),
        MediaPlaylist(segments),
        folder / "video",
        asyncio.Semaphore(slots),
        TrackProgress(max_bytes, lambda done, total: None),
        replace(LIMITS, segment_concurrency=slots),
    )


async def settle() -> None:
    for _ in range(200):
        await asyncio.sleep(0)


async def test_as_many_segments_as_allowed_are_under_way_and_land_in_order(tmp_path: Path) -> None:
    source = Source(pieces=2)
    task = asyncio.create_task(fetch(source, tmp_path, count=9, slots=3).run())
    await settle()
    assert source.begun == [0, 1, 2]
    source.first.set()
    track = await task

    assert source.begun == list(range(9))
    assert [run.name for run in track.runs] == ["video-000.part", "video-001.part"]
    assert track.runs[0].read_bytes() == b"".join(box(n) * 2 for n in range(5))
    assert track.runs[1].read_bytes() == b"".join(box(n) * 2 for n in range(5, 9))
    assert track == Track(
        track.runs, (tuple(range(2_000, 10_000, 2_000)), tuple(range(2_000, 8_000, 2_000))), (0, 1), (0.0, 0.0)
    )


async def test_a_segment_that_waits_for_its_turn_holds_its_connection_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENT_BUFFER_BYTES", 5 * BOX)
    source = Source(pieces=100)
    task = asyncio.create_task(fetch(source, tmp_path, count=2, slots=2).run())
    await settle()
    assert source.given == {1: 5}
    source.first.set()
    track = await task

    assert track.runs[0].read_bytes() == box(0) * 100 + box(1) * 100


async def test_the_size_limit_ends_all_that_is_under_way(tmp_path: Path) -> None:
    source = Source(pieces=10)
    source.first.set()

    with pytest.raises(TooLarge):
        await fetch(source, tmp_path, count=9, slots=3, max_bytes=25 * BOX).run()
    assert source.given.keys() < set(range(9))


async def test_the_first_failure_ends_the_others() -> None:
    ended = asyncio.Event()

    async def endless() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return 0

    async def failing() -> int:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await all_or_first_failure([endless(), failing()])
    assert ended.is_set()
