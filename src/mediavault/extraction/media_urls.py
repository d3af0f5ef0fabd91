"""What a media URL names, how large it is, and whether two are one file. Read from the URL, its
type and the site. Pure.

A URL is a hint, not proof: what a file really is, is decided by its bytes. But it is enough to tell
a playlist from a segment, a silent track from a whole file, and an advert or a preview from the
post's video.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote_plus, urlsplit

from mediavault.browser.url_signs import on_ad_host
from mediavault.core.media import SourceType, Watermark
from mediavault.core.platform import Measures, Platform
from mediavault.core.urls import MAX_MEDIA_URL_CHARS
from mediavault.extraction.media_kind import (
    MediaKind,
    by_extension,
    googlevideo_parameters,
    is_byte_range,
    kind_of,
)
from mediavault.extraction.signed_urls import is_signed, signed_url_expiry

# Meta: a part of the file, named by the query
_RANGE_IN_QUERY = frozenset({"bytestart", "byteend"})
_ADVERT = "it is an advert"  # as ``classify_media`` says it


def identity(url: str) -> str:
    """Return the URL without fragment and without a byte range in its query: two parts of one file
    are one file.

    Everything else is left as written, since a signature covers it and the same file without a
    range is spelled so.
    """
    base, _, query = url.partition("#")[0].partition("?")
    rest = "&".join(pair for pair in query.split("&") if _name(pair) not in _RANGE_IN_QUERY)
    return f"{base}?{rest}" if rest else base


def _name(pair: str) -> str:
    return unquote_plus(pair.partition("=")[0]).lower()


def on_media_host(url: str, platform: Platform) -> bool:
    """Whether ``url`` is on one of the platform's media hosts; True where none are known."""
    if not platform.media.hosts:
        return True
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    return any(
        host == known.lstrip(".") or host.endswith(f".{known.lstrip('.')}")
        for known in platform.media.hosts
    )


def is_advert(url: str) -> bool:
    """Whether ``url`` is served by an ad network, or is in a folder of adverts."""
    return classify_media(url).rejected == _ADVERT


def site_of(url: str) -> str:
    """Return the site of a URL: the last two labels of its host,
    three below a short second one (``co.uk``).
    """
    labels = (urlsplit(url).hostname or "").split(".")
    return ".".join(labels[-3:] if len(labels) > 2 and len(labels[-2]) <= 3 else labels[-2:])


_WIDTH_X_HEIGHT = re.compile(r"(?:^|[/_.-])(\d{3,4})x(\d{3,4})(?=[/_.-]|$)")
# Weibo: width x height . frames per second
_TEMPLATE = re.compile(r"(?:^|&)template=(\d{3,4})x(\d{3,4})(?:\.\d+|&|$)")
_PEERTUBE_HEIGHT = re.compile(
    r"/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}-(\d{3,4})(?:-fragmented)?\.mp4$"
)


def stated_size(parts: SplitResult, platform: Platform | None) -> tuple[int | None, int | None]:
    """Return width and height, each None where the URL does not spell it out."""
    if match := _WIDTH_X_HEIGHT.search(parts.path) or _TEMPLATE.search(parts.query):
        return int(match[1]), int(match[2])
    if platform is not None and platform.media.stated_size is not None:
        width, height = platform.media.stated_size(parts)
        if width or height:
            return width, height
    match = _PEERTUBE_HEIGHT.search(parts.path)
    return None, int(match[1]) if match else None


def nominal_measures(parts: SplitResult, platform: Platform) -> Measures:
    """Return what the URL states, completed with what the site encodes the named quality to."""
    width, height = stated_size(parts, platform)
    if query := googlevideo_parameters(parts):
        return _googlevideo(query)
    if platform.media.measures is not None:
        return platform.media.measures(parts, width, height)
    return Measures(width, height)


# --- YouTube --------------------------------------------------------------------------------------

_ITAGS: Mapping[tuple[int, int], str] = {
    (176, 144): "17",
    (256, 144): "160 278 330 394 597 598 694",
    (320, 240): "5 36",
    (426, 240): "133 242 331 395 695",
    (640, 360): "18 34 43 134 167 243 332 396 696 82 100",
    (854, 480): "35 44 59 78 135 168 212 218 219 244 245 246 333 397 697 83 101",
    (1280, 720): "22 45 136 169 247 298 302 334 398 698 84 102",
    (1920, 1080): "37 46 137 170 248 299 303 335 399 699 616 85",
    (2560, 1440): "264 271 308 336 400 700",
    (3840, 2160): "266 305 313 315 337 401 701",
    (7680, 4320): "272 402 571 702",
}
_SIZE_OF_ITAG = {itag: size for size, itags in _ITAGS.items() for itag in itags.split()}


