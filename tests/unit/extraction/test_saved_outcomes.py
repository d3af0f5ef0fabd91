"""The outcome of saved documents without the post's own video, on every platform.

Each platform's record of *another* post with a video, in its own format, is in a page with the
post's address.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.extraction.saved_reading import read_saved

WORDS = (
    "Jane walked along the river in the morning and wrote down all that she saw before the town was"
    " awake."
)
META_FILE = (
    "https://video.xx.fbcdn.net/o1/v/t2/f2/m366/AAAAAAAAAAAAAAAAAAAAAAAA.mp4?oh=00_x&oe=70000000"
)
GRAM_FILE = "https://scontent.cdninstagram.com/o1/v/t16/f2/m86/AAAAAAAAAAAAAAAAAAAAAAAA.mp4?oh=00_x&oe=70000000"


def tweet(post_id: str) -> dict[str, Any]:
    variant = {
        "content_type": "video/mp4",
        "url": "https://video.twimg.com/amplify_video/7/vid/1280x720/a.mp4",
    }
    media = [{"type": "video", "id_str": "7", "video_info": {"variants": [variant]}}]
    return {"rest_id": post_id, "legacy": {"full_text": "w", "extended_entities": {"media": media}}}


def gram(code: str) -> dict[str, Any]:
    return {
        "code": code,
        "media_type": 2,
        "user": {"username": "bob"},
        "video_versions": [{"url": GRAM_FILE}],
    }


def face(video_id: str) -> dict[str, Any]:
    urls = [{"progressive_url": META_FILE, "metadata": {"quality": "HD"}}]
    return {
        "__typename": "Video",
        "id": video_id,
        "videoDeliveryResponseFragment": {"progressive_urls": urls},
    }


def played(video_id: str) -> dict[str, Any]:
    file = {"itag": 18, "url": "https://r1.googlevideo.com/videoplayback?expire=1999999999&itag=18"}
    return {
        "playabilityStatus": {"status": "OK"},
        "videoDetails": {"videoId": video_id},
        "streamingData": {"formats": [file]},
    }


def skeet(key: str) -> dict[str, Any]:
    embed = {
        "$type": "app.bsky.embed.video#view",
        "playlist": "https://video.bsky.app/watch/did/bafk/playlist.m3u8",
    }
    uri = f"at://did:plc:bob/app.bsky.feed.post/{key}"
    return {"uri": uri, "author": {"handle": "bob.test"}, "record": {"text": "w"}, "embed": embed}


def snap(story_id: str) -> dict[str, Any]:
    urls = {"mediaUrl": "https://cf-st.sc-cdn.net/d/abc.27.IRZXSOY"}
    return {
        "story": {
            "storyId": {"value": story_id},
            "snapList": [{"snapMediaType": 1, "snapUrls": urls}],
        }
    }


TOOT = {
    "id": "2",
    "account": {"acct": "bob"},
    "media_attachments": [{"type": "video", "url": "https://f.test/a.mp4"}],
}
REEL = {"reddit_video": {"fallback_url": "https://v.redd.it/abcdefgh/CMAF_720.mp4?source=fallback"}}
SUBMISSION = {
    "title": "T",
    "id": "xyz789",
    "name": "t3_xyz789",
    "subreddit": "pics",
    "permalink": "/",
    "secure_media": REEL,
}
ITEM = {
    "id": "2",
    "author": {"uniqueId": "bob"},
    "video": {"playAddr": "https://v16.tiktok.com/video/tos/a/?a=1"},
}
CLIP = {
    "slug": "OtherClip-abc",
    "broadcaster": {"login": "bob"},
    "videoQualities": [{"sourceURL": "https://x.twitchcdn.net/a.mp4"}],
}
PIN = {
    "id": "2",
    "images": {},
    "videos": {"video_list": {"V_720P": {"url": "https://v1.pinimg.com/videos/mc/720p/a.mp4"}}},
}
BLOCK = {
    "type": "video",
    "media": {"url": "https://va.media.tumblr.com/tumblr_a.mp4", "type": "video/mp4"},
}
CONFIG = {
    "request": {"files": {"progressive": [{"url": "https://vod.akamaized.net/a.mp4"}]}},
    "video": {"id": 2},
}
STREAM = {
    "type": "application/x-mpegURL",
    "url": "https://www.dailymotion.com/cdn/manifest/video/x2.m3u8",
}
STATUS = {
    "id": 2,
    "user": {"id": 5},
    "page_info": {"media_info": {"mp4_720p_mp4": "https://f.video.weibocdn.com/a.mp4"}},
}

# The address of the post, and another post's record
OTHERS: Mapping[str, tuple[str, object]] = {
    "x": ("https://x.com/jane/status/1000000000000000001", tweet("2")),
    "tiktok": ("https://www.tiktok.com/@jane/video/7000000000000000001", ITEM),
    "instagram": ("https://www.instagram.com/p/CPQjO5RIIO9/", gram("CPQjO5RIIO8")),
    "threads": ("https://www.threads.com/@jane/post/CPQjO5RIIO9", gram("CPQjO5RIIO8")),
    "facebook": (
        "https://www.facebook.com/watch/?v=100000000000001",
        [face("200000000000002"), face("3000000003")],
    ),
    "facebook, a story": (
        "https://www.facebook.com/jane/posts/100000000000001",
        face("200000000000002"),
    ),
    "youtube": ("https://www.youtube.com/watch?v=AAAAAAAAAAA", played("BBBBBBBBBBB")),
    "reddit": ("https://www.reddit.com/r/pics/comments/abc123/t/", SUBMISSION),
    "bluesky": ("https://bsky.app/profile/jane.test/post/3kaaaaaaaaaa1", skeet("3kaaaaaaaaaa2")),
    "mastodon": ("https://mastodon.social/@jane/110000000000000001", TOOT),
    "vimeo": ("https://vimeo.com/100000001", CONFIG),
    "twitch": ("https://clips.twitch.tv/BraveClip-abcdefgh", CLIP),
    "pinterest": ("https://www.pinterest.com/pin/100000000000000001/", PIN),
    "snapchat": (
        "https://www.snapchat.com/spotlight/W7_AAAAAAAAAAAAAAAAAAAAAAAAAAAA1",
        snap("W7_other"),
    ),
    "tumblr": (
        "https://www.tumblr.com/jane/700000000000000001",
        {"id": "2", "blogName": "bob", "content": [BLOCK]},
    ),
    "dailymotion": (
        "https://www.dailymotion.com/video/x8aaaa1",
        {"id": "x2", "qualities": {"auto": [STREAM]}},
    ),
    "bilibili": (
        "https://www.bilibili.com/video/BV1xx411c7mD",
        {"bvid": "BV1yy411c7mE", "owner": {"mid": 5}},
    ),
    "weibo": ("https://weibo.com/1234567890/4900000000000001", STATUS),
}
SITES = pytest.mark.parametrize(("url", "record"), OTHERS.values(), ids=OTHERS.keys())


def page(body: str = "", *, head: str = "", record: object = None) -> str:
    script = (
        f'<script type="application/json">{json.dumps({"related": record})}</script>'
        if record
        else ""
    )
    return f"<html><head>{head}</head><body>{body}{script}</body></html>"


def meta(**named: str) -> str:
    return "".join(
        f'<meta property="og:{name}" content="{content}">' for name, content in named.items()
    )


@SITES
def test_a_page_whose_data_hold_other_posts_videos_alone_says_nothing_against_the_posts_own(
    url: str, record: object
) -> None:
    """Neither where the page is an empty shell, nor where it has words,
    nor where it announces a video itself.
    """
    announced = meta(title="Jane", type="video.other")

    assert read_saved(url, page("<div></div>", record=record)).outcome == "no_own_video"
    assert read_saved(url, page(f"<p>{WORDS}</p>", record=record)).outcome == "no_own_video"
    assert read_saved(url, page(head=announced, record=record)).outcome == "metadata_only"


@SITES
def test_another_posts_player_and_an_advert_are_not_the_posts(url: str, record: object) -> None:
    article = f'<article><a href="{url}">now</a><p>{WORDS}</p></article>'
    related = '<article><a href="/other/9">x</a><video src="https://cdn.site.test/a.mp4"></video></article>'
    advert = '<video src="https://ads.doubleclick.net/a.mp4"></video>'

    assert read_saved(url, page(article + related)).outcome == "no_own_video"
    assert read_saved(url, page(article + advert)).outcome == "no_own_video"


@SITES
def test_a_page_that_shows_nothing_of_the_post_says_nothing_about_its_video(
    url: str, record: object
) -> None:
    """Metadata alone, an application that has not started yet, and another page of the site."""
    host = "/".join(url.split("/")[:3])
    front = f'<link rel="canonical" href="{host}/">'

    assert (
        read_saved(url, page(head=meta(title="Jane", image="https://img.test/a.jpg"))).outcome
        == "metadata_only"
    )
    assert (
        read_saved(url, page('<div id="root"></div>', head="<title>App</title>")).outcome
        == "metadata_only"
    )
    assert read_saved(url, page(f"<p>{WORDS}</p>", head=front)).outcome == "metadata_only"


@SITES
def test_a_page_with_words_and_no_video_is_a_post_without_a_video(url: str, record: object) -> None:
    assert read_saved(url, page(f"<p>{WORDS}</p>")).outcome == "no_video"


def test_a_page_that_describes_a_video_without_files_does_not_deny_it() -> None:
    video = {"bvid": "BV1xx411c7mD", "title": "T", "owner": {"mid": 5, "name": "Jane"}, "pages": []}
    related = {"bvid": "BV1yy411c7mE", "owner": {"mid": 6}, "pages": []}
    reading = read_saved(
        OTHERS["bilibili"][0],
        page(f"<p>{WORDS}</p>", record={"videoData": video, "related": [related]}),
    )

    assert (reading.outcome, reading.name) == ("metadata_only", "Jane")


def test_an_advert_is_not_a_video_that_the_page_announces() -> None:
    advert = '<div><video src="https://ads.doubleclick.net/a.mp4"></video></div>'

    assert (
        read_saved("https://blog.example/post/walk-1", page(f"<p>{WORDS}</p>{advert}")).outcome
        == "no_own_video"
    )


def test_an_account_page_under_a_posts_address_says_nothing_about_the_post() -> None:
    account = '<link rel="canonical" href="https://x.com/jane">'

    assert (
        read_saved(OTHERS["x"][0], page(f"<p>{WORDS}</p>", head=account)).outcome == "metadata_only"
    )


def test_only_the_linkedin_element_with_the_posts_urn_counts() -> None:
    def element(number: str, inside: str) -> str:
        return f'<article data-activity-urn="urn:li:activity:{number}">{inside}</article>'

    source = json.dumps(
        [{"src": "https://dms.licdn.com/playlist/vid/v2/D1/mp4-720p-30fp-crf28/0/1?e=1999999999"}]
    )
    related = element("7000000000000000002", f"<video data-sources='{source}'></video>")
    url = "https://www.linkedin.com/posts/jane_t-activity-7000000000000000001-abcd"

    assert (
        read_saved(url, page(element("7000000000000000001", WORDS) + related)).outcome
        == "no_own_video"
    )


def test_a_page_with_data_that_no_reader_knows_is_not_an_empty_one() -> None:
    assert (
        read_saved(OTHERS["tiktok"][0], page(record={"statusCode": 100004})).outcome
        == "metadata_only"
    )


# --- Instagram's embeds ---------------------------------------------------------------------------

GRAM = OTHERS["instagram"][0]
NUMBER = "2580717541674484669"  # what the shortcode writes


def embed(kind: str, number: str = NUMBER) -> str:
    return page(
        f'<div class="Embed " data-media-type="{kind}" data-media-id="{number}">'
        '<a class="ViewProfileButton" href="https://www.instagram.com/jane/'
        '?utm_source=ig_embed">View profile</a>'
        f'<img class="EmbeddedMediaImage" src="https://scontent.cdninstagram.com/v/p.jpg"><div>{WORDS}</div></div>'
    )


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("GraphVideo", "metadata_only"),
        ("GraphSidecar", "metadata_only"),
        ("GraphImage", "no_video"),
    ],
)
def test_an_embed_whose_player_has_not_loaded_shows_the_kind_of_the_post(
    kind: str, outcome: str
) -> None:
    reading = read_saved(f"{GRAM}embed/captioned/", embed(kind))

    assert (reading.outcome, reading.handle) == (outcome, "jane")
    assert reading.thumbnail == "https://scontent.cdninstagram.com/v/p.jpg"


def test_another_posts_embed_says_nothing_about_this_one() -> None:
    assert read_saved(GRAM, embed("GraphImage", number="77")).handle is None


def test_a_broken_embed_is_a_post_that_is_gone() -> None:
    broken = "The link to this photo or video may be broken, or the post may have been removed."

    assert (
        read_saved(f"{GRAM}embed/", page(f'<div class="EmbedIsBroken">{broken}</div>')).outcome
        == "gone"
    )
