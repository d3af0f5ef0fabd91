"""The ports by which features take part in an attempt: the composition root fills them,
the worker knows no feature.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mediavault.core.failures import Failure
from mediavault.core.job import Job
from mediavault.core.media import Candidate, DownloadedFile, Extraction
from mediavault.download.port import RecordingOrder

if TYPE_CHECKING:
    from mediavault.worker.attempt import Attempt


class ItemRecording:
    """The recording of one item of a post in one attempt. This one records nothing.

    ``order`` is given to each download; with None a stream that is running is not recorded.
    """

    order: RecordingOrder | None = None

    def has_progress(self) -> bool:
        """Return whether this attempt has recorded something since the last call."""
        return False

    async def ends_with(self, _failure: Failure) -> bool:
        """End the recording with what it has, after a failure that no strategy could avoid;
        return whether it ends.
        """
        return False

    async def save(self, candidate: Candidate, file: DownloadedFile) -> None:
        """Store with the job what was recorded in a file that was downloaded."""


async def _nothing(*_: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Hooks:
    """What features do at these moments of an attempt; without them nothing happens.

    ``on_read``: the post has been read. Raises LeaseLost if the job is no longer wanted.
    ``recording_of``: an item is downloaded while the context lasts.
    ``before_complete``: all videos are in the library, and the job is completed next. The
    extraction is None after an attempt that was interrupted. Raises StoreError, StorageFailure.
    ``on_saved``: a video is in the library. Never raises a failure.
    """

    on_read: Callable[[Job, Extraction], Awaitable[None]] = _nothing
    recording_of: Callable[[Attempt, int], AbstractAsyncContextManager[ItemRecording]] = (
        lambda _attempt, _index: nullcontext(ItemRecording())
    )
    before_complete: Callable[[Attempt, Extraction | None], Awaitable[None]] = _nothing
    on_saved: Callable[[], Awaitable[None]] = _nothing
