"""What was found about saved files after the download: checks, refused copies, and how far each was
decoded.

The mark DECODED says that nothing of a job is left to decode: its text is when all of each file was
decoded, "" when one of them is damaged or missing. A job without the mark is still to be decoded,
and its record says from where. ``maintenance.decoding`` does that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from mediavault.core.failures import JobNotFound
from mediavault.core.job import Job, JobId, JobStatus
from mediavault.core.logs import get_logger
from mediavault.core.marks import Mark, MarkKind
from mediavault.core.media import RefusedCopy
from mediavault.core.records import FileCheck, RecordKind, checks_from_json
from mediavault.core.typed_records import from_named_json, to_named_json
from mediavault.store.port import JobQuery, Marks, Records, Store

log = get_logger(__name__)


async def read_checks(records: Records, job: Job) -> dict[int, FileCheck]:
    """Return the results of the last check of the job's files, by item index;
    {} when there was none, or it can't be read.
    """
    record = await records.get(RecordKind.VERIFIED, job.id)
    try:
        return checks_from_json(record.value) if record is not None else {}
    except (KeyError, TypeError, ValueError):
        log.warning(
            "record_not_read", kind=RecordKind.VERIFIED, job_id=job.id, trace_id=job.trace_id
        )
        return {}


_REFUSED = RecordKind.REFUSED
MOST = 20  # copies of a job; posts have up to that many videos, and each has one or two addresses


async def refused_copies(records: Records, job_id: JobId) -> tuple[RefusedCopy, ...]:
    """Return the copies that were refused, the last ones first. Unreadable ones are left out."""
    record = await records.get(_REFUSED, job_id)
    found = []
    for value in record.value.get("copies", ()) if record is not None else ():
        with suppress(LookupError, TypeError, ValueError):
            found.append(from_named_json(RefusedCopy, value))
    return tuple(found)


async def note_refused(
    records: Records, job_id: JobId, copy: RefusedCopy
) -> tuple[RefusedCopy, ...]:
    """Store a refused copy, and return all that are stored.
    Its ``times`` count the earlier ones with the same bytes.
    """
    known = await refused_copies(records, job_id)
    copies = counted(known, copy)
    await records.put(_REFUSED, job_id, {"copies": [to_named_json(one) for one in copies]})
    return copies


def counted(existing: Sequence[RefusedCopy], copy: RefusedCopy) -> tuple[RefusedCopy, ...]:
    """Return the copies with this one first, in place of what its address delivered before."""
    times = 1 + max((one.times for one in existing if one.sha256 == copy.sha256), default=0)
    others = [
        replace(one, times=times) if one.sha256 == copy.sha256 else one
        for one in existing
        if one.url != copy.url
    ]
    return (replace(copy, times=times), *others)[:MOST]


_KIND = RecordKind.DECODING
LEFT = JobQuery((JobStatus.COMPLETED,), without=(MarkKind.DECODED,))  # the newest first


@dataclass(frozen=True, slots=True)
class DecodingPosition:
    """Where decoding a job's files continues.

    ``starts`` has the number of the next video packet for each file that was examined, by the index
    of its item: all packets of such a file have been read, all its sound and every key frame
    decoded. None: nothing of it is left. A worker decodes a part of it until ``held_until``.
    """

    starts: Mapping[int, int | None] = field(default_factory=dict)
    held_until: datetime | None = None

    def next_file(self, files: Collection[int]) -> int | None:
        """Return the first of the files that is not done; None when all are."""
        return next((index for index in files if self.starts.get(index, 0) is not None), None)

    def moved(self, index: int, start: int | None) -> DecodingPosition:
        """Return the position after a part of a file, which continues at ``start``;
        nobody holds it.
        """
        return DecodingPosition({**self.starts, index: start})


async def read_position(
    records: Records, job_id: JobId
) -> tuple[Mapping[str, Any] | None, DecodingPosition]:
    """Return the record's value, and the position in it;
    the beginning for a record that is missing or can't be read.
    """
    record = await records.get(_KIND, job_id)
    if record is None:
        return None, DecodingPosition()
    try:
        return record.value, from_named_json(DecodingPosition, record.value)
    except (AttributeError, LookupError, TypeError, ValueError):
        return record.value, DecodingPosition()


async def hold(
    records: Records,
    job_id: JobId,
    value: Mapping[str, Any] | None,
    position: DecodingPosition,
    until: datetime,
) -> Mapping[str, Any] | None:
    """Hold a job for one part, and return the record's value;
    None when another worker was faster.
    """
    held = to_named_json(replace(position, held_until=until), whole=True)
    return held if await records.replace(_KIND, job_id, held, if_value=value) else None


async def move(
    records: Records, job_id: JobId, held: Mapping[str, Any], position: DecodingPosition
) -> None:
    """Store the position after a part, unless the job was removed or another worker holds it by
    now.
    """
    await records.replace(_KIND, job_id, to_named_json(position, whole=True), if_value=held)


async def note_end(store: Store, job_id: JobId, decoded_at: datetime | None) -> None:
    """Note that nothing of the job is left to decode.
    ``decoded_at`` is None where a file can't be decoded.
    """
    await store.marks.put(
        [Mark(job_id, MarkKind.DECODED, decoded_at.isoformat() if decoded_at else "")]
    )
    await store.records.remove(_KIND, job_id)


async def note_examined(
    store: Store,
    job_id: JobId,
    files: Collection[int],
    starts: Mapping[int, int | None],
    now: datetime,
) -> None:
    """Note which of a job's ``files`` were examined now: see :class:`DecodingPosition`.
    The others are examined later.
    """
    position = DecodingPosition(starts)
    if position.next_file(files) is None:
        await store.marks.put([Mark(job_id, MarkKind.DECODED, now.isoformat())])
        return
    await store.records.put(_KIND, job_id, to_named_json(position, whole=True))
    await store.marks.remove(MarkKind.DECODED, [job_id])
    await forget_removed(store, job_id)


async def forget_removed(store: Store, job_id: JobId) -> Job | None:
    """Return the job; remove the position of one that is gone,
    which was stored while the job was removed.
    """
    try:
        return await store.catalogue.get(job_id)
    except JobNotFound:
        await store.records.remove(_KIND, job_id)
        return None


async def decoded_at(marks: Marks, job_id: JobId) -> datetime | None:
    """Return when all of each of the job's files had been decoded; None when they have not."""
    for mark in (await marks.of_jobs([job_id])).get(job_id, ()):
        if mark.name == MarkKind.DECODED and mark.text:
            return datetime.fromisoformat(mark.text)
    return None
