"""Films that were saved by older versions, decoded in the background by the real probe."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.job import Job
from mediavault.core.media import SavedFile
from mediavault.core.records import CheckVerdict, RecordKind
from mediavault.library.local_library import LocalLibrary
from mediavault.maintenance.decoding import PictureDecoder
from mediavault.maintenance.examining import FileExaminer
from mediavault.media.probe import open_probe
from mediavault.store.file_checks import decoded_at, note_examined, read_checks
from tests import media, vaults
from tests.contract.stores import LEASE, numbered_job
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore
from tests.patience import patient


def damaged(body: bytes) -> bytes:
    """Return ``body`` with some bytes inside a picture changed; lengths and tables stay correct."""
    at = len(body) // 2
    return body[:at] + bytes(byte ^ 0x55 for byte in body[at : at + 40]) + body[at + 40 :]


class Vault:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = FakeClock(auto=True)
        self.store = MemoryJobStore(self.clock)
        self.library = LocalLibrary(root)

    async def save(self, name: str, body: bytes) -> Job:
        (self.root / name).write_bytes(body)
        number = len(list(self.root.glob("*.mp4")))
        await self.store.queue.enqueue([numbered_job(number, f"https://videos.example/{name}")])
        [claim] = await self.store.queue.claim(vaults.ANN, limit=1, lease=LEASE)
        await self.store.queue.complete(
            claim, SavedFile(name, None, len(body), hashlib.sha256(body).hexdigest(), 4.0, 320, 180)
        )
        return await self.store.catalogue.get(claim.id)

    async def decode(self) -> int:
        async def path_of(path: str) -> Path | None:
            return await self.library.local_path(path, into=self.root)

        async with open_probe(SystemClock(), helpers=1) as probe:
            examiner = FileExaminer(probe, path_of)
            return await PictureDecoder(
                self.store, self.library, self.clock, examiner, lambda: True
            ).decode_due()


@pytest.fixture
async def vault(tmp_path: Path) -> Vault:
    vault = Vault(tmp_path)
    await vault.library.prepare()
    await vault.library.write_identity("a-library")
    return vault


@pytest.mark.timeout(patient(120))
async def test_whole_films_are_marked_and_damaged_films_are_told_with_what_was_found(
    vault: Vault,
) -> None:
    whole = await vault.save("whole.mp4", media.mp4(4.0))
    bad = await vault.save("bad.mp4", damaged(media.mp4(2.0, sound=False)))
    await vault.decode()
    check = (await read_checks(vault.store.records, bad))[0]

    assert await decoded_at(vault.store.marks, whole.id)
    assert await read_checks(vault.store.records, whole) == {}
    assert check.verdict is CheckVerdict.DAMAGED
    assert "damaged" in check.detail
    assert [record.key for record in await vault.store.records.all(RecordKind.DAMAGED)] == [bad.id]


@pytest.mark.timeout(patient(120))
async def test_what_an_examination_left_is_decoded_and_its_damage_found(vault: Vault) -> None:
    whole = await vault.save("whole.mp4", media.mp4(4.0))
    bad = await vault.save("bad.mp4", damaged(media.mp4(2.0, sound=False)))
    for job in (whole, bad):
        await note_examined(vault.store, job.id, [0], {0: 0}, vault.clock.now())
    await vault.decode()

    assert await decoded_at(vault.store.marks, whole.id)
    assert (await read_checks(vault.store.records, bad))[0].verdict is CheckVerdict.DAMAGED
