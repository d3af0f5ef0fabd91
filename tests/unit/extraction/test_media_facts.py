"""What an address says about its file, in one record: kind, signature and expiry, watermark,
size and bit rate.
"""

from __future__ import annotations

import base64
import re

import pytest

from mediavault.core.media import Watermark
from mediavault.core.platform import MediaRules, Platform
from mediavault.extraction.media_urls import MediaFacts, MediaKind, media_facts
from mediavault.platforms import registry


def platform(name: str) -> Platform:
    """A platform with only the size rules of the platform ``name``."""
    known = registry.platform(name).media
    return Platform(
        name=name,
        title=name,
        media=MediaRules(stated_size=known.stated_size, measures=known.measures),
    )


def measures(name: str, url: str) -> tuple[int | None, int | None, int | None]:
    facts = media_facts(url, platform(name))
    return facts.width, facts.height, facts.bitrate


def efg(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


VIDEO_TRACK = efg('{"vencode_tag":"dash_r2av1_q40"}')
AUDIO_TRACK = efg('{"vencode_tag":"dash_ln_heaac_audio"}')


def test_all_facts_of_a_signed_file_are_in_one_record() -> None:
    site = Platform(
        name="site", title="Site", media=MediaRules(watermark_no=re.compile(r"[?&]clean=1"))
    )
    url = "https://a.example/vid/1280x720/v.mp4?clean=1&expire=1767268921&sig=1"

    assert media_facts(url, site) == MediaFacts(
        url, "site", MediaKind.DIRECT, True, 1_767_268_921, Watermark.NO, width=1280, height=720
    )


def test_a_picture_has_neither_mark_nor_size() -> None:
    site = Platform(name="site", title="Site", media=MediaRules(watermark_no=re.compile(".")))
    facts = media_facts("https://a.example/img/1280x720/p.jpg", site)

    assert (facts.kind, facts.watermark, facts.width, facts.height) == (
        "image",
        "unknown",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://a.example/x/3.m4s", "other"),
        ("https://a.example/x/init.mp4", "other"),
        ("https://a.example/x.mp4?bytestart=0&byteend=99", "other"),
        (f"https://a.example/x.mp4?bytestart=0&efg={VIDEO_TRACK}", "video_only"),
        (f"https://a.example/x.mp4?efg={AUDIO_TRACK}&byteend=9", "audio_only"),
        ("https://a.example/videoplayback?itag=251&mime=audio%2Fwebm&range=0-99", "audio_only"),
        ("https://a.example/videoplayback?itag=247&mime=video%2Fwebm&range=0-99", "video_only"),
        ("https://a.example/videoplayback?itag=18&mime=video%2Fmp4&range=0-99", "other"),
        ("no address", "other"),
    ],
)
def test_a_byte_range_of_one_track_is_that_track_and_other_pieces_are_not_saved(
    url: str, kind: str
) -> None:
    facts = media_facts(url, platform("site"))

    assert (facts.kind, facts.watermark) == (kind, "unknown")


