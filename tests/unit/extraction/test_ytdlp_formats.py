from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mediavault.core.media import Candidate, FoundIn, SourceType, Watermark
from mediavault.core.platform import Platform
from mediavault.extraction.ytdlp_formats import candidates_of, has_sound_only, user_agent_of

SITE = Platform(name="tube", title="Tube")
HOST = "https://cdn.tube.example"


def video(name: str = "v.mp4", **facts: Any) -> dict[str, Any]:
    defaults = {
        "url": f"{HOST}/{name}",
        "protocol": "https",
        "ext": "mp4",
        "vcodec": "avc1.64001f",
        "acodec": "mp4a.40.2",
    }
    return {**defaults, **facts}


def sound(name: str, **facts: Any) -> dict[str, Any]:
    return video(name, ext="m4a", vcodec="none", acodec="mp4a.40.2", **facts)


def read(*formats: dict[str, Any], platform: Platform = SITE, **info: Any) -> tuple[Candidate, ...]:
    """Return the videos; :func:`sounds` returns what is sound alone."""
    found = candidates_of({"formats": list(formats), **info}, platform, FoundIn.API)
    return tuple(candidate for candidate in found if candidate.has_video is not False)


def sounds(*formats: dict[str, Any], **info: Any) -> list[str]:
    """Return the URLs of what is sound alone, without their host."""
    found = candidates_of({"formats": list(formats), **info}, SITE, FoundIn.API)
    return [c.url.removeprefix(f"{HOST}/") for c in found if c.has_video is False and c.has_audio]


def test_a_format_becomes_a_candidate_with_all_its_facts() -> None:
    (candidate,) = read(
        video(
            width=1280,
            height=720,
            fps=30,
            tbr=1500.5,
            filesize=9_000,
            http_headers={"Referer": "https://t/"},
        ),
        duration=12.5,
    )

    assert (candidate.url, candidate.source_type, candidate.container) == (
        f"{HOST}/v.mp4",
        SourceType.DIRECT,
        "mp4",
    )
    assert (
        candidate.video_codec,
        candidate.audio_codec,
        candidate.has_video,
        candidate.has_audio,
    ) == (
        "h264",
        "aac",
        True,
        True,
    )
    assert (candidate.width, candidate.height, candidate.fps, candidate.bitrate) == (
        1280,
        720,
        30,
        1_500_500,
    )
    assert (candidate.size, candidate.duration_s, candidate.headers) == (
        9_000,
        12.5,
        {"referer": "https://t/"},
    )


def test_the_best_format_which_ytdlp_lists_last_comes_first() -> None:
    assert [c.url for c in read(video("low.mp4"), video("high.mp4"))] == [
        f"{HOST}/high.mp4",
        f"{HOST}/low.mp4",
    ]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("avc1.640028", "h264"),
        ("h264", "h264"),
        ("hvc1.1.6.L120", "hevc"),
        ("hev1.2", "hevc"),
        ("bytevc1", "hevc"),
        ("bytevc2", "bytevc2"),
        ("av01.0.08M.08", "av1"),
        ("vp09.00.41.08", "vp9"),
        ("vp9", "vp9"),
        ("new1.0.1", "new1"),
    ],
)
def test_codecs_have_our_names(name: str, codec: str) -> None:
    assert read(video(vcodec=name))[0].video_codec == codec


def test_a_fact_that_is_not_stated_is_unknown_and_not_absent() -> None:
    (candidate,) = read({"url": f"{HOST}/v.mp4", "protocol": "https", "ext": "mp4"})

    assert (candidate.has_video, candidate.has_audio, candidate.width, candidate.size) == (
        None,
        None,
        None,
        None,
    )


def test_neither_credentials_nor_broken_header_values_are_taken_over() -> None:
    headers = {
        "Cookie": "a=b",
        "Authorization": "x",
        "Origin": "https://t",
        "Referer": "https://t/\r\nX: y",
    }

    assert read(video(http_headers=headers))[0].headers == {"origin": "https://t"}


@pytest.mark.parametrize(
    "unfit",
    [
        video(protocol="rtmp"),
        video(protocol="mhtml", ext="mhtml", vcodec="none", acodec="none"),
        video(protocol="http_dash_segments_generator"),
        video(protocol="http_dash_segments"),  # without its manifest
        video(protocol=None),
        video(protocol=["https"]),
        video(url="file:///etc/passwd"),
        video(url="https://user:pass@cdn.tube.example/v.mp4"),
        video(url=None),
        video("ads/preroll.mp4"),
        sound("a.m4a"),
        "rubbish",
    ],
)
def test_formats_that_cannot_be_fetched_or_are_not_videos_are_left_out(unfit: Any) -> None:
    assert [c.url for c in read(unfit, video("good.mp4"))] == [f"{HOST}/good.mp4"]


def test_a_page_that_was_guessed_to_be_its_own_video_is_left_out() -> None:
    guess = {"url": f"{HOST}/post", "protocol": "https", "ext": "unknown_video"}

    assert read(guess, webpage_url=f"{HOST}/post") == ()
    assert len(read(guess, webpage_url=f"{HOST}/page")) == 1


# --- separate sound files -------------------------------------------------------------------------


def test_a_silent_file_is_given_the_best_sound_of_its_kind() -> None:
    (candidate,) = read(
        sound("low.m4a", abr=48),
        sound("best.m4a", abr=128),
        video("sound.webm", ext="webm", vcodec="none", acodec="opus", abr=160),
        video(acodec="none"),
    )

    assert (candidate.has_audio, candidate.audio_url, candidate.audio_codec) == (
        False,
        f"{HOST}/best.m4a",
        "aac",
    )


