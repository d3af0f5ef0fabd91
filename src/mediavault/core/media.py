"""The records that travel down the pipeline: Post -> Extraction -> Candidate -> DownloadedFile ->
VerifiedFile -> SavedFile.

Each stage takes the record of the stage before it, so that the wrong order does not type-check.
Sizes are bytes, durations seconds, bit rates bits per second. ``None`` means unknown, never zero.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

from mediavault.core.cookies import Cookie
from mediavault.core.failures import ErrorCode, Failure, Final, NotYet
from mediavault.core.messages import Message, Translatable, join
from mediavault.core.names import safe_text, shown_text, slug
from mediavault.core.recordings import Recording
from mediavault.core.urls import EgressScope

# --- The kinds of pictures that are saved and passed on to browsers, by their first bytes. None
# runs scripts, as SVG can.

MAX_PICTURE_BYTES = 20 << 20  # of a thumbnail
PICTURE_SUFFIXES = (".jpg", ".png", ".webp", ".gif", ".avif")


def is_picture(path: str) -> bool:
    """Return whether a saved file is a picture, as its name says."""
    return path.lower().endswith(PICTURE_SUFFIXES)


def picture_suffix(body: bytes) -> str | None:
    """Return the suffix of a JPEG, PNG, WebP, GIF or AVIF file by its magic bytes; None for
    anything else, SVG included.
    """
    if body.startswith(b"\xff\xd8\xff"):
        return ".jpg"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return ".png"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return ".webp"
    if body[:6] in (b"GIF87a", b"GIF89a"):
        return ".gif"
    if body[4:8] == b"ftyp" and body[8:12] in (b"avif", b"avis"):
        return ".avif"
    return None


# --- What a page says for or against a video being its own, by name and in words.


class Sign(StrEnum):
    """One thing that a page says for or against a video being its own. The values are stored:
    never rename one.
    """

    MAIN_ITEM = "main_item"  # what the page is about names it as its video
    NAMED = "named"  # a VideoObject of the page names it, or the microformat of its entry
    RECORD = "record"  # the record of its article names it, in the page's state
    CARD = "card"  # the link preview names it
    PLAYER = "player"  # a player of the page plays it
    OWN_HOST = "own_host"  # its host is the page's, or that of the page's pictures
    SAME_ID = "same_id"  # its id or its file's name is a part of the page's address
    SAME_TITLE = "same_title"
    SAME_PICTURE = "same_picture"
    SAME_LENGTH = "same_length"
    OTHER_HOST = "other_host"
    OTHER_TITLE = "other_title"  # it has a title that has nothing in common with the page's
    ADVERT = "advert"  # it is in a box named as an advert; the following likewise
    SUGGESTED = "suggested"
    PREVIEW = "preview"
    SPOKEN = "spoken"
    OUTSIDE = "outside"  # it is in a sidebar, or outside of the page's main content
    INDEX = "index"  # the page is a list of posts
    LOOP = "loop"  # it plays muted, again and again, without controls
    # the page has a button that skips adverts, and declares no length
    SKIPS_ADVERTS = "skips_adverts"
    # what is known only of a downloaded file
    OTHER_LENGTH = "other_length"
    NO_SOUND = "no_sound"
    ADVERT_LENGTH = "advert_length"


_IN_WORDS: Mapping[Sign, str] = {
    Sign.MAIN_ITEM: Message("the page's data name it"),
    Sign.NAMED: Message("the page's data name it"),
    Sign.RECORD: Message("the article's record names it"),
    Sign.CARD: Message("the link preview names it"),
    Sign.PLAYER: Message("a player plays it"),
    Sign.OWN_HOST: Message("from the page's own host"),
    Sign.SAME_ID: Message("its id is in the page's URL"),
    Sign.SAME_TITLE: Message("its name is like the page's title"),
    Sign.SAME_PICTURE: Message("its picture is the page's"),
    Sign.SAME_LENGTH: Message("as long as the page says"),
    Sign.OTHER_HOST: Message("from another host"),
    Sign.OTHER_TITLE: Message("its title is about something else"),
    Sign.ADVERT: Message("in a box for adverts"),
    Sign.SUGGESTED: Message("in a box for recommended videos"),
    Sign.PREVIEW: Message("in a box for previews or pop-ups"),
    Sign.SPOKEN: Message("in a box for spoken text"),
    Sign.OUTSIDE: Message("beside the main content"),
    Sign.INDEX: Message("the page is a list of posts"),
    Sign.LOOP: Message("it plays muted, again and again"),
    Sign.SKIPS_ADVERTS: Message("the page has a button that skips adverts"),
    Sign.OTHER_LENGTH: Message("not as long as the page says"),
    Sign.NO_SOUND: Message("without the sound that the page announces"),
    Sign.ADVERT_LENGTH: Message("as long as an advert"),
}


# Of other players than the page's own, independent of the user's wishes for the site
_NO_PLAYER = frozenset(
    {Sign.ADVERT, Sign.SUGGESTED, Sign.PREVIEW, Sign.SPOKEN, Sign.LOOP, Sign.INDEX}
)


def is_players(signs: Collection[Sign]) -> bool:
    """Whether a player of the page plays a video that is not an advert, a recommended video,
    a preview or the like.
    """
    return Sign.PLAYER in signs and not _NO_PLAYER & set(signs)


def in_words(signs: Iterable[Sign]) -> str:
    """Return the evidence in words, in the order given; "" for none."""
    return join(", ", list(dict.fromkeys(_IN_WORDS[sign] for sign in signs)))


LANGUAGE = "language"  # in an extraction's metadata: the tag of the language that the post is in
LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,3}")  # RFC 5646, in short

OnProgress = Callable[[int, int | None], None]  # (bytes so far, total bytes or None)


class SourceType(StrEnum):
    """How a candidate's bytes are delivered."""

    DIRECT = "direct"
    HLS = "hls"
    DASH = "dash"
    UNKNOWN = "unknown"


