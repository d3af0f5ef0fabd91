"""What kind of thing a media URL names: a whole file, one track, a playlist, a segment,
or no video. Pure.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import SplitResult, parse_qsl, unquote

from mediavault.core.platform import Platform

# --- Meta's `efg` parameter: what Facebook, Instagram and Threads write into their own media URLs.
# It is URL-safe base64 of a JSON object, with or without padding, sometimes followed by a remnant
# of another escaping (`u00253D`). So its text is searched, not parsed. Source: recorded URLs of
# 2019 to 2026, checked 2026-11-24.

_EFG = re.compile(r"(?:^|[&;])efg=([\w-]+)")
_TAG = re.compile(rb'"vencode_tag":\s*"([\w.-]+)')
_BITRATE = re.compile(rb'"bitrate":\s*(\d{4,9})(?=[,}\s])')
_BITRATE_PARAMETER = re.compile(r"(?:^|[&;])bitrate=(\d{4,9})(?:&|$)")  # Facebook, since 2025
# A quality of the adaptive stream; elsewhere "dash_…" names the encoder:
# "xpv_progressive.….dash_baseline_1080p_v1"
_DASH_TAG = re.compile(r"(?:^|[._])dash_")
# "dash_ln_heaac_vbr3_audio", and Instagram's "….dash_ln_audio_v1"
_AUDIO_TAG = re.compile(r"_audio(?:_v\d+)?$")
_MUXED_WORDS = ("progressive", "urlgen")
# "….C3.720.dash_…", "vts_vod_urlgen.720.clips", "dash_vp9-basic-gen2_720p"
_LEVEL = re.compile(r"_(\d{3,4})p(?:[_.]|$)|\.(\d{3,4})(?:\.|$)")


@dataclass(frozen=True, slots=True)
class Efg:
    """What an ``efg`` says. ``tag`` names the quality; ``bitrate`` is in bits per second,
    if stated (since 2025).
    """

    tag: str = ""
    bitrate: int | None = None

    @property
    def is_audio_track(self) -> bool:
        return bool(_AUDIO_TAG.search(self.tag))

    @property
    def is_video_track(self) -> bool:
        """Whether it is a quality of the adaptive stream, whose sound is elsewhere."""
        if self.is_audio_track or any(word in self.tag for word in _MUXED_WORDS):
            return False
        return bool(_DASH_TAG.search(self.tag))

    @property
    def level(self) -> int | None:
        """The pixels of the quality's short side, as Meta counts it."""
        match = _LEVEL.search(self.tag)
        return int(match[1] or match[2]) if match else None


def read_efg(query: str) -> Efg:
    """Return what the ``efg`` of ``query`` says; an empty record where it has none,
    or one that cannot be read.
    """
    match = _EFG.search(query)
    raw = _decoded(match[1]) if match else b""
    tag, bitrate = _TAG.search(raw), _BITRATE.search(raw) or _BITRATE_PARAMETER.search(query)
    return Efg(
        tag[1].decode("ascii", "replace") if tag else "", int(bitrate[1]) if bitrate else None
    )


def _decoded(text: str) -> bytes:
    """Decode as many letters as make whole bytes: a single letter left over is dropped."""
    usable = text[: len(text) - 1] if len(text) % 4 == 1 else text
    try:
        return base64.urlsafe_b64decode(usable + "=" * (-len(usable) % 4))
    except (binascii.Error, ValueError):
        return b""


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


