"""The jobs again, from nothing but the library."""

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
from mediavault.core.media import Account, Item, ItemRole, ItemType, KeptFile
from mediavault.maintenance.rebuilding import Rebuild, RebuildRefusal, Refused
from mediavault.maintenance.restoring import stored_job
from mediavault.services.library.local_library import LocalLibrary
from mediavault.services.library.sidecars import BadSidecar, read_sidecar, write_sidecar
from mediavault.store.memory.store import MemoryJobStore
from mediavault.store.port import StoredJob
from mediavault.store.sqlite.store import SqliteJobStore
from tests import vaults
from tests.contract.stores import numbered_job
from tests.fakes import START, FakeClock

# What a sidecar does not tell; see stored_job.
NOT_PROMISED = {"started_at", "max_attempts", "source_type", "candidates", "completed_at", "updated_at"}


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
    rebuild = Rebuild((into or MemoryJobStore(FakeClock())).catalogue, LocalLibrary(root), read_data=read_data)
    return rebuild, [refused async for refused in rebuild.run()]


def promised(job: Job) -> dict[str, Any]:
    return {each.name: getattr(job, each.name) for each in fields(Job) if each.name not in NOT_PROMISED}


NOT_UTF8 = b"not \xff UTF-8"


@pytest.mark.parametrize("part", ["folder", "file"])
async def test_a_name_that_is_not_utf8_is_reported_and_the_rest_is_read(
    store: MemoryJobStore, root: Path, tmp_path: Path, part: str
) -> None:
    """On a database that refuses it, so that one name would take its whole batch with it."""
    folder = root / "ann1" if part == "file" else root / os.fsdecode(NOT_UTF8)
    folder.mkdir(exist_ok=True)
    for suffix in (".info.json", ".mp4"):
        stem = os.fsdecode(NOT_UTF8) if part == "file" else "film"
        shutil.copy(root / f"ann1/000001-0{suffix}", folder / f"{stem}{suffix}")
    again = SqliteJobStore(tmp_path / "again.db", clock=FakeClock())
    await again.open()
    try:
        rebuild = Rebuild(again.catalogue, LocalLibrary(root), read_data=True)
        refused = [one async for one in rebuild.run()]
    finally:
        await again.close()

    assert [one.refusal for one in refused] == [RebuildRefusal.BAD_NAME]
    assert rebuild.done.new == 7


async def test_every_completed_job_comes_back(store: MemoryJobStore, root: Path) -> None:
    """Those with one video and those with several; a second pass finds them known."""
    again = MemoryJobStore(FakeClock())
    first, refused = await rebuilt(root, into=again)
    second, _ = await rebuilt(root, into=again)

    assert refused == []
    assert (first.done.sidecars, first.done.new, second.done.new, second.done.known) == (13, 7, 0, 7)
    assert [promised(one.job) for one in await vaults.all_of(again)] == [
        promised(one.job) for one in await vaults.all_of(store)
    ]


async def test_a_job_of_several_videos_completed_when_its_last_was_saved(store: MemoryJobStore, root: Path) -> None:
    again = MemoryJobStore(FakeClock())
    await rebuilt(root, into=again)
    for one in await vaults.all_of(store):
        assert (await again.catalogue.get(one.job.id)).completed_at == one.job.completed_at