SEGMENTED = frozenset({SourceType.HLS, SourceType.DASH})


class FoundIn(StrEnum):
    """Where a candidate was seen, most trusted first."""

    API = "api"
    PAGE_DATA = "page_data"
    NETWORK = "network"
    DOM = "dom"
    META = "meta"


class Watermark(StrEnum):
    NO = "no"
    UNKNOWN = "unknown"
    YES = "yes"


class Ownership(IntEnum):
    """How surely a candidate belongs to the post; smaller is surer.
    Up to LONE it may be saved without asking.
    """

    CHOSEN = -1  # the user chose it
    ID_MATCH = 0  # below the node of page data whose own id is the post's id
    KEY_MATCH = 1  # its media key is below that node
    PLAYER = 2  # the player that the page itself shows as the post's
    LONE = 3  # the only video left after the reject list
    UNKNOWN = 4


@dataclass(frozen=True, slots=True)
class Broadcast:
    """When a page says that its broadcast begins and ends, in UTC;
    None where it does not say when it ends.
    """

    starts_at: datetime
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Who posted. ``slug`` is the account's folder in the library: safe on every file system,
    never empty.
    """

    platform: str
    handle: str | None
    display_name: str | None
    slug: str


class LengthSource(IntEnum):
    """Where a statement of a video's length comes from, weakest first. The values are stored:
    never change one.
    """

    MEASURED = 0  # a player measured the file itself: it is shown, but no file is compared with it
    LISTED = 1  # a manifest, or a list of the video's files
    DECLARED = 2  # the page's metadata: JSON-LD, a link preview, microdata
    RECORD = 3  # the site's own record of the post, in its page data or its API


@dataclass(frozen=True, slots=True)
class Expected:
    """What the post announced about its video; the file is checked against it."""

    duration_s: float | None = None
    # True: must have sound; False: need not (a GIF video); None: not known
    audio: bool | None = None
    size: int | None = None
    length_source: LengthSource = LengthSource.RECORD

    def completed_by(self, other: Expected) -> Expected:
        """Return these statements, with those of ``other`` that are stronger, or about what is not
        known yet.

        Of two equally strong lengths the first one holds: a site that delivers a preview or another
        film often says so consistently from then on. What is known of the sound holds as well:
        announced once, it stays announced.
        """
        is_stronger = other.duration_s is not None and (
            self.duration_s is None or other.length_source > self.length_source
        )
        return replace(
            other if is_stronger else self,
            audio=self.audio if self.audio is not None else other.audio,
            size=self.size if self.size is not None else other.size,
        )


@dataclass(frozen=True, slots=True)
class Preference:
    """What to take where a post offers its video in several forms; without any of these the largest
    form.

    A form with one of ``codecs`` (as in ``video_codec`` of a candidate) is taken before all others,
    the first codec before the next. ``max_height`` is in lines, of the shorter side: a larger form
    is taken only where all are larger. ``sound_only``: the sound without the picture.
    ``sound_codec``: then sound of this codec is taken before all other.
    """

    codecs: tuple[str, ...] = ()
    max_height: int | None = None
    sound_only: bool = False
    sound_codec: str | None = None

    def codec_rank(self, codec: str | None) -> int:
        """Return the rank of a video codec: the larger, the sooner it is taken;
        0 if it is not preferred.
        """
        return len(self.codecs) - self.codecs.index(codec) if codec in self.codecs else 0

    def height_rank(self, shorter_side: int) -> tuple[bool, int]:
        """Return the rank of a picture by its shorter side, 0 where that is unknown;
        larger is better.
        """
        fits = self.max_height is None or shorter_side <= self.max_height
        return fits, shorter_side if fits else -shorter_side


COMPATIBLE = Preference(codecs=("h264",))


class ItemRole(StrEnum):
    """What a medium is to the post. Only ``MAIN`` items are saved unless the user asks for more."""

    MAIN = "main"
    QUOTED = "quoted"  # of a post that this one quotes
    REPOSTED = "reposted"  # of the post that this one reposts
    CARD = "card"  # of a link preview


class ItemType(StrEnum):
    """The type of an item. A GIF is a silent, looping video."""

    VIDEO = "video"
    GIF = "gif"
    IMAGE = "image"
    AUDIO = "audio"


VIDEO_TYPES = frozenset({ItemType.VIDEO, ItemType.GIF})


@dataclass(frozen=True, slots=True)
class Candidate:
    """One URL that may deliver an item's video, sound or picture.

    ``url`` can be a ``data:`` URL of an inline manifest. ``audio_url`` is the sound that belongs to
    a silent file or stream and is merged with it.
    """

    url: str
    source_type: SourceType
    found_in: FoundIn
    ownership: Ownership = Ownership.UNKNOWN
    evidence: tuple[Sign, ...] = ()  # on pages of sites without a reader
    media_key: str | None = None
    mime: str | None = None
    container: str | None = None
    video_codec: str | None = None
    audio_codec: str | None = None
    audio_url: str | None = None
    has_video: bool | None = None
    has_audio: bool | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    bitrate: int | None = None
    size: int | None = None
    duration_s: float | None = None
    watermark: Watermark = Watermark.UNKNOWN
    original: bool = False  # the uploader's own file
    signed: bool = False
    expires_at: datetime | None = None
    drm: bool = False
    # which of the post's items it belongs to, in a list of several items' candidates
    item: int | None = None
    # what the player sent; never Cookie or Authorization
    headers: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    # the picture that the page shows before it plays, where that is known
    thumbnail_url: str | None = None

    @property
    def listed(self) -> Expected:
        """The length that its manifest or a list of files states.

        That of a file which was found in a player or on the network was measured by the player.
        """
        is_measured = self.source_type not in SEGMENTED and self.found_in in (
            FoundIn.NETWORK,
            FoundIn.DOM,
        )
        return Expected(
            self.duration_s,
            length_source=LengthSource.MEASURED if is_measured else LengthSource.LISTED,
        )


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of a video that has a title. ``start_s`` counts from the video's beginning."""

    start_s: float
    title: str


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a post; ``parent`` is the id of the one that it answers. ``by_author``:
    of the post. All is untrusted.
    """

    id: str
    parent: str | None
    author: str
    text: str
    at: datetime | None = None
    likes: int = 0
    by_author: bool = False
    is_pinned: bool = False


@dataclass(frozen=True, slots=True)
class SubtitleSource:
    """Where subtitles of a video can be fetched: a file, or an HLS playlist of such files.

    ``language`` is a tag as in "pt-BR", "" where the site names none or something else.
    ``automatic``: written by a machine.
    """

    url: str
    language: str = ""
    automatic: bool = False

    def __post_init__(self) -> None:
        # a stranger's text, which becomes part of a file's name
        tag = self.language.strip().replace("_", "-")
        object.__setattr__(self, "language", tag if LANGUAGE_TAG.fullmatch(tag) else "")


@dataclass(frozen=True, slots=True)
class Item:
    """One medium of a post: its candidates, and what the post announces about it.

    ``label`` names the other post of a quoted or reposted item (its id).
    """

    candidates: tuple[Candidate, ...] = ()
    role: ItemRole = ItemRole.MAIN
    type: ItemType = ItemType.VIDEO
    media_id: str | None = None
    thumbnail_url: str | None = None
    expected: Expected = field(default_factory=Expected)
    label: str | None = None
    chapters: tuple[Chapter, ...] = ()  # by their start; the titles are untrusted
    subtitles: tuple[SubtitleSource, ...] = ()

    @property
    def is_video(self) -> bool:
        return self.type in VIDEO_TYPES


@dataclass(frozen=True, slots=True)
class EnclosedFile:
    """The sound or video that an entry of a feed encloses, and what the feed states about the
    entry.

    ``media_type`` is the feed's, in lower case. The length in bytes, which feeds must state, is
    often wrong and not read.
    """

    url: str
    media_type: str
    title: str | None = None
    text: str | None = None
    published_at: datetime | None = None
    thumbnail_url: str | None = None

    @property
    def is_sound(self) -> bool:
        """Whether it is a file of sound; playlists have media types of sound, too."""
        return self.media_type.startswith("audio") and "mpegurl" not in self.media_type


@dataclass(frozen=True, slots=True)
class Post:
    """A post's URL, as the platform registry reads it without any network.

    ``enclosed`` is the file of the feed's entry that names the post, of a site that no reader
    knows.
    """

    url: str
    canonical_url: str
    platform: str  # Platform.name
    post_id: str | None = None
    handle: str | None = None
    listed_by: str | None = None  # as in EgressScope
    enclosed: EnclosedFile | None = None

    @property
    def scope(self) -> EgressScope:
        """The scope of the requests for this post."""
        return EgressScope(self.url, self.listed_by)


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was found out about a post.

    ``items`` are the post's media in its own order, each with the candidates that are certainly
    that item's; ``selected`` is the index of the one that the URL itself names (``…/video/2``).
    ``others`` are videos that were seen but are not certainly the post's: the user may choose among
    them.
    """

    post: Post
    final_url: str
    account: Account
    items: tuple[Item, ...] = ()
    others: tuple[Candidate, ...] = ()
    selected: int | None = None
    # set during the visit, each with its scope; not of a session, and never stored
    cookies: tuple[Cookie, ...] = ()
    # pages of other sites that the post shows in frames, or only links to
    embeds: tuple[str, ...] = ()
    title: str | None = None
    text: str | None = None
    published_at: datetime | None = None
    thumbnail_url: str | None = None
    image_urls: tuple[str, ...] = ()
    user_agent: str | None = None
    extractor: str = ""
    # the site saw the profile's cookies, an account's where one is signed in
    signed_in: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)  # JSON values only
    comments: tuple[Comment, ...] = ()  # only where they were asked for

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The candidates of all items but pictures, in order, then the others."""
        items = (item for item in self.items if item.type is not ItemType.IMAGE)
        return (*(candidate for item in items for candidate in item.candidates), *self.others)

    @property
    def videos(self) -> tuple[Item, ...]:
        """The post's own videos, or the one that its URL names:
        what is saved unless the profile asks for something else.
        """
        return self.media(VIDEO_TYPES)

    def media(self, types: Set[ItemType]) -> tuple[Item, ...]:
        """Return the post's own media of these types, or the one that its URL names."""
        if self.selected is not None and self.items[self.selected].type in types:
            return (self.items[self.selected],)
        return tuple(
            item for item in self.items if item.role is ItemRole.MAIN and item.type in types
        )


