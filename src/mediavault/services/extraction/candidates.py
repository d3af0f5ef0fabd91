"""From what a visit saw to videos: every address judged, joined with what else is known of it, and grouped by player.

A :class:`Sighting` is one video as the page shows it: the rungs of one player, one linked-data object, or a lone address
of the network. Whether it is the post's own is judged in ``ownership.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urljoin

from mediavault.core.media import Candidate, Expected, FoundIn, SourceType
from mediavault.core.platform import Platform
from mediavault.services.browser.port import PageCapture, SeenResponse, SeenVideo
from mediavault.services.extraction.manifests import Manifest, read_manifest
from mediavault.services.extraction.media_identity import identity, is_advert, on_media_host
from mediavault.services.extraction.media_urls import MediaKind, classify_media
from mediavault.services.extraction.page_data import build

MAX_CANDIDATES = 60

# Headers of the player's request that its media may depend on; the rest is the browser's own
_PLAYER_HEADERS = frozenset({"referer", "origin"})
_TRUST = {found_in: rank for rank, found_in in enumerate(FoundIn)}


@dataclass(frozen=True, slots=True)
class Sighting:
    """``player`` is None for an address that no player of the page is known to play."""

    candidates: tuple[Candidate, ...]
    player: SeenVideo | None = None
    declared: bool = False  # the page's own metadata name it as its video
    expected: Expected = field(default_factory=Expected)
    thumbnail_url: str | None = None
    media_id: str | None = None


@dataclass(frozen=True, slots=True)
class NetworkMedia:
    """What the network showed: videos by address, and which addresses are redirects to another."""

    candidates: Mapping[str, Candidate]  # by identity
    frames: Mapping[str, str]  # identity -> the frame that received it
    redirects: Mapping[str, str]  # identity -> identity

    def twin(self, url: str) -> Candidate | None:
        """The network's candidate for ``url``, also behind redirects."""
        key = identity(url)
        for _ in range(10):
            if key in self.candidates:
                return self.candidates[key]
            if key not in self.redirects:
                return None
            key = self.redirects[key]
        return None


def network_media(responses: Sequence[SeenResponse], platform: Platform) -> NetworkMedia:
    """The videos among the responses: no advertisements, previews, segments, nor playlists that a master lists."""
    manifests = {identity(r.url): m for r in responses if r.body and (m := read_manifest(r.body, r.url)) is not None}
    listed = {identity(child) for manifest in manifests.values() for child in manifest.children}
    found: dict[str, Candidate] = {}
    frames: dict[str, str] = {}
    for seen in responses:
        key = identity(seen.url)
        if key in listed or is_advert(seen.url) or seen.status not in (200, 206):
            continue
        candidate = _from_response(seen, manifests.get(key), platform)
        if candidate is not None and on_media_host(seen.url, platform):
            found[key] = merge(found[key], candidate) if key in found else candidate
            frames.setdefault(key, seen.frame_url)
    redirects = {
        identity(seen.url): identity(urljoin(seen.url, seen.headers["location"]))
        for seen in responses
        if 300 <= seen.status < 400 and seen.headers.get("location")
    }
    return NetworkMedia(dict(list(found.items())[:MAX_CANDIDATES]), frames, redirects)


def player_sightings(capture: PageCapture, network: NetworkMedia, platform: Platform) -> list[Sighting]:
    """One sighting for each player of the page, in document order; those that show nothing have no candidates."""
    fed_by_script = [video for video in capture.videos if _is_fed_by_script(video) and _is_in_sight(video)]
    plain = [_plain_player(video, network, capture, platform) for video in capture.videos]
    taken = {identity(c.url) for sighting in plain for c in sighting.candidates}
    taken |= {key for url in list(taken) if (key := network.redirects.get(url))}
    return [
        _scripted_player(video, network, fed_by_script, taken) if video in fed_by_script else sighting
        for video, sighting in zip(capture.videos, plain, strict=True)
    ]


def leftovers(network: NetworkMedia, sightings: Iterable[Sighting]) -> list[Sighting]:
    """A sighting for each address of the network that none of ``sightings`` holds."""
    taken = {identity(c.url) for sighting in sightings for c in sighting.candidates}
    taken |= {target for key, target in network.redirects.items() if key in taken}
    return [Sighting((candidate,)) for key, candidate in network.candidates.items() if key not in taken]


def merge(first: Candidate, second: Candidate) -> Candidate:
    """One record of the same address: the more trusted source's fields win, gaps are filled from the other."""
    known, other = sorted((first, second), key=lambda c: _TRUST[c.found_in])
    gaps = {
        name: getattr(other, name)
        for name in (
            "media_key", "mime", "container", "video_codec", "audio_codec", "has_video", "has_audio",
            "width", "height", "fps", "bitrate", "size", "duration_s", "expires_at",
        )
        if getattr(known, name) is None
    }  # fmt: skip
    return replace(
        known,
        **gaps,
        headers={**other.headers, **known.headers},
        drm=known.drm or other.drm,
        signed=known.signed or other.signed,
        note=known.note or other.note,
        source_type=other.source_type if known.source_type is SourceType.UNKNOWN else known.source_type,
    )


def with_network(candidate: Candidate, network: NetworkMedia) -> Candidate:
    """The candidate with what the network knows of the same address."""
    twin = network.twin(candidate.url)
    if twin is None:
        return candidate
    joined = merge(candidate, replace(twin, url=candidate.url))
    return replace(joined, url=candidate.url, expires_at=candidate.expires_at, signed=candidate.signed)


