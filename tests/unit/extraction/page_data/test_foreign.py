"""Media that belong to other posts by the platform's own data."""

from __future__ import annotations

import json
from html import escape
from typing import Any

import pytest

from mediavault.core.media import Ownership
from mediavault.core.urls import parse_http_url
from mediavault.extraction.outcome import PageOutcome
from mediavault.extraction.page_data.other_posts import foreign_media
from mediavault.extraction.saved_page import SavedPageResult, open_saved, read_saved_post
from mediavault.platforms.registry import identify
from tests.unit.extraction.both_ways import read_capture
from tests.unit.extraction.samples import capture, meta

FILE = "https://video.xx.fbcdn.net/v/t42.1790-2/1111_2222222222222_333_n.mp4?oe=6FFFFFFF"
OTHER_FILE = "https://video.xx.fbcdn.net/v/t42.1790-2/4444_5555555555555_666_n.mp4?oe=6FFFFFFF"
FACEBOOK = "https://www.facebook.com/jane/videos"


def look(url: str, html: str) -> SavedPageResult:
    post, platform = identify(parse_http_url(url))
    return read_saved_post(platform, post, open_saved(html.encode(), url))


def foreign(url: str, *documents: object) -> frozenset[str]:
    post, platform = identify(parse_http_url(url))
    return foreign_media(post, platform, documents).addresses


def facebook_page(*, card: str, **players: str) -> str:
    stores = [
        json.dumps({"videoID": name.strip("v"), "type": "video", "src": src})
        for name, src in players.items()
    ]
    return meta("og:video", card) + "".join(
        f'<div data-store="{escape(store)}"></div>' for store in stores
    )


def test_a_card_that_names_another_videos_file_is_not_the_posts() -> None:
    page = facebook_page(card=FILE, v387081299304444=FILE, v440898180508625=OTHER_FILE)

    assert look(f"{FACEBOOK}/111111111111111/", page).outcome is PageOutcome.NO_OWN_VIDEO
    assert look(f"{FACEBOOK}/387081299304444/", page).outcome is PageOutcome.VIDEO


def test_the_same_file_with_another_signature_is_another_videos_too() -> None:
    page = facebook_page(card=FILE.replace("6FFFFFFF", "6EEEEEEE"), v387081299304444=FILE)

    assert look(f"{FACEBOOK}/111111111111111/", page).outcome is PageOutcome.NO_OWN_VIDEO


def test_a_card_whose_file_no_other_video_has_is_believed() -> None:
    page = facebook_page(card=FILE, v440898180508625=OTHER_FILE)

    assert look(f"{FACEBOOK}/111111111111111/", page).outcome is PageOutcome.VIDEO


def test_a_storys_address_is_not_compared_with_the_ids_of_videos() -> None:
    page = facebook_page(card=FILE, v387081299304444=FILE)

    assert (
        look("https://www.facebook.com/jane/posts/111111111111111/", page).outcome
        is PageOutcome.VIDEO
    )


CDN = "https://cdn.example/v.mp4"
X_VIDEO = {"video_info": {"variants": [{"url": CDN}]}}
REDDIT_VIDEO = {"reddit_video": {"hls_url": CDN}}


