"""Which addresses are parts of which stream."""

from __future__ import annotations

from mediavault.browser.port import SeenResponse
from mediavault.extraction.candidates import read_streams
from tests.unit.extraction.samples import CDN, response

HLS, DASH = "application/vnd.apple.mpegurl", "application/dash+xml"
MASTER = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=1280x720\nv/index.m3u8?t=1\n"
PLAYLIST = (
    b'#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:4.0,\nseg1.m4s\n#EXTINF:2.5,\nseg2.m4s\n'
    b"#EXT-X-ENDLIST\n"
)
MPD = b"""<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT4S"><Period>
<AdaptationSet mimeType="video/mp4"><SegmentTemplate media="$RepresentationID$-$Number$.m4s"
duration="2"
 initialization="$RepresentationID$-init.mp4"/><Representation id="hi" bandwidth="2" width="1280"
 height="720"/>
<Representation id="lo" bandwidth="1" width="640" height="360"/></AdaptationSet>
<AdaptationSet mimeType="audio/mp4"><Representation id="a"
bandwidth="1"><BaseURL>sound.mp4</BaseURL>
<SegmentBase indexRange="10-99"><Initialization range="0-9"/></SegmentBase></Representation></AdaptationSet></Period></MPD>"""  # noqa: E501


def master_and_playlist(body: bytes = PLAYLIST) -> list[SeenResponse]:
    return [
        response(f"{CDN}master.m3u8", mime=HLS, body=MASTER),
        response(f"{CDN}v/index.m3u8?t=1", mime=HLS, body=body),
    ]


def test_a_segment_leads_through_its_playlist_to_the_master() -> None:
    streams = read_streams(master_and_playlist())

    assert {streams.root_of(f"{CDN}v/{name}") for name in ("seg1.m4s", "seg2.m4s", "init.mp4")} == {
        f"{CDN}master.m3u8"
    }
    assert streams.root_of(f"{CDN}master.m3u8") == f"{CDN}master.m3u8"
    assert streams.root_of(f"{CDN}other.mp4") is None
    assert not streams.is_part(f"{CDN}master.m3u8")


def test_a_player_may_add_to_a_segments_query() -> None:
    assert (
        read_streams(master_and_playlist()).root_of(f"{CDN}v/seg1.m4s?CMCD=br%3D1")
        == f"{CDN}master.m3u8"
    )


def test_a_path_that_two_streams_share_identifies_neither() -> None:
    first, second = (
        response(
            f"{CDN}{name}.m3u8",
            mime=HLS,
            body=f"#EXTM3U\n#EXTINF:1,\nseg.ts?of={name}\n#EXT-X-ENDLIST\n".encode(),
        )
        for name in ("one", "two")
    )
    streams = read_streams([first, second])

    assert streams.root_of(f"{CDN}seg.ts?of=two") == f"{CDN}two.m3u8"
    assert streams.root_of(f"{CDN}seg.ts?of=three") is None


def test_another_file_at_the_same_path_is_not_a_part() -> None:
    """Some sites serve every file from one script: ``/get?file=…``."""
    body = b"#EXTM3U\n#EXTINF:1,\nget?file=1.ts\n#EXT-X-ENDLIST\n"
    streams = read_streams([response(f"{CDN}get?file=list", mime=HLS, body=body)])

    assert streams.is_part(f"{CDN}get?file=1.ts&x=1")
    assert not streams.is_part(f"{CDN}get?file=post.mp4")
    assert not streams.is_part(f"{CDN}get?file=list")


def test_a_master_gets_its_length_from_its_playlist() -> None:
    manifest = read_streams(master_and_playlist()).manifests[f"{CDN}master.m3u8"]

    assert (manifest.duration_s, manifest.live, manifest.drm) == (6.5, False, False)


def test_a_master_is_live_or_protected_when_its_playlist_is() -> None:
    live = read_streams(master_and_playlist(PLAYLIST.replace(b"#EXT-X-ENDLIST\n", b"")))
    key = b'#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x"\n#EXTINF'
    protected = read_streams(master_and_playlist(PLAYLIST.replace(b"#EXTINF", key, 1)))

    assert live.manifests[f"{CDN}master.m3u8"].live
    assert protected.manifests[f"{CDN}master.m3u8"].drm


def test_segments_initialisations_and_whole_files_of_a_dash_manifest_are_its_parts() -> None:
    streams = read_streams([response(f"{CDN}d/film.mpd", mime=DASH, body=MPD)])
    parts = ["hi-1.m4s", "lo-2.m4s", "lo-init.mp4", "sound.mp4"]

    assert {streams.root_of(f"{CDN}d/{part}") for part in parts} == {f"{CDN}d/film.mpd"}


def test_playlists_that_name_each_other_do_not_loop() -> None:
    circle = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n"
    streams = read_streams(
        [
            response(f"{CDN}a.m3u8", mime=HLS, body=circle + b"b.m3u8\n"),
            response(f"{CDN}b.m3u8", mime=HLS, body=circle + b"a.m3u8\n"),
        ]
    )

    assert streams.root_of(f"{CDN}a.m3u8") in {f"{CDN}a.m3u8", f"{CDN}b.m3u8"}


def test_a_broken_manifest_is_ignored() -> None:
    assert read_streams([response(f"{CDN}a.mpd", mime=DASH, body=b"<MPD><Period>")]).manifests == {}
