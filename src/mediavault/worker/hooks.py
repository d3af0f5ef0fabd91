"""The ports by which features take part in an attempt. The composition root provides them; the worker knows no feature."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mediavault.core.failures import Failure
from mediavault.core.job import Job
from mediavault.core.media import Candidate, DownloadedFile, Extraction
from mediavault.download.port import RecordingOrder

if TYPE_CHECKING:
    from mediavault.worker.attempt import Attempt


class ItemRecording(Protocol):
    """The recording of one item of a post in one attempt, if its stream is running or was begun to be recorded."""

    @property
    def order(self) -> RecordingOrder | None:
        """What a download is given with each request; None if a running stream is not to be recorded."""

    def has_progress(self) -> bool:
        """Return whether this attempt has recorded something since the last call."""

    async def ends_with(self, failure: Failure) -> bool:
        """End the recording with what there is, because of a failure that no strategy could avoid; return whether it ends."""

    async def save(self, candidate: Candidate, file: DownloadedFile) -> None:
        """Store with the job what was recorded in a file that was downloaded."""


class NoRecording:
    """The item's stream is not recorded."""

    order = None

    def has_progress(self) -> bool:
        """See the port."""
        return False

    async def ends_with(self, _failure: Failure) -> bool:
        """See the port."""
        return False

    async def save(self, _candidate: Candidate, _file: DownloadedFile) -> None:
        """See the port."""


def _record_nothing(_attempt: Attempt, _index: int) -> AbstractAsyncContextManager[ItemRecording]:
    return nullcontext(NoRecording())


async def _nothing(*_: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Hooks:
    """What features do at these moments of an attempt; without them nothing happens.

    ``on_read``: the post has been read; raises LeaseLost if nobody wants it now. ``recording_of``: an item is to be downloaded,
    until the context ends. ``before_complete``: all of the post's videos are in the library, and the job is completed next;
    the extraction is None if an earlier attempt's is not known; may raise StorageFailure. ``on_saved``: a video is in the
    library; never raises a failure.
    """

    on_read: Callable[[Job, Extraction], Awaitable[None]] = _nothing
    recording_of: Callable[[Attempt, int], AbstractAsyncContextManager[ItemRecording]] = _record_nothing
    before_complete: Callable[[Attempt, Extraction | None], Awaitable[None]] = _nothing
    on_saved: Callable[[], Awaitable[None]] = _nothing
