"""Lets searches find a post by what is said in its videos, once their subtitles are in the library."""

from __future__ import annotations

from collections.abc import Sequence

from mediavault.core.companions import language_of, sibling
from mediavault.core.job import JobId, JobItem
from mediavault.library.companion_files import read_cues
from mediavault.store.search_words import WordSource
from mediavault.store.spoken import put_texts
from mediavault.worker.context import WorkerContext


async def index_spoken(job_id: JobId, items: Sequence[JobItem], tools: WorkerContext) -> None:
    """Index the words of all subtitle files of a post's saved videos. Raises StorageFailure."""
    saved = [item.kept for item in items if item.kept is not None]
    paths = [sibling(kept.output_path, suffix) for kept in saved for suffix in kept.beside if language_of(suffix)]
    texts = [cue.text for path in paths for cue in await read_cues(tools.vault, path)]
    await put_texts(tools.store.catalogue, job_id, WordSource.SUBTITLES, texts)
