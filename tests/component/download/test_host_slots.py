"""The number of concurrent media requests to one host, over all requests of a fetcher."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.failures import Failure
from mediavault.core.media import SourceType
from mediavault.core.urls import EgressScope
from mediavault.download.fetcher import MediaFetcher
from mediavault.download.port import MediaRequest
from tests import media
from tests.component.download.conftest import LIMITS
from tests.fakes import FakeClock
from tests.patience import patient, until
from tests.stubs import IN_PROCESS, UNSTARTED

pytestmark = pytest.mark.usefixtures("joined_here")

HOST, OTHER_HOST = "https://cdn.example", "https://other.example"


class Answer:
    """A response with the file in one piece, once the concurrent requests have been counted."""

    def __init__(self, url: str, body: bytes | None, others: Callable[[], bool]) -> None:
        self.status, self.url = (404, url) if body is None else (200, url)
        self._others = others
        self.headers: Mapping[str, str] = {"content-length": str(len(body or b""))}
        self._body = body or b""

    async def read_chunk(self, limit: int = 1 << 20) -> bytes:
        await until(self._others)
        for _ in range(20):  # long enough for one too many to begin
            await asyncio.sleep(0)
        piece, self._body = self._body, b""
        return piece

    async def read(self, *, limit: int) -> bytes:
        return await self.read_chunk()


class CountingClient:
    """Serves ``files`` by URL path; ``most`` is the highest number of concurrent requests to each
    host.

    A response is sent once there have been ``at_once`` concurrent requests to its host.
    """

    def __init__(self, files: Mapping[str, bytes], *, at_once: int = 1) -> None:
        self._files, self._at_once = files, at_once
        self._now: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.broken: set[str] = set()  # answered with 500 once

    @asynccontextmanager
    async def get(self, url: str, **_: Any) -> AsyncIterator[Answer]:
        host, path = url.rpartition("//")[2].partition("/")[::2]
        self._now[host] = self._now.get(host, 0) + 1
        self.most[host] = max(self.most.get(host, 0), self._now[host])
        try:
            answer = Answer(url, self._files.get(path), lambda: self.most[host] >= self._at_once)
            if path in self.broken:
                self.broken.discard(path)
                answer.status = 500
            yield answer
        finally:
            self._now[host] -= 1

    async def close(self) -> None:
        return None


def request(
    url: str, kind: SourceType = SourceType.DIRECT, *, connections: int, **facts: Any
) -> MediaRequest:
    return MediaRequest(
        url, kind, EgressScope("https://post.example/1"), max_connections=connections, **facts
    )


async def fetch_all(client: CountingClient, folder: Path, *requests: MediaRequest) -> list[Path]:
    fetcher = MediaFetcher(client, FakeClock(auto=True), UNSTARTED, IN_PROCESS)

    async def fetch_one(number: int, wanted: MediaRequest) -> Path:
        into = folder / str(number)
        into.mkdir()
        file = await fetcher.fetch(
            wanted, into=into, limits=LIMITS, on_progress=lambda done, total: None
        )
        return file.path

    async with asyncio.timeout(patient(60)):
        return await asyncio.gather(
            *(fetch_one(number, wanted) for number, wanted in enumerate(requests))
        )


async def test_files_of_one_host_wait_for_each_other_and_those_of_another_do_not(
    tmp_path: Path,
) -> None:
    client = CountingClient({"v.mp4": media.mp4()}, at_once=2)
    ours = [request(f"{HOST}/v.mp4", connections=2) for _ in range(5)]
    others = [request(f"{OTHER_HOST}/v.mp4", connections=2) for _ in range(2)]
    paths = await fetch_all(client, tmp_path, *ours, *others)

    assert client.most == {"cdn.example": 2, "other.example": 2}
    assert all(path.read_bytes() == media.mp4() for path in paths)


async def test_files_pairs_and_streams_wait_for_each_other(tmp_path: Path) -> None:
    client = CountingClient(
        {**media.hls("ts"), "v.mp4": media.mp4(), "a.m4a": media.sound_only_mp4()}
    )
    await fetch_all(
        client,
        tmp_path,
        request(f"{HOST}/v.mp4", connections=1),
        request(f"{HOST}/index.m3u8", SourceType.HLS, connections=1),
        request(f"{HOST}/v.mp4", connections=1, audio_url=f"{HOST}/a.m4a"),
    )

    assert client.most == {"cdn.example": 1}


async def test_segments_count_like_files_over_all_streams(tmp_path: Path) -> None:
    client = CountingClient(media.hls("ts"))
    streams = [request(f"{HOST}/index.m3u8", SourceType.HLS, connections=2) for _ in range(3)]
    await fetch_all(client, tmp_path, *streams)

    assert client.most == {"cdn.example": 2}


@pytest.mark.parametrize(
    "files", [media.hls("ts"), media.hls("fmp4"), media.hls_aes(), media.hls_split()]
)
@pytest.mark.parametrize("broken", [None, "seg001.ts", "seg000.m4s", "high/seg001.m4s"])
async def test_streams_complete_with_a_single_connection(
    files: Mapping[str, bytes], broken: str | None, tmp_path: Path
) -> None:
    """Keys, initialisation sections and retries included: there is no deadlock."""
    client = CountingClient(files)
    client.broken = {broken} if broken else set()
    streams = [request(f"{HOST}/index.m3u8", SourceType.HLS, connections=1) for _ in range(2)]
    await fetch_all(client, tmp_path, *streams)


async def test_a_silent_file_and_its_sound_are_two_requests(tmp_path: Path) -> None:
    client = CountingClient({"v.mp4": media.mp4(sound=False), "a.m4a": media.sound_only_mp4()})
    pair = request(f"{HOST}/v.mp4", connections=1, audio_url=f"{HOST}/a.m4a")
    await fetch_all(client, tmp_path, pair)

    assert client.most == {"cdn.example": 1}


async def test_a_slot_is_free_again_after_a_failure(tmp_path: Path) -> None:
    client = CountingClient({"v.mp4": media.mp4()})
    fetcher = MediaFetcher(client, FakeClock(auto=True), UNSTARTED, IN_PROCESS)
    gone = request(f"{HOST}/gone.mp4", connections=1)
    for wanted in (gone, replace(gone, url=f"{HOST}/gone.m3u8", source_type=SourceType.HLS)):
        with pytest.raises(Failure):
            await fetcher.fetch(
                wanted, into=tmp_path, limits=LIMITS, on_progress=lambda done, total: None
            )
    async with asyncio.timeout(patient(30)):
        fine = replace(gone, url=f"{HOST}/v.mp4")
        file = await fetcher.fetch(
            fine, into=tmp_path, limits=LIMITS, on_progress=lambda done, total: None
        )

    assert file.bytes == len(media.mp4())


@pytest.mark.parametrize("facts", [{"max_connections": 0}, {"max_range_bytes": 1_000}])
def test_a_request_that_could_never_be_met_is_refused(facts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"nothing can|get nowhere"):
        MediaRequest(f"{HOST}/v.mp4", SourceType.DIRECT, EgressScope(HOST), **facts)
