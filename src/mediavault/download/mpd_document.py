"""What a DASH manifest lists: periods and their representations, with all that they inherit. Pure
(ISO/IEC 23009-1).

The maintained Python library (mpd-parser on PyPI, 0.2) returns the elements only; what matters here
is their combined meaning, so our own bounded tree is enough.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from mediavault.core.failures import Unsupported
from mediavault.core.media import SubtitleSource
from mediavault.core.messages import Message
from mediavault.core.urls import HttpUrl
from mediavault.core.xml_tree import XmlNode
from mediavault.download.manifest import (
    QualityLevel,
    base_of,
    has_audio_codec,
    has_video_codec,
    resolve,
)
from mediavault.download.mpd_segments import (
    SegmentList,
    SegmentPosition,
    list_segments,
    rate_of,
    read_tree,
    seconds_of,
    whole,
)

MAX_REPRESENTATIONS = 5_000
# possessive: a finished comment is never matched again; otherwise a series of them takes forever
_PROLOGUE = r"(?:(?:<\?(?>.*?\?>)|<!--(?>.*?-->))\s*+)*+"
_START = re.compile(_PROLOGUE + r"<(?:[\w.-]+:)?MPD[\s>/]", re.DOTALL)
_SMOOTH = re.compile(_PROLOGUE + r"<SmoothStreamingMedia[\s>/]", re.DOTALL)
VIDEO, AUDIO, OTHER = "video", "audio", "other"
WEBVTT = "text/vtt"
_TRICK = (
    "http://dashif.org/guidelines/trickmode",
    "http://dashif.org/thumbnail_tile",
    "http://dashif.org/guidelines/thumbnail_tile",
)
_QUERY = ("urn:mpeg:dash:urlparam:2014", "urn:mpeg:dash:urlparam:2016")
_RESOLVE_TO_ZERO = "urn:mpeg:dash:resolve-to-zero:2013"


@dataclass(frozen=True, slots=True)
class Representation:
    """One quality in one period. ``set_number`` counts the period's adaptation sets;
    ``roles`` are the set's.
    """

    id: str
    kind: str
    level: QualityLevel
    language: str
    roles: frozenset[str]
    set_number: int
    protected: bool
    has_sound: bool  # its codecs include some
    mime: str
    position: SegmentPosition

    def listing(self) -> SegmentList:
        return list_segments(self.position)


@dataclass(frozen=True, slots=True)
class Period:
    duration_s: float | None
    representations: tuple[Representation, ...]  # no trick play

    def of_kind(self, kind: str) -> list[Representation]:
        return [candidate for candidate in self.representations if candidate.kind == kind]


@dataclass(frozen=True, slots=True)
class MpdDocument:
    """``remote``: a part of the manifest is elsewhere (xlink)."""

    periods: tuple[Period, ...]
    live: bool
    protected: bool
    remote: bool
    duration_s: float | None

    @property
    def variants(self) -> int:
        """Number of video qualities; one that continues through several periods under the same id
        counts once.
        """
        most: Counter[str] = Counter()
        for period in self.periods:
            most |= Counter(video.id for video in period.of_kind(VIDEO))
        return most.total()

    @property
    def subtitles(self) -> tuple[SubtitleSource, ...]:
        """The subtitles that are one WebVTT file each. Those in segments of MP4,
        and in several periods, are left out.
        """
        if len(self.periods) != 1:
            return ()
        texts = [
            one
            for one in self.periods[0].of_kind(OTHER)
            if one.mime == WEBVTT and not one.protected and one.position.is_one_file
        ]
        return tuple(SubtitleSource(text.position.address(""), text.language) for text in texts)

    @property
    def audio_groups(self) -> int:
        """Number of adaptation sets of sound, in the period that has the most."""
        return max(
            (len({sound.set_number for sound in period.of_kind(AUDIO)}) for period in self.periods),
            default=0,
        )


def looks_like_dash(text: str) -> bool:
    """Return whether ``text`` begins as a DASH manifest:
    its root element after declarations and comments, if any.
    """
    return bool(_START.match(text.lstrip("\ufeff \t\r\n")))


def looks_like_smooth_streaming(text: str) -> bool:
    """Return whether ``text`` begins as a client manifest of Microsoft's Smooth Streaming (MS-SSTR,
    2.2.2).
    """
    return bool(_SMOOTH.match(text.lstrip("\ufeff \t\r\n")))


def read_document(text: str, url: str) -> MpdDocument:
    """Read ``text``, which came from ``url``.

    Raises NotAVideo for malformed XML, Unsupported for another document or too many
    representations, BadUrl for a malformed ``url``.
    """
    root = read_tree(text)
    if root.name != "MPD":
        raise Unsupported("This XML document is not a DASH manifest.")
    base = _base_url(base_of(url), root)
    periods = [node for node in root.all("Period") if node.get("href") != _RESOLVE_TO_ZERO]
    total_s = seconds_of(root.get("mediaPresentationDuration"))
    lengths = _lengths(periods, total_s)
    count = 0
    read: list[Period] = []
    for number, (node, length_s) in enumerate(zip(periods, lengths, strict=True)):
        representations = tuple(_representations(root, node, base, number, length_s))
        count += len(representations)
        if count > MAX_REPRESENTATIONS:
            raise Unsupported(
                Message(
                    "The DASH manifest has more than %(max_representations)d representations.",
                    max_representations=MAX_REPRESENTATIONS,
                )
            )
        read.append(Period(length_s, representations))
    known = [length for length in lengths if length is not None]
    live = root.get("type").lower() == "dynamic"
    if total_s is None and not live and known and len(known) == len(lengths):
        total_s = sum(known)
    everything = list(root.walk())
    return MpdDocument(
        periods=tuple(read),
        live=live,
        protected=any(node.name == "ContentProtection" for node in everything),
        remote=any(
            node.get("href") not in ("", _RESOLVE_TO_ZERO)
            for node in everything
            if node.name in _LINKABLE
        ),
        duration_s=total_s,
    )


_LINKABLE = frozenset({"Period", "AdaptationSet", "SegmentList", "SegmentTimeline", "EventStream"})


def _lengths(periods: list[XmlNode], total_s: float | None) -> list[float | None]:
    """Return the periods' lengths in seconds; None where one is not known.

    A period lasts as long as it says, or until the next one begins, or until the presentation ends
    (5.3.2.1).
    """
    starts: list[float | None] = []
    lengths = [seconds_of(node.get("duration")) for node in periods]
    for number, node in enumerate(periods):
        start = seconds_of(node.get("start"))
        if start is None and number == 0:
            start = 0.0
        if (
            start is None
            and (before := starts[-1]) is not None
            and (length := lengths[number - 1]) is not None
        ):
            start = before + length
        starts.append(start)
    for number, (start, length) in enumerate(zip(starts, lengths, strict=True)):
        if length is None and start is not None:
            end = starts[number + 1] if number + 1 < len(starts) else total_s
            if end is not None and end <= start and number + 1 == len(starts):
                # a recording whose periods still count from the start of the live stream
                end += starts[0] or 0.0
            lengths[number] = end - start if end is not None and end > start else None
    return lengths


def _representations(
    root: XmlNode, period: XmlNode, base: HttpUrl, number: int, length_s: float | None
) -> Iterator[Representation]:
    period_base = _base_url(base, period)
    for set_number, group in enumerate(period.all("AdaptationSet")):
        if _is_trick(group):
            continue
        group_base = _base_url(period_base, group)
        for node in group.all("Representation"):
            if _is_trick(node):
                continue
            query = base.query if _inherits_query(root, period, group, node) else ""
            position = SegmentPosition(
                (period, group, node), _base_url(group_base, node), number, length_s, query
            )
            yield _representation(group, node, position, set_number)


def _representation(
    group: XmlNode, node: XmlNode, position: SegmentPosition, set_number: int
) -> Representation:
    def either(name: str) -> str:
        return node.get(name) or group.get(name)

    codecs = either("codecs")
    return Representation(
        id=node.get("id"),
        kind=_kind(group, either("mimeType"), codecs, sized=bool(either("width"))),
        level=QualityLevel(
            width=whole(either("width")) or 0,
            height=whole(either("height")) or 0,
            bandwidth=whole(node.get("bandwidth")) or 0,
            codecs=codecs,
            fps=rate_of(either("frameRate")),
        ),
        language=group.get("lang"),
        roles=frozenset(role.get("value").lower() for role in group.all("Role")),
        set_number=set_number,
        protected=any(level.first("ContentProtection") is not None for level in position.levels),
        has_sound=has_audio_codec(codecs),
        mime=either("mimeType").lower(),
        position=position,
    )


def _kind(group: XmlNode, mime: str, codecs: str, *, sized: bool) -> str:
    """Return the kind of media, by the most reliable sign: video codecs, content type,
    components, a size.
    """
    if has_video_codec(codecs):
        return VIDEO
    components = {part.get("contentType").lower() for part in group.all("ContentComponent")}
    content = group.get("contentType").lower() or mime.partition("/")[0].lower()
    if content in (VIDEO, AUDIO):
        return content
    if content in ("text", "image", "application") or components - {VIDEO, AUDIO}:
        return OTHER
    if VIDEO in components or sized:
        return VIDEO
    return AUDIO if AUDIO in components or has_audio_codec(codecs) else OTHER


def _is_trick(node: XmlNode) -> bool:
    """Return whether it is trick play or thumbnails: pictures for seeking (DASH-IF IOP 3.2.9)."""
    properties = (*node.all("EssentialProperty"), *node.all("SupplementalProperty"))
    return any(descriptor.get("schemeIdUri").lower() in _TRICK for descriptor in properties)


def _inherits_query(*levels: XmlNode) -> bool:
    """Return whether each URL carries the query of the manifest's own URL (Annex I in its common
    form).
    """
    for level in levels:
        for descriptor in (*level.all("EssentialProperty"), *level.all("SupplementalProperty")):
            info = descriptor.first("UrlQueryInfo")
            if descriptor.get("schemeIdUri") in _QUERY and info is not None:
                return (
                    info.get("useMPDUrlQuery") == "true"
                    and info.get("queryTemplate") == "$querypart$"
                )
    return False


def _base_url(base: HttpUrl, node: XmlNode) -> HttpUrl:
    """Return the base URL of the children of ``node``; the first of several,
    which are alternatives.
    """
    element = node.first("BaseURL")
    return (
        base_of(resolve(element.text.strip(), base))
        if element is not None and element.text.strip()
        else base
    )