# --- what is not believed ---------------------------------------------------------------------------------------------


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def flip(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[-1] ^= 1
    path.write_bytes(body)


VIDEO, SIDECAR = "ann1/000001-0.mp4", "ann1/000001-0.info.json"
DAMAGES: dict[str, tuple[str, Callable[[Path], object], RebuildRefusal]] = {
    "no JSON": (SIDECAR, lambda path: path.write_text("{"), RebuildRefusal.BAD_SIDECAR),
    "another program's": (SIDECAR, lambda path: path.write_text('{"id": "x"}'), RebuildRefusal.BAD_SIDECAR),
    "a newer version's": (SIDECAR, lambda path: edit(path, mediavault=99), RebuildRefusal.BAD_SIDECAR),
    "a time without zone": (
        SIDECAR,
        lambda path: edit(path, saved_at="2026-01-01T00:00:00"),
        RebuildRefusal.BAD_SIDECAR,
    ),
    "an item that is none": (SIDECAR, lambda path: edit(path, item=7), RebuildRefusal.BAD_SIDECAR),
    "no items": (SIDECAR, lambda path: edit(path, items=[1]), RebuildRefusal.BAD_SIDECAR),
    "an id with a path": (SIDECAR, lambda path: edit(path, id="../x"), RebuildRefusal.BAD_SIDECAR),
    "a site that is no name": (SIDECAR, lambda path: edit(path, platform="x; <b>"), RebuildRefusal.BAD_SIDECAR),
    "a truth for a number": (SIDECAR, lambda path: edit(path, version=True), RebuildRefusal.BAD_SIDECAR),
    "video gone": (VIDEO, Path.unlink, RebuildRefusal.MISSING),
    "video cut": (VIDEO, lambda path: path.write_bytes(b"short"), RebuildRefusal.SIZE_DIFFERS),
    "one bit": (VIDEO, flip, RebuildRefusal.HASH_DIFFERS),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_what_does_not_fit_is_named_and_not_taken(store: MemoryJobStore, root: Path, damage: str) -> None:
    path, act, refusal = DAMAGES[damage]
    act(root / path)
    rebuild, refused = await rebuilt(root)

    assert [(one.refusal, one.path) for one in refused] == [(refusal, SIDECAR)]
    assert rebuild.done.new == 6


async def test_sizes_alone_believe_a_file_that_was_not_read(store: MemoryJobStore, root: Path) -> None:
    flip(root / VIDEO)
    rebuild, refused = await rebuilt(root, read_data=False)

    assert (rebuild.done.new, refused) == (7, [])


async def test_a_post_that_lacks_a_video_is_failed_and_keeps_the_others(store: MemoryJobStore, root: Path) -> None:
    (root / "ann5/000005-2.mp4").unlink()
    again = MemoryJobStore(FakeClock())
    _, refused = await rebuilt(root, into=again)
    job = await again.catalogue.get(numbered_job(5, "").id)

    assert [one.refusal for one in refused] == [RebuildRefusal.MISSING, RebuildRefusal.PARTIAL]
    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.PARTIAL)
    assert [one.status for one in job.items] == [
        ItemStatus.KEPT, ItemStatus.SKIPPED, ItemStatus.WAITING, ItemStatus.KEPT,
    ]  # fmt: skip


async def test_a_folder_that_a_person_renamed_is_where_its_videos_are(store: MemoryJobStore, root: Path) -> None:
    (root / "ann1").rename(root / "Ann's films")
    again = MemoryJobStore(FakeClock())
    _, refused = await rebuilt(root, into=again)
    job = await again.catalogue.get(numbered_job(1, "").id)

    assert refused == []
    assert (job.output_path, job.thumbnail_path) == ("Ann's films/000001-0.mp4", "Ann's films/000001-0.jpg")


# --- into a store that has some already -------------------------------------------------------------------------------


async def test_a_job_that_the_store_still_has_queued_is_completed_and_keeps_its_history(
    store: MemoryJobStore, root: Path
) -> None:
    """As after an old backup: fetched again it would stand in the library twice."""
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


async def test_a_running_job_and_a_post_under_another_id_are_left_alone(store: MemoryJobStore, root: Path) -> None:
    other = MemoryJobStore(FakeClock())
    await other.queue.enqueue(
        [numbered_job(1, "https://videos.example/1"), numbered_job(99, "https://videos.example/2")]
    )
    (claim,) = await other.queue.claim(vaults.ANN, limit=1, lease=vaults.LEASE)
    _, refused = await rebuilt(root, into=other)

    assert [one.refusal for one in refused] == [RebuildRefusal.CONFLICT, RebuildRefusal.CONFLICT]
    assert (await other.catalogue.get(claim.id)).status is JobStatus.RUNNING
    assert len(await vaults.all_of(other)) == 7


# --- the sidecar itself -----------------------------------------------------------------------------------------------

texts = st.text(max_size=20)
names = st.none() | texts
items = st.builds(
    Item,
    role=st.sampled_from(ItemRole),
    type=st.sampled_from(ItemType),
    media_id=st.none(),
    label=names,
)
kept_facts = st.tuples(
    st.integers(1, 1 << 50),
    st.none() | st.floats(0, 1e6),
    st.none() | st.integers(0, 9999),
    st.sampled_from([".mp4", ".webm"]),
)


@st.composite
def completed_jobs(draw: st.DrawFn) -> Job:
    """With one to five media, of which one at least is a kept video."""
    media = draw(st.lists(items, min_size=1, max_size=5))
    saved = draw(st.sets(st.integers(0, len(media) - 1), min_size=1))
    made = []
    for place, item in enumerate(media):
        item = replace(item, media_id=draw(st.none() | st.just(f"m{place}")))
        if place in saved:
            size, duration, width, suffix = draw(kept_facts)
            thumbnail = draw(st.none() | st.just(f"a/f{place}.jpg"))
            kept = KeptFile(f"a/f{place}{suffix}", thumbnail, size, f"{place:064x}", duration, width, width)
            made.append(JobItem(item, ItemStatus.KEPT, kept))
        else:
            made.append(JobItem(item, ItemStatus.SKIPPED))
    first = next(one.kept for one in made if one.kept)
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
        metadata={**{name: draw(names) for name in ("title", "text", "post_id")}, "published_at": None},
        account=draw(st.none() | st.builds(Account, st.just("generic"), names, names, st.just("a"))),
        output_path=first.output_path,
        thumbnail_path=first.thumbnail_path,
        bytes=first.bytes,
        sha256=first.sha256,
        duration_s=first.duration_s,
        width=first.width,
        height=first.height,
    )


