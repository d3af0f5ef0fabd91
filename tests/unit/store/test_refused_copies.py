"""The damaged copies that a job was delivered."""

from __future__ import annotations

from mediavault.core.job import JobId
from mediavault.core.media import RefusedCopy
from mediavault.core.messages import Message
from mediavault.core.records import RecordKind
from mediavault.store.file_checks import MOST, note_refused, refused_copies
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore

JOB = JobId("01930000-0000-7000-8000-000000000001")
WHY = Message("The file was refused because %(reason)s.", reason="its sound is damaged")


def copy(url: str = "https://a.example/v.mp3", sha256: str = "a" * 64) -> RefusedCopy:
    return RefusedCopy(url, sha256, 1_000, WHY, plays=True, etag='"1"')


async def test_the_same_bytes_are_counted_whatever_address_delivers_them() -> None:
    records = MemoryJobStore(FakeClock()).records
    await note_refused(records, JOB, copy())
    await note_refused(records, JOB, copy(sha256="b" * 64))
    await note_refused(records, JOB, copy("https://b.example/v.mp3", sha256="b" * 64))
    stored = await refused_copies(records, JOB)

    assert [(one.url[8:9], one.sha256[0], one.times) for one in stored] == [
        ("b", "b", 2),
        ("a", "b", 2),
    ]
    assert (stored[0].reason, stored[0].reason.values) == (WHY, WHY.values)


async def test_a_job_has_few_copies_and_unreadable_ones_are_left_out() -> None:
    records = MemoryJobStore(FakeClock()).records
    assert await refused_copies(records, JOB) == ()
    for number in range(MOST + 5):
        await note_refused(
            records, JOB, copy(f"https://{number}.example/v.mp3", sha256=f"{number:064}")
        )
    assert len(await refused_copies(records, JOB)) == MOST

    await records.put(RecordKind.REFUSED, JOB, {"copies": ["nonsense", {"url": 1}]})
    assert await refused_copies(records, JOB) == ()
