"""One attempt at a job: what it knows of the post, what it works with, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mediavault.core.job import ClaimedJob, RungName
from mediavault.core.media import Candidate, Extraction, Item
from mediavault.services.extraction.person_choice import with_choice
from mediavault.services.extraction.ranking import same_item
from mediavault.worker.album import Album
from mediavault.worker.checkpoint import checkpoint_of
from mediavault.worker.dispatch import Route
from mediavault.worker.journal import Journal
from mediavault.worker.stages.extract import extract_afresh
from mediavault.worker.tools import Tools


@dataclass(slots=True)
class Attempt:
    """``route`` and ``extraction`` are set by the stages of these names.

    ``extraction`` is the newest look at the post: the rung ``fresh`` replaces it, for the items after it too.
    """

    journal: Journal
    tools: Tools
    staging: Path
    album: Album
    route: Route = field(init=False)
    extraction: Extraction = field(init=False)

    @property
    def claim(self) -> ClaimedJob:
        return self.journal.claim

    def item(self, place: int) -> Item:
        return self.extraction.items[place]

    async def look_again(self, place: int, *, rung: RungName) -> int:
        """Extract afresh; answers where the same item stands now. Raises NoVideo when it is not there any more."""
        found = await extract_afresh(self.route, self.tools, self.journal, rung=rung)
        found = with_choice(found, self.claim.job.chosen_url)
        same = same_item(place, self.extraction, found)
        self.extraction = found
        self.album.adopt(found, others_too=self.tools.save_quoted)
        return next(number for number, item in enumerate(found.items) if item is same)

    async def checkpoint(self, chosen: Candidate | None) -> None:
        """Save what is known, with the address that is tried next if there is one."""
        await self.tools.store.checkpoint(self.claim, checkpoint_of(self.extraction, self.album.items, chosen=chosen))
