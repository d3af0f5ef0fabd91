"""Stage 4, first half: which of the post's items are to be saved. Ranking then chooses a candidate of each."""

from __future__ import annotations

from mediavault.core.failures import Failure
from mediavault.core.job import Stage
from mediavault.extraction.ranking import items_to_save
from mediavault.worker.attempt import Attempt


async def pick_items(attempt: Attempt) -> None:
    """Record the post's items in the attempt. Raises NoVideo, and Ambiguous when a user must choose.

    The candidates are saved even then, because the user chooses from them.
    """
    try:
        items_to_save(attempt.extraction, attempt.tools.profile.types)
    except Failure as failure:
        if attempt.extraction.others:
            await attempt.checkpoint(None)
        async with attempt.recorder.step(Stage.CHOOSE):
            raise failure
    types = attempt.tools.profile.types
    attempt.items.merge(attempt.extraction, types, others_too=attempt.tools.save_quoted)
