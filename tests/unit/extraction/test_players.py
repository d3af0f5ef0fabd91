"""What each player of a page plays."""

from __future__ import annotations

from dataclasses import replace

from mediavault.browser.port import PageFeed, SeenManifest, SeenResponse, SeenVideo
from mediavault.core.media import SourceType
from mediavault.extraction.candidates import Sighting, leftovers, network_media
from mediavault.extraction.page_manifests import page_manifests
from mediavault.extraction.players import player_sightings
from mediavault.platforms.generic import GENERIC
from tests.unit.extraction.samples import CDN, PAGE, capture, player, response

HLS = "application/vnd.apple.mpegurl"
VIDEO, AUDIO, BOTH = 'video/mp4; codecs="avc1.4d401f"', 'audio/mp4; codecs="mp4a.40.2"', "video/mp4"


def playlist(name: str, *, length_s: float = 4.0, **facts: str) -> SeenResponse:
    body = f"#EXTM3U\n#EXTINF:{length_s},\n{name}-1.ts\n#EXT-X-ENDLIST\n".encode()
    return response(f"{CDN}{name}.m3u8", mime=HLS, body=body, **facts)


def scripted(*feeds: PageFeed, **facts: object) -> SeenVideo:
    number = facts.pop("number", 1)
    return player(f"blob:https://site.test/{number}", feeds=feeds, **facts)


def fed(*urls: str, mime: str = BOTH, files: tuple[str, ...] = ()) -> PageFeed:
    return PageFeed(mime, urls, files)


def sighted(*videos: SeenVideo, seen: list[SeenResponse]) -> list[Sighting]:
    return player_sightings(capture(*videos), network_media(seen, GENERIC), GENERIC)


def urls(sighting: Sighting) -> list[str]:
    return [c.url.removeprefix(CDN) for c in sighting.candidates]


def test_two_scripted_players_are_distinguished_by_what_feeds_them() -> None:
    post, spot = scripted(fed(f"{CDN}post-1.ts")), scripted(fed(f"{CDN}spot-1.ts"), number=2)

    assert [urls(s) for s in sighted(post, spot, seen=[playlist("spot"), playlist("post")])] == [
        ["post.m3u8"],
        ["spot.m3u8"],
    ]


def test_a_stream_that_the_frame_loads_for_later_does_not_feed_the_player() -> None:
    seen = [playlist("next"), playlist("post")]
    (sighting,) = sighted(scripted(fed(f"{CDN}post-1.ts")), seen=seen)

    assert urls(sighting) == ["post.m3u8"]
    assert [urls(s) for s in leftovers(network_media(seen, GENERIC), [sighting])] == [["next.m3u8"]]


def test_where_a_rival_is_known_the_other_player_has_what_is_left() -> None:
    known, unknown = scripted(fed(f"{CDN}spot-1.ts")), scripted(number=2)

    assert [
        urls(s) for s in sighted(known, unknown, seen=[playlist("spot"), playlist("post")])
    ] == [
        ["spot.m3u8"],
        ["post.m3u8"],
    ]


def test_players_of_which_nothing_else_is_known_are_distinguished_by_length() -> None:
    long, short = scripted(duration_s=60.0), scripted(number=2, duration_s=4.0)
    seen = [playlist("spot"), playlist("post", length_s=60.2)]

    assert [urls(s) for s in sighted(long, short, seen=seen)] == [["post.m3u8"], ["spot.m3u8"]]


def test_players_of_one_length_are_not_guessed_at() -> None:
    first, second = scripted(duration_s=4.0), scripted(number=2, duration_s=4.0)

    assert [
        urls(s)
        for s in sighted(first, second, seen=[playlist("spot"), playlist("post", length_s=60.0)])
    ] == [
        [],
        [],
    ]


def test_an_advert_that_is_fed_keeps_its_stream_to_itself() -> None:
    advert = scripted(fed(f"{CDN}spot-1.ts"), advert=True)
    post = scripted(number=2)

    assert [urls(s) for s in sighted(advert, post, seen=[playlist("spot"), playlist("post")])] == [
        ["spot.m3u8"],
        ["post.m3u8"],
    ]


def tracks(*sounds: str) -> list[SeenResponse]:
    ranges = [
        response(f"{CDN}{name}", status=206, resource_type="fetch", size=99_000)
        for name in ("pic.mp4", *sounds)
    ]
    return [replace(seen, size=99_000) for seen in ranges]


