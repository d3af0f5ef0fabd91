"""Conversion of the core's records to the shapes that the API,
the pages and the command line show. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime

from mediavault.core.companions import SIDECAR_SUFFIX, companions, sibling
from mediavault.core.failures import FAILURES, ErrorCode
from mediavault.core.fleet import unserved, unserved_in_words, versions
from mediavault.core.holds import Hold, hold_of
from mediavault.core.job import (
    HistoryRecord,
    ItemStatus,
    Job,
    JobId,
    JobItem,
    JobStatus,
    Stage,
    WorkerHeartbeat,
    saved_files,
)
from mediavault.core.marks import PostMarks
from mediavault.core.media import Candidate, SavedFile
from mediavault.core.redaction import redact_media, redact_message, redact_page, redact_values
from mediavault.core.site_limits import SiteLimit
from mediavault.presentation.labels import (
    STAGE_LABELS,
    STATUS_LABELS,
    failure_label,
    format_progress,
    format_recorded,
    format_size,
    help_for,
    one_line,
)
from mediavault.presentation.preferences import current
from mediavault.presentation.schemas import (
    AccountPageView,
    AccountView,
    Action,
    CandidateView,
    ConcernView,
    DisplayView,
    FleetView,
    HistoryView,
    HoldView,
    ItemView,
    JobList,
    JobPageView,
    JobView,
    LinksView,
    MarksView,
    SiteLimitView,
    TotalsView,
    UnservedView,
    WorkerView,
)
from mediavault.presentation.translation import LocalizedMessage, gettext, localize, translated
from mediavault.store.port import AccountPage, Concern, JobPage, LibraryTotals, StoreReport

# --- Records as their reader may see them: only admins see the secrets of addresses.
# An address of a private feed or a signed medium opens it to everyone who has it. What remains
# still names the host and the post.


def shown_job(job: Job) -> Job:
    """Return a job to be shown. Its candidates keep their order: they are chosen by number."""
    if current().with_secrets:
        return job
    return replace(
        job,
        post_url=redact_page(job.post_url),
        canonical_url=redact_page(job.canonical_url),
        extracted_url=shown_media(job.extracted_url),
        candidates=tuple(
            replace(
                candidate,
                url=redact_media(candidate.url),
                audio_url=shown_media(candidate.audio_url),
                thumbnail_url=shown_media(candidate.thumbnail_url),
            )
            for candidate in job.candidates
        ),
        chosen_urls=tuple(map(redact_media, job.chosen_urls)),
        items=tuple(
            replace(
                item,
                item=replace(item.item, thumbnail_url=shown_media(item.item.thumbnail_url)),
                error=redact_message(item.error) if item.error else item.error,
            )
            for item in job.items
        ),
        image_urls=tuple(map(redact_media, job.image_urls)),
        thumbnail_url=shown_media(job.thumbnail_url),
        metadata=redact_values(job.metadata),
        error=redact_message(job.error) if job.error else job.error,
    )


def shown_record(record: HistoryRecord) -> HistoryRecord:
    return (
        record if current().with_secrets else replace(record, detail=redact_message(record.detail))
    )


def shown_page(url: str) -> str:
    """Return a page's address to be shown."""
    return url if current().with_secrets else redact_page(url)


def shown_media(url: str | None) -> str | None:
    """Return a medium's address to be shown."""
    return redact_media(url) if url else url


MAX_TITLE_CHARS = 200
MAX_FRAMES = 12  # of one job's candidates: each costs the site up to twelve megabytes

ACTIONS: dict[JobStatus, list[Action]] = {
    JobStatus.QUEUED: ["cancel", "remove"],
    JobStatus.RUNNING: ["cancel", "remove"],
    JobStatus.FAILED: ["retry", "remove"],
    JobStatus.CANCELLED: ["retry", "remove"],
    JobStatus.COMPLETED: ["remove"],
}


