"""The addresses of one Facebook video, in the forms of 2012 to 2026.

Whole files come in two qualities whose size only their address may tell. There is also a DASH manifest with all
qualities, as text. Checked 2026-11-24 against recorded pages and answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import SplitResult

from mediavault.core.media import Candidate, SourceType, Watermark
from mediavault.core.platform import Measures, Platform
from mediavault.platforms.reading.inline_manifest import inline_dash, with_sound_of
from mediavault.services.extraction.meta_efg import read_efg
from mediavault.services.extraction.page_data import build, values
from mediavault.services.extraction.page_data.build import own_candidates
from mediavault.services.extraction.page_data.json_walk import Node

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
    {*_HD, *_SD, *_MANIFESTS, "videoDeliveryLegacyFields", "videoDeliveryResponseFragment", "videoDeliveryResponse"}
    | {"progressive_urls", "dash_manifests"}
)


def candidates_of(nodes: Sequence[Node], platform: Platform) -> tuple[Candidate, ...]:
    """All addresses in the records ``nodes`` of one and the same video, HD first."""
    parts = [part for node in nodes for part in _parts(node)]
    facts = {"duration_s": seconds} if (seconds := duration_of(nodes)) else {}
    hd = [one for part in parts for one in _named(part, _HD, platform, facts)]
    hd += [one for part in parts for one in _progressive(part, platform, facts, hd=True)]
    sd = [one for part in parts for one in _named(part, _SD, platform, facts)]
    sd += [one for part in parts for one in _progressive(part, platform, facts, hd=False)]
    mobile = [one for part in parts if "videoID" in part for one in _mobile(part, platform)]
    streams = [one for part in parts for one in _streams(part, platform)]
    # what says no size cannot be held against the manifest's: the better whole file is taken then
    unsure = any(one.height is None for one in (*hd, *mobile))
    smaller = [replace(one, width=None, height=None) if unsure else one for one in [*sd, *mobile, *streams]]
    whole, manifests = smaller[: len(smaller) - len(streams)], smaller[len(smaller) - len(streams) :]
    return build.merged([*with_sound_of(streams, [*hd, *whole]), *manifests])


def duration_of(nodes: Sequence[Node]) -> float | None:
    """Seconds."""
    for node in nodes:
        millis = values.number(node.get("playable_duration_in_ms")) or values.number(node.get("length_in_ms"))
        if millis:
            return millis / 1_000
        if seconds := values.number(node.get("length_in_second")) or values.number(node.get("playable_duration")):
            return seconds
    return None


def _parts(node: Node) -> Iterator[Node]:
    """The record and the parts of it that hold addresses."""
    yield node
    for name in ("videoDeliveryLegacyFields", "videoDeliveryResponseFragment", "videoDeliveryResponse"):
        part = values.obj(node, name)
        yield from (found for found in (part, values.obj(part, "videoDeliveryResponseResult")) if found)
    for name in ("videoDeliveryResponseResult", "video", "progressive"):
        yield from (found for found in (values.obj(node, name),) if found)
    yield from values.objects(node.get("progressive"))


def _file(address: object, platform: Platform, facts: Mapping[str, Any]) -> list[Candidate]:
    return own_candidates(address, platform, mime="video/mp4", container="mp4", watermark=Watermark.NO, **facts)


def _named(part: Node, names: Sequence[str], platform: Platform, facts: Mapping[str, Any]) -> list[Candidate]:
    return [one for name in names for one in _file(part.get(name), platform, facts)]


def _progressive(part: Node, platform: Platform, facts: Mapping[str, Any], *, hd: bool) -> list[Candidate]:
    listed = values.objects(part.get("progressive_urls"))
    return [
        found
        for one in listed
        if (values.obj(one, "metadata").get("quality") == "HD") is hd
        for found in _file(one.get("progressive_url"), platform, facts)
    ]


def _mobile(part: Node, platform: Platform) -> list[Candidate]:
    """``data-store`` of the mobile site: its width and height are those of the player."""
    return [] if ".mpd" in str(part.get("src")) else _file(part.get("src"), platform, {})


def _streams(part: Node, platform: Platform) -> list[Candidate]:
    """Manifests, as text and by address."""
    texts = [part.get(name) for name in _MANIFESTS]
    texts += [one.get("manifest_xml") for one in values.objects(part.get("dash_manifests"))]
    found = [one for text in texts for one in inline_dash(text)]
    if not found:
        urls = [part.get("dash_manifest_url"), part.get("dash_src"), part.get("playable_url_dash")]
        urls += [one.get("manifest_url") for one in values.objects(part.get("dash_manifest_urls"))]
        found += [one for url in urls for one in own_candidates(url, platform, source_type=SourceType.DASH)]
    for each in values.objects(part.get("hls_playlist_urls")):
        found += own_candidates(each.get("hls_playlist_url"), platform, source_type=SourceType.HLS)
    return [*found, *own_candidates(part.get("hls_playlist_url"), platform, source_type=SourceType.HLS)]


# --- size and rate of an address -------------------------------------------------------------------------------

_RUNGS: Mapping[str, tuple[int, int]] = {
    "_hq1_": (640, 360),
    "_hq2_": (1280, 720),
    ".640.sve_sd": (640, 360),
}
_WIDTH = re.compile(r"_(\d{3,4})_crf_")


def measures(parts: SplitResult, _width: int | None, _height: int | None) -> Measures:
    """The frame and rate of the quality that an address names, for a landscape video."""
    efg = read_efg(parts.query)
    if efg.is_audio_track:
        return Measures(bitrate=efg.bitrate)
    for name, (width, height) in _RUNGS.items():
        if name in efg.tag:
            return Measures(width, height, efg.bitrate)
    if match := _WIDTH.search(efg.tag):
        width = int(match[1])
        return Measures(width, width * 9 // 16 + width * 9 // 16 % 2, efg.bitrate)
    return Measures(None, efg.rung, efg.bitrate)
