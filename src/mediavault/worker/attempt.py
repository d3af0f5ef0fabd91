"""One attempt at a job: what is known about the post, and what the stages work with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from mediavault.core.job import ClaimedJob
from mediavault.core.media import Candidate, Extraction, Item
from mediavault.worker.checkpoint import checkpoint_of
from mediavault.worker.context import WorkerContext
from mediavault.worker.items import PostItems
from mediavault.worker.recorder import AttemptRecorder
from mediavault.worker.stages.route import Route


@dataclass(slots=True)
class Attempt:
    """The state that the stages share. ``route`` and ``extraction`` are set by the stages of these
    names.

    ``beside`` are files that go next to an item's own, each with the suffix that replaces that
    file's. ``starts`` is of the items whose file this attempt examined: where the rest of its
    pictures begins, see ``store.file_checks``.

    ``extraction`` is the newest one: the strategy ``fresh`` replaces it, for the following items
    too.
    """

    recorder: AttemptRecorder
    context: WorkerContext
    staging: Path
    items: PostItems
    # of items: suffixes and staged files
    beside: dict[int, list[tuple[str, Path]]] = field(default_factory=dict)
    starts: dict[int, int | None] = field(default_factory=dict)
    route: Route = field(init=False)
    extraction: Extraction = field(init=False)

    @property
    def downloads(self) -> Path:
        """The folder below ``staging`` that each strategy begins with empty."""
        return self.staging / "media"

    @property
    def claim(self) -> ClaimedJob:
        return self.recorder.claim

    def item(self, index: int) -> Item:
        """Return an item of the newest extraction, with what all extractions announced about it."""
        return replace(self.extraction.items[index], expected=self.items.items[index].item.expected)

    async def choose(self, index: int, candidate: Candidate) -> None:
        """Save what is known, with the item's candidate that is tried next.
        The length that it lists holds from now on.
        """
        self.items.announce(index, candidate.listed)
        await self.checkpoint(candidate)

    async def checkpoint(self, chosen: Candidate | None) -> None:
        """Save what is known, with the candidate that is tried next if there is one."""
        await self.context.store.queue.checkpoint(
            self.claim, checkpoint_of(self.extraction, self.items.items, chosen=chosen)
        )
