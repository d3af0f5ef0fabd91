"""The shapes of requests and responses. Requests are strict and refuse unknown keys.

No web framework in here: the command line prints the same shapes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WrapValidator, model_validator

from mediavault.core.failures import ErrorCode
from mediavault.core.holds import HoldReason
from mediavault.core.job import (
    MAX_BATCH,
    ItemStatus,
    JobStatus,
    Priority,
    Stage,
    StepOutcome,
    StrategyName,
)
from mediavault.core.media import FoundIn, ItemRole, ItemType, Sign, SourceType, Watermark
from mediavault.core.messages import Message
from mediavault.core.records import CheckVerdict
from mediavault.core.site_limits import SiteState

MAX_FILTER_CHARS = 1_000
MAX_CHOSEN = 100  # candidates of one job
MAX_PAGE = 200  # jobs in one answer
DEFAULT_PAGE = 50

Action = Literal["retry", "stop", "cancel", "remove"]


class _Request(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class SubmitRequest(_Request):
    """The posts to save: exactly one of the first two fields.
    ``profile`` is the form in which they are saved.
    """

    post_url: str | None = None
    post_urls: Annotated[list[str], Field(min_length=1, max_length=MAX_BATCH)] | None = None
    profile: Annotated[str | None, Field(max_length=200)] = None
    priority: Annotated[Priority, Field(strict=False)] = Priority.NORMAL

    @model_validator(mode="after")
    def _exactly_one(self) -> SubmitRequest:
        if (self.post_url is None) == (self.post_urls is None):
            raise ValueError("Give either post_url or post_urls")
        return self


class PriorityRequest(_Request):
    """Which place a job takes in the queue."""

    priority: Annotated[Priority, Field(strict=False)]


# a data: URL with an inline manifest is long
_Choice = Annotated[int, Field(ge=0, le=10_000)] | Annotated[str, Field(max_length=200_000)]


class RetryRequest(_Request):
    """The body of a retry: at most one of the first two fields.

    ``chosen`` are the job's candidates that the user chose as the post's videos, each by its index,
    from 0, or its URL; ``chosen_url`` is a single one by its URL. With ``profile`` the post is
    saved in that form. ``as_it_is`` saves files that failed with ``NOT_AS_ANNOUNCED`` or
    ``DAMAGED``.
    """

    chosen_url: Annotated[str | None, Field(max_length=200_000)] = None
    chosen: Annotated[list[_Choice] | None, Field(min_length=1, max_length=MAX_CHOSEN)] = None
    profile: Annotated[str | None, Field(max_length=200)] = None
    as_it_is: bool = False

    @model_validator(mode="after")
    def _at_most_one(self) -> RetryRequest:
        if self.chosen_url is not None and self.chosen is not None:
            raise ValueError("Give either chosen or chosen_url")
        return self

    @property
    def all_chosen(self) -> list[int | str]:
        """What was chosen, in either form."""
        return [self.chosen_url] if self.chosen_url is not None else list(self.chosen or [])


class AccountListRequest(BaseModel):
    """The query of an account list. An empty value counts as absent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    platform: Annotated[str | None, Field(max_length=64)] = None
    q: Annotated[str | None, Field(max_length=200)] = None
    cursor: Annotated[str | None, Field(max_length=500)] = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE


