"""A DASH manifest inside the page's own data, as a candidate with a ``data:`` URL (RFC 2397)."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote_plus

from mediavault.core.media import Candidate, FoundIn, Ownership, SourceType, Watermark
from mediavault.extraction.manifests import read_manifest
from mediavault.extraction.page_data.build import codec

MAX_MANIFEST_CHARS = 1_000_000  # Meta's have some 10,000 to 60,000
_NOWHERE = "https://unknown.invalid/"  # the base for relative URLs in it; Meta writes none


def inline_dash(document: object, *, media_key: str | None = None) -> list[Candidate]:
    """Return the manifest's best quality as one candidate; none for a live or audio-only manifest, or another document.

    Its bit rate is that of the video track alone and cannot be compared with a whole file's. It is left out, so that
    the whole file wins if the sizes are equal.
    """
    if not isinstance(document, str) or not 0 < len(document) <= MAX_MANIFEST_CHARS:
        return []
    text = unquote_plus(document) if document.startswith("%3C") else document  # Facebook before 2021
    if "<MPD" not in text:
        return []
    body = text.strip().encode("utf-8", "ignore")
    manifest = read_manifest(body, _NOWHERE)
    if manifest is None or manifest.live or manifest.audio_only:
        return []
    candidate = Candidate(
        url=f"data:application/dash+xml;base64,{base64.b64encode(body).decode('ascii')}",
        source_type=SourceType.DASH,
        found_in=FoundIn.PAGE_DATA,
        ownership=Ownership.ID_MATCH,
        media_key=media_key,
        mime="application/dash+xml",
        has_video=True,
        has_audio=manifest.audio_groups > 0,
        watermark=Watermark.NO,  # as in the whole files: Meta adds no watermark to videos
        drm=manifest.drm,
    )
    return [
        replace(
            candidate,
            video_codec=codec(manifest.codecs),
            width=manifest.width,
            height=manifest.height,
            fps=manifest.fps,
            duration_s=manifest.duration_s,
        )
    ]


def with_sound_of(manifests: Sequence[Candidate], files: Sequence[Candidate]) -> list[Candidate]:
    """Return ``files`` of the same video: one that does not state whether it has sound has it if the manifest has."""
    known = next((manifest.has_audio for manifest in manifests if manifest.has_audio is not None), None)
    return [replace(file, has_audio=known) if file.has_audio is None else file for file in files]