_EXTENSIONS: Mapping[MediaKind, str] = {
    MediaKind.DIRECT: "mp4 m4v mov webm mkv flv f4v avi mpg mpeg 3gp 3g2 ogv wmv asf",
    MediaKind.HLS: "m3u8 m3u",
    MediaKind.DASH: "mpd",
    MediaKind.SEGMENT: "ts m2ts m4s cmfv cmfa cmft",
    MediaKind.AUDIO_ONLY: "mp3 m4a aac ogg oga opus wav flac weba wma",
    MediaKind.IMAGE: "jpg jpeg jfif png gif webp avif heic heif bmp image tif tiff",
    MediaKind.SUBTITLE: "vtt webvtt srt ttml dfxp ass ssa sbv",
    MediaKind.OTHER: "vmap vast",  # lists of adverts, with X's videos
    MediaKind.STATIC: (
        "js mjs css map json woff woff2 ttf otf eot wasm ico svg torrent html htm xhtml xml txt"
        " webmanifest"
    ),
}
_KIND_OF_EXTENSION = {name: kind for kind, names in _EXTENSIONS.items() for name in names.split()}
# Instructions to an image service may follow it: X's photo.jpg:large, Bilibili's
# cover.jpg@672w_378h, Bluesky's @jpeg
_EXTENSION = re.compile(r"[.@]([A-Za-z0-9]{2,11})(?:[:@][\w!-]*)?$")
_MAX_NAME_CHARS = 300  # of the last part of the path; file systems end at 255

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


def kind_of(
    parts: SplitResult, mime: str, platform: Platform | None, *, declared: bool = False
) -> MediaKind:
    """Return the kind of thing that the URL names.

    ``mime`` is the bare lower-case content type of the response, or ""; it takes precedence over
    the URL. ``declared`` is as in ``classify_media``.
    """
    if _STATIC_PATH.search(parts.path) or _is_host(parts, _STATIC_HOSTS):
        return MediaKind.STATIC
    named = (
        _by_mime(mime)
        or _by_platform_form(parts)
        or _by_image_service(parts)
        or _by_query(parts)
        or by_extension(parts)
    )
    return _refined(named or _by_media_path(parts, platform), parts, declared=declared)


def by_extension(parts: SplitResult) -> MediaKind | None:
    """Return the kind that the path's file extension stands for; None for an unknown one."""
    match = _EXTENSION.search(unquote(_name(parts)))
    return _KIND_OF_EXTENSION.get(match[1].lower()) if match else None


def is_byte_range(parts: SplitResult) -> bool:
    """Whether the query requests a byte range of a file,
    as those of Meta's players and googlevideo do.
    """
    return bool(_RANGE_QUERY.search(parts.query))


def googlevideo_parameters(parts: SplitResult) -> dict[str, str] | None:
    """Return the parameters of a ``videoplayback`` URL, from its query or its path; None for other
    URLs.

    The path has them as ``/name/value``.
    """
    if not parts.path.startswith("/videoplayback"):
        return None
    steps = [unquote(step) for step in parts.path.split("/")[2:]]
    in_path = dict(zip(steps[::2], steps[1::2], strict=False))
    return in_path | dict(parse_qsl(parts.query))


def _name(parts: SplitResult) -> str:
    return parts.path.rstrip("/").rpartition("/")[2][-_MAX_NAME_CHARS:]


def _is_host(parts: SplitResult, known: tuple[str, ...]) -> bool:
    host = (parts.hostname or "").rstrip(".")
    return any(host == name or host.endswith(f".{name}") for name in known)


def _by_mime(mime: str) -> MediaKind | None:
    return _MIMES.get(mime) or _MIME_GROUPS.get(mime.partition("/")[0])


# --- sites' own forms -----------------------------------------------------------------------------

# These serve only the parts that a site's own pages are made of, including pictures
_STATIC_HOSTS = (
    "abs.twimg.com",
    "abs-0.twimg.com",
    "ttwstatic.com",
    "static.cdninstagram.com",
    "static.xx.fbcdn.net",
    "redditstatic.com",
    "static.licdn.com",
    "s.pinimg.com",
    "assets.tumblr.com",
    "static.twitchcdn.net",
    "f.vimeocdn.com",
    "static1.dmcdn.net",
    "fonts.gstatic.com",
)
_STATIC_PATH = re.compile(
    r"/rsrc\.php/|/favicon|/apple-touch-icon|^/s/(?:desktop|player|_)/|/lazy-static/torrents/"
    r"|/_next/static/|/wp-includes/|/wp-content/(?:themes|plugins)/"
)

