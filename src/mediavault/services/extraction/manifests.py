"""A look at an HLS playlist or a DASH manifest that the browser received: what it lists, how large, protected or not.

Only what ranking and ownership need. The downloader parses manifests in full (services/download).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urljoin

MAX_LISTED = 20_000
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)')
_URI = re.compile(r'URI="([^"]+)"')
_HLS_DRM = re.compile(
    r"METHOD=SAMPLE-AES|skd://|KEYFORMAT=\"(?:com\.apple|com\.microsoft|com\.widevine|urn:uuid)", re.IGNORECASE
)
_DASH_DRM = re.compile(r"<(?:\w+:)?ContentProtection\b", re.IGNORECASE)
_DASH_RUNG = re.compile(r"<(?:\w+:)?Representation\b[^>]*>", re.IGNORECASE)
_DASH_TIME = re.compile(r'mediaPresentationDuration="PT(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?"')
_INIT_DATA_MAX = 64  # attributes of one line


@dataclass(frozen=True, slots=True)
class Manifest:
    """``children`` are absolute addresses: of a master its playlists, of a playlist its segments."""

    is_master: bool
    children: tuple[str, ...]
    width: int | None = None
    height: int | None = None
    bitrate: int | None = None
    fps: float | None = None
    codecs: str | None = None
    duration_s: float | None = None
    live: bool = False
    drm: bool = False
    audio_only: bool = False


def read_manifest(body: bytes, url: str) -> Manifest | None:
    """The manifest in ``body``; None where it is none."""
    text = body.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("#EXTM3U"):
        return _read_master(text, url) if "#EXT-X-STREAM-INF" in text else _read_playlist(text, url)
    if re.match(r"<\?xml[^>]*\?>\s*<(?:\w+:)?MPD\b|<(?:\w+:)?MPD\b", text):
        return _read_mpd(text)
    return None


def _read_master(text: str, url: str) -> Manifest:
    children: list[str] = []
    best: dict[str, str] = {}
    variant: dict[str, str] | None = None
    for line in map(str.strip, text.splitlines()[:MAX_LISTED]):
        if line.startswith("#EXT-X-STREAM-INF:"):
            variant = _attributes(line)
            if _rank(variant) > _rank(best):
                best = variant
        elif line.startswith(("#EXT-X-MEDIA:", "#EXT-X-I-FRAME-STREAM-INF:")):
            children += [child for uri in _URI.findall(line) if (child := _join(url, uri))]
        elif line and not line.startswith("#") and variant is not None:
            children += [child] if (child := _join(url, line)) else []
            variant = None
    width, height = _resolution(best.get("RESOLUTION", ""))
    codecs = best.get("CODECS") or None
    return Manifest(
        is_master=True,
        children=tuple(children),
        width=width,
        height=height,
        bitrate=_integer(best.get("BANDWIDTH")),
        fps=_float(best.get("FRAME-RATE")),
        codecs=codecs,
        drm=bool(_HLS_DRM.search(text)),
        audio_only=bool(codecs) and width is None and not re.search(r"avc|hvc|hev|vp0?9|av01|dvh", codecs or ""),
    )


def _read_playlist(text: str, url: str) -> Manifest:
    children: list[str] = []
    seconds = 0.0
    for line in map(str.strip, text.splitlines()[:MAX_LISTED]):
        if line.startswith("#EXTINF:"):
            seconds += _float(line[8:].split(",", 1)[0]) or 0.0
        elif line.startswith("#EXT-X-MAP:"):
            children += [child for uri in _URI.findall(line) if (child := _join(url, uri))]
        elif line and not line.startswith("#"):
            children += [child] if (child := _join(url, line)) else []
    ended = "#EXT-X-ENDLIST" in text
    audio_only = bool(children) and all(re.search(r"\.(?:aac|mp3|m4a|ac3|ec3)(?:$|\?)", child) for child in children)
    return Manifest(
        is_master=False,
        children=tuple(children),
        duration_s=round(seconds, 3) if ended and seconds > 0 else None,
        live=not ended,
        drm=bool(_HLS_DRM.search(text)),
        audio_only=audio_only,
    )


def _read_mpd(text: str) -> Manifest:
    rungs = [_xml_attributes(tag) for tag in _DASH_RUNG.findall(text)[:1_000]]
    best = max(
        rungs, key=lambda rung: (_integer(rung.get("height")) or 0, _integer(rung.get("bandwidth")) or 0), default={}
    )
    time = _DASH_TIME.search(text)
    seconds = (
        sum(float(part or 0) * unit for part, unit in zip(time.groups(), (3600, 60, 1), strict=True)) if time else 0.0
    )
    return Manifest(
        is_master=True,
        children=(),
        width=_integer(best.get("width")),
        height=_integer(best.get("height")),
        bitrate=_integer(best.get("bandwidth")),
        codecs=best.get("codecs"),
        duration_s=seconds or None,
        live=bool(re.search(r'<(?:\w+:)?MPD\b[^>]*\btype="dynamic"', text)),
        drm=bool(_DASH_DRM.search(text)),
    )


def _attributes(line: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(line.split(":", 1)[1])[:_INIT_DATA_MAX]}


def _xml_attributes(tag: str) -> dict[str, str]:
    return dict(re.findall(r'([\w:]+)="([^"]*)"', tag)[:_INIT_DATA_MAX])


def _rank(variant: dict[str, str]) -> tuple[int, int]:
    width, height = _resolution(variant.get("RESOLUTION", ""))
    return min(width or 0, height or 0), _integer(variant.get("BANDWIDTH")) or 0


def _resolution(text: str) -> tuple[int | None, int | None]:
    match = re.fullmatch(r"(\d{2,5})x(\d{2,5})", text)
    return (int(match[1]), int(match[2])) if match else (None, None)


def _integer(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and int(text) > 0 else None


def _float(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def _join(url: str, uri: str) -> str | None:
    try:
        return urljoin(url, uri.strip())
    except ValueError:
        return None