def job_view(job: Job, marks: PostMarks | None = None, *, holds: Sequence[Hold] = ()) -> JobView:
    """Return a job's view; without ``marks`` they count as not read.
    ``holds`` are those that are in force.
    """
    job = shown_job(job)
    account, hold = job.account, hold_of(job, holds)
    return JobView(
        **{name: getattr(job, name) for name in _SAME_NAMES},
        candidates=[
            candidate_view(candidate, frame_path(job, number))
            for number, candidate in enumerate(job.candidates)
        ],
        chosen_url=next(iter(job.chosen_urls), None),
        items=[_item_view(job, index, item) for index, item in enumerate(job.items)],
        image_urls=list(job.image_urls),
        metadata=dict(job.metadata),
        account_platform=account.platform if account else None,
        account_handle=account.handle if account else None,
        account_display_name=account.display_name if account else None,
        account_slug=account.slug if account else None,
        help=help_for(job.error_code, over=finished(job)),
        links=_links(job),
        display=display(job),
        hold=hold_view(hold) if hold else None,
        marks=marks_view(marks) if marks else None,
    )


def hold_view(hold: Hold) -> HoldView:
    return HoldView(**asdict(hold))


def concern_view(concern: Concern) -> ConcernView:
    return ConcernView(message=translated(concern.what), help=translated(concern.help))


def marks_view(post_marks: PostMarks) -> MarksView:
    return MarksView.model_validate(asdict(post_marks))


def job_list(jobs: Sequence[Job]) -> JobList:
    return JobList(jobs=[job_view(job) for job in jobs])


def account_page_view(page: AccountPage) -> AccountPageView:
    accounts = [AccountView(**asdict(account)) for account in page.accounts]
    return AccountPageView(accounts=accounts, next_cursor=page.next_cursor)


def totals_view(totals: LibraryTotals) -> TotalsView:
    return TotalsView.model_validate(asdict(totals))


def page_view(
    page: JobPage, marks: Mapping[JobId, PostMarks], *, holds: Sequence[Hold] = ()
) -> JobPageView:
    """Return a page of jobs with what the user noted about them."""
    jobs = [job_view(job, marks.get(job.id, PostMarks()), holds=holds) for job in page.jobs]
    return JobPageView(jobs=jobs, next_cursor=page.next_cursor)


def history_view(record: HistoryRecord) -> HistoryView:
    record = shown_record(record)
    return HistoryView(**{field.name: getattr(record, field.name) for field in fields(record)})


def worker_view(beat: WorkerHeartbeat, at: datetime) -> WorkerView:
    """Return a worker's view. ``at`` is the store's time,
    whose clock also recorded when the worker was seen.
    """
    facts = {field.name: getattr(beat, field.name) for field in fields(beat)}
    lists = {"platforms": list(beat.platforms), "signed_in": list(beat.signed_in)}
    return WorkerView(**facts | lists, seen_s=max(0.0, (at - beat.last_seen_at).total_seconds()))


def fleet_view(report: StoreReport, workers: Sequence[WorkerHeartbeat]) -> FleetView:
    waiting = unserved(report.waiting, workers).items()
    return FleetView(
        workers=[worker_view(beat, report.at) for beat in workers],
        versions=versions(workers),
        unserved=[
            UnservedView(platform=name, waiting=n, message=unserved_in_words(name, n))
            for name, n in waiting
        ],
    )


def display(job: Job) -> DisplayView:
    """Return the job's texts in the reader's language."""
    detail = _detail(job)
    return DisplayView(
        title=title(job),
        state=_state(job),
        detail=detail.text,
        original=detail.original,
        percent=_percent(job),
        actions=_actions(job),
    )


def title(job: Job) -> str:
    """Return the post's title or text where known, else its address without the scheme;
    at most MAX_TITLE_CHARS.
    """
    own = job.metadata.get("title") or job.metadata.get("text")
    text = one_line(own) if isinstance(own, str) else ""
    return (text or redact_page(job.canonical_url).partition("://")[2])[:MAX_TITLE_CHARS]


