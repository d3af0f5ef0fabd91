"""What would be saved from a source's list, as the API, the pages and the command line show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, Field

from mediavault.core.failures import FAILURES, SignInHelp
from mediavault.core.fleet import ALIVE_WITHIN
from mediavault.core.job import Job, JobStatus
from mediavault.core.listings import EntryKind
from mediavault.core.messages import Message
from mediavault.core.platform import Platform
from mediavault.core.redaction import redact_message
from mediavault.core.sessions import can_be_signed_in_to
from mediavault.features.following.decisions import Decision, fill_takes, open_reasons
from mediavault.features.following.filters import REASONS, Reason
from mediavault.features.following.model import EntryState
from mediavault.features.following.previews import ListReading, ReadList, SourcePreview
from mediavault.features.following.records import Followed, decisions, followed, seen
from mediavault.features.following.views import SourceView, source_view
from mediavault.platforms import registry
from mediavault.presentation.labels import help_for, hold_label
from mediavault.presentation.translation import gettext, translated
from mediavault.presentation.views import shown_page
from mediavault.store.holds import all_holds
from mediavault.store.port import Store

# The fact that only the post itself may give, by the reason for which it would then be skipped.
_FACTS: Mapping[Reason, str] = {
    Reason.BEFORE: Message("date"),
    Reason.LENGTH: Message("length"),
    Reason.LANGUAGE: Message("language"),
    Reason.WORDS: Message("description"),
}


class PreviewState(StrEnum):
    """The state of a preview."""

    WAITING = "waiting"
    READING = "reading"
    READ = "read"
    FAILED = "failed"


class Outcome(StrEnum):
    """What would happen to an entry."""

    SAVED = "saved"
    UNDECIDED = "undecided"  # it is taken, and may be skipped once the post itself has been read
    SKIPPED = "skipped"


class PreviewEntryView(BaseModel):
    """An entry of a source's list, and what would happen to it.

    ``key`` identifies its post. ``state`` is ``saved`` (right away), ``waiting`` (later, in turn)
    or ``skipped`` (for a ``reason``). ``is_known``: this has already been decided for the source.
    ``job_id`` is the job of its post, if the vault has one.
    """

    key: str
    url: str
    title: str | None
    published_at: datetime | None
    duration_s: float | None
    kind: EntryKind | None
    outcome: Outcome
    state: EntryState
    reason: Reason | None
    undecided: list[Reason] = Field(
        description="The reasons for which it may be skipped once the post is read."
    )
    is_known: bool
    job_id: str | None
    job_status: JobStatus | None


class PreviewCountsView(BaseModel):
    """How many entries have each outcome.

    Of those that are taken or undecided, ``at_once`` and ``in_turn`` are new, and ``had`` are in
    the vault or known already.
    """

    saved: int
    undecided: int
    skipped: int
    at_once: int
    in_turn: int
    had: int
    skipped_for: dict[Reason, int]


class SourcePreviewView(BaseModel):
    """What would be saved from a source's list if it were followed or changed like this now.

    ``entries`` and ``counts`` are empty until a worker has read the list. ``held`` says what delays
    the reading, ``not_before`` until when the site's limits delay it. ``fill_s`` is roughly how
    many seconds pass until all waiting entries are taken. If not ``is_whole``, the list may be
    longer than the entries that were read.
    """

    id: str
    state: PreviewState
    source: SourceView
    is_followed: bool
    read_at: datetime | None
    held: str | None
    not_before: datetime | None
    has_worker: bool
    error: str | None
    help: str | None
    is_whole: bool
    counts: PreviewCountsView
    fill_s: float
    entries: list[PreviewEntryView]

    @property
    def finished(self) -> bool:
        """Whether the preview is finished."""
        return self.state in {PreviewState.READ, PreviewState.FAILED}


async def source_preview_view(
    preview: SourcePreview, store: Store, now: datetime
) -> SourcePreviewView:
    """Return what would be saved from the list, decided now."""
    one, reading = preview.as_of(now), preview.reading
    site = registry.platform(one.source.platform)
    holds = [
        hold for hold in await all_holds(store.records) if hold.site in {None, one.source.platform}
    ]
    entries = [] if preview.listing is None else await _entries(one, preview.listing, store, now)
    counts = _counts(entries)
    waiting = one.state.waiting + counts.in_turn
    is_waiting = reading.read_at is None
    return SourcePreviewView(
        id=preview.id,
        state=_state(preview, now),
        source=source_view(one, now),
        is_followed=preview.is_followed,
        read_at=reading.read_at,
        held=hold_label(holds[0], site.title) if holds and is_waiting else None,
        not_before=reading.not_before
        if is_waiting and reading.not_before and reading.not_before > now
        else None,
        has_worker=bool(await store.workers.alive(seen_within=ALIVE_WITHIN)),
        error=translated(redact_message(reading.error)) if reading.error else None,
        help=_help(reading, site),
        is_whole=preview.listing is not None and preview.listing.is_whole,
        counts=counts,
        fill_s=(await _fill(one, waiting, store)).total_seconds() if waiting else 0,
        entries=entries,
    )


def _help(reading: ListReading, site: Platform) -> str | None:
    """Return the help for a list that could not be read;
    the usual hint for a login wall is about a post.
    """
    if reading.error is None or reading.error_code is None:
        return None
    if reading.help:
        return translated(reading.help)
    if FAILURES[reading.error_code].sign_in is SignInHelp.NEEDED and can_be_signed_in_to(site):
        wish = gettext(
            "Sign in to %(site)s with `mediavault login %(name)s` or on the Sign-ins page, then"
            " try again."
        )
        return wish % {"site": site.title, "name": site.name}
    return help_for(reading.error_code, over=True) or None


def _state(preview: SourcePreview, now: datetime) -> PreviewState:
    if preview.reading.error is not None:
        return PreviewState.FAILED
    if preview.listing is not None:
        return PreviewState.READ
    return PreviewState.READING if preview.reading.is_acquired(now) else PreviewState.WAITING


async def _entries(
    one: Followed, listing: ReadList, store: Store, now: datetime
) -> list[PreviewEntryView]:
    known = await seen(store.tables, one.source.id, [post.key for post in listing.posts])
    decided = await decisions(
        store.records, one, listing.posts, known, now, is_newest_first=listing.is_newest_first
    )
    wanted = [each.post.canonical_url for each in decided if each.state is not EntryState.SKIPPED]
    jobs = await store.catalogue.of_posts([url for url in wanted if url])
    return [_entry(each, jobs.get(each.post.canonical_url), one, now) for each in decided]


def _entry(decision: Decision, job: Job | None, one: Followed, now: datetime) -> PreviewEntryView:
    entry, is_skipped = decision.post.entry, decision.state is EntryState.SKIPPED
    is_settled = is_skipped or job is not None or not decision.is_change
    undecided = () if is_settled else open_reasons(entry, one.source, now)
    return PreviewEntryView(
        key=decision.post.key,
        url=shown_page(entry.url),
        title=entry.title,
        published_at=entry.published_at,
        duration_s=entry.duration_s,
        kind=entry.kind,
        outcome=Outcome.SKIPPED
        if is_skipped
        else Outcome.UNDECIDED
        if undecided
        else Outcome.SAVED,
        state=decision.state,
        reason=decision.reason,
        undecided=list(undecided),
        is_known=not decision.is_change,
        job_id=job.id if job else None,
        job_status=job.status if job else None,
    )


def _counts(entries: Sequence[PreviewEntryView]) -> PreviewCountsView:
    outcomes = Counter(entry.outcome for entry in entries)
    wanted = [entry for entry in entries if entry.outcome is not Outcome.SKIPPED]
    new = Counter(entry.state for entry in wanted if not entry.is_known)
    return PreviewCountsView(
        saved=outcomes[Outcome.SAVED],
        undecided=outcomes[Outcome.UNDECIDED],
        skipped=outcomes[Outcome.SKIPPED],
        at_once=new[EntryState.SAVED],
        in_turn=new[EntryState.WAITING],
        had=sum(entry.is_known or entry.job_id is not None for entry in wanted),
        skipped_for=dict(Counter(entry.reason for entry in entries if entry.reason).most_common()),
    )


async def _fill(one: Followed, waiting: int, store: Store) -> timedelta:
    """Return roughly how long it takes until all waiting posts are taken,
    sharing the site or host with its other sources.
    """
    source = one.source
    others = [
        other
        for other in await followed(store.tables)
        if other.source.served_by == source.served_by
        and other.source.id != source.id
        and other.state.waiting
    ]
    sharing = 1 + sum(not other.source.is_paused for other in others)
    return fill_takes(
        source, waiting, registry.platform(source.platform).pace.account_daily_cap, sharing=sharing
    )


def outcome_label(entry: PreviewEntryView) -> str:
    """Return in a few words what would happen to an entry, or has happened to it."""
    if entry.reason is not None:
        return translated(REASONS[entry.reason])
    if entry.job_status is not None:
        return (
            gettext("Already saved")
            if entry.job_status is JobStatus.COMPLETED
            else gettext("Already in downloads")
        )
    if entry.is_known:
        return (
            gettext("Already waiting")
            if entry.state is EntryState.WAITING
            else gettext("Already added")
        )
    if entry.undecided:
        facts = ", ".join(gettext(_FACTS[reason]) for reason in entry.undecided)
        return gettext("Not on the list: %(facts)s") % {"facts": facts}
    return gettext("Later, in turn") if entry.state is EntryState.WAITING else gettext("Right away")
