"""Small documents in the formats that sites use, and small captures of pages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mediavault.browser.port import PageCapture, SeenResponse, SeenVideo
from mediavault.core.media import Post

X_ID = "1700000000000000001"
TIKTOK_ID = "7123456789012345678"
PAGE = "https://site.test/posts/kite"
CDN = "https://cdn.site.test/"


def x_post(suffix: str = "") -> Post:
    return Post(
        f"https://x.com/jane/status/{X_ID}{suffix}",
        f"https://x.com/i/status/{X_ID}",
        "x",
        X_ID,
        "jane",
    )


def tiktok_post() -> Post:
    url = f"https://www.tiktok.com/@jane/video/{TIKTOK_ID}"
    return Post(url, url, "tiktok", TIKTOK_ID, "jane")


def page_post(url: str = PAGE) -> Post:
    return Post(url, url, "generic")


# --- X --------------------------------------------------------------------------------------------


def x_video(
    key: str = "111", *, kind: str = "video", bitrates: Sequence[int] = (256_000, 2_176_000)
) -> dict[str, Any]:
    sizes = {256_000: "480x270", 2_176_000: "1280x720"}
    files = [
        {
            "content_type": "video/mp4",
            "bitrate": rate,
            "url": (
                f"https://video.twimg.com/amplify_video/{key}/vid/avc1/{sizes.get(rate, '640x360')}"
                f"/{key}{rate}.mp4?tag=14"
            ),
        }
        for rate in bitrates
    ]
    playlist = {
        "content_type": "application/x-mpegURL",
        "url": f"https://video.twimg.com/amplify_video/{key}/pl/{key}.m3u8",
    }
    gif = {
        "content_type": "video/mp4",
        "bitrate": 0,
        "url": f"https://video.twimg.com/tweet_video/{key}.mp4",
    }
    variants = [gif] if kind == "animated_gif" else [playlist, *files]
    return {
        "type": kind,
        "id_str": key,
        "media_url_https": f"https://pbs.twimg.com/amplify_video_thumb/{key}/img/a.jpg",
        "original_info": {"width": 1280, "height": 720},
        "video_info": {"duration_millis": 12_500, "variants": variants},
    }


def x_photo(name: str = "photo") -> dict[str, Any]:
    return {
        "type": "photo",
        "id_str": name,
        "media_url_https": f"https://pbs.twimg.com/media/{name}.jpg",
    }


def tweet(
    *media: Mapping[str, Any],
    post_id: str = X_ID,
    handle: str = "jane",
    text: str = "A kite https://t.co/abc",
    **facts: Any,
) -> dict[str, Any]:
    legacy: dict[str, Any] = {
        "id_str": post_id,
        "full_text": text,
        "created_at": "Wed Jul 13 02:05:54 +0000 2022",
        "extended_entities": {"media": list(media)},
        **facts.pop("legacy", {}),
    }
    user = {
        "__typename": "User",
        "rest_id": "9",
        "core": {"screen_name": handle, "name": handle.title()},
    }
    return {
        "__typename": "Tweet",
        "rest_id": post_id,
        "core": {"user_results": {"result": user}},
        "legacy": legacy,
        **facts,
    }


def x_answer(result: Mapping[str, Any]) -> dict[str, Any]:
    return {"data": {"tweetResult": {"result": result}}}


def x_thread(
    *results: Mapping[str, Any], promoted: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    entries: list[dict[str, Any]] = [
        {
            "entryId": f"tweet-{r.get('rest_id', X_ID)}",
            "content": {"itemContent": {"tweet_results": {"result": r}}},
        }
        for r in results
    ]
    if promoted is not None:
        content = {
            "itemContent": {"tweet_results": {"result": promoted}, "promotedMetadata": {"id": 1}}
        }
        entries.insert(0, {"entryId": "promoted-tweet-1", "content": content})
    return {
        "data": {
            "threaded_conversation_with_injections_v2": {"instructions": [{"entries": entries}]}
        }
    }


# --- TikTok ---------------------------------------------------------------------------------------


def tiktok_level(
    name: str, codec: str, bitrate: int, width: int = 576, height: int = 1024
) -> dict[str, Any]:
    url = f"https://v16-webapp-prime.tiktok.com/video/tos/x/{name}/?mime_type=video_mp4&expire=4000000000&signature=a"
    address = {
        "Uri": "v0f00000000000000000000000000001",
        "UrlList": [url, url.replace("v16", "v19")],
        "Width": width,
        "Height": height,
    }
    return {
        "CodecType": codec,
        "Bitrate": bitrate,
        "PlayAddr": {**address, "DataSize": str(bitrate * 2)},
    }


def tiktok_item(
    *levels: Mapping[str, Any], post_id: str = TIKTOK_ID, **facts: Any
) -> dict[str, Any]:
    levels = levels or (tiktok_level("good", "h264", 1_000_000),)
    video = {
        "id": post_id,
        "duration": 12,
        "width": 576,
        "height": 1024,
        "codecType": "h264",
        "playAddr": levels[0]["PlayAddr"]["UrlList"][0],
        "downloadAddr": "https://v16-webapp-prime.tiktok.com/video/tos/x/marked/?mime_type=video_mp4&br=2030&expire=4000000000&signature=b",
        "bitrateInfo": list(levels),
        "originCover": "https://p16.tiktokcdn.com/origin~tplv-x.image",
    }
    author = {"uniqueId": "jane", "nickname": "Jane"}
    return {
        "id": post_id,
        "desc": "A kite #wind",
        "createTime": "1657677954",
        "author": author,
        "video": video,
        **facts,
    }


def tiktok_page(detail: Mapping[str, Any]) -> str:
    data = {
        "__DEFAULT_SCOPE__": {
            "webapp.video-detail": detail,
            "webapp.app-context": {"language": "en"},
        }
    }
    script = json.dumps(data).replace("<", "\\u003c")
    return (
        '<html><script id="__UNIVERSAL_DATA_FOR_REHYDRATION__"'
        f' type="application/json">{script}</script></html>'
    )


# --- any page -------------------------------------------------------------------------------------


def linked(**facts: Any) -> str:
    return (
        "<script"
        f' type="application/ld+json">{json.dumps({"@context": "https://schema.org", **facts})}'
        "</script>"
    )


def meta(name: str, content: str) -> str:
    return f'<meta property="{name}" content="{content}">'


def player(src: str = f"{CDN}post.mp4", **facts: Any) -> SeenVideo:
    """A large visible player outside any article, unless ``facts`` says otherwise."""
    basic: dict[str, Any] = {
        "current_src": src,
        "sources": (src,) if src else (),
        "poster": None,
        "duration_s": 3.0,
        "width": 640,
        "height": 360,
        "video_width": 1280,
        "video_height": 720,
        "visible": True,
        "muted_loop": False,
        "frame_url": PAGE,
    }
    return SeenVideo(**{**basic, **facts})


def response(
    url: str, *, mime: str = "video/mp4", body: bytes | None = None, **facts: Any
) -> SeenResponse:
    basic: dict[str, Any] = {
        "url": url,
        "status": 200,
        "mime": mime,
        "resource_type": "media",
        "frame_url": PAGE,
        "request_headers": {"referer": PAGE, "user-agent": "x"},
        "body": body,
    }
    return SeenResponse(**{**basic, **facts})


def capture(
    *videos: SeenVideo,
    responses: Sequence[SeenResponse] = (),
    html: str = "<html><p>words</p></html>",
    **facts: Any,
) -> PageCapture:
    basic: dict[str, Any] = {
        "url": PAGE,
        "final_url": PAGE,
        "status": 200,
        "html": html,
        "title": "",
        "visible_text": "words",
        "responses": tuple(responses),
        "videos": videos,
        "drm_requested": False,
        "user_agent": "A browser",
        "extra": {"navigations": [], "encrypted": False, "unresponsive": False},
    }
    return PageCapture(**{**basic, **facts})