# Image services, whose URLs often have no file name: posters, avatars, thumbnails
_IMAGE_HOSTS = (
    "pbs.twimg.com",
    "i.vimeocdn.com",
    "i.ytimg.com",
    "yt3.ggpht.com",
    "static-cdn.jtvnw.net",
    "i.pinimg.com",
)
_IMAGE_PATH = re.compile(
    r"~tplv-|/tos-\w+-(?:p|avt)-\d++[\w-]*+/"  # TikTok: the service's mark, and the picture buckets
    r"|^/dms/image/"  # LinkedIn
    r"|^/img/\w+/plain/"  # Bluesky
    r"|/safe_image\.php$|^/emg1/v/|^/lookaside/crawler/media/$"  # Facebook
    r"|^/v/\w+/x\d+$|^/thumbnail/(?:\d+x\d+/)?video/"  # Dailymotion: /v/<id>/x480
    r"|^/[\w-]+/[\w-]+\.(?:111|256|1020|1025)(?:\.[A-Z]+)?$"  # Snapchat's stills
    r"|/s\d+x\d+/[0-9a-f]+\.gifv$"  # Tumblr's GIFs, in WebP
)
_VIDEO_QUERY = re.compile(r"(?:^|&)format=mp4(?:&|$)")  # reddit turns GIFs into videos
_SUBTITLE_QUERY = re.compile(r"(?:^|&)format=(?:web)?vtt(?:&|$)")  # captions at TikTok's play URL
# TikTok's ``mime_type``; S3 and compatible services answer with the requested type
_MIME_QUERY = re.compile(
    r"(?:^|&)(?:mime(?:_?type)?|(?:response-)?content-type)=(video|audio)(?:_|%2F|/)\w+",
    re.IGNORECASE,
)
_SCRIPT = re.compile(r"/(?:[^/.]*|[^/]+\.(?:php\d?|aspx?|ashx|jsp|cgi|pl|do))$", re.IGNORECASE)
_FILE_PARAMETERS = frozenset(
    ["file", "filename", "media", "download", "attachment", "response-content-disposition"]
)
_FILE_NAME = re.compile(r"\.(\w{2,5})\"?$")
_IMAGE_QUERY = re.compile(r"(?:^|&)format=(?:jpe?g|png|webp|avif)(?:&|$)")

_MANIFESTS = (
    (
        re.compile(r"manifest\(format=m3u8|/manifest/hls|/api/manifest/hls", re.IGNORECASE),
        MediaKind.HLS,
    ),
    (re.compile(r"manifest\(format=mpd|/api/manifest/dash", re.IGNORECASE), MediaKind.DASH),
    # YouTube, Bilibili
    (re.compile(r"^/api/timedtext$|/bfs/(?:ai_)?subtitle/"), MediaKind.SUBTITLE),
    # reddit until 2019; Facebook
    (re.compile(r"/DASH_(?:\d+_)?\d+_[KM]$|/video_redirect/$"), MediaKind.DIRECT),
    (re.compile(r"^/[a-z0-9]{8,16}/audio$"), MediaKind.AUDIO_ONLY),  # reddit until 2020
    (re.compile(r"/mp3-(?:128|v0|320|preview)/"), MediaKind.AUDIO_ONLY),  # Bandcamp, Spotify
    (re.compile(r"/(?:master|playlist)\.json$"), MediaKind.OTHER),  # Vimeo's own form of a manifest
    # Vimeo's links for an account's own videos
    (re.compile(r"^/play/[0-9a-f-]{36}/hls$"), MediaKind.HLS),
    (
        re.compile(r"^/play/[0-9a-f-]{36}$|^/progressive_redirect/playback/\d+/rendition/\w+$"),
        MediaKind.DIRECT,
    ),
    (re.compile(r"^/playlist/vid/dash/"), MediaKind.DASH),  # LinkedIn's adaptive streams
    (re.compile(r"^/playlist/vid/dynamic/"), MediaKind.HLS),
    # LinkedIn: "mp4-720p-30fp-crf28", no extension
    (re.compile(r"/mp4-\d+p-\d+fp-"), MediaKind.DIRECT),
    # Snapchat: with watermark, without it
    (re.compile(r"^/[\w-]+/[\w-]+\.(?:27|1034)\.[A-Z]+$"), MediaKind.DIRECT),
)
_MUXED_ITAGS = frozenset(
    ["5", "6", "17", "18", "22", "34", "35", "36", "37", "38", "43", "44", "45", "46", "59", "78"]
)  # YouTube's files with both tracks


