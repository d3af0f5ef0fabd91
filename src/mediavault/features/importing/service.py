"""Imports a folder of videos that other programs saved. May be killed at any point and repeated.

A file enters the library in the order that ``library/commit.py`` states. Its plan is a record with
the whole job, so the next run finishes what a killed one began. The original is removed last of
all, and only where it is asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from mediavault.core.clock import Clock, plausible
from mediavault.core.comments import comments_to_lines
from mediavault.core.companions import (
    COMMENTS_SUFFIX,
    OTHERS_INFO_SUFFIX,
    SIDECAR_SUFFIX,
    companions,
    sibling,
)
from mediavault.core.failures import BadInput, JobNotFound
from mediavault.core.job import (
    HistoryRecord,
    ItemStatus,
    Job,
    JobId,
    JobItem,
    JobStatus,
    Stage,
    StepOutcome,
    new_job_id,
    new_trace_id,
    saved_files,
)
from mediavault.core.media import SOUND_SUFFIXES, SUFFIXES, Item, ItemType, ProbeReport, SavedFile
from mediavault.core.messages import Message
from mediavault.core.name_template import account_folder, named_post
from mediavault.core.names import is_utf8
from mediavault.core.post_urls import name_of_file
from mediavault.core.records import RecordKind
from mediavault.core.settings import ChangeableSettings
from mediavault.extraction.ytdlp_reading import comments_of
from mediavault.features.importing.facts import PostFacts, is_unfinished, subtitles_among
from mediavault.features.importing.folder import (
    Changed,
    CheckedFile,
    FolderContents,
    FoundMedia,
    Unreadable,
    alone,
    check_file,
    contents_of,
    copy,
    link,
    remove,
    require_same,
)
from mediavault.features.importing.model import (
    ImportCounts,
    ImportedFile,
    ImportMode,
    ImportOutcome,
    ImportSource,
)
from mediavault.features.importing.reading import ImportProbe, PostReader
from mediavault.library import disk
from mediavault.library.commit import (
    MAX_NAME_RACES,
    is_in_library,
    name_taken,
    plan_file,
    without_missing,
)
from mediavault.library.companion_files import exists
from mediavault.library.layout import conflicting_videos
from mediavault.library.port import Library
from mediavault.library.sidecars import FILE_DATE, write_sidecar
from mediavault.maintenance.arranging import write_server_files
from mediavault.maintenance.companion_words import index_beside
from mediavault.maintenance.examining import damage_in, in_words
from mediavault.maintenance.findings import named_paths, short_key
from mediavault.store.bulk import iter_jobs
from mediavault.store.episodes import folder_and_stem
from mediavault.store.port import JobQuery, Store, StoredJob
from mediavault.store.transitions import saved_values
from mediavault.store.trash import all_trashed_posts, stored_job_from_json, stored_job_to_json

SUBTITLES_LIMIT_BYTES = 16 << 20
STAGING_NAME = "import"
PAGE = 500
_AT_REST = (JobStatus.FAILED, JobStatus.CANCELLED)
_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS)

OnFiles = Callable[[int], None]


def checked_source(
    folder: Path, how: ImportMode, library: Path | None, *, apply: bool
) -> ImportSource:
    """Return the source. Raises BadInput for a folder that is not there,
    or whose files cannot come in this way.
    """
    if not folder.is_dir():
        raise BadInput(Message("%(folder)s is not a folder.", folder=folder))
    folder, library = folder.resolve(), library.resolve() if library else None
    if library is None and how in (ImportMode.LINK, ImportMode.IN_PLACE):
        raise BadInput(
            "The library is in a bucket: files can only be copied or moved into it.",
            help="Use --how copy.",
        )
    is_inside = library is not None and folder.is_relative_to(library)
    if how is ImportMode.IN_PLACE:
        if (
            library is None
            or not is_inside
            or any(part.startswith(".") for part in folder.relative_to(library).parts)
        ):
            raise BadInput(
                Message(
                    "%(folder)s is not a folder inside the library %(library)s.",
                    folder=folder,
                    library=library,
                ),
                help="Files can stay in place only there. Use --how copy, link or move.",
            )
    elif is_inside:
        raise BadInput(
            Message("%(folder)s is inside the library.", folder=folder),
            help="Use --how in-place: its files stay there.",
        )
    if (
        how is ImportMode.LINK
        and library
        and library.is_dir()
        and library.stat().st_dev != folder.stat().st_dev
    ):
        raise _no_links(os.strerror(errno.EXDEV))
    return ImportSource(folder, how, library, apply)


def _no_links(reason: str) -> BadInput:
    return BadInput(
        Message("The folder's files can't be linked into the library: %(reason)s.", reason=reason),
        help="Use --how copy or --how move.",
    )


async def count_media(source: ImportSource) -> int:
    """Return the number of media files, for a progress bar; lists the folder once."""
    return sum([len(contents.media) async for contents in _folders(source)])


async def _folders(source: ImportSource) -> AsyncIterator[FolderContents]:
    """Yield the contents of every folder, depth first, without the library's own."""
    own = source.library if source.how is not ImportMode.IN_PLACE else None
    waiting = [""]
    while waiting:
        relative = waiting.pop()
        if own is not None and source.folder / relative == own:
            continue
        contents = await asyncio.to_thread(contents_of, source.folder, relative)
        waiting += reversed(contents.folders)
        yield contents


