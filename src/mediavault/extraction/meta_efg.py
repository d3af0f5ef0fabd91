"""Meta's ``efg`` parameter: what Facebook, Instagram and Threads write into their own media URLs. Pure.

It is URL-safe base64 of a JSON object, with or without padding, sometimes followed by a remnant of another escaping
(``u00253D``). So its text is searched, not parsed. Source: recorded URLs of 2019 to 2026, checked 2026-11-24.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

_EFG = re.compile(r"(?:^|[&;])efg=([\w-]+)")
_TAG = re.compile(rb'"vencode_tag":\s*"([\w.-]+)')
_BITRATE = re.compile(rb'"bitrate":\s*(\d{4,9})(?=[,}\s])')
_BITRATE_PARAMETER = re.compile(r"(?:^|[&;])bitrate=(\d{4,9})(?:&|$)")  # Facebook, since 2025
# A quality of the adaptive stream; elsewhere "dash_…" names the encoder: "xpv_progressive.….dash_baseline_1080p_v1"
_DASH_TAG = re.compile(r"(?:^|[._])dash_")
_AUDIO_TAG = re.compile(r"_audio(?:_v\d+)?$")  # "dash_ln_heaac_vbr3_audio", and Instagram's "….dash_ln_audio_v1"
_MUXED_WORDS = ("progressive", "urlgen")
# "….C3.720.dash_…", "vts_vod_urlgen.720.clips", "dash_vp9-basic-gen2_720p"
_LEVEL = re.compile(r"_(\d{3,4})p(?:[_.]|$)|\.(\d{3,4})(?:\.|$)")


@dataclass(frozen=True, slots=True)
class Efg:
    """What an ``efg`` says. ``tag`` names the quality; ``bitrate`` is in bits per second, if stated (since 2025)."""

    tag: str = ""
    bitrate: int | None = None

    @property
    def is_audio_track(self) -> bool:
        return bool(_AUDIO_TAG.search(self.tag))

    @property
    def is_video_track(self) -> bool:
        """Whether it is a quality of the adaptive stream, whose sound is elsewhere."""
        if self.is_audio_track or any(word in self.tag for word in _MUXED_WORDS):
            return False
        return bool(_DASH_TAG.search(self.tag))

    @property
    def level(self) -> int | None:
        """The pixels of the quality's short side, as Meta counts it."""
        match = _LEVEL.search(self.tag)
        return int(match[1] or match[2]) if match else None


def read_efg(query: str) -> Efg:
    """Return what the ``efg`` of ``query`` says; an empty record where it has none, or one that cannot be read."""
    match = _EFG.search(query)
    raw = _decoded(match[1]) if match else b""
    tag, bitrate = _TAG.search(raw), _BITRATE.search(raw) or _BITRATE_PARAMETER.search(query)
    return Efg(tag[1].decode("ascii", "replace") if tag else "", int(bitrate[1]) if bitrate else None)


def _decoded(text: str) -> bytes:
    """Decode as many letters as make whole bytes: a single letter left over is dropped."""
    usable = text[: len(text) - 1] if len(text) % 4 == 1 else text
    try:
        return base64.urlsafe_b64decode(usable + "=" * (-len(usable) % 4))
    except (binascii.Error, ValueError):
        return b""
