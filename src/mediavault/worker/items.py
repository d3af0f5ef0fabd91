"""The items of a job's post during one attempt: which are to be saved, which are saved, and how the
attempt ends.

A post with one video has one item; nothing else in the worker distinguishes the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import timedelta

from mediavault.core.failures import (
    ErrorCode,
    Failure,
    NeedsPerson,
    Partial,
    PartialSoFar,
    ProxyFailed,
    Retryable,
    Stops,
)
from mediavault.core.job import ItemStatus, Job, JobItem, own_file
from mediavault.core.media import (
    VIDEO_TYPES,
    Expected,
    Extraction,
    Item,
    ItemRole,
    ItemType,
    Ownership,
    SavedFile,
)
from mediavault.core.messages import Message, join


@dataclass(slots=True)
class PostItems:
    """The items of one post. ``items`` is what the job's row says,
    or will say after the next write.
    """

    items: tuple[JobItem, ...] = ()
    failures: list[Failure] = field(default_factory=list)

    def merge(
        self, extraction: Extraction, types: Set[ItemType] = VIDEO_TYPES, *, others_too: bool
    ) -> None:
        """Take the items of an extraction. Saved items stay saved, items that failed in this
        attempt stay failed, and what an earlier extraction announced holds unless this one says
        something stronger.

        Items of these types are to be saved. ``others_too`` also saves those of quoted and reposted
        posts. Saved items that the extraction lacks, such as those of an earlier choice, follow its
        own.
        """
        wanted = set(map(id, extraction.media(types)))
        known = [
            _known(item, index, self.items, len(extraction.items))
            for index, item in enumerate(extraction.items)
        ]
        left = [item for item in self.items if _is_saved_elsewhere(item, known)]
        of_lone_video = _announced_of_lone_video(self.items, extraction.videos)
        planned = [
            _planned(
                replace(item, expected=announced.completed_by(item.expected)),
                before,
                is_wanted=id(item) in wanted or (others_too and _is_of_other_post(item, types)),
            )
            for item, before in zip(extraction.items, known, strict=True)
            for announced in [
                before.item.expected
                if before is not None
                else of_lone_video.get(id(item), Expected())
            ]
        ]
        self.items = (*planned, *left)

    @property
    def next(self) -> int | None:
        """The index of the first item that is still to be saved; None when there is none."""
        return next(
            (index for index, item in enumerate(self.items) if item.status is ItemStatus.WAITING),
            None,
        )

    @property
    def is_whole(self) -> bool:
        """Whether every item that was to be saved is saved."""
        return all(item.status in (ItemStatus.SAVED, ItemStatus.SKIPPED) for item in self.items)

    @property
    def first_saved(self) -> SavedFile | None:
        return next((item.saved for item in self.items if item.status is ItemStatus.SAVED), None)

    def count_of(self, index: int) -> tuple[int, int]:
        """The item's number among the items to be saved, from 1, and their count."""
        wanted = [
            number
            for number, item in enumerate(self.items)
            if item.status is not ItemStatus.SKIPPED
        ]
        return wanted.index(index) + 1, len(wanted)

    def announce(self, index: int, expected: Expected) -> None:
        """Complete what is known of an item's file, where this is stronger."""
        item = self.items[index]
        self._put(
            index,
            replace(
                item, item=replace(item.item, expected=item.item.expected.completed_by(expected))
            ),
        )

    def set_status(
        self,
        index: int,
        status: ItemStatus,
        *,
        saved: SavedFile | None = None,
        despite: Failure | None = None,
    ) -> None:
        """Set an item's status and file. ``despite`` is why the file would have been refused;
        it stays with a commit.
        """
        before = self.items[index]
        if despite is not None:
            reason: tuple[ErrorCode | None, str | None] = (despite.code, despite.message)
        elif status is ItemStatus.SAVED and before.status is ItemStatus.COMMITTING:
            reason = (before.error_code, before.error)
        else:
            reason = (None, None)
        self._put(index, JobItem(before.item, status, saved, *reason))

    def mark_failed(self, index: int, failure: Failure) -> bool:
        """Record why an item could not be saved; False when the items after it must not be tried.

        A commit that failed because of the disk stays ``committing``: its file may already be in
        the library.
        """
        self.failures.append(failure)
        item = self.items[index]
        if not (item.status is ItemStatus.COMMITTING and failure.spec.stops is Stops.WORKER):
            self._put(
                index,
                JobItem(item.item, ItemStatus.FAILED, item.saved, failure.code, failure.message),
            )
        return failure.spec.stops is Stops.NOTHING

    def _put(self, index: int, item: JobItem) -> None:
        self.items = (*self.items[:index], item, *self.items[index + 1 :])

    def to_failure(self) -> Failure:
        """The failure of the attempt when not everything was saved; its ``causes`` are the other
        failures.

        With one item it is that item's failure.
        """
        summed_up = self._sum_up()
        summed_up.causes = tuple(failure for failure in self.failures if failure is not summed_up)
        return summed_up

    def _sum_up(self) -> Failure:
        saved = sum(item.status is ItemStatus.SAVED for item in self.items)
        wanted = sum(item.status is not ItemStatus.SKIPPED for item in self.items)
        first = self.failures[0]
        if wanted == 1 or (not saved and len({failure.code for failure in self.failures}) == 1):
            return first
        missing = [
            Message("File %(number)d: %(error)s", number=self.count_of(index)[0], error=item.error)
            for index, item in enumerate(self.items)
            if item.status is ItemStatus.FAILED
        ]
        message = join(
            " ",
            [Message("%(saved)d of %(wanted)d files saved.", saved=saved, wanted=wanted), *missing],
        )
        stopped = next(
            (
                failure
                for failure in self.failures
                if failure.spec.stops is Stops.WORKER or _is_for_all(failure)
            ),
            None,
        )
        if stopped is not None:
            return stopped
        if any(isinstance(failure, Retryable) for failure in self.failures):
            return PartialSoFar(message, retry_after=_longest_wait(self.failures))
        return Partial(message)


