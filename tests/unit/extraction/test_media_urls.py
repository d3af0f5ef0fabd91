"""Which addresses may be a video, which are a part of one, and which are never the post's."""

from __future__ import annotations

import base64
import csv
import re
from pathlib import Path

import pytest

from mediavault.core.media import SourceType, Watermark
from mediavault.core.platform import MediaRules, Platform
from mediavault.extraction.media_urls import classify_media

SHARED = Path(__file__).parents[4] / "shared" / "fixtures" / "media_urls.tsv"

SITE = Platform(
    name="site",
    title="Site",
    media=MediaRules(
        path=re.compile(r"/clips/\d+"),
        key=re.compile(r"/clips/(\d+)"),
        reject_path=re.compile(r"/strip/"),
        watermark_yes=re.compile(r"/logo/"),
        watermark_no=re.compile(r"[?&]clean=1"),
    ),
)


def _efg(tag: str) -> str:
    raw = f'{{"vencode_tag":"{tag}","duration_s":7}}'
    return base64.urlsafe_b64encode(raw.encode()).decode().replace("=", "%3D")


KINDS = {
    "https://a.example/v.mp4": "direct",
    "https://a.example/v.MP4?x=1": "direct",
    "https://a.example/a/9-720-fragmented.mp4": "direct",
    "https://a.example/part1.mp4": "direct",
    "https://a.example/v.webm": "direct",
    "https://a.example/x/playlist.m3u8?sec=1": "hls",
    "https://a.example/v.ism/manifest(format=m3u8-aapl)": "hls",
    "https://a.example/api/manifest/hls_variant/id/1/file/index.m3u8": "hls",
    "https://a.example/x/master.mpd?base64_init=1": "dash",
    "https://a.example/v.ism/manifest(format=mpd-time-csf)": "dash",
    "https://a.example/seg/12.ts": "segment",
    "https://a.example/x/3.m4s": "segment",
    "https://a.example/x/init.mp4": "segment",
    "https://a.example/x/init-v1.mp4": "segment",
    "https://a.example/x/segment-12.mp4": "segment",
    "https://a.example/v/t1/x.mp4?bytestart=0&byteend=99": "segment",
    "https://a.example/amplify_video/1/vid/avc1/0/3000/720x720/x.mp4": "segment",
    "https://a.example/sound.m4a": "audio_only",
    "https://a.example/abc/DASH_AUDIO_128.mp4": "audio_only",
    "https://a.example/abc/DASH_720.mp4?source=fallback": "video_only",
    "https://a.example/1/sep/audio/2/playlist.m3u8": "audio_only",
    "https://a.example/1/sep/video/2/playlist.m3u8": "video_only",
    "https://a.example/upgcxcode/1/2/3-1-30080.m4s": "video_only",
    "https://a.example/upgcxcode/1/2/3-1-30280.m4s": "audio_only",
    "https://a.example/videoplayback?itag=18&mime=video%2Fmp4": "direct",
    "https://a.example/videoplayback?itag=247&mime=video%2Fwebm": "video_only",
    "https://a.example/videoplayback?itag=251&mime=audio%2Fwebm": "audio_only",
    "https://a.example/videoplayback?sabr=1&itag=18": "other",
    "https://a.example/videoplayback?itag=386&mime=text%2Fmp4": "subtitle",
    "https://a.example/x.mp4?efg=ÄÖÜ": "direct",
    "https://a.example/x.mp4?efg=A": "direct",
    "https://a.example/videoplayback?itag=247&mime=video%2Fwebm&range=0-99": "segment",
    "https://a.example/videoplayback/expire/1/itag/18/mime/video%2Fmp4/sig/A": "direct",
    "https://a.example/videoplayback/expire/1/itag/251/mime/audio%2Fwebm/sig/A": "audio_only",
    "https://a.example/api/timedtext?v=1&fmt=vtt": "subtitle",
    "https://a.example/bfs/subtitle/0a.json": "subtitle",
    "https://a.example/abc/DASH_2_4_M?source=fallback": "video_only",
    "https://a.example/abc/DASH_600_K": "video_only",
    "https://a.example/video_redirect/?src=https%3A%2F%2Fb.example%2Fv.mp4": "direct",
    "https://a.example/stream/0a0a/mp3-128/1?ts=1": "audio_only",
    "https://a.example/clip.gif?format=mp4&s=1": "direct",
    "https://a.example/clip.gif?format=png8&s=1": "image",
    "https://a.example/playlist/vid/v2/D4E/mp4-720p-30fp-crf28/B4/0/17?e=1": "direct",
    "https://a.example/dms/image/v2/D4E/videocover-high/B4/0/17?e=1": "image",
    "https://a.example/v/WtkQC1cnF_hRCJbbm/x480": "image",
    "https://a.example/d/FwBOgoOv1RYX.27.IRZXSOY?mo=G": "direct",
    "https://a.example/d/FwBOgoOv1RYX.256.IRZXSOY?mo=G": "image",
    "https://a.example/x/v2/playlist/av/primary/playlist.json?omit=av1": "other",
    "https://a.example/x/v2/range/prot/cHI9/avf/x.mp4": "segment",
    "https://a.example/abc/audio_only/index-dvr.m3u8": "audio_only",
    "https://a.example/hls/9c9de5e8/9c9de5e8-0-fragmented.mp4": "audio_only",
    "https://a.example/amplify_video/1/pl/avc1/720x1280/x.m3u8": "video_only",
    "https://a.example/amplify_video/1/pl/mp4a/128000/x.m3u8": "audio_only",
    "https://a.example/upgcxcode/1/2/3-1-16.mp4": "direct",
    f"https://a.example/x.mp4?efg={_efg('dash_v4_hq1_frag_2_video')}": "video_only",
    f"https://a.example/x.mp4?efg={_efg('ig-xpvds.clips.c2-C3.dash_ln_audio_v1')}": "audio_only",
    f"https://a.example/x.mp4?efg={_efg('ig-xpvds.clips.c2-C3.dash_high_1080p_v1')}": "video_only",
    f"https://a.example/x.mp4?efg={_efg('xpv_progressive.AUDIO_ONLY..C3.0.progressive_audio')}": "audio_only",  # noqa: E501
    "https://a.example/aweme/v1/play/?format=webvtt&language=spa-ES&video_id=v1": "subtitle",
    "https://v.redd.it/abc123def4567/audio": "audio_only",
    "https://v.redd.it/abc123def4567/HLS_720.m3u8": "video_only",
    "https://pbs.twimg.com/tweet_video/FZ5gylsX.mp4": "direct",
    "https://64.media.tumblr.com/0a1b/2c-3d/s640x960/4e5f.gifv": "image",
    f"https://a.example/x.mp4?efg={_efg('site-ds.clips.c2-C3.dash_vp9-basic_720p')}": "video_only",
    f"https://a.example/x.mp4?efg={_efg('dash_ln_heaac_vbr3_audio')}": "audio_only",
    f"https://a.example/x.mp4?efg={_efg('xpv_progressive.C3.1080.dash_baseline_1080p_v1')}": "direct",  # noqa: E501
    f"https://a.example/x.mp4?efg={_efg('vts_vod_urlgen.clips.unknown-C3.576.dash_baseline_1_v1')}": "direct",  # noqa: E501
    f"https://a.example/x.mp4?efg={_efg('dash_v4audioforsourcepipeline_128_crf_23_frag_2_video')}": "video_only",  # noqa: E501
    f"https://a.example/x.mp4?efg={_efg('dash_v4audioforsourcepipeline_128_crf_23_frag_2_audio')}": "audio_only",  # noqa: E501
    f"https://a.example/x.mp4?efg={_efg('sve_sd').replace('%3D', '')}u00253D": "direct",
    "https://a.example/video/tos/no1a/tos-no1a-ve-0068-no/abc/?mime_type=video_mp4&ds=6": "direct",
    "https://a.example/video/tos/no1a/tos-no1a-v-0037-no/abc/?mime_type=video_mp4&ds=4": "subtitle",
    "https://a.example/tos-no1a-p-0037-no/abc~tplv-play.mp4": "image",
    "https://a.example/obj/tos-useast5-p-0068-tx/035e_164?x-expires=1": "image",
    "https://a.example/p.jpg:large": "image",
    "https://a.example/p.jpg@672w_378h_1c": "image",
    "https://a.example/img/plain/did:plc:a/bafkrei@jpeg": "image",
    "https://pbs.twimg.com/profile_banners/1/2/1500x500": "image",
    "https://a.example/media/Xyz?format=jpg&name=large": "image",
    "https://cdn.bsky.app/img/feed_thumbnail/plain/did:plc:a/bafkrei": "image",
    "https://video.cdn.bsky.app/hls/did:plc:a/bafkrei/720p/video.m3u8": "hls",
    "https://a.example/playlist/vid/dash/D4E/CeJx?e=1": "dash",
    "https://a.example/playlist/vid/dynamic/D4E/BAQj?e=1": "hls",
    "https://a.example/x/v2/playlist/av/media.m3u8?pathsig=1&st=video": "video_only",
    "https://a.example/x/v2/playlist/av/media.m3u8?pathsig=1&st=audio": "audio_only",
    "https://a.example/Transcoding/v1/hls/a/non_transcode/audio-space/master_playlist.m3u8": "audio_only",  # noqa: E501
    (
        "https://a.example/progressive_redirect/playback/12345/rendition/720p?loc=external"
        "&signature=0a"
    ): "direct",
    "https://a.example/play/0a1b2c3d-0000-4000-8000-0a1b2c3d4e5f?s=12345_1_0a&sid=0b": "direct",
    "https://a.example/play/0a1b2c3d-0000-4000-8000-0a1b2c3d4e5f/hls?s=12345_1_0a": "hls",
    "https://sf16-ies-music-xx.tiktokcdn.com/obj/tos-xx-ve-2774/0a1b2c": "audio_only",
    "https://sf16-music-ies.example/obj/tos-xx-ve-2774/0a1b2c": "other",
    "https://a.example/en.vtt": "subtitle",
    "https://a.example/app.0d0c.js": "static",
    "https://a.example/rsrc.php/v4/x.png": "static",
    "https://abs.twimg.com/icons/x.png": "static",
    "https://notabs.twimg.com/icons/x.png": "image",
    "https://a.example/emg1/v/t13/123?url=x": "image",
    "https://a.example/wp-content/themes/x/logo.png": "static",
    "https://a.example/wp-content/uploads/logo.png": "image",
    "https://a.example/s/_/app/_/js/k=app.en": "static",
    "https://a.example/a/1080.torrent": "static",
    "https://a.example/watch": "other",
    "https://wiki.example/lib/exe/fetch.php?w=320&media=holiday:clip.mp4": "direct",
    "https://wiki.example/lib/exe/fetch.php?media=holiday:beach.jpg": "image",
    "https://a.example/download?file=clip.webm": "direct",
    "https://a.s3.example/0a1b2c?response-content-type=video%2Fmp4&X-Amz-Expires=60": "direct",
    (
        "https://a.s3.example/0a1b2c"
        "?response-content-disposition=attachment%3B%20filename%3D%22clip.mp4%22"
    ): "direct",
    "https://a.example/player?file=https%3A%2F%2Fb.example%2Fclip.mp4": "other",
    "https://a.example/watch.html?file=clip.mp4": "static",
    "data:video/mp4;base64,AAAA": "other",
    "blob:https://a.example/1": "other",
    "http://[broken/v.mp4": "other",
    "": "other",
}