class _Refused(Exception):
    """The file is not imported."""

    def __init__(self, outcome: ImportOutcome, detail: str = "") -> None:
        super().__init__(detail)
        self.outcome, self.detail = outcome, detail


class FolderImport:
    """One import. ``settings`` say how files are named. Memory holds a few bytes for each job and
    each imported file, the names of the files without a URL, and what ytdl-sub's archives say.

    Files with a URL come first: of two identical files, the one that names its post is imported.
    """

    def __init__(
        self,
        store: Store,
        library: Library,
        probe: ImportProbe,
        clock: Clock,
        source: ImportSource,
        *,
        settings: ChangeableSettings,
        on_files: OnFiles = lambda _: None,
    ) -> None:
        self._store, self._catalogue = store, store.catalogue
        self._library, self._probe, self._clock = library, probe, clock
        self._source, self._settings, self._on_files = source, settings, on_files
        self._staging = library.staging.root / STAGING_NAME
        self._known: set[int] = set()  # keys of canonical URLs, hashes and, in place, of paths
        self._trashed: set[int] = set()
        self._at_rest: dict[int, JobId] = {}  # failed and cancelled jobs, which an import completes
        self._reader = PostReader(source.folder, probe)
        self.done = ImportCounts()

    async def run(self) -> AsyncIterator[ImportedFile]:
        """Yield what became of each file. Raises StorageFailure and NoSpace when the library cannot
        be written, BadInput.
        """
        if not self._source.apply:
            async for result in self._all():
                yield result
            return
        with alone(self._library.staging.root):
            await self._library.staging.empty(self._staging)
            await self._finish_interrupted()
            async for result in self._all():
                yield result
            await self._library.staging.empty(self._staging)

    async def _all(self) -> AsyncIterator[ImportedFile]:
        await self._read_jobs()
        without_url: list[FoundMedia] = []
        async for contents in _folders(self._source):
            if contents.error is not None:
                yield self._counted(
                    ImportedFile(
                        ImportOutcome.UNREADABLE, contents.relative or ".", detail=contents.error
                    )
                )
            for path in contents.archives:
                await self._reader.read_archive(path)
            for path in contents.links:
                yield self._counted(ImportedFile(ImportOutcome.LINK, path))
            for media in contents.media:
                self.done.files += 1
                result = await self._result(media, needs_url=True)
                if result is None:
                    without_url.append(media)
                    continue
                yield self._counted(result)
                self._on_files(1)
        for media in without_url:
            if (result := await self._result(media, needs_url=False)) is not None:
                yield self._counted(result)
            self._on_files(1)

    def _counted(self, result: ImportedFile) -> ImportedFile:
        self.done.outcomes[result.outcome] += 1
        if result.outcome is ImportOutcome.IMPORTED:
            self.done.without_url += result.url is None
            self.done.bytes += result.bytes
        return result

    # --- what the vault has -----------------------------------------------------------------------

    async def _read_jobs(self) -> None:
        async for job in iter_jobs(self._catalogue, JobQuery(limit=PAGE)):
            if job.status in _AT_REST and not saved_files(job):
                self._at_rest[short_key(job.canonical_url)] = job.id
                continue
            self._known.add(short_key(job.canonical_url))
            self._known.update(short_key(saved.sha256) for saved in saved_files(job).values())
            if self._source.how is ImportMode.IN_PLACE:
                self._known.update(short_key(f"path:{path}") for path in named_paths(job))
        for key in self._known & self._at_rest.keys():  # another version of the post is saved
            del self._at_rest[key]
        async for post in all_trashed_posts(self._store):
            self._trashed.add(short_key(post.job.canonical_url))
            self._trashed.update(
                short_key(saved.sha256) for saved in saved_files(post.job).values()
            )

    def _refuse_known(self, text: str, outcome: ImportOutcome) -> None:
        if short_key(text) in self._known:
            raise _Refused(outcome)
        if short_key(text) in self._trashed:
            raise _Refused(ImportOutcome.IN_TRASH)

    # --- one file ---------------------------------------------------------------------------------

    async def _result(self, media: FoundMedia, *, needs_url: bool) -> ImportedFile | None:
        """Return what became of a file; None, and nothing was done,
        if it has no URL and ``needs_url`` is set.
        """
        facts = PostFacts(None, None)
        try:
            self._refuse_name(media)
            info, note = await self._reader.info(media)
            if info and "mediavault" in info and self._source.how is ImportMode.IN_PLACE:
                raise _Refused(ImportOutcome.HAS_SIDECAR)
            facts, remark = await self._reader.facts(media, info)
            note = note or remark
            if facts.post is not None:
                self._refuse_known(facts.post.canonical_url, ImportOutcome.KNOWN_POST)
            elif needs_url:
                return None
            checked = await asyncio.to_thread(check_file, self._source.folder, media.relative)
            self._refuse_known(checked.digest.sha256, ImportOutcome.KNOWN_FILE)
            report = await self._probe.check_unknown(self._source.folder / media.relative)
            if any(damage_in(report.problems)):
                raise _Refused(ImportOutcome.BROKEN, in_words(report.problems))
            note = "; ".join(filter(None, (note, in_words(report.problems))))
            file = _File(media, facts, checked, report, self._suffix(media, report))
            job = await self._import(file) if self._source.apply else None
        except _Refused as refused:
            return _result(refused.outcome, media, facts, detail=refused.detail)
        except Unreadable as exc:
            return _result(ImportOutcome.UNREADABLE, media, facts, detail=str(exc))
        except Changed:
            return _result(ImportOutcome.CHANGED, media, facts)
        self._known |= {short_key(file.canonical_url), short_key(checked.digest.sha256)}
        return _result(
            ImportOutcome.IMPORTED, media, facts, job=job, bytes=checked.digest.bytes, detail=note
        )

    def _refuse_name(self, media: FoundMedia) -> None:
        is_in_place = self._source.how is ImportMode.IN_PLACE
        if not is_utf8(media.relative) or (is_in_place and not media.relative.isprintable()):
            raise _Refused(ImportOutcome.BAD_NAME)
        if is_unfinished(media.name):
            raise _Refused(ImportOutcome.UNFINISHED)
        if is_in_place:
            self._refuse_known(f"path:{self._in_library(media)}", ImportOutcome.KNOWN_FILE)

    def _suffix(self, media: FoundMedia, report: ProbeReport) -> str:
        """Return the suffix of the file in the library.
        Raises _Refused for a form that the vault does not save.
        """
        own = PurePosixPath(media.name).suffix
        if report.video_codec is None:
            suffix = own.lower()
            if suffix not in SOUND_SUFFIXES:
                raise _Refused(ImportOutcome.UNKNOWN_FORM, report.audio_codec or "")
        else:
            suffix = SUFFIXES.get(report.container or "", "")
            if not suffix:
                raise _Refused(ImportOutcome.UNKNOWN_FORM, report.container or "")
        if self._source.how is ImportMode.IN_PLACE:
            if suffix != own:
                raise _Refused(ImportOutcome.WRONG_SUFFIX, suffix)
            others = {PurePosixPath(name).name for name in conflicting_videos(media.relative)}
            if others & set(media.beside):
                raise _Refused(ImportOutcome.NAME_TAKEN)
        return suffix

    def _in_library(self, media: FoundMedia) -> str:
        root = self._source.library or self._source.folder
        return (self._source.folder / media.relative).relative_to(root).as_posix()

    # --- into the library -------------------------------------------------------------------------

    async def _import(self, file: _File) -> JobId:
        await self._library.check_identity()
        in_place = self._source.how is ImportMode.IN_PLACE
        path = self._source.folder / file.media.relative
        staged = path if in_place else self._staging / f"media{file.suffix}"
        if not in_place:
            await self._stage(file, staged)
        picture = await self._reader.picture(
            file.media, staged, into=self._staging, is_sound=file.is_sound
        )
        previous = await self._previous(file.canonical_url)
        job_id = previous.job.id if previous else new_job_id(self._clock.now())
        for _ in range(MAX_NAME_RACES):
            output = (
                self._in_library(file.media) if in_place else await self._free_name(file, job_id)
            )
            stored = _stored(
                file, job_id, self._planned(file, output, picture), self._clock.now(), previous
            )
            await self._store.records.put(
                RecordKind.IMPORT, stored.job.id, self._record(stored, file.media)
            )
            if in_place:
                await asyncio.to_thread(require_same, path, file.checked)
            if in_place or await self._library.place(staged, output):
                await self._complete(stored, file.media, picture)
                return stored.job.id
        raise name_taken()

    async def _stage(self, file: _File, staged: Path) -> None:
        """Bring the file into the staging folder, sealed:
        by a link where that is wanted or saves a copy.
        """
        await self._library.staging.empty(self._staging)
        folder, media, how = self._source.folder, file.media, self._source.how
        is_linked = False
        if how is ImportMode.LINK or (how is ImportMode.MOVE and self._source.library is not None):
            try:
                await asyncio.to_thread(link, folder / media.relative, staged, file.checked)
                is_linked = True
            except OSError as exc:
                if exc.errno not in _NO_LINKS:
                    raise Unreadable(exc.strerror or str(exc)) from exc
                if how is ImportMode.LINK:
                    raise _no_links(exc.strerror or str(exc)) from exc
        if not is_linked:
            await asyncio.to_thread(copy, folder, media.relative, staged, file.checked)
        await self._library.staging.seal(staged, sha256=file.checked.digest.sha256)

    async def _free_name(self, file: _File, job_id: JobId) -> str:
        facts = file.facts
        post = named_post(
            job_id=job_id,
            canonical_url=file.canonical_url,
            post_id=facts.post.post_id if facts.post else None,
            platform=file.platform,
            account=facts.account,
            published=facts.published_at or file.date,
            title=facts.title or facts.text,
        )
        settings = self._settings
        folder, stem = await folder_and_stem(
            post,
            account_folder(facts.account),
            job_id,
            0,
            layout=settings.layout,
            template=settings.name_template,
            records=self._store.records,
        )
        return await self._library.free_name(folder, stem, file.suffix)

    def _planned(self, file: _File, output: str, picture: Path | None) -> SavedFile:
        media = file.media
        beside = list(subtitles_among(media.stem, media.beside))
        beside += [COMMENTS_SUFFIX] if file.facts.comments else []
        if self._source.how is ImportMode.IN_PLACE:
            infos = (media.stem + SIDECAR_SUFFIX, media.stem + OTHERS_INFO_SUFFIX)
            beside += [OTHERS_INFO_SUFFIX] if any(name in media.beside for name in infos) else []
        digest = file.checked.digest
        return plan_file(
            output,
            file.report,
            size=digest.bytes,
            sha256=digest.sha256,
            picture=picture,
            beside=beside,
        )

    async def _previous(self, canonical_url: str) -> StoredJob | None:
        """Return the failed or cancelled job of the post, which the import completes."""
        job_id = self._at_rest.get(short_key(canonical_url))
        if job_id is None:
            return None
        try:
            job, history = await self._catalogue.get(job_id), await self._catalogue.history(job_id)
        except JobNotFound:
            return None
        if job.status not in _AT_REST or job.canonical_url != canonical_url:
            return None
        return StoredJob(
            job, tuple(history), (await self._store.marks.of_jobs([job_id])).get(job_id, ())
        )

    def _record(self, stored: StoredJob, media: FoundMedia) -> Mapping[str, Any]:
        return {**stored_job_to_json(stored), "file": media.relative}

    async def _complete(
        self, stored: StoredJob, media: FoundMedia | None, picture: Path | None
    ) -> None:
        """Finish a file that is in the library: companions, sidecar, row, words, and with MOVE the
        removal of the original.

        Every step may be repeated.
        """
        saved = saved_files(stored.job)[0]
        taken = await self._place_companions(saved, media, picture)
        await self._keep_others_info(saved)
        saved = await without_missing(self._library, saved)
        items = (replace(stored.job.items[0], saved=saved),)
        job = replace(stored.job, items=items, thumbnail_path=saved.thumbnail_path)
        await self._place_facts(job, saved, stored)
        if not await self._store_row(replace(stored, job=job)):
            await self._take_back(job, saved)
            raise _Refused(ImportOutcome.KNOWN_POST)
        await index_beside(self._store, self._library, job.id, saved)
        if (
            media is not None
            and self._source.how is ImportMode.MOVE
            and await self._may_be_removed(saved, media)
        ):
            await asyncio.to_thread(remove, self._source.folder, [media.relative, *taken])
        await self._store.records.remove(RecordKind.IMPORT, job.id)

    async def _place_companions(
        self, saved: SavedFile, media: FoundMedia | None, picture: Path | None
    ) -> list[str]:
        """Place the picture, the comments and the subtitles;
        return the files of the folder that are in the library now.
        """
        taken: list[str] = []
        if picture is not None and saved.thumbnail_path is not None:
            body = await asyncio.to_thread(picture.read_bytes)
            await self._library.place_bytes(body, saved.thumbnail_path, via=self._staging)
        if media is not None and COMMENTS_SUFFIX in saved.beside:
            # again: the record of an interrupted import does not have them
            info, _ = await self._reader.info(media)
            if comments := comments_of(dict(info or {})):
                target = sibling(saved.output_path, COMMENTS_SUFFIX)
                await self._library.place_bytes(
                    comments_to_lines(comments), target, via=self._staging
                )
        if media is None or self._source.how is ImportMode.IN_PLACE:
            return taken
        for suffix, name in subtitles_among(media.stem, media.beside).items():
            text = await self._reader.small(media.sibling(name), SUBTITLES_LIMIT_BYTES)
            if text is not None and suffix in saved.beside:
                target = sibling(saved.output_path, suffix)
                await self._library.place_bytes(text, target, via=self._staging)
                if await self._library.holds(
                    target, size=len(text), sha256=hashlib.sha256(text).hexdigest()
                ):
                    taken.append(media.sibling(name))
        return taken

    async def _keep_others_info(self, saved: SavedFile) -> None:
        """Rename yt-dlp's ``.info.json`` in place, before the sidecar gets its name:
        nothing that it says is lost.
        """
        path = sibling(saved.output_path, SIDECAR_SUFFIX)
        if self._source.how is not ImportMode.IN_PLACE or not await exists(self._library, path):
            return
        value = await self._library.read_json(path)
        is_others = value is None or "mediavault" not in value
        if is_others and not await self._library.move(
            path, sibling(saved.output_path, OTHERS_INFO_SUFFIX)
        ):
            raise _Refused(ImportOutcome.NAME_TAKEN, OTHERS_INFO_SUFFIX)

    async def _place_facts(self, job: Job, saved: SavedFile, stored: StoredJob) -> None:
        """Write the sidecar, and with the setting ``nfo`` the files for media servers."""
        if self._settings.nfo:
            await write_server_files(job, self._library)
        facts = write_sidecar(
            job, None, job.items, 0, saved, saved_at=job.updated_at, marks=stored.marks
        )
        await self._library.place_json(
            facts, sibling(saved.output_path, SIDECAR_SUFFIX), via=self._staging
        )

    async def _store_row(self, stored: StoredJob) -> bool:
        """Store the job, in place of a failed or cancelled one; False when another process saves
        the post at the same time, or has saved it.
        """
        with contextlib.suppress(JobNotFound):
            existing = await self._catalogue.get(stored.job.id)
            if existing.status in _AT_REST:
                await self._catalogue.remove(existing.id, as_of=existing.updated_at)
        await self._catalogue.import_jobs([stored])
        try:
            now = await self._catalogue.get(stored.job.id)
        except JobNotFound:
            return False
        return now.status is JobStatus.COMPLETED and now.sha256 == stored.job.sha256

    async def _take_back(self, job: Job, saved: SavedFile) -> None:
        paths = [sibling(saved.output_path, SIDECAR_SUFFIX)]
        if self._source.how is not ImportMode.IN_PLACE:
            paths = [
                saved.output_path,
                *companions(saved.output_path, saved.thumbnail_path, saved.beside),
            ]
        await self._library.remove(*paths)
        await self._store.records.remove(RecordKind.IMPORT, job.id)

    async def _may_be_removed(self, saved: SavedFile, media: FoundMedia) -> bool:
        """Whether the library has the file, read again, and the original is that file still."""
        if not await is_in_library(self._library, saved):
            return False
        with contextlib.suppress(Unreadable):
            checked = await asyncio.to_thread(check_file, self._source.folder, media.relative)
            return checked.digest.sha256 == saved.sha256
        return False

    # --- what a killed import began ---------------------------------------------------------------

    async def _finish_interrupted(self) -> None:
        """Finish the files that an earlier import placed; forget those that it did not place."""
        for record in await self._store.records.all(RecordKind.IMPORT):
            stored = stored_job_from_json(record.value)
            saved = saved_files(stored.job)[0]
            if not await is_in_library(self._library, saved):
                await self._store.records.remove(RecordKind.IMPORT, record.key)
                continue
            media = await asyncio.to_thread(self._found_again, str(record.value.get("file")))
            picture = None
            if saved.thumbnail_path is not None and not await exists(
                self._library, saved.thumbnail_path
            ):
                picture = await self._picture_again(saved, media)
            with contextlib.suppress(_Refused):
                await self._complete(stored, media, picture)
                self.done.finished += 1

    def _found_again(self, relative: str) -> FoundMedia | None:
        """Return the file of a record if this folder has it;
        it is compared before anything is done with it.
        """
        if not disk.is_inside(relative):
            return None
        parent = PurePosixPath(relative).parent.as_posix()
        contents = contents_of(self._source.folder, "" if parent == "." else parent)
        return next((media for media in contents.media if media.relative == relative), None)

    async def _picture_again(self, saved: SavedFile, media: FoundMedia | None) -> Path | None:
        video = await self._library.local_path(saved.output_path, into=self._staging)
        if video is None:
            return None
        picture = await self._reader.picture(
            media or FoundMedia(saved.output_path),
            video,
            into=self._staging,
            is_sound=saved.is_sound,
        )
        planned = PurePosixPath(saved.thumbnail_path or "").suffix
        return picture if picture is not None and picture.suffix == planned else None


