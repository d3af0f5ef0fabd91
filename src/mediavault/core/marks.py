"""Marks: what people note about a post, such as a favourite, a tag, a place in a collection or how
far they watched it.

A mark is a name at a job, with a place among the marks of that name and a text. The name says what
it is and, where each user has their own, whose: ``favourite/owner``, ``tag/cats``,
``collection/train journeys``.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mediavault.core.failures import BadInput
from mediavault.core.job import JobId
from mediavault.core.messages import Message
from mediavault.core.users import is_user_name

# --- Segments of a video that SponsorBlock's users marked, such as advertising read out by the
# author.
# The format of the answer: https://wiki.sponsor.ajay.app/w/API_Docs (read 2026-11).

CATEGORIES = (
    "sponsor", "selfpromo", "interaction", "intro", "outro", "preview", "hook", "filler",
    "music_offtopic",
)  # fmt: skip
MAX_SEGMENTS = 200
PREFIX_CHARS = 4  # of the hash: the service does not learn which of some thousand videos is meant
SNAP_S = 1.0  # a segment that begins sooner begins with the video
_LENGTH_SLACK_S = 1.0  # by which the video may differ from the one that was marked
_LENGTH_SHARE = 0.05  # of the segment's own length, for larger differences up to five seconds
_MOST_SLACK_S = 5.0


@dataclass(frozen=True, slots=True)
class VideoSegment:
    """A part of a video that can be skipped, in seconds from its beginning."""

    start_s: float
    end_s: float
    category: str


def path_of_request(video_id: str) -> str:
    """Return path and query of the request for a video's segments,
    which names only the beginning of its id's hash.
    """
    prefix = hashlib.sha256(video_id.encode("utf-8", "replace")).hexdigest()[:PREFIX_CHARS]
    categories = json.dumps(list(CATEGORIES), separators=(",", ":"))
    return (
        f'/api/skipSegments/{prefix}?service=YouTube&categories={categories}&actionTypes=["skip"]'
    )


def read_segments(answer: Any, video_id: str, duration_s: float | None) -> tuple[VideoSegment, ...]:
    """Return a video's segments in the service's answer, by their start;
    those of another length of video are left out.
    """
    videos = answer if isinstance(answer, list) else []
    own = next(
        (
            video
            for video in videos
            if isinstance(video, Mapping) and video.get("videoID") == video_id
        ),
        {},
    )
    listed = own.get("segments")
    found = (
        [
            _segment(entry, duration_s)
            for entry in listed[:MAX_SEGMENTS]
            if isinstance(entry, Mapping)
        ]
        if isinstance(listed, list)
        else []
    )
    return tuple(
        sorted({one for one in found if one is not None}, key=lambda one: (one.start_s, one.end_s))
    )


def _segment(value: Mapping[str, Any], duration_s: float | None) -> VideoSegment | None:
    span, category = value.get("segment"), value.get("category")
    if not (
        isinstance(span, list)
        and len(span) == 2
        and all(map(_is_time, span))
        and category in CATEGORIES
    ):
        return None
    start_s, end_s = float(span[0]), float(span[1])
    start_s = 0.0 if start_s <= SNAP_S else start_s
    marked_s = value.get("videoDuration")
    if duration_s is not None and _is_time(marked_s) and marked_s:
        apart_s = abs(duration_s - float(marked_s))
        if apart_s >= _LENGTH_SLACK_S and not (
            apart_s < _MOST_SLACK_S and apart_s < _LENGTH_SHARE * (end_s - start_s)
        ):
            return None
    return (
        VideoSegment(round(start_s, 3), round(end_s, 3), str(category)) if start_s < end_s else None
    )


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e7


def segments_to_text(segments: Sequence[VideoSegment]) -> str:
    """Return segments as the text of a mark."""
    return json.dumps(
        [[segment.start_s, segment.end_s, segment.category] for segment in segments],
        separators=(",", ":"),
    )


def segments_from_text(text: str) -> tuple[VideoSegment, ...]:
    """Return the segments of such a text; () for any other."""
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    found = [
        VideoSegment(float(one[0]), float(one[1]), str(one[2]))
        for one in (listed[:MAX_SEGMENTS] if isinstance(listed, list) else ())
        if isinstance(one, list)
        and len(one) == 3
        and _is_time(one[0])
        and _is_time(one[1])
        and one[2] in CATEGORIES
    ]
    return tuple(one for one in found if one.start_s < one.end_s)


MAX_TAG_CHARS = 60
MAX_COLLECTION_CHARS = 120
MAX_NOTE_CHARS = 10_000
WATCHED_SHARE = 0.9  # of the length: who has seen that much has watched the video
WORTH_RESUMING_S = 10.0  # a position before that is the beginning

_SPACES = re.compile(r"\s+")
_SEARCHED_TAG = re.compile(r'(?:^|(?<=\s))tag:(?:"([^"]*)"|(\S+))', re.IGNORECASE)


class MarkKind(StrEnum):
    """What a mark says. The values are stored: never rename one."""

    FAVOURITE = "favourite"  # of a user
    WATCHED = "watched"  # of a user
    POSITION = "position"  # of a user; its text is a Position
    PINNED = "pinned"  # no retention rule removes it
    ADDED = "added"  # by this user; the owner's posts have none
    TAG = "tag"
    COLLECTION = "collection"  # an ordered list of videos
    NOTE = "note"  # its text is the note
    SEGMENTS = "segments"  # its text are those of core.segments
    OUTDATED = "outdated"  # the sidecar does not have the job's marks yet
    SOURCE = "source"  # came from this source; its text is empty
    FOLLOWED = "followed"  # brought by a source; its place is when it came
    # brought by a source that was followed when the post appeared; its place is when it came
    NEWS = "news"
    FINGERPRINT = "fingerprint"  # its record is complete
    # its files need no further decoding; its text is when all of each was decoded, "" when it
    # cannot be
    DECODED = "decoded"
    # damaged: its text is the id of the version queued in its place; at that version it is ""
    REPLACED = "replaced"
    # has duplicates; with an id it names one of them, and its text says how alike they are
    DUPLICATE = "duplicate"


IN_SIDECARS = (
    MarkKind.FAVOURITE,
    MarkKind.WATCHED,
    MarkKind.PINNED,
    MarkKind.ADDED,
    MarkKind.TAG,
    MarkKind.COLLECTION,
    MarkKind.NOTE,
    MarkKind.SEGMENTS,
)


# which no user set: a restored post gets them again
FOUND_AGAIN = (MarkKind.FINGERPRINT, MarkKind.DECODED, MarkKind.DUPLICATE)


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark of a job. ``place`` orders the marks of one name; None: as it is,
    or after all others if it is new.
    """

    job_id: JobId
    name: str
    text: str = ""
    place: int | None = None

    @property
    def kind(self) -> str:
        return self.name.partition("/")[0]


