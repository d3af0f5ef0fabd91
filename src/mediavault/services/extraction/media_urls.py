"""What an address of media is, read from the address, its content type and the platform's facts. Pure; no network.

An address is a hint and no proof: what a file really is, is decided by its bytes. But it is enough to tell a
playlist from a piece of one, a silent track from a whole file, and an advert or a preview from the post's video.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from mediavault.core.media import SourceType, Watermark
from mediavault.core.platform import Platform


class MediaKind(StrEnum):
    DIRECT = "direct"
    HLS = "hls"
    DASH = "dash"
    VIDEO_ONLY = "video_only"  # its sound is elsewhere
    AUDIO_ONLY = "audio_only"
    SEGMENT = "segment"  # a piece of a stream, or its initialisation
    IMAGE = "image"
    SUBTITLE = "subtitle"
    STATIC = "static"  # scripts, styles, fonts: what pages are made of
    PREVIEW = "preview"  # a hover clip or a scrubber's strip
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class MediaUrl:
    """``source_type`` is None for what is no video or track; ``rejected`` says why it is never the post's video."""

    kind: MediaKind
    source_type: SourceType | None = None
    media_key: str | None = None
    watermark: Watermark = Watermark.UNKNOWN
    rejected: str | None = None
    width: int | None = None
    height: int | None = None

    @property
    def may_be_video(self) -> bool:
        """A whole video or its picture track, and not rejected."""
        return self.rejected is None and self.kind in _VIDEO_KINDS


_VIDEO_KINDS = frozenset({MediaKind.DIRECT, MediaKind.HLS, MediaKind.DASH, MediaKind.VIDEO_ONLY})
_PLAYABLE_KINDS = _VIDEO_KINDS | {MediaKind.AUDIO_ONLY, MediaKind.PREVIEW, MediaKind.SEGMENT}


def classify_media(url: str, mime: str | None = None, *, platform: Platform | None = None) -> MediaUrl:
    """Judge ``url``. ``mime`` is the content type of its answer where one was seen; it wins over the name. Never raises."""
    parts = _split(url)
    if parts is None:
        return MediaUrl(MediaKind.OTHER, rejected="it is no http address")
    kind = _kind(parts, (mime or "").partition(";")[0].strip().lower(), platform)
    rejected = _rejection(url, parts, platform, kind)
    if rejected == _A_PREVIEW and kind in _VIDEO_KINDS:
        kind = MediaKind.PREVIEW
    width, height = _size(parts, platform) if kind in _PLAYABLE_KINDS else (None, None)
    return MediaUrl(
        kind=kind,
        source_type=_source_type(parts, kind),
        media_key=media_key(url, platform),
        watermark=watermark_of(url, platform) if kind in _PLAYABLE_KINDS else Watermark.UNKNOWN,
        rejected=rejected,
        width=width,
        height=height,
    )


def media_key(url: str, platform: Platform | None) -> str | None:
    """What all addresses of the same video have in common on ``platform``."""
    if platform is None or platform.media_key is None:
        return None
    match = platform.media_key.search(url)
    return match[1] if match else None


def watermark_of(url: str, platform: Platform | None) -> Watermark:
    if platform is None:
        return Watermark.UNKNOWN
    if platform.watermark_yes and platform.watermark_yes.search(url):
        return Watermark.YES
    if platform.watermark_no and platform.watermark_no.search(url):
        return Watermark.NO
    return Watermark.UNKNOWN


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        return parts if parts.scheme in {"http", "https"} and parts.hostname else None
    except ValueError:
        return None


def _source_type(parts: SplitResult, kind: MediaKind) -> SourceType | None:
    if kind not in _PLAYABLE_KINDS or kind is MediaKind.SEGMENT:
        return None
    by_name = {MediaKind.HLS: SourceType.HLS, MediaKind.DASH: SourceType.DASH}
    return by_name.get(kind) or by_name.get(_by_extension(parts) or MediaKind.OTHER) or SourceType.DIRECT


# --- kind ------------------------------------------------------------------------------------------------------

