"""Brings the library into the layout of the settings, and writes the files for media servers that
are missing.

A post's files are moved one post at a time, while no worker is running: its companions, then its
video, then its row. What is to be moved is a record before anything is: after a kill,
:func:`finish_moves` goes on from there, also when a worker starts. Nothing is replaced. A post that
is not completed stays where it is, since a later attempt may go on with it.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath

from mediavault.core.clock import moment_or_none
from mediavault.core.companions import (
    NFO_SUFFIX,
    SIDECAR_SUFFIX,
    companions,
    sibling,
    split_stem,
)
from mediavault.core.failures import JobNotFound, StoreError
from mediavault.core.job import ItemStatus, Job, JobId, JobItem, JobStatus, saved_files, with_paths
from mediavault.core.logs import get_logger
from mediavault.core.media import MAX_PICTURE_BYTES, PICTURE_SUFFIXES, Item, SavedFile
from mediavault.core.messages import Message
from mediavault.core.name_template import NamedPost, account_folder, named_post
from mediavault.core.records import RecordKind
from mediavault.core.settings import ChangeableSettings
from mediavault.core.shows import Episode, Layout, episode_of
from mediavault.library.companion_files import exists, read_small
from mediavault.library.nfo import ServerFile, server_files
from mediavault.library.port import Library
from mediavault.library.sidecars import FILE_DATE, job_id_of, with_place, write_sidecar
from mediavault.platforms.registry import site_title
from mediavault.store.bulk import iter_jobs
from mediavault.store.episodes import EpisodePreview, EpisodeRecords, folder_and_stem
from mediavault.store.port import JobQuery, Store
from mediavault.store.profiles import profile_in_force

PAGE = 100
RACES = 5

OnJobs = Callable[[int], None]

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Move:
    """A video that is moved, from ``source`` to ``target`` in the library."""

    job: JobId
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class PostMove:
    """Where the files of one post go, by their old paths."""

    companions: dict[str, str]
    videos: dict[str, str]

    def add(self, saved: SavedFile, target: str) -> None:
        """Add a video with its companions. Its NFO is written again,
        since it depends on the layout.
        """
        self.videos[saved.output_path] = target
        stem = split_stem(target)[0]
        for path in companions(saved.output_path, saved.thumbnail_path, saved.beside):
            if not path.endswith(NFO_SUFFIX):
                self.companions[path] = stem + split_stem(path)[1]


@dataclass(slots=True)
class Arranged:
    """The counts of one run, updated while its moves are read."""

    jobs: int = 0
    moved: int = 0  # videos
    written: int = 0  # files for media servers
    missing: int = 0  # videos that are not in the library, and stay unmoved
    left: int = 0  # videos of posts that are not completed, or in a bucket


@dataclass(slots=True)
class Arrangement:
    """One run. With ``dry_run`` nothing is changed. ``can_move``: the library is a folder."""

    store: Store
    library: Library
    settings: ChangeableSettings
    can_move: bool
    dry_run: bool = False
    on_jobs: OnJobs = lambda _: None
    done: Arranged = field(default_factory=Arranged)
    _left_shows: set[Episode] = field(default_factory=set)
    _shows: set[str] = field(default_factory=set)  # folders with a video that had to stay

    async def run(self) -> AsyncIterator[Move]:
        """Yield every move when it is done, the newest post's first.
        Raises StorageFailure, NoSpace, StoreError.
        """
        if self.can_move and not self.dry_run:
            await finish_moves(self.store, self.library, nfo=self.settings.nfo)
        records: EpisodeRecords = (
            EpisodePreview(self.store.records) if self.dry_run else self.store.records
        )
        async for job in iter_jobs(self.store.catalogue, JobQuery(limit=PAGE)):
            for move in await self._arrange(job, records):
                self.done.moved += 1
                yield move
            self.done.jobs += 1
            self.on_jobs(1)
        for episode in self._left_shows:
            if episode.show not in self._shows:
                await self.library.remove(*_files_of_show(episode))

    async def _arrange(self, job: Job, records: EpisodeRecords) -> list[Move]:
        saved = saved_files(job)
        misplaced = [index for index, file in saved.items() if self._is_misplaced(file)]
        if misplaced and (job.status is not JobStatus.COMPLETED or not self.can_move):
            self.done.left += len(misplaced)
            self._shows |= {saved[index].output_path.partition("/")[0] for index in misplaced}
            misplaced = []
        moves, files = list[Move](), PostMove({}, {})
        for index in misplaced:
            if not await exists(self.library, saved[index].output_path):
                self.done.missing += 1
                continue
            target = await self._target(job, index, saved[index], records)
            moves.append(Move(job.id, saved[index].output_path, target))
            files.add(saved[index], target)
        if not self.dry_run and moves:
            await self.store.records.put(RecordKind.ARRANGING, job.id, asdict(files))
            await _finish(self.store, self.library, job.id, files, nfo=self.settings.nfo)
            self._left_shows |= {
                episode for move in moves if (episode := _season_of(move.source)) is not None
            }
        elif self.settings.nfo and not moves:
            self.done.written += await write_server_files(job, self.library, dry_run=self.dry_run)
        return moves

    def _is_misplaced(self, saved: SavedFile) -> bool:
        """Whether the video is in the other layout. One of the right layout stays, whatever
        template named it.

        A picture is not an episode of a show.
        """
        if saved.is_picture:
            return False
        return (episode_of(saved.output_path) is None) == (self.settings.layout is Layout.SHOWS)

    async def _target(self, job: Job, index: int, saved: SavedFile, records: EpisodeRecords) -> str:
        profile = await profile_in_force(
            self.store.records, job.profile, self.settings, job.platform
        )
        folder, stem = await folder_and_stem(
            _named_post(job, index),
            account_folder(job.account),
            job.id,
            index,
            layout=self.settings.layout,
            template=profile.name_template or self.settings.name_template,
            records=records,
        )
        return await self.library.free_name(folder, stem, PurePosixPath(saved.output_path).suffix)


def _named_post(job: Job, index: int) -> NamedPost:
    """Return what the names of an item's video may contain."""
    saved = [
        number for number, item in enumerate(_items(job)) if item.status is not ItemStatus.SKIPPED
    ]
    known, account = job.metadata, job.account
    return named_post(
        job_id=job.id,
        canonical_url=job.canonical_url,
        post_id=known.get("post_id"),
        platform=account.platform if account else job.platform,
        account=account,
        published=moment_or_none(known.get("published_at") or known.get(FILE_DATE))
        or job.created_at,
        title=known.get("title") or known.get("text"),
        number=saved.index(index) + 1,
        count=len(saved),
    )


