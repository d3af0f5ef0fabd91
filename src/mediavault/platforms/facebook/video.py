"""The URLs of one Facebook video, in the forms of 2012 to 2026.

Whole files come in two qualities, whose size only the URL may state. There is also a DASH manifest
with all qualities, as text. Checked 2026-11-24 against recorded pages and answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import SplitResult

from mediavault.core.media import Candidate, SourceType, Watermark
from mediavault.core.platform import Measures, Platform
from mediavault.extraction.media_kind import read_efg
from mediavault.extraction.page_data import build, values
from mediavault.extraction.page_data.build import own_candidates
from mediavault.extraction.page_data.values import Node
from mediavault.platforms.meta_media import inline_dash, with_sound_of

_HD = (
    "hd_src_no_ratelimit",
    "hd_src",
    "hdSrc",
    "browser_native_hd_url",
    "playable_url_quality_hd",
    "playableUrlHd",
    "hd_url",
    "video_hd_url",  # of an advert in the library
)
_SD = (
    "sd_src_no_ratelimit",
    "sd_src",
    "sdSrc",
    "browser_native_sd_url",
    "playable_url",
    "playableUrlSd",
    "sd_url",
    "video_sd_url",
    "source",  # of the Graph API
)
_MANIFESTS = (
    "dash_manifest",
    "dashManifest",
    "dash_manifest_xml_string",
    "dash_prefetch_experimental_manifest",
    "playlist",
    "manifest_xml",
    "dash_mpd_debug",
)
FIELDS = frozenset(
    {*_HD, *_SD, *_MANIFESTS} - {"source"}  # which other records have too
    | {"videoDeliveryLegacyFields", "videoDeliveryResponseFragment", "videoDeliveryResponse"}
    | {"progressive_urls", "dash_manifests"}
)


def candidates_of(nodes: Sequence[Node], platform: Platform) -> tuple[Candidate, ...]:
    """Return the candidates in the records ``nodes`` of the same video, HD first."""
    parts = [part for node in nodes for part in _parts(node)]
    facts = {"duration_s": seconds} if (seconds := duration_of(nodes)) else {}
    hd = [c for part in parts for c in _named(part, _HD, platform, facts)]
    hd += [c for part in parts for c in _progressive(part, platform, facts, hd=True)]
    sd = [c for part in parts for c in _named(part, _SD, platform, facts)]
    sd += [c for part in parts for c in _progressive(part, platform, facts, hd=False)]
    mobile = [c for part in parts if "videoID" in part for c in _mobile(part, platform)]
    streams = [c for part in parts for c in _streams(part, platform)]
    # a file of unknown size cannot be compared with the manifest's: the better whole file is taken
    # then
    unsure = any(c.height is None for c in (*hd, *mobile))
    smaller = [
        replace(c, width=None, height=None) if unsure else c for c in [*sd, *mobile, *streams]
    ]
    whole, manifests = (
        smaller[: len(smaller) - len(streams)],
        smaller[len(smaller) - len(streams) :],
    )
    return build.merged([*with_sound_of(streams, [*hd, *whole]), *manifests])


def duration_of(nodes: Sequence[Node]) -> float | None:
    """Return the duration in seconds."""
    for node in nodes:
        seconds = (
            values.milliseconds(node.get("playable_duration_in_ms"))
            or values.milliseconds(node.get("length_in_ms"))
            or values.number(node.get("length_in_second"))
            or values.number(node.get("playable_duration"))
        )
        if seconds:
            return seconds
    return None


def _parts(node: Node) -> Iterator[Node]:
    """Yield the record and the parts of it that hold URLs."""
    yield node
    for name in (
        "videoDeliveryLegacyFields",
        "videoDeliveryResponseFragment",
        "videoDeliveryResponse",
    ):
        part = values.obj(node, name)
        yield from (
            inner for inner in (part, values.obj(part, "videoDeliveryResponseResult")) if inner
        )
    for name in ("videoDeliveryResponseResult", "video", "progressive"):
        yield from (inner for inner in (values.obj(node, name),) if inner)
    yield from values.objects(node.get("progressive"))


def _file(address: object, platform: Platform, facts: Mapping[str, Any]) -> list[Candidate]:
    return own_candidates(
        address, platform, mime="video/mp4", container="mp4", watermark=Watermark.NO, **facts
    )


def _named(
    part: Node, names: Sequence[str], platform: Platform, facts: Mapping[str, Any]
) -> list[Candidate]:
    return [candidate for name in names for candidate in _file(part.get(name), platform, facts)]


def _progressive(
    part: Node, platform: Platform, facts: Mapping[str, Any], *, hd: bool
) -> list[Candidate]:
    listed = values.objects(part.get("progressive_urls"))
    return [
        candidate
        for file in listed
        if (values.obj(file, "metadata").get("quality") == "HD") is hd
        for candidate in _file(file.get("progressive_url"), platform, facts)
    ]


def _mobile(part: Node, platform: Platform) -> list[Candidate]:
    """Return the file of the mobile site's ``data-store``,
    whose width and height are those of the player.
    """
    return [] if ".mpd" in str(part.get("src")) else _file(part.get("src"), platform, {})


def _streams(part: Node, platform: Platform) -> list[Candidate]:
    """Return the manifests, given as text or by URL."""
    texts = [part.get(name) for name in _MANIFESTS]
    texts += [
        manifest.get("manifest_xml") for manifest in values.objects(part.get("dash_manifests"))
    ]
    candidates = [c for text in texts for c in inline_dash(text)]
    if not candidates:
        urls = [part.get("dash_manifest_url"), part.get("dash_src"), part.get("playable_url_dash")]
        urls += [
            manifest.get("manifest_url")
            for manifest in values.objects(part.get("dash_manifest_urls"))
        ]
        candidates += [
            c for url in urls for c in own_candidates(url, platform, source_type=SourceType.DASH)
        ]
    for playlist in values.objects(part.get("hls_playlist_urls")):
        candidates += own_candidates(
            playlist.get("hls_playlist_url"), platform, source_type=SourceType.HLS
        )
    return [
        *candidates,
        *own_candidates(part.get("hls_playlist_url"), platform, source_type=SourceType.HLS),
    ]


# --- size and rate of a URL -----------------------------------------------------------------------

_LEVELS: Mapping[str, tuple[int, int]] = {
    "_hq1_": (640, 360),
    "_hq2_": (1280, 720),
    ".640.sve_sd": (640, 360),
}
_WIDTH = re.compile(r"_(\d{3,4})_crf_")


def measures(parts: SplitResult, _width: int | None, _height: int | None) -> Measures:
    """Return the frame and rate of the quality that a URL names, for a landscape video."""
    efg = read_efg(parts.query)
    if efg.is_audio_track:
        return Measures(bitrate=efg.bitrate)
    for name, (width, height) in _LEVELS.items():
        if name in efg.tag:
            return Measures(width, height, efg.bitrate)
    if match := _WIDTH.search(efg.tag):
        width = int(match[1])
        return Measures(width, width * 9 // 16 + width * 9 // 16 % 2, efg.bitrate)
    return Measures(None, efg.level, efg.bitrate)
