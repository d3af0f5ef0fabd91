"""A candidate with all that its address says about it."""

from __future__ import annotations

from dataclasses import replace

from mediavault.core.media import Candidate, FoundIn, Ownership, SourceType
from mediavault.core.platform import Platform
from mediavault.services.extraction.media_urls import MediaKind, classify_media
from mediavault.services.extraction.signed_urls import is_signed, signed_url_expiry


def candidate(
    url: str,
    platform: Platform,
    found_in: FoundIn,
    *,
    ownership: Ownership = Ownership.UNKNOWN,
    mime: str | None = None,
) -> Candidate:
    """Transport, key, size, watermark and signature as the address and ``mime`` tell; the page's facts come on top."""
    seen = classify_media(url, mime, platform=platform)
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


def merged(candidates: list[Candidate]) -> tuple[Candidate, ...]:
    """One a URL, in the order given; a later twin fills in only what the first does not know."""
    kept: dict[str, Candidate] = {}
    for one in candidates:
        known = kept.get(one.url)
        kept[one.url] = one if known is None else _filled(known, one)
    return tuple(kept.values())


_FILLABLE = ("media_key", "mime", "container", "video_codec", "width", "height", "fps", "bitrate", "size", "duration_s")


def _filled(known: Candidate, twin: Candidate) -> Candidate:
    missing = {name: getattr(twin, name) for name in _FILLABLE if getattr(known, name) is None}
    return replace(known, **missing)
