"""Downloading one track from a scripted source: what is fetched concurrently,
and in which order it is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import cast

import pytest

from mediavault.core.failures import Failure, TooLarge
from mediavault.download import track as module
from mediavault.download.manifest import MediaPlaylist, Segment
from mediavault.download.pacing import all_or_first_failure
from mediavault.download.stream_source import StreamSource
from mediavault.download.track import TrackFetch, TrackProgress, TrackRuns
from mediavault.media.remux import Track
from tests.component.download.conftest import LIMITS
from tests.fakes import FakeClock

BOX = 1_000


def box(number: int) -> bytes:
    """Return one MP4 box, which counts as a whole piece of a segment."""
    return BOX.to_bytes(4, "big") + b"moof" + bytes([number]) * (BOX - 8)


class Source:
    """Segments of ``pieces`` boxes each, the first of which waits for ``first``;
    records what was started and sent.
    """

    def __init__(self, pieces: int) -> None:
        self._pieces = pieces
        self.first = asyncio.Event()
        self.started: list[int] = []
        self.sent: dict[int, int] = {}

    async def pieces(self, segment: Segment) -> AsyncGenerator[bytes, None]:
        self.started.append(segment.sequence)
        if segment.sequence == 0:
            await self.first.wait()
        for _ in range(self._pieces):
            self.sent[segment.sequence] = self.sent.get(segment.sequence, 0) + 1
            yield box(segment.sequence)

    def wait_before_retry_s(self, failure: Failure, failures: int) -> float | None:
        return None


def fetch(
    source: Source, folder: Path, *, count: int, slots: int, max_bytes: int = 10**9
) -> TrackFetch:
    segments = tuple(
        Segment(f"https://a.example/{n}", None, 1.0, n, None, None, part=int(n >= 5))
        for n in range(count)
    )
    stream, clock = cast("StreamSource", source), FakeClock(auto=True)
    progress = TrackProgress(max_bytes, lambda done, total: None)
    runs = TrackRuns(stream, clock, folder / "video", progress, LIMITS)
    return TrackFetch(stream, clock, MediaPlaylist(segments), runs, asyncio.Semaphore(slots), slots)


async def settle() -> None:
    for _ in range(200):
        await asyncio.sleep(0)


async def test_segments_are_fetched_concurrently_up_to_the_limit_and_written_in_order(
    tmp_path: Path,
) -> None:
    source = Source(pieces=2)
    task = asyncio.create_task(fetch(source, tmp_path, count=9, slots=3).run())
    await settle()
    assert source.started == [0, 1, 2]
    source.first.set()
    track = await task

    assert source.started == list(range(9))
    assert [run.name for run in track.runs] == ["video-000.part", "video-001.part"]
    assert track.runs[0].read_bytes() == b"".join(box(n) * 2 for n in range(5))
    assert track.runs[1].read_bytes() == b"".join(box(n) * 2 for n in range(5, 9))
    assert track == Track(
        track.runs,
        (tuple(range(2_000, 10_000, 2_000)), tuple(range(2_000, 8_000, 2_000))),
        (0, 1),
        (0.0, 0.0),
    )


async def test_a_segment_that_waits_to_be_written_pauses_its_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENT_BUFFER_BYTES", 5 * BOX)
    source = Source(pieces=100)
    task = asyncio.create_task(fetch(source, tmp_path, count=2, slots=2).run())
    await settle()
    assert source.sent == {1: 5}
    source.first.set()
    track = await task

    assert track.runs[0].read_bytes() == box(0) * 100 + box(1) * 100


async def test_the_size_limit_ends_all_fetches_in_progress(tmp_path: Path) -> None:
    source = Source(pieces=10)
    source.first.set()

    with pytest.raises(TooLarge):
        await fetch(source, tmp_path, count=9, slots=3, max_bytes=25 * BOX).run()
    assert source.sent.keys() < set(range(9))


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
