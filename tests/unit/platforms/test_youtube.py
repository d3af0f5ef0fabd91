"""YouTube's player responses: whole files, tracks with their sound, and error answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from mediavault.core.failures import (
    AgeRestricted,
    Challenge,
    Deleted,
    Failure,
    LoginRequired,
    Private,
    RateLimited,
    RegionLocked,
    Upcoming,
)
from mediavault.core.media import Candidate, LiveNow, Post, SourceType
from mediavault.core.platform import PageData
from mediavault.extraction.page_data.document import documents
from mediavault.extraction.page_data.html_scan import scan
from mediavault.platforms.youtube import YOUTUBE
from mediavault.platforms.youtube import reader as youtube

ID = "aaaaaaaaaaa"
URL = f"https://www.youtube.com/watch?v={ID}"
POST = Post(URL, URL, "youtube", ID)


def file(itag: int, mime: str, *, tail: str = "", **more: Any) -> dict[str, Any]:
    url = f"https://r1---sn-a.googlevideo.com/videoplayback?expire=1800000000&id=o-A&itag={itag}&mime={mime[:9]}{tail}"
    return {"itag": itag, "url": url, "mimeType": mime, "bitrate": 1_000 * itag, **more}


MUXED = file(
    18, 'video/mp4; codecs="avc1.42001E, mp4a.40.2"', width=640, height=360, tail="&ratebypass=yes"
)
MP4 = file(
    137, 'video/mp4; codecs="avc1.640028"', width=1920, height=1080, fps=30, contentLength="900"
)
WEBM = file(248, 'video/webm; codecs="vp9"', width=1920, height=1080)
AAC = file(140, 'audio/mp4; codecs="mp4a.40.2"')
AAC_LOW = file(139, 'audio/mp4; codecs="mp4a.40.5"')
OPUS = file(251, 'audio/webm; codecs="opus"')


def response(
    *, formats: Any = (MUXED,), tracks: Any = (), video_id: str = ID, **more: Any
) -> dict[str, Any]:
    return {
        "playabilityStatus": {"status": "OK"},
        "streamingData": {"formats": list(formats), "adaptiveFormats": list(tracks)},
        "videoDetails": {
            "videoId": video_id,
            "title": "A kite",
            "lengthSeconds": "61",
            "author": "Jane",
            "shortDescription": "Wind.",
            "thumbnail": {
                "thumbnails": [
                    {"url": "https://i.ytimg.com/vi/a/large.jpg", "width": 1920, "height": 1080},
                    {"url": "https://i.ytimg.com/vi/a/small.jpg", "width": 320, "height": 180},
                ]
            },
        },
        "microformat": {
            "playerMicroformatRenderer": {
                "ownerProfileUrl": "http://www.youtube.com/@jane",
                "publishDate": "2024-03-05",
            }
        },
        **more,
    }


def refusal(status: str, reason: str = "", **more: Any) -> dict[str, Any]:
    return {"playabilityStatus": {"status": status, "reason": reason, **more}}


def read(*answers: object) -> PageData:
    data = youtube.read(POST, YOUTUBE, answers)
    assert data is not None
    return data


def levels(*answers: object) -> tuple[Candidate, ...]:
    return read(*answers).items[0].candidates


def test_names_day_length_and_the_largest_picture_are_read() -> None:
    data = read(response())

    assert (data.handle, data.display_name, data.title, data.text) == (
        "jane",
        "Jane",
        "A kite",
        "Wind.",
    )
    assert data.published_at is not None
    assert data.published_at.date().isoformat() == "2024-03-05"
    assert data.thumbnail_url == "https://i.ytimg.com/vi/a/large.jpg"
    assert data.items[0].expected.duration_s == 61


def test_a_silent_track_has_the_best_sound_of_its_own_container() -> None:
    candidates = levels(response(formats=(), tracks=(MP4, WEBM, AAC_LOW, AAC, OPUS)))

    assert [(c.container, c.video_codec, c.has_audio, c.audio_url) for c in candidates] == [
        ("mp4", "h264", False, AAC["url"]),
        ("webm", "vp9", False, OPUS["url"]),
    ]
    assert (candidates[0].width, candidates[0].height, candidates[0].fps, candidates[0].size) == (
        1920,
        1080,
        30,
        900,
    )


def test_the_original_sound_is_taken_and_not_a_dubbed_one() -> None:
    dubbed = {
        **AAC,
        "url": AAC["url"] + "&dub",
        "bitrate": 999_999,
        "audioTrack": {"audioIsDefault": False},
    }
    original = {**AAC, "audioTrack": {"audioIsDefault": True}}

    assert levels(response(formats=(), tracks=(MP4, dubbed, original)))[0].audio_url == AAC["url"]


def test_a_throttled_track_gives_way_to_a_whole_file() -> None:
    slowed = {**MP4, "url": MP4["url"] + "&n=abc"}

    assert [c.height for c in levels(response(tracks=(slowed, AAC)))] == [360]
    assert [c.height for c in levels(response(formats=(), tracks=(slowed, AAC)))] == [1080]


def test_an_address_with_an_encrypted_signature_is_not_a_candidate() -> None:
    locked = {name: value for name, value in MUXED.items() if name != "url"}
    locked["signatureCipher"] = urlencode({"s": "XYZ", "sp": "sig", "url": MUXED["url"]})

    assert levels(response(formats=(locked,))) == ()
    assert read(response(formats=(locked,))).found


def test_manifests_are_streams_with_sound() -> None:
    answer = response(formats=())
    answer["streamingData"] |= {
        "hlsManifestUrl": "https://manifest.googlevideo.com/api/manifest/hls_variant/a/file.m3u8"
    }

    assert [(c.source_type, c.has_audio) for c in levels(answer)] == [(SourceType.HLS, True)]


def test_an_adverts_response_is_ignored() -> None:
    advert = response(
        formats=(file(22, 'video/mp4; codecs="avc1, mp4a"', width=1280, height=720),),
        video_id="bbbbbbbbbbb",
    )

    assert [c.height for c in levels(advert, response())] == [360]
    assert youtube.read(POST, YOUTUBE, [advert]) is None


def test_a_watch_page_and_an_embeds_nested_text_are_read() -> None:
    page = f"<script>var ytInitialPlayerResponse = {json.dumps(response())};</script>"
    nested = {"args": {"player_response": json.dumps(response())}}
    embed = f"<script>yt.setConfig({json.dumps(nested)})</script>"

    assert [len(levels(*documents(scan(html)))) for html in (page, embed)] == [1, 1]


def owner_data(video_id: str = ID) -> dict[str, Any]:
    owner = {
        "title": {"runs": [{"text": "Jane"}]},
        "navigationEndpoint": {"browseEndpoint": {"canonicalBaseUrl": "/@jane"}},
    }
    contents = {
        "results": [{"videoSecondaryInfoRenderer": {"owner": {"videoOwnerRenderer": owner}}}]
    }
    return {"currentVideoEndpoint": {"watchEndpoint": {"videoId": video_id}}, "contents": contents}


def test_the_account_is_read_from_the_page_where_the_response_does_not_name_it() -> None:
    data = read(response(microformat={}), owner_data())

    assert data.handle == "jane"
    assert read(response(microformat={}), owner_data("bbbbbbbbbbb")).handle is None


def test_a_page_without_a_player_response_names_the_account() -> None:
    data = read(owner_data())

    assert (data.found, data.handle, data.display_name) == (False, "jane", "Jane")
    assert youtube.read(POST, YOUTUBE, [owner_data("bbbbbbbbbbb")]) is None


@pytest.mark.parametrize(
    ("answer", "condition"),
    [
        (refusal("LOGIN_REQUIRED", "This video is private"), Private),
        (refusal("LOGIN_REQUIRED", "Sign in to confirm your age"), AgeRestricted),
        (refusal("LOGIN_REQUIRED", "Sign in to confirm you’re not a bot"), Challenge),
        (
            refusal(
                "ERROR", "This content isn't available. The current session has been rate-limited"
            ),
            RateLimited,
        ),
        (
            refusal(
                "ERROR",
                (
                    "This video has been removed for violating YouTube's policy on the law in your"
                    " country"
                ),
            ),
            Deleted,
        ),
        (refusal("LOGIN_REQUIRED", "Please sign in"), LoginRequired),
        (refusal("ERROR", "Video unavailable"), Deleted),
        (
            refusal("UNPLAYABLE", "The uploader has not made this video available in your country"),
            RegionLocked,
        ),
        (
            refusal("UNPLAYABLE", "Join this channel to get access to members-only content"),
            LoginRequired,
        ),
        (refusal("LIVE_STREAM_OFFLINE", "Premieres in 3 hours"), Upcoming),
    ],
)
def test_an_error_answer_raises_the_matching_failure(
    answer: dict[str, Any], condition: type[Failure]
) -> None:
    with pytest.raises(condition):
        youtube.read(POST, YOUTUBE, [answer])


def test_the_announced_start_of_a_premiere_is_reported() -> None:
    begins = datetime(2026, 12, 1, 18, tzinfo=UTC)
    slate = {"liveStreamOfflineSlateRenderer": {"scheduledStartTime": str(int(begins.timestamp()))}}
    reason = ("LIVE_STREAM_OFFLINE", "Premieres in 3 hours")
    dated = refusal(
        *reason, liveStreamability={"liveStreamabilityRenderer": {"offlineSlate": slate}}
    )

    with pytest.raises(Upcoming, match="2026-12-01 18:00 UTC") as with_time:
        youtube.read(POST, YOUTUBE, [dated])
    with pytest.raises(Upcoming) as without_time:
        youtube.read(POST, YOUTUBE, [refusal(*reason)])

    assert with_time.value.starts_at == begins
    assert (without_time.value.starts_at, without_time.value.retry_after) == (
        None,
        timedelta(hours=3),
    )


def test_a_refusal_about_another_video_is_ignored() -> None:
    other = {**refusal("ERROR", "Video unavailable"), "videoDetails": {"videoId": "bbbbbbbbbbb"}}

    assert youtube.read(POST, YOUTUBE, [other]) is None


def test_a_live_stream_is_not_saved_yet() -> None:
    answer = response()
    answer["videoDetails"]["isLive"] = True

    with pytest.raises(LiveNow):
        youtube.read(POST, YOUTUBE, [answer])
