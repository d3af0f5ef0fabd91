"""Verifying and rebuilding a library on every kind of storage."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediavault.maintenance.findings import FindingKind
from mediavault.maintenance.rebuilding import Rebuild, RebuildRefusal
from mediavault.maintenance.verifying import Verification
from tests import vaults
from tests.contract.vaults import VAULTS, Subject
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore


@pytest.fixture(params=sorted(VAULTS))
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    return VAULTS[request.param](tmp_path)


async def test_damage_is_found_and_the_rest_is_rebuilt_on_every_library(
    subject: Subject, tmp_path: Path
) -> None:
    """Changed content, a missing video and a foreign file, in a folder and in buckets."""
    made, clock = tmp_path / "made", FakeClock()
    made.mkdir()
    store = MemoryJobStore(clock)
    await vaults.fill(store, made, clock, jobs=6, videos=2)
    (made / "ann1/000001-0.mp4").write_bytes(bytes(vaults.VIDEO_BYTES))
    (made / "ann2/000002-2.mp4").unlink()
    (made / "ann3/mine.mp4").write_bytes(b"mine")
    for path in sorted(made.rglob("*.*")):
        await subject.put(str(path.relative_to(made)), path.read_bytes())
    findings = [
        finding async for finding in Verification(store, subject.vault, read_data=True).run()
    ]
    again = MemoryJobStore(clock)
    refused = [file async for file in Rebuild(again, subject.vault, read_data=True).run()]

    assert sorted((finding.kind, finding.path) for finding in findings) == [
        (FindingKind.HASH_DIFFERS, "ann1/000001-0.mp4"),
        (FindingKind.MISSING, "ann2/000002-2.mp4"),
        (FindingKind.ORPHAN, "ann3/mine.mp4"),
    ]
    assert sorted(file.refusal for file in refused) == [
        RebuildRefusal.HASH_DIFFERS, RebuildRefusal.MISSING, RebuildRefusal.PARTIAL,
        RebuildRefusal.PARTIAL,
    ]  # fmt: skip
    assert len(await vaults.all_of(again)) == 6
