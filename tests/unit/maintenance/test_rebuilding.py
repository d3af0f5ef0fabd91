"""Rebuilding the jobs from the library alone."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.failures import ErrorCode
from mediavault.core.job import ItemStatus, Job, JobItem, JobStatus, Stage
from mediavault.core.media import Account, Item, ItemRole, ItemType, SavedFile
from mediavault.library.local_library import LocalLibrary
from mediavault.library.sidecars import BadSidecar, read_sidecar, write_sidecar
from mediavault.maintenance.rebuilding import Rebuild, RebuildRefusal, Refused, stored_job
from mediavault.store.port import StoredJob
from mediavault.store.sqlite.store import SqliteJobStore
from tests import vaults
from tests.contract.stores import numbered_job
from tests.fakes import START, FakeClock
from tests.film_probe import BAD, SHORT, film_examiner
from tests.memory_store import MemoryJobStore

# Fields that a sidecar does not hold; see stored_job.
NOT_PROMISED = {
    "started_at",
    "max_attempts",
    "source_type",
    "candidates",
    "completed_at",
    "updated_at",
}


@pytest.fixture
async def store(root: Path) -> MemoryJobStore:
    clock = FakeClock()
    store = MemoryJobStore(clock)
    await vaults.fill(store, root, clock, jobs=4)
    await vaults.fill(store, root, clock, jobs=3, videos=3, first=5)
    return store


async def rebuilt(
    root: Path, *, into: MemoryJobStore | None = None, read_data: bool = True
) -> tuple[Rebuild, list[Refused]]:
    rebuild = Rebuild(into or MemoryJobStore(FakeClock()), LocalLibrary(root), read_data=read_data)
    return rebuild, [refused async for refused in rebuild.run()]


def promised(job: Job) -> dict[str, Any]:
    return {
        field.name: getattr(job, field.name)
        for field in fields(Job)
        if field.name not in NOT_PROMISED
    }


NOT_UTF8 = b"not \xff UTF-8"


@pytest.mark.parametrize("part", ["folder", "file"])
async def test_a_name_that_is_not_utf8_is_reported_and_the_rest_is_read(
    store: MemoryJobStore, root: Path, tmp_path: Path, part: str
) -> None:
    """The database refuses such a name, which would make its whole batch fail."""
    folder = root / "ann1" if part == "file" else root / os.fsdecode(NOT_UTF8)
    folder.mkdir(exist_ok=True)
    for suffix in (".info.json", ".mp4"):
        stem = os.fsdecode(NOT_UTF8) if part == "file" else "film"
        shutil.copy(root / f"ann1/000001-0{suffix}", folder / f"{stem}{suffix}")
    again = SqliteJobStore(tmp_path / "again.db", clock=FakeClock())
    await again.open()
    try:
        rebuild = Rebuild(again, LocalLibrary(root), read_data=True)
        refused = [entry async for entry in rebuild.run()]
    finally:
        await again.close()

    assert [entry.refusal for entry in refused] == [RebuildRefusal.BAD_NAME]
    assert rebuild.done.new == 7


async def test_every_completed_job_comes_back(store: MemoryJobStore, root: Path) -> None:
    """Jobs with one video and jobs with several; a second pass finds them already known."""
    again = MemoryJobStore(FakeClock())
    first, refused = await rebuilt(root, into=again)
    second, _ = await rebuilt(root, into=again)

    assert refused == []
    assert (first.done.sidecars, first.done.new, second.done.new, second.done.known) == (
        13,
        7,
        0,
        7,
    )
    assert [promised(stored.job) for stored in await vaults.all_of(again)] == [
        promised(stored.job) for stored in await vaults.all_of(store)
    ]


async def test_a_job_of_several_videos_completed_when_its_last_was_saved(
    store: MemoryJobStore, root: Path
) -> None:
    again = MemoryJobStore(FakeClock())
    await rebuilt(root, into=again)
    for stored in await vaults.all_of(store):
        assert (await again.catalogue.get(stored.job.id)).completed_at == stored.job.completed_at


# --- what is refused ------------------------------------------------------------------------------


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def flip(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[-1] ^= 1
    path.write_bytes(body)


VIDEO, SIDECAR = "ann1/000001-0.mp4", "ann1/000001-0.info.json"
DAMAGES: dict[str, tuple[str, Callable[[Path], object], RebuildRefusal]] = {
    "not JSON": (SIDECAR, lambda path: path.write_text("{"), RebuildRefusal.BAD_SIDECAR),
    "another program's": (
        SIDECAR,
        lambda path: path.write_text('{"id": "x"}'),
        RebuildRefusal.BAD_SIDECAR,
    ),
    "a newer version's": (
        SIDECAR,
        lambda path: edit(path, mediavault=99),
        RebuildRefusal.BAD_SIDECAR,
    ),
    "a time without zone": (
        SIDECAR,
        lambda path: edit(path, saved_at="2026-01-01T00:00:00"),
        RebuildRefusal.BAD_SIDECAR,
    ),
    "an invalid item": (SIDECAR, lambda path: edit(path, item=7), RebuildRefusal.BAD_SIDECAR),
    "invalid items": (SIDECAR, lambda path: edit(path, items=[1]), RebuildRefusal.BAD_SIDECAR),
    "an id with a path": (
        SIDECAR,
        lambda path: edit(path, job_id="../x"),
        RebuildRefusal.BAD_SIDECAR,
    ),
    "an invalid site name": (
        SIDECAR,
        lambda path: edit(path, platform="x; <b>"),
        RebuildRefusal.BAD_SIDECAR,
    ),
    "a boolean for a number": (
        SIDECAR,
        lambda path: edit(path, version=True),
        RebuildRefusal.BAD_SIDECAR,
    ),
    "video gone": (VIDEO, Path.unlink, RebuildRefusal.MISSING),
    "video cut": (VIDEO, lambda path: path.write_bytes(b"short"), RebuildRefusal.SIZE_DIFFERS),
    "one bit flipped": (VIDEO, flip, RebuildRefusal.HASH_DIFFERS),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_video_or_sidecar_is_reported_and_not_imported(
    store: MemoryJobStore, root: Path, damage: str
) -> None:
    path, act, refusal = DAMAGES[damage]
    act(root / path)
    rebuild, refused = await rebuilt(root)

    assert [(entry.refusal, entry.path) for entry in refused] == [(refusal, SIDECAR)]
    assert rebuild.done.new == 6


async def test_without_reading_data_only_the_size_is_checked(
    store: MemoryJobStore, root: Path
) -> None:
    flip(root / VIDEO)
    rebuild, refused = await rebuilt(root, read_data=False)

    assert (rebuild.done.new, refused) == (7, [])


async def test_a_post_with_a_missing_video_fails_and_keeps_the_others(
    store: MemoryJobStore, root: Path
) -> None:
    (root / "ann5/000005-2.mp4").unlink()
    again = MemoryJobStore(FakeClock())
    _, refused = await rebuilt(root, into=again)
    job = await again.catalogue.get(numbered_job(5, "").id)

    assert [entry.refusal for entry in refused] == [RebuildRefusal.MISSING, RebuildRefusal.PARTIAL]
    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.PARTIAL)
    assert [item.status for item in job.items] == [
        ItemStatus.SAVED, ItemStatus.SKIPPED, ItemStatus.WAITING, ItemStatus.SAVED,
    ]  # fmt: skip


async def test_the_videos_of_a_renamed_folder_are_found_in_it(
    store: MemoryJobStore, root: Path
) -> None:
    (root / "ann1").rename(root / "Ann's films")
    again = MemoryJobStore(FakeClock())
    _, refused = await rebuilt(root, into=again)
    job = await again.catalogue.get(numbered_job(1, "").id)

    assert refused == []
    assert (job.output_path, job.thumbnail_path) == (
        "Ann's films/000001-0.mp4",
        "Ann's films/000001-0.jpg",
    )


# --- into a store that already has jobs -----------------------------------------------------------


async def test_a_job_still_queued_in_the_store_is_completed_and_keeps_its_history(
    store: MemoryJobStore, root: Path
) -> None:
    """As after restoring an old backup: another download would put it into the library twice."""
    clock = FakeClock()
    older = MemoryJobStore(clock)
    await older.queue.enqueue([numbered_job(1, "https://videos.example/1")])
    for _ in range(3):
        (claim,) = await older.queue.claim(vaults.ANN, limit=1, lease=vaults.LEASE)
        await older.queue.release(claim)
    before = await older.catalogue.history(claim.id)
    rebuild, refused = await rebuilt(root, into=older)
    job = await older.catalogue.get(claim.id)

    assert (refused, rebuild.done.new, rebuild.done.renewed) == ([], 6, 1)
    assert (job.status, job.attempt_count) == (JobStatus.COMPLETED, 3)
    assert (await older.catalogue.history(claim.id))[:-1] == before


async def test_a_running_job_and_a_post_under_another_id_are_left_alone(
    store: MemoryJobStore, root: Path
) -> None:
    other = MemoryJobStore(FakeClock())
    await other.queue.enqueue(
        [numbered_job(1, "https://videos.example/1"), numbered_job(99, "https://videos.example/2")]
    )
    (claim,) = await other.queue.claim(vaults.ANN, limit=1, lease=vaults.LEASE)
    _, refused = await rebuilt(root, into=other)

    assert [entry.refusal for entry in refused] == [
        RebuildRefusal.CONFLICT,
        RebuildRefusal.CONFLICT,
    ]
    assert (await other.catalogue.get(claim.id)).status is JobStatus.RUNNING
    assert len(await vaults.all_of(other)) == 7


@pytest.fixture
async def private(root: Path) -> MemoryJobStore:
    """A store with two saved posts whose addresses differ in a secret only."""
    clock = FakeClock()
    store = MemoryJobStore(clock)
    await store.queue.enqueue(
        [
            numbered_job(number, f"https://videos.example/w?v=1&token=SECRET{number}")
            for number in (1, 2)
        ]
    )
    for claim in await store.queue.claim(vaults.ANN, limit=2, lease=vaults.LEASE):
        await vaults.complete(store, claim, root, clock)
    return store


async def test_posts_come_back_without_the_secrets_of_their_addresses(
    private: MemoryJobStore, root: Path
) -> None:
    """Other programs read the library. What is left tells the posts apart."""
    again = MemoryJobStore(FakeClock())
    _, refused = await rebuilt(root, into=again)
    urls = {stored.job.canonical_url for stored in await vaults.all_of(again)}

    assert refused == []
    assert len(urls) == 2
    assert all(url.startswith("https://videos.example/w?v=1&token=…") for url in urls)
    assert "SECRET" not in "".join(path.read_text() for path in root.rglob("*.info.json"))


async def test_a_post_that_the_store_has_keeps_its_whole_address(
    private: MemoryJobStore, root: Path
) -> None:
    stored = await vaults.all_of(private)
    known = MemoryJobStore(FakeClock())
    await known.catalogue.import_jobs(
        [StoredJob(replace(one.job, status=JobStatus.QUEUED, completed_at=None)) for one in stored]
    )
    rebuild, refused = await rebuilt(root, into=known)

    assert (refused, rebuild.done.renewed) == ([], 2)
    assert {one.job.post_url for one in await vaults.all_of(known)} == {
        one.job.post_url for one in stored
    }
    assert {one.job.status for one in await vaults.all_of(known)} == {JobStatus.COMPLETED}


# --- the sidecar itself ---------------------------------------------------------------------------

texts = st.text(max_size=20)
names = st.none() | texts
items = st.builds(
    Item,
    role=st.sampled_from(ItemRole),
    type=st.sampled_from(ItemType),
    media_id=st.none(),
    label=names,
)
saved_facts = st.tuples(
    st.integers(1, 1 << 50),
    st.none() | st.floats(0, 1e6),
    st.none() | st.integers(0, 9999),
    st.sampled_from([".mp4", ".webm"]),
)


@st.composite
def completed_jobs(draw: st.DrawFn) -> Job:
    """Completed jobs with one to five media, at least one of them a saved video."""
    media = draw(st.lists(items, min_size=1, max_size=5))
    saved = draw(st.sets(st.integers(0, len(media) - 1), min_size=1))
    made = []
    for index, item in enumerate(media):
        item = replace(item, media_id=draw(st.none() | st.just(f"m{index}")))
        if index in saved:
            size, duration, width, suffix = draw(saved_facts)
            thumbnail = draw(st.none() | st.just(f"a/f{index}.jpg"))
            file = SavedFile(
                f"a/f{index}{suffix}", thumbnail, size, f"{index:064x}", duration, width, width
            )
            made.append(JobItem(item, ItemStatus.SAVED, file))
        else:
            made.append(JobItem(item, ItemStatus.SKIPPED))
    first = next(item.saved for item in made if item.saved)
    attempt = draw(st.integers(1, 9))
    return Job(
        id=numbered_job(draw(st.integers(1, 1 << 30)), "").id,
        trace_id="ab" * 16,
        post_url=f"https://a.example/{draw(st.integers(0))}",
        canonical_url="https://a.example/x",
        platform="generic",
        status=JobStatus.COMPLETED,
        created_at=START,
        updated_at=START,
        version=draw(st.integers(1, 5)),
        attempt_count=attempt,
        progress_pct=100,
        stage=Stage.COMPLETE,
        bytes_done=first.bytes,
        bytes_total=first.bytes,
        items=tuple(made),
        metadata={
            **{name: draw(names) for name in ("title", "text", "post_id")},
            "published_at": None,
        },
        account=draw(
            st.none() | st.builds(Account, st.just("generic"), names, names, st.just("a"))
        ),
        output_path=first.output_path,
        thumbnail_path=first.thumbnail_path,
        bytes=first.bytes,
        sha256=first.sha256,
        duration_s=first.duration_s,
        width=first.width,
        height=first.height,
    )


@given(completed_jobs(), st.randoms(use_true_random=False))
def test_any_completed_job_is_rebuilt_from_its_sidecars(job: Job, random: Any) -> None:
    """All fields that a sidecar holds are equal, and the order of the sidecars does not matter."""
    written = []
    for index, item in enumerate(job.items):
        if item.saved is not None:
            facts = write_sidecar(job, None, job.items, index, item.saved, saved_at=START)
            written.append(read_sidecar(json.loads(json.dumps(facts)), f"a/f{index}.info.json"))
    random.shuffle(written)

    assert promised(stored_job(written).job) == promised(job)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | texts,
        lambda x: st.lists(x) | st.dictionaries(texts, x),
    )
)
def test_any_content_of_a_sidecar_is_read_or_refused(value: Any) -> None:
    good = write_sidecar(_job(), None, _job().items, 0, _SAVED, saved_at=START)
    for name in good:
        with contextlib.suppress(BadSidecar):  # any other exception would end the rebuild
            read_sidecar({**good, name: value}, "a/f.info.json")
    with contextlib.suppress(BadSidecar):
        read_sidecar(
            {**good, "video": {**good["video"], "duration_s": value, "path": value}},
            "a/f.info.json",
        )


_SAVED = SavedFile("a/f.mp4", "a/f.jpg", 10, "ab" * 32, 1.5, 320, 180)


def _job() -> Job:
    made = (JobItem(Item(), ItemStatus.SAVED, _SAVED),)
    return Job(
        numbered_job(1, "").id, "ab" * 16, "https://a.example/1", "https://a.example/1", "generic",
        JobStatus.COMPLETED, START, START, attempt_count=2, items=made,
    )  # fmt: skip


@pytest.mark.parametrize(("number", "count"), [(1, 1), (2, 3)])
def test_sidecars_of_the_first_version_are_read(number: int, count: int) -> None:
    facts = write_sidecar(_job(), None, _job().items, 0, _SAVED, saved_at=START)
    for name in ("items", "item", "attempt", "resolved_url"):
        del facts[name]
    del facts["account"]["platform"]
    facts["id"] = facts.pop("job_id")
    old = read_sidecar(
        {**facts, "mediavault": 1, "video": {**facts["video"], "number": number, "of": count}},
        "a/f.info.json",
    )

    assert (old.item, len(old.items), old.attempt) == (number - 1, count, 1)
    assert old.saved == _SAVED
    assert (stored_job([old]).job.status is JobStatus.COMPLETED) == (count == 1)


async def test_half_a_surrogate_pair_in_a_title_does_not_lose_the_sidecar() -> None:
    """Sites cut titles in the middle of a surrogate pair."""
    with tempfile.TemporaryDirectory() as folder:
        library = LocalLibrary(Path(folder))
        await library.prepare()
        async with library.staging.folder("job", 1) as staging:
            await library.place_json({"title": "cut \ud83d"}, "a.info.json", via=staging)

        assert await library.read_json("a.info.json") == {"title": "cut ?"}


def test_an_earlier_attempts_order_of_the_media_does_not_matter() -> None:
    """The newest sidecar's list counts; the others are found in it by their media ids."""
    p_item, q_item = (
        JobItem(Item(media_id=name), ItemStatus.SAVED, replace(_SAVED, output_path=f"a/{name}.mp4"))
        for name in "pq"
    )
    first = write_sidecar(_job(), None, [p_item, q_item], 0, p_item.saved or _SAVED, saved_at=START)
    second = write_sidecar(
        _job(), None, [q_item, p_item], 0, q_item.saved or _SAVED, saved_at=START.replace(hour=13)
    )
    read = [read_sidecar(first, "a/p.info.json"), read_sidecar(second, "a/q.info.json")]
    job: StoredJob = stored_job(read)

    assert [item.saved and item.saved.output_path for item in job.job.items] == [
        "a/q.mp4",
        "a/p.mp4",
    ]
    assert job.job.status is JobStatus.COMPLETED


async def test_a_video_that_does_not_play_is_restored_and_reported(
    store: MemoryJobStore, root: Path
) -> None:
    again = MemoryJobStore(FakeClock())
    examiner = film_examiner(root, {"000001-0.mp4": BAD, "000002-0.mp4": SHORT})
    rebuild = Rebuild(again, LocalLibrary(root), read_data=True, examiner=examiner)
    refused = [each async for each in rebuild.run()]

    assert [(each.refusal, each.path, each.detail) for each in refused] == [
        (RebuildRefusal.DAMAGED, "ann1/000001-0.mp4", BAD.reason)
    ]
    assert (rebuild.done.new, rebuild.done.refused, rebuild.done.damaged) == (7, 0, 1)
