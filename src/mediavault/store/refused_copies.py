"""The damaged copies that a job was delivered, so that no attempt downloads the same bytes again: a record for each job."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from mediavault.core.job import JobId
from mediavault.core.media import RefusedCopy
from mediavault.core.records import RecordKind
from mediavault.core.typed_records import from_named_json, to_named_json
from mediavault.store.port import Records

_KIND = RecordKind.REFUSED
MOST = 20  # copies of a job; posts have up to that many videos, and each has one or two addresses


async def refused_copies(records: Records, job_id: JobId) -> tuple[RefusedCopy, ...]:
    """Return the copies that were refused, the last ones first. Unreadable ones are left out."""
    record = await records.get(_KIND, job_id)
    found = []
    for value in record.value.get("copies", ()) if record is not None else ():
        with suppress(LookupError, TypeError, ValueError):
            found.append(from_named_json(RefusedCopy, value))
    return tuple(found)


async def note_refused(records: Records, job_id: JobId, copy: RefusedCopy) -> tuple[RefusedCopy, ...]:
    """Store a refused copy, and return all that are stored. Its ``times`` count the earlier ones with the same bytes."""
    known = await refused_copies(records, job_id)
    copies = counted(known, copy)
    await records.put(_KIND, job_id, {"copies": [to_named_json(one) for one in copies]})
    return copies


def counted(known: Sequence[RefusedCopy], copy: RefusedCopy) -> tuple[RefusedCopy, ...]:
    """Return the copies with this one first, in place of what its address delivered before."""
    times = 1 + max((one.times for one in known if one.sha256 == copy.sha256), default=0)
    others = [replace(one, times=times) if one.sha256 == copy.sha256 else one for one in known if one.url != copy.url]
    return (replace(copy, times=times), *others)[:MOST]