def _items(job: Job) -> tuple[JobItem, ...]:
    """Return the job's items; a row older than items has one video."""
    return job.items or (JobItem(Item()),)


def _season_of(path: str) -> Episode | None:
    episode = episode_of(path)
    return Episode(episode.show, episode.season, 0) if episode else None


def _files_of_show(left: Episode) -> list[str]:
    """Return the files that make a folder a show and a season.
    The account's folder keeps its poster and fanart.
    """
    season = f"{left.season:04}"
    pictures = (f"{left.show}/season{season}-poster", f"{left.folder}/Season{season}")
    nfos = [f"{left.show}/tvshow.nfo", f"{left.folder}/season.nfo"]
    return nfos + [picture + suffix for picture in pictures for suffix in PICTURE_SUFFIXES]


# --- one post -------------------------------------------------------------------------------------


async def finish_moves(store: Store, library: Library, *, nfo: bool) -> int:
    """Finish the moves that a kill has interrupted; returns how many posts there were.
    Raises StorageFailure, StoreError.
    """
    begun = await store.records.all(RecordKind.ARRANGING)
    for record in begun:
        await _finish(store, library, JobId(record.key), PostMove(**record.value), nfo=nfo)
    if begun:
        log.info("moves_finished", posts=len(begun))
    return len(begun)


async def _finish(
    store: Store, library: Library, job_id: JobId, move: PostMove, *, nfo: bool
) -> None:
    """Move the files of a post, as far as that is not done yet, and then its row.
    Safe to repeat.
    """
    names = {**move.companions, **move.videos}
    for old, new in move.companions.items():
        await library.move(old, new)
    job = await _job(store, job_id)
    if job is not None and nfo:
        await write_server_files(with_paths(job, names), library)
    for old, new in move.videos.items():
        await library.move(old, new)
    # removed in the meantime, or a name was taken
    if job is None or not await _have_moved(library, move.videos):
        for old, new in names.items():
            await library.move(new, old)
    else:
        await _relocate(store, job_id, names)
        await _update_sidecars(store, library, job_id)
        await library.remove(*(sibling(old, NFO_SUFFIX) for old in move.videos))
    await store.records.remove(RecordKind.ARRANGING, job_id)


async def _have_moved(library: Library, videos: Mapping[str, str]) -> bool:
    return all(
        [
            await exists(library, new) and not await exists(library, old)
            for old, new in videos.items()
        ]
    )


async def _relocate(store: Store, job_id: JobId, names: Mapping[str, str]) -> None:
    """Store the new paths, again if another process has changed the row in between.
    Raises StoreError.
    """
    for _ in range(RACES):
        job = await _job(store, job_id)
        if (
            job is None
            or (moved := with_paths(job, names)) == job
            or await store.catalogue.relocate(moved)
        ):
            return
    raise StoreError(Message("Job %(job)s kept changing while its files were moved.", job=job_id))


async def _update_sidecars(store: Store, library: Library, job_id: JobId) -> None:
    """Write into a post's sidecars where their videos are."""
    if (job := await _job(store, job_id)) is None:
        return
    for saved in saved_files(job).values():
        path = sibling(saved.output_path, SIDECAR_SUFFIX)
        facts = await library.read_json(path)
        if facts is not None and job_id_of(facts) == job_id:
            async with library.staging.folder(job_id, secrets.randbelow(1 << 31)) as folder:
                await library.place_json(with_place(facts, saved), path, via=folder)


async def _job(store: Store, job_id: JobId) -> Job | None:
    with suppress(JobNotFound):
        return await store.catalogue.get(job_id)
    return None


async def write_server_files(job: Job, library: Library, *, dry_run: bool = False) -> int:
    """Write the files for media servers that a post's videos lack; returns how many there were."""
    written, site = 0, site_title(job.platform, job.canonical_url)
    for index, saved in saved_files(job).items():
        saved_at = job.completed_at or job.updated_at
        facts = write_sidecar(job, None, _items(job), index, saved, saved_at=saved_at)
        has_picture = saved.thumbnail_path is not None and await exists(
            library, saved.thumbnail_path
        )
        files = server_files(facts, b"" if has_picture else None, site=site)
        lacking = [file for file in files if await _lacks(library, file)]
        if dry_run or not lacking:
            written += len(lacking)
            continue
        path = saved.thumbnail_path if has_picture else None
        picture = await read_small(library, path, MAX_PICTURE_BYTES) if path is not None else None
        async with library.staging.folder(job.id, secrets.randbelow(1 << 31)) as folder:
            for file in server_files(facts, picture, site=site):
                written += await library.place_bytes(
                    file.body, file.path, via=folder, unless=file.unless
                )
    return written


async def _lacks(library: Library, file: ServerFile) -> bool:
    return not any([await exists(library, path) for path in (file.path, *file.unless)])