@dataclass(frozen=True, slots=True)
class DownloadedFile:
    """Bytes in the staging folder, whole as far as the transport can tell."""

    path: Path
    url: str
    bytes: int
    content_type: str | None
    expected: Expected
    segmented: bool = False
    # of the bytes as they were written, in hexadecimal, where that is known
    sha256: str | None = None
    etag: str | None = None  # strong validators of the server, of a single file
    last_modified: str | None = None
    # what it is to be: a video, sound (only that is examined then) or a picture
    type: ItemType = ItemType.VIDEO
    subtitles: tuple[SubtitleSource, ...] = ()  # that the stream's manifest names
    recording: Recording | None = None  # of a stream that was running
    # what the probe finds in this file while it arrives, in the form that it needs itself; None:
    # nothing
    decoding: asyncio.Task[Mapping[str, Any] | None] | None = field(
        default=None, repr=False, compare=False
    )


@dataclass(frozen=True, slots=True)
class RefusedCopy:
    """A downloaded copy that was refused as damaged for ``reason``, a message, so that it is not
    downloaded again.

    ``url`` is its address without the query, which may be a new signature each time. ``times`` is
    how often the site has delivered these bytes, from any address. ``plays``: some of it does.
    """

    url: str
    sha256: str
    bytes: int
    reason: Message
    plays: bool
    etag: str | None = None
    last_modified: str | None = None
    times: int = 1


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What a media file is. ``problems`` lists why it is not a whole, playable video; empty if it
    is one.

    ``plays``: of a file with problems, at least one of its streams decodes in part.
    """

    container: str | None
    video_codec: str | None
    audio_codec: str | None
    duration_s: float | None
    width: int | None
    height: int | None
    fps: float | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    decoded_whole: bool = False  # every picture and all sound were decoded
    plays: bool = False


@dataclass(frozen=True, slots=True)
class DecodedPart:
    """A part of a film of which every picture was decoded.
    ``next`` is where the next part begins; None at the end.
    """

    problems: tuple[Problem, ...]
    next: int | None


class ProblemKind(StrEnum):
    NOT_A_VIDEO = "not_a_video"
    INCOMPLETE = "incomplete"
    DAMAGED = "damaged"
    PROTECTED = "protected"
    EMPTY = "empty"
    # it plays, but nothing says that it is all of the film: a question to the user
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True)
class Problem:
    kind: ProblemKind
    reason: Translatable  # completes the sentence "The file was refused because …"


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """A downloaded file that was examined and found to be a whole, playable video.

    ``despite`` is why it would have been refused, if a user wants it as it is.
    """

    downloaded: DownloadedFile
    report: ProbeReport
    despite: Failure | None = None

    @property
    def path(self) -> Path:
        return self.downloaded.path


# Container as the probe names it -> extension. The extension never comes from a URL or a header.
SUFFIXES = {
    "mp4": ".mp4", "mov": ".mov", "webm": ".webm", "matroska": ".mkv", "mpegts": ".ts",
    "flv": ".flv", "avi": ".avi", "mpegps": ".mpg", "asf": ".wmv", "ogg": ".ogv",
}  # fmt: skip
SOUND_SUFFIXES = (".m4a", ".opus", ".ogg", ".mp3", ".flac")  # of saved files that are sound alone


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A verified file's location in the library. Paths are relative to the download folder, with
    forward slashes.

    ``beside`` are the suffixes of further companions, as ".en.vtt" for subtitles: see
    ``core.companions``.
    """

    output_path: str
    thumbnail_path: str | None
    bytes: int
    sha256: str
    duration_s: float | None
    width: int | None
    height: int | None
    beside: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether it is sound alone, as its name says."""
        return self.output_path.lower().endswith(SOUND_SUFFIXES)

    @property
    def is_picture(self) -> bool:
        """Whether it is a picture, as its name says."""
        return is_picture(self.output_path)


# --- a player's additions to the video ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cue:
    """A text that is shown from ``start_s`` to ``end_s``; it may have several lines."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Subtitles:
    """One stream of texts in a video. ``language`` and ``title`` are as in the file,
    "" where it has none.
    """

    language: str
    title: str
    cues: tuple[Cue, ...]