@pytest.mark.parametrize("url", KINDS)
def test_an_address_shows_its_kind(url: str) -> None:
    assert classify_media(url).kind == KINDS[url]


@pytest.mark.parametrize(
    ("url", "mime", "kind"),
    [
        ("https://a.example/v.mp4", "text/html; charset=utf-8", "other"),
        ("https://a.example/v.mp4", "image/jpeg", "image"),
        ("https://a.example/v.mp4", "application/octet-stream", "direct"),
        ("https://a.example/x", "video/mp4", "direct"),
        ("https://a.example/x", "Application/Vnd.Apple.MpegURL", "hls"),
        ("https://a.example/x", "application/dash+xml", "dash"),
        ("https://a.example/x", "video/mp2t", "segment"),
        ("https://a.example/x/init.mp4", "video/mp4", "segment"),
        ("https://a.example/x", "audio/mp4", "audio_only"),
        ("https://a.example/x/DASH_720.mp4", "video/mp4", "video_only"),
    ],
)
def test_the_content_type_of_the_answer_wins_over_the_name(url: str, mime: str, kind: str) -> None:
    assert classify_media(url, mime).kind == kind


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("https://a.example/v.mp4", SourceType.DIRECT),
        ("https://a.example/x.m3u8", SourceType.HLS),
        ("https://a.example/x.mpd", SourceType.DASH),
        ("https://a.example/1/sep/video/2/playlist.m3u8", SourceType.HLS),
        ("https://a.example/x/3.m4s", None),
        ("https://a.example/x.jpg", None),
        ("https://a.example/watch", None),
    ],
)
def test_only_videos_and_tracks_have_a_transport(url: str, source: SourceType | None) -> None:
    assert classify_media(url).source_type is source


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://ad.doubleclick.net/v.mp4", "it is an advert"),
        ("https://imasdk.googleapis.com/v.mp4", "it is an advert"),
        ("https://a.example/ads/spot/video.mp4", "it is an advert"),
        ("https://a.example/x/preroll.mp4", "it is an advert"),
        ("https://a.example/vast/1.mp4", "it is an advert"),
        ("https://a.example/previews/1.mp4", "it is a preview"),
        ("https://a.example/v/1_thumb.mp4", "it is a preview"),
        ("https://a.example/v/sprite-2.mp4", "it is a preview"),
        ("https://a.example/v/1_preview.mp4", "it is a preview"),
        ("https://a.example/strip/1.mp4", "it is a preview"),
    ],
)
def test_adverts_and_previews_are_never_the_posts_video(url: str, why: str) -> None:
    seen = classify_media(url, platform=SITE)

    assert seen.rejected == why
    assert not seen.may_be_video


