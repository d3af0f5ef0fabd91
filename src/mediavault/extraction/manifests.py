"""Summary of an HLS playlist or a DASH manifest: what it lists, how large, live or not, protected
or not.

Nothing is refused for being live or protected, and a malformed value counts as absent: this is for
ranking, ownership and display. ``download`` reads the same documents to fetch what they list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mediavault.core.failures import BadUrl, MediavaultError, NotAVideo, Unsupported
from mediavault.core.messages import Message
from mediavault.core.urls import HttpUrl
from mediavault.download import hls_document, mpd_document
from mediavault.download.hls_text import looks_like_hls
from mediavault.download.manifest import (
    MAX_PLAYLIST_BYTES,
    MAX_SEGMENTS,
    QualityLevel,
    Segment,
    Wanted,
    base_of,
    resolve,
)
from mediavault.download.mpd import chosen_video, listings_of
from mediavault.download.playlist import has_pictures, level_of

_NO_BASE = "https://unknown.invalid/"
_SOUND_FILE = re.compile(r"\.(?:aac|mp3|m4a|ac3|ec3)(?:$|\?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest says. ``children`` are absolute URLs: a master's playlists, or a playlist's
    segments.

    Counts: ``variants`` qualities (of a DASH manifest those of video), ``segments`` of a media
    playlist or of the best DASH quality over all periods, ``audio_groups`` HLS groups or DASH audio
    sets, ``maps`` EXT-X-MAP tags or the different initialisation sections of the best DASH quality.
    ``listed_s``: length of what is listed, live or not.
    """

    is_master: bool
    children: tuple[str, ...]
    width: int | None = None
    height: int | None = None
    bitrate: int | None = None
    fps: float | None = None
    codecs: str | None = None
    duration_s: float | None = None
    live: bool = False
    drm: bool = False
    audio_only: bool = False
    type: Literal["hls", "dash"] = "hls"
    encrypted: bool = False
    variants: int = 0
    segments: int = 0
    audio_groups: int = 0
    maps: int = 0
    listed_s: float | None = None


def read_manifest(body: bytes, url: str) -> Manifest | None:
    """Return the manifest in ``body``; None where it is not one, or cannot be read."""
    try:
        return parse_manifest(body, url)
    except MediavaultError:
        return None


def parse_manifest(body: bytes, url: str) -> Manifest:
    """Return the manifest as :func:`read_manifest` does, or raise NotAVideo, Unsupported or BadUrl
    with the reason.

    A manifest embedded in a page has a ``data:`` URL or none at all: then only its absolute URLs
    can be used.
    """
    url = _NO_BASE if not url or url[:5].lower() == "data:" else url
    if len(body) > MAX_PLAYLIST_BYTES:
        raise NotAVideo(
            Message(
                "It is larger than %(max_playlist_bytes)d bytes, the maximum for a playlist.",
                max_playlist_bytes=MAX_PLAYLIST_BYTES,
            )
        )
    encoding = "utf-16" if body.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    text = body.decode(encoding, "replace").lstrip("\ufeff \t\r\n")
    try:
        if looks_like_hls(text):
            return _from_hls(hls_document.read_document(text, url), url)
        if mpd_document.looks_like_dash(text):
            return _from_mpd(mpd_document.read_document(text, url))
    except (ValueError, OverflowError) as exc:
        raise NotAVideo(Message("The playlist cannot be read: %(error)s.", error=exc)) from exc
    if mpd_document.looks_like_smooth_streaming(text):
        raise Unsupported("It is a Smooth Streaming manifest, which mediavault does not read.")
    raise NotAVideo("It is neither an HLS playlist nor a DASH manifest.")


def _from_hls(document: hls_document.HlsDocument, url: str) -> Manifest:
    return _master(document, url) if document.is_master else _playlist(document, url)


