"""Looking at a saved playlist or manifest: what it lists, as counts. No network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mediavault.core.failures import BadInput, MediavaultError
from mediavault.services.download.manifest import MAX_PLAYLIST_BYTES
from mediavault.services.extraction.manifests import look


def look_at_playlist(path: Path | None, text: bytes | None, base_url: str) -> dict[str, Any]:
    """What the HLS playlist or DASH manifest in the file ``path``, or in ``text``, lists; it came from ``base_url``.

    ``variants`` are an HLS master's EXT-X-STREAM-INF entries, or a DASH manifest's qualities of pictures (one that goes
    on through several periods under one id counts once). ``segments`` are those of a media playlist, or of the DASH
    manifest's best quality over all periods; initialisation sections are none. ``maps`` counts EXT-X-MAP tags, or that
    quality's different initialisation sections; ``audio_groups`` the audio groups of a master, or the adaptation sets
    of sound. ``duration_s`` is the sum of what is listed (HLS, also of a live window), the manifest's own word (DASH),
    and None where nothing says so. ``encrypted`` is any encryption, ``drm`` one that takes a licence. A DASH manifest
    is always a master. A playlist is ``live`` while it has no end, unless it is of the type that never changes (VOD).

    Raises BadInput for a file that cannot be read, is too large, or is no playlist.
    """
    body = text if text is not None else _read(path)
    try:
        found = look(body, base_url)
    except BadInput:
        raise
    except MediavaultError as exc:
        raise BadInput(f"This is no playlist: {exc.message}", help="Give an HLS playlist or a DASH manifest.") from exc
    return {
        "type": found.type,
        "role": "master" if found.is_master else "media",
        "live": found.live,
        "drm": found.drm,
        "encrypted": found.encrypted,
        "variants": found.variants,
        "segments": found.segments,
        "duration_s": found.listed_s,
        "audio_groups": found.audio_groups,
        "maps": found.maps,
    }


def _read(path: Path | None) -> bytes:
    if path is None:
        raise BadInput("There is no playlist to look at.")
    try:
        with path.open("rb") as file:
            return file.read(MAX_PLAYLIST_BYTES + 1)
    except OSError as exc:
        raise BadInput(f"{path} cannot be read: {exc.strerror or exc}.") from exc
