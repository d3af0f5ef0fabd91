"""Candidates from responses and players."""

from __future__ import annotations

from dataclasses import replace

from mediavault.browser.port import SeenResponse, SeenVideo
from mediavault.core.media import FoundIn, SourceType
from mediavault.extraction.candidates import (
    NetworkMedia,
    Sighting,
    leftovers,
    network_media,
)
from mediavault.extraction.players import player_sightings
from mediavault.platforms.generic import GENERIC
from mediavault.platforms.x import X
from tests.unit.extraction.samples import CDN, PAGE, capture, player, response

MASTER = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=1280x720\nv/index.m3u8\n"
PLAYLIST = b"#EXTM3U\n#EXTINF:4.0,\nseg1.mp4\n#EXT-X-ENDLIST\n"
HLS = "application/vnd.apple.mpegurl"


def network(*responses: SeenResponse) -> NetworkMedia:
    return network_media(responses, GENERIC)


def sighted(*videos: SeenVideo, seen: NetworkMedia | None = None) -> list[Sighting]:
    return player_sightings(capture(*videos), seen or network(), GENERIC)


def test_a_masters_playlists_and_their_segments_are_not_separate_videos() -> None:
    media = network(
        response(f"{CDN}master.m3u8", mime=HLS, body=MASTER),
        response(f"{CDN}v/index.m3u8", mime=HLS, body=PLAYLIST),
        response(f"{CDN}v/seg1.mp4", resource_type="fetch"),
    )

    assert [(c.url, c.source_type, c.width) for c in media.candidates.values()] == [
        (f"{CDN}master.m3u8", SourceType.HLS, 1280)
    ]


def test_adverts_previews_errors_and_pictures_are_passed_over() -> None:
    media = network(
        response("https://ad.doubleclick.net/spot.mp4"),
        response(f"{CDN}thumbs/hover.mp4"),
        response(f"{CDN}a.mp4", status=403),
        response(f"{CDN}a.jpg", mime="image/jpeg"),
        response(f"{CDN}sound.mp3", mime="audio/mpeg"),
    )

    assert media.candidates == {}


def test_byte_ranges_of_the_same_file_are_one_video() -> None:
    media = network(
        response(f"{CDN}a.mp4?bytestart=0&byteend=9"),
        response(f"{CDN}a.mp4?bytestart=10&byteend=19"),
    )

    assert list(media.candidates) == [f"{CDN}a.mp4"]


def test_a_known_platforms_media_lie_on_its_media_hosts() -> None:
    media = network_media(
        [response(f"{CDN}a.mp4"), response("https://video.twimg.com/amplify_video/1/vid/a.mp4")], X
    )

    assert [c.url for c in media.candidates.values()] == [
        "https://video.twimg.com/amplify_video/1/vid/a.mp4"
    ]


def test_what_a_player_plays_knows_what_the_network_saw_of_it() -> None:
    seen = network(response(f"{CDN}post.mp4", size=12_345))
    (sighting,) = sighted(player(has_audio=True), seen=seen)
    (candidate,) = sighting.candidates

    assert (candidate.size, candidate.width, candidate.has_audio, candidate.duration_s) == (
        12_345,
        1280,
        True,
        3.0,
    )
    assert candidate.headers == {"referer": PAGE}
    assert leftovers(seen, [sighting]) == []


def test_a_redirected_file_is_the_players_own_address() -> None:
    moved = response(f"{CDN}go?id=1", status=302, mime="", headers={"location": "/real.mp4"})
    seen = network(moved, response(f"{CDN}real.mp4", size=7))
    (sighting,) = sighted(player(f"{CDN}go?id=1"), seen=seen)

    assert [(c.url, c.source_type, c.size) for c in sighting.candidates] == [
        (f"{CDN}go?id=1", SourceType.DIRECT, 7)
    ]
    assert leftovers(seen, [sighting]) == []


def test_a_players_sources_are_levels_of_one_video() -> None:
    (sighting,) = sighted(player(sources=(f"{CDN}post.mp4", f"{CDN}post.webm", f"{CDN}list.m3u8")))

    assert [c.source_type for c in sighting.candidates] == [
        SourceType.DIRECT,
        SourceType.DIRECT,
        SourceType.HLS,
    ]


def test_a_player_is_believed_about_a_vague_name_but_not_about_a_picture() -> None:
    (unknown,) = sighted(player(f"{CDN}play?id=7"))
    (picture,) = sighted(player(f"{CDN}a.jpg"))

    assert [(c.source_type, c.found_in) for c in unknown.candidates] == [
        (SourceType.UNKNOWN, FoundIn.DOM)
    ]
    assert picture.candidates == ()


def test_a_scripted_player_plays_the_stream_that_its_frame_loaded() -> None:
    seen = network(
        response(f"{CDN}master.m3u8", mime=HLS, body=MASTER),
        response(f"{CDN}other.m3u8", mime=HLS, body=PLAYLIST, frame_url="https://elsewhere.test/"),
    )
    (sighting,) = sighted(player("blob:https://site.test/1"), seen=seen)

    assert [c.url for c in sighting.candidates] == [f"{CDN}master.m3u8"]


def test_with_two_scripted_players_in_a_frame_it_is_unknown_which_loaded_what() -> None:
    seen = network(response(f"{CDN}master.m3u8", mime=HLS, body=MASTER))
    blob = player("blob:https://site.test/1")

    assert all(
        s.candidates == ()
        for s in sighted(blob, replace(blob, current_src="blob:https://site.test/2"), seen=seen)
    )


def test_a_file_that_a_plain_player_plays_does_not_feed_the_scripted_one() -> None:
    seen = network(response(f"{CDN}post.mp4"))
    plain, scripted = sighted(player(), player("blob:https://site.test/1"), seen=seen)

    assert len(plain.candidates) == 1
    assert scripted.candidates == ()


def test_protection_is_carried_over_from_the_manifest() -> None:
    body = PLAYLIST.replace(b"#EXTINF", b'#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x"\n#EXTINF', 1)
    media = network(response(f"{CDN}p.m3u8", mime=HLS, body=body))

    assert [c.drm for c in media.candidates.values()] == [True]


def test_the_players_secrets_are_not_part_of_a_candidate() -> None:
    media = network(
        response(
            f"{CDN}a.mp4", request_headers={"referer": PAGE, "cookie": "s", "range": "bytes=0-"}
        )
    )

    assert [dict(c.headers) for c in media.candidates.values()] == [{"referer": PAGE}]
