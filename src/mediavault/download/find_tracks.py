"""Finds the tracks of a stream, HLS or DASH: a master playlist leads to others."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import unquote_to_bytes

from mediavault.core.failures import NotAVideo, TooLarge
from mediavault.core.media import SubtitleSource
from mediavault.core.messages import Message
from mediavault.download.hls_text import looks_like_hls
from mediavault.download.manifest import MAX_PLAYLIST_BYTES, MediaPlaylist, Wanted
from mediavault.download.manifest_reading import ManifestText
from mediavault.download.mpd_document import looks_like_dash
from mediavault.download.stream_source import StreamSource
from mediavault.media.sniff import DESCRIPTIONS, sniff

MAX_DEPTH = 3  # a master that names a master …
_DATA = "data:"


@dataclass(frozen=True, slots=True)
class Tracks:
    """Pictures, then sound where that is separate, or that alone.
    ``url`` is the final URL of the first one's playlist.
    """

    url: str
    playlists: tuple[MediaPlaylist, ...]
    subtitles: tuple[SubtitleSource, ...] = ()
    sources: tuple[PlaylistSource, ...] = ()  # of the playlists, where these are HLS

    @property
    def is_live(self) -> bool:
        """Whether one of them may still grow."""
        return any(playlist.is_live for playlist in self.playlists)


@dataclass(frozen=True, slots=True)
class PlaylistSource:
    """Where a track's playlist is, and the variables of the master playlist that named it."""

    url: str
    page_url: str
    variables: Mapping[str, str] = field(default_factory=dict)

    async def load(self, source: StreamSource, *, live: bool = True) -> MediaPlaylist:
        """Return what it lists now. Raises what ``read_playlist`` and fetching raise."""
        url, text = await _text(source, self.url, self.page_url)
        if not looks_like_hls(text):
            raise NotAVideo("This is not an HLS playlist.")
        found = await source.manifests.read_manifest(
            ManifestText(text, url, variables=self.variables, live=live)
        )
        if found.master is not None:
            raise NotAVideo("The stream's sound leads to a list of variants.")
        return found.tracks[0]


async def find_tracks(
    source: StreamSource, url: str, *, page_url: str, wanted: Wanted, live: bool = False
) -> Tracks:
    """Return the tracks of the wanted quality; with ``live`` also of an HLS stream that is running.

    A ``data:`` manifest is part of the page at ``page_url``, which is its base. Raises what
    ``read_playlist`` and ``read_mpd`` raise, and what fetching raises.
    """
    variables: Mapping[str, str] = {}
    audio_url: str | None = None
    has_sound = False
    subtitles: tuple[SubtitleSource, ...] = ()
    for _ in range(MAX_DEPTH):
        here = PlaylistSource(url, page_url, variables)
        url, text = await _text(source, url, page_url)
        found = await source.manifests.read_manifest(
            ManifestText(text, url, wanted, variables, live)
        )
        if not looks_like_hls(text):
            return Tracks(url, found.tracks, found.subtitles)
        if (playlist := found.master) is None:
            sounds = (PlaylistSource(audio_url, page_url, variables),) if audio_url else ()
            sound = [await sound.load(source, live=live) for sound in sounds]
            return Tracks(
                url,
                (replace(found.tracks[0], has_sound=has_sound), *sound),
                subtitles,
                (here, *sounds),
            )
        variables, subtitles = playlist.variables, playlist.subtitles or subtitles
        if wanted.prefer.sound_only and (sound_url := playlist.best_sound) is not None:
            only = PlaylistSource(sound_url, page_url, variables)
            return Tracks(sound_url, (await only.load(source, live=live),), subtitles, (only,))
        best = playlist.best(wanted)
        url, audio_url, has_sound = (
            best.url,
            best.audio_url or audio_url,
            has_sound or bool(best.has_sound),
        )
    raise NotAVideo(
        Message("More than %(max_depth)s playlists lead to each other.", max_depth=MAX_DEPTH)
    )


async def _text(source: StreamSource, url: str, page_url: str) -> tuple[str, str]:
    """Return the base URL and the text of a manifest."""
    if url[: len(_DATA)].lower() == _DATA:
        final_url, body = page_url, _inline(url)
    else:
        try:
            final_url, body = await source.fetch_small(url, limit=MAX_PLAYLIST_BYTES, decode=True)
        except TooLarge as exc:
            raise NotAVideo(
                Message(
                    "The playlist is larger than %(max_playlist_bytes)d bytes.",
                    max_playlist_bytes=MAX_PLAYLIST_BYTES,
                )
            ) from exc
    encoding = "utf-16" if body.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as exc:
        raise NotAVideo("The playlist is not valid text.") from exc
    if not looks_like_hls(text) and not looks_like_dash(text):
        raise NotAVideo(
            Message(
                "The site sent no playlist: it is %(descriptions)s.",
                descriptions=DESCRIPTIONS.get(sniff(body), Message("a video file")),
            )
        )
    return final_url, text


def _inline(url: str) -> bytes:
    """Return the body of a ``data:`` URL (RFC 2397)."""
    head, comma, body = url.partition(",")
    if not comma or len(url) > 2 * MAX_PLAYLIST_BYTES:
        raise NotAVideo("The page's own manifest is broken, or too large.")
    try:
        data = unquote_to_bytes(body)
        return base64.b64decode(data, validate=True) if head.lower().endswith(";base64") else data
    except (binascii.Error, ValueError) as exc:
        raise NotAVideo("The page's own manifest is broken.") from exc
