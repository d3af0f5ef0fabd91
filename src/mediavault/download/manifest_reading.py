"""Reads any manifest, HLS or DASH. The text is untrusted, so a confined process reads it:
see ``ManifestReader``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mediavault.core.media import SubtitleSource
from mediavault.download.hls_text import looks_like_hls
from mediavault.download.manifest import Master, MediaPlaylist, Wanted
from mediavault.download.mpd import read_mpd, subtitles_of
from mediavault.download.playlist import read_playlist


@dataclass(frozen=True, slots=True)
class ManifestText:
    """A manifest that came from ``url`` (after redirects). ``wanted`` chooses among the qualities
    of a DASH manifest; ``variables`` and ``live`` are for HLS: see ``read_playlist``.
    """

    text: str
    url: str
    wanted: Wanted = field(default_factory=Wanted)
    variables: Mapping[str, str] = field(default_factory=dict)
    live: bool = False


@dataclass(frozen=True, slots=True)
class ManifestContents:
    """What a manifest says: an HLS ``master``, or the tracks of any other.
    ``subtitles`` are those of a DASH manifest.
    """

    master: Master | None = None
    tracks: tuple[MediaPlaylist, ...] = ()
    subtitles: tuple[SubtitleSource, ...] = ()


class ManifestReader(Protocol):
    """Reads manifests without keeping the vault from its other work, however long they take."""

    async def read_manifest(self, manifest: ManifestText) -> ManifestContents:
        """Return what :func:`read_manifest` does, and raise the same.
        Raises PageUnreadable for one that takes too long.
        """


def read_manifest(manifest: ManifestText) -> ManifestContents:
    """Return what the manifest says. Raises what ``read_playlist`` and ``read_mpd`` raise."""
    text, url = manifest.text, manifest.url
    if not looks_like_hls(text):
        return ManifestContents(
            None, tuple(read_mpd(text, url, manifest.wanted)), subtitles_of(text, url)
        )
    playlist = read_playlist(text, url, imported=manifest.variables, live=manifest.live)
    return (
        ManifestContents(playlist)
        if isinstance(playlist, Master)
        else ManifestContents(None, (playlist,))
    )
