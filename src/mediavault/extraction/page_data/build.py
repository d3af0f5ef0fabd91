"""Builds candidates from what their URL and the post's own record say about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mediavault.core.media import Candidate, FoundIn, Ownership, SourceType
from mediavault.core.platform import Platform
from mediavault.extraction.media_urls import MediaKind, classify_media
from mediavault.extraction.page_data import values
from mediavault.extraction.signed_urls import is_signed, signed_url_expiry

_NO_VIDEO = frozenset({MediaKind.IMAGE, MediaKind.STATIC, MediaKind.SUBTITLE, MediaKind.AUDIO_ONLY})
_CODECS = (
    (("avc", "h264", "x264"), "h264"),
    (("hvc", "hev", "h265", "hevc", "bytevc1"), "hevc"),
    (("av01", "av1"), "av1"),
    (("vp9", "vp09"), "vp9"),
    (("vp8", "vp08"), "vp8"),
)


def candidate(
    url: str,
    platform: Platform,
    found_in: FoundIn,
    *,
    ownership: Ownership = Ownership.UNKNOWN,
    mime: str | None = None,
) -> Candidate:
    """Return a candidate with what the URL and ``mime`` say: transport, key, size, watermark and
    signature.

    The page's facts are added by the caller.
    """
    seen = classify_media(url, mime, platform=platform, declared=found_in is FoundIn.META)
    return Candidate(
        url=url,
        source_type=seen.source_type or SourceType.UNKNOWN,
        found_in=found_in,
        ownership=ownership,
        media_key=seen.media_key,
        mime=mime,
        has_audio=False if seen.kind is MediaKind.VIDEO_ONLY else None,
        width=seen.width,
        height=seen.height,
        watermark=seen.watermark,
        signed=is_signed(url),
        expires_at=signed_url_expiry(url),
    )


def own_candidates(
    address: object, platform: Platform, *, mime: str | None = None, **facts: Any
) -> list[Candidate]:
    """Return the one candidate that the post's own record names; none where ``address`` is not the
    URL of a video.

    ``facts`` are fields of :class:`Candidate`; those that are None leave what the URL itself says.
    """
    url = values.url(address)
    if url is None or classify_media(url, mime, platform=platform).kind in _NO_VIDEO:
        return []
    return [_own(url, platform, mime, facts, has_video=True)]


def pictures(*addresses: object) -> tuple[Candidate, ...]:
    """Return the candidates of one picture, in this order;
    what is not the URL of anything is left out.
    """
    urls = dict.fromkeys(url for address in addresses if (url := values.url(address)))
    return tuple(
        Candidate(
            url=url,
            source_type=SourceType.DIRECT,
            found_in=FoundIn.PAGE_DATA,
            ownership=Ownership.ID_MATCH,
            has_video=False,
            has_audio=False,
            signed=is_signed(url),
            expires_at=signed_url_expiry(url),
        )
        for url in urls
    )


def own_sounds(
    address: object, platform: Platform, *, mime: str | None = None, **facts: Any
) -> list[Candidate]:
    """Return the one candidate of a sound that the post's own record names; none where ``address``
    is no URL.

    ``facts`` are as in :func:`own_candidates`.
    """
    url = values.url(address)
    return (
        [] if url is None else [_own(url, platform, mime, facts, has_video=False, has_audio=True)]
    )


def _own(
    url: str, platform: Platform, mime: str | None, facts: Mapping[str, Any], **tracks: bool
) -> Candidate:
    base = candidate(url, platform, FoundIn.PAGE_DATA, ownership=Ownership.ID_MATCH, mime=mime)
    known = {name: value for name, value in facts.items() if value is not None}
    return replace(base, **{**tracks, **known})


def codec(name: object) -> str | None:
    """Return our name of a codec written as ``avc1.640028``, ``h264``, ``hev1…``;
    None for an unknown one.
    """
    written = str(name or "").lower()
    return next((ours for marks, ours in _CODECS if written.startswith(marks)), None)


def merged(candidates: list[Candidate]) -> tuple[Candidate, ...]:
    """Return one candidate per URL, in the order given;
    a later twin fills in only what the first does not know.
    """
    by_url: dict[str, Candidate] = {}
    for c in candidates:
        known = by_url.get(c.url)
        by_url[c.url] = c if known is None else _filled(known, c)
    return tuple(by_url.values())


_FILLABLE = (
    "media_key",
    "mime",
    "container",
    "video_codec",
    "width",
    "height",
    "fps",
    "bitrate",
    "size",
    "duration_s",
)


def _filled(existing: Candidate, twin: Candidate) -> Candidate:
    missing = {name: getattr(twin, name) for name in _FILLABLE if getattr(existing, name) is None}
    return replace(existing, **missing)