# --- pure, and single files -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _File:
    """A file that is to be imported. ``suffix`` is the one that it gets in the library."""

    media: FoundMedia
    facts: PostFacts
    checked: CheckedFile
    report: ProbeReport
    suffix: str

    @property
    def is_sound(self) -> bool:
        return self.report.video_codec is None

    @property
    def canonical_url(self) -> str:
        post = self.facts.post
        return post.canonical_url if post else name_of_file(self.checked.digest.sha256)

    @property
    def date(self) -> datetime:
        """When the file was last changed."""
        return plausible(datetime.fromtimestamp(self.checked.modified_ns // 10**9, UTC))

    @property
    def platform(self) -> str:
        return self.facts.post.platform if self.facts.post else "generic"


def _stored(
    file: _File, job_id: JobId, saved: SavedFile, now: datetime, previous: StoredJob | None
) -> StoredJob:
    """Return the completed job of a file, as the one that the post has already if there is one."""
    facts, before = file.facts, previous.job if previous else None
    item = Item(type=ItemType.AUDIO if file.is_sound else ItemType.VIDEO, chapters=facts.chapters)
    attempt = max(1, before.attempt_count) if before else 1
    job = Job(
        id=job_id,
        trace_id=before.trace_id if before else new_trace_id(),
        post_url=facts.post.url if facts.post else file.canonical_url,
        canonical_url=file.canonical_url,
        platform=file.platform,
        status=JobStatus.COMPLETED,
        created_at=before.created_at if before else now,
        updated_at=now,
        version=before.version if before else 1,
        attempt_count=attempt,
        max_attempts=max(attempt, before.max_attempts) if before else attempt,
        completed_at=now,
        progress_pct=100,
        stage=Stage.COMPLETE,
        bytes_done=saved.bytes,
        bytes_total=saved.bytes,
        items=(JobItem(item, ItemStatus.SAVED, saved),),
        metadata={
            "title": facts.title,
            "text": facts.text,
            "published_at": facts.published_at.isoformat() if facts.published_at else None,
            "post_id": facts.post.post_id if facts.post else None,
            **({} if facts.published_at else {FILE_DATE: file.date.isoformat()}),
        },
        account=facts.account,
        **saved_values(saved),
    )
    source = Message("imported from %(file)s", file=file.media.relative)
    record = HistoryRecord(
        now, attempt, Stage.COMPLETE, StepOutcome.OK, detail=source, bytes=saved.bytes
    )
    return StoredJob(
        job, (*(previous.history if previous else ()), record), previous.marks if previous else ()
    )


def _result(
    outcome: ImportOutcome,
    media: FoundMedia,
    facts: PostFacts,
    *,
    job: JobId | None = None,
    bytes: int = 0,  # noqa: A002 - as in the record
    detail: str = "",
) -> ImportedFile:
    url = facts.post.url if facts.post else None
    return ImportedFile(outcome, media.relative, url, facts.title, job, bytes, detail)
