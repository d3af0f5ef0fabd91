"""Decodes in the background what was not decoded when it was saved: every picture of every saved
video, newest posts first.

A worker decodes a part of some seconds at a time, only while it has no job to do. The position
between two parts is stored, so a restart or another worker goes on from there. Posts without a
position (saved by an older version, imported, or whose worker was killed right after it had saved
them) are examined first, as a download is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from mediavault.core.clock import Clock
from mediavault.core.failures import StorageFailure
from mediavault.core.job import Job, JobId, saved_files
from mediavault.core.logs import get_logger
from mediavault.core.marks import MarkKind
from mediavault.core.media import SavedFile
from mediavault.core.records import CheckVerdict, FileCheck, RecordKind
from mediavault.library.port import Library
from mediavault.maintenance.checking import (
    CheckedFiles,
    judge,
    judge_examined,
    require_library,
    store_checks,
)
from mediavault.maintenance.examining import Examined, FileExaminer
from mediavault.maintenance.findings import is_saved_damaged
from mediavault.store.file_checks import (
    LEFT,
    DecodingPosition,
    forget_removed,
    hold,
    move,
    note_end,
    read_checks,
    read_position,
)
from mediavault.store.port import Store

ROUND_S = 15.0
HELD_FOR = timedelta(hours=1)  # a long film that looks damaged is decoded whole, twice
PAGE = 20  # jobs, of which other workers may hold some
REST = 1.0  # times what a part took, before the next: at most half of one processor

log = get_logger(__name__)


class PictureDecoder:
    """The decoding of one worker. ``is_idle`` says whether the worker has no job to do."""

    def __init__(
        self,
        store: Store,
        library: Library,
        clock: Clock,
        examiner: FileExaminer,
        is_idle: Callable[[], bool],
    ) -> None:
        self._store = store
        self._library = library
        self._clock = clock
        self._examiner = examiner
        self._is_idle = is_idle

    async def decode_due(self) -> int:
        """Decode until the worker has a job to do, or nothing is left; returns the number of parts.

        Raises StorageFailure while the library is not there, and StoreError.
        """
        parts = 0
        while self._is_idle() and await self._decode_next():
            parts += 1
        return parts

    async def _decode_next(self) -> bool:
        """Decode the next part of the newest post that no other worker holds;
        False when there is none.
        """
        jobs = (await self._store.catalogue.jobs(replace(LEFT, limit=PAGE))).jobs
        if jobs:
            await require_library(self._library)  # without it every file would seem to be missing
        for job in jobs:
            began = self._clock.monotonic()
            value, position = await read_position(self._store.records, job.id)
            now = self._clock.now()
            if position.held_until is not None and now < position.held_until <= now + HELD_FOR:
                continue
            held = await hold(self._store.records, job.id, value, position, now + HELD_FOR)
            if held is not None:
                await self._decode(job.id, position, held)
                await self._clock.sleep(REST * (self._clock.monotonic() - began))
                return True
        return False

    async def _decode(
        self, job_id: JobId, position: DecodingPosition, held: Mapping[str, Any]
    ) -> None:
        """Decode the next part of a job. Raises StorageFailure when the library is no longer
        there.
        """
        job = await forget_removed(self._store, job_id)
        if job is None:
            return
        if MarkKind.DECODED in {
            mark.name for mark in (await self._store.marks.of_jobs([job_id])).get(job_id, ())
        }:
            # another worker has just finished it
            await self._store.records.remove(RecordKind.DECODING, job_id)
            return
        files = {
            i: saved for i, saved in saved_files(job).items() if not is_saved_damaged(job.items, i)
        }
        index = position.next_file(files)
        if index is None:
            await self._finish(job, is_decoded=bool(files))
            return
        start = position.starts.get(index)
        saved = files[index]
        try:
            examined = await (
                self._examiner.examine(saved)
                if start is None
                else self._examiner.decode(saved, start)
            )
        except StorageFailure:  # of this file, or for a moment: reading it once more tells
            examined = None
        if examined is None or examined.problems:
            await self._note_damage(job, index, saved, examined)
            return
        position = position.moved(index, examined.next)
        if position.next_file(files) is None:
            await self._finish(job, is_decoded=True)
        else:
            await move(self._store.records, job.id, held, position)

    async def _finish(self, job: Job, *, is_decoded: bool) -> None:
        """Note that all of each file was decoded. A file that did not decode before, does now."""
        now = self._clock.now()
        checks = await read_checks(self._store.records, job)
        if any(check.verdict is CheckVerdict.DAMAGED for check in checks.values()):
            whole = FileCheck(now, CheckVerdict.WHOLE)
            checks = {
                i: whole if check.verdict is CheckVerdict.DAMAGED else check
                for i, check in checks.items()
            }
            await store_checks(self._store, self._library, job, CheckedFiles(checks))
        await note_end(self._store, job.id, now if is_decoded else None)
        log.info("pictures_decoded", job_id=job.id, trace_id=job.trace_id)

    async def _note_damage(
        self, job: Job, index: int, saved: SavedFile, examined: Examined | None
    ) -> None:
        """Store why a file does not play, as a check does: it is damaged only if its bytes are
        still those that were saved.

        ``examined`` is None when it could not be read; if it can be by now, it is examined again
        later.
        """
        try:
            verdict, detail = judge(saved, await self._library.digest(saved.output_path))
        except StorageFailure as exc:
            verdict, detail = CheckVerdict.UNREADABLE, exc.message
        now = await forget_removed(self._store, job.id)
        # its files may have been moved since: examined again later
        if now is None or now.updated_at != job.updated_at:
            return
        if verdict is CheckVerdict.WHOLE:
            if examined is None:
                return
            verdict, detail = judge_examined(examined)
        checks = await read_checks(self._store.records, job)
        checks[index] = FileCheck(self._clock.now(), verdict, detail)
        await store_checks(self._store, self._library, job, CheckedFiles(checks))
        await note_end(self._store, job.id, None)