class _View(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# A Message stays a Message, so that a page can show it in its reader's language; JSON has the
# English text.
EnglishText = Annotated[
    str, WrapValidator(lambda text, check: text if isinstance(text, Message) else check(text))
]


class ErrorView(_View):
    """The error of every route."""

    code: ErrorCode
    message: EnglishText
    help: str


class CandidateView(_View):
    """A candidate of a job. ``frame`` is the path of a picture of it, null where none is offered;
    it answers 404 where none can be made. ``thumbnail_url`` is the picture that the page shows
    before it plays. ``evidence`` is what a page of a site without a reader says for and against the
    video being its own.
    """

    url: str
    source_type: SourceType
    found_in: FoundIn
    ownership: str
    evidence: list[Sign]
    media_key: str | None
    mime: str | None
    container: str | None
    video_codec: str | None
    audio_codec: str | None
    audio_url: str | None
    has_video: bool | None
    has_audio: bool | None
    width: int | None
    height: int | None
    fps: float | None
    bitrate: int | None
    size: int | None
    duration_s: float | None
    watermark: Watermark
    original: bool
    signed: bool
    expires_at: datetime | None
    drm: bool
    item: int | None
    note: str
    thumbnail_url: str | None
    frame: str | None


class DisplayView(_View):
    """A job's texts as the page and the command line show them, in the reader's language.

    ``original`` is the stored English error when ``detail`` is in another language, else "".
    ``percent`` is None during a download of unknown size; it never decreases during an attempt.
    """

    title: str
    state: str
    detail: str
    original: str = ""
    percent: int | None
    actions: list[Action]


class PositionView(_View):
    """Where the user stopped watching, in seconds; ``item`` is the index of the post's video."""

    at: float
    of: float
    item: int


class MarksView(_View):
    """What was noted about a job: the user's own favourite, watched and position, and everybody's
    pin, tags, collections and note. ``added_by``: the user who submitted it; null is the owner.
    """

    favourite: bool
    watched: bool
    pinned: bool
    tags: list[str]
    collections: list[str]
    note: str
    position: PositionView | None
    added_by: str | None = None


class MarkedView(_View):
    """How many of the jobs exist."""

    jobs: int


class LinksView(_View):
    """Paths of files. The thumbnail of a post that is being saved answers 404 where the worker has
    not fetched it.
    """

    video: str | None
    thumbnail: str | None


class ItemView(_View):
    """One video or image of the job's post, and its status. ``index`` counts from 0, as
    ``CandidateView.item`` does.

    ``error`` says why it could not be saved; of a saved one, why it was refused before a user
    wanted it as it is.
    """

    index: int
    role: ItemRole
    type: ItemType
    status: ItemStatus
    media_id: str | None
    label: str | None
    thumbnail_url: str | None
    output_path: str | None
    thumbnail_path: str | None
    bytes: int | None
    sha256: str | None
    duration_s: float | None
    width: int | None
    height: int | None
    error_code: ErrorCode | None
    error: EnglishText | None
    links: LinksView


class HoldView(_View):
    """What holds queued jobs back: those of ``site``, or all of them when it is null.

    ``until`` is null when it lasts until a user ends it, as a pause does.
    """

    why: HoldReason
    site: str | None
    since: datetime | None
    until: datetime | None


class JobView(_View):
    """One job. Times are ISO 8601 in UTC, sizes bytes, durations seconds; paths are relative to the
    download folder.

    ``hold`` says what holds a queued job back. It and ``marks`` are null in answers to actions and
    in events.
    """

    id: str
    trace_id: str
    post_url: str
    canonical_url: str
    platform: str
    status: JobStatus
    attempt_count: int
    max_attempts: int
    profile: str | None
    priority: Priority
    needs_session: bool
    hold: HoldView | None
    version: int
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    failed_at: datetime | None
    claimed_by: str | None
    lease_expires_at: datetime | None
    retry_at: datetime | None
    progress_pct: int
    stage: Stage | None
    bytes_done: int
    bytes_total: int | None
    source_type: SourceType
    extracted_url: str | None
    candidates: list[CandidateView]
    items: list[ItemView]
    chosen_url: str | None
    chosen_urls: list[str]
    image_urls: list[str]
    metadata: dict[str, Any]
    account_platform: str | None
    account_handle: str | None
    account_display_name: str | None
    account_slug: str | None
    output_path: str | None
    thumbnail_url: str | None
    thumbnail_path: str | None
    bytes: int | None
    sha256: str | None
    duration_s: float | None
    width: int | None
    height: int | None
    error_code: ErrorCode | None
    error: EnglishText | None
    help: str
    links: LinksView
    display: DisplayView
    marks: MarksView | None


class QueueView(_View):
    """What holds queued jobs back, how many are queued,
    and the first of them in the order in which they are claimed.
    """

    holds: list[HoldView]
    queued: int
    next: list[JobView]


class JobList(_View):
    jobs: list[JobView]


class JobPageView(_View):
    """One page of a list. ``next_cursor`` requests the next page; null on the last."""

    jobs: list[JobView]
    next_cursor: str | None


class AccountView(_View):
    """An account. ``key`` names it in queries. ``bytes`` and ``duration_s`` are totals of the saved
    videos.
    """

    key: str
    platform: str
    handle: str | None
    display_name: str | None
    slug: str
    jobs: int
    saved: int
    bytes: int
    duration_s: float
    latest_at: datetime


class AccountPageView(_View):
    """One page of a list. ``next_cursor`` requests the next page; null on the last."""

    accounts: list[AccountView]
    next_cursor: str | None


class PlatformTotalsView(_View):
    """One platform's totals. ``counts`` has every status;
    ``bytes`` and ``duration_s`` are of the saved videos.
    """

    platform: str
    counts: dict[JobStatus, int]
    saved: int
    bytes: int
    duration_s: float
    latest_at: datetime


class TotalsView(_View):
    """The totals of each platform and of all together;
    ``latest_at`` is null when there is no job.
    """

    platforms: list[PlatformTotalsView]
    counts: dict[JobStatus, int]
    saved: int
    bytes: int
    duration_s: float
    latest_at: datetime | None


class HistoryView(_View):
    """One step of an attempt."""

    at: datetime
    attempt: int
    stage: Stage
    strategy: StrategyName | None
    outcome: StepOutcome
    error_code: ErrorCode | None
    detail: EnglishText
    bytes: int
    duration_ms: int


class FileCheckView(_View):
    at: datetime
    verdict: CheckVerdict
    detail: EnglishText


class CheckView(_View):
    """The check of a job's files. ``files`` is by item index. ``running``: the files are being read
    again now.

    ``every_picture_decoded_at``: when all of each file had been decoded; null while that goes on in
    the background, or when a file is damaged.
    """

    running: bool
    files: dict[int, FileCheckView]
    every_picture_decoded_at: datetime | None


class FileFormatView(_View):
    """The container and codecs of a saved file; null when unreadable,
    or only readable by fetching it from a bucket.
    """

    container: str | None
    video_codec: str | None
    audio_codec: str | None


class ChapterView(_View):
    """A chapter of a video, from ``start_s`` seconds to the next one.
    ``title`` is untrusted text; it may be empty.
    """

    start_s: float
    title: str


class SubtitlesView(_View):
    """Subtitles of a video. ``language`` and ``title`` are untrusted texts and may be empty;
    ``href`` is a WebVTT file.
    """

    language: str
    title: str
    href: str


class SegmentView(_View):
    """A part of a video that can be skipped, such as advertising,
    as SponsorBlock's users marked it.
    """

    start_s: float
    end_s: float
    category: str


class TextTracksView(_View):
    """The chapters and subtitles of a saved file; both are empty where reading it would fetch it
    from a bucket.

    ``segments`` can be skipped.
    """

    chapters: list[ChapterView]
    subtitles: list[SubtitlesView]
    segments: list[SegmentView]


class PreviewView(_View):
    """Small pictures of a saved video, for a seek bar: ``count`` of them in rows of ``columns``, in
    the JPEG at ``href``.

    Each is ``width`` x ``height`` pixels and stands for the next ``step_s`` seconds.
    """

    href: str
    count: int
    columns: int
    width: int
    height: int
    step_s: float


class WorkerView(_View):
    """A worker.

    ``platforms`` are those whose jobs it claims, all when empty; ``signed_in`` those that its
    machine's browser profile is signed in to. ``draining``: it claims no more jobs. ``tally``: its
    counters since it started. It was last seen ``seen_s`` seconds ago.
    """

    worker: str
    host: str
    pid: int
    version: str
    started_at: datetime
    last_seen_at: datetime
    running_jobs: int
    skipped_ticks: int
    missed_beats: int
    draining: bool
    platforms: list[str]
    signed_in: list[str]
    tally: dict[str, int]
    seen_s: float


class SiteLimitView(_View):
    """A site's limits: pace, daily cap and pauses. ``state`` is ``closed`` while the site is
    paused.

    ``half_open``: until ``probing_until``, one job finds out whether the site accepts requests
    again. ``failures``: how many times in a row it was paused. ``next_permit_at`` is null when the
    next job need not wait. ``account_posts`` of ``account_cap`` posts were visited with the account
    in the last 24 hours; null without such a limit. ``waiting``: jobs that are queued or wait for a
    retry. ``not_understood``: posts that failed in the last seven days because no extractor
    understood the site's response; null when they were not counted.
    """

    platform: str
    state: SiteState
    closed_until: datetime | None
    probing_until: datetime | None
    next_permit_at: datetime | None
    account_posts: int | None
    account_cap: int | None
    waiting: int
    not_understood: int | None
    failures: int
    code: ErrorCode | None
    reason: EnglishText
    help: str


class UnservedView(_View):
    platform: str
    waiting: int
    message: str


class FleetView(_View):
    """The workers of all machines seen within 90 seconds, and the waiting jobs whose platform none
    of them serves.

    More than one entry in ``versions`` means that an upgrade is under way.
    """

    workers: list[WorkerView]
    versions: list[str]
    unserved: list[UnservedView]


class ConcernView(_View):
    message: str
    help: str


class WorkerHealthView(FleetView):
    """The state of the workers. ``site_limits`` has the sites that are paused now, ``holds`` what
    an admin paused, ``concerns`` what keeps the vault from saving videos, or may have cost it some,
    until an administrator has acted.

    ``status`` is ``no_worker`` (with HTTP status 503) when no worker's heartbeat is less than 90
    seconds old.
    """

    status: Literal["ok", "no_worker"]
    counts: dict[JobStatus, int]
    site_limits: list[SiteLimitView]
    holds: list[HoldView]
    browser: str | None
    concerns: list[ConcernView]


class HealthView(_View):
    status: Literal["ok"]
