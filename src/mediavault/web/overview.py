"""The contents of the home page, read from the store and formatted for display."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from mediavault.core.bandwidth import parse_bandwidth, rate_in_words
from mediavault.core.clock import EARLIEST
from mediavault.core.failures import CAUSES, FAILURES, Cause, Certainty, ErrorCode, Remedy
from mediavault.core.holds import Hold, HoldReason
from mediavault.core.job import Job, JobId, JobStatus, Stage
from mediavault.core.marks import position
from mediavault.core.records import RecordKind
from mediavault.features.following.inbox import read_inbox
from mediavault.features.jobs.library_filter import LibraryFilter, LibraryView, address
from mediavault.presentation.schemas import JobView
from mediavault.presentation.translation import gettext as _
from mediavault.presentation.translation import ngettext
from mediavault.presentation.views import finished, job_view
from mediavault.server.services import ApiServices
from mediavault.store.bulk import existing_jobs
from mediavault.store.mark_changes import read_marks
from mediavault.store.port import FailureGroup, JobOrder, JobQuery, StoreReport
from mediavault.store.waiting_jobs import still_asking
from mediavault.web.cards import site_name

WORKING = 24  # cards at most
WAITING = 5
NEWS = 12
RECENT = 12
WATCHING = 6
DAMAGED = 5
PACE_OVER = timedelta(minutes=10)
ENOUGH_FOR_A_PACE = 3  # completions
_RESULTS = (JobStatus.COMPLETED, JobStatus.FAILED)
_UNDER_WAY = (JobStatus.QUEUED, JobStatus.RUNNING)

ICONS: Mapping[Remedy, str] = {
    Remedy.SIGN_IN: "key",
    Remedy.LOOK: "shield",
    Remedy.ANSWER: "hand",
    Remedy.CHOOSE: "hand",
    Remedy.ACCEPT: "hand",
    Remedy.SPACE: "disk",
    Remedy.RETRY: "retry",
    Remedy.NOTHING: "cross",
}


@dataclass(frozen=True, slots=True)
class Button:
    """A button and its address. ``method`` is ``post`` when it changes something."""

    label: str
    address: str
    method: Literal["get", "post"] = "get"


@dataclass(frozen=True, slots=True)
class FailureView:
    """A group of failures as it is displayed. ``way`` is the button that helps;
    None when nothing does.
    """

    key: str
    platform: str
    title: str
    hint: str
    still_asked: Sequence[str]  # sites that asked for a sign-in again after the last one
    icon: str
    jobs: int
    next_retry_at: datetime | None
    examples: list[JobView]
    way: Button | None
    can_retry: bool  # in addition to the remedy, or as the remedy
    all_of_it: str  # address of the whole list


@dataclass(frozen=True, slots=True)
class ResultView:
    """How a post ended. ``way`` is the best action on a failure, if any helps."""

    job: JobView
    at: datetime
    way: Button | None
    can_retry: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """The contents of the home page. ``working`` and ``waiting`` are the first jobs of each.

    ``left`` counts the jobs that are running or queued; ``left_s`` estimates how long they take,
    None if nothing tells, and while any of them are held back. ``needs`` leaves out the failures
    that ``just_now`` shows; ``others`` counts all further failures.
    """

    counts: Mapping[JobStatus, int]
    working: list[JobView]
    waiting: list[JobView]
    holds: Sequence[Hold]
    limit: str  # on all downloads together; "" for none
    left: int
    left_s: float | None
    is_awaited: bool  # whether this browser submitted one of them
    just_now: list[ResultView]
    watching: list[JobView]  # what the user stopped watching in the middle, the latest first
    # saved posts that the user has not seen, with when they came
    news: list[tuple[JobView, datetime]]
    recent: list[JobView]
    needs: list[FailureView]
    others: int
    damaged: int  # posts with damaged files
    damaged_examples: list[JobView]

    @property
    def queue_hold(self) -> Hold | None:
        """What holds back the whole queue, if anything does."""
        return next((hold for hold in self.holds if hold.site is None), None)

    @property
    def timed_hold(self) -> Hold | None:
        """What holds the queue back for the longest of what ends by itself."""
        return max(
            (hold for hold in self.holds if hold.until),
            key=lambda hold: hold.until or EARLIEST,
            default=None,
        )

    @property
    def is_paused(self) -> bool:
        """Whether an admin has paused the whole queue."""
        return any(hold.site is None and hold.why is HoldReason.PAUSED for hold in self.holds)

    @property
    def can_start(self) -> bool:
        """Whether one of the jobs that are next is not held back."""
        return any(job.hold is None for job in self.waiting)

    @property
    def is_new(self) -> bool:
        """Whether nothing has been saved yet."""
        return not self.counts.get(JobStatus.COMPLETED)


async def overview(
    services: ApiServices, report: StoreReport, submitted: Sequence[JobId], user: str
) -> Overview:
    """Return the contents for a user; ``submitted`` are the posts that this browser submitted
    last.
    """
    store, counts = services.store, report.counts
    working, waiting, recent, failures, damaged, news = await asyncio.gather(
        store.catalogue.jobs(JobQuery((JobStatus.RUNNING,), order=JobOrder.OLDEST, limit=WORKING)),
        store.catalogue.next_queued(limit=WAITING),
        store.catalogue.jobs(JobQuery((JobStatus.COMPLETED,), limit=RECENT)),
        store.catalogue.failures(),
        store.records.all(RecordKind.DAMAGED),
        read_inbox(store, user, cursor=None, limit=NEWS, only_news=True),
    )
    holds = await services.holds()
    limit = parse_bandwidth((await services.live.current()).bandwidth).at(services.clock.now())
    running, queued = counts.get(JobStatus.RUNNING, 0), counts.get(JobStatus.QUEUED, 0)
    is_held = any(hold.site is None or report.waiting.get(hold.site) for hold in holds)
    sent = [job async for job in existing_jobs(store.catalogue, submitted)]
    results = [job for job in sent if job.status in _RESULTS]
    examples = existing_jobs(store.catalogue, [JobId(record.key) for record in damaged[:DAMAGED]])
    arrivals = [
        arrival
        for arrival in news.arrivals
        if arrival.is_new and arrival.job.status is JobStatus.COMPLETED
    ]
    shown_as_news = {arrival.job.id for arrival in arrivals}
    needs = [
        (summary, jobs)
        for summary in summarize_failures(failures).needs
        if (jobs := summary.jobs - sum(summary.has(job) for job in results)) > 0
    ]
    shown = sum(job.status is JobStatus.FAILED for job in results)
    return Overview(
        counts=counts,
        working=[job_view(job) for job in working.jobs],
        waiting=[job_view(job, holds=holds) for job in waiting],
        holds=holds,
        limit="" if limit is None else rate_in_words(limit),
        left=running + queued,
        left_s=None
        if is_held
        else seconds_left(
            working.jobs, running + queued, [job.completed_at for job in recent.jobs], report.at
        ),
        is_awaited=any(job.status in _UNDER_WAY for job in sent),
        just_now=[result_view(services, job) for job in results],
        watching=await _watching(services, user),
        news=[(job_view(arrival.job), arrival.came_at) for arrival in arrivals],
        recent=[job_view(job) for job in recent.jobs if job.id not in shown_as_news],
        needs=[
            replace(_view(services, summary, await _still_asked(services, summary)), jobs=jobs)
            for summary, jobs in needs[:1]
        ],
        others=max(0, counts.get(JobStatus.FAILED, 0) - shown - sum(jobs for _, jobs in needs[:1])),
        damaged=len(damaged),
        damaged_examples=[job_view(job) async for job in examples],
    )


async def failure_views(services: ApiServices) -> list[FailureView]:
    """Return all causes of failures: those that need a person, then what is tried again, then what
    is lost.
    """
    found = summarize_failures(await services.store.catalogue.failures())
    return [
        _view(services, summary, await _still_asked(services, summary))
        for summary in (*found.needs, *found.waiting, *found.lost)
    ]


async def _watching(services: ApiServices, user: str) -> list[JobView]:
    stopped = await services.store.marks.marked(position(user), limit=WATCHING, newest_first=True)
    ids = [mark.job_id for mark in stopped]
    post_marks = await read_marks(services.store, user, ids)
    jobs = existing_jobs(services.store.catalogue, ids)
    return [
        job_view(job, post_marks.get(job.id))
        async for job in jobs
        if job.status is JobStatus.COMPLETED
    ]


def seconds_left(
    running: Sequence[Job], left: int, completions: Sequence[datetime | None], now: datetime
) -> float | None:
    """Estimate how long ``left`` jobs take, ``running`` among them: as long as the slowest download
    that runs, and as long as all take at the pace of the last completions.

    None when these are old or too few while jobs wait, or when nothing tells.
    """
    slowest = max((_own_seconds_left(job, now) for job in running), default=0.0)
    ends = sorted(end for end in completions if end is not None and now - end < PACE_OVER)
    if not left or (len(ends) < ENOUGH_FOR_A_PACE and (left > len(running) or not slowest)):
        return None
    at_pace = left * (now - ends[0]).total_seconds() / len(ends) if ends else 0.0
    return max(slowest, at_pace if len(ends) >= ENOUGH_FOR_A_PACE else 0.0)


def _own_seconds_left(job: Job, now: datetime) -> float:
    """Return how long a download takes at its pace so far; 0.0 if nothing tells."""
    if job.stage is not Stage.DOWNLOAD or not job.bytes_total or not job.bytes_done:
        return 0.0
    took = (now - (job.started_at or now)).total_seconds()
    return took * max(0, job.bytes_total - job.bytes_done) / job.bytes_done


def result_view(services: ApiServices, job: Job) -> ResultView:
    """Return how a post ended, with what helps if it failed."""
    view = job_view(job)
    at = job.completed_at or job.failed_at or job.updated_at
    if job.error_code is None:
        return ResultView(view, at, None, can_retry=False)
    remedy = cause_of(job.error_code).remedy
    # no video was seen: another look may see one
    may_differ = FAILURES[job.error_code].certainty is Certainty.UNSURE
    all_failed = address(LibraryFilter(state=LibraryView.FAILED))
    way = _button(services, remedy, job.platform, [view], all_failed) if finished(job) else None
    return ResultView(view, at, way, can_retry=remedy is not Remedy.NOTHING or may_differ)


async def _still_asked(services: ApiServices, summary: FailureSummary) -> list[str]:
    platform = summary.platform
    if platform is None or summary.cause.remedy is not Remedy.SIGN_IN:
        return []
    trials = await still_asking(services.store, platform)
    return [
        trial.host or services.title_of(platform)
        for trial in trials
        if trial.code in summary.cause.codes
    ]


def _view(
    services: ApiServices, summary: FailureSummary, still_asked: Sequence[str] = ()
) -> FailureView:
    cause, platform = summary.cause, summary.platform
    site = services.sign_in_of(platform) if platform else None
    examples = [job_view(job) for job in summary.examples]
    all_of_it = address(LibraryFilter(state=LibraryView.FAILED, platform=platform or ""))
    is_waiting = summary.next_retry_at is not None
    return FailureView(
        key=cause.key,
        platform=platform or "",
        title=_(cause.title) % {"site": site.title if site else _("A site")}
        if cause.by_site
        else _(cause.title),
        hint="" if is_waiting else _(cause.hint),
        still_asked=still_asked,
        icon="clock" if is_waiting else ICONS[cause.remedy],
        jobs=summary.jobs,
        next_retry_at=summary.next_retry_at,
        examples=examples,
        way=None if is_waiting else _button(services, cause.remedy, platform, examples, all_of_it),
        can_retry=is_waiting or cause.remedy in (Remedy.RETRY, Remedy.SPACE),
        all_of_it=all_of_it,
    )


def _button(
    services: ApiServices,
    remedy: Remedy,
    platform: str | None,
    examples: Sequence[JobView],
    all_of_it: str,
) -> Button | None:
    """Return the button for a remedy, None when there is none;
    a remedy on a post's page links to the newest post.
    """
    newest = examples[0].id if examples else None
    has_sign_in = platform is not None and services.sign_in_of(platform) is not None
    match remedy:
        case Remedy.SIGN_IN if has_sign_in:
            return Button(_sign_in_to(services, platform or ""), f"/sessions#{platform}")
        case Remedy.LOOK if has_sign_in:
            return Button(_("See the sign-in"), f"/sessions#{platform}")
        case Remedy.SPACE:
            return Button(_("Largest videos"), address(LibraryFilter(order=JobOrder.LARGEST)))
        case Remedy.RETRY | Remedy.NOTHING:
            return None
        case _ if newest is None:
            return Button(_("See the posts"), all_of_it)
        case Remedy.SIGN_IN:
            label = _sign_in_to(services, examples[0].platform, examples[0].canonical_url)
            return Button(label, f"/jobs/{newest}/window", "post")
        case Remedy.ANSWER:
            return Button(_("Answer it in a window"), f"/jobs/{newest}/window", "post")
        case _:
            return Button(
                _("Choose the video") if remedy is Remedy.CHOOSE else _("See the post"),
                f"/jobs/{newest}",
            )


def _sign_in_to(services: ApiServices, platform: str, url: str = "") -> str:
    site = services.title_of(platform)
    return _("Sign in to %(site)s") % {"site": site_name(platform, site, url) if url else site}


# --- the last action ------------------------------------------------------------------------------


def taken_words(taken: int, known: int) -> str:
    """Return the result of a submission, such as ``Added 3 links; 1 was already in the vault.``"""
    new = ngettext("Added %(count)s link", "Added %(count)s links", taken) % {"count": taken}
    old = ngettext(
        "%(count)s was already in the vault", "%(count)s were already in the vault", known
    ) % {"count": known}
    if not known:
        return f"{new}."
    return (
        f"{new}; {old}."
        if taken
        else ngettext(
            "This link is already in the vault.",
            "All %(count)s links are already in the vault.",
            known,
        )
        % {"count": known}
    )


EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class FailureSummary:
    """The failed jobs of one cause. ``platform`` is None when the cause is not specific to a
    site.
    """

    cause: Cause
    platform: str | None
    jobs: int
    next_retry_at: datetime | None  # the earliest; None where nothing is retried automatically
    examples: tuple[Job, ...]  # newest first, at most EXAMPLES

    def has(self, job: Job) -> bool:
        """Whether the job is one of these: failed for this cause, and not retried automatically
        if they are not.
        """
        return (
            job.status is JobStatus.FAILED
            and job.error_code in self.cause.codes
            and (job.retry_at is None) is (self.next_retry_at is None)
            and self.platform in (None, job.platform)
        )


@dataclass(frozen=True, slots=True)
class FailureSummaries:
    """All failures by what happens next. In each list,
    the summary with the most jobs comes first.
    """

    needs: tuple[FailureSummary, ...] = ()
    waiting: tuple[FailureSummary, ...] = ()
    lost: tuple[FailureSummary, ...] = ()


def cause_of(code: ErrorCode) -> Cause:
    """Return the cause of a code; ``internal`` for a code that no job should have."""
    return FAILURES[code].cause or CAUSES["internal"]


def summarize_failures(groups: Sequence[FailureGroup]) -> FailureSummaries:
    """Group failures, which the store counted by code and platform,
    by cause and by what happens next.
    """
    waiting = _merged(group for group in groups if group.jobs > group.final)
    over = _merged((group for group in groups if group.final), finished=True)
    return FailureSummaries(
        needs=tuple(summary for summary in over if summary.cause.remedy is not Remedy.NOTHING),
        waiting=tuple(waiting),
        lost=tuple(summary for summary in over if summary.cause.remedy is Remedy.NOTHING),
    )


def _merged(groups: Iterable[FailureGroup], *, finished: bool = False) -> list[FailureSummary]:
    by_cause: dict[tuple[str, str | None], list[FailureGroup]] = {}
    for group in groups:
        cause = cause_of(group.error_code)
        by_cause.setdefault((cause.key, group.platform if cause.by_site else None), []).append(
            group
        )
    summaries = [
        _summary(CAUSES[key], platform, parts, finished)
        for (key, platform), parts in by_cause.items()
    ]
    return sorted(
        summaries, key=lambda summary: (-summary.jobs, summary.cause.key, summary.platform or "")
    )


def _summary(
    cause: Cause, platform: str | None, groups: Sequence[FailureGroup], finished: bool
) -> FailureSummary:
    jobs = [job for group in groups for job in group.examples if (job.retry_at is None) is finished]
    moments = [group.next_retry_at for group in groups if group.next_retry_at is not None]
    return FailureSummary(
        cause=cause,
        platform=platform,
        jobs=sum(group.final if finished else group.jobs - group.final for group in groups),
        next_retry_at=None if finished else min(moments, default=None),
        examples=tuple(
            sorted(jobs, key=lambda job: (job.created_at, job.id), reverse=True)[:EXAMPLES]
        ),
    )
