"""Which saved files a browser cannot play in their container although it could in MP4."""

from __future__ import annotations

import pytest

from mediavault.core.media import ProbeReport
from mediavault.media.judgement import needs_remux


@pytest.mark.parametrize(
    ("container", "video", "audio", "needed"),
    [
        ("matroska", "h264", "aac", True),
        ("mpegts", "hevc", None, True),
        ("flv", "h264", "mp3", True),
        ("avi", "mpeg4", "mp3", False),
        ("matroska", "h264", "vorbis", False),
        ("matroska", "vp8", "opus", False),
        ("mp4", "h264", "aac", False),
        ("webm", "vp9", "opus", False),
        (None, None, None, False),
    ],
)
def test_a_remux_is_needed_where_only_the_container_prevents_playback(
    container: str | None, video: str | None, audio: str | None, needed: bool
) -> None:
    assert needs_remux(ProbeReport(container, video, audio, 4.0, 320, 180)) is needed