@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("reddit:/abc/DASH_720.mp4", (None, 720)),
        ("reddit:/abc/pb/m2-res_590p.mp4", (None, 590)),
        ("reddit:/abc/HLS_720.m3u8", (None, 720)),
        ("reddit:/abc/HLS_1080_v4.m3u8", (None, 1080)),
        ("other:/abc/DASH_720.mp4", (None, None)),
        ("twitch:/v2/media/Slug/e734a074/video-1080.mp4", (None, 1080)),
        ("twitch:/ceAns/AT-cm%7CceAns-720.mp4", (None, 720)),
        ("twitch:/ceAns/AT-cm%7CceAns.mp4", (None, None)),
        ("twitch:/AT-cm%7C123-offset-4012-480.mp4", (None, 480)),
        ("twitch:/AT-cm%7C123-offset-4012.mp4", (None, None)),
        ("twitch:/28009905440-offset-4012-720.mp4", (None, 720)),
        ("twitch:/28009905440-offset-4012.mp4", (None, None)),
        ("twitch:/x/landscape/h264/360/index.mp4", (None, 360)),
        ("weibo:/o0/x.mp4?label=mp4_hd&template=540x960.24.0&Expires=1", (540, 960)),
        ("weibo:/o0/x.mp4?label=gif_mp4&template=240x226&Expires=1", (240, 226)),
        ("weibo:/o0/x.mp4?label=mp4_hd&template=template_7&Expires=1", (None, None)),
        ("bilibili:/upgcxcode/1/2/3/3-1-30080.m4s?bw=1", (1920, 1080)),
        ("bilibili:/upgcxcode/1/2/3/3_nb3-1-30033.m4s?bw=1", (852, 480)),
        ("bilibili:/upgcxcode/1/2/3/3-1-100024.m4s?bw=1", (1280, 720)),
        ("bilibili:/upgcxcode/1/2/3/3-1-74.flv?bw=1", (1280, 720)),
        ("bilibili:/upgcxcode/1/2/3/3-1-16.mp4?bw=1", (640, 360)),
        ("bilibili:/upgcxcode/1/2/3/3-1-30280.m4s?bw=1", (None, None)),
        ("bilibili:/upgcxcode/1/2/3/3-1-9999.m4s?bw=1", (None, None)),
        ("bilibili:/cover-1-80.jpg", (None, None)),
        ("other:/upgcxcode/1/2/3/3-1-30080.m4s", (None, None)),
        ("pinterest:/videos/iht/expMp4/45f509_720w.mp4", (720, None)),
        ("peertube:/hls/x/9c9de5e8-0a1e-484a-b099-e80766180a6d-720-fragmented.mp4", (None, 720)),
        ("peertube:/web-videos/9c9de5e8-0a1e-484a-b099-e80766180a6d-480.mp4", (None, 480)),
        ("peertube:/web-videos/9c9de5e8-480.mp4", (None, None)),
    ],
)
def test_the_size_is_read_in_each_platforms_own_form(
    path: str, size: tuple[int | None, int | None]
) -> None:
    name, _, rest = path.partition(":")
    width, height, _ = measures(name, f"https://a.example{rest}")

    assert (width, height) == size


# Address, size and rate as X's own answers give them side by side
X_LADDER = {
    "ext_tw_video/1/pu/vid/418x270/a.mp4?tag=14": 256_000,
    "ext_tw_video/1/pu/vid/320x250/a.mp4?tag=12": 256_000,
    "amplify_video/1/vid/480x270/a.mp4?tag=14": 288_000,
    "amplify_video/1/vid/avc1/272x270/a.mp4?tag=13": 288_000,
    "amplify_video/1/vid/avc1/480x270/a.mp4?tag=21": 256_000,
    "ext_tw_video/1/pu/vid/480x360/a.mp4?tag=12": 832_000,
    "ext_tw_video/1/pu/vid/1280x534/a.mp4": 2_176_000,
    "amplify_video/1/vid/avc1/1920x1080/a.mp4?tag=21": 10_368_000,
    "ext_tw_video/1/pu/vid/180x320/a.mp4": 320_000,
    "ext_tw_video/1/pu/vid/360x640/a.mp4": 832_000,
    "ext_tw_video/1/pu/vid/320x690/a.mp4": 632_000,
    "ext_tw_video/1/pu/vid/480x1036/a.mp4": 950_000,
    "ext_tw_video/1/pu/vid/592x1280/a.mp4": 2_176_000,
    "ext_tw_video/1/pu/vid/240x240/a.mp4": 320_000,
    "amplify_video/1/vid/320x320/a.mp4?tag=14": 432_000,
    "amplify_video/1/vid/540x540/a.mp4?tag=14": 832_000,
    "amplify_video/1/vid/720x720/a.mp4?tag=28": 1_280_000,
    "amplify_video/1/vid/avc1/1080x1080/a.mp4?tag=28": 8_768_000,
    "amplify_video/1/vid/9000x9000/a.mp4": None,
    "amplify_video/1/pl/mp4a/128000/a.m3u8": 128_000,
    "amplify_video/1/pl/avc1/480x270/a.m3u8": None,
    "tweet_video/FZ5gylsXwAE4MbW.mp4": 0,
}


@pytest.mark.parametrize("path", X_LADDER)
def test_xs_files_have_the_rate_of_their_level(path: str) -> None:
    assert measures("x", f"https://video.example/{path}")[2] == X_LADDER[path]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("itag=18&mime=video%2Fmp4&clen=5772523&dur=96.618", (640, 360, 477_967)),
        ("itag=247&mime=video%2Fwebm", (1280, 720, None)),
        ("itag=251&mime=audio%2Fwebm&clen=1000&dur=8.0", (None, None, 1_000)),
        ("itag=9999&mime=video%2Fmp4&clen=1000&dur=0.000", (None, None, None)),
        ("itag=18&clen=many&dur=nan", (640, 360, None)),
    ],
)
def test_googlevideo_names_a_frame_by_its_itag_and_bytes_and_seconds(
    query: str, expected: object
) -> None:
    assert measures("youtube", f"https://a.example/videoplayback?{query}") == expected