def _master(document: hls_document.HlsDocument, url: str) -> Manifest:
    others = [
        entry["URI"] for entry in (*document.media, *document.i_frame_variants) if entry.get("URI")
    ]
    levels = [level_of(info) for info, _ in document.variants]
    best = max(
        levels, key=lambda level: Wanted().rank(level, has_sound=None), default=QualityLevel()
    )
    return _with_quality(
        best,
        Manifest(
            is_master=True,
            children=_resolved((*others, *(uri for _, uri in document.variants)), url),
            drm=document.is_protected,
            encrypted=document.is_encrypted,
            audio_only=bool(document.variants)
            and not any(has_pictures(info) for info, _ in document.variants),
            variants=len(document.variants),
            audio_groups=document.audio_groups,
        ),
    )


def _playlist(document: hls_document.HlsDocument, url: str) -> Manifest:
    uris = [entry.uri for entry in document.entries]
    return Manifest(
        is_master=False,
        children=_resolved((*document.map_uris, *uris), url),
        duration_s=round(document.duration_s, 3) or None if not document.is_live else None,
        live=document.is_live,
        drm=document.is_protected,
        audio_only=bool(uris) and all(_SOUND_FILE.search(uri) for uri in uris),
        encrypted=document.is_encrypted,
        segments=len(uris),
        maps=document.maps,
        listed_s=round(document.duration_s, 3),
    )


def _from_mpd(document: mpd_document.MpdDocument) -> Manifest:
    video = chosen_video(document, protected=True)
    tracks = video or [
        sound for period in document.periods for sound in period.of_kind(mpd_document.AUDIO)[:1]
    ]
    segments = _segments(tracks)
    listed_s = (
        None if document.live else round(sum(segment.duration_s for segment in segments), 3) or None
    )
    return _with_quality(
        video[0].level if video else QualityLevel(),
        Manifest(
            is_master=True,
            children=_addresses(document),
            duration_s=document.duration_s,
            live=document.live,
            drm=document.protected,
            audio_only=bool(tracks) and not video,
            type="dash",
            encrypted=document.protected,
            variants=document.variants,
            segments=len(segments),
            audio_groups=document.audio_groups,
            maps=len({segment.init for segment in segments if segment.init}),
            listed_s=listed_s if document.duration_s is None else round(document.duration_s, 3),
        ),
    )


def _addresses(document: mpd_document.MpdDocument) -> tuple[str, ...]:
    """Return the distinct URLs of all tracks' segments and initialisation sections;
    of a very long list the first.
    """
    urls: dict[str, None] = {}
    room = MAX_SEGMENTS
    for period in document.periods:
        for representation in period.representations:
            if room <= 0:
                return tuple(urls)
            segments = _segments([representation])
            room -= len(segments) + 1
            urls |= dict.fromkeys(segment.init.url for segment in segments[:1] if segment.init)
            urls |= dict.fromkeys(segment.url for segment in segments)
    return tuple(urls)


def _segments(tracks: Sequence[mpd_document.Representation]) -> list[Segment]:
    """Return all segments of ``tracks``; none where the manifest lists them in an unreadable way,
    or lists too many.
    """
    try:
        return [segment for listing in listings_of(tracks) for segment in listing.segments]
    except (NotAVideo, ValueError, OverflowError):
        return []


def _with_quality(quality: QualityLevel, manifest: Manifest) -> Manifest:
    return replace(
        manifest,
        width=quality.width or None,
        height=quality.height or None,
        bitrate=quality.bandwidth or None,
        fps=quality.fps or None,
        codecs=quality.codecs or None,
    )


def _resolved(uris: Iterable[str], url: str) -> tuple[str, ...]:
    """Return ``uris`` as absolute URLs, without those that are not valid."""
    try:
        base = base_of(url)
    except BadUrl:
        return ()
    return tuple(child for uri in uris if (child := _joined(uri, base)))


def _joined(uri: str, base: HttpUrl) -> str | None:
    try:
        return resolve(uri, base)
    except NotAVideo:
        return None
