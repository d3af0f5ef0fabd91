"""The form to follow or change a source: its fields as text,
and the source that they describe. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any

from mediavault.core.failures import BadInput
from mediavault.core.listings import ALL_KINDS, EntryKind
from mediavault.core.messages import Message
from mediavault.core.profiles import language_tags
from mediavault.features.following.filters import Filters
from mediavault.features.following.model import MOST_CHOSEN, Source, Start
from mediavault.features.following.service import Chosen
from mediavault.presentation.translation import gettext, ngettext

_MAX_DIGITS = 7
_DAY = 24 * 60
USUAL_MINUTES = (15, 30, 60, 3 * 60, 6 * 60, 12 * 60, _DAY, 7 * _DAY)


@dataclass(frozen=True, slots=True)
class SourceForm:
    """The fields as shown and typed.

    ``having`` and ``lacking`` have one filter per line, lengths are in minutes. ``every`` is in
    minutes too, "" to adapt to how often the source posts. The last three are "on" or "".
    """

    url: str = ""
    start: str = Start.NOW.value
    since: str = ""
    newest: str = ""
    per_day: str = ""
    every: str = ""
    profile: str = ""
    collection: str = ""
    having: str = ""
    lacking: str = ""
    shortest: str = ""
    longest: str = ""
    languages: str = ""
    members: str = ""
    reposts: str = ""
    no_replies: str = ""
    kinds: tuple[str, ...] = tuple(kind.value for kind in ALL_KINDS)

    @property
    def is_filtered(self) -> bool:
        """Whether any filter differs from its default."""
        words = (self.having, self.lacking, self.shortest, self.longest, self.languages)
        return (
            any((*words, self.members, self.reposts, self.no_replies))
            or self.kinds != SourceForm().kinds
        )


def form_of(source: Source, zone: tzinfo | None) -> SourceForm:
    """Return the form filled in with a source's settings; dates are in the reader's time zone."""
    filters = source.filters
    return SourceForm(
        url=source.url,
        start=source.start.value,
        since=source.since.astimezone(zone or UTC).date().isoformat() if source.since else "",
        newest=_text(source.newest),
        per_day=_text(source.per_day),
        every=_text(source.interval_minutes),
        profile=source.profile or "",
        collection=source.collection or "",
        having="\n".join(filters.having),
        lacking="\n".join(filters.lacking),
        shortest=_minutes_of(filters.shortest_s),
        longest=_minutes_of(filters.longest_s),
        languages=" ".join(filters.languages),
        members="on" if filters.members_only else "",
        reposts="on" if filters.reposts else "",
        no_replies="" if filters.replies else "on",
        kinds=tuple(kind.value for kind in filters.kinds),
    )


def read_source_form(fields: Mapping[str, Sequence[str]]) -> SourceForm:
    """Return the form that was submitted. The button of a preview that saves the earlier posts too
    overrides its choice of them.
    """
    text = {name: values[0].strip() for name, values in fields.items() if values}
    names = (
        "url",
        "start",
        "since",
        "newest",
        "per_day",
        "every",
        "profile",
        "collection",
        "having",
        "lacking",
    )
    filters = ("shortest", "longest", "languages", "members", "reposts", "no_replies")
    typed = {name: text.get(name, "") for name in (*names, *filters)}
    if newest := text.get("save_newest"):
        typed |= {"start": Start.NEWEST.value, "newest": newest}
    return SourceForm(**typed, kinds=tuple(fields.get("kinds", ())))


def read_chosen(fields: Mapping[str, Sequence[str]]) -> Chosen:
    """Return the posts that were ticked in a preview or on a source's page. Raises BadInput."""
    posts = [post for post in fields.get("posts", ()) if post]
    if len(posts) > MOST_CHOSEN:
        raise BadInput(
            "Too many posts were chosen.",
            help=Message("Choose at most %(most)s at a time.", most=MOST_CHOSEN),
        )
    return Chosen(posts, next(iter(fields.get("preview", ())), "") or None)


