"""Marks reach the sidecars some seconds after they were changed, and come back from there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.failures import StorageFailure
from mediavault.core.job import Job, JobId
from mediavault.core.marks import Mark, MarkKind
from mediavault.library.local_library import LocalLibrary
from mediavault.maintenance.moving import compare, copy_jobs
from mediavault.maintenance.outdated_sidecars import SETTLED, write_outdated
from mediavault.maintenance.rebuilding import Rebuild
from mediavault.store import mark_changes
from mediavault.store.port import JobQuery
from tests import vaults
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore

MARKS = (
    ("collection/train journeys", "Train Journeys", 2),
    ("favourite/owner", "", 5),
    ("note", "A note\nof two lines \u202e", 3),
    ("tag/cats", "Cats", 1),
    ("watched/owner", "", 4),
)


class Environment:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = FakeClock()
        self.store = MemoryJobStore(self.clock)
        self.library = LocalLibrary(root)

    async def job(self) -> Job:
        return (await self.store.catalogue.jobs(JobQuery(limit=1))).jobs[0]

    async def change(self, job_id: JobId, marks: Sequence[tuple[str, str, int]]) -> None:
        await mark_changes.outdate(self.store, self.clock, [job_id])
        await self.store.marks.put([Mark(job_id, *mark) for mark in marks])

    async def write(self) -> int:
        return await write_outdated(self.store, self.library, self.clock)

    def sidecars(self, job: Job) -> list[dict[str, Any]]:
        sidecars = [json.loads(path.read_text()) for path in sorted(self.root.rglob("*.info.json"))]
        return [sidecar for sidecar in sidecars if sidecar["job_id"] == job.id]


@pytest.fixture
async def vault(root: Path) -> Environment:
    environment = Environment(root)
    await vaults.fill(environment.store, root, environment.clock, jobs=2, videos=2)
    await environment.library.prepare()
    await environment.library.write_identity("0" * 32)
    return environment


async def test_changed_marks_are_written_into_every_sidecar_of_the_job(vault: Environment) -> None:
    job = await vault.job()
    before = vault.sidecars(job)
    await vault.change(job.id, MARKS)
    vault.clock.advance(SETTLED.total_seconds())

    assert await vault.write() == 1
    assert await vault.write() == 0
    written = [{"name": name, "text": text, "place": place} for name, text, place in MARKS]
    assert vault.sidecars(job) == [{**sidecar, "marks": written} for sidecar in before]
    assert list((vault.root / ".staging").iterdir()) == []


async def test_positions_are_not_written(vault: Environment) -> None:
    """They change every few seconds, and a sidecar is no place for that."""
    job = await vault.job()
    await vault.change(job.id, [("position/owner", "[1,2,0]", 1)])
    vault.clock.advance(60)
    await vault.write()

    assert [sidecar["marks"] for sidecar in vault.sidecars(job)] == [[], []]


async def test_a_change_that_may_be_going_on_is_left_for_a_later_round(vault: Environment) -> None:
    job = await vault.job()
    await vault.change(job.id, MARKS)
    vault.clock.advance(SETTLED.total_seconds() - 1)

    assert await vault.write() == 0
    vault.clock.advance(1)
    assert await vault.write() == 1


async def test_a_change_during_the_writing_is_written_in_the_next_round(
    vault: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await vault.job()
    await vault.change(job.id, MARKS[:1])
    vault.clock.advance(60)
    place_json = vault.library.place_json

    async def with_a_change(*args: Any, **named: Any) -> None:
        await place_json(*args, **named)
        await vault.change(job.id, MARKS[1:])

    monkeypatch.setattr(vault.library, "place_json", with_a_change)
    await vault.write()
    monkeypatch.undo()
    vault.clock.advance(60)

    assert await vault.write() == 1
    assert [len(sidecar["marks"]) for sidecar in vault.sidecars(job)] == [5, 5]


async def test_nothing_is_written_or_forgotten_while_the_library_is_not_there(
    vault: Environment,
) -> None:
    job = await vault.job()
    await vault.change(job.id, MARKS)
    vault.clock.advance(60)
    shutil.move(vault.root, vault.root.with_name("elsewhere"))
    with pytest.raises(StorageFailure):
        await vault.write()

    assert [mark.job_id for mark in await vault.store.marks.marked(MarkKind.OUTDATED)] == [job.id]


async def test_a_job_without_files_and_a_sidecar_of_another_job_are_left_alone(
    vault: Environment,
) -> None:
    job = await vault.job()
    for path in vault.root.rglob("*.info.json"):
        if (sidecar := json.loads(path.read_text()))["job_id"] == job.id:
            path.write_text(json.dumps({**sidecar, "job_id": "another"}))
    before = {path: path.read_text() for path in vault.root.rglob("*.info.json")}
    await vault.change(job.id, MARKS)
    vault.clock.advance(60)

    assert await vault.write() == 1
    assert {path: path.read_text() for path in vault.root.rglob("*.info.json")} == before
    assert await vault.store.marks.marked(MarkKind.OUTDATED) == []


async def test_marks_come_back_with_the_rebuilt_job(vault: Environment) -> None:
    job = await vault.job()
    await vault.change(job.id, MARKS)
    vault.clock.advance(60)
    await vault.write()
    again = MemoryJobStore(vault.clock)
    assert [refused async for refused in Rebuild(again, vault.library, read_data=True).run()] == []

    assert await again.marks.of_jobs([job.id]) == {
        job.id: tuple(Mark(job.id, *mark) for mark in MARKS)
    }


@pytest.mark.parametrize(
    "marks",
    [
        None,
        "tag/cats",
        [["tag/cats"], 7, None],
        [{"name": "tag/cats", "text": "Dogs", "place": 1}],
        [{"name": "tag/Cats", "text": "Cats", "place": 1}],
        [{"name": "tag/cats", "text": "Cats", "place": 2**63}],
        [{"name": "favourite/../owner", "text": "", "place": 1}],
        [{"name": "position/owner", "text": "[1,2,0]", "place": 1}],
        [{"name": "outdated", "text": "soon", "place": 1}],
        [
            {"name": "note", "text": "\u0000", "place": 1},
            {"name": "note", "text": "x" * 20_000, "place": 1},
        ],
    ],
)
async def test_marks_that_mediavault_does_not_write_are_ignored_and_the_video_comes_back(
    vault: Environment, marks: object
) -> None:
    job = await vault.job()
    for path in vault.root.rglob("*.info.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "marks": marks}))
    again = MemoryJobStore(vault.clock)
    assert [refused async for refused in Rebuild(again, vault.library, read_data=True).run()] == []

    assert (await again.catalogue.get(job.id)).sha256 == job.sha256
    assert await again.marks.of_jobs([job.id]) == {}


async def test_a_move_copies_marks_also_those_of_jobs_that_are_there_already(
    vault: Environment,
) -> None:
    job, target = await vault.job(), MemoryJobStore(vault.clock)
    await copy_jobs(vault.store, target)
    await vault.change(job.id, MARKS)
    assert [difference.what for difference in (await compare(vault.store, target)).named] == [
        "marks"
    ]
    await copy_jobs(vault.store, target)

    assert (await compare(vault.store, target)).is_whole
    assert await target.marks.of_jobs([job.id]) == await vault.store.marks.of_jobs([job.id])