def published_at(job: Job) -> datetime | None:
    """Return when the post's site published it; None where that is not known."""
    value = job.metadata.get("published_at")
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def moving_files(job: Job) -> Mapping[int, SavedFile]:
    """Return what can be played of a job's saved files, by the index of their item."""
    return {index: file for index, file in saved_files(job).items() if not file.is_picture}


def saved_paths(job: Job) -> list[str]:
    """Return the paths of all files that the job may have in the library:
    videos and their companions.
    """
    saved = saved_files(job).values()
    return [
        path
        for file in saved
        for path in (
            file.output_path,
            *companions(file.output_path, file.thumbnail_path, file.beside),
        )
    ]


def sidecar_path(saved: SavedFile) -> str:
    """Return the path of a saved video's sidecar."""
    return sibling(saved.output_path, SIDECAR_SUFFIX)


def finished(job: Job) -> bool:
    """Whether nothing will happen to the job automatically any more."""
    return job.status in (JobStatus.COMPLETED, JobStatus.CANCELLED) or (
        job.status is JobStatus.FAILED and job.retry_at is None
    )


def is_waiting_for_retry(job: Job) -> bool:
    return job.status is JobStatus.FAILED and job.retry_at is not None


def _actions(job: Job) -> list[Action]:
    if job.is_recording:
        return ["stop", "cancel", "remove"]
    return ["retry", "cancel", "remove"] if is_waiting_for_retry(job) else ACTIONS[job.status]


def _state(job: Job) -> str:
    if job.status is JobStatus.RUNNING and job.stage is not None:
        return gettext(STAGE_LABELS[job.stage])
    if (
        job.status is JobStatus.FAILED
        and job.error_code is not None
        and FAILURES[job.error_code].label
    ):
        return failure_label(job.error_code)
    return (
        gettext("Retrying automatically")
        if is_waiting_for_retry(job)
        else gettext(STATUS_LABELS[job.status])
    )


def _detail(job: Job) -> LocalizedMessage:
    if job.status is JobStatus.RUNNING and job.stage is Stage.DOWNLOAD and job.bytes_done:
        return LocalizedMessage(format_progress(job.bytes_done, job.bytes_total))
    if job.is_recording:
        return LocalizedMessage(format_recorded(job.duration_s, job.bytes_done))
    if job.status is JobStatus.COMPLETED:
        return LocalizedMessage(format_size(job.bytes))
    if job.status is JobStatus.QUEUED and job.needs_session:
        return LocalizedMessage(gettext("Continues on a machine that is signed in to its site."))
    if job.status is not JobStatus.FAILED:
        return LocalizedMessage("")
    shown = localize(job.error_code, job.error or "")
    return LocalizedMessage(one_line(shown.text), one_line(shown.original))