_EXTENSIONS: Mapping[MediaKind, str] = {
    MediaKind.DIRECT: "mp4 m4v mov webm mkv flv f4v avi mpg mpeg 3gp 3g2 ogv wmv asf",
    MediaKind.HLS: "m3u8 m3u",
    MediaKind.DASH: "mpd",
    MediaKind.SEGMENT: "ts m2ts m4s cmfv cmfa cmft",
    MediaKind.AUDIO_ONLY: "mp3 m4a aac ogg oga opus wav flac weba wma",
    MediaKind.IMAGE: "jpg jpeg jfif png gif webp avif heic heif bmp image tif tiff",
    MediaKind.SUBTITLE: "vtt webvtt srt ttml dfxp ass ssa sbv",
    MediaKind.STATIC: "js mjs css map json woff woff2 ttf otf eot wasm ico svg torrent html htm xhtml xml txt webmanifest",
}
_KIND_OF_EXTENSION = {name: kind for kind, names in _EXTENSIONS.items() for name in names.split()}
_EXTENSION = re.compile(r"\.([A-Za-z0-9]{2,11})(?::\w+)?$")  # X writes photo.jpg:large

_MIMES: Mapping[str, MediaKind] = {
    "application/vnd.apple.mpegurl": MediaKind.HLS,
    "application/x-mpegurl": MediaKind.HLS,
    "application/mpegurl": MediaKind.HLS,
    "audio/mpegurl": MediaKind.HLS,
    "audio/x-mpegurl": MediaKind.HLS,
    "video/mpegurl": MediaKind.HLS,
    "application/dash+xml": MediaKind.DASH,
    "video/vnd.mpeg.dash.mpd": MediaKind.DASH,
    "video/mp2t": MediaKind.SEGMENT,
    "video/iso.segment": MediaKind.SEGMENT,
    "audio/iso.segment": MediaKind.SEGMENT,
    "text/vtt": MediaKind.SUBTITLE,
    "application/ttml+xml": MediaKind.SUBTITLE,
    "application/x-subrip": MediaKind.SUBTITLE,
    "text/css": MediaKind.STATIC,
    "text/javascript": MediaKind.STATIC,
    "application/javascript": MediaKind.STATIC,
    "application/x-javascript": MediaKind.STATIC,
    "application/x-bittorrent": MediaKind.STATIC,
    "text/html": MediaKind.OTHER,
    "application/json": MediaKind.OTHER,
}
_MIME_GROUPS: Mapping[str, MediaKind] = {
    "image": MediaKind.IMAGE,
    "font": MediaKind.STATIC,
    "audio": MediaKind.AUDIO_ONLY,
    "video": MediaKind.DIRECT,
}

# Pieces of streams that wear a whole file's name. "part1.mp4" is not among them: people name files so.
_SEGMENT_PATH = re.compile(
    r"(?:^|[/_.-])(?:init|header)(?:[_.-][\w-]*)?\.(?:mp4|m4v|m4a|webm)$"
    r"|(?:^|[/_.-])(?:seg(?:ment)?|chunk|frag(?:ment)?)[_-]?\d+[\w-]*\.(?:mp4|m4v|m4a|webm)$"
    r"|/range/prot/"  # Vimeo
    r"|/(?:vid/avc1|aud/mp4a)/\d+/\d+/",  # X's HLS: start and end in milliseconds
    re.IGNORECASE,
)
_SEGMENT_QUERY = re.compile(r"(?:^|&)(?:bytestart|byteend|sq|range)=\d")  # Meta; googlevideo

