"""What holds back queued jobs, and for how long: the whole queue, or one site."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mediavault.core.clock import LATEST
from mediavault.core.hours import next_midnight, parse_quiet_hours
from mediavault.core.job import Job, JobStatus, Priority
from mediavault.core.settings import ChangeableSettings

WHOLE_QUEUE = "*"  # in the place of a site's name
GB = 1_000_000_000


class HoldReason(StrEnum):
    """Why jobs are held back."""

    PAUSED = "paused"  # by an admin, who also resumes it
    QUIET_HOURS = "quiet_hours"
    DAILY_VOLUME = "daily_volume"  # it is used up


@dataclass(frozen=True, slots=True)
class Hold:
    """Queued jobs are not claimed for this reason: those of ``site``, or all of them if it is None.

    It ends at ``until``; None means until a user ends it. What runs already is never held back, and
    what a user has moved to the front only by a pause.
    """

    why: HoldReason
    site: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def covers(self, job: Job) -> bool:
        """Return whether it holds this job back."""
        is_spared = job.priority is Priority.NOW and self.why is not HoldReason.PAUSED
        return (
            job.status is JobStatus.QUEUED and self.site in (None, job.platform) and not is_spared
        )


def hold_of(job: Job, holds: Iterable[Hold]) -> Hold | None:
    """Return what holds back the job, preferring holds of the whole queue, then the longest;
    None if nothing does.
    """
    covering = [hold for hold in holds if hold.covers(job)]
    return min(
        covering,
        key=lambda hold: (hold.site is not None, -(hold.until or LATEST).timestamp()),
        default=None,
    )


def download_pauses(
    settings: ChangeableSettings, now: datetime, *, volume: int
) -> tuple[Hold, ...]:
    """Return the holds by the clock, and by the ``volume`` of today, in bytes."""
    holds = []
    if (end := parse_quiet_hours(settings.quiet_hours).end_after(now)) is not None:
        holds.append(Hold(HoldReason.QUIET_HOURS, until=end))
    if settings.daily_volume_gb and volume >= settings.daily_volume_gb * GB:
        holds.append(Hold(HoldReason.DAILY_VOLUME, until=next_midnight(now)))
    return tuple(holds)


def is_paused(site: str, paused: Collection[str]) -> bool:
    """Return whether a site's jobs are held back; ``paused`` has the keys of the pauses that are
    stored.
    """
    return WHOLE_QUEUE in paused or site in paused