def _percent(job: Job) -> int | None:
    """Return how much of a download has arrived. None while a job runs and nobody can tell: its bar
    is then indeterminate.
    """
    if job.status is not JobStatus.RUNNING:
        return job.progress_pct
    if job.stage is not Stage.DOWNLOAD or job.is_recording or not job.bytes_total:
        return None
    return min(100, 100 * job.bytes_done // job.bytes_total)


def _links(job: Job) -> LinksView:
    """Return the links to the job's first file; while there is none,
    to the thumbnail that the post itself has.
    """
    first = next(iter(saved_files(job).values()), None)
    is_shown = first.thumbnail_path is not None if first else _has_its_picture(job)
    return LinksView(
        video=f"/files/{job.id}/video" if first else None,
        thumbnail=f"/files/{job.id}/thumbnail" if is_shown else None,
    )


def _has_its_picture(job: Job) -> bool:
    """Whether the worker has tried to fetch the picture of the post that it is saving:
    right before the download.
    """
    has_one = job.thumbnail_url or any(item.item.thumbnail_url for item in job.items)
    stages = (Stage.DOWNLOAD, Stage.RECORD, Stage.VALIDATE)
    return job.status is JobStatus.RUNNING and job.stage in stages and bool(has_one)


def _item_view(job: Job, index: int, job_item: JobItem) -> ItemView:
    saved = job_item.saved if job_item.status is ItemStatus.SAVED else None
    base = f"/files/{job.id}/items/{index}"
    return ItemView(
        index=index,
        role=job_item.item.role,
        type=job_item.item.type,
        status=job_item.status,
        media_id=job_item.item.media_id,
        label=job_item.item.label,
        thumbnail_url=job_item.item.thumbnail_url,
        output_path=saved.output_path if saved else None,
        thumbnail_path=saved.thumbnail_path if saved else None,
        bytes=saved.bytes if saved else None,
        sha256=saved.sha256 if saved else None,
        duration_s=saved.duration_s if saved else job_item.item.expected.duration_s,
        width=saved.width if saved else None,
        height=saved.height if saved else None,
        error_code=job_item.error_code,
        error=job_item.error,
        links=LinksView(
            video=f"{base}/video" if saved else None,
            thumbnail=f"{base}/thumbnail" if saved and saved.thumbnail_path else None,
        ),
    )


def site_limit_views(
    all_limits: Sequence[SiteLimit],
    waiting: Mapping[str, int],
    now: datetime,
    *,
    not_understood: Mapping[str, int] | None = None,
) -> list[SiteLimitView]:
    """Return the views of all sites with limits, waiting jobs or unparsed posts, sorted by name."""
    known = {name: SiteLimit(name) for name in (*waiting, *(not_understood or ()))} | {
        limits.platform: limits for limits in all_limits
    }
    views = [
        _site_limit_view(limits, waiting.get(name, 0), now)
        for name, limits in sorted(known.items())
    ]
    if not_understood is None:
        return views
    return [
        view.model_copy(update={"not_understood": not_understood.get(view.platform, 0)})
        for view in views
    ]


def is_left_alone(view: SiteLimitView) -> bool:
    """Whether no job of the site is started at the moment."""
    return view.closed_until is not None or view.probing_until is not None


def _site_limit_view(limits: SiteLimit, waiting: int, now: datetime) -> SiteLimitView:
    def if_future(at: datetime | None) -> datetime | None:
        return at if at is not None and at > now else None

    return SiteLimitView(
        platform=limits.platform,
        state=limits.state(now),
        closed_until=if_future(limits.closed_until),
        probing_until=if_future(limits.probing_until),
        next_permit_at=if_future(limits.permit_after(now)),
        account_posts=None if limits.account_cap is None else limits.posts_within_day(now),
        account_cap=limits.account_cap,
        waiting=waiting,
        not_understood=None,
        failures=limits.failures,
        code=limits.code,
        reason=redact_message(limits.reason),
        help=help_for(limits.code),
    )


def candidate_view(candidate: Candidate, frame: str | None = None) -> CandidateView:
    same = {
        name: getattr(candidate, name)
        for name in CandidateView.model_fields
        if name not in ("ownership", "frame")
    }
    return CandidateView(**same, ownership=candidate.ownership.name.lower(), frame=frame)


def is_choosing(job: Job) -> bool:
    """Whether a user is to choose the post's videos among the job's candidates."""
    return job.error_code is ErrorCode.AMBIGUOUS and "retry" in ACTIONS[job.status]


def frame_path(job: Job, number: int) -> str | None:
    """Return the path of a candidate's picture; None for those of which none is made,
    as protected ones.
    """
    has_frame = (
        is_choosing(job)
        and number < min(MAX_FRAMES, len(job.candidates))
        and not job.candidates[number].drm
    )
    return f"/files/{job.id}/candidates/{number}/frame" if has_frame else None


_COMPUTED = {
    "candidates", "items", "chosen_url", "image_urls", "metadata", "help", "links", "display",
    "marks", "hold", "account_platform", "account_handle", "account_display_name", "account_slug",
}  # fmt: skip
_SAME_NAMES = [name for name in JobView.model_fields if name not in _COMPUTED]