# A playlist or a file that holds one kind of track: reddit, Vimeo, X's HLS renditions
_AUDIO_PATH = re.compile(r"/(?:DASH|CMAF|HLS)_AUDIO|/DASH_audio|/sep/audio/|/(?:pl|aud)/mp4a/|^/[^/]+/audio$")
_VIDEO_PATH = re.compile(r"/(?:DASH|CMAF)_\d|/sep/video/|/pl/avc1/")
_DASH_TAG = re.compile(r"(?:^|[._])dash_")  # "dash_v4_…_video"; behind "progressive" it only names the encoder
_STATIC_PATH = re.compile(r"/rsrc\.php/|/favicon|^/s/(?:desktop|player)/|/lazy-static/torrents/")
# TikTok's image service, whatever the name says: "~tplv-", and the picture buckets "-p-" and "-avt-"
_IMAGE_PATH = re.compile(r"~tplv-|/tos-\w+-(?:p|avt)-\d+[\w-]*/")
_IMAGE_QUERY = re.compile(r"(?:^|&)format=(?:jpe?g|png|webp|avif)(?:&|$)")
# TikTok keeps the subtitles beside the uploads: bucket "-v-" instead of "-ve-", and ds=4
_TIKTOK_SUBTITLE = re.compile(r"/tos-[\w]+-v-[\w-]+/[^?]*\?(?:[^#]*&)?ds=4(?:&|$)")
_MANIFESTS = (
    (re.compile(r"manifest\(format=m3u8|/manifest/hls|/api/manifest/hls", re.IGNORECASE), MediaKind.HLS),
    (re.compile(r"manifest\(format=mpd|/api/manifest/dash", re.IGNORECASE), MediaKind.DASH),
)
_BILIBILI_AUDIO = re.compile(r"-302\d\d\.m4s$")  # its .m4s files are whole tracks; 302xx are the sound's numbers


def _kind(parts: SplitResult, mime: str, platform: Platform | None) -> MediaKind:
    if _STATIC_PATH.search(parts.path):
        return MediaKind.STATIC
    named = _by_mime(mime) or _by_platform_form(parts) or _by_query(parts) or _by_extension(parts)
    if named is None:
        named = _by_place(parts, platform)
    return _finer(named, parts)


def _finer(kind: MediaKind, parts: SplitResult) -> MediaKind:
    """Which part of a video it is, for what looks like a video."""
    if kind is MediaKind.SEGMENT and "/upgcxcode/" in parts.path:
        return MediaKind.AUDIO_ONLY if _BILIBILI_AUDIO.search(parts.path) else MediaKind.VIDEO_ONLY
    if kind in {MediaKind.DIRECT, MediaKind.AUDIO_ONLY} and _is_segment(parts):
        return MediaKind.SEGMENT
    if kind not in {MediaKind.DIRECT, MediaKind.HLS}:
        return kind
    if _TIKTOK_SUBTITLE.search(f"{parts.path}?{parts.query}"):
        return MediaKind.SUBTITLE
    return _track(parts) or kind


def _is_segment(parts: SplitResult) -> bool:
    return bool(_SEGMENT_PATH.search(parts.path) or _SEGMENT_QUERY.search(parts.query))


def _track(parts: SplitResult) -> MediaKind | None:
    if _AUDIO_PATH.search(parts.path):
        return MediaKind.AUDIO_ONLY
    if _VIDEO_PATH.search(parts.path):
        return MediaKind.VIDEO_ONLY
    if tag := _encode_tag(parts.query):
        if "progressive" not in tag and _DASH_TAG.search(tag):
            return MediaKind.AUDIO_ONLY if "audio" in tag else MediaKind.VIDEO_ONLY
        if tag.endswith("_audio"):
            return MediaKind.AUDIO_ONLY
    return None


def _by_mime(mime: str) -> MediaKind | None:
    return _MIMES.get(mime) or _MIME_GROUPS.get(mime.partition("/")[0])


_MUXED_ITAGS = frozenset(
    ["5", "6", "17", "18", "22", "34", "35", "36", "37", "38", "43", "44", "45", "46", "59", "78"]
)  # YouTube's files with both tracks


