"""Reading playlists and manifests."""

from __future__ import annotations

import pytest

from mediavault.extraction.manifests import Manifest, read_manifest

URL = "https://cdn.site.test/a/master.m3u8?token=1"
MASTER = """#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",URI="audio/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=640x360,CODECS="avc1.4d401e,mp4a.40.2"
low/index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=5000000,RESOLUTION=1920x1080,CODECS="avc1.640028,mp4a.40.2",FRAME-RATE=50.000
/high/index.m3u8
"""
PLAYLIST = (
    '#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:4.0,\nseg-1.m4s\n#EXTINF:2.5,\nseg-2.m4s\n'
    "#EXT-X-ENDLIST\n"
)
MPD = """<?xml version="1.0"?>
<MPD type="static" mediaPresentationDuration="PT1M2.5S"><Period><AdaptationSet>
<Representation id="1" width="640" height="360" bandwidth="700000" codecs="avc1.4d401e"/>
<Representation id="2" width="1280" height="720" bandwidth="2100000" codecs="avc1.64001f"/>
</AdaptationSet></Period></MPD>"""


def read(text: str) -> Manifest:
    manifest = read_manifest(text.encode(), URL)
    assert manifest is not None
    return manifest


def test_a_master_gives_its_best_variant_and_lists_its_playlists() -> None:
    manifest = read(MASTER)

    assert (
        manifest.is_master,
        manifest.width,
        manifest.height,
        manifest.bitrate,
        manifest.fps,
    ) == (
        True,
        1920,
        1080,
        5_000_000,
        50.0,
    )
    assert manifest.children == (
        "https://cdn.site.test/a/audio/index.m3u8",
        "https://cdn.site.test/a/low/index.m3u8",
        "https://cdn.site.test/high/index.m3u8",
    )


def test_a_playlist_lists_its_segments_with_their_init_and_its_length() -> None:
    manifest = read(PLAYLIST)

    assert (manifest.is_master, manifest.duration_s, manifest.live) == (False, 6.5, False)
    assert manifest.children == (
        "https://cdn.site.test/a/init.mp4",
        "https://cdn.site.test/a/seg-1.m4s",
        "https://cdn.site.test/a/seg-2.m4s",
    )


def test_a_playlist_without_an_end_is_live_and_has_no_length() -> None:
    manifest = read(PLAYLIST.replace("#EXT-X-ENDLIST\n", ""))

    assert manifest.live
    assert manifest.duration_s is None


def test_a_dash_manifest_gives_its_best_level_and_its_length() -> None:
    manifest = read(MPD)

    assert (
        manifest.width,
        manifest.height,
        manifest.bitrate,
        manifest.duration_s,
        manifest.live,
    ) == (
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
        (
            PLAYLIST.replace(
                "#EXT-X-MAP", '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x"\n#EXT-X-MAP'
            ),
            True,
        ),
        (MPD.replace("<Representation", "<ContentProtection/><Representation"), True),
        (MPD, False),
    ],
)
def test_protection_is_detected_and_a_plain_key_is_not_protection(
    text: str, protected: bool
) -> None:
    assert read(text).drm is protected


def test_a_playlist_of_sound_alone_is_not_a_video() -> None:
    assert read("#EXTM3U\n#EXTINF:4.0,\n1.aac\n#EXTINF:4.0,\n2.aac\n#EXT-X-ENDLIST\n").audio_only


@pytest.mark.parametrize("text", ["", "<html>", "{}", "#EXT", "<?xml version='1.0'?><rss/>"])
def test_anything_else_is_not_a_manifest(text: str) -> None:
    assert read_manifest(text.encode(), URL) is None


@pytest.mark.parametrize(
    "text", ["<MPD><Period>", '<!DOCTYPE MPD [<!ENTITY a "b">]><MPD>&a;</MPD>']
)
def test_a_truncated_or_hostile_manifest_is_ignored(text: str) -> None:
    assert read_manifest(text.encode(), URL) is None


def test_a_playlist_that_can_never_change_is_not_live_without_its_end() -> None:
    text = PLAYLIST.replace("#EXT-X-ENDLIST\n", "").replace(
        "#EXTM3U", "#EXTM3U\n#EXT-X-PLAYLIST-TYPE:VOD"
    )

    assert (read(text).live, read(text).duration_s) == (False, 6.5)


@pytest.mark.parametrize("start", ["\ufeff#EXTM3U\r\n", "# a note\n#EXTM3U\n", ""])
def test_a_playlist_is_recognised_however_it_begins(start: str) -> None:
    assert read(PLAYLIST.replace("#EXTM3U\n", start)).segments == 2


def test_odd_addresses_are_not_children() -> None:
    text = PLAYLIST.replace("seg-1.m4s", "file:///etc/passwd").replace("init.mp4", "data:,x")

    assert read(text).children == ("https://cdn.site.test/a/seg-2.m4s",)


def test_a_dash_manifest_is_counted_by_its_best_quality() -> None:
    template = '<SegmentTemplate media="$Number$" initialization="i" duration="10"/>'
    text = MPD.replace("<Representation", f"{template}<Representation", 1)
    manifest = read(text)

    assert (
        manifest.type,
        manifest.variants,
        manifest.segments,
        manifest.maps,
        manifest.is_master,
    ) == (
        "dash",
        2,
        7,
        1,
        True,
    )


def test_the_files_of_a_dash_manifests_tracks_are_its_own() -> None:
    """Otherwise the file that its player loads first, pictures without sound,
    would look like a video of the page.
    """
    text = MPD.replace(
        'codecs="avc1.4d401e"/>', 'codecs="avc1.4d401e"><BaseURL>360.mp4</BaseURL></Representation>'
    )
    template = (
        '<SegmentTemplate media="$RepresentationID$-$Number$" initialization="i" duration="40"/>'
    )

    assert read(text).children[0] == "https://cdn.site.test/a/360.mp4"
    assert [child.rpartition("/")[2] for child in read(MPD.replace("<AdaptationSet>",
                                                                   f"<AdaptationSet>{template}")).children] == [  # noqa: E501
        "i", "1-1", "1-2", "2-1", "2-2",
    ]  # fmt: skip


@pytest.mark.parametrize("url", ["data:application/dash+xml;base64,AAAA", ""])
def test_a_manifest_without_its_own_address_is_read(url: str) -> None:
    text = MPD.replace(
        'codecs="avc1.4d401e"/>',
        'codecs="avc1.4d401e"><BaseURL>https://v.test/1.mp4</BaseURL></Representation>',
    )
    manifest = read_manifest(text.encode(), url)

    assert manifest is not None
    assert (manifest.height, manifest.children[0]) == (720, "https://v.test/1.mp4")
