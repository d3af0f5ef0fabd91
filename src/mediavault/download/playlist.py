"""Turns HLS playlists (RFC 8216) into the segments to fetch, or raises why one cannot be saved."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress

from mediavault.core.failures import BadUrl, Drm, Incomplete, NotAVideo, Unsupported
from mediavault.core.media import LiveNow, SubtitleSource
from mediavault.core.messages import Message
from mediavault.core.urls import HttpUrl
from mediavault.download.hls_document import (
    HlsDocument,
    HlsEntry,
    KeyTag,
    MapTag,
    needs_licence,
    read_document,
)
from mediavault.download.hls_text import Attributes, decimal, lines_of, looks_like_hls
from mediavault.download.manifest import (
    Init,
    Key,
    LiveWindow,
    Master,
    MediaPlaylist,
    QualityLevel,
    Segment,
    Span,
    Variant,
    base_of,
    has_audio_codec,
    has_video_codec,
    resolve,
)

MAX_LINE_CHARS = 32_768
MAX_RENDITIONS = 500
IV_BYTES = 16

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029]")
_FORMAT_ERRORS = (ValueError, LookupError, OverflowError)


def read_playlist(
    text: str, url: str, *, imported: Mapping[str, str] | None = None, live: bool = False
) -> Master | MediaPlaylist:
    """Read a playlist that came from ``url`` (after redirects; its addresses are relative to that).

    ``imported`` are the variables of the master playlist that named it. With ``live`` it may still
    grow, list nothing yet, and list segments as missing. Raises NotAVideo (not a playlist, broken,
    invalid addresses, too many segments), LiveNow (it may still grow), Drm (protected), Unsupported
    (encrypted, but not with AES-128) and Incomplete (it lists gaps).
    """
    _check_text(text)
    try:
        document = read_document(text, url, imported=imported)
        if document.undefined:
            raise NotAVideo(
                Message(
                    "The playlist uses an undefined variable (%(undefined)s).",
                    undefined=min(document.undefined)[:40],
                )
            )
        base = base_of(url)
        return _master(document, base) if document.is_master else _media(document, base, live=live)
    except BadUrl as exc:
        raise NotAVideo(
            Message("The playlist's URL is not valid: %(error)s", error=exc.message)
        ) from exc
    except _FORMAT_ERRORS as exc:
        raise NotAVideo(Message("The playlist cannot be read: %(error)s.", error=exc)) from exc


def _check_text(text: str) -> None:
    if not looks_like_hls(text):
        raise NotAVideo("This is not an HLS playlist.")
    if _CONTROL.search(text):
        raise NotAVideo("The playlist contains control characters.")
    if max(map(len, lines_of(text))) > MAX_LINE_CHARS:
        raise NotAVideo("The playlist has a line that is too long.")


# --- media playlists ------------------------------------------------------------------------------


def _media(document: HlsDocument, base: HttpUrl, *, live: bool) -> MediaPlaylist:
    if document.is_live and not live:
        raise LiveNow("The stream's playlist has no end yet: it is live.")
    if document.i_frames_only:
        raise NotAVideo("The playlist has only key frames for seeking, not a video.")
    if document.skipped:
        raise Incomplete("The playlist is a partial update that omits earlier segments.")
    if document.unaddressed:
        raise Incomplete("The playlist names a segment without its address.")
    if not document.entries and not document.is_live:
        raise Incomplete("The playlist names no segments.")
    reader = _Segments(document, base, live=live)
    window = LiveWindow(
        target_s=document.target_duration_s,
        ended=not document.is_live,
        starts_s=document.start_s,
        begins_at=document.begins_at,
    )
    return MediaPlaylist(
        tuple(map(reader.read, document.entries)), rounded=not document.fractions, window=window
    )


class _Segments:
    """Turns entries into segments, in order: a byte range without a start follows the one
    before.
    """

    def __init__(self, document: HlsDocument, base: HttpUrl, *, live: bool) -> None:
        self._document, self._base, self._live = document, base, live
        self._sequence = document.media_sequence
        self._before: Segment | None = None
        self._inits: dict[int, Init] = {}
        self._keys: dict[int, Key | None] = {}

    def read(self, entry: HlsEntry) -> Segment:
        if entry.gap and not self._live:
            raise Incomplete("The playlist marks a segment as missing.")
        url = resolve(entry.uri, self._base)
        self._before = Segment(
            url=url,
            span=self._span(entry.byterange, url),
            duration_s=_duration_s(entry),
            sequence=self._sequence,
            key=self._key(entry.keys),
            init=self._init(entry.map) if entry.map else None,
            part=entry.discontinuities
            + (self._document.discontinuity_sequence if self._live else 0),
            missing=entry.gap,
        )
        self._sequence += 1
        return self._before

    def _span(self, text: str | None, url: str) -> Span | None:
        if text is None:
            return None
        length, _, start = text.strip().partition("@")
        if start:
            return Span(int(start), int(length))
        if self._before is None or self._before.url != url or self._before.span is None:
            raise ValueError(Message("a byte range has no beginning"))
        return Span(self._before.span.start + self._before.span.length, int(length))

    def _init(self, tag: MapTag) -> Init:
        if id(tag) not in self._inits:
            length, _, start = (tag.byterange or "").partition("@")
            span = Span(int(start or 0), int(length)) if length else None
            self._inits[id(tag)] = Init(
                resolve(tag.uri, self._base) if tag.uri else "", span, self._key(tag.keys)
            )
        return self._inits[id(tag)]

    def _key(self, offered: Sequence[KeyTag]) -> Key | None:
        if id(offered) not in self._keys:
            self._keys[id(offered)] = _usable_key(offered, self._base)
        return self._keys[id(offered)]


def _duration_s(entry: HlsEntry) -> float:
    if not entry.timed:
        raise ValueError(Message("a segment has no proper duration"))
    return entry.duration_s


def _usable_key(offered: Sequence[KeyTag], base: HttpUrl) -> Key | None:
    """Return the key that can be used without a licence; None for unencrypted segments.

    Raises Drm when all keys need a licence, Unsupported for any other encryption.
    """
    for key in offered:
        if key.method == "NONE":
            return None
        if key.is_plain:
            if not key.uri:
                raise ValueError(Message("a key has no address"))
            return Key(resolve(key.uri, base), _iv(key.iv))
    if needs_licence(tuple(offered)):
        raise Drm(Message("The stream is protected (%(method)s).", method=offered[-1].method[:40]))
    if offered:
        raise Unsupported(
            Message(
                "The stream is encrypted in a way that mediavault does not know (%(method)s).",
                method=offered[-1].method[:40],
            )
        )
    return None


def _iv(text: str | None) -> bytes | None:
    if text is None:
        return None
    if not text.lower().startswith("0x"):
        raise ValueError(Message("an initialisation vector is not a hexadecimal number"))
    return int(text, 16).to_bytes(IV_BYTES, "big")


# --- master playlists -----------------------------------------------------------------------------


def level_of(info: Attributes) -> QualityLevel:
    """Return the quality that EXT-X-STREAM-INF describes; a malformed value counts as absent."""
    size = re.fullmatch(r"(\d{1,5})x(\d{1,5})", info.get("RESOLUTION", "").strip(), re.IGNORECASE)
    return QualityLevel(
        width=int(size[1]) if size else 0,
        height=int(size[2]) if size else 0,
        bandwidth=int(decimal(info.get("BANDWIDTH", "")) or 0),
        codecs=info.get("CODECS", ""),
        fps=decimal(info.get("FRAME-RATE", "")) or 0.0,
    )


def has_pictures(info: Attributes) -> bool:
    """Return whether the variant may have pictures: not when it is declared as sound only."""
    return "RESOLUTION" in info or not info.get("CODECS") or has_video_codec(info["CODECS"])


def _master(document: HlsDocument, base: HttpUrl) -> Master:
    if document.is_protected:
        raise Drm("The stream is protected: its key needs a licence.")
    sound = _sound(document.media)
    variants: list[Variant] = []
    sounds: list[Variant] = []
    for info, uri in document.variants:
        is_film = has_pictures(info)
        # the video does not need what is sound alone
        with nullcontext() if is_film else suppress(NotAVideo):
            variant = _variant(info, uri, sound.get(info.get("AUDIO", "")), base)
            (variants if is_film else sounds).append(variant)
    return Master(
        tuple(variants), tuple(sounds), tuple(_subtitles(document.media, base)), document.variables
    )


def _subtitles(media: Sequence[Attributes], base: HttpUrl) -> Iterator[SubtitleSource]:
    """Yield the renditions of subtitles, except those for the parts in another language only
    (FORCED).
    """
    for entry in media[:MAX_RENDITIONS]:
        if entry.get("TYPE") == "SUBTITLES" and entry.get("FORCED") != "YES" and entry.get("URI"):
            with suppress(NotAVideo):  # an address that nothing can be fetched from
                yield SubtitleSource(resolve(entry["URI"], base), entry.get("LANGUAGE", ""))


def _variant(info: Attributes, uri: str, sound: Attributes | None, base: HttpUrl) -> Variant:
    codecs = info.get("CODECS", "")
    has_sound = (
        True if sound is not None or has_audio_codec(codecs) else (False if codecs else None)
    )
    return Variant(resolve(uri, base), level_of(info), _audio(sound, base), has_sound)


def _sound(media: Sequence[Attributes]) -> Mapping[str, Attributes]:
    """Return, for each group, the rendition of sound that a player would start with."""
    chosen: dict[str, Attributes] = {}
    for entry in media:
        group = entry.get("GROUP-ID", "")
        if entry.get("TYPE") == "AUDIO" and (
            group not in chosen or _preference(entry) < _preference(chosen[group])
        ):
            chosen[group] = entry
    return chosen


def _preference(entry: Attributes) -> tuple[bool, bool]:
    """Return a sort key; smaller is preferred."""
    return entry.get("DEFAULT") != "YES", entry.get("AUTOSELECT") != "YES"


def _audio(rendition: Attributes | None, base: HttpUrl) -> str | None:
    """Return the rendition's URL; None where there is no rendition,
    or where it is part of the variant itself.
    """
    uri = rendition.get("URI") if rendition is not None else None
    return resolve(uri, base) if uri else None
