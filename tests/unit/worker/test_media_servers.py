"""A saved video gets what media servers read next to it, in both layouts,
before the video itself is there.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mediavault.core.job import ClaimedJob, JobStatus, WorkerId
from mediavault.core.media import Item
from mediavault.core.shows import Layout, episode_of
from mediavault.store.port import Store
from mediavault.worker.context import WorkerContext
from tests.fakes import FakeClock
from tests.media_servers import in_jellyfin, in_kodi, videos_in
from tests.stubs import (
    StubClient,
    StubExtractor,
    candidate,
    extraction,
    make_context,
    new_job,
    worked,
)
from tests.unit.worker.conftest import LEASE

JPEG = b"\xff\xd8\xff the post's own"


def context_for(store: Store, clock: FakeClock, root: Path, layout: Layout) -> WorkerContext:
    extracted = extraction(thumbnail_url="https://cdn.example/1.jpg")
    context = make_context(
        store, clock, root, extractor=StubExtractor(extracted), client=StubClient(200, JPEG)
    )
    return replace(context, layout=layout, nfo=True)


def files_of(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("layout", Layout)
async def test_the_servers_find_a_saved_video(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path, layout: Layout
) -> None:
    job = await worked(claim, context_for(store, clock, tmp_path, layout))
    files = files_of(tmp_path)
    assert job.output_path is not None
    jellyfin, kodi = in_jellyfin(job.output_path, files), in_kodi(job.output_path, files)

    assert jellyfin is not None
    assert kodi is not None
    assert jellyfin.title == kodi.title == "A title"
    assert jellyfin.episodes == kodi.episodes == ((112_401,) if layout is Layout.SHOWS else ())
    assert (jellyfin.picture, kodi.picture) == (
        job.thumbnail_path,
        job.output_path.replace(".mp4", "-thumb.jpg"),
    )
    assert videos_in(files) == [job.output_path]


async def test_a_media_server_that_notices_a_video_finds_its_companions(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    context = context_for(store, clock, tmp_path, Layout.SHOWS)
    place, found = context.library.place, set[str]()

    async def noticed(staged: Path, relative: str) -> bool:
        found.update(
            path.rpartition("/")[2] for path in files_of(tmp_path) if not path.startswith(".")
        )
        return await place(staged, relative)

    context.library.place = noticed  # type: ignore[method-assign]
    await worked(claim, context)

    episode = "s2026.e112401 - A title"
    assert found == {
        f"{episode}.nfo", f"{episode}.jpg", f"{episode}-thumb.jpg", "tvshow.nfo", "season.nfo",
        "poster.jpg", "fanart.jpg", "season2026-poster.jpg", "Season2026.jpg",
    }  # fmt: skip


async def test_the_videos_of_a_post_are_episodes_of_their_own(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    items = tuple(
        Item((candidate(f"https://cdn.example/{name}.mp4"),), media_id=name) for name in "ab"
    )
    context = make_context(
        store, clock, tmp_path, extractor=StubExtractor(replace(extraction(), items=items))
    )
    job = await worked(claim, replace(context, layout=Layout.SHOWS, nfo=True))
    episodes = [episode_of(item.saved.output_path) for item in job.items if item.saved]

    assert [episode.number % 100 for episode in episodes if episode] == [1, 2]


async def test_a_repeated_attempt_keeps_the_episode_of_the_first(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    context = context_for(store, clock, tmp_path, Layout.SHOWS)
    place = context.library.place

    async def full(staged: Path, relative: str) -> bool:
        raise OSError(28, "No space left on device")

    context.library.place = full  # type: ignore[method-assign]
    assert (await worked(claim, context)).status is JobStatus.FAILED
    context.library.place = place  # type: ignore[method-assign]
    await store.queue.enqueue([new_job("https://site.test/posts/2", clock=clock)])
    await store.queue.retry(claim.id)
    claims = await store.queue.claim(WorkerId("w-2"), limit=2, lease=LEASE)
    second, first = [
        await worked(claimed, context)
        for claimed in sorted(claims, key=lambda one: one.id == claim.id)
    ]

    assert str(first.output_path).startswith("generic-jane/Season 2026/s2026.e112401")
    assert str(second.output_path).startswith("generic-jane/Season 2026/s2026.e112402")


async def test_without_the_setting_only_picture_and_sidecar_are_written(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    await worked(claim, replace(context_for(store, clock, tmp_path, Layout.SHOWS), nfo=False))

    endings = sorted(path.suffix for path in tmp_path.rglob("*.*") if path.is_file())
    assert endings == [".jpg", ".json", ".mp4"]
