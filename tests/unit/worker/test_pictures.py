"""Posts with pictures: saved as items of their own where the profile wants them,
and left alone where it does not.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mediavault.core.failures import ErrorCode
from mediavault.core.job import ClaimedJob, ItemStatus, JobStatus
from mediavault.core.media import (
    DownloadedFile,
    Extraction,
    Item,
    ItemRole,
    ItemType,
    ProbeReport,
    Problem,
    ProblemKind,
)
from mediavault.core.profiles import BUILT_IN, Profile
from mediavault.core.settings import ChangeableSettings
from mediavault.core.shows import Layout
from mediavault.extraction.page_data.build import pictures
from mediavault.features.trash.service import Trash
from mediavault.library.local_library import LocalLibrary
from mediavault.library.sidecars import read_sidecar
from mediavault.maintenance.arranging import Arrangement
from mediavault.maintenance.rebuilding import Rebuild
from mediavault.maintenance.verifying import Verification
from mediavault.presentation.views import saved_paths
from mediavault.store import trash
from mediavault.store.port import Store
from mediavault.worker.context import WorkerContext
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore
from tests.stubs import (
    StubDownloader,
    StubExtractor,
    StubProbe,
    candidate,
    extraction,
    make_context,
    worked,
)

PICTURES = BUILT_IN["pictures"]
IMAGE = b"\xff\xd8\xff picture"


class PictureProbe(StubProbe):
    """Reports a whole JPEG for what is to be a picture."""

    async def examine(self, file: DownloadedFile) -> ProbeReport:
        report = await super().examine(file)
        if file.type is not ItemType.IMAGE:
            return report
        return replace(report, container="jpg", video_codec=None, audio_codec=None, duration_s=None)


def image(number: int, role: ItemRole = ItemRole.MAIN) -> Item:
    url = f"https://pictures.example/{number}.jpg"
    return Item(
        pictures(url), type=ItemType.IMAGE, media_id=f"p{number}", role=role, thumbnail_url=url
    )


def post(*items: Item) -> Extraction:
    return replace(extraction(), items=items)


def context_for(
    store: Store, clock: FakeClock, root: Path, found: Extraction, *, profile: Profile = PICTURES
) -> WorkerContext:
    context = make_context(
        store,
        clock,
        root,
        extractor=StubExtractor(found),
        downloader=StubDownloader(IMAGE, IMAGE + b"2", IMAGE + b"3"),
        probe=PictureProbe(),
    )
    return replace(context, profile=profile)


async def test_each_picture_of_a_post_is_a_file_with_a_small_copy_and_a_sidecar(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    job = await worked(claim, context_for(store, clock, tmp_path, post(image(1), image(2))))

    assert (job.status, job.width, job.duration_s) == (JobStatus.COMPLETED, 320, None)
    files = sorted(path.name for path in tmp_path.glob("generic-jane/*"))
    [first, second] = [Path(str(item.saved and item.saved.output_path)).stem for item in job.items]
    ends = ("-thumb.jpg", ".info.json", ".jpg")
    assert files == sorted(f"{stem}{end}" for stem in (first, second) for end in ends)
    assert (tmp_path / str(job.output_path)).read_bytes() == IMAGE
    assert {name for name in saved_paths(job) if (tmp_path / name).exists()} == {
        f"generic-jane/{name}" for name in files
    }


async def test_a_mixed_post_is_saved_whole_in_its_own_order(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    video = Item((candidate(),), media_id="v")
    job = await worked(claim, context_for(store, clock, tmp_path, post(image(1), video, image(2))))

    suffixes = [Path(str(item.saved and item.saved.output_path)).suffix for item in job.items]
    assert (job.status, suffixes) == (JobStatus.COMPLETED, [".jpg", ".mp4", ".jpg"])


async def test_other_profiles_leave_pictures_alone(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    video = Item((candidate(),), media_id="v")
    found = post(image(1), video)
    job = await worked(claim, context_for(store, clock, tmp_path, found, profile=Profile("plain")))

    assert [item.status for item in job.items] == [ItemStatus.SKIPPED, ItemStatus.SAVED]


async def test_a_post_of_pictures_alone_fails_without_such_a_profile_and_says_which_one_saves_it(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    found = post(image(1), image(2))
    job = await worked(claim, context_for(store, clock, tmp_path, found, profile=Profile("plain")))

    assert job.error_code is ErrorCode.ONLY_PICTURES
    assert job.error == "The post has 2 pictures, but no video."


async def test_a_user_who_chooses_a_video_is_shown_no_pictures(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    videos = tuple(candidate(f"https://videos.example/{number}.mp4") for number in (1, 2))
    found = replace(post(image(1)), others=videos)
    job = await worked(claim, context_for(store, clock, tmp_path, found, profile=Profile("plain")))

    assert job.error_code is ErrorCode.AMBIGUOUS
    assert [seen.url for seen in job.candidates] == [video.url for video in videos]


async def test_pictures_of_a_quoted_post_are_left_alone(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    found = post(image(1), image(2, ItemRole.QUOTED))
    job = await worked(claim, context_for(store, clock, tmp_path, found))

    assert [item.status for item in job.items] == [ItemStatus.SAVED, ItemStatus.SKIPPED]


async def test_a_picture_that_is_not_whole_fails_and_the_others_are_kept(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    cut = Problem(ProblemKind.INCOMPLETE, "its end is missing")
    context = replace(
        context_for(store, clock, tmp_path, post(image(1), image(2))),
        probe=PictureProbe(None, *[cut] * 20),
    )
    job = await worked(claim, context)

    assert [item.status for item in job.items] == [ItemStatus.SAVED, ItemStatus.FAILED]
    assert job.error_code is ErrorCode.PARTIAL


@pytest.mark.parametrize("layout", Layout)
async def test_a_picture_gets_no_file_for_media_servers_and_no_number_of_an_episode(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path, layout: Layout
) -> None:
    context = replace(context_for(store, clock, tmp_path, post(image(1))), layout=layout, nfo=True)
    job = await worked(claim, context)

    assert str(job.output_path).startswith("generic-jane/2026")
    assert list(tmp_path.rglob("*.nfo")) == []


async def test_the_sidecar_of_a_picture_names_its_file_and_its_small_copy(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    job = await worked(claim, context_for(store, clock, tmp_path, post(image(1))))
    [sidecar] = tmp_path.rglob("*.info.json")
    path = sidecar.relative_to(tmp_path).as_posix()

    assert read_sidecar(json.loads(sidecar.read_text()), path).saved == job.items[0].saved


async def test_a_picture_and_a_video_never_share_a_name(tmp_path: Path) -> None:
    library = LocalLibrary(tmp_path)
    await library.prepare()
    for name in ("a/clip.mp4", "a/shot.jpg"):
        staged = tmp_path / "staged"
        staged.write_bytes(b"x")
        assert await library.place(staged, name)

    assert await library.free_name("a", "clip", ".jpg") == "a/clip (2).jpg"
    assert await library.free_name("a", "shot", ".mp4") == "a/shot (2).mp4"
    staged.write_bytes(b"x")
    assert not await library.place(staged, "a/clip.jpg")


async def test_a_saved_picture_is_arranged_nowhere_and_verified_rebuilt_trashed_and_restored(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    job = await worked(claim, context_for(store, clock, tmp_path, post(image(1), image(2))))
    library = LocalLibrary(tmp_path)

    def files() -> set[str]:
        return {
            path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()
        }

    before = files()
    settings = ChangeableSettings(layout=Layout.SHOWS, nfo=True)
    assert [move async for move in Arrangement(store, library, settings, can_move=True).run()] == []
    assert [finding async for finding in Verification(store, library, read_data=True).run()] == []
    assert files() == before

    again = MemoryJobStore(clock)
    assert [entry async for entry in Rebuild(again, library, read_data=True).run()] == []
    rebuilt = await again.catalogue.get(job.id)
    assert [item.saved for item in rebuilt.items] == [item.saved for item in job.items]

    await trash.move_to_trash(store, library, clock, job.id, saved_paths, batch="b")
    assert [path for path in files() if not path.startswith(".")] == []
    await Trash(store, library, clock).restore(job.id)
    assert files() == before