@pytest.mark.parametrize(
    ("name", "payload", "expected"),
    [
        (
            "instagram",
            '{"vencode_tag":"xpv_progressive.INSTAGRAM.CLIPS.C3.720.dash_baseline_1_v1"}',
            (720, None, None),
        ),
        (
            "threads",
            '{"vencode_tag":"vts_vod_urlgen.640.feed","bitrate":66971}',
            (640, None, 66_971),
        ),
        ("instagram", '{"vencode_tag":"vts_vod_urlgen.1280.clips"}', (None, None, None)),
        (
            "instagram",
            '{"vencode_tag":"dash_ln_heaac_vbr3_audio","bitrate":66971}',
            (None, None, 66_971),
        ),
        (
            "facebook",
            '{"vencode_tag":"dash_h264-basic-gen2_720p","bitrate":94186,"a":1}',
            (None, 720, 94_186),
        ),
        ("facebook", '{"vencode_tag":"dash_v4_5secgop_hq1_frag_2_video"}', (640, 360, None)),
        (
            "facebook",
            '{"vencode_tag":"dash_v4_5secgop_426_crf_23_main_3.0_frag_2_video"}',
            (426, 240, None),
        ),
        ("facebook", '{"vencode_tag":"sve_sd"}', (None, None, None)),
        ("facebook", '{"vencode_tag":"xpv_progressive.FACEBOOK..C3.640.sve_sd"}', (640, 360, None)),
        ("facebook", "no JSON at all", (None, None, None)),
    ],
)
def test_metas_own_parameter_names_level_and_rate(
    name: str, payload: str, expected: object
) -> None:
    assert measures(name, f"https://a.example/v/t1/x.mp4?efg={efg(payload)}") == expected


def test_a_rate_next_to_metas_parameter_counts_where_the_parameter_has_none() -> None:
    tag, rated = efg('{"vencode_tag":"sve_sd"}'), efg('{"vencode_tag":"sve_sd","bitrate":20000}')

    assert (
        measures("facebook", f"https://a.example/v/x.mp4?efg={tag}&oe=1&bitrate=465397&tag=sve_sd")[
            2
        ]
        == 465_397
    )
    assert (
        measures("facebook", f"https://a.example/v/x.mp4?efg={rated}&bitrate=465397")[2] == 20_000
    )
    assert measures("facebook", f"https://a.example/v/x.mp4?efg={tag}&bitrate=many")[2] is None


@pytest.mark.parametrize(
    ("name", "rest", "rate"),
    [
        ("tiktok", "/video/tos/x/tos-x-ve-0068/abc/?br=1974&bt=987&mime_type=video_mp4", 1_010_688),
        ("tiktok", "/video/tos/x/tos-x-ve-0068/abc/?bt=0&mime_type=video_mp4", None),
        ("reddit", "/abc/DASH_1080.mp4", 4_800_000),
        ("reddit", "/abc/CMAF_1080.mp4", 5_000_000),
        ("reddit", "/abc/DASH_719.mp4", None),
        ("reddit", "/abc/DASH_2_4_M", 2_400_000),
        ("reddit", "/abc/DASH_600_K", 600_000),
        ("reddit", "/abc/CMAF_AUDIO_128.mp4", 128_000),
        ("reddit", "/abc/HLS_AUDIO_160_K.m3u8", 160_000),
        ("bilibili", "/upgcxcode/1/2/3/3-1-30080.m4s?deadline=1&bw=333704&logo=0", 2_669_632),
        ("bilibili", "/upgcxcode/1/2/3/3-1-30280.m4s?bw=40047", 320_376),
        ("bilibili", "/upgcxcode/1/2/3/3-1-30280.m4s?bw=0", None),
        ("bilibili", "/upgcxcode/1/2/3/3-1-30280.m4s", None),
        ("other", "/abc/DASH_1080.mp4?bt=987", None),
    ],
)
def test_other_ladders_give_the_rate_of_their_levels(
    name: str, rest: str, rate: int | None
) -> None:
    assert measures(name, f"https://a.example{rest}")[2] == rate
