"""Candidates out of a post's own data, and the item that they are rungs of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mediavault.core.media import Candidate, FoundIn, Ownership
from mediavault.core.platform import Platform
from mediavault.services.extraction.media_urls import MediaKind, classify_media
from mediavault.services.extraction.page_data import build, values

_NO_VIDEO = frozenset({MediaKind.IMAGE, MediaKind.STATIC, MediaKind.SUBTITLE, MediaKind.AUDIO_ONLY})
_CODECS = (
    (("avc", "h264", "x264"), "h264"),
    (("hvc", "hev", "h265", "hevc", "bytevc1"), "hevc"),
    (("av01", "av1"), "av1"),
    (("vp9", "vp09"), "vp9"),
    (("vp8", "vp08"), "vp8"),
)


def rung(address: object, platform: Platform, *, mime: str | None = None, **facts: Any) -> list[Candidate]:
    """One candidate that the post's own node names, or none where ``address`` is no address of a video.

    ``facts`` are fields of :class:`Candidate`; those that are None leave what the address itself tells.
    """
    url = values.url(address)
    if url is None or classify_media(url, mime, platform=platform).kind in _NO_VIDEO:
        return []
    found = build.candidate(url, platform, FoundIn.PAGE_DATA, ownership=Ownership.ID_MATCH, mime=mime)
    known = {name: value for name, value in facts.items() if value is not None}
    return [replace(found, **{"has_video": True, **known})]


def codec(name: object) -> str | None:
    """Our name of a codec written as ``avc1.640028``, ``h264``, ``hev1…``; None for one that is not known."""
    written = str(name or "").lower()
    return next((ours for marks, ours in _CODECS if written.startswith(marks)), None)