def test_the_videos_own_language_and_dynamics_go_before_bit_rate() -> None:
    (candidate,) = read(
        sound("dubbed.m4a", abr=256, language_preference=-1),
        sound("drc.m4a", abr=200, language_preference=10, format_id="140-drc"),
        sound("own.m4a", abr=96, language_preference=10),
        video(acodec="none"),
    )

    assert candidate.audio_url == f"{HOST}/own.m4a"


def test_a_file_with_its_own_sound_gets_no_separate_sound_file() -> None:
    assert read(sound("a.m4a"), video())[0].audio_url is None


def test_a_pair_expires_with_the_earlier_of_its_two_files() -> None:
    (candidate,) = read(
        sound("a.m4a?expire=1800000000"), video("v.mp4?expire=1900000000", acodec="none")
    )

    assert candidate.expires_at == datetime.fromtimestamp(1_800_000_000, UTC)


def test_the_sound_alone_follows_the_videos_the_best_of_each_container() -> None:
    opus = {"ext": "webm", "vcodec": "none", "acodec": "opus"}
    formats = [
        sound("low.m4a", abr=48),
        sound("best.m4a", abr=128),
        video("s.webm", abr=160, **opus),
        video(),
    ]

    assert sounds(*formats) == ["s.webm", "best.m4a"]
    assert sounds(*formats, video("drc.webm", abr=170, format_id="251-drc", **opus)) == [
        "s.webm",
        "best.m4a",
    ]
    assert candidates_of({"formats": formats}, SITE, FoundIn.API)[0].url == f"{HOST}/v.mp4"


def test_a_hundred_formats_leave_room_for_the_sound() -> None:
    formats = [sound("a.m4a", abr=128), *(video(f"{number}.mp4") for number in range(100))]

    assert sounds(*formats) == ["a.m4a"]


# --- playlists ------------------------------------------------------------------------------------


def level(name: str, height: int, *, manifest: str = "master.m3u8", **facts: Any) -> dict[str, Any]:
    return video(
        name,
        protocol="m3u8_native",
        manifest_url=f"{HOST}/{manifest}",
        width=height * 16 // 9,
        height=height,
        **facts,
    )


def test_the_levels_of_a_playlist_are_one_candidate_with_the_best_ones_size() -> None:
    (candidate,) = read(
        level("1.m3u8", 360, tbr=800),
        level("2.m3u8", 1080, tbr=4000),
        level("3.m3u8", 720, tbr=9000),
    )

    assert (candidate.url, candidate.source_type, candidate.height) == (
        f"{HOST}/master.m3u8",
        SourceType.HLS,
        1080,
    )
    assert (candidate.bitrate, candidate.has_audio, candidate.container) == (4_000_000, True, None)


def test_a_playlists_separate_sound_counts_for_it() -> None:
    silent = level("v.m3u8", 720, acodec="none")
    voice = {**level("a.m3u8", 0), "vcodec": "none", "acodec": None}

    assert (read(voice, silent)[0].has_audio, read(silent)[0].has_audio) == (True, None)


def test_each_playlist_is_a_separate_candidate() -> None:
    candidates = read(
        level("1.m3u8", 360, manifest="a.m3u8"), level("2.m3u8", 720, manifest="b.m3u8")
    )

    assert [c.url for c in candidates] == [f"{HOST}/b.m3u8", f"{HOST}/a.m3u8"]


def test_a_playlist_of_sound_alone_is_no_video() -> None:
    alone = {**level("a.m3u8", 0), "vcodec": "none"}

    assert read(alone) == ()
    assert sounds(alone) == ["a.m3u8"]


def test_a_dash_format_is_fetched_by_its_manifest() -> None:
    (candidate,) = read(
        video("1.m4s", protocol="http_dash_segments", manifest_url=f"{HOST}/all.mpd")
    )

    assert (candidate.url, candidate.source_type) == (f"{HOST}/all.mpd", SourceType.DASH)


# --- judgements -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("note", "mark"),
    [
        ("Download video, watermarked", Watermark.YES),
        ("Direct video, no watermark", Watermark.UNKNOWN),
        ("unwatermarked", Watermark.UNKNOWN),
        (None, Watermark.UNKNOWN),
    ],
)
def test_a_watermark_is_read_from_the_note(note: str | None, mark: Watermark) -> None:
    assert read(video(format_note=note))[0].watermark is mark


def test_the_uploaders_own_file_is_marked() -> None:
    bluesky = Platform(name="bluesky", title="Bluesky")

    assert read(video(format_id="Original"))[0].original
    assert read(video(format_id="blob"), platform=bluesky)[0].original
    assert not read(video(format_id="blob"))[0].original


def test_protection_is_taken_over_and_a_suspicion_of_it_noted() -> None:
    (sure,) = read(video(has_drm=True))
    (perhaps,) = read(video(has_drm="maybe"))

    assert (sure.drm, perhaps.drm, perhaps.note) == (True, False, "perhaps copy-protected")


def test_sound_alone_is_distinguished_from_nothing() -> None:
    assert has_sound_only({"formats": [sound("a.m4a")]})
    assert not has_sound_only({"formats": [sound("a.m4a"), video()]})
    assert not has_sound_only({"formats": []})


def test_the_user_agent_of_the_extraction_is_used_for_the_download() -> None:
    assert (
        user_agent_of({"formats": [video(), video(http_headers={"User-Agent": "Browser/1"})]})
        == "Browser/1"
    )
    assert user_agent_of({}) is None


def test_thousands_of_formats_give_a_bounded_number_of_candidates() -> None:
    assert len(read(*(video(f"{number}.mp4") for number in range(3_000)))) == 60
