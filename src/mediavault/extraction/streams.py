"""The playlists and manifests of a visit, and which URL is a part of which of them. Pure.

A player shows what it was given last: a segment, an initialisation section, one rendition. What is
saved is the stream that all of these belong to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mediavault.browser.port import SeenResponse
from mediavault.core.failures import MediavaultError
from mediavault.download import mpd_document
from mediavault.extraction.manifests import Manifest, read_manifest
from mediavault.extraction.media_urls import identity

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
