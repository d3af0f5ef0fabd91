"""From the address of a manifest to the tracks that are to be fetched: playlists within playlists, HLS or DASH."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from mediavault.core.errors import NotAVideo, TooLarge
from mediavault.services.download.hls_text import looks_like_hls
from mediavault.services.download.manifest import MAX_PLAYLIST_BYTES, Master, MediaPlaylist
from mediavault.services.download.mpd import read_mpd
from mediavault.services.download.mpd_document import looks_like_dash
from mediavault.services.download.playlist import read_playlist
from mediavault.services.download.quality import Wanted
from mediavault.services.download.stream_source import StreamSource
from mediavault.services.media.sniff import DESCRIPTIONS, sniff

MAX_DEPTH = 3  # a master that names a master …
_DATA = "data:"


@dataclass(frozen=True, slots=True)
class Tracks:
    """Pictures, then sound where that is separate. ``url`` is the final address of the playlist of pictures."""

    url: str
    playlists: tuple[MediaPlaylist, ...]


async def find_tracks(source: StreamSource, url: str, *, page_url: str, wanted: Wanted) -> Tracks:
    """The tracks of the quality that is wanted. A ``data:`` manifest stands on the page at ``page_url``, which is its base.

    Raises what ``read_playlist`` and ``read_mpd`` raise, and what fetching raises.
    """
    variables: Mapping[str, str] = {}
    audio_url: str | None = None
    for _ in range(MAX_DEPTH):
        url, text = await _text(source, url, page_url)
        if not looks_like_hls(text):
            return Tracks(url, tuple(await asyncio.to_thread(read_mpd, text, url, wanted)))
        # in a thread: a playlist of five megabytes takes a second to read
        playlist = await asyncio.to_thread(read_playlist, text, url, imported=variables)
        if isinstance(playlist, MediaPlaylist):
            sound = (await _sound(source, audio_url, page_url, variables),) if audio_url else ()
            return Tracks(url, (playlist, *sound))
        variables = playlist.variables
        best = playlist.best(wanted)
        url, audio_url = best.url, best.audio_url or audio_url
    raise NotAVideo(f"More than {MAX_DEPTH} playlists lead to each other.")


async def _sound(source: StreamSource, url: str, page_url: str, variables: Mapping[str, str]) -> MediaPlaylist:
    url, text = await _text(source, url, page_url)
    playlist = await asyncio.to_thread(read_playlist, text, url, imported=variables)
    if isinstance(playlist, Master):
        raise NotAVideo("The stream's sound leads to a list of variants.")
    return playlist


async def _text(source: StreamSource, url: str, page_url: str) -> tuple[str, str]:
    """(base address, text) of a manifest."""
    if url[: len(_DATA)].lower() == _DATA:
        final_url, body = page_url, _inline(url)
    else:
        try:
            final_url, body = await source.small(url, limit=MAX_PLAYLIST_BYTES, decode=True)
        except TooLarge as exc:
            raise NotAVideo(f"The playlist is larger than {MAX_PLAYLIST_BYTES:,} bytes.") from exc
    encoding = "utf-16" if body.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as exc:
        raise NotAVideo("The playlist is no proper text.") from exc
    if not looks_like_hls(text) and not looks_like_dash(text):
        raise NotAVideo(f"The site sent no playlist: it is {DESCRIPTIONS.get(sniff(body), 'a video file')}.")
    return final_url, text


def _inline(url: str) -> bytes:
    """The body of a ``data:`` address (RFC 2397)."""
    head, comma, body = url.partition(",")
    if not comma or len(url) > 2 * MAX_PLAYLIST_BYTES:
        raise NotAVideo("The page's own manifest is broken, or too large.")
    try:
        data = unquote_to_bytes(body)
        return base64.b64decode(data, validate=True) if head.lower().endswith(";base64") else data
    except (binascii.Error, ValueError) as exc:
        raise NotAVideo("The page's own manifest is broken.") from exc