@dataclass(frozen=True, slots=True)
class TextTracks:
    """The chapters of a video, by their start, and its subtitles. The texts are untrusted."""

    chapters: tuple[Chapter, ...] = ()
    subtitles: tuple[Subtitles, ...] = ()


@dataclass(frozen=True, slots=True)
class PreviewSheet:
    """A picture of many small ones, in rows: ``count`` pictures of ``width`` x ``height`` pixels,
    ``columns`` in a row.

    Each stands for the next ``step_s`` seconds of the video.
    """

    count: int
    columns: int
    width: int
    height: int
    step_s: float


MAX_NAME_CHARS = 200


def account(
    platform: str, handle: str | None, display_name: str | None, *, fallback: str | None = None
) -> Account:
    """Return an account with the slug ``<platform>-<handle>``; ``fallback`` (a host, say) replaces
    an unknown handle.

    The display name stays as the site gave it, except for characters that would break its line or
    change the direction of the text around it.
    """
    handle = (handle or "").strip().lstrip("@") or None
    name = shown_text(display_name or "")[:MAX_NAME_CHARS].strip() or None
    return Account(
        platform=platform,
        handle=handle,
        display_name=name,
        slug=slug(
            f"{platform}-{handle or fallback or safe_text(name or '') or 'unknown'}",
            fallback=platform,
        ),
    )


def key_of(account: Account) -> str:
    """Return an account's key in URLs and queries: ``<platform>/<slug>``,
    in safe characters only.
    """
    return f"{account.platform}/{account.slug}"


class NoVideo(Final):
    """``embeds`` are URLs on other sites that the post shows in frames, or only links to: its video
    may be there.

    ``final_url`` is where the page was, after its redirects. ``instead`` is what was read of a post
    that has other media. ``broadcast`` is what the page says of one.
    """

    code = ErrorCode.NO_VIDEO
    embeds: tuple[str, ...] = ()
    final_url: str | None = None
    instead: Extraction | None = None
    broadcast: Broadcast | None = None


class OnlyPictures(NoVideo):
    code = ErrorCode.ONLY_PICTURES


class OnlySound(NoVideo):
    code = ErrorCode.ONLY_SOUND


class BroadcastOver(NoVideo):
    code = ErrorCode.BROADCAST_OVER


class LiveNow(NotYet):
    """``instead`` is what was read of the post: its candidates are of the stream that is
    running.
    """

    code = ErrorCode.LIVE_NOW
    instead: Extraction | None = None