@pytest.mark.parametrize(
    "url",
    [
        "https://notdoubleclick.net/v.mp4",
        "https://a.example/downloads/v.mp4",
        "https://a.example/uploads/heads.mp4",
        "https://a.example/thumbelina/v.mp4",
        "https://a.example/movie-preview.mp4",
        "https://a.example/vastness.mp4",
    ],
)
def test_a_word_that_only_contains_another_rejects_nothing(url: str) -> None:
    assert classify_media(url, platform=SITE).may_be_video


def test_a_rejected_video_is_a_preview_but_a_picture_stays_a_picture() -> None:
    assert classify_media("https://a.example/strip/1.mp4", platform=SITE).kind == "preview"
    assert classify_media("https://a.example/strip/1.jpg", platform=SITE).kind == "image"


def test_a_list_of_adverts_on_the_platforms_path_for_media_is_not_a_video() -> None:
    assert classify_media("https://a.example/clips/77/x.vmap", platform=SITE).kind == "other"


def test_the_platforms_facts_give_kind_key_and_watermark() -> None:
    seen = classify_media("https://a.example/clips/77?clean=1", platform=SITE)

    assert (seen.kind, seen.media_key, seen.watermark) == ("direct", "77", Watermark.NO)


def test_a_watermark_in_the_address_counts_before_a_claim_of_none() -> None:
    url = "https://a.example/logo/clips/77?clean=1"

    assert classify_media(url, platform=SITE).watermark is Watermark.YES
    assert classify_media(url).watermark is Watermark.UNKNOWN


def test_the_size_is_read_where_the_path_names_it() -> None:
    seen = classify_media("https://a.example/vid/avc1/1280x720/x.mp4?tag=12")
    unnamed = classify_media("https://a.example/2013x07/11x12345.mp4")

    assert (seen.width, seen.height) == (1280, 720)
    assert (unnamed.width, unnamed.height) == (None, None)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared")
def test_recorded_addresses_are_of_the_recorded_kind() -> None:
    """The address of one recorded sound track has nothing that distinguishes it from a whole
    file.
    """
    names = {"direct_mp4": "direct", "redirect_to_mp4": "direct"}
    with SHARED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    wrong = [
        (row["kind"], seen.kind.value)
        for row in rows
        if "/aweme/v1/play/" not in row["url"] and "DASH_96" not in row["url"]
        if (seen := classify_media(row["url"])).kind != names.get(row["kind"], row["kind"])
    ]

    assert len(rows) > 100
    assert wrong == [("audio_only", "direct")]
