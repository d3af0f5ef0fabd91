"""Turns what a visit saw into videos: each URL classified, merged with what else is known of it,
and grouped by player.

A :class:`Sighting` is one video as the page shows it: the variants of one player, one linked-data
object, or a lone URL from the network. Whether it is the post's own is decided in ``ownership.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from urllib.parse import urljoin

from mediavault.browser.port import SeenResponse, SeenVideo
from mediavault.core.failures import MediavaultError
from mediavault.core.media import Candidate, Expected, FoundIn, SourceType
from mediavault.core.messages import Message
from mediavault.core.platform import Platform
from mediavault.download import mpd_document
from mediavault.extraction.manifests import Manifest, read_manifest
from mediavault.extraction.media_urls import classify_media, identity, is_advert, on_media_host
from mediavault.extraction.page_data import build
from mediavault.extraction.page_data.build import codec
from mediavault.extraction.page_data.player_setups import PlayerFile

# --- streams --------------------------------------------------------------------------------------
# The playlists and manifests of a visit, and which URL is a part of which of them. Pure.
#
# A player shows what it was given last: a segment, an initialisation section, one rendition. What
# is saved is the stream that all of these belong to.

MAX_MANIFESTS = 100  # of one visit
MAX_PIECES = 50_000  # of one DASH manifest; two hours in 4 s parts and ten qualities are 18,000
MAX_PARTS = 200_000  # of all manifests
MAX_LEVELS = 4  # a segment, its playlist, the master, and one to spare
MAX_PARTS_PER_PATH = 500  # parts whose addresses differ in the query alone

_Named = tuple[frozenset[str], str]  # a part's query, and its manifest


@dataclass(frozen=True, slots=True)
class ManifestStreams:
    """Manifests by identity.

    ``parents`` maps a part to its manifest; ``places`` does so by its path, for players that add to
    the query.
    """

    manifests: Mapping[str, Manifest] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    parts_by_path: Mapping[str, Sequence[_Named]] = field(default_factory=dict)

    def is_part(self, url: str) -> bool:
        """Whether a manifest lists ``url``: a segment, an initialisation section, a rendition."""
        return self._parent(identity(url)) is not None

    def root_of(self, url: str) -> str | None:
        """Return the identity of the outermost manifest that leads to ``url``; None for URLs that
        are in no manifest.

        The outermost manifest leads to itself.
        """
        key = identity(url)
        for _ in range(MAX_LEVELS):
            parent = self._parent(key)
            if parent is None:
                break
            key = parent
        return key if key in self.manifests else None

    def _parent(self, key: str) -> str | None:
        if (parent := self.parents.get(key)) is not None:
            return parent if parent != key else None
        path, query = _split(key)
        parents = {
            parent for named, parent in self.parts_by_path.get(path, ()) if named <= query
        } - {key}
        return parents.pop() if len(parents) == 1 else None


def read_streams(responses: Sequence[SeenResponse]) -> ManifestStreams:
    """Read every manifest among the bodies, and what it lists.
    A master takes its length from its playlists.
    """
    manifests: dict[str, Manifest] = {}
    parents: dict[str, str] = {}
    places: dict[str, list[_Named]] = {}
    for seen in responses:
        key = identity(seen.url)
        if (
            not seen.body
            or len(manifests) >= MAX_MANIFESTS
            or (key in manifests and not manifests[key].live)
        ):
            continue
        manifest = read_manifest(seen.body, seen.url)
        if manifest is None:
            continue
        manifests[key] = manifest
        for part in {identity(part) for part in _parts(manifest, seen)} - parents.keys():
            if len(parents) >= MAX_PARTS:
                break
            parents[part] = key
            path, query = _split(part)
            if len(named := places.setdefault(path, [])) < MAX_PARTS_PER_PATH:
                named.append((query, key))
    return ManifestStreams(
        {key: _completed_by_playlists(listed, manifests) for key, listed in manifests.items()},
        parents,
        places,
    )


def _parts(manifest: Manifest, seen: SeenResponse) -> Iterable[str]:
    return _pieces(seen.body or b"", seen.url) if manifest.type == "dash" else manifest.children


def _pieces(body: bytes, url: str) -> Iterator[str]:
    """Yield the segments, initialisation sections and whole files of a DASH manifest."""
    try:
        document = mpd_document.read_document(body.decode("utf-8", "replace"), url)
    except (MediavaultError, ValueError, OverflowError):
        return
    left = MAX_PIECES
    for period in document.periods:
        for representation in period.representations:
            try:
                segments = representation.listing().segments
            except (MediavaultError, ValueError, OverflowError):
                continue
            for segment in segments[:left]:
                yield segment.url
            yield from {segment.init.url for segment in segments[:left] if segment.init}
            left -= len(segments)
            if left <= 0:
                return


def _completed_by_playlists(manifest: Manifest, manifests: Mapping[str, Manifest]) -> Manifest:
    """Return a master with what only its playlists say: length, live or not, protected or not."""
    if manifest.type != "hls" or not manifest.is_master:
        return manifest
    playlists = [
        manifests[key] for child in manifest.children if (key := identity(child)) in manifests
    ]
    lengths = [playlist.duration_s for playlist in playlists if playlist.duration_s is not None]
    return replace(
        manifest,
        duration_s=max(lengths, default=None),
        live=any(playlist.live for playlist in playlists),
        drm=manifest.drm or any(playlist.drm for playlist in playlists),
    )


def _split(key: str) -> tuple[str, frozenset[str]]:
    path, _, query = key.partition("?")
    return path, frozenset(query.split("&")) - {""}


# --- candidates -----------------------------------------------------------------------------------


MAX_CANDIDATES = 60
MIN_SCRIPTED_BYTES = 16_384  # a smaller file loaded by a script is an initialisation section

_IN_PIECES = Message("loaded by a script, perhaps one track of several")
# Headers of the player's request that its media may depend on; the rest is the browser's own
_PLAYER_HEADERS = frozenset({"referer", "origin"})
_TRUST = {found_in: rank for rank, found_in in enumerate(FoundIn)}


class NamedBy(StrEnum):
    """What of a page names a video as its own."""

    MAIN_ITEM = "main_item"  # the data of what the page is about
    OBJECT = "object"  # a VideoObject
    RECORD = "record"  # the record of its article, in the page's state
    CARD = "card"  # Open Graph, or a Twitter card
    SETUP = "setup"  # a script that sets up a player


@dataclass(frozen=True, slots=True)
class Sighting:
    """One video as the page shows it. ``player`` is None for a URL that no player of the page is
    known to play.

    ``title`` is the video's own, and ``names`` are as in ``SeenVideo``, where no player has them.
    """

    candidates: tuple[Candidate, ...]
    player: SeenVideo | None = None
    named_by: NamedBy | None = None
    title: str | None = None
    names: str = ""
    expected: Expected = field(default_factory=Expected)
    thumbnail_url: str | None = None
    media_id: str | None = None


@dataclass(frozen=True, slots=True)
class NetworkMedia:
    """What the network showed, by identity: videos, redirects and responses.

    ``names`` maps the page's own URLs of manifests that it made itself to their ``data:`` URLs.
    """

    candidates: Mapping[str, Candidate]
    frames: Mapping[str, str]  # identity -> the frame that received it
    redirects: Mapping[str, str]  # identity -> identity
    streams: ManifestStreams = field(default_factory=ManifestStreams)
    answers: Mapping[str, SeenResponse] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    # identities of adverts that ad servers named, also behind redirects
    spots: frozenset[str] = frozenset()

    def is_spot(self, url: str) -> bool:
        """Whether ``url`` is an advert: named by an ad server, served by an ad network,
        or in a folder of adverts.
        """
        return identity(url) in self.spots or is_advert(url)

    def candidate_for(self, url: str) -> Candidate | None:
        """Return the network's candidate for ``url``, also behind redirects;
        None where it has none.
        """
        key = identity(url)
        for _ in range(10):
            if key in self.candidates:
                return self.candidates[key]
            if key not in self.redirects:
                return None
            key = self.redirects[key]
        return None


def network_media(
    responses: Sequence[SeenResponse],
    platform: Platform,
    *,
    names: Mapping[str, str] | None = None,
    adverts: Iterable[str] = (),
) -> NetworkMedia:
    """Return the videos among the responses, without adverts, previews,
    segments and playlists that a master lists.
    """
    streams = read_streams(responses)
    redirects = {
        identity(seen.url): identity(urljoin(seen.url, seen.headers["location"]))
        for seen in responses
        if 300 <= seen.status < 400 and seen.headers.get("location")
    }
    spots = _with_targets(map(identity, adverts), redirects)
    candidates: dict[str, Candidate] = {}
    answers: dict[str, SeenResponse] = {}
    for seen in responses:
        key = identity(seen.url)
        if seen.status not in (200, 206):
            continue
        answers.setdefault(key, seen)
        if streams.is_part(seen.url) or key in spots or is_advert(seen.url):
            continue
        candidate = _from_response(seen, streams.manifests.get(key), platform)
        if candidate is not None and (
            seen.url.startswith("data:") or on_media_host(seen.url, platform)
        ):
            candidates[key] = merge(candidates[key], candidate) if key in candidates else candidate
    candidates = dict(list(candidates.items())[:MAX_CANDIDATES])
    frames = {key: answers[key].frame_url for key in candidates}
    return NetworkMedia(candidates, frames, redirects, streams, answers, names or {}, spots)


def _with_targets(keys: Iterable[str], redirects: Mapping[str, str]) -> frozenset[str]:
    """Return ``keys`` and everything that they redirect to."""
    reached: set[str] = set()
    for key in keys:
        current: str | None = key
        while current and current not in reached:
            reached.add(current)
            current = redirects.get(current)
    return frozenset(reached)


def leftovers(network: NetworkMedia, sightings: Iterable[Sighting]) -> list[Sighting]:
    """Return a sighting per URL of the network that none of ``sightings`` hold,
    without segments fed to a player.
    """
    known = list(sightings)
    held = [c for sighting in known for c in sighting.candidates]
    taken = {identity(url) for c in held for url in (c.url, c.audio_url) if url}
    taken |= {target for key, target in network.redirects.items() if key in taken}
    pieces = {
        identity(url) for s in known if s.player for feed in s.player.feeds for url in feed.urls
    } - taken
    folders = {_folder(key) for key in pieces}
    return [
        Sighting((candidate,))
        for key, candidate in network.candidates.items()
        if key not in taken | pieces
        and not (candidate.note == _IN_PIECES and _folder(key) in folders)
    ]


def _folder(key: str) -> str:
    return key.partition("?")[0].rpartition("/")[0]


def merge(first: Candidate, second: Candidate) -> Candidate:
    """Merge two records of the same URL: the more trusted source's fields win,
    gaps are filled from the other.
    """
    known, other = sorted((first, second), key=lambda c: _TRUST[c.found_in])
    gaps = {
        name: getattr(other, name)
        for name in (
            "media_key", "mime", "container", "video_codec", "audio_codec", "has_video",
            "has_audio", "width", "height", "fps", "bitrate", "size", "duration_s", "expires_at",
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
        source_type=other.source_type
        if known.source_type is SourceType.UNKNOWN
        else known.source_type,
    )


def with_network(candidate: Candidate, network: NetworkMedia) -> Candidate:
    """Return the candidate with what the network knows about the same URL."""
    twin = network.candidate_for(candidate.url)
    if twin is None:
        return candidate
    joined = merge(candidate, replace(twin, url=candidate.url))
    return replace(
        joined, url=candidate.url, expires_at=candidate.expires_at, signed=candidate.signed
    )


def candidate_at(
    url: str, platform: Platform, found_in: FoundIn, *, mime: str = ""
) -> Candidate | None:
    """Return a candidate from its URL and type alone; None where these do not name a video."""
    seen = classify_media(url, mime or None, platform=platform)
    return (
        build.candidate(url, platform, found_in, mime=mime or None) if seen.may_be_video else None
    )


def with_written_size(candidate: Candidate, written: PlayerFile | None) -> Candidate:
    """Return the candidate with the size that a page wrote next to its file,
    where the URL does not state one.
    """
    if written is None:
        return candidate
    return replace(
        candidate, width=candidate.width or written.width, height=candidate.height or written.height
    )


def _from_response(
    seen: SeenResponse, manifest: Manifest | None, platform: Platform
) -> Candidate | None:
    whole = identity(seen.url)
    candidate = candidate_at(whole, platform, FoundIn.NETWORK, mime=seen.mime)
    if manifest is not None:
        return _from_manifest(candidate, seen, manifest, platform)
    if candidate is None:
        return None
    # a file that a script loads in pieces may be one track of several
    in_pieces = (
        seen.resource_type in ("xhr", "fetch") and candidate.source_type is SourceType.DIRECT
    )
    if in_pieces and seen.size is not None and seen.size < MIN_SCRIPTED_BYTES:
        return None
    return replace(
        candidate,
        size=seen.size if whole == seen.url else None,  # otherwise it is the size of a byte range
        headers=player_headers(seen),
        note=_IN_PIECES if in_pieces else "",
    )


def _from_manifest(
    candidate: Candidate | None, seen: SeenResponse, manifest: Manifest, platform: Platform
) -> Candidate | None:
    if manifest.audio_only:
        return None
    is_dash = manifest.type == "dash"
    mime = "application/dash+xml" if is_dash else "application/x-mpegurl"
    kind = SourceType.DASH if is_dash else SourceType.HLS
    if seen.url.startswith("data:"):
        base: Candidate | None = Candidate(seen.url, kind, FoundIn.NETWORK, mime=mime)
    else:
        base = candidate or candidate_at(seen.url, platform, FoundIn.NETWORK, mime=mime)
    if base is None:
        return None
    return replace(
        base,
        source_type=kind,
        width=manifest.width or base.width,
        height=manifest.height or base.height,
        bitrate=manifest.bitrate or base.bitrate,
        fps=manifest.fps,
        video_codec=_video_codec(manifest.codecs) or base.video_codec,
        has_audio=True
        if manifest.audio_groups or "mp4a" in (manifest.codecs or "")
        else base.has_audio,
        duration_s=manifest.duration_s,
        drm=manifest.drm,
        headers=player_headers(seen),
        note=Message("live: not finished yet") if manifest.live else "",
    )


def player_headers(seen: SeenResponse) -> dict[str, str]:
    return {name: value for name, value in seen.request_headers.items() if name in _PLAYER_HEADERS}


def _video_codec(codecs: str | None) -> str | None:
    return next((name for part in (codecs or "").split(",") if (name := codec(part.strip()))), None)