def _by_platform_form(parts: SplitResult) -> MediaKind | None:
    query = googlevideo_parameters(parts)
    if query is None:
        return next((kind for form, kind in _MANIFESTS if form.search(parts.path)), None)
    if query.get("sabr") == "1":  # an endpoint for the player's own protocol, not a file
        return MediaKind.OTHER
    if query.get("mime", "").startswith("audio/"):
        return MediaKind.AUDIO_ONLY
    if query.get("mime", "").startswith("text/"):
        return MediaKind.SUBTITLE
    if "range" in query or "sq" in query:
        return MediaKind.SEGMENT
    return MediaKind.DIRECT if query.get("itag") in _MUXED_ITAGS else MediaKind.VIDEO_ONLY


def _by_image_service(parts: SplitResult) -> MediaKind | None:
    # pbs.twimg.com served X's GIFs as .mp4 until 2018
    serves_pictures = _is_host(parts, _IMAGE_HOSTS) and by_extension(parts) is not MediaKind.DIRECT
    if serves_pictures or _IMAGE_PATH.search(parts.path) or _IMAGE_QUERY.search(parts.query):
        return MediaKind.IMAGE
    return None


def _by_query(parts: SplitResult) -> MediaKind | None:
    if _SUBTITLE_QUERY.search(parts.query):
        return MediaKind.SUBTITLE
    if _VIDEO_QUERY.search(parts.query):
        return MediaKind.DIRECT
    if match := _MIME_QUERY.search(parts.query):
        return _MIME_GROUPS[match[1].lower()]
    return _by_file_name(parts)


def _by_file_name(parts: SplitResult) -> MediaKind | None:
    """Return the kind of the file that a script's query names: DokuWiki's ``fetch.php?media=``,
    downloads under a name.

    A whole URL in the query does not count: players and proxies take those.
    """
    if not _SCRIPT.search(parts.path):
        return None
    for name, value in parse_qsl(parts.query):
        match = (
            _FILE_NAME.search(value)
            if name.lower() in _FILE_PARAMETERS and "://" not in value
            else None
        )
        kind = _KIND_OF_EXTENSION.get(match[1].lower()) if match else None
        if kind is not None:
            return kind
    return None


# background music of TikTok's videos
_SONG_HOST = re.compile(r"sf\d+-ies-music(?:-\w+)?\.tiktokcdn(?:-\w+)?\.com")


def _by_media_path(parts: SplitResult, platform: Platform | None) -> MediaKind:
    """Return the kind by the platform's path for media, where no name says what it is."""
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    if _SONG_HOST.fullmatch(parts.hostname or ""):
        return MediaKind.AUDIO_ONLY
    is_media = (
        platform is not None
        and platform.media.path is not None
        and platform.media.path.search(path)
    )
    return MediaKind.DIRECT if is_media else MediaKind.OTHER


# --- which part of a video ------------------------------------------------------------------------