def _candidate_at(url: str, platform: Platform, found_in: FoundIn, *, mime: str = "") -> Candidate | None:
    """A candidate from its address and type alone; None where these name no video."""
    seen = classify_media(url, mime or None, platform=platform)
    return build.candidate(url, platform, found_in, mime=mime or None) if seen.may_be_video else None


def _from_response(seen: SeenResponse, manifest: Manifest | None, platform: Platform) -> Candidate | None:
    whole = identity(seen.url)
    candidate = _candidate_at(whole, platform, FoundIn.NETWORK, mime=seen.mime)
    if manifest is not None:
        return _from_manifest(candidate, seen, manifest, platform)
    if candidate is None:
        return None
    # a file that a script loads in pieces may be one track of several
    in_pieces = seen.resource_type in ("xhr", "fetch") and candidate.source_type is SourceType.DIRECT
    return replace(
        candidate,
        size=seen.size if whole == seen.url else None,  # else it is that of a part
        headers=_headers(seen),
        note="loaded by a script, perhaps one track of several" if in_pieces else "",
    )


def _from_manifest(
    candidate: Candidate | None, seen: SeenResponse, manifest: Manifest, platform: Platform
) -> Candidate | None:
    if manifest.audio_only:
        return None
    is_dash = (seen.body or b"").lstrip()[:1] == b"<"
    mime = "application/dash+xml" if is_dash else "application/x-mpegurl"
    base = candidate or _candidate_at(seen.url, platform, FoundIn.NETWORK, mime=mime)
    if base is None:
        return None
    return replace(
        base,
        source_type=SourceType.DASH if is_dash else SourceType.HLS,
        width=manifest.width or base.width,
        height=manifest.height or base.height,
        bitrate=manifest.bitrate or base.bitrate,
        fps=manifest.fps,
        video_codec=_codec(manifest.codecs) or base.video_codec,
        duration_s=manifest.duration_s,
        drm=manifest.drm,
        headers=_headers(seen),
        note="live: it has no end yet" if manifest.live else "",
    )


def _plain_player(video: SeenVideo, network: NetworkMedia, capture: PageCapture, platform: Platform) -> Sighting:
    urls = dict.fromkeys(u for u in (video.current_src, *video.sources) if u.startswith(("http://", "https://")))
    found = [c for url in urls if (c := _of_source(url, video, network, capture, platform)) is not None]
    return Sighting(tuple(found), video, expected=_expected(video), thumbnail_url=video.poster)


def _of_source(
    url: str, video: SeenVideo, network: NetworkMedia, capture: PageCapture, platform: Platform
) -> Candidate | None:
    """What a player names is a video even where its name does not say so; advertisements are none of the post's."""
    if is_advert(url):
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
        has_video=True if video.video_width else joined.has_video,
        has_audio=video.has_audio if video.has_audio is not None else joined.has_audio,
        width=joined.width or video.video_width or None,
        height=joined.height or video.video_height or None,
        duration_s=video.duration_s or joined.duration_s,
    )


def _of_player(url: str, platform: Platform) -> Candidate | None:
    """A player's own word is stronger than its file's name: an address of no telling name is taken, and so is one that
    is named like a preview. Not what its name clearly says is a picture, a sound, a segment."""
    candidate = _candidate_at(url, platform, FoundIn.DOM)
    if candidate is not None:
        return candidate
    kind = classify_media(url, platform=platform).kind
    if kind not in (MediaKind.OTHER, MediaKind.PREVIEW):
        return None
    note = "named like a preview" if kind is MediaKind.PREVIEW else ""
    return replace(build.candidate(url, platform, FoundIn.DOM), note=note)


def _scripted_player(video: SeenVideo, network: NetworkMedia, rivals: Sequence[SeenVideo], taken: set[str]) -> Sighting:
    """A ``blob:`` player plays what its frame loaded; with a rival in the same frame nobody knows which of them did."""
    alone = sum(rival.frame_url == video.frame_url for rival in rivals) == 1
    fed = [
        candidate
        for key, candidate in network.candidates.items()
        if alone and key not in taken and network.frames[key] == video.frame_url
    ]
    streams = [c for c in fed if c.source_type in (SourceType.HLS, SourceType.DASH)]
    chosen = streams or fed
    known = [
        replace(
            c,
            has_video=True if video.video_width else c.has_video,
            has_audio=True if video.has_audio and len(chosen) == 1 else c.has_audio,
            duration_s=c.duration_s or (video.duration_s if len(chosen) == 1 else None),
        )
        for c in chosen
    ]
    return Sighting(tuple(known), video, expected=_expected(video), thumbnail_url=video.poster)


def _is_fed_by_script(video: SeenVideo) -> bool:
    return video.current_src.startswith("blob:") or any(source.startswith("blob:") for source in video.sources)


def _is_in_sight(video: SeenVideo) -> bool:
    return video.visible and not video.advert


def _expected(video: SeenVideo) -> Expected:
    return Expected(duration_s=video.duration_s, audio=video.has_audio)


def _headers(seen: SeenResponse) -> dict[str, str]:
    return {name: value for name, value in seen.request_headers.items() if name in _PLAYER_HEADERS}


def _codec(codecs: str | None) -> str | None:
    for mark, codec in (
        ("avc", "h264"),
        ("hvc", "hevc"),
        ("hev", "hevc"),
        ("av01", "av1"),
        ("vp09", "vp9"),
        ("vp9", "vp9"),
    ):
        if mark in (codecs or ""):
            return codec
    return None
