"""Compares every row with the library and the library with the rows. Changes nothing.

The library is listed, then the rows are read, then the library is listed again for files that no
row names, so the vault may be running. Memory holds two numbers per file, not its name.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from mediavault.core.companions import SIDECAR_SUFFIX, is_about_folder, sibling
from mediavault.core.failures import JobNotFound, StorageFailure
from mediavault.core.job import Job, saved_files
from mediavault.core.media import SavedFile
from mediavault.core.messages import counted
from mediavault.core.records import CheckVerdict, FileCheck
from mediavault.library.port import FoundFile, Library
from mediavault.library.sidecars import BadSidecar, read_sidecar
from mediavault.maintenance.examining import FileExaminer
from mediavault.maintenance.findings import (
    Finding,
    FindingKind,
    is_saved_damaged,
    judge_orphan,
    judge_size,
    lacks_facts,
    named_paths,
    short_key,
)
from mediavault.store.bulk import iter_pages
from mediavault.store.file_checks import read_checks
from mediavault.store.port import JobQuery, Store
from mediavault.store.trash import all_trashed_posts

PAGE = 100
READERS = 4  # few are best for a disk; an object store answers each after some milliseconds

OnJobs = Callable[[int], None]


@dataclass(slots=True)
class Verified:
    """The counts of a verification, updated while the findings are read."""

    jobs: int = 0
    videos: int = 0
    files: int = 0
    bytes_read: int = 0
    findings: dict[FindingKind, int] = field(default_factory=dict)


class Verification:
    """One verification. Only ``read_data``, which reads every byte of every video, finds a flipped
    bit.

    It also examines the files that are as saved, unless ``examiner`` is None.
    """

    def __init__(
        self,
        store: Store,
        library: Library,
        *,
        read_data: bool,
        examiner: FileExaminer | None = None,
        on_jobs: OnJobs = lambda _: None,
    ) -> None:
        self._examiner = examiner
        self._store, self._catalogue = store, store.catalogue
        self._library = library
        self._read_data = read_data
        self._on_jobs = on_jobs
        self._sizes: dict[int, int] = {}
        self._readers = asyncio.Semaphore(READERS)
        self.done = Verified()

    async def run(self) -> AsyncIterator[Finding]:
        """Yield every finding when it is made. Raises StorageFailure when the library cannot be
        read.
        """
        async for file in self._all_files():
            self._sizes[short_key(file.path)] = file.bytes
        self.done.files = len(self._sizes)
        async for finding in self._rows():
            yield self._counted(finding)
        async for finding in self._trash():
            yield self._counted(finding)
        async for finding in self._orphans():
            yield self._counted(finding)

    async def _all_files(self) -> AsyncIterator[FoundFile]:
        async for file in self._library.walk():
            yield file
        async for file in self._library.trashed():
            yield file

    def _counted(self, finding: Finding) -> Finding:
        self.done.findings[finding.kind] = self.done.findings.get(finding.kind, 0) + 1
        return finding

    # --- rows against files -----------------------------------------------------------------------

    async def _rows(self) -> AsyncIterator[Finding]:
        named: set[int] = set()
        async for jobs in iter_pages(self._catalogue, JobQuery(limit=PAGE)):
            for findings in await asyncio.gather(*(self._examine(job) for job in jobs)):
                for finding in findings:
                    yield finding
            named.update(short_key(path) for job in jobs for path in named_paths(job))
        for key in named & self._sizes.keys():
            del self._sizes[key]

    async def _examine(self, job: Job) -> list[Finding]:
        findings = (
            [Finding(FindingKind.NO_FACTS, job.output_path or "", job.id)]
            if lacks_facts(job)
            else []
        )
        checks = await read_checks(self._store.records, job) if self._read_data else {}
        for index, saved in saved_files(job).items():
            plays = not is_saved_damaged(job.items, index)
            findings += await self._examine_file(job, saved, checks.get(index), plays=plays)
            self.done.videos += 1
        self.done.jobs += 1
        self._on_jobs(1)
        return findings if not findings or await self._still_exists(job) else []

    async def _still_exists(self, job: Job) -> bool:
        """Whether the job still exists: it may have been removed with its files since its row was
        read.
        """
        try:
            await self._catalogue.get(job.id)
        except JobNotFound:
            return False
        return True

    async def _examine_file(
        self, job: Job, saved: SavedFile, known: FileCheck | None, *, plays: bool
    ) -> list[Finding]:
        """``plays`` is False for a file that a user kept although it is damaged:
        only its bytes are compared.
        """
        findings = []
        if problem := await self._problem_of(saved, known, self._examiner if plays else None):
            findings.append(Finding(problem[0], saved.output_path, job.id, problem[1]))
        if saved.thumbnail_path is not None and await self._size(saved.thumbnail_path) is None:
            findings.append(Finding(FindingKind.THUMBNAIL_MISSING, saved.thumbnail_path, job.id))
        sidecar = sibling(saved.output_path, SIDECAR_SUFFIX)
        if await self._size(sidecar) is None:
            findings.append(Finding(FindingKind.SIDECAR_MISSING, sidecar, job.id))
        elif self._read_data and (why := await self._sidecar_problem(sidecar, job, saved)):
            findings.append(Finding(FindingKind.SIDECAR_DIFFERS, sidecar, job.id, why))
        return findings

    async def _problem_of(
        self, saved: SavedFile, known: FileCheck | None, examiner: FileExaminer | None
    ) -> tuple[FindingKind, str] | None:
        """``known`` is the result of its last check,
        which may have found damage when all its pictures were decoded.
        """
        if problem := judge_size(saved, await self._size(saved.output_path)):
            return problem
        if not self._read_data:
            return None
        try:
            async with self._readers:
                now = await self._library.digest(saved.output_path)
                is_as_saved = now is not None and now.sha256 == saved.sha256
                examined = await examiner.examine(saved) if examiner and is_as_saved else None
        except StorageFailure as exc:
            return FindingKind.UNREADABLE, exc.message
        if now is None:
            return FindingKind.MISSING, ""
        self.done.bytes_read += now.bytes
        if now.sha256 != saved.sha256:
            return FindingKind.HASH_DIFFERS, f"{now.sha256} instead of {saved.sha256}"
        if examined is not None and examined.problems:
            return FindingKind.DAMAGED, examined.detail
        if known is not None and known.verdict is CheckVerdict.DAMAGED:
            return FindingKind.DAMAGED, known.detail
        return None

    async def _sidecar_problem(self, path: str, job: Job, saved: SavedFile) -> str | None:
        try:
            async with self._readers:
                value = await self._library.read_json(path)
        except StorageFailure as exc:
            return exc.message
        if value is None:
            return "it is not a JSON object"
        try:
            sidecar = read_sidecar(value, path)
        except BadSidecar as exc:
            return str(exc)
        same = (sidecar.id, sidecar.saved.sha256, sidecar.saved.bytes) == (
            job.id,
            saved.sha256,
            saved.bytes,
        )
        return None if same else "it is about another job or another file"

    async def _size(self, path: str) -> int | None:
        """Return the file's size from the listing; a file that is not listed may be newer,
        so it is looked up.
        """
        known = self._sizes.get(short_key(path))
        if known is not None:
            return known
        try:
            file = await self._library.open(path)
        except StorageFailure:  # a file that cannot be opened counts as missing
            return None
        if file is None:
            return None
        await file.close()
        return file.size

    # --- deleted posts against files --------------------------------------------------------------

    async def _trash(self) -> AsyncIterator[Finding]:
        """Yield the videos of deleted posts that are neither in the trash nor still where they
        were.
        """
        async for post in all_trashed_posts(self._store):
            for saved in saved_files(post.job).values():
                places = {post.files.get(saved.output_path, saved.output_path), saved.output_path}
                if post.files and not any(
                    [await self._size(place) == saved.bytes for place in sorted(places)]
                ):
                    yield Finding(FindingKind.TRASH_MISSING, saved.output_path, post.job.id)
            for path in (
                *post.files,
                *post.files.values(),
                *(() if post.files else named_paths(post.job)),
            ):
                self._sizes.pop(short_key(path), None)

    # --- files against rows -----------------------------------------------------------------------

    async def _orphans(self) -> AsyncIterator[Finding]:
        """Yield the files of the first listing that no row names and that still exist.

        A file that is about a folder, such as a show's picture, belongs to no row.
        """
        if not self._sizes:
            return
        async for file in self._all_files():
            if short_key(file.path) in self._sizes and not is_about_folder(file.path):
                kind = judge_orphan(file.path, has_video=await self._has_video(file.path))
                yield Finding(kind, file.path, detail=counted(file.bytes, "byte"))

    async def _has_video(self, path: str) -> bool:
        """Whether the video that a sidecar names is there."""
        if not path.endswith(SIDECAR_SUFFIX):
            return False
        try:
            value = await self._library.read_json(path)
            return (
                value is not None
                and await self._size(read_sidecar(value, path).saved.output_path) is not None
            )
        except (BadSidecar, StorageFailure):
            return False
