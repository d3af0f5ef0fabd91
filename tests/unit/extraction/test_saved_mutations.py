"""Documents with missing, mistyped or cut-off parts still have an outcome, and never give another
post's video.

The changes are drawn from a seed, so that a failure can be reproduced.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from mediavault.core.failures import BadInput, ErrorCode
from mediavault.core.urls import parse_http_url
from mediavault.extraction.ranking import choose_candidate
from mediavault.extraction.saved_page import SavedPageResult, open_saved, read_saved_post
from mediavault.platforms import meta_media
from mediavault.platforms.registry import identify
from tests.unit.extraction.samples import TIKTOK_ID, X_ID, tiktok_item, tweet, x_thread, x_video

ROUNDS = 120  # per document; all of them take a few seconds
FOREIGN = "foreign"  # in the address of every video of another post
CODE = "CPQjO5RIIO9"
NUMBER = meta_media.number_of(CODE) or ""


def tiktok_other() -> dict[str, Any]:
    other = tiktok_item(post_id="7123456789012345999")
    addresses = json.dumps(other["video"]).replace("/x/", f"/{FOREIGN}/")
    return {**other, "video": json.loads(addresses)}


def instagram(code: str, pk: str, name: str) -> dict[str, Any]:
    files = [
        {
            "url": f"https://scontent-mad2-1.cdninstagram.com/o1/v/t16/{name}.mp4?oe=6A0B1C2D",
            "width": 720,
            "height": 1280,
        }
    ]
    picture = {
        "candidates": [
            {
                "url": f"https://scontent-mad2-1.cdninstagram.com/v/{name}.jpg",
                "width": 1,
                "height": 1,
            }
        ]
    }
    user = {"username": name, "full_name": name}
    facts = {
        "code": code,
        "pk": pk,
        "media_type": 2,
        "user": user,
        "caption": {"text": "hi"},
        "taken_at": 1,
    }
    return {
        **facts,
        "video_versions": files,
        "image_versions2": picture,
        "text_post_app_info": {"share_info": {}},
    }


def facebook(name: str, video_id: str) -> dict[str, Any]:
    owner = {
        "__typename": "User",
        "id": "1",
        "name": name,
        "url": f"https://www.facebook.com/{name}",
    }
    url = f"https://video.xx.fbcdn.net/v/t42.1790-2/{name}_n.mp4?oe=60C01520"
    return {
        "__typename": "Video",
        "id": video_id,
        "playable_url": url,
        "playable_duration_in_ms": 9,
        "owner": owner,
    }


def reddit(name: str, post_id: str) -> dict[str, Any]:
    video = {
        "hls_url": f"https://v.redd.it/{name}/HLSPlaylist.m3u8",
        "fallback_url": f"https://v.redd.it/{name}/DASH_720.mp4",
    }
    facts = {
        "id": post_id,
        "title": "Kite",
        "author": name,
        "permalink": f"/r/a/comments/{post_id}/kite/",
    }
    return {
        **facts,
        "is_self": False,
        "secure_media": {"reddit_video": video},
        "url": f"https://v.redd.it/{name}",
    }


def youtube(name: str, video_id: str) -> dict[str, Any]:
    url = f"https://r1---sn-a.googlevideo.com/videoplayback?id=o-{name}&itag=18&ratebypass=yes"
    formats = [
        {
            "itag": 18,
            "url": url,
            "mimeType": 'video/mp4; codecs="avc1.42001E, mp4a.40.2"',
            "width": 640,
            "height": 360,
        }
    ]
    details = {
        "videoId": video_id,
        "author": name,
        "lengthSeconds": "9",
        "thumbnail": {"thumbnails": [{"url": "https://i.ytimg.com/a.jpg"}]},
    }
    return {
        "playabilityStatus": {"status": "OK"},
        "videoDetails": details,
        "streamingData": {"formats": formats},
    }


LISTING = {"kind": "Listing", "data": {"children": [
    {"kind": "t3", "data": reddit(FOREIGN, "zzz999")},
    {"kind": "t3", "data": reddit("own12345", "abc123")}]}}  # fmt: skip

DOCUMENTS: dict[str, Any] = {
    f"https://x.com/jane/status/{X_ID}": x_thread(
        tweet(x_video("own"),
              quoted_status_result={"result": tweet(x_video(f"{FOREIGN}1"), post_id="2")}),
        tweet(x_video(f"{FOREIGN}2"), post_id="3"),
        promoted=tweet(x_video(f"{FOREIGN}3"), post_id="4"),
    ),
    f"https://www.tiktok.com/@jane/video/{TIKTOK_ID}": {
        "__DEFAULT_SCOPE__": {
            "webapp.video-detail": {"statusCode": 0, "itemInfo": {"itemStruct": tiktok_item()}},
            "webapp.related": {"itemList": [tiktok_other()]},
        }
    },
    f"https://www.instagram.com/p/{CODE}/": {"items": [instagram("AAAAAAAAAAA", "7", FOREIGN),
                                                       instagram(CODE, NUMBER, "own")]},
    f"https://www.threads.com/@own/post/{CODE}": {
        "thread_items": [{"post": instagram(CODE, NUMBER, "own")},
                         {"post": instagram("AAAAAAAAAAA", "7", FOREIGN)}]
    },
    "https://www.facebook.com/own/videos/387081299304444/": {
        "next": [facebook(FOREIGN, "99999999999")], "video": facebook("own", "387081299304444")
    },
    "https://www.reddit.com/r/a/comments/abc123/": [LISTING,
                                                    {"kind": "Listing", "data": {"children": []}}],
    "https://www.youtube.com/watch?v=abcdefghijk": {"ad": youtube(FOREIGN, "AAAAAAAAAAA"),
                                                    "own": youtube("own", "abcdefghijk")},
}  # fmt: skip

ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, 10**30, float("nan"), "", "x", [], {}, [[]], [None], {"a": None},
    "https://", "http://[::1", "\ud800", "https://x.test/" + "a" * 9_000, [1, 2], {"url": 5},
    "2020-99-99", "[", '{"', "�",
)  # fmt: skip
CUTS = ("<", ">", '"', "&", "\0", "{", "}", "</script>", "<!--", "\\", "\r\n", "]")


def containers_and_keys(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in (
        list(value)
        if isinstance(value, dict)
        else range(len(value))
        if isinstance(value, list)
        else ()
    ):
        yield value, key
        yield from containers_and_keys(value[key])


def changed(document: Any, draw: random.Random) -> Any:
    """A copy in which one to three values are missing, wrapped, or of another type."""
    document = copy.deepcopy(document)
    for _ in range(draw.randint(1, 3)):
        holder, key = draw.choice(list(containers_and_keys(document)))
        match draw.randrange(4):
            case 0:
                del holder[key]
            case 1:
                holder[key] = [holder[key]]
            case _:
                holder[key] = copy.deepcopy(draw.choice(ODD))
        if not document:
            break
    return document


def torn(text: str, draw: random.Random) -> str:
    index = draw.randrange(len(text))
    return text[:index] + (
        draw.choice(CUTS) + text[index + draw.randrange(9) :] if draw.randrange(2) else ""
    )


def look(url: str, text: str) -> SavedPageResult | None:
    """The result of reading ``text``, or None where it is not a document."""
    post, platform = identify(parse_http_url(url))
    try:
        return read_saved_post(
            platform, post, open_saved(text.encode("utf-8", "surrogatepass"), url)
        )
    except BadInput:
        return None


def chosen(saved: SavedPageResult) -> list[str]:
    videos = saved.extraction.videos if saved.extraction else ()
    return [
        choose_candidate(item).url
        for item in videos
        if item.candidates and not all(candidate.drm for candidate in item.candidates)
    ]


def as_page(text: str) -> str:
    return f'<html><body><p>hello</p><script type="application/json">{text}</script></body></html>'


@pytest.mark.parametrize("url", DOCUMENTS)
def test_the_whole_document_gives_the_posts_own_video(url: str) -> None:
    saved = look(url, json.dumps(DOCUMENTS[url]))

    assert saved is not None
    assert saved.outcome == "video"
    assert FOREIGN not in "".join(chosen(saved))


@pytest.mark.parametrize("url", DOCUMENTS)
def test_a_changed_or_torn_document_still_has_an_outcome_and_never_anothers_video(url: str) -> None:
    draw = random.Random(url)
    for _ in range(ROUNDS):
        text = json.dumps(changed(DOCUMENTS[url], draw))
        text = torn(text, draw) if draw.randrange(3) == 0 and text else text
        saved = look(url, as_page(text) if draw.randrange(2) else text)

        if saved is not None:
            assert saved.error is None or saved.error.code is not ErrorCode.EXTRACTOR_BROKEN, text
            assert FOREIGN not in "".join(chosen(saved)), text
