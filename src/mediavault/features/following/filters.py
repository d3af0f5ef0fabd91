"""Which entries of a source's list are wanted, and why others are skipped."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, ClassVar

import re2

from mediavault.core.failures import BadInput
from mediavault.core.fields import about
from mediavault.core.listings import ALL_KINDS, Entry, EntryKind
from mediavault.core.messages import Message
from mediavault.core.profiles import ALL_LANGUAGES, language_tags

MAX_PATTERNS, MAX_PATTERN_CHARS = 20, 200
MAX_LENGTH_S = 10_000_000.0

_WORDS = re.compile(r"\w+")
_EXPRESSIONS = re2.Options()
_EXPRESSIONS.case_sensitive = False
_EXPRESSIONS.log_errors = False


def _kind(_name: str, text: str) -> EntryKind:
    try:
        return EntryKind(text)
    except ValueError:
        raise BadInput(
            "This is not a valid kind of video.", help="The kinds are video, short and live."
        ) from None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which posts of a source are wanted. A post is not skipped because of a fact that is unknown.

    ``having``: title or description must contain at least one of these patterns; ``lacking``: none
    of these. A pattern is one or more words, found regardless of case and diacritics, or
    ``/a regular expression/``. ``languages`` are tags, which match those of their regions too: "pt"
    matches "pt-BR". ``members_only``: posts for paying members too, which need a session.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # of a request

    having: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Save only posts with these words, or /a regular expression/; repeatable.",
            metavar="WORDS",
            option="--with",
        ),
    )
    lacking: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Skip posts with these words; repeatable.", metavar="WORDS", option="--without"
        ),
    )
    shortest_s: float | None = field(
        default=None,
        metadata=about("Skip anything shorter.", metavar="SECONDS", option="--shortest"),
    )
    longest_s: float | None = field(
        default=None, metadata=about("Skip anything longer.", metavar="SECONDS", option="--longest")
    )
    kinds: tuple[EntryKind, ...] = field(
        default=ALL_KINDS,
        metadata=about(
            "Save only this kind: video, short or live; repeatable.",
            metavar="KIND",
            option="--only",
            read=_kind,
        ),
    )
    members_only: bool = field(
        default=False,
        metadata=about(
            "Whether to save posts for members only too.", option="--members/--no-members"
        ),
    )
    reposts: bool = field(default=False, metadata=about("Whether to save reposts too."))
    replies: bool = field(default=True, metadata=about("Whether to save replies."))
    languages: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Leave out posts in other languages than this, such as en; repeatable.",
            metavar="TAG",
            option="--language",
        ),
    )


class Reason(StrEnum):
    """Why an entry is skipped. The values are stored: never rename one."""

    BEFORE = "before"  # it was there before the source was followed
    WORDS = "words"
    LENGTH = "length"
    KIND = "kind"
    MEMBERS = "members"
    REPOST = "repost"
    REPLY = "reply"
    LANGUAGE = "language"
    REMOVED = "removed"  # a user has deleted the post
    UNREADABLE = "unreadable"  # its URL names no post


REASONS: Mapping[Reason, str] = {
    Reason.BEFORE: Message("Published before you followed"),
    Reason.WORDS: Message("The title and description don't match"),
    Reason.LENGTH: Message("Too short or too long"),
    Reason.KIND: Message("Another kind of video"),
    Reason.MEMBERS: Message("Members only"),
    Reason.REPOST: Message("A repost"),
    Reason.REPLY: Message("A reply"),
    Reason.LANGUAGE: Message("Another language"),
    Reason.REMOVED: Message("You deleted it"),
    Reason.UNREADABLE: Message("The link does not lead to a post"),
}


def checked_filters(filters: Filters) -> Filters:
    """Return filters as they are stored. Raises BadInput for patterns,
    lengths or kinds that can't be used.
    """
    if not filters.kinds:
        raise BadInput(
            "No kind of video is selected.",
            help="Choose at least one of videos, shorts and live streams.",
        )
    if max(len(filters.having), len(filters.lacking)) > MAX_PATTERNS:
        raise BadInput(
            "There are too many word filters.",
            help=Message("Use at most %(most)s of each kind.", most=MAX_PATTERNS),
        )
    lengths = [length for length in (filters.shortest_s, filters.longest_s) if length is not None]
    if not all(0 <= length <= MAX_LENGTH_S for length in lengths):
        raise BadInput("This is not a valid video length.", help="Enter it in seconds.")
    if filters.shortest_s and filters.longest_s and filters.shortest_s > filters.longest_s:
        raise BadInput(
            "The minimum length is greater than the maximum.", help="Swap the two values."
        )
    languages = language_tags(" ".join(filters.languages))
    return replace(
        filters,
        having=tuple(map(_checked_pattern, dict.fromkeys(filters.having))),
        lacking=tuple(map(_checked_pattern, dict.fromkeys(filters.lacking))),
        shortest_s=filters.shortest_s or None,
        longest_s=filters.longest_s or None,
        languages=() if ALL_LANGUAGES in languages else languages,
    )


def _checked_pattern(text: str) -> str:
    pattern = text.strip()
    if not pattern or len(pattern) > MAX_PATTERN_CHARS:
        raise BadInput(
            "This is not a valid word filter.",
            help=Message("Use 1 to %(most)s characters.", most=MAX_PATTERN_CHARS),
        )
    try:
        _matcher(pattern)
    except re2.error as exc:
        raise BadInput(
            Message(
                "%(pattern)s is not a regular expression that can be used here.", pattern=pattern
            ),
            help=(
                "Leave the slashes out to search for words. References such as \\1 and look-aheads"
                " are not available."
            ),
        ) from exc
    return pattern


def reason_against(entry: Entry, filters: Filters) -> Reason | None:
    """Return for which reason the filters pass an entry over; None when it is wanted,
    as far as the entry's facts say.
    """
    if entry.kind is not None and entry.kind not in filters.kinds:
        return Reason.KIND
    if entry.members_only and not filters.members_only:
        return Reason.MEMBERS
    if entry.is_repost and not filters.reposts:
        return Reason.REPOST
    if entry.is_reply and not filters.replies:
        return Reason.REPLY
    if not _has_length(entry.duration_s, filters):
        return Reason.LENGTH
    if (
        entry.language
        and filters.languages
        and not any(_speaks(entry.language, language) for language in filters.languages)
    ):
        return Reason.LANGUAGE
    return None if _has_words(entry, filters) else Reason.WORDS


def _has_length(duration_s: float | None, filters: Filters) -> bool:
    if not duration_s:  # a live stream, or unknown
        return True
    return (filters.shortest_s or 0) <= duration_s <= (filters.longest_s or duration_s)


def _has_words(entry: Entry, filters: Filters) -> bool:
    if not (filters.having or filters.lacking):
        return True
    text = "\n".join(part for part in (entry.title, entry.text) if part)
    if any(_matches(pattern, text) for pattern in filters.lacking):
        return False
    if not filters.having or any(_matches(pattern, text) for pattern in filters.having):
        return True
    return entry.text is None  # the description is not known yet, and may contain one of them


def _matches(pattern: str, text: str) -> bool:
    matcher = _matcher(pattern)
    return matcher.search(text if _is_expression(pattern) else _plain(text)) is not None


def _is_expression(pattern: str) -> bool:
    return len(pattern) > 2 and pattern.startswith("/") and pattern.endswith("/")


@lru_cache(maxsize=256)
def _matcher(pattern: str) -> Any:
    """Return the compiled pattern. Words match as whole words, next to each other.

    Users write the regular expressions: RE2 runs each in time linear in the length of the text.
    """
    if _is_expression(pattern):
        return re2.compile(pattern[1:-1], _EXPRESSIONS)
    words = _WORDS.findall(_plain(pattern))
    if not words:
        return re.compile(re.escape(_plain(pattern)))
    return re.compile(r"(?<!\w)" + r"\W+".join(map(re.escape, words)) + r"(?!\w)")


def _plain(text: str) -> str:
    """Return the text without case and diacritics."""
    folded = text.casefold()
    if folded.isascii():
        return folded
    apart = unicodedata.normalize("NFKD", folded)
    return "".join(char for char in apart if not unicodedata.combining(char))


def _speaks(language: str, wanted: str) -> bool:
    language, wanted = language.lower().replace("_", "-"), wanted.lower().replace("_", "-")
    return language == wanted or language.startswith(f"{wanted}-")