@dataclass(frozen=True, slots=True)
class MarkCount:
    """A name, how many jobs have a mark of it, and the text of one of them."""

    name: str
    text: str
    jobs: int


@dataclass(frozen=True, slots=True)
class Position:
    """Where a user stopped watching: seconds into the post's video number ``item``,
    which is ``of`` seconds long.
    """

    at: float
    of: float
    item: int = 0

    @property
    def share(self) -> float:
        """How much of the video has been watched, from 0 to 1."""
        return min(1.0, self.at / self.of) if self.of > 0 else 0.0


def favourite(user: str) -> str:
    """Return the name of a user's favourites."""
    return f"{MarkKind.FAVOURITE}/{user}"


def watched(user: str) -> str:
    """Return the name of what a user has watched."""
    return f"{MarkKind.WATCHED}/{user}"


def position(user: str) -> str:
    """Return the name of where a user stopped watching."""
    return f"{MarkKind.POSITION}/{user}"


def of_watching(user: str) -> tuple[str, str]:
    """Return the names of what a user has begun or watched. The place of each such mark is when
    the user last watched, or said so.
    """
    return position(user), watched(user)


def added(user: str) -> str:
    """Return the name of what a user has added to the vault."""
    return f"{MarkKind.ADDED}/{user}"


def from_source(source_id: str) -> str:
    """Return the name of the marks of the posts that came from a source."""
    return f"{MarkKind.SOURCE}/{source_id}"


def duplicate(job_id: JobId) -> str:
    """Return the name of the marks of this job's duplicates."""
    return f"{MarkKind.DUPLICATE}/{job_id}"


def duplicate_of(mark: Mark) -> JobId | None:
    """Return the job whose duplicate the mark says its own job is; None for any other mark."""
    return (
        JobId(mark.name.partition("/")[2])
        if mark.kind == MarkKind.DUPLICATE and "/" in mark.name
        else None
    )


def tag(text: str) -> str:
    """Return the name of a tag: the same for "Cats", "#cats" and " cats ".
    Raises BadInput for no tag.
    """
    return f"{MarkKind.TAG}/{_folded(tag_text(text))}"


def collection(title: str) -> str:
    """Return the name of a collection, regardless of the title's case.
    Raises BadInput for no title.
    """
    return f"{MarkKind.COLLECTION}/{_folded(collection_title(title))}"


def in_collection(job_id: JobId, title: str) -> Mark:
    """Return the mark of a job that is in the collection with this title,
    behind those that it has. Raises BadInput.
    """
    return Mark(job_id, collection(title), collection_title(title))


def tag_text(text: str) -> str:
    """Return a tag as it is shown: without "#", on one line. Raises BadInput if nothing is left,
    or too much.
    """
    line = _one_line(text).lstrip("#").strip()
    # ".." would be another place in an address
    if not line.strip(".") or len(line) > MAX_TAG_CHARS or '"' in line:
        raise BadInput(
            Message("%(tag)s can't be a tag.", tag=repr(line[:MAX_TAG_CHARS])),
            help=Message(
                "Use 1 to %(most)s characters, without quotation marks.", most=MAX_TAG_CHARS
            ),
        )
    return line