def newest_wanted(fields: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the settings with which the newest earlier posts are saved. Raises BadInput."""
    newest = next(iter(fields.get("newest", ())), "").strip()
    return _start_of(SourceForm(start=Start.NEWEST.value, newest=newest), None)


def described(form: SourceForm, before: Source, zone: tzinfo | None) -> dict[str, Any]:
    """Return the settings that the form describes, by name; unchanged times and lengths keep their
    exact value.

    Raises BadInput.
    """
    shown, filters = form_of(before, zone), before.filters
    return {
        **_start_of(form, zone),
        **(
            {"since": before.since}
            if form.since == shown.since and form.start == Start.SINCE
            else {}
        ),
        "per_day": _number(form.per_day),
        "interval_minutes": _interval(form.every),
        "profile": form.profile,
        "collection": form.collection,
        "filters": Filters(
            having=_lines(form.having),
            lacking=_lines(form.lacking),
            shortest_s=filters.shortest_s
            if form.shortest == shown.shortest
            else _seconds(form.shortest),
            longest_s=filters.longest_s
            if form.longest == shown.longest
            else _seconds(form.longest),
            kinds=tuple(kind for kind in EntryKind if kind.value in form.kinds),
            languages=language_tags(form.languages),
            members_only=bool(form.members),
            reposts=bool(form.reposts),
            replies=not form.no_replies,
        ),
    }


def asked_of_all(form: SourceForm, zone: tzinfo | None) -> dict[str, Any]:
    """Return what the form sets for all sources in a list; without a start,
    the list's own applies. Raises BadInput.
    """
    start = _start_of(form, zone) if form.start else {}
    return {
        **start,
        **{name: text for name in ("profile", "collection") if (text := getattr(form, name))},
    }


def _start_of(form: SourceForm, zone: tzinfo | None) -> dict[str, Any]:
    """Return the settings that say which earlier posts are saved."""
    start = _start(form.start)
    return {
        "start": start,
        "since": _midnight(form.since, zone) if start is Start.SINCE else None,
        "newest": _number(form.newest) if start is Start.NEWEST else None,
    }


def interval_choices(form: SourceForm) -> dict[str, str]:
    """Return the intervals for checking a source, by the value of the field,
    including an unusual one that the form has.
    """
    minutes = {
        *USUAL_MINUTES,
        *([int(form.every)] if _is_number(form.every) and int(form.every) else []),
    }
    return {
        "": gettext("Automatic"),
        **{str(one): interval_words(one) for one in sorted(minutes)},
    }


def interval_words(minutes: int) -> str:
    """Return an interval in words, as in "Every 3 hours"."""
    if minutes % _DAY == 0:
        return ngettext("Every day", "Every %(num)d days", minutes // _DAY) % {
            "num": minutes // _DAY
        }
    if minutes % 60 == 0:
        return ngettext("Every hour", "Every %(num)d hours", minutes // 60) % {"num": minutes // 60}
    return ngettext("Every minute", "Every %(num)d minutes", minutes) % {"num": minutes}


def _interval(text: str) -> int | None:
    if text and not _is_number(text):
        raise BadInput(
            "This is not a valid interval for checking a source.", help="Choose one from the list."
        )
    return int(text) if text else None


def _start(text: str) -> Start:
    try:
        return Start(text)
    except ValueError:
        raise BadInput(
            "This is not a valid choice of earlier posts.", help="Choose one from the list."
        ) from None


def _midnight(text: str, zone: tzinfo | None) -> datetime | None:
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        day = date.min
    if day is None:
        return None
    if not 1900 <= day.year <= 9000:  # leaves room for the next day in any time zone
        raise BadInput("This is not a valid date.", help="Enter it as 2026-01-31.")
    return datetime.combine(day, time.min, tzinfo=zone or UTC).astimezone(UTC)


def _number(text: str) -> int | None:
    if not text:
        return None
    if not _is_number(text):
        raise BadInput("This is not a valid number of posts.", help="Enter it in digits.")
    return int(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS


def _seconds(text: str) -> float | None:
    try:
        return float(text.replace(",", ".")) * 60 if text else None
    except ValueError:
        raise BadInput(
            "This is not a valid video length.", help="Enter minutes, such as 10 or 1.5."
        ) from None


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _minutes_of(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds / 60:.6g}"
