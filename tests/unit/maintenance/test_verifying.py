"""Verifying: every row against the library, the library against the rows."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from mediavault.core.failures import ErrorCode, StorageFailure
from mediavault.core.job import ItemStatus, Job, JobItem, WorkerId
from mediavault.core.media import Item, SavedFile
from mediavault.core.records import CheckVerdict, FileCheck, RecordKind, checks_to_json
from mediavault.library.local_library import LocalLibrary
from mediavault.maintenance.findings import Finding, FindingKind
from mediavault.maintenance.rebuilding import Rebuild
from mediavault.maintenance.verifying import Verification
from mediavault.presentation.views import saved_paths
from mediavault.store.port import JobQuery
from mediavault.store.trash import move_to_trash, trashed_posts
from tests import vaults
from tests.contract.stores import numbered_job
from tests.fakes import FakeClock
from tests.film_probe import BAD, SHORT, film_examiner
from tests.memory_store import MemoryJobStore

VIDEO = "ann1/000001-0.mp4"


@pytest.fixture
async def store(root: Path) -> MemoryJobStore:
    clock = FakeClock()
    store = MemoryJobStore(clock)
    await vaults.fill(store, root, clock, jobs=3)
    await vaults.fill(store, root, clock, jobs=2, videos=3, first=4)
    return store


async def findings(store: MemoryJobStore, root: Path, *, read_data: bool = True) -> list[Finding]:
    return [
        finding
        async for finding in Verification(store, LocalLibrary(root), read_data=read_data).run()
    ]


async def kinds_and_paths(
    store: MemoryJobStore, root: Path, *, read_data: bool = True
) -> list[tuple[FindingKind, str]]:
    return [
        (finding.kind, finding.path) for finding in await findings(store, root, read_data=read_data)
    ]


@pytest.mark.parametrize("read_data", [False, True])
async def test_a_sound_vault_has_no_findings(
    store: MemoryJobStore, root: Path, read_data: bool
) -> None:
    verification = Verification(store, LocalLibrary(root), read_data=read_data)

    assert [finding async for finding in verification.run()] == []
    assert (verification.done.jobs, verification.done.videos, verification.done.files) == (5, 9, 45)
    assert verification.done.bytes_read == (9 * vaults.VIDEO_BYTES if read_data else 0)


def flip(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)


def become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, tuple[Callable[[Path], object], FindingKind]] = {
    "deleted": (Path.unlink, FindingKind.MISSING),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-1]), FindingKind.SIZE_DIFFERS),
    "longer": (lambda path: path.write_bytes(path.read_bytes() + b"x"), FindingKind.SIZE_DIFFERS),
    "emptied": (lambda path: path.write_bytes(b""), FindingKind.SIZE_DIFFERS),
    "one bit flipped": (flip, FindingKind.HASH_DIFFERS),
    "a link": (
        lambda path: path.symlink_to(path.rename(path.parent.parent.parent / "elsewhere")),
        FindingKind.MISSING,
    ),
    "a folder": (become_folder, FindingKind.MISSING),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_video_is_found(store: MemoryJobStore, root: Path, damage: str) -> None:
    act, kind = DAMAGES[damage]
    act(root / VIDEO)

    assert await kinds_and_paths(store, root) == [(kind, VIDEO)]


async def test_without_reading_data_a_cut_is_found_and_a_flipped_bit_is_not(
    store: MemoryJobStore, root: Path
) -> None:
    flip(root / VIDEO)
    (root / "ann2/000002-0.mp4").write_bytes(b"short")

    assert await kinds_and_paths(store, root, read_data=False) == [
        (FindingKind.SIZE_DIFFERS, "ann2/000002-0.mp4")
    ]


async def test_files_that_belong_next_to_a_video_are_checked(
    store: MemoryJobStore, root: Path
) -> None:
    (root / "ann1/000001-0.jpg").unlink()
    (root / "ann2/000002-0.info.json").unlink()
    (root / "ann3/000003-0.info.json").write_text("{broken")

    assert sorted(await kinds_and_paths(store, root)) == [
        (FindingKind.SIDECAR_DIFFERS, "ann3/000003-0.info.json"),
        (FindingKind.SIDECAR_MISSING, "ann2/000002-0.info.json"),
        (FindingKind.THUMBNAIL_MISSING, "ann1/000001-0.jpg"),
    ]


async def test_files_without_a_row_are_listed_and_not_removed(
    store: MemoryJobStore, root: Path
) -> None:
    (root / "ann1/mine.mp4").write_bytes(b"a person's own")
    await store.catalogue.remove(numbered_job(2, "").id)
    (root / "ann3/000003-0.mp4").rename(root / "ann3/elsewhere.mp4")
    await store.catalogue.remove(numbered_job(3, "").id)

    assert sorted(await kinds_and_paths(store, root)) == [
        (FindingKind.ORPHAN, "ann1/mine.mp4"),
        *(
            (FindingKind.ORPHAN, f"ann2/000002-0{end}")
            for end in ("-thumb.jpg", ".info.json", ".jpg", ".mp4", ".nfo")
        ),
        *((FindingKind.ORPHAN, f"ann3/000003-0{end}") for end in ("-thumb.jpg", ".jpg", ".nfo")),
        (FindingKind.ORPHAN, "ann3/elsewhere.mp4"),
        (FindingKind.SIDECAR_ALONE, "ann3/000003-0.info.json"),
    ]
    assert (root / "ann1/mine.mp4").read_bytes() == b"a person's own"


async def test_files_about_a_folder_are_no_findings(store: MemoryJobStore, root: Path) -> None:
    for name in ("tvshow.nfo", "poster.jpg", "fanart.webp", "season2026-poster.png"):
        (root / "ann1" / name).write_bytes(b"for media servers")

    assert await kinds_and_paths(store, root) == []


async def test_a_file_that_a_running_attempt_is_placing_is_not_a_finding(root: Path) -> None:
    """The row names the file before it exists, so neither the file nor its absence is a finding."""
    store = MemoryJobStore(FakeClock())
    await store.queue.enqueue(
        [numbered_job(1, "https://videos.example/1"), numbered_job(2, "https://videos.example/2")]
    )
    claims = await store.queue.claim(WorkerId("w"), limit=2, lease=vaults.LEASE)
    placed = vaults.place_video(root, "ann/placed.mp4", seed=1)
    coming = SavedFile("ann/coming.mp4", None, 5, "ab" * 32, None, None, None)
    await store.queue.begin_commit(
        claims[0], placed, [JobItem(Item(), ItemStatus.COMMITTING, placed)]
    )
    await store.queue.begin_commit(
        claims[1], coming, [JobItem(Item(), ItemStatus.COMMITTING, coming)]
    )

    assert await kinds_and_paths(store, root) == []


async def test_saved_videos_of_a_partly_saved_job_are_verified_too(root: Path) -> None:
    store = MemoryJobStore(FakeClock())
    await store.queue.enqueue([numbered_job(1, "https://videos.example/1")])
    (claim,) = await store.queue.claim(WorkerId("w"), limit=1, lease=vaults.LEASE)
    gone = SavedFile("ann/gone.mp4", None, 5, "ab" * 32, None, None, None)
    await store.queue.save_items(
        claim, [JobItem(Item(), ItemStatus.SAVED, gone), JobItem(Item(), ItemStatus.FAILED)]
    )
    await store.queue.fail(claim, error_code=ErrorCode.PARTIAL, error="1 of 2", retry_in=None)

    assert (FindingKind.MISSING, "ann/gone.mp4") in await kinds_and_paths(store, root)


async def test_a_job_removed_during_the_verification_is_not_a_finding(
    store: MemoryJobStore, root: Path
) -> None:
    library = LocalLibrary(root)

    class Removing(LocalLibrary):
        async def digest(self, relative: str) -> None:
            job = next(
                stored.job
                for stored in await vaults.all_of(store)
                if stored.job.output_path == relative
            )
            await library.remove(relative)
            await store.catalogue.remove(job.id)

    await store.catalogue.remove(numbered_job(4, "").id)
    await store.catalogue.remove(numbered_job(5, "").id)
    reported = [
        finding async for finding in Verification(store, Removing(root), read_data=True).run()
    ]

    assert [finding for finding in reported if finding.job is not None] == []


async def test_an_unavailable_library_is_an_error_and_not_missing_files(
    store: MemoryJobStore, root: Path
) -> None:
    root.rename(root.with_name("unplugged"))

    with pytest.raises(StorageFailure):
        await findings(store, root)


async def test_a_thousand_random_damages_are_all_found(tmp_path: Path) -> None:
    """Fault F51: videos deleted, cut, with one bit flipped or replaced by a link;
    all are found, and nothing else.
    """
    root, clock = tmp_path / "library", FakeClock()
    root.mkdir()
    store = MemoryJobStore(clock)
    await vaults.fill(store, root, clock, jobs=1_200)
    choose = random.Random(51)
    videos = sorted(root.glob("*/*.mp4"))
    damaged = choose.sample(videos, 1_000)
    for number, video in enumerate(damaged):
        match number % 4:
            case 0:
                video.unlink()
            case 1:
                video.write_bytes(video.read_bytes()[: choose.randrange(vaults.VIDEO_BYTES)])
            case 2:
                body = bytearray(video.read_bytes())
                body[choose.randrange(len(body))] ^= 1 << choose.randrange(8)
                video.write_bytes(body)
            case 3:
                video.symlink_to(video.rename(tmp_path / f"moved-{number}.mp4"))

    reported = await findings(store, root)

    assert {finding.path for finding in reported} == {
        str(video.relative_to(root)) for video in damaged
    }
    assert len(reported) == 1_000


# --- the trash ------------------------------------------------------------------------------------


async def deleted(store: MemoryJobStore, root: Path) -> Job:
    job = (await store.catalogue.jobs(JobQuery(limit=1))).jobs[0]
    await move_to_trash(store, LocalLibrary(root), FakeClock(), job.id, saved_paths, batch="b")
    return job


async def test_what_is_in_the_trash_is_no_finding_and_what_is_missing_there_is_one(
    store: MemoryJobStore, root: Path
) -> None:
    job = await deleted(store, root)
    sound = await findings(store, root)
    (root / LocalLibrary(root).trash_path(job.id, str(job.output_path))).unlink()

    assert sound == []
    assert await kinds_and_paths(store, root) == [(FindingKind.TRASH_MISSING, str(job.output_path))]


async def test_a_file_in_the_trash_that_no_deleted_post_names_is_an_orphan(
    store: MemoryJobStore, root: Path
) -> None:
    stray = root / ".trash/somebody/film.mp4"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"x")

    assert await kinds_and_paths(store, root) == [(FindingKind.ORPHAN, ".trash/somebody/film.mp4")]


async def test_a_rebuild_does_not_bring_back_what_was_deleted(
    store: MemoryJobStore, root: Path
) -> None:
    """Neither from the trash, nor where its files have not been moved there yet, as in a bucket."""
    job = await deleted(store, root)
    [post] = await trashed_posts(store, {})
    for path, trashed in post.files.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / trashed).replace(root / path)
    rebuild = Rebuild(store, LocalLibrary(root), read_data=True)
    refused = [entry async for entry in rebuild.run()]

    assert refused == []
    assert (rebuild.done.new, rebuild.done.deleted) == (
        0,
        sum(item.saved is not None for item in job.items),
    )


async def test_a_file_that_is_as_saved_and_does_not_play_is_found_when_everything_is_read(
    store: MemoryJobStore, root: Path
) -> None:
    examiner = film_examiner(root, {"000001-0.mp4": BAD, "000002-0.mp4": SHORT})
    verification = Verification(store, LocalLibrary(root), read_data=True, examiner=examiner)
    found = [finding async for finding in verification.run()]

    assert [(finding.kind, finding.path, finding.detail) for finding in found] == [
        (FindingKind.DAMAGED, VIDEO, BAD.reason)
    ]
    sizes = Verification(store, LocalLibrary(root), read_data=False, examiner=examiner)
    assert [finding async for finding in sizes.run()] == []


async def test_damage_that_was_found_when_all_pictures_were_decoded_is_found_as_well(
    store: MemoryJobStore, root: Path
) -> None:
    job = next(
        job for job in (await store.catalogue.jobs(JobQuery())).jobs if job.output_path == VIDEO
    )
    check = FileCheck(job.updated_at, CheckVerdict.DAMAGED, "3 pictures")
    await store.records.put(RecordKind.VERIFIED, job.id, checks_to_json({0: check}))

    assert [(finding.kind, finding.detail) for finding in await findings(store, root)] == [
        (FindingKind.DAMAGED, "3 pictures")
    ]