@pytest.mark.parametrize(
    ("url", "record"),
    [
        (
            "https://x.com/jane/status/1700000000000000001",
            {
                "rest_id": "1700000000000000002",
                "legacy": {"full_text": "a", "extended_entities": {"media": [X_VIDEO]}},
            },
        ),
        (
            "https://www.tiktok.com/@jane/video/7000000000000000001",
            {"id": "7000000000000000002", "video": {"playAddr": CDN}},
        ),
        (
            "https://www.instagram.com/p/CAAAAAAAAAA/",
            {"code": "CBBBBBBBBBB", "video_versions": [{"url": CDN}]},
        ),
        (
            "https://www.threads.com/@jane/post/CAAAAAAAAAA",
            {"code": "CBBBBBBBBBB", "video_versions": [{"url": CDN}]},
        ),
        (
            "https://www.youtube.com/watch?v=aaaaaaaaaaa",
            {
                "videoDetails": {"videoId": "bbbbbbbbbbb"},
                "streamingData": {"formats": [{"url": CDN}]},
            },
        ),
        (
            "https://www.reddit.com/r/kites/comments/aaaaa1/a_kite/",
            {"id": "bbbbb2", "title": "B", "secure_media": REDDIT_VIDEO},
        ),
        (
            "https://vimeo.com/111111",
            {"video": {"id": 222222}, "request": {"files": {"progressive": [{"url": CDN}]}}},
        ),
        (
            "https://www.pinterest.com/pin/1111111/",
            {"id": "2222222", "videos": {"video_list": {"V_720P": {"url": CDN}}}},
        ),
        (
            "https://www.dailymotion.com/video/xaaaaa1",
            {"id": "xbbbbb2", "qualities": {"auto": [{"url": CDN}]}},
        ),
        (
            "https://clips.twitch.tv/AwesomeKiteFlyer-a1",
            {"slug": "OtherKiteFlyer-b2", "videoQualities": [{"sourceURL": CDN}]},
        ),
        (
            "https://jane.tumblr.com/post/111111111111/a",
            {"id": "222222222222", "content": [{"type": "video", "media": {"url": CDN}}]},
        ),
        (
            "https://m.weibo.cn/detail/4500000000000001",
            {"id": "4500000000000002", "page_info": {"urls": {"a": CDN}}},
        ),
    ],
)
def test_media_in_another_posts_record_are_that_posts(url: str, record: dict[str, Any]) -> None:
    assert foreign(url, {"list": [record]}) == {CDN}


def test_media_that_are_also_in_the_posts_own_record_are_the_posts() -> None:
    own = {"code": "CAAAAAAAAAA", "video_versions": [{"url": CDN}]}
    other = {"code": "CBBBBBBBBBB", "video_versions": [{"url": CDN}]}

    assert foreign("https://www.instagram.com/p/CAAAAAAAAAA/", other, own) == frozenset()


def test_a_number_and_its_shortcode_are_the_same_post() -> None:
    record = {"code": "CPQjO5RIIO9", "pk": "2579000000000000001", "video_versions": [{"url": CDN}]}

    assert (
        foreign("https://www.instagram.com/stories/jane/2579000000000000001/", record)
        == frozenset()
    )


def test_ids_of_different_kinds_are_not_compared() -> None:
    record = {"id": "2222222222222222", "user": {}, "page_info": {"urls": {"a": CDN}}}

    assert foreign("https://weibo.com/1111111111/LaBcDeFgH", record) == frozenset()


@pytest.mark.parametrize(
    ("owner", "outcome"),
    [
        ({"url": "https://www.facebook.com/bob"}, PageOutcome.NO_OWN_VIDEO),
        ({"url": "https://www.facebook.com/Jane"}, PageOutcome.VIDEO),
        ({"id": "55"}, PageOutcome.VIDEO),  # a number cannot be compared with a name
    ],
)
def test_on_a_storys_page_another_accounts_video_is_not_the_storys(
    owner: dict[str, str], outcome: PageOutcome
) -> None:
    file = "https://video.xx.fbcdn.net/o1/v/t2/f2/m366/AAAAAAAAAAAAAAAAAAAAAAAA.mp4"
    record = json.dumps(
        {"__typename": "Video", "id": "200000000000002", "playable_url": file, "owner": owner}
    )
    page = (
        f'<p>A kite</p><video src="{file}"></video><script'
        f' type="application/json">{record}</script>'
    )

    assert look("https://www.facebook.com/jane/posts/111111111111111/", page).outcome is outcome


def test_a_site_that_is_not_known_has_no_foreign_media() -> None:
    assert foreign("https://news.example/a", {"id": "2", "video": {"playAddr": CDN}}) == frozenset()


def test_a_visited_page_owns_nothing_that_its_data_assign_to_another_video() -> None:
    url = f"{FACEBOOK}/111111111111111/"
    post, platform = identify(parse_http_url(url))
    own, other = (facebook_page(card=card, v387081299304444=FILE) for card in (OTHER_FILE, FILE))

    seen = [
        read_capture(post, platform, capture(url=url, final_url=url, html=html))
        for html in (own, other)
    ]

    assert [len(extraction.items) for extraction in seen] == [1, 0]
    assert [candidate.ownership for candidate in seen[1].others] == [Ownership.UNKNOWN]