def _by_platform_form(parts: SplitResult) -> MediaKind | None:
    """googlevideo's addresses all look alike: what they hold stands in their parameters."""
    if not parts.path.startswith("/videoplayback"):
        return next((kind for form, kind in _MANIFESTS if form.search(parts.path)), None)
    query = dict(parse_qsl(parts.query))
    if query.get("sabr") == "1":  # an endpoint for the player's own protocol; no file
        return MediaKind.OTHER
    if query.get("mime", "").startswith("audio/"):
        return MediaKind.AUDIO_ONLY
    if "range" in query or "sq" in query:
        return MediaKind.SEGMENT
    return MediaKind.DIRECT if query.get("itag") in _MUXED_ITAGS else MediaKind.VIDEO_ONLY


def _by_query(parts: SplitResult) -> MediaKind | None:
    if _IMAGE_PATH.search(parts.path) or _IMAGE_QUERY.search(parts.query):
        return MediaKind.IMAGE
    if match := re.search(r"(?:^|&)mime_type=(video|audio)_\w+", parts.query):  # TikTok
        return _MIME_GROUPS[match[1]]
    return None


def _by_extension(parts: SplitResult) -> MediaKind | None:
    match = _EXTENSION.search(unquote(parts.path.rstrip("/")).rpartition("/")[2])
    return _KIND_OF_EXTENSION.get(match[1].lower()) if match else None


def _by_place(parts: SplitResult, platform: Platform | None) -> MediaKind:
    """No name says what it is: believe the platform's path for media."""
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    at_home = platform is not None and platform.media_path is not None and platform.media_path.search(path)
    return MediaKind.DIRECT if at_home else MediaKind.OTHER


def _encode_tag(query: str) -> str | None:
    """Meta's ``efg``: URL-safe base64 of JSON, sometimes with rubbish behind it, whose ``vencode_tag`` names the rung."""
    match = re.search(r"(?:^|&)efg=([\w-]+)", query)
    if match is None:
        return None
    text = match[1][: len(match[1]) // 4 * 4 or None]
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) + _last_letters(match[1][len(text) :])
    except (binascii.Error, ValueError):
        return None
    tag = re.search(rb'"vencode_tag":"([\w.-]+)', raw)
    return tag[1].decode("ascii", "replace") if tag else None


def _last_letters(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) > 1 else b""


# --- size ------------------------------------------------------------------------------------------------------

_WIDTH_X_HEIGHT = re.compile(r"(?:^|[/_.-])(\d{3,4})x(\d{3,4})(?=[/_.-]|$)")
_REDDIT_HEIGHT = re.compile(r"/(?:DASH|CMAF)_(\d{3,4})\.mp4$")


def _size(parts: SplitResult, platform: Platform | None) -> tuple[int | None, int | None]:
    if match := _WIDTH_X_HEIGHT.search(parts.path):
        return int(match[1]), int(match[2])
    if platform is not None and platform.name == "reddit" and (match := _REDDIT_HEIGHT.search(parts.path)):
        return None, int(match[1])
    return None, None


# --- never the post's video ------------------------------------------------------------------------------------

_A_PREVIEW = "it is a preview"
_AN_ADVERT = "it is an advert"

_AD_HOSTS = (
    "doubleclick.net",
    "googlesyndication.com",
    "googleadservices.com",
    "imasdk.googleapis.com",
    "2mdn.net",
    "adnxs.com",
    "amazon-adsystem.com",
    "serving-sys.com",
    "innovid.com",
    "springserve.com",
    "spotxchange.com",
    "teads.tv",
    "moatads.com",
)
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


def _rejection(url: str, parts: SplitResult, platform: Platform | None, kind: MediaKind) -> str | None:
    host = (parts.hostname or "").rstrip(".")
    if any(host == known or host.endswith(f".{known}") for known in _AD_HOSTS) or _AD_PATH.search(parts.path):
        return _AN_ADVERT
    if kind in {MediaKind.IMAGE, MediaKind.STATIC, MediaKind.SUBTITLE}:
        return None  # no candidates anyway, and a post's own picture often lies in a folder of thumbnails
    rejects = platform is not None and platform.reject_path is not None and platform.reject_path.search(url)
    return _A_PREVIEW if rejects or _PREVIEW_PATH.search(parts.path) else None
