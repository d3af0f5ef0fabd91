"""Reading playlists: what they say, and what is refused at once."""

from __future__ import annotations

import pytest

from mediavault.core.errors import Drm, Failure, Incomplete, LiveNow, NotAVideo
from mediavault.services.download.playlist import (
    MAX_SEGMENTS,
    Init,
    Key,
    Master,
    MediaPlaylist,
    Span,
    read_playlist,
)

BASE = "https://cdn.example/a/b/index.m3u8?token=1"


def media_playlist(*lines: str, end: bool = True) -> MediaPlaylist:
    text = "\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:10", *lines, *(["#EXT-X-ENDLIST"] if end else [])])
    read = read_playlist(text, BASE)
    assert isinstance(read, MediaPlaylist)
    return read


def master(*lines: str) -> Master:
    read = read_playlist("\n".join(["#EXTM3U", *lines]), BASE)
    assert isinstance(read, Master)
    return read


def test_segments_come_in_order_with_absolute_addresses() -> None:
    read = media_playlist(
        "#EXTINF:9.5,", "s1.ts", "#EXTINF:4.0,", "/s2.ts?x=1", "#EXTINF:1.25,", "//other.example/s3.ts"
    )

    assert [segment.url for segment in read.segments] == [
        "https://cdn.example/a/b/s1.ts",
        "https://cdn.example/s2.ts?x=1",
        "https://other.example/s3.ts",
    ]
    assert read.duration_s == 14.75
    assert not any(segment.new_run for segment in read.segments)


def test_byte_ranges_go_on_where_the_one_before_ended() -> None:
    read = media_playlist(
        "#EXTINF:1.0,", "#EXT-X-BYTERANGE:100@50", "all.ts", "#EXTINF:1.0,", "#EXT-X-BYTERANGE:30", "all.ts"
    )

    assert [segment.span for segment in read.segments] == [Span(50, 100), Span(150, 30)]
    assert Span(150, 30).header == "bytes=150-179"


def test_initialisation_sections_hold_until_the_next() -> None:
    read = media_playlist(
        '#EXT-X-MAP:URI="init.mp4",BYTERANGE="700@0"', "#EXTINF:1.0,", "1.m4s", "#EXTINF:1.0,", "2.m4s",
        '#EXT-X-MAP:URI="other.mp4"', "#EXTINF:1.0,", "3.m4s",
    )  # fmt: skip
    first = Init("https://cdn.example/a/b/init.mp4", Span(0, 700), None)

    assert [segment.init for segment in read.segments[:2]] == [first, first]
    assert [segment.new_run for segment in read.segments] == [False, False, True]


def test_a_discontinuity_begins_a_new_run() -> None:
    read = media_playlist("#EXTINF:1.0,", "1.ts", "#EXT-X-DISCONTINUITY", "#EXTINF:1.0,", "2.ts")

    assert [segment.new_run for segment in read.segments] == [False, True]


def test_keys_rotate_and_end() -> None:
    read = media_playlist(
        "#EXT-X-MEDIA-SEQUENCE:7",
        '#EXT-X-KEY:METHOD=AES-128,URI="k1",IV=0x0000000000000000000000000000000A', "#EXTINF:1.0,", "1.ts",
        '#EXT-X-KEY:METHOD=AES-128,URI="k2"', "#EXTINF:1.0,", "2.ts",
        "#EXT-X-KEY:METHOD=NONE", "#EXTINF:1.0,", "3.ts",
    )  # fmt: skip

    assert [segment.key for segment in read.segments] == [
        Key("https://cdn.example/a/b/k1", bytes(15) + b"\x0a"),
        Key("https://cdn.example/a/b/k2", None),
        None,
    ]
    assert [segment.sequence for segment in read.segments] == [7, 8, 9]


def test_of_several_keys_for_the_same_segments_the_plain_one_is_taken() -> None:
    plain, licensed = (
        '#EXT-X-KEY:METHOD=AES-128,URI="k"',
        '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x",KEYFORMAT="com.apple"',
    )
    either = [media_playlist(*keys, "#EXTINF:1.0,", "1.ts") for keys in ((plain, licensed), (licensed, plain))]

    assert [read.segments[0].key for read in either] == [Key("https://cdn.example/a/b/k", None)] * 2


