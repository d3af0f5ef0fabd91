"""A source as its pages show it: its state, its settings, and the outcome of its posts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from mediavault.core.holds import Hold
from mediavault.core.listings import ALL_KINDS, EntryKind
from mediavault.core.messages import Message
from mediavault.core.platform import Platform
from mediavault.features.following.decisions import fill_takes
from mediavault.features.following.filters import REASONS, Reason
from mediavault.features.following.model import EntryState, SeenEntry, Start
from mediavault.features.following.pages.form import interval_words
from mediavault.features.following.preview_views import (
    Outcome,
    PreviewEntryView,
    SourcePreviewView,
    outcome_label,
)
from mediavault.features.following.records import Followed
from mediavault.features.following.views import SourceView, fill_words, shown_entry, source_view
from mediavault.presentation.labels import format_duration, hold_label, one_line
from mediavault.presentation.translation import gettext, translated
from mediavault.web.cards import letter, site_name

MAX_TITLE_CHARS = 200

KIND_LABELS: Mapping[EntryKind, str] = {
    EntryKind.VIDEO: Message("Videos"),
    EntryKind.SHORT: Message("Shorts"),
    EntryKind.LIVE: Message("Live streams"),
}


@dataclass(frozen=True, slots=True)
class SourceCard:
    """A source in a list. ``next_check`` None: as soon as possible; a paused source has none.

    ``held`` says why the source is not checked now, "" if nothing prevents it. ``fill`` says how
    many earlier posts wait and for how long, "" for none; ``next_fill`` is when the next one is
    saved, None for now or never.
    """

    view: SourceView
    name: str
    handle: str
    site: str
    letter: str
    is_checking: bool
    next_check: datetime | None
    fill: str
    next_fill: datetime | None
    held: str


@dataclass(frozen=True, slots=True)
class EntryLine:
    """An entry: the key of its post, its link, its title, why it was skipped ("" if it was not),
    and since when it is no longer listed. ``can_be_chosen``: it was skipped, and can be saved.
    """

    key: str
    url: str
    title: str
    published_at: datetime | None
    why: str
    job_id: str | None = None
    unlisted_at: datetime | None = None
    can_be_chosen: bool = False


def source_cards(
    sources: Sequence[Followed],
    shown: Iterable[Followed],
    platforms: Mapping[str, Platform],
    fill_turns: Mapping[str, datetime],
    holds: Iterable[Hold],
    now: datetime,
) -> list[SourceCard]:
    """Return the cards of the sources ``shown``. ``sources`` are all, ``fill_turns`` when the next
    earlier post of each site or host is saved. What holds back a site's jobs also holds back its
    checks.
    """
    held = {hold.site: hold for hold in holds}
    sharing = Counter(
        source.source.served_by
        for source in sources
        if source.state.waiting and not source.source.is_paused
    )
    return [
        _card(
            one,
            platforms.get(one.source.platform),
            sharing[one.source.served_by],
            fill_turns,
            held.get(None) or held.get(one.source.platform),
            now,
        )
        for one in shown
    ]


def _card(
    followed: Followed,
    platform: Platform | None,
    sharing: int,
    fill_turns: Mapping[str, datetime],
    hold: Hold | None,
    now: datetime,
) -> SourceCard:
    source, state = followed.source, followed.state
    title = platform.title if platform else one_line(source.platform)
    name = one_line(followed.name)
    handle = f"@{one_line(state.handle).removeprefix('@')}" if state.handle else ""
    next_fill = max(state.fill_at or now, fill_turns.get(source.served_by, now))
    fill = ""
    if state.waiting:
        cap = platform.pace.account_daily_cap if platform else None
        fill = fill_words(state.waiting, fill_takes(source, state.waiting, cap, sharing=sharing))
    return SourceCard(
        view=source_view(followed, now),
        name=name,
        handle=handle if handle not in {name, f"@{name}"} else "",
        site=site_name(source.platform, title, source.url),
        letter=letter(source.platform, title, source.url),
        is_checking=state.acquired_until is not None and state.acquired_until > now,
        next_check=state.next_check_at
        if state.next_check_at and state.next_check_at > now
        else None,
        fill=fill,
        held=hold_label(hold, title) if hold else "",
        next_fill=next_fill if state.waiting and not source.is_paused and next_fill > now else None,
    )


def settings_summary(followed: Followed, zone: tzinfo | None) -> list[tuple[str, str]]:
    """Return the settings of a source, as labels and values; defaults are left out."""
    source, filters = followed.source, followed.source.filters
    start = {
        Start.NOW: gettext("none"),
        Start.SINCE: gettext("since %(day)s")
        % {"day": source.since.astimezone(zone or UTC).date().isoformat() if source.since else "?"},
        Start.NEWEST: gettext("the newest %(count)s") % {"count": f"{source.newest or 0:,}"},
        Start.EVERYTHING: gettext("everything"),
    }[source.start]
    if source.per_day and source.start is not Start.NOW:
        start = gettext("%(what)s, %(count)s per day") % {"what": start, "count": source.per_day}
    kinds = ", ".join(gettext(KIND_LABELS[kind]) for kind in filters.kinds)
    also = [
        gettext("Include posts for members only") if filters.members_only else "",
        gettext("Include reposts") if filters.reposts else "",
        gettext("Leave out replies") if not filters.replies else "",
    ]
    every = interval_words(source.interval_minutes) if source.interval_minutes else ""
    found = [
        (gettext("Earlier posts"), start),
        (gettext("Check for new posts"), every),
        (gettext("Profile"), source.profile or ""),
        (gettext("Collection"), source.collection or ""),
        (gettext("Only with these words"), ", ".join(filters.having)),
        (gettext("Never with these words"), ", ".join(filters.lacking)),
        (gettext("Shortest"), _minutes(filters.shortest_s)),
        (gettext("Longest"), _minutes(filters.longest_s)),
        (gettext("Languages"), ", ".join(filters.languages)),
        (gettext("Kinds"), kinds if filters.kinds != ALL_KINDS else ""),
        (gettext("More filters"), ", ".join(filter(None, also))),
    ]
    return [(label, one_line(value)) for label, value in found if value]


def _minutes(seconds: float | None) -> str:
    return f"{seconds / 60:.3g} min" if seconds is not None else ""


def entry_line(key: str, entry: SeenEntry) -> EntryLine:
    """Return the line of an entry."""
    entry = shown_entry(entry)
    return EntryLine(
        key=key,
        url=entry.url,
        title=one_line(entry.title or entry.url)[:MAX_TITLE_CHARS],
        published_at=entry.published_at,
        why=translated(REASONS[entry.reason]) if entry.reason else "",
        job_id=entry.job_id,
        unlisted_at=entry.unlisted_at,
        can_be_chosen=entry.state is EntryState.SKIPPED and entry.reason is not Reason.UNREADABLE,
    )


# --- previews -------------------------------------------------------------------------------------

LINES_SHOWN = 100  # of each outcome

_HEADINGS: Mapping[Outcome, str] = {
    Outcome.SAVED: Message("Would be saved"),
    Outcome.UNDECIDED: Message("Unknown until it is opened"),
    Outcome.SKIPPED: Message("Would be skipped"),
}


@dataclass(frozen=True, slots=True)
class PreviewGroup:
    """The entries of one outcome: how many, the first of them,
    and how often each reason applies.
    """

    outcome: Outcome
    heading: str
    count: int
    lines: tuple[EntryLine, ...]
    reasons: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class PreviewPart:
    """The part of the page below the form. ``fill`` says how many posts would wait and for how
    long, "" for none; ``earlier`` how many are skipped only because they were there before,
    and ``with_earlier`` how many of the newest posts there are with these.
    """

    view: SourcePreviewView
    name: str
    earlier: int
    with_earlier: int
    groups: tuple[PreviewGroup, ...]
    fill: str


def preview_part(view: SourcePreviewView) -> PreviewPart:
    waiting = view.counts.in_turn + view.source.waiting
    earlier = view.counts.skipped_for.get(Reason.BEFORE, 0)
    wanted = 0 if view.source.start is Start.NOW else view.counts.saved + view.counts.undecided
    return PreviewPart(
        view,
        one_line(view.source.name),
        earlier,
        earlier + wanted,
        tuple(_group(outcome, view) for outcome in Outcome),
        fill_words(waiting, timedelta(seconds=view.fill_s)) if waiting else "",
    )


def _group(outcome: Outcome, view: SourcePreviewView) -> PreviewGroup:
    entries = [entry for entry in view.entries if entry.outcome is outcome]
    reasons = view.counts.skipped_for.items() if outcome is Outcome.SKIPPED else ()
    return PreviewGroup(
        outcome,
        gettext(_HEADINGS[outcome]),
        len(entries),
        tuple(map(_line, entries[:LINES_SHOWN])),
        tuple((gettext(REASONS[reason]), count) for reason, count in reasons),
    )


def _line(entry: PreviewEntryView) -> EntryLine:
    length = format_duration(entry.duration_s) if entry.duration_s else ""
    return EntryLine(
        key=entry.key,
        url=entry.url,
        title=one_line(entry.title or entry.url)[:MAX_TITLE_CHARS],
        published_at=entry.published_at,
        can_be_chosen=entry.outcome is Outcome.SKIPPED and entry.reason is not Reason.UNREADABLE,
        why=" · ".join(filter(None, (outcome_label(entry), length))),
    )
