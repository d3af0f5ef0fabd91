"""Stage 4, first half: which of the post's media are to be saved. Which address of each is the ranking's to say."""

from __future__ import annotations

from mediavault.core.errors import Failure
from mediavault.core.job import Stage
from mediavault.services.extraction.ranking import videos_to_save
from mediavault.worker.attempt import Attempt


async def pick_items(attempt: Attempt) -> None:
    """Let the album take over the post's items. Raises NoVideo, and Ambiguous when a person must choose.

    What was seen is saved even then: the person chooses from it.
    """
    try:
        videos_to_save(attempt.extraction)
    except Failure as failure:
        if attempt.extraction.others:
            await attempt.checkpoint(None)
        async with attempt.journal.step(Stage.CHOOSE):
            raise failure
    attempt.album.adopt(attempt.extraction, others_too=attempt.tools.save_quoted)
