"""Counts what a saved playlist or manifest lists. No network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mediavault.core.failures import BadInput, MediavaultError
from mediavault.download.manifest import MAX_PLAYLIST_BYTES
from mediavault.extraction.manifests import parse_manifest


def inspect_playlist(path: Path | None, text: bytes | None, base_url: str) -> dict[str, Any]:
    """Count what the HLS playlist or DASH manifest in the file ``path`` or in ``text`` lists; it is
    from ``base_url``.

    ``variants`` are an HLS master's EXT-X-STREAM-INF entries, or a DASH manifest's video qualities
    (one that continues through several periods under one id counts once). ``segments`` are those of
    a media playlist, or of the DASH manifest's best quality over all periods; initialisation
    sections do not count. ``maps`` counts EXT-X-MAP tags, or that quality's different
    initialisation sections; ``audio_groups`` the audio groups of a master, or the adaptation sets
    with sound. ``duration_s`` is the sum of the listed segments (HLS, also of a live window) or the
    manifest's stated duration (DASH); None without either. ``encrypted`` means any encryption,
    ``drm`` one that needs a licence. A DASH manifest is always a master. A playlist is ``live``
    while it has no end, unless its type never changes (VOD).

    Raises BadInput for a file that cannot be read, is too large, or is not a playlist.
    """
    body = text if text is not None else _read(path)
    try:
        summary = parse_manifest(body, base_url)
    except BadInput:
        raise
    except MediavaultError as exc:
        raise BadInput(
            f"This is no playlist: {exc.message}", help="Give an HLS playlist or a DASH manifest."
        ) from exc
    return {
        "type": summary.type,
        "role": "master" if summary.is_master else "media",
        "live": summary.live,
        "drm": summary.drm,
        "encrypted": summary.encrypted,
        "variants": summary.variants,
        "segments": summary.segments,
        "duration_s": summary.listed_s,
        "audio_groups": summary.audio_groups,
        "maps": summary.maps,
    }


def _read(path: Path | None) -> bytes:
    if path is None:
        raise BadInput("There is no playlist to look at.")
    try:
        with path.open("rb") as file:
            return file.read(MAX_PLAYLIST_BYTES + 1)
    except OSError as exc:
        raise BadInput(f"{path} cannot be read: {exc.strerror or exc}.") from exc
