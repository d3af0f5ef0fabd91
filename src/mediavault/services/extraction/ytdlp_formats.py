"""From one video's formats, as yt-dlp lists them, to candidates. Pure; every value is read with suspicion.

The variants of a playlist become one candidate, the playlist itself, because our downloader reads it and finds the sound
of a variant. A silent file gets the address of its sound with it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from mediavault.core.media import Candidate, FoundIn, SourceType
from mediavault.core.platform import Platform
from mediavault.services.extraction.page_data import build, values
from mediavault.services.extraction.page_data.json_walk import Node
from mediavault.services.extraction.ytdlp_format import (
    SEGMENTED,
    candidate,
    has_picture,
    headers,
    is_foreign,
    is_sound,
    kilobits,
    sound_codec,
    transport,
)

MAX_CANDIDATES = 60


def candidates_of(info: Node, platform: Platform, found_in: FoundIn) -> tuple[Candidate, ...]:
    """The videos among the formats of ``info``, best first; none of them is said to be the post's yet."""
    page = info.get("webpage_url")
    formats = [one for one in values.objects(info.get("formats")) if transport(one) and not _is_the_page(one, page)]
    formats.reverse()  # yt-dlp lists the best last
    direct, segmented = _split(formats)
    found = [*_playlists(segmented, platform, found_in), *_single(direct, platform, found_in)]
    length = values.number(info.get("duration"))
    fit = [replace(one, duration_s=one.duration_s or length) for one in found if not is_foreign(one.url, platform)]
    return build.merged(fit)[:MAX_CANDIDATES]


def has_sound_only(info: Node) -> bool:
    """Whether there are formats and none of them has a picture."""
    formats = values.objects(info.get("formats"))
    return bool(formats) and all(one.get("vcodec") == "none" for one in formats)


def user_agent_of(info: Node) -> str | None:
    """The one under which yt-dlp asked; the signature of an address can depend on it."""
    found = (headers(one).get("user-agent") for one in values.objects(info.get("formats")))
    return next(filter(None, found), None)


# --- which formats ---------------------------------------------------------------------------------------------


def _is_the_page(one: Node, page: object) -> bool:
    """Of a page that is empty or no page, yt-dlp guesses that it is the video."""
    return one.get("ext") == "unknown_video" and one.get("url") == page


def _split(formats: Sequence[Node]) -> tuple[list[Node], list[Node]]:
    """Formats with an address of their own, and those that are parts of a playlist whose address is known."""
    segmented = [one for one in formats if transport(one) in SEGMENTED and values.url(one.get("manifest_url"))]
    # A DASH format without its manifest has only pieces to offer
    direct = [one for one in formats if one not in segmented and transport(one) is not SourceType.DASH]
    return direct, segmented


# --- playlists -------------------------------------------------------------------------------------------------


def _playlists(formats: Sequence[Node], platform: Platform, found_in: FoundIn) -> list[Candidate]:
    """One candidate a playlist: its best variant's facts, and sound if anything in it has some."""
    places = {str(one["manifest_url"]): place for place, one in reversed(list(enumerate(formats)))}
    ordered = sorted(formats, key=lambda one: places[str(one["manifest_url"])])
    found = []
    for _, group in groupby(ordered, key=lambda one: one["manifest_url"]):
        variants = list(group)
        if pictures := [one for one in variants if has_picture(one)]:
            best = max(pictures, key=_size_key)
            found.append(_playlist(best, variants, platform, found_in))
    return found


def _playlist(best: Node, variants: Sequence[Node], platform: Platform, found_in: FoundIn) -> Candidate:
    base = candidate(best, str(values.url(best["manifest_url"])), platform, found_in)
    heard = next(filter(None, map(sound_codec, variants)), None)
    has_audio = True if heard or any(map(is_sound, variants)) else None
    container = None if base.source_type is SourceType.HLS else base.container
    # the size of a variant is not that of the playlist
    return replace(base, has_audio=has_audio, audio_codec=heard, container=container, size=None)


def _size_key(one: Node) -> tuple[float, float, float]:
    width, height = values.number(one.get("width")) or 0, values.number(one.get("height")) or 0
    return min(width or height, height or width), values.number(one.get("fps")) or 0, kilobits(one) or 0


# --- single files ----------------------------------------------------------------------------------------------


def _single(formats: Sequence[Node], platform: Platform, found_in: FoundIn) -> list[Candidate]:
    sounds = [one for one in formats if is_sound(one)]
    found = []
    for one in formats:
        address = values.url(one.get("url"))
        if has_picture(one) and address is not None:
            seen = candidate(one, address, platform, found_in)
            partner = _partner(one, sounds) if seen.has_audio is False else None
            found.append(_with_sound(seen, partner))
    return found


def _partner(picture: Node, sounds: Sequence[Node]) -> Node | None:
    """The sound that goes with a silent format: of the same transport, in the video's own language, whole dynamics."""
    fitting = [
        one
        for one in sounds
        if transport(one) is transport(picture) and values.url(one.get("url")) and one.get("has_drm") is not True
    ]
    return max(fitting, key=lambda one: _sound_key(one, picture), default=None)


def _sound_key(one: Node, picture: Node) -> tuple[float, bool, bool, float]:
    language = one.get("language_preference")
    return (
        language if isinstance(language, int) else -1,
        re.search(r"\bdrc\b", f"{one.get('format_id')} {one.get('format_note')}", re.IGNORECASE) is None,
        (one.get("ext") == "webm") == (picture.get("ext") == "webm"),
        kilobits(one) or 0,
    )


def _with_sound(picture: Candidate, sound: Node | None) -> Candidate:
    """The pair lives as long as the first of the two addresses. A manifest that lists both needs no second one."""
    address = values.url(sound.get("url")) if sound else None
    if sound is None or address is None:
        return picture
    if address == picture.url:
        return replace(picture, has_audio=True, audio_codec=sound_codec(sound))
    ends = build.candidate(address, _NOWHERE, picture.found_in).expires_at
    return replace(
        picture,
        audio_url=address,
        audio_codec=sound_codec(sound),
        expires_at=min(filter(None, (picture.expires_at, ends)), default=None),
    )


_NOWHERE = Platform(name="", title="")
