"""Reading HLS playlists: what they contain, and what is refused immediately."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from mediavault.core.failures import Drm, Failure, Incomplete, NotAVideo, Unsupported
from mediavault.core.media import LiveNow
from mediavault.download.manifest import (
    MAX_CODECS_CHARS,
    MAX_SEGMENTS,
    Init,
    Key,
    LiveWindow,
    Master,
    MediaPlaylist,
    Span,
    Wanted,
)
from mediavault.download.playlist import read_playlist
from tests.patience import patient

BASE = "https://cdn.example/a/b/index.m3u8?token=1"


def media_playlist(*lines: str, end: bool = True) -> MediaPlaylist:
    text = "\n".join(
        ["#EXTM3U", "#EXT-X-TARGETDURATION:10", *lines, *(["#EXT-X-ENDLIST"] if end else [])]
    )
    read = read_playlist(text, BASE)
    assert isinstance(read, MediaPlaylist)
    return read


def master(*lines: str) -> Master:
    read = read_playlist("\n".join(["#EXTM3U", *lines]), BASE)
    assert isinstance(read, Master)
    return read


def test_segments_come_in_order_with_absolute_addresses() -> None:
    read = media_playlist(
        "#EXTINF:9.5,",
        "s1.ts",
        "#EXTINF:4.0,",
        "/s2.ts?x=1",
        "#EXTINF:1.25,",
        "//other.example/s3.ts",
    )

    assert [segment.url for segment in read.segments] == [
        "https://cdn.example/a/b/s1.ts",
        "https://cdn.example/s2.ts?x=1",
        "https://other.example/s3.ts",
    ]
    assert read.duration_s == 14.75
    assert {segment.part for segment in read.segments} == {0}


def test_byte_ranges_continue_where_the_previous_one_ended() -> None:
    read = media_playlist(
        "#EXTINF:1.0,",
        "#EXT-X-BYTERANGE:100@50",
        "all.ts",
        "#EXTINF:1.0,",
        "#EXT-X-BYTERANGE:30",
        "all.ts",
    )

    assert [segment.span for segment in read.segments] == [Span(50, 100), Span(150, 30)]
    assert Span(150, 30).header == "bytes=150-179"


def test_initialisation_sections_apply_until_the_next() -> None:
    read = media_playlist(
        '#EXT-X-MAP:URI="init.mp4",BYTERANGE="700@0"', "#EXTINF:1.0,", "1.m4s", "#EXTINF:1.0,",
        "2.m4s",
        '#EXT-X-MAP:URI="other.mp4"', "#EXTINF:1.0,", "3.m4s",
    )  # fmt: skip
    first = Init("https://cdn.example/a/b/init.mp4", Span(0, 700), None)

    assert [segment.init for segment in read.segments[:2]] == [first, first]
    assert read.segments[2].init == Init("https://cdn.example/a/b/other.mp4", None, None)
    assert {segment.part for segment in read.segments} == {0}


def test_a_discontinuity_begins_a_new_part() -> None:
    read = media_playlist("#EXTINF:1.0,", "1.ts", "#EXT-X-DISCONTINUITY", "#EXTINF:1.0,", "2.ts")

    assert [segment.part for segment in read.segments] == [0, 1]


def test_keys_rotate_and_end() -> None:
    read = media_playlist(
        "#EXT-X-MEDIA-SEQUENCE:7",
        '#EXT-X-KEY:METHOD=AES-128,URI="k1",IV=0x0000000000000000000000000000000A', "#EXTINF:1.0,",
        "1.ts",
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
    playlists = [
        media_playlist(*keys, "#EXTINF:1.0,", "1.ts")
        for keys in ((plain, licensed), (licensed, plain))
    ]

    assert [read.segments[0].key for read in playlists] == [
        Key("https://cdn.example/a/b/k", None)
    ] * 2


def test_many_keys_are_read_quickly() -> None:
    """Some packagers write one key per segment; comparing each with all the earlier ones would take
    minutes.
    """
    lines = [
        line
        for number in range(5_000)
        for line in (
            f'#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x{number:032x}',
            "#EXTINF:1.0,",
            f"{number}.ts",
        )
    ]

    assert len(media_playlist(*lines).segments) == 5_000


@pytest.mark.parametrize(
    ("durations", "rounded"), [(("10", "10"), True), (("10.0", "9"), False), (("9.97", "3"), False)]
)
def test_durations_in_whole_seconds_count_as_rounded(
    durations: tuple[str, ...], rounded: bool
) -> None:
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
        (("1.ts",), NotAVideo),
        (("#EXT-X-SKIP:SKIPPED-SEGMENTS=3", "#EXTINF:1.0,", "1.ts"), Incomplete),
        (
            (
                '#EXT-X-KEY:METHOD=AES-128,URI="skd://x",KEYFORMAT="com.apple.streamingkeydelivery"',
                "#EXTINF:1.0,",
                "1.ts",
            ),
            Drm,
        ),
        (('#EXT-X-KEY:METHOD=AES-256,URI="k"', "#EXTINF:1.0,", "1.ts"), Unsupported),
        (("#EXTINF:1.0,", "#EXT-X-BYTERANGE:10@x", "1.ts"), NotAVideo),
        (("#EXTINF:1.0,",), Incomplete),
        (("#EXTINF:1.0,", "#EXTINF:1.0,", "2.ts"), Incomplete),
        (("#EXTINF:1.0,", "#EXT-X-GAP", "1.ts"), Incomplete),
        (("#EXT-X-I-FRAMES-ONLY", "#EXTINF:1.0,", "1.ts"), NotAVideo),
        (("#EXT-X-IMAGES-ONLY", "#EXTINF:1.0,", "1.jpg"), NotAVideo),
        (('#EXT-X-KEY:METHOD=SAMPLE-AES,URI="k"', "#EXTINF:1.0,", "1.ts"), Drm),
        (
            ('#EXT-X-KEY:METHOD=AES-128,URI="k",KEYFORMAT="com.widevine"', "#EXTINF:1.0,", "1.ts"),
            Drm,
        ),
        (('#EXT-X-KEY:METHOD=AES-128,URI="k",IV=12', "#EXTINF:1.0,", "1.ts"), NotAVideo),
        (("#EXT-X-KEY:METHOD=AES-128", "#EXTINF:1.0,", "1.ts"), NotAVideo),
        (("#EXTINF:nan,", "1.ts"), NotAVideo),
        (("#EXTINF:-1,", "1.ts"), NotAVideo),
        (("#EXTINF:x,", "1.ts"), NotAVideo),
        (("#EXTINF:1.0,", "#EXT-X-BYTERANGE:0@0", "1.ts"), NotAVideo),
        (("#EXTINF:1.0,", "#EXT-X-BYTERANGE:10", "1.ts"), NotAVideo),
        (("#EXTINF:1.0,", f"#EXT-X-BYTERANGE:{'9' * 4_300}@{'9' * 4_300}", "1.ts"), NotAVideo),
        (("#EXTINF:1.0,", "1%0a.ts"), NotAVideo),
        (("#EXTINF:1.0,", "1\r.ts\x0b"), NotAVideo),
        (("#EXTINF:1.0,", "1\u2028.ts"), NotAVideo),
        (("#EXTINF:1.0,", "file:///etc/passwd"), NotAVideo),
        (("#EXTINF:1.0,", "data:video/mp2t;base64,AAAA"), NotAVideo),
        (("#EXTINF:1.0,", "concat:a|b"), NotAVideo),
        (("#EXTINF:1.0,", "subfile,,start,0,end,9,,:/etc/passwd"), Failure),
        (("#EXTINF:1.0,", "http://user:pw@a.example/1.ts"), NotAVideo),
        (('#EXT-X-MAP:URI="file:///etc/passwd"', "#EXTINF:1.0,", "1.ts"), NotAVideo),
        (
            ('#EXT-X-KEY:METHOD=AES-128,URI="data:,0123456789abcdef"', "#EXTINF:1.0,", "1.ts"),
            NotAVideo,
        ),
        (("#" + "x" * 40_000, "#EXTINF:1.0,", "1.ts"), NotAVideo),
        (("#EXTINF:1.0,\n1.ts\n" * (MAX_SEGMENTS + 1),), NotAVideo),
    ],
)
def test_what_cannot_or_must_not_be_fetched_is_refused(
    lines: tuple[str, ...], failure: type[Failure]
) -> None:
    if "subfile" in "".join(lines):  # no scheme: a plain relative address on the same host
        assert (
            media_playlist(*lines).segments[0].url.startswith("https://cdn.example/a/b/subfile,,")
        )
        return
    with pytest.raises(failure):
        media_playlist(*lines)


@pytest.mark.parametrize(
    "text", ["", "hello", "<html>", "# a comment", "https://a.example/1.ts\n#EXTINF:1,\n1.ts"]
)
def test_a_text_that_is_not_a_playlist_is_refused(text: str) -> None:
    with pytest.raises(NotAVideo):
        read_playlist(text, BASE)


STREAM = '#EXT-X-STREAM-INF:BANDWIDTH={},RESOLUTION={}x{},CODECS="{}"'


def test_the_tallest_then_the_richest_variant_is_the_best() -> None:
    read = master(
        STREAM.format(9_000_000, 640, 360, "avc1.42c01e"), "rich.m3u8",
        STREAM.format(2_000_000, 1280, 720, "avc1.42c01e"), "tall.m3u8",
        STREAM.format(3_000_000, 1280, 720, "avc1.42c01e,mp4a.40.2"), "both.m3u8",
    )  # fmt: skip

    assert read.best(Wanted()).url == "https://cdn.example/a/b/both.m3u8"


def test_sound_that_browsers_play_is_preferred_to_surround_sound_with_the_same_pictures() -> None:
    read = master(
        STREAM.format(3_000_000, 1280, 720, "avc1.42c01e,ec-3"), "surround.m3u8",
        STREAM.format(2_000_000, 1280, 720, "avc1.42c01e,mp4a.40.2"), "stereo.m3u8",
        STREAM.format(1_000_000, 640, 360, "avc1.42c01e,mp4a.40.2"), "low.m3u8",
    )  # fmt: skip

    assert read.best(Wanted()).url.endswith("stereo.m3u8")


def test_a_master_is_compared_in_little_time_whatever_it_holds() -> None:
    """5,000 variants with codecs of a thousand characters took more than a second of the event
    loop.
    """
    variant = [f'#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="{"avc1.4d401e," * 80}"', "video.m3u8"]
    known = master(*variant)

    assert len(known.variants[0].level.codecs) == MAX_CODECS_CHARS
    with pytest.raises(NotAVideo):
        master(*variant * 1_001)


def test_sound_only_variants_are_left_out() -> None:
    sound = '#EXT-X-STREAM-INF:BANDWIDTH=9000000,CODECS="mp4a.40.2"'

    both = master(sound, "a.m3u8", STREAM.format(1, 2, 2, "avc1.42c01e"), "v.m3u8")

    assert (len(both.variants), both.best_sound) == (1, both.sounds[0].url)
    with pytest.raises(NotAVideo):
        master(sound, "a.m3u8").best(Wanted())


def test_the_sound_alone_is_the_rendition_of_the_best_variant() -> None:
    media = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="{0}",NAME="{0}",URI="{0}.m3u8"'
    read = master(
        media.format("lo"), media.format("hi"),
        STREAM.format(1_000, 320, 180, "avc1.42c01e") + ',AUDIO="lo"', "lo-v.m3u8",
        STREAM.format(9_000, 1280, 720, "avc1.42c01e") + ',AUDIO="hi"', "hi-v.m3u8",
    )  # fmt: skip

    assert str(read.best_sound).endswith("hi.m3u8")
    assert master(STREAM.format(1, 2, 2, "avc1.42c01e"), "v.m3u8").best_sound is None


def test_dolby_visions_own_colours_are_the_last_choice() -> None:
    read = master(
        STREAM.format(9_000_000, 3840, 2160, "dvh1.05.06"), "dv.m3u8",
        STREAM.format(2_000_000, 1280, 720, "avc1.42c01e"), "sdr.m3u8",
    )  # fmt: skip

    assert read.best(Wanted()).url.endswith("sdr.m3u8")


@pytest.mark.parametrize(
    ("renditions", "chosen"),
    [
        (['TYPE=AUDIO,GROUP-ID="g",NAME="a",URI="a.m3u8"', (
            'TYPE=AUDIO,GROUP-ID="g",NAME="b",DEFAULT=YES,URI="b.m3u8"'
        )], "b"),
        (['TYPE=AUDIO,GROUP-ID="g",NAME="a",URI="a.m3u8"', (
            'TYPE=AUDIO,GROUP-ID="other",NAME="b",DEFAULT=YES,URI="b.m3u8"'
        )], "a"),
        (['TYPE=AUDIO,GROUP-ID="g",NAME="a",DEFAULT=YES', (
            'TYPE=AUDIO,GROUP-ID="g",NAME="b",URI="b.m3u8"'
        )], None),
        (['TYPE=SUBTITLES,GROUP-ID="g",NAME="a",URI="a.m3u8"'], None),
    ],
    ids=["the default", "its own group", "inside the variant", "none"],
)  # fmt: skip
def test_a_variants_sound_is_the_one_a_player_starts_with(
    renditions: list[str], chosen: str | None
) -> None:
    lines = [f"#EXT-X-MEDIA:{rendition}" for rendition in renditions]
    read = master(*lines, STREAM.format(1, 2, 2, "avc1.42c01e") + ',AUDIO="g"', "v.m3u8")

    assert read.best(Wanted()).audio_url == (
        f"https://cdn.example/a/b/{chosen}.m3u8" if chosen else None
    )


def test_addresses_are_read_as_a_browser_reads_them() -> None:
    read = media_playlist("#EXTINF:1.0,", " a b.ts ", "#EXTINF:1.0,", "?part=2")

    assert [segment.url for segment in read.segments] == [
        "https://cdn.example/a/b/a%20b.ts",
        "https://cdn.example/a/b/index.m3u8?part=2",
    ]


@pytest.mark.parametrize("end_of_line", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "start", ["#EXTM3U\n", "\ufeff#EXTM3U\n", "# made by hand\n#EXTM3U\n\n", ""]
)
def test_byte_order_marks_comments_and_line_endings_make_no_difference(
    start: str, end_of_line: str
) -> None:
    text = f"{start}#EXT-X-TARGETDURATION:4\n# note\n#EXTINF:4.0,a, title\n 1.ts \n\n#EXT-X-ENDLIST"
    read = read_playlist(text.replace("\n", end_of_line), BASE)

    assert isinstance(read, MediaPlaylist)
    assert [segment.url for segment in read.segments] == ["https://cdn.example/a/b/1.ts"]


def test_a_playlist_that_can_never_change_needs_no_end() -> None:
    """RFC 8216, 6.3.4: a playlist of type VOD is not loaded again."""
    assert (
        len(media_playlist("#EXT-X-PLAYLIST-TYPE:VOD", "#EXTINF:1.0,", "1.ts", end=False).segments)
        == 1
    )


def test_variables_are_replaced_by_their_values() -> None:
    read = media_playlist(
        '#EXT-X-DEFINE:NAME="host",VALUE="https://v.example"', '#EXT-X-DEFINE:QUERYPARAM="token"',
        '#EXT-X-MAP:URI="{$host}/init.mp4"', "#EXTINF:1.0,", "{$host}/1.m4s?t={$token}",
    )  # fmt: skip

    assert read.segments[0].url == "https://v.example/1.m4s?t=1"
    assert read.segments[0].init == Init("https://v.example/init.mp4", None, None)


def test_a_playlist_imports_the_variables_of_its_master() -> None:
    text = '#EXTM3U\n#EXT-X-DEFINE:IMPORT="id"\n#EXTINF:1.0,\n{$id}.ts\n#EXT-X-ENDLIST'
    parent = master(
        '#EXT-X-DEFINE:NAME="id",VALUE="77"', STREAM.format(1, 2, 2, "avc1.42c01e"), "{$id}.m3u8"
    )
    read = read_playlist(text, BASE, imported=parent.variables)

    assert parent.best(Wanted()).url == "https://cdn.example/a/b/77.m3u8"
    assert isinstance(read, MediaPlaylist)
    assert read.segments[0].url.endswith("/77.ts")
    with pytest.raises(NotAVideo, match="variable"):
        read_playlist(text, BASE)


def test_braces_are_plain_text_where_nothing_is_defined() -> None:
    assert media_playlist("#EXTINF:1.0,", "{$x}.ts").segments[0].url.endswith("$x%7D.ts")


def test_the_parts_of_a_low_latency_playlist_are_not_segments() -> None:
    read = media_playlist(
        "#EXT-X-PART-INF:PART-TARGET=0.5", '#EXT-X-PART:DURATION=0.5,URI="1.0.mp4"', "#EXTINF:1.0,",
        "1.mp4",
        '#EXT-X-PART:DURATION=0.5,URI="2.0.mp4"', '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="2.1.mp4"',
    )  # fmt: skip

    assert [segment.url for segment in read.segments] == ["https://cdn.example/a/b/1.mp4"]


def test_a_master_whose_key_needs_a_licence_is_protected() -> None:
    with pytest.raises(Drm):
        master(
            '#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="skd://x",KEYFORMAT="com.apple.streamingkeydelivery"',
            STREAM.format(1, 2, 2, "avc1.42c01e"), "v.m3u8",
        )  # fmt: skip


def test_a_portrait_is_ranked_by_its_shorter_side() -> None:
    read = master(
        STREAM.format(5, 720, 1280, "avc1.42c01e"), "portrait.m3u8",
        STREAM.format(4, 1920, 1080, "avc1.42c01e"), "landscape.m3u8",
    )  # fmt: skip

    assert read.best(Wanted()).url.endswith("landscape.m3u8")


def test_the_longest_accepted_playlist_is_read_in_seconds() -> None:
    lines = "".join(
        f"#EXTINF:4.0,\nhttps://cdn.example/{'x' * 180}/{n}.ts\n" for n in range(MAX_SEGMENTS)
    )
    began = time.process_time()  # CPU time, because other processes may be running
    read = read_playlist(f"#EXTM3U\n{lines}#EXT-X-ENDLIST", BASE)

    assert isinstance(read, MediaPlaylist)
    assert time.process_time() - began < patient(30)


def test_a_stray_word_is_not_a_segment() -> None:
    assert len(media_playlist("#EXTINF:1.0,", "1.ts", "JUNK").segments) == 1


def test_a_bit_rate_may_be_written_as_a_decimal() -> None:
    rates = [
        f"#EXT-X-STREAM-INF:PROGRAM-ID=1, BANDWIDTH={rate}\n{rate}.m3u8"
        for rate in ("1000.0", "2560000.4", "9")
    ]

    assert master(*rates).best(Wanted()).url.endswith("2560000.4.m3u8")


def test_the_renditions_of_subtitles_are_named_with_their_languages() -> None:
    media = '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="{0}",LANGUAGE="{0}",URI="{0}.m3u8"{1}'
    read = master(
        media.format("en", ""), media.format("de", ",FORCED=YES"),
        media.format("pt-BR", ",FORCED=NO"),
        '#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="c",NAME="en",INSTREAM-ID="CC1"',
        STREAM.format(1, 2, 2, "avc1.42c01e"), "v.m3u8",
    )  # fmt: skip

    assert [(one.language, one.url.rpartition("/")[2]) for one in read.subtitles] == [
        ("en", "en.m3u8"), ("pt-BR", "pt-BR.m3u8"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "address",
    ["data:text/vtt,WEBVTT", "ftp://cdn.example/a.vtt", "https://a:b@cdn.example/a", "http://["],
)
def test_an_address_that_cannot_be_fetched_costs_only_the_subtitles_or_the_sound_alone(
    address: str,
) -> None:
    read = master(
        f'#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="en",LANGUAGE="en",URI="{address}"',
        '#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="mp4a.40.2"', address,
        STREAM.format(1, 2, 2, "avc1.42c01e"), "v.m3u8",
    )  # fmt: skip

    assert read.best(Wanted()).url.endswith("v.m3u8")
    assert (read.subtitles, read.sounds) == ((), ())


def test_the_videos_own_address_must_be_one_that_can_be_fetched() -> None:
    with pytest.raises(NotAVideo):
        master(STREAM.format(1, 2, 2, "avc1.42c01e"), "ftp://cdn.example/v.m3u8")


# --- running streams ------------------------------------------------------------------------------


def live_playlist(*lines: str) -> MediaPlaylist:
    read = read_playlist("\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:4", *lines]), BASE, live=True)
    assert isinstance(read, MediaPlaylist)
    return read


def test_a_running_stream_is_read_where_that_is_wanted() -> None:
    read = live_playlist(
        "#EXT-X-PLAYLIST-TYPE:EVENT",
        "#EXT-X-START:TIME-OFFSET=-7.5",
        "#EXTINF:4.0,",
        "1.ts",
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-24T13:00:04+01:00",
        "#EXTINF:4.0,",
        "2.ts",
    )

    at = datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert read.is_live
    assert read.window == LiveWindow(4.0, ended=False, starts_s=-7.5, begins_at=at)


def test_a_running_stream_that_lists_nothing_yet_is_read() -> None:
    assert live_playlist().segments == ()


def test_the_parts_of_a_running_stream_count_discontinuities_no_longer_listed() -> None:
    """The tag before the first listed segment counts as well,
    because the number grows only when it leaves the list.
    """
    listed = ["#EXT-X-DISCONTINUITY-SEQUENCE:7", "#EXT-X-DISCONTINUITY", "#EXTINF:4.0,", "1.ts"]

    assert [
        one.part
        for one in live_playlist(*listed, "#EXT-X-DISCONTINUITY", "#EXTINF:4.0,", "2.ts").segments
    ] == [
        8,
        9,
    ]
    assert [one.part for one in media_playlist(*listed).segments] == [0]


def test_a_running_stream_may_say_that_a_segment_is_missing() -> None:
    listed = ["#EXT-X-GAP", "#EXTINF:4.0,", "1.ts", "#EXTINF:4.0,", "2.ts"]

    assert [one.missing for one in live_playlist(*listed).segments] == [True, False]
    with pytest.raises(Incomplete):
        media_playlist(*listed)


@pytest.mark.parametrize(
    "date", ["yesterday", "2026-11-24T12:00:00", "0001-01-01T00:00:00+14:00", ""]
)
def test_a_date_that_cannot_be_used_is_left_out(date: str) -> None:
    window = live_playlist(f"#EXT-X-PROGRAM-DATE-TIME:{date}", "#EXTINF:4.0,", "1.ts").window

    assert window is not None
    assert window.begins_at is None
