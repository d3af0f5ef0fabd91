"""The comments that were saved with a post, read from the file next to its video."""

from __future__ import annotations

from collections.abc import Sequence

from mediavault.core.companions import COMMENTS_SUFFIX, sibling
from mediavault.core.job import Job
from mediavault.core.media import Comment
from mediavault.library.companion_files import read_comments
from mediavault.server.services import LibraryFiles


async def saved_comments(library: LibraryFiles, job: Job) -> Sequence[Comment]:
    """Return the comments; none where none were saved. Raises StorageFailure."""
    kept = next((item.kept for item in job.items if item.kept and COMMENTS_SUFFIX in item.kept.beside), None)
    return () if kept is None else await read_comments(library, sibling(kept.output_path, COMMENTS_SUFFIX))