# Segments that are named like whole files. "part1.mp4" is not among them: people name files like
# that.
# What follows a mark must not run past the next mark: a name full of marks would be scanned once
# for each
_SEGMENT_NAME = re.compile(
    r"(?:^|[_.-])(?:init|header)(?:[_.-](?:(?![_-](?:init|header)[_-])[\w-])*+)?\.(?:mp4|m4v|m4a|webm)$"
    r"|(?:^|[_.-])(?:seg(?:ment)?|chunk|frag(?:ment)?)[_-]?\d++"
    r"(?:(?![_-](?:seg(?:ment)?|chunk|frag(?:ment)?)[_-]?\d)[\w-])*+\.(?:mp4|m4v|m4a|webm)$",
    re.IGNORECASE,
)
_SEGMENT_PATH = re.compile(
    r"/range/prot/"  # Vimeo
    r"|/(?:vid/(?:avc1|hvc1)|aud/mp4a)/\d+/\d+/"  # X's HLS: start and end in milliseconds
)
_RANGE_QUERY = re.compile(r"(?:^|&)(?:bytestart|byteend|sq|range)=\d")  # Meta; googlevideo

# A playlist or a file that holds one kind of track: reddit, Vimeo, X's HLS renditions and spaces,
# Twitch, PeerTube
_AUDIO_PATH = re.compile(
    r"/(?:DASH|CMAF|HLS)_AUDIO|/DASH_audio|/sep/audio/|/(?:pl|aud)/mp4a/"
    r"|/audio_only/|/audio-space/|-0-fragmented\.mp4$|_audio\.m3u8$"
)
_VIDEO_PATH = re.compile(r"/(?:DASH|CMAF|HLS)_\d|/sep/video/|/pl/(?:avc1|hvc1)/")
_VIMEO_TRACK = re.compile(r"(?:^|&)st=(video|audio)(?:&|$)")  # of media.m3u8
# TikTok keeps the subtitles with the uploads: bucket "-v-" instead of "-ve-", and ds=4
_TIKTOK_V_BUCKET = re.compile(r"/tos-\w+-v-[\w-]+/")
_TIKTOK_SUBTITLE = re.compile(r"(?:^|&)ds=4(?:&|$)")
# its .m4s files are whole tracks; 302xx are the audio tracks' numbers
_BILIBILI_AUDIO = re.compile(r"-302\d\d\.m4s$")


def _refined(kind: MediaKind, parts: SplitResult, *, declared: bool) -> MediaKind:
    """Return which part of a video it is, for what looks like a video."""
    if kind is MediaKind.SEGMENT and "/upgcxcode/" in parts.path:
        return (
            MediaKind.AUDIO_ONLY if _BILIBILI_AUDIO.search(_name(parts)) else MediaKind.VIDEO_ONLY
        )
    if kind in {MediaKind.DIRECT, MediaKind.AUDIO_ONLY} and _is_segment(parts, declared=declared):
        return MediaKind.SEGMENT
    if kind not in {MediaKind.DIRECT, MediaKind.HLS}:
        return kind
    if _TIKTOK_V_BUCKET.search(parts.path) and _TIKTOK_SUBTITLE.search(parts.query):
        return MediaKind.SUBTITLE
    return _track(parts) or kind


def _is_segment(parts: SplitResult, *, declared: bool) -> bool:
    is_named = not declared and _SEGMENT_NAME.search(_name(parts))
    return bool(is_named or _SEGMENT_PATH.search(parts.path)) or is_byte_range(parts)


def _track(parts: SplitResult) -> MediaKind | None:
    if _name(parts) == "media.m3u8" and (match := _VIMEO_TRACK.search(parts.query)):
        return MediaKind.VIDEO_ONLY if match[1] == "video" else MediaKind.AUDIO_ONLY
    efg = read_efg(parts.query)
    if efg.is_audio_track or _AUDIO_PATH.search(parts.path):
        return MediaKind.AUDIO_ONLY
    if efg.is_video_track or _VIDEO_PATH.search(parts.path):
        return MediaKind.VIDEO_ONLY
    return None