@given(completed_jobs(), st.randoms(use_true_random=False))
def test_any_completed_job_is_the_same_after_its_sidecars(job: Job, random: Any) -> None:
    """In every field that a sidecar promises, in whatever order they are met."""
    written = []
    for place, one in enumerate(job.items):
        if one.kept is not None:
            facts = write_sidecar(job, None, job.items, place, one.kept, saved_at=START)
            written.append(read_sidecar(json.loads(json.dumps(facts)), f"a/f{place}.info.json"))
    random.shuffle(written)

    assert promised(stored_job(written).job) == promised(job)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | texts, lambda x: st.lists(x) | st.dictionaries(texts, x))
)
def test_whatever_stands_in_a_sidecar_is_read_or_refused(value: Any) -> None:
    good = write_sidecar(_job(), None, _job().items, 0, _KEPT, saved_at=START)
    for name in good:
        with contextlib.suppress(BadSidecar):  # anything else ends the rebuild
            read_sidecar({**good, name: value}, "a/f.info.json")
    with contextlib.suppress(BadSidecar):
        read_sidecar({**good, "video": {**good["video"], "duration_s": value, "path": value}}, "a/f.info.json")


_KEPT = KeptFile("a/f.mp4", "a/f.jpg", 10, "ab" * 32, 1.5, 320, 180)


def _job() -> Job:
    made = (JobItem(Item(), ItemStatus.KEPT, _KEPT),)
    return Job(
        numbered_job(1, "").id, "ab" * 16, "https://a.example/1", "https://a.example/1", "generic", JobStatus.COMPLETED,
        START, START, attempt_count=2, items=made,
    )  # fmt: skip


@pytest.mark.parametrize(("number", "count"), [(1, 1), (2, 3)])
def test_sidecars_of_the_first_version_are_read(number: int, count: int) -> None:
    facts = write_sidecar(_job(), None, _job().items, 0, _KEPT, saved_at=START)
    for name in ("items", "item", "attempt", "resolved_url"):
        del facts[name]
    del facts["account"]["platform"]
    old = read_sidecar(
        {**facts, "mediavault": 1, "video": {**facts["video"], "number": number, "of": count}}, "a/f.info.json"
    )

    assert (old.item, len(old.items), old.attempt) == (number - 1, count, 1)
    assert old.kept == _KEPT
    assert (stored_job([old]).job.status is JobStatus.COMPLETED) == (count == 1)


async def test_half_a_character_in_a_title_is_no_reason_to_lose_the_sidecar() -> None:
    """Sites cut titles in the middle of a surrogate pair."""
    with tempfile.TemporaryDirectory() as folder:
        vault = LocalLibrary(Path(folder))
        await vault.prepare()
        async with vault.staging.folder("job", 1) as staging:
            await vault.place_json({"title": "cut \ud83d"}, "a.info.json", via=staging)

        assert await vault.read_json("a.info.json") == {"title": "cut ?"}


def test_an_earlier_attempts_order_of_the_media_does_not_matter() -> None:
    """The newest sidecar's list counts; the others are found in it by their media ids."""
    one, two = (
        JobItem(Item(media_id=name), ItemStatus.KEPT, replace(_KEPT, output_path=f"a/{name}.mp4")) for name in "pq"
    )
    first = write_sidecar(_job(), None, [one, two], 0, one.kept or _KEPT, saved_at=START)
    second = write_sidecar(_job(), None, [two, one], 0, two.kept or _KEPT, saved_at=START.replace(hour=13))
    read = [read_sidecar(first, "a/p.info.json"), read_sidecar(second, "a/q.info.json")]
    job: StoredJob = stored_job(read)

    assert [each.kept and each.kept.output_path for each in job.job.items] == ["a/q.mp4", "a/p.mp4"]
    assert job.job.status is JobStatus.COMPLETED