def test_many_keys_are_read_in_no_time() -> None:
    """Some packagers write one for each segment; comparing each with all before would take minutes."""
    lines = [
        line
        for number in range(5_000)
        for line in (f'#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x{number:032x}', "#EXTINF:1.0,", f"{number}.ts")
    ]

    assert len(media_playlist(*lines).segments) == 5_000


@pytest.mark.parametrize(
    ("durations", "rounded"), [(("10", "10"), True), (("10.0", "9"), False), (("9.97", "3"), False)]
)
def test_whole_seconds_are_known_to_be_rounded(durations: tuple[str, ...], rounded: bool) -> None:
    lines = [line for duration in durations for line in (f"#EXTINF:{duration},", "s.ts")]

    assert media_playlist(*lines).rounded is rounded


@pytest.mark.parametrize(
    ("lines", "failure"),
    [
        (("#EXTINF:1.0,", "1.ts"), LiveNow),
        (("#EXT-X-PLAYLIST-TYPE:EVENT", "#EXTINF:1.0,", "1.ts"), LiveNow),
    ],
)
def test_a_playlist_without_an_end_is_live(lines: tuple[str, ...], failure: type[Failure]) -> None:
    with pytest.raises(failure):
        media_playlist(*lines, end=False)


@pytest.mark.parametrize(
    ("lines", "failure"),
    [
        ((), Incomplete),
        (("#EXTINF:1.0,",), NotAVideo),
        (("#EXTINF:1.0,", "#EXT-X-GAP", "1.ts"), Incomplete),
        (("#EXT-X-I-FRAMES-ONLY", "#EXTINF:1.0,", "1.ts"), NotAVideo),
        (('#EXT-X-KEY:METHOD=SAMPLE-AES,URI="k"', "#EXTINF:1.0,", "1.ts"), Drm),
        (('#EXT-X-KEY:METHOD=AES-128,URI="k",KEYFORMAT="com.widevine"', "#EXTINF:1.0,", "1.ts"), Drm),
        (('#EXT-X-KEY:METHOD=AES-128,URI="k",IV=12', "#EXTINF:1.0,", "1.ts"), NotAVideo),
        (("#EXT-X-KEY:METHOD=AES-128", "#EXTINF:1.0,", "1.ts"), NotAVideo),
        (("#EXTINF:nan,", "1.ts"), NotAVideo),
        (("#EXTINF:-1,", "1.ts"), NotAVideo),
        (("#EXTINF:x,", "1.ts"), NotAVideo),
        (("#EXTINF:1.0,", "#EXT-X-BYTERANGE:0@0", "1.ts"), NotAVideo),
        (("#EXTINF:1.0,", "#EXT-X-BYTERANGE:10", "1.ts"), NotAVideo),
        (("#EXTINF:1.0,", "a b.ts"), NotAVideo),
        (("#EXTINF:1.0,", "  1.ts"), NotAVideo),
        (("#EXTINF:1.0,", "1%0a.ts"), NotAVideo),
        (("#EXTINF:1.0,", "1\r.ts\x0b"), NotAVideo),
        (("#EXTINF:1.0,", "1\u2028.ts"), NotAVideo),
        (("#EXTINF:1.0,", "file:///etc/passwd"), NotAVideo),
        (("#EXTINF:1.0,", "data:video/mp2t;base64,AAAA"), NotAVideo),
        (("#EXTINF:1.0,", "concat:a|b"), NotAVideo),
        (("#EXTINF:1.0,", "subfile,,start,0,end,9,,:/etc/passwd"), Failure),
        (("#EXTINF:1.0,", "http://user:pw@a.example/1.ts"), NotAVideo),
        (('#EXT-X-MAP:URI="file:///etc/passwd"', "#EXTINF:1.0,", "1.ts"), NotAVideo),
        (('#EXT-X-KEY:METHOD=AES-128,URI="data:,0123456789abcdef"', "#EXTINF:1.0,", "1.ts"), NotAVideo),
        (("#" + "x" * 40_000, "#EXTINF:1.0,", "1.ts"), NotAVideo),
        (("#EXTINF:1.0,\n1.ts\n" * (MAX_SEGMENTS + 1),), NotAVideo),
    ],
)
def test_what_cannot_or_must_not_be_fetched_is_refused(lines: tuple[str, ...], failure: type[Failure]) -> None:
    if "subfile" in "".join(lines):  # no scheme: it is a plain relative address, and stays on the site
        assert media_playlist(*lines).segments[0].url.startswith("https://cdn.example/a/b/subfile,,")
        return
    with pytest.raises(failure):
        media_playlist(*lines)


