"""The other saved posts that have the same video, as a post's page shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mediavault.core.fingerprints import Likeness
from mediavault.core.job import JobId
from mediavault.core.marks import Noted
from mediavault.store.noting import read_noted
from mediavault.store.port import Store
from mediavault.store.twins import read_twins
from mediavault.web.cards import Tile, tile


@dataclass(frozen=True, slots=True)
class SameVideo:
    """Another post, and how alike the videos are."""

    tile: Tile
    likeness: Likeness


async def same_videos(store: Store, user: str, job_id: JobId, title_of: Callable[[str], str]) -> Sequence[SameVideo]:
    """Return the other posts with the same video, identical files first. ``title_of`` returns a site's name."""
    twins = await read_twins(store, job_id)
    noted = await read_noted(store, user, [twin.job.id for twin in twins])
    return [
        SameVideo(
            tile(twin.job, None, noted.get(twin.job.id, Noted()), site=title_of(twin.job.platform)), twin.likeness
        )
        for twin in twins
    ]
