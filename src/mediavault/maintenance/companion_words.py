"""Lets searches find posts by the words of files next to their videos: of subtitles and of
comments.

What a worker saves and what is imported has its words at once. Once a day one worker looks through
the library for such files of posts without these words: an older release or a hand put them there.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta

from mediavault.core.clock import Clock, moment_or_none
from mediavault.core.companions import COMMENTS_SUFFIX, language_of, sibling, split_stem
from mediavault.core.job import Job, JobId, saved_files
from mediavault.core.logs import get_logger
from mediavault.core.media import SavedFile
from mediavault.core.records import RecordKind
from mediavault.library.companion_files import read_comments, read_cues
from mediavault.library.port import Library
from mediavault.maintenance.checking import require_library
from mediavault.maintenance.findings import WITH_FILES
from mediavault.store.bulk import iter_pages
from mediavault.store.port import JobOrder, JobQuery, Store
from mediavault.store.search_words import WordSource, distinct_line

ROUND_S = 600.0
EVERY = timedelta(days=1)
KEY = "words"
PAGE = 200
MAX_FILES = 40  # of one video

log = get_logger(__name__)


async def index_if_due(store: Store, library: Library, clock: Clock) -> int:
    """Index what has no words yet, once a day; returns how many posts.
    Raises StorageFailure and StoreError.
    """
    now = clock.now()
    record = await store.records.get(RecordKind.CHECK_POSITION, KEY)
    last = moment_or_none(record.value.get("at")) if record else None
    # one in the future was written while a clock was wrong
    if last is not None and last <= now < last + EVERY:
        return 0
    await require_library(library)
    value = {"at": now.isoformat()}
    if not await store.records.replace(
        RecordKind.CHECK_POSITION, KEY, value, if_value=record.value if record else None
    ):
        return 0  # another worker was faster
    try:
        return await index_words(store, library)
    except BaseException:
        await store.records.remove(RecordKind.CHECK_POSITION, KEY)
        raise


async def index_words(store: Store, library: Library, *, again: bool = False) -> int:
    """Give every post the words of the files next to its videos; returns how many posts have got
    some.

    With ``again`` also those that have words: a file may have been added, changed or removed.
    Raises StorageFailure.
    """
    files = await _files(library)
    indexed = 0
    if not files and not again:
        return 0
    async for jobs in iter_pages(
        store.catalogue, JobQuery(WITH_FILES, order=JobOrder.OLDEST, limit=PAGE)
    ):
        words = await store.catalogue.words_of([job.id for job in jobs])
        for job in jobs:
            known, has_new = words.get(job.id, {}), False
            for source in WordSource:
                paths = _paths_of(job, source, files)
                if (paths and source not in known) or (again and (paths or source in known)):
                    await _put_words(store, library, job.id, source, paths)
                    has_new |= bool(paths)
            indexed += has_new
    if indexed:
        log.info("words_indexed", jobs=indexed)
    return indexed


async def index_beside(store: Store, library: Library, job_id: JobId, *videos: SavedFile) -> None:
    """Give a post the words of the files next to its videos, as its row names them.
    Raises StorageFailure.
    """
    for source in WordSource:
        paths = [
            sibling(saved.output_path, suffix)
            for saved in videos
            for suffix in saved.beside
            if _source_of(suffix) is source
        ]
        if paths:
            await _put_words(store, library, job_id, source, paths)


async def _files(library: Library) -> dict[tuple[WordSource, str], list[str]]:
    """Return the files with words, by what they are and by the stem that they share with their
    video.
    """
    files: dict[tuple[WordSource, str], list[str]] = defaultdict(list)
    async for file in library.walk():
        stem, suffix = split_stem(file.path)
        if (source := _source_of(suffix)) is not None:
            files[source, stem].append(file.path)
    return files


def _source_of(suffix: str) -> WordSource | None:
    if suffix == COMMENTS_SUFFIX:
        return WordSource.COMMENTS
    return WordSource.SUBTITLES if language_of(suffix) else None


def _paths_of(
    job: Job, source: WordSource, files: Mapping[tuple[WordSource, str], Sequence[str]]
) -> Sequence[str]:
    stems = [split_stem(saved.output_path)[0] for saved in saved_files(job).values()]
    return [path for stem in stems for path in sorted(files.get((source, stem), ()))[:MAX_FILES]]


async def _put_words(
    store: Store, library: Library, job_id: JobId, source: WordSource, paths: Sequence[str]
) -> None:
    """Let searches find a post by the texts of these files, in any language,
    and by no former ones of the source.
    """
    read = read_comments if source is WordSource.COMMENTS else read_cues
    texts = [one.text for path in paths for one in await read(library, path)]
    await store.catalogue.put_words(job_id, source, await asyncio.to_thread(distinct_line, texts))