def _googlevideo(query: Mapping[str, str]) -> Measures:
    """Return the itag's frame for a 16:9 video, and the mean rate from the size in bytes and the
    length in seconds.
    """
    size = _SIZE_OF_ITAG.get(query.get("itag", ""))
    width, height = size or (None, None)
    clen, dur = query.get("clen", ""), query.get("dur", "")
    if (
        not re.fullmatch(r"[0-9]{1,15}", clen)
        or not re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,6})?", dur)
        or not float(dur)
    ):
        return Measures(width, height)
    return Measures(width, height, round(int(clen) * 8 / float(dur)))


__all__ = [
    "MediaFacts",
    "MediaKind",
    "MediaUrl",
    "classify_media",
    "media_facts",
    "media_key",
    "watermark_of",
]


@dataclass(frozen=True, slots=True)
class MediaUrl:
    """What a media URL names. ``source_type`` is None for what is not a video or track.

    ``rejected`` says why it is never the post's video.
    """

    kind: MediaKind
    source_type: SourceType | None = None
    media_key: str | None = None
    watermark: Watermark = Watermark.UNKNOWN
    rejected: str | None = None
    width: int | None = None
    height: int | None = None

    @property
    def may_be_video(self) -> bool:
        """Whether it is a whole video or a video-only track, and not rejected."""
        return self.rejected is None and self.kind in _VIDEO_KINDS

    @property
    def is_advert(self) -> bool:
        return self.rejected == _AN_ADVERT


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """All that a URL says about itself, for users and scripts.

    ``kind`` is one of direct, hls, dash, video_only, audio_only, image, subtitle, static, preview
    and other. ``expires_at`` is in whole seconds since 1970, None where the URL does not say or
    does not expire. ``width`` and ``height`` are pixels, ``bitrate`` bits per second; where only a
    quality is named they are the platform's nominal ones.
    """

    url: str
    platform: str
    kind: MediaKind
    signed: bool
    expires_at: int | None
    watermark: Watermark
    width: int | None = None
    height: int | None = None
    bitrate: int | None = None


_VIDEO_KINDS = frozenset({MediaKind.DIRECT, MediaKind.HLS, MediaKind.DASH, MediaKind.VIDEO_ONLY})
_WHOLE_KINDS = _VIDEO_KINDS | {MediaKind.AUDIO_ONLY, MediaKind.PREVIEW}
_PLAYABLE_KINDS = _WHOLE_KINDS | {MediaKind.SEGMENT}
_TRACKS = frozenset({MediaKind.VIDEO_ONLY, MediaKind.AUDIO_ONLY})


def classify_media(
    url: str, mime: str | None = None, *, platform: Platform | None = None, declared: bool = False
) -> MediaUrl:
    """Classify ``url``. Never raises.

    ``mime`` is the content type of its response where one was seen; it takes precedence over the
    name. ``declared``: the page says that this is its video, so that a name like a segment's says
    nothing. URLs longer than ``MAX_MEDIA_URL_CHARS``, which are never fetched, are judged by their
    beginning.
    """
    url = url[:MAX_MEDIA_URL_CHARS]
    parts = _split(url)
    if parts is None:
        return MediaUrl(MediaKind.OTHER, rejected="it is not an HTTP URL")
    kind = kind_of(
        parts, (mime or "").partition(";")[0].strip().lower(), platform, declared=declared
    )
    rejected = _rejection(url, parts, platform, kind)
    if rejected == _A_PREVIEW and kind in _VIDEO_KINDS:
        kind = MediaKind.PREVIEW
    width, height = stated_size(parts, platform) if kind in _PLAYABLE_KINDS else (None, None)
    return MediaUrl(
        kind=kind,
        source_type=_source_type(parts, kind),
        media_key=media_key(url, platform),
        watermark=watermark_of(url, platform) if kind in _PLAYABLE_KINDS else Watermark.UNKNOWN,
        rejected=rejected,
        width=width,
        height=height,
    )


