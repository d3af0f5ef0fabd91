"""Which kept files a browser cannot play in their container although it could in MP4. Pure."""

from __future__ import annotations

from mediavault.core.media import ProbeReport

# Containers that browsers open. QuickTime's is MP4's parent, and they read it as such.
_OPENED = frozenset({"mp4", "mov", "webm"})
# What browsers decode and MP4 may hold (ISO/IEC 14496-15, the AV1 and VP9 bindings; checked 2026-11-24).
_VIDEO = frozenset({"h264", "hevc", "av1", "vp9"})
_AUDIO = frozenset({"aac", "mp3", "opus", "flac", "ac3", "eac3"})


def needs_remux(report: ProbeReport) -> bool:
    """Whether the same pictures and sound in an MP4 would play where this file does not (MKV, TS, FLV, AVI …)."""
    if report.container is None or report.container in _OPENED:
        return False
    return report.video_codec in _VIDEO and (report.audio_codec is None or report.audio_codec in _AUDIO)