def _is_for_all(failure: Failure) -> bool:
    """Whether the items after it were not tried, and can be saved once a user has acted or the
    proxy works again.
    """
    return failure.spec.stops is Stops.POST and isinstance(failure, NeedsPerson | ProxyFailed)


def _longest_wait(failures: Sequence[Failure]) -> timedelta | None:
    return max(
        (failure.retry_after for failure in failures if failure.retry_after is not None),
        default=None,
    )


def _is_of_other_post(item: Item, types: Set[ItemType]) -> bool:
    return item.type in types and item.role in (ItemRole.QUOTED, ItemRole.REPOSTED)


def _planned(item: Item, existing: JobItem | None, *, is_wanted: bool) -> JobItem:
    plain = replace(item, candidates=())
    if existing is not None and existing.status in (ItemStatus.SAVED, ItemStatus.FAILED):
        return replace(existing, item=plain)
    planned = existing.saved if existing is not None else None
    return (
        JobItem(plain, ItemStatus.WAITING, planned)
        if is_wanted
        else JobItem(plain, ItemStatus.SKIPPED)
    )


def _announced_of_lone_video(
    previous: Sequence[JobItem], now: Sequence[Item]
) -> Mapping[int, Expected]:
    """Return what was announced of a post's only video, by the id() of its only video now, unless
    the user chose that.

    The same video has another media id, or none, in the reading of another extractor.
    """
    before = [
        one.item
        for one in previous
        if one.item.is_video
        and one.item.role is ItemRole.MAIN
        and one.status is not ItemStatus.SKIPPED
    ]
    if (
        len(before) != 1
        or len(now) != 1
        or any(c.ownership is Ownership.CHOSEN for c in now[0].candidates)
    ):
        return {}
    return {id(now[0]): before[0].expected}


def _is_saved_elsewhere(item: JobItem, known: Sequence[JobItem | None]) -> bool:
    """Whether an earlier extraction's item is saved and is, by its media id,
    none of the current one's.
    """
    is_saved = item.status is ItemStatus.SAVED and item.item.media_id is not None
    return is_saved and not any(item is one for one in known)


def _known(item: Item, index: int, previous: Sequence[JobItem], count: int) -> JobItem | None:
    """Return the same item of an earlier extraction, by its media id,
    or by its index if the count is unchanged.
    """
    if item.media_id is not None:
        by_id = next(
            (candidate for candidate in previous if candidate.item.media_id == item.media_id), None
        )
        if by_id is not None:
            return by_id
    if len(previous) == count and (item.media_id is None or previous[index].item.media_id is None):
        return previous[index]
    return None


def items_of(job: Job) -> PostItems:
    """Return the items at the start of an attempt: those saved or being committed stay,
    all others are tried again.
    """
    settled = (ItemStatus.SAVED, ItemStatus.SKIPPED, ItemStatus.COMMITTING)
    if (
        not job.items and (unfinished := own_file(job)) is not None
    ):  # written by a version that saved one video per post
        return PostItems((JobItem(Item(), ItemStatus.COMMITTING, unfinished),))
    return PostItems(
        tuple(
            item if item.status in settled else JobItem(item.item, saved=item.saved)
            for item in job.items
        )
    )