def media_facts(url: str, platform: Platform) -> MediaFacts:
    """Return what ``url`` says about itself, by the facts of the ``platform`` whose media host it
    is on. Never raises.

    A byte range of one track counts as that track; other segments count as ``other``, since they
    are not worth saving.
    """
    seen = classify_media(url, platform=platform)
    parts = _split(url[:MAX_MEDIA_URL_CHARS])
    kind = seen.kind if seen.kind is not MediaKind.SEGMENT else _kind_of_piece(parts, platform)
    whole = parts is not None and kind in _WHOLE_KINDS
    measures = nominal_measures(parts, platform) if parts and whole else Measures()
    expiry = signed_url_expiry(url)
    return MediaFacts(
        url=url,
        platform=platform.name,
        kind=kind,
        signed=is_signed(url),
        expires_at=int(expiry.timestamp()) if expiry else None,
        watermark=seen.watermark if whole else Watermark.UNKNOWN,
        width=measures.width,
        height=measures.height,
        bitrate=measures.bitrate,
    )


def media_key(url: str, platform: Platform | None) -> str | None:
    """Return what all URLs of the same video have in common on ``platform``;
    None where it is unknown.
    """
    if platform is None or platform.media.key is None:
        return None
    match = platform.media.key.search(url)
    return match[1] if match else None


def watermark_of(url: str, platform: Platform | None) -> Watermark:
    """Return whether the platform's watermark is burnt in, as far as its URLs say;
    a sign of one takes precedence.
    """
    if platform is None:
        return Watermark.UNKNOWN
    if platform.media.watermark_yes and platform.media.watermark_yes.search(url):
        return Watermark.YES
    if platform.media.watermark_no and platform.media.watermark_no.search(url):
        return Watermark.NO
    return Watermark.UNKNOWN


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        return parts if parts.scheme in {"http", "https"} and parts.hostname else None
    except ValueError:
        return None


def _source_type(parts: SplitResult, kind: MediaKind) -> SourceType | None:
    if kind not in _WHOLE_KINDS:
        return None
    by_name = {MediaKind.HLS: SourceType.HLS, MediaKind.DASH: SourceType.DASH}
    return (
        by_name.get(kind)
        or by_name.get(by_extension(parts) or MediaKind.OTHER)
        or SourceType.DIRECT
    )


def _kind_of_piece(parts: SplitResult | None, platform: Platform) -> MediaKind:
    if parts is None or not is_byte_range(parts):
        return MediaKind.OTHER
    unranged = "&".join(
        pair for pair in parts.query.split("&") if not is_byte_range(parts._replace(query=pair))
    )
    kind = kind_of(parts._replace(query=unranged), "", platform)
    return kind if kind in _TRACKS else MediaKind.OTHER


# --- never the post's video -----------------------------------------------------------------------

_A_PREVIEW = "it is a preview"
_AN_ADVERT = "it is an advert"

_AD_PATH = re.compile(
    r"/(?:ads|adverts?|advertising|adserver|vast|vmap|vpaid|pre-?roll|mid-?roll)(?=[/._?-]|$)"
    r"|[_-](?:pre-?roll|mid-?roll)(?=[_.-]|$)",
    re.IGNORECASE,
)
_PREVIEW_PATH = re.compile(
    r"/(?:thumb(?:nail)?s?|previews?|sprites?|storyboards?|scrubber)(?=/)"
    r"|[/_.-](?:thumb(?:nail)?s?|sprites?|storyboards?)(?:[_.-]?\d*)\.\w+$"
    r"|[/_]preview\.\w+$",
    re.IGNORECASE,
)


def _rejection(
    url: str, parts: SplitResult, platform: Platform | None, kind: MediaKind
) -> str | None:
    if on_ad_host(url) or _AD_PATH.search(parts.path):
        return _AN_ADVERT
    if kind in {MediaKind.IMAGE, MediaKind.STATIC, MediaKind.SUBTITLE}:
        # no candidates anyway, and a post's own picture is often in a folder of thumbnails
        return None
    rejects = (
        platform is not None
        and platform.media.reject_path is not None
        and platform.media.reject_path.search(url)
    )
    return _A_PREVIEW if rejects or _PREVIEW_PATH.search(parts.path) else None