def test_a_silent_file_is_paired_with_the_one_file_of_sound() -> None:
    picture = fed(f"{CDN}pic.mp4", mime=VIDEO, files=(f"{CDN}pic.mp4",))
    sound = fed(f"{CDN}snd.mp4", mime=AUDIO, files=(f"{CDN}snd.mp4",))
    seen = tracks("snd.mp4")
    (sighting,) = sighted(scripted(picture, sound), seen=seen)
    (candidate,) = sighting.candidates

    assert (candidate.url, candidate.audio_url, candidate.has_audio) == (
        f"{CDN}pic.mp4",
        f"{CDN}snd.mp4",
        False,
    )
    assert (candidate.source_type, candidate.size, candidate.note) == (
        SourceType.DIRECT,
        99_000,
        "",
    )
    assert leftovers(network_media(seen, GENERIC), [sighting]) == []


def test_neither_of_two_sound_files_is_guessed() -> None:
    picture = fed(f"{CDN}pic.mp4", mime=VIDEO, files=(f"{CDN}pic.mp4",))
    names = (f"{CDN}en.mp4", f"{CDN}fr.mp4")
    (sighting,) = sighted(
        scripted(picture, fed(*names, mime=AUDIO, files=names)), seen=tracks("en.mp4", "fr.mp4")
    )
    (candidate,) = sighting.candidates

    assert (candidate.audio_url, candidate.has_audio) == (None, False)
    assert "sound" in candidate.note


def test_a_file_with_both_tracks_needs_no_other() -> None:
    both = fed(
        f"{CDN}pic.mp4", mime='video/mp4; codecs="avc1.4d401f, mp4a.40.2"', files=(f"{CDN}pic.mp4",)
    )
    (sighting,) = sighted(scripted(both), seen=tracks())
    (candidate,) = sighting.candidates

    assert (candidate.audio_url, candidate.has_audio, candidate.note) == (None, None, "")


def test_a_file_with_a_vague_name_and_type_is_taken_when_it_feeds_the_player() -> None:
    address = f"{CDN}get?id=7"
    seen = [
        response(
            address, mime="application/octet-stream", status=206, resource_type="xhr", size=99_000
        )
    ]
    (sighting,) = sighted(scripted(fed(address, files=(address,))), seen=seen)

    assert [(c.url, c.source_type, c.size) for c in sighting.candidates] == [
        (address, SourceType.DIRECT, 99_000)
    ]


def test_pieces_of_a_stream_with_an_unknown_playlist_are_not_videos() -> None:
    names = tuple(f"{CDN}p/{n}.mp4" for n in range(4))
    seen = [response(name, resource_type="fetch") for name in names]
    (sighting,) = sighted(scripted(fed(*names[:3], files=names[:3])), seen=seen)

    assert sighting.candidates == ()
    assert leftovers(network_media(seen, GENERIC), [sighting]) == []


def test_an_initialisation_section_is_never_a_video() -> None:
    seen = [response(f"{CDN}a.mp4", resource_type="fetch", size=900), playlist("post")]

    assert list(network_media(seen, GENERIC).candidates) == [f"{CDN}post.m3u8"]


def test_a_player_of_a_manifest_that_the_page_made_plays_that() -> None:
    text = f"#EXTM3U\n#EXTINF:4.0,\n{CDN}own-1.ts\n#EXT-X-ENDLIST\n"
    made, names = page_manifests([SeenManifest("blob:https://site.test/1", text, PAGE)], [], PAGE)
    network = network_media([*made, playlist("other")], GENERIC, names=names)
    by_address, by_segment = (
        player_sightings(capture(video), network, GENERIC)[0].candidates
        for video in (scripted(), scripted(fed(f"{CDN}own-1.ts"), number=2))
    )

    assert [c.url for c in by_address] == [c.url for c in by_segment] == [made[0].url]
    assert (by_address[0].source_type, by_address[0].duration_s) == (SourceType.HLS, 4.0)


def test_protection_that_one_player_met_is_not_the_others() -> None:
    protected, free = (
        scripted(fed(f"{CDN}a-1.ts"), protected=True),
        scripted(fed(f"{CDN}b-1.ts"), number=2),
    )
    sightings = sighted(protected, free, seen=[playlist("a"), playlist("b")])

    assert [[c.drm for c in s.candidates] for s in sightings] == [[True], [False]]
