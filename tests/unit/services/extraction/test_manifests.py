"""A look at playlists and manifests."""

from __future__ import annotations

import pytest

from mediavault.services.extraction.manifests import Manifest, read_manifest

URL = "https://cdn.test/a/master.m3u8?token=1"
MASTER = """#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",URI="audio/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=640x360,CODECS="avc1.4d401e,mp4a.40.2"
low/index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=5000000,RESOLUTION=1920x1080,CODECS="avc1.640028,mp4a.40.2",FRAME-RATE=50.000
/high/index.m3u8
"""
PLAYLIST = '#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:4.0,\nseg-1.m4s\n#EXTINF:2.5,\nseg-2.m4s\n#EXT-X-ENDLIST\n'
MPD = """<?xml version="1.0"?>
<MPD type="static" mediaPresentationDuration="PT1M2.5S"><Period><AdaptationSet>
<Representation id="1" width="640" height="360" bandwidth="700000" codecs="avc1.4d401e"/>
<Representation id="2" width="1280" height="720" bandwidth="2100000" codecs="avc1.64001f"/>
</AdaptationSet></Period></MPD>"""


def read(text: str) -> Manifest:
    found = read_manifest(text.encode(), URL)
    assert found is not None
    return found


def test_a_master_tells_its_best_variant_and_lists_its_playlists() -> None:
    found = read(MASTER)

    assert (found.is_master, found.width, found.height, found.bitrate, found.fps) == (True, 1920, 1080, 5_000_000, 50.0)
    assert found.children == (
        "https://cdn.test/a/audio/index.m3u8",
        "https://cdn.test/a/low/index.m3u8",
        "https://cdn.test/high/index.m3u8",
    )


def test_a_playlist_lists_its_segments_with_their_init_and_its_length() -> None:
    found = read(PLAYLIST)

    assert (found.is_master, found.duration_s, found.live) == (False, 6.5, False)
    assert found.children == (
        "https://cdn.test/a/init.mp4",
        "https://cdn.test/a/seg-1.m4s",
        "https://cdn.test/a/seg-2.m4s",
    )


def test_a_playlist_without_an_end_is_live_and_tells_no_length() -> None:
    found = read(PLAYLIST.replace("#EXT-X-ENDLIST\n", ""))

    assert found.live
    assert found.duration_s is None


def test_a_dash_manifest_tells_its_best_rung_and_its_length() -> None:
    found = read(MPD)

    assert (found.width, found.height, found.bitrate, found.duration_s, found.live) == (
        1280,
        720,
        2_100_000,
        62.5,
        False,
    )


@pytest.mark.parametrize(
    ("text", "protected"),
    [
        (PLAYLIST, False),
        (PLAYLIST.replace("#EXT-X-MAP", '#EXT-X-KEY:METHOD=AES-128,URI="key"\n#EXT-X-MAP'), False),
        (PLAYLIST.replace("#EXT-X-MAP", '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x"\n#EXT-X-MAP'), True),
        (MPD.replace("<Representation", "<ContentProtection/><Representation"), True),
        (MPD, False),
    ],
)
def test_protection_is_seen_and_a_plain_key_is_none(text: str, protected: bool) -> None:
    assert read(text).drm is protected


def test_a_playlist_of_sound_alone_is_no_video() -> None:
    assert read("#EXTM3U\n#EXTINF:4.0,\n1.aac\n#EXTINF:4.0,\n2.aac\n#EXT-X-ENDLIST\n").audio_only


@pytest.mark.parametrize("text", ["", "<html>", "{}", "#EXT", "<?xml version='1.0'?><rss/>"])
def test_anything_else_is_no_manifest(text: str) -> None:
    assert read_manifest(text.encode(), URL) is None