@pytest.mark.parametrize("text", ["", "hello", "<html>", "#EXTINF:1,\n1.ts\n#EXT-X-ENDLIST"])
def test_a_text_that_is_no_playlist_is_refused(text: str) -> None:
    with pytest.raises(NotAVideo):
        read_playlist(text, BASE)


STREAM = '#EXT-X-STREAM-INF:BANDWIDTH={},RESOLUTION={}x{},CODECS="{}"'


def test_the_tallest_then_the_richest_variant_is_the_best() -> None:
    read = master(
        STREAM.format(9_000_000, 640, 360, "avc1.42c01e"), "rich.m3u8",
        STREAM.format(2_000_000, 1280, 720, "avc1.42c01e"), "tall.m3u8",
        STREAM.format(3_000_000, 1280, 720, "avc1.42c01e,mp4a.40.2"), "both.m3u8",
    )  # fmt: skip

    assert read.best.url == "https://cdn.example/a/b/both.m3u8"


def test_sound_only_variants_are_left_out() -> None:
    sound = '#EXT-X-STREAM-INF:BANDWIDTH=9000000,CODECS="mp4a.40.2"'

    assert len(master(sound, "a.m3u8", STREAM.format(1, 2, 2, "avc1.42c01e"), "v.m3u8").variants) == 1
    with pytest.raises(NotAVideo):
        master(sound, "a.m3u8")


def test_dolby_visions_own_colours_are_the_last_choice() -> None:
    read = master(
        STREAM.format(9_000_000, 3840, 2160, "dvh1.05.06"), "dv.m3u8",
        STREAM.format(2_000_000, 1280, 720, "avc1.42c01e"), "sdr.m3u8",
    )  # fmt: skip

    assert read.best.url.endswith("sdr.m3u8")


@pytest.mark.parametrize(
    ("renditions", "chosen"),
    [
        (['TYPE=AUDIO,GROUP-ID="g",NAME="a",URI="a.m3u8"', 'TYPE=AUDIO,GROUP-ID="g",NAME="b",DEFAULT=YES,URI="b.m3u8"'], "b"),
        (['TYPE=AUDIO,GROUP-ID="g",NAME="a",URI="a.m3u8"', 'TYPE=AUDIO,GROUP-ID="other",NAME="b",DEFAULT=YES,URI="b.m3u8"'], "a"),
        (['TYPE=AUDIO,GROUP-ID="g",NAME="a",DEFAULT=YES', 'TYPE=AUDIO,GROUP-ID="g",NAME="b",URI="b.m3u8"'], None),
        (['TYPE=SUBTITLES,GROUP-ID="g",NAME="a",URI="a.m3u8"'], None),
    ],
    ids=["the default", "its own group", "inside the variant", "none"],
)  # fmt: skip
def test_a_variants_sound_is_the_one_a_player_starts_with(renditions: list[str], chosen: str | None) -> None:
    lines = [f"#EXT-X-MEDIA:{rendition}" for rendition in renditions]
    read = master(*lines, STREAM.format(1, 2, 2, "avc1.42c01e") + ',AUDIO="g"', "v.m3u8")

    assert read.best.audio_url == (f"https://cdn.example/a/b/{chosen}.m3u8" if chosen else None)
