"""What an HLS playlist lists, unchanged: no URL resolved, nothing refused. Pure, linear in the
text's length.

Written for this project instead of using a library: of the 60 published playlists of npm's
m3u8-parser 7.2.0, the m3u8 package 6.0 reads 46 as their authors expect; it fails on a malformed
number, counts the parts of an unfinished segment as one, and leaves out segments without a duration
(compared 2026-11-24).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mediavault.core.clock import moment_or_none
from mediavault.core.messages import Message
from mediavault.download.hls_text import (
    Attributes,
    Variables,
    attributes_of,
    decimal,
    integer,
    tags_of,
)
from mediavault.download.manifest import MAX_SEGMENTS

_MASTER_TAGS = frozenset(
    {
        "EXT-X-STREAM-INF",
        "EXT-X-I-FRAME-STREAM-INF",
        "EXT-X-IMAGE-STREAM-INF",
        "EXT-X-SESSION-DATA",
        "EXT-X-SESSION-KEY",
        "EXT-X-CONTENT-STEERING",
    }
)
MAX_QUALITIES = 1_000  # variants, and renditions
_ADDRESS_MARKS = frozenset("./?:")
_LICENSED = ("com.apple", "com.microsoft", "com.widevine", "urn:uuid")


@dataclass(frozen=True, slots=True)
class KeyTag:
    """EXT-X-KEY or EXT-X-SESSION-KEY."""

    method: str
    uri: str
    iv: str | None
    keyformat: str

    @property
    def is_plain(self) -> bool:
        """Whether the key is sixteen bytes at a URL,
        for every client that may fetch the segments.
        """
        return self.method == "AES-128" and self.keyformat == "identity"

    @property
    def is_licensed(self) -> bool:
        """Whether it needs a licence: sample encryption, a key system's format,
        a key only its system can fetch.
        """
        return (
            self.method.startswith("SAMPLE-AES")
            or self.keyformat.lower().startswith(_LICENSED)
            or self.uri.lower().startswith("skd:")
        )


@dataclass(frozen=True, slots=True)
class MapTag:
    """EXT-X-MAP with the keys that apply to it."""

    uri: str
    byterange: str | None
    keys: tuple[KeyTag, ...]


@dataclass(frozen=True, slots=True)
class HlsEntry:
    """A media segment. Unless ``timed``, its duration is the longest that the playlist allows,
    as players assume.
    """

    uri: str
    duration_s: float
    timed: bool
    byterange: str | None
    keys: tuple[KeyTag, ...]
    map: MapTag | None
    discontinuities: int  # before this segment
    gap: bool


@dataclass(slots=True)
class HlsDocument:
    """``variants`` are (attributes, address); ``maps`` counts the EXT-X-MAP tags.

    ``discontinuity_sequence`` counts the discontinuities before the first segment, those that are
    no longer listed too. ``dated`` is a segment's index and the time at which it was recorded;
    ``start_s`` where a player is to begin, from the end if it is negative.
    """

    entries: list[HlsEntry] = field(default_factory=list)
    variants: list[tuple[Attributes, str]] = field(default_factory=list)
    media: list[Attributes] = field(default_factory=list)
    i_frame_variants: list[Attributes] = field(default_factory=list)
    keys: list[KeyTag] = field(default_factory=list)
    session_keys: list[KeyTag] = field(default_factory=list)
    map_uris: list[str] = field(default_factory=list)
    maps: int = 0
    is_master: bool = False
    ended: bool = False
    playlist_type: str = ""
    i_frames_only: bool = False  # or images only: for seeking
    media_sequence: int = 0
    discontinuity_sequence: int = 0
    dated: tuple[int, datetime] | None = None
    start_s: float | None = None
    target_duration_s: float = 0.0
    skipped: bool = False  # a delta update (EXT-X-SKIP): it leaves segments out
    unaddressed: bool = False  # some segment has a duration and no address
    fractions: bool = False  # some duration is not an integer
    variables: dict[str, str] = field(default_factory=dict)
    undefined: frozenset[str] = frozenset()

    @property
    def is_live(self) -> bool:
        """Whether it may still grow: it has no end,
        and is not of the type that never changes (RFC 8216, 6.3.4).
        """
        return not self.is_master and not self.ended and self.playlist_type != "VOD"

    @property
    def is_encrypted(self) -> bool:
        keys = self.session_keys if self.is_master else self.keys
        return any(key.method != "NONE" for key in keys)

    @property
    def is_protected(self) -> bool:
        """Whether something in it can only be played with a licence."""
        if self.is_master:
            return needs_licence(tuple(self.session_keys))
        key_sets = {id(entry.keys): entry.keys for entry in self.entries}
        if not key_sets:
            return any(key.is_licensed for key in self.keys)
        return any(needs_licence(keys) for keys in key_sets.values())

    @property
    def audio_groups(self) -> int:
        return len(
            {media.get("GROUP-ID", "") for media in self.media if media.get("TYPE") == "AUDIO"}
        )

    @property
    def begins_at(self) -> datetime | None:
        """When the first segment was recorded; None where the playlist does not say."""
        if self.dated is None:
            return None
        index, at = self.dated
        try:
            return at - timedelta(
                seconds=math.fsum(entry.duration_s for entry in self.entries[:index])
            )
        except OverflowError:
            return None

    @property
    def duration_s(self) -> float:
        return math.fsum(entry.duration_s for entry in self.entries)


def needs_licence(keys: tuple[KeyTag, ...]) -> bool:
    """Return whether segments with these keys need a licence: keys are alternatives,
    so one plain key is enough.
    """
    usable = any(key.is_plain or key.method == "NONE" for key in keys)
    return not usable and any(key.is_licensed for key in keys)


def read_document(text: str, url: str, *, imported: Mapping[str, str] | None = None) -> HlsDocument:
    """Read ``text``, which came from ``url``; ``imported`` are the variables of the master that
    named it.

    Raises ValueError when it has more than MAX_SEGMENTS segments or MAX_QUALITIES variants.
    """
    variables = Variables(url, imported or {})
    reader = _Reader()
    for tag, value in tags_of(text, variables):
        reader.take(tag, value)
    document = reader.end()
    document.is_master = bool(document.variants) or (document.is_master and not document.entries)
    document.variables, document.undefined = variables.values, frozenset(variables.unknown)
    return document


class _Reader:
    """Reads tag by tag; holds what applies to the next segment or variant."""

    def __init__(self) -> None:
        self.document = HlsDocument()
        self._begun = False  # an EXTINF waits for its address
        self._duration_s: float | None = None
        self._byterange: str | None = None
        self._gap = False
        self._discontinuities = 0
        self._variant: Attributes | None = None
        self._keys: tuple[KeyTag, ...] = ()
        self._keys_complete = True
        self._map: MapTag | None = None
        self._steps: Mapping[str, Callable[[str], None]] = {
            "": self._address,
            "EXTINF": self._extinf,
            "EXT-X-BYTERANGE": self._range,
            "EXT-X-GAP": self._gap_tag,
            "EXT-X-DISCONTINUITY": self._discontinuity,
            "EXT-X-KEY": self._key,
            "EXT-X-MAP": self._map_tag,
            "EXT-X-STREAM-INF": self._stream_inf,
            "EXT-X-I-FRAME-STREAM-INF": lambda value: self.document.i_frame_variants.append(
                attributes_of(value)
            ),
            "EXT-X-MEDIA": self._media,
            "EXT-X-SESSION-KEY": lambda value: self.document.session_keys.append(_key_of(value)),
            "EXT-X-ENDLIST": lambda _: setattr(self.document, "ended", True),
            "EXT-X-I-FRAMES-ONLY": lambda _: setattr(self.document, "i_frames_only", True),
            "EXT-X-IMAGES-ONLY": lambda _: setattr(self.document, "i_frames_only", True),
            "EXT-X-SKIP": lambda _: setattr(self.document, "skipped", True),
            "EXT-X-PLAYLIST-TYPE": lambda value: setattr(
                self.document, "playlist_type", value.upper()
            ),
            "EXT-X-MEDIA-SEQUENCE": lambda value: setattr(
                self.document, "media_sequence", integer(value) or 0
            ),
            "EXT-X-TARGETDURATION": self._target,
            "EXT-X-DISCONTINUITY-SEQUENCE": self._discontinuity_sequence,
            "EXT-X-PROGRAM-DATE-TIME": self._date,
            "EXT-X-START": self._start,
        }

    def take(self, tag: str, value: str) -> None:
        self.document.is_master = self.document.is_master or tag in _MASTER_TAGS
        if step := self._steps.get(tag):
            step(value)

    def end(self) -> HlsDocument:
        self.document.unaddressed = self.document.unaddressed or self._begun
        return self.document

    def _address(self, uri: str) -> None:
        if self._variant is not None:
            self.document.variants.append((self._variant, uri))
            self._variant = None
            return
        if not self._begun and not _ADDRESS_MARKS.intersection(uri):
            return  # a stray word: without a duration, only what looks like a URL is a segment
        self._keys_complete = True
        if len(self.document.entries) >= MAX_SEGMENTS:
            raise ValueError(
                Message("it has more than %(max_segments)d segments", max_segments=MAX_SEGMENTS)
            )
        self.document.entries.append(
            HlsEntry(
                uri=uri,
                duration_s=self.document.target_duration_s
                if self._duration_s is None
                else self._duration_s,
                timed=self._duration_s is not None,
                byterange=self._byterange,
                keys=self._keys,
                map=self._map,
                discontinuities=self._discontinuities,
                gap=self._gap,
            )
        )
        self._begun, self._duration_s, self._byterange, self._gap = False, None, None, False

    def _extinf(self, value: str) -> None:
        # channel lists put attributes after the number
        text = next(iter(value.partition(",")[0].split()), "")
        self._keys_complete = True
        self.document.unaddressed = self.document.unaddressed or self._begun
        self._begun = True
        self._duration_s = decimal(text)
        self.document.fractions = self.document.fractions or "." in text

    def _range(self, value: str) -> None:
        self._byterange = value

    def _gap_tag(self, _: str) -> None:
        self._gap = True

    def _discontinuity(self, _: str) -> None:
        if self.document.entries:
            self._discontinuities += 1
        else:
            self.document.discontinuity_sequence += 1

    def _discontinuity_sequence(self, value: str) -> None:
        self.document.discontinuity_sequence += integer(value) or 0

    def _date(self, value: str) -> None:
        if self.document.dated is None and (at := moment_or_none(value.strip())) is not None:
            self.document.dated = len(self.document.entries), at

    def _start(self, value: str) -> None:
        self.document.start_s = _signed(attributes_of(value).get("TIME-OFFSET", ""))

    def _key(self, value: str) -> None:
        """Add a key. Consecutive keys are alternatives;
        the first one after a segment replaces all before.
        """
        key = _key_of(value)
        before = () if self._keys_complete or key.method == "NONE" else self._keys
        self._keys, self._keys_complete = (*before, key), False
        self.document.keys.append(key)

    def _map_tag(self, value: str) -> None:
        attributes = attributes_of(value)
        self.document.maps += 1
        self._map = MapTag(attributes.get("URI", ""), attributes.get("BYTERANGE"), self._keys)
        self.document.map_uris.append(self._map.uri)

    def _stream_inf(self, value: str) -> None:
        self._check_room()
        self._variant = attributes_of(value)

    def _media(self, value: str) -> None:
        self._check_room()
        self.document.media.append(attributes_of(value))
        self.document.is_master = True

    def _check_room(self) -> None:
        if len(self.document.variants) + len(self.document.media) >= MAX_QUALITIES:
            raise ValueError(
                Message("it has more than %(max_qualities)d variants", max_qualities=MAX_QUALITIES)
            )

    def _target(self, value: str) -> None:
        if (seconds := decimal(value)) is not None:
            self.document.target_duration_s = seconds


def _signed(text: str) -> float | None:
    size = decimal(text.strip().removeprefix("-"))
    return -size if size is not None and text.strip().startswith("-") else size


def _key_of(value: str) -> KeyTag:
    attributes = attributes_of(value)
    return KeyTag(
        method=attributes.get("METHOD", "").upper() or "AES-128",
        uri=attributes.get("URI", ""),
        iv=attributes.get("IV"),
        keyformat=attributes.get("KEYFORMAT") or "identity",
    )
