"""The form with which a source is followed or changed: its fields as texts, and the source that they describe. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, tzinfo

from mediavault.core.failures import BadInput
from mediavault.core.following import ALL_KINDS, EntryKind, Source, Start
from mediavault.core.marks import collection_title

_MAX_DIGITS = 7


@dataclass(frozen=True, slots=True)
class SourceForm:
    """The fields as they are shown and typed. ``having`` and ``lacking`` have a filter on each line, lengths are minutes."""

    url: str = ""
    start: str = Start.NOW.value
    since: str = ""
    newest: str = ""
    per_day: str = ""
    profile: str = ""
    collection: str = ""
    having: str = ""
    lacking: str = ""
    shortest: str = ""
    longest: str = ""
    kinds: tuple[str, ...] = tuple(kind.value for kind in ALL_KINDS)

    @property
    def is_filtered(self) -> bool:
        """Whether the form asks for less than every post."""
        words = (self.having, self.lacking, self.shortest, self.longest)
        return any(words) or self.kinds != SourceForm().kinds


def form_of(source: Source, zone: tzinfo | None) -> SourceForm:
    """Return the form filled in with what is set for a source; a day is that of the reader's time zone."""
    filters = source.filters
    return SourceForm(
        url=source.url,
        start=source.start.value,
        since=source.since.astimezone(zone or UTC).date().isoformat() if source.since else "",
        newest=_text(source.newest),
        per_day=_text(source.per_day),
        profile=source.profile or "",
        collection=source.collection or "",
        having="\n".join(filters.having),
        lacking="\n".join(filters.lacking),
        shortest=_minutes_of(filters.shortest_s),
        longest=_minutes_of(filters.longest_s),
        kinds=tuple(kind.value for kind in filters.kinds),
    )


def read_source_form(fields: Mapping[str, Sequence[str]]) -> SourceForm:
    """Return the form that was submitted."""
    text = {name: values[0].strip() for name, values in fields.items() if values}
    names = ("url", "start", "since", "newest", "per_day", "profile", "collection", "having", "lacking")
    typed = {name: text.get(name, "") for name in (*names, "shortest", "longest")}
    return SourceForm(**typed, kinds=tuple(fields.get("kinds", ())))


def described(form: SourceForm, source: Source, zone: tzinfo | None) -> Source:
    """Return the source with what the form says; what is unchanged keeps its value to the second.

    The name of the profile is taken as it is. Raises BadInput.
    """
    before, filters = form_of(source, zone), source.filters
    start = _start(form.start)
    return replace(
        source,
        start=start,
        since=(source.since if form.since == before.since else _midnight(form.since, zone))
        if start is Start.SINCE
        else None,
        newest=_number(form.newest) if start is Start.NEWEST else None,
        per_day=_number(form.per_day),
        profile=form.profile or None,
        collection=collection_title(form.collection) if form.collection else None,
        filters=replace(
            filters,
            having=_lines(form.having),
            lacking=_lines(form.lacking),
            shortest_s=filters.shortest_s if form.shortest == before.shortest else _seconds(form.shortest),
            longest_s=filters.longest_s if form.longest == before.longest else _seconds(form.longest),
            kinds=tuple(kind for kind in EntryKind if kind.value in form.kinds),
        ),
    )


def _start(text: str) -> Start:
    try:
        return Start(text)
    except ValueError:
        raise BadInput("This is not what can be taken.", help="Choose one of the list.") from None


def _midnight(text: str, zone: tzinfo | None) -> datetime | None:
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        day = date.min
    if day is None:
        return None
    if not 1900 <= day.year <= 9000:  # leaves room for the next day in any time zone
        raise BadInput("This is not a day.", help="Write it as in 2026-01-31.")
    return datetime.combine(day, time.min, tzinfo=zone or UTC).astimezone(UTC)


def _number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS):
        raise BadInput("This is not a number of posts.", help="Write it in digits.")
    return int(text)


def _seconds(text: str) -> float | None:
    try:
        return float(text.replace(",", ".")) * 60 if text else None
    except ValueError:
        raise BadInput("This is not the length of a video.", help="Write minutes, as in 10 or 1.5.") from None


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _minutes_of(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds / 60:.6g}"
