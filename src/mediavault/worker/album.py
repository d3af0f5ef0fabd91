"""The items of a job's post during one attempt: which are to be saved, which are kept, what the attempt comes to.

A post with one video is an album of one; nothing else in the worker tells the two apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from mediavault.core.errors import ErrorCode, Failure, NeedsPerson, Partial, PartialSoFar, Retryable
from mediavault.core.job import ItemStatus, Job, JobItem
from mediavault.core.media import Extraction, Item, ItemRole, KeptFile
from mediavault.core.words import counted

# The next item would meet the same: this machine is in the way, or the site wants to be left alone.
_STOPS = frozenset({ErrorCode.NO_SPACE, ErrorCode.STORAGE})
_LEAVE_ALONE = frozenset({ErrorCode.RATE_LIMITED, ErrorCode.ACCOUNT_WARNING, ErrorCode.CHALLENGE})


@dataclass(slots=True)
class Album:
    """``items`` is what the job's row says, or will say after the next write."""

    items: tuple[JobItem, ...] = ()
    failures: list[Failure] = field(default_factory=list)

    def adopt(self, extraction: Extraction, *, others_too: bool) -> None:
        """Take over what an extraction shows. What is kept stays kept, what failed in this attempt stays failed.

        ``others_too`` saves the videos of quoted and reposted posts as well.
        """
        wanted = set(map(id, extraction.videos))
        self.items = tuple(
            _planned(item, _known(item, place, self.items, len(extraction.items)), wanted=wanted, others_too=others_too)
            for place, item in enumerate(extraction.items)
        )

    @property
    def next(self) -> int | None:
        """The place of the first item that is still to be saved."""
        return next((place for place, one in enumerate(self.items) if one.status is ItemStatus.WAITING), None)

    @property
    def is_whole(self) -> bool:
        """Everything that was to be saved is kept."""
        return all(one.status in (ItemStatus.KEPT, ItemStatus.SKIPPED) for one in self.items)

    @property
    def first_kept(self) -> KeptFile | None:
        return next((one.kept for one in self.items if one.status is ItemStatus.KEPT), None)

    def count_of(self, place: int) -> tuple[int, int]:
        """Which one of how many videos that are saved; (1, 1) where there is one."""
        saved = [number for number, one in enumerate(self.items) if one.status is not ItemStatus.SKIPPED]
        return saved.index(place) + 1, len(saved)

    def mark(self, place: int, status: ItemStatus, *, kept: KeptFile | None = None) -> None:
        self._put(place, JobItem(self.items[place].item, status, kept))

    def mark_failed(self, place: int, failure: Failure) -> bool:
        """Note why an item could not be saved; False when the items after it need not be tried.

        A commit that this machine's disk broke off stays begun: its file may stand in the library already.
        """
        self.failures.append(failure)
        one = self.items[place]
        if not (one.status is ItemStatus.COMMITTING and failure.code in _STOPS):
            self._put(place, JobItem(one.item, ItemStatus.FAILED, one.kept, failure.code, failure.message))
        return failure.code not in _STOPS | _LEAVE_ALONE

    def _put(self, place: int, one: JobItem) -> None:
        self.items = (*self.items[:place], one, *self.items[place + 1 :])

    def verdict(self) -> Failure:
        """What the attempt ends with when not all is kept; its ``causes`` are the other failures.

        An album of one tells its own failure.
        """
        summed_up = self._sum_up()
        summed_up.causes = tuple(one for one in self.failures if one is not summed_up)
        return summed_up

    def _sum_up(self) -> Failure:
        kept = sum(one.status is ItemStatus.KEPT for one in self.items)
        wanted = sum(one.status is not ItemStatus.SKIPPED for one in self.items)
        first = self.failures[0]
        if wanted == 1 or (not kept and len({failure.code for failure in self.failures}) == 1):
            return first
        missing = "; ".join(
            f"video {self.count_of(place)[0]}: {one.error}"
            for place, one in enumerate(self.items)
            if one.status is ItemStatus.FAILED
        )
        are_kept = counted(kept, f"of {wanted} videos is kept", f"of {wanted} videos are kept")
        message = f"{are_kept}. {missing[:1].upper()}{missing[1:]}"
        stopped = next((one for one in self.failures if one.code in _STOPS or _awaits_person(one)), None)
        if stopped is not None:
            return stopped
        if any(isinstance(failure, Retryable) for failure in self.failures):
            return PartialSoFar(message, retry_after=_longest_wait(self.failures))
        return Partial(message)


def _awaits_person(failure: Failure) -> bool:
    """The items after it were not tried, and a person's deed lets them come."""
    return failure.code in _LEAVE_ALONE and isinstance(failure, NeedsPerson)


def _longest_wait(failures: Sequence[Failure]) -> timedelta | None:
    return max((one.retry_after for one in failures if one.retry_after is not None), default=None)


def _planned(item: Item, known: JobItem | None, *, wanted: set[int], others_too: bool) -> JobItem:
    plain = replace(item, candidates=())
    if known is not None and known.status in (ItemStatus.KEPT, ItemStatus.FAILED):
        return replace(known, item=plain)
    asked_for = others_too and item.is_video and item.role in (ItemRole.QUOTED, ItemRole.REPOSTED)
    saved = id(item) in wanted or asked_for
    planned = known.kept if known is not None else None
    return JobItem(plain, ItemStatus.WAITING, planned) if saved else JobItem(plain, ItemStatus.SKIPPED)


def _known(item: Item, place: int, before: Sequence[JobItem], count: int) -> JobItem | None:
    """The same item as an earlier look showed it: by its media id, or by its place where the post looks the same."""
    if item.media_id is not None:
        by_id = next((one for one in before if one.item.media_id == item.media_id), None)
        if by_id is not None:
            return by_id
    if len(before) == count and (item.media_id is None or before[place].item.media_id is None):
        return before[place]
    return None


def album_of(job: Job) -> Album:
    """A new attempt's album: what earlier attempts kept or began to commit, and everything else to be tried again."""
    settled = (ItemStatus.KEPT, ItemStatus.SKIPPED, ItemStatus.COMMITTING)
    if not job.items and (begun := kept_of(job)) is not None:  # begun by a version that knew one video a post
        return Album((JobItem(Item(), ItemStatus.COMMITTING, begun),))
    return Album(tuple(one if one.status in settled else JobItem(one.item, kept=one.kept) for one in job.items))


def kept_of(job: Job) -> KeptFile | None:
    """The file that the row itself names."""
    if job.output_path is None or job.sha256 is None or job.bytes is None:
        return None
    return KeptFile(job.output_path, job.thumbnail_path, job.bytes, job.sha256, job.duration_s, job.width, job.height)
