"""Finds what each player of a page plays. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from mediavault.browser.hooks import KEY_CHARS
from mediavault.browser.port import PageCapture, PageFeed, SeenVideo
from mediavault.core.media import SEGMENTED, Candidate, Expected, FoundIn, LengthSource, SourceType
from mediavault.core.messages import Message
from mediavault.core.platform import Platform
from mediavault.extraction.candidates import (
    NetworkMedia,
    Sighting,
    candidate_at,
    player_headers,
    with_network,
)
from mediavault.extraction.media_urls import MediaKind, classify_media, identity
from mediavault.extraction.page_data import build
from mediavault.extraction.page_data.oembed import is_hosted

# between a player's length and its stream's, which is a sum of rounded segments
SAME_LENGTH_S = 0.5
_SOUND_CODEC = re.compile(r"mp4a|ac-3|ec-3|opus|vorbis|flac|mp3", re.IGNORECASE)


def player_sightings(
    capture: PageCapture, network: NetworkMedia, platform: Platform
) -> list[Sighting]:
    """Return one sighting per player of the page, in document order;
    those that show nothing have no candidates.
    """
    plain = [_plain_player(video, network, capture, platform) for video in capture.videos]
    by_script = [_is_fed_by_script(video) for video in capture.videos]
    fed = [
        _fed(video, network, platform) if scripted else ()
        for video, scripted in zip(capture.videos, by_script, strict=True)
    ]
    taken = {identity(c.url) for sighting in plain for c in sighting.candidates}
    taken |= {key for url in list(taken) if (key := network.redirects.get(url))}
    taken |= {identity(url) for own in fed for c in own for url in (c.url, c.audio_url) if url}
    unknown = [
        v
        for v, scripted, own in zip(capture.videos, by_script, fed, strict=True)
        if scripted and not own
    ]
    return [
        _scripted(video, own or _guessed(video, network, unknown, taken)) if scripted else sighting
        for video, scripted, own, sighting in zip(
            capture.videos, by_script, fed, plain, strict=True
        )
    ]


# --- players with their own URL -------------------------------------------------------------------


def _plain_player(
    video: SeenVideo, network: NetworkMedia, capture: PageCapture, platform: Platform
) -> Sighting:
    urls = dict.fromkeys(
        u for u in (video.current_src, *video.sources) if u.startswith(("http://", "https://"))
    )
    candidates = [
        c for url in urls if (c := _of_source(url, video, network, capture, platform)) is not None
    ]
    return Sighting(
        tuple(candidates), video, expected=_expected(video, candidates), thumbnail_url=video.poster
    )


def _of_source(
    url: str, video: SeenVideo, network: NetworkMedia, capture: PageCapture, platform: Platform
) -> Candidate | None:
    """Return the candidate of a player's source; None for adverts.

    What a player names is a video even where its name does not say so.
    """
    if network.is_spot(url):
        return None
    candidate = _of_player(url, platform)
    if candidate is None:
        return None
    joined = with_network(candidate, network)
    headers = joined.headers or {"referer": video.frame_url or capture.final_url}
    if url != video.current_src:
        return replace(joined, headers=headers)
    return replace(
        joined,
        headers=headers,
        drm=joined.drm or video.protected,
        has_video=True if video.video_width else joined.has_video,
        has_audio=video.has_audio if video.has_audio is not None else joined.has_audio,
        width=joined.width or video.video_width or None,
        height=joined.height or video.video_height or None,
        duration_s=video.duration_s or joined.duration_s,
    )


def _of_player(url: str, platform: Platform) -> Candidate | None:
    """Return the candidate at a player's URL, also where the name says nothing or is that of a
    preview.

    The player is a better source than the name, unless that clearly says picture, sound, segment or
    another site's player: then None.
    """
    if is_hosted(url):
        return None
    candidate = candidate_at(url, platform, FoundIn.DOM)
    if candidate is not None:
        return candidate
    kind = classify_media(url, platform=platform).kind
    if kind not in (MediaKind.OTHER, MediaKind.PREVIEW):
        return None
    note = Message("named like a preview") if kind is MediaKind.PREVIEW else ""
    return replace(build.candidate(url, platform, FoundIn.DOM), note=note)


# --- players that a script feeds ------------------------------------------------------------------


def _fed(video: SeenVideo, network: NetworkMedia, platform: Platform) -> tuple[Candidate, ...]:
    """Return what a player was surely given: the stream of which it got segments,
    or whole files with their sound.
    """
    own = [network.names.get(url[:KEY_CHARS]) for url in (video.current_src, *video.sources)]
    roots = [network.streams.root_of(url) for feed in video.feeds for url in feed.urls]
    keys = dict.fromkeys(key for key in (*map(_identity, own), *roots) if key)
    if keys:
        return tuple(network.candidates[key] for key in keys if key in network.candidates)
    return _files(video.feeds, network, platform)


def _files(
    feeds: Sequence[PageFeed], network: NetworkMedia, platform: Platform
) -> tuple[Candidate, ...]:
    """Return plain files that a script loads in parts.
    Sound is paired only if one sound file fed the same player.
    """
    pictures = [feed for feed in feeds if feed.mime.startswith("video/")]
    sounds = {
        identity(url) for feed in feeds if feed.mime.startswith("audio/") for url in feed.files
    }
    files = {
        identity(url): feed for feed in pictures for url in feed.files if not network.is_spot(url)
    }
    # qualities of one video are requested by ranges; files requested whole are its segments
    if len(files) > 1:
        files = {key: feed for key, feed in files.items() if _is_ranged(key, network)}
    return tuple(_file(key, feed, sounds, network, platform) for key, feed in files.items())


def _file(
    key: str, feed: PageFeed, sounds: Collection[str], network: NetworkMedia, platform: Platform
) -> Candidate:
    seen = network.answers.get(key)
    known = network.candidates.get(key) or replace(
        build.candidate(key, platform, FoundIn.NETWORK, mime=feed.mime.partition(";")[0]),
        size=seen.size if seen else None,
        headers=player_headers(seen) if seen else {},
    )
    silent = "codecs" in feed.mime and not _SOUND_CODEC.search(feed.mime)
    whole = replace(known, has_video=True, note="", source_type=SourceType.DIRECT)
    if not silent:
        return whole
    sound = next(iter(sounds)) if len(sounds) == 1 else None
    return replace(
        whole,
        has_audio=False,
        audio_url=sound,
        note="" if sound else Message("its sound, if any, is in a separate file"),
    )


def _is_ranged(key: str, network: NetworkMedia) -> bool:
    return key in network.answers and network.answers[key].status == 206


def _guessed(
    video: SeenVideo, network: NetworkMedia, unknown: Sequence[SeenVideo], taken: Collection[str]
) -> tuple[Candidate, ...]:
    """Guess from what the frame loaded: by length,
    or all of it where no other player can have loaded it.
    """
    if not _is_in_sight(video):
        return ()
    rivals = [
        other for other in unknown if other is not video and other.frame_url == video.frame_url
    ]
    loaded = [
        c
        for key, c in network.candidates.items()
        if key not in taken and network.frames[key] == video.frame_url
    ]
    streams = [c for c in loaded if c.source_type in SEGMENTED]
    as_long = [c for c in streams if _same_length(c.duration_s, video.duration_s)]
    if len(as_long) == 1 and not any(
        _same_length(other.duration_s, video.duration_s) for other in rivals
    ):
        return tuple(as_long)
    if any(map(_is_in_sight, rivals)):
        return ()
    # segments of a stream that was not recognised
    in_pieces = any(feed.urls for feed in video.feeds)
    return tuple(streams or ([] if in_pieces else loaded))


def _same_length(first: float | None, second: float | None) -> bool:
    return first is not None and second is not None and abs(first - second) <= SAME_LENGTH_S


def _scripted(video: SeenVideo, played: Sequence[Candidate]) -> Sighting:
    lone = len(played) == 1
    known = [
        replace(
            c,
            drm=c.drm or video.protected,
            has_video=True if video.video_width else c.has_video,
            has_audio=True if video.has_audio and lone and c.has_audio is None else c.has_audio,
            duration_s=c.duration_s or (video.duration_s if lone else None),
            width=c.width or (video.video_width or None if lone else None),
            height=c.height or (video.video_height or None if lone else None),
        )
        for c in played
    ]
    return Sighting(
        tuple(known), video, expected=_expected(video, known), thumbnail_url=video.poster
    )


def _is_fed_by_script(video: SeenVideo) -> bool:
    return any(url.startswith(("blob:", "data:")) for url in (video.current_src, *video.sources))


def _is_in_sight(video: SeenVideo) -> bool:
    return video.visible and not video.advert


def _identity(url: str | None) -> str | None:
    return identity(url) if url else None


def _expected(video: SeenVideo, played: Sequence[Candidate]) -> Expected:
    """Return what a player states: the length of a stream is its manifest's,
    that of a file was measured on the file.
    """
    is_stream = bool(played) and all(candidate.source_type in SEGMENTED for candidate in played)
    source = LengthSource.LISTED if is_stream else LengthSource.MEASURED
    return Expected(duration_s=video.duration_s, audio=video.has_audio, length_source=source)