def collection_title(text: str) -> str:
    """Return a collection's title as it is shown. Raises BadInput if nothing is left,
    or too much.
    """
    line = _one_line(text)
    if not line.strip(".") or len(line) > MAX_COLLECTION_CHARS:
        raise BadInput(
            Message(
                "%(title)s can't be a collection's title.", title=repr(line[:MAX_COLLECTION_CHARS])
            ),
            help=Message("Use 1 to %(most)s characters.", most=MAX_COLLECTION_CHARS),
        )
    return line


def note_text(text: str) -> str:
    """Return a note as it is stored: "" for none. Raises BadInput for a very long one."""
    note = _visible(text.replace("\r\n", "\n"), keep="\n\t").strip()
    if len(note) > MAX_NOTE_CHARS:
        raise BadInput(
            "The note is too long.",
            help=Message("Use at most %(most)s characters.", most=MAX_NOTE_CHARS),
        )
    return note


def position_to_text(position: Position) -> str:
    """Return the text of a POSITION mark."""
    return json.dumps(
        [round(position.at, 1), round(position.of, 1), position.item], separators=(",", ":")
    )


def position_from_text(text: str) -> Position:
    """Invert :func:`position_to_text`."""
    at, of, item = json.loads(text)
    return Position(float(at), float(of), int(item))


def split_search(text: str | None) -> tuple[str | None, tuple[str, ...]]:
    """Return a search without its ``tag:…`` words, and the names of these tags.

    A tag of several words is quoted: ``tag:"long train"``. ``tag:`` alone, or with what can't be a
    tag, is searched for like any other text.
    """
    if not text or "tag:" not in text.lower():
        return text, ()
    names: dict[str, None] = {}

    def take(match: re.Match[str]) -> str:
        try:
            names[tag(match[1] if match[1] is not None else match[2])] = None
        except BadInput:
            return match[0]
        return ""

    rest = _SEARCHED_TAG.sub(take, text)
    return (_SPACES.sub(" ", rest).strip() or None) if names else text, tuple(names)


def is_written_so(name: str, text: str) -> bool:
    """Return whether a mark of this name and text, which was read from a file,
    is one that a sidecar has.
    """
    kind, _, rest = name.partition("/")
    try:
        match kind:
            case MarkKind.FAVOURITE | MarkKind.WATCHED | MarkKind.ADDED:
                return is_user_name(rest) and not text
            case MarkKind.TAG:
                return tag(text) == name and tag_text(text) == text
            case MarkKind.COLLECTION:
                return collection(text) == name and collection_title(text) == text
            case MarkKind.NOTE:
                return name == MarkKind.NOTE and bool(text) and note_text(text) == text
            case MarkKind.PINNED:
                return name == MarkKind.PINNED and not text
            case MarkKind.SEGMENTS:
                return (
                    name == MarkKind.SEGMENTS and segments_to_text(segments_from_text(text)) == text
                )
    except BadInput:
        pass
    return False


@dataclass(frozen=True, slots=True)
class PostMarks:
    """A job's marks as one user sees them."""

    favourite: bool = False
    watched: bool = False
    pinned: bool = False
    tags: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    note: str = ""
    position: Position | None = None
    added_by: str | None = None  # None: the owner


def post_marks(marks: Iterable[Mark], user: str) -> PostMarks:
    """Return what a job's marks say to this user; tags and collections are sorted by their
    names.
    """
    by_name = {mark.name: mark for mark in marks}
    stopped = by_name.get(position(user))
    return PostMarks(
        favourite=favourite(user) in by_name,
        watched=watched(user) in by_name,
        pinned=MarkKind.PINNED in by_name,
        tags=tuple(mark.text for mark in by_name.values() if mark.kind == MarkKind.TAG),
        collections=tuple(
            mark.text for mark in by_name.values() if mark.kind == MarkKind.COLLECTION
        ),
        note=by_name[MarkKind.NOTE].text if MarkKind.NOTE in by_name else "",
        position=position_from_text(stopped.text) if stopped else None,
        added_by=next(
            (name.partition("/")[2] for name in by_name if name.startswith(f"{MarkKind.ADDED}/")),
            None,
        ),
    )


def _one_line(text: str) -> str:
    return _SPACES.sub(" ", _visible(text, keep=" \t\n\r")).strip()


def _visible(text: str, *, keep: str) -> str:
    """Return the text in its composed form, without control characters except ``keep``,
    and without lone surrogates.
    """
    composed = unicodedata.normalize("NFC", text)
    return "".join(
        char for char in composed if char in keep or unicodedata.category(char) not in {"Cc", "Cs"}
    )


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text.casefold())
