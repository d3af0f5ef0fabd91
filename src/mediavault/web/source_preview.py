"""What following would save, as the page shows it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from mediavault.core.following_filters import REASONS
from mediavault.core.messages import Message
from mediavault.presentation.labels import format_duration, one_line
from mediavault.presentation.source_previews import Outcome, PreviewEntryView, SourcePreviewView, what_becomes_of
from mediavault.presentation.sources import fill_words
from mediavault.presentation.translation import gettext
from mediavault.web.source_cards import MAX_TITLE_CHARS, EntryLine

LINES_SHOWN = 100  # of each outcome

_HEADINGS: Mapping[Outcome, str] = {
    Outcome.TAKEN: Message("Would be saved"),
    Outcome.UNDECIDED: Message("Decided once the post is read"),
    Outcome.PASSED: Message("Would be skipped"),
}


@dataclass(frozen=True, slots=True)
class PreviewGroup:
    """The entries of one outcome: how many, the first of them, and how often each reason applies."""

    outcome: Outcome
    heading: str
    count: int
    lines: tuple[EntryLine, ...]
    reasons: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class PreviewPart:
    """The part of the page below the form. ``fill`` says how many posts would wait and for how long, "" for none."""

    view: SourcePreviewView
    name: str
    groups: tuple[PreviewGroup, ...]
    fill: str


def preview_part(view: SourcePreviewView) -> PreviewPart:
    waiting = view.counts.in_turn + view.source.waiting
    return PreviewPart(
        view,
        one_line(view.source.name),
        tuple(_group(outcome, view) for outcome in Outcome),
        fill_words(waiting, timedelta(seconds=view.fill_s)) if waiting else "",
    )


def _group(outcome: Outcome, view: SourcePreviewView) -> PreviewGroup:
    entries = [entry for entry in view.entries if entry.outcome is outcome]
    reasons = view.counts.passed_for.items() if outcome is Outcome.PASSED else ()
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
        url=entry.url,
        title=one_line(entry.title or entry.url)[:MAX_TITLE_CHARS],
        published_at=entry.published_at,
        why=" · ".join(filter(None, (what_becomes_of(entry), length))),
    )
