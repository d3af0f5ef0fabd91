"""What we know of weibo.com; checked 2026-11-24 against published extractors.

Weibo: the status with the post's id, in ``statuses/show``, a mobile page's ``render_data`` or a
card of a list.

``playback_list`` holds all qualities; older answers have up to three named fields. The reposted
status is in ``retweeted_status``, and a repost shows its video as its own.
Checked 2026-11-24 against recorded answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mediavault.core.failures import Deleted, Failure, LoginRequired
from mediavault.core.media import Candidate, Expected, Item, ItemType, Post
from mediavault.core.platform import (
    AddressPattern,
    KnownFrom,
    Matching,
    MediaRules,
    Pace,
    PageData,
    PageReader,
    Platform,
    SignIn,
    Walls,
    YtdlpRules,
    paths,
)
from mediavault.extraction.page_data import build, values
from mediavault.extraction.page_data.build import codec, own_candidates
from mediavault.extraction.page_data.statuses import plain_text
from mediavault.extraction.page_data.values import Node, walk

# older answers, best first
_NAMED = {
    "mp4_1080p_mp4": 1080,
    "mp4_720p_mp4": 720,
    "mp4_hd_mp4": 480,
    "mp4_hd_url": 480,
    "mp4_ld_mp4": 360,
    "mp4_sd_url": 360,
    "stream_url_hd": 480,
    "stream_url": 360,
}


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing.
    Raises Deleted and LoginRequired.
    """
    for document in documents:
        for node in walk(document):
            if _is_own(node, post.post_id):
                return _page_data(platform, node)
    if failure := next(filter(None, map(_refusal, documents)), None):
        raise failure
    return None


def _is_own(node: Node, post_id: str | None) -> bool:
    return bool(post_id) and post_id in ids_of(node)


def ids_of(node: Node) -> set[str]:
    """Return number and short id of a status; a video's own page has only its object's id.
    None for any other node.
    """
    named = (node.get(name) for name in ("id", "idstr", "mid", "mblogid", "bid", "oid", "fid"))
    is_status = any(name in node for name in ("user", "page_info", "urls"))
    return {str(status_id) for status_id in named if status_id} if is_status else set()


def _page_data(platform: Platform, status: Node) -> PageData:
    shown = values.obj(status, "retweeted_status") if not _items(platform, status) else status
    shown = shown or status
    user = values.obj(status, "user")
    items = _items(platform, shown)
    images = tuple(
        item.thumbnail_url for item in items if item.type is ItemType.IMAGE and item.thumbnail_url
    )
    pictures = [*(item.thumbnail_url for item in items if item.is_video), *images]
    number = values.integer(user.get("id"))
    names = (user.get("screen_name"), status.get("author"))
    return PageData(
        items=tuple(items),
        handle=values.text(user.get("idstr")) or (str(number) if number else None),
        display_name=next(filter(None, map(values.text, names)), None),
        title=values.text(values.obj(shown, "page_info").get("title"))
        or values.text(shown.get("status_title")),
        text=values.text(status.get("text_raw")) or plain_text(status.get("text")),
        published_at=values.moment(status.get("created_at")),
        thumbnail_url=next(filter(None, pictures), None),
        image_urls=images,
        found=True,
        metadata={"reposted_from": str(shown.get("id"))} if shown is not status else {},
    )


def _items(platform: Platform, status: Node) -> list[Item]:
    mixed = values.objects(values.obj(status, "mix_media_info").get("items"))
    if mixed:
        return [_mixed(platform, medium) for medium in mixed]
    info = values.obj(status, "page_info")
    video = _video(platform, info) or _video(
        platform, {"media_info": status, "page_pic": status.get("cover_image")}
    )
    pictures = [
        values.obj(picture, "largest") or values.obj(picture, "large")
        for picture in values.obj(status, "pic_infos").values()
    ]
    pictures += [values.obj(picture, "large") for picture in values.objects(status.get("pics"))]
    images = [
        Item(type=ItemType.IMAGE, thumbnail_url=url)
        for p in pictures
        if (url := values.url(p.get("url")))
    ]
    return [video, *images] if video else images


def _mixed(platform: Platform, medium: Node) -> Item:
    data = values.obj(medium, "data")
    if medium.get("type") == "video" and (video := _video(platform, data)):
        return replace(video, media_id=values.text(data.get("object_id")))
    picture = values.obj(data, "largest") or values.obj(data, "large")
    return Item(type=ItemType.IMAGE, thumbnail_url=values.url(picture.get("url")))


def _video(platform: Platform, info: Node) -> Item | None:
    media = values.obj(info, "media_info")
    candidates = build.merged(
        [
            *_playback(platform, media),
            *_named(platform, [media, values.obj(info, "urls"), values.obj(media, "urls")]),
        ]
    )
    if not candidates:
        return None
    picture = info.get("page_pic")
    address = values.obj(picture).get("url") or picture
    seconds = values.duration(media.get("duration") or media.get("duration_time"))
    key = values.text(info.get("object_id")) or values.text(media.get("media_id"))
    poster = values.url(f"https:{address}" if str(address).startswith("//") else address)
    return Item(
        candidates, media_id=key, thumbnail_url=poster, expected=Expected(duration_s=seconds)
    )


def _playback(platform: Platform, media: Node) -> Iterator[Candidate]:
    for level in values.objects(media.get("playback_list")):
        play = values.obj(level, "play_info")
        kilobits = values.number(play.get("bitrate"))
        yield from own_candidates(
            play.get("url"),
            platform,
            mime=values.text(play.get("mime")),
            video_codec=codec(play.get("video_codecs")),
            has_audio=True if play.get("audio_codecs") else None,
            width=values.integer(play.get("width")),
            height=values.integer(play.get("height")),
            fps=values.number(play.get("fps")),
            size=values.integer(play.get("size")),
            bitrate=round(kilobits * 1_000) if kilobits else None,
            duration_s=values.duration(play.get("duration")),
        )


def _named(platform: Platform, holders: Sequence[Node]) -> Iterator[Candidate]:
    for holder in holders:
        named = [(holder.get(name), height) for name, height in _NAMED.items()]
        labels = [
            (address, _height_in(label)) for label, address in holder.items() if _height_in(label)
        ]
        for address, height in (*labels, *named):
            full = (
                f"https:{address}"
                if isinstance(address, str) and address.startswith("//")
                else address
            )
            yield from own_candidates(full, platform, height=height)


def _height_in(label: str) -> int | None:
    """Return the height in a quality's label on a video's own page: ``高清 1080P``."""
    match = re.search(r"\b(\d{3,4})P$", label)
    return int(match[1]) if match else None


def _refusal(document: object) -> Failure | None:
    answer = values.obj(document)
    code = str(answer.get("error_code") or answer.get("errno") or "")
    if code in {"20101", "20132", "-100"} or answer.get("message") in (
        "该微博不存在",
        "微博不存在或暂无查看权限",
    ):
        return Deleted("Weibo says that this post does not exist.")
    if str(answer.get("url", "")).startswith("https://weibo.com/login.php") or code == "100005":
        return LoginRequired("Weibo shows this post only to signed-in visitors.")
    return None


_VIDEO = "https://weibo.com/tv/show/{post_id}"
_VIDEO_ID = r"(?P<post_id>\d+:\w+)"
_NOT_A_NAME = (
    "a|ajax|at|comment|commonts|detail|fav|hot|l|login\\.php|message|mygroups|n|newlogin|p|profile|search|set|show|signup|status"
    "|tv|ttarticle|u"
)
_NAME = rf"(?!(?:{_NOT_A_NAME})(?:/|$))(?P<handle>[^/]+)"

WEIBO = Platform(
    name="weibo",
    title="Weibo",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="posts with videos, reposts, the video site's own pages",
    leaves_out="live broadcasts, long articles",
    extractors=("api", "browser", "ytdlp"),
    api_url="https://weibo.com/ajax/statuses/show?id={post_id}",
    matching=Matching(
        brands=("weibo",),
        hosts=(
            "weibo.com",
            "www.weibo.com",
            "m.weibo.com",
            "weibo.cn",
            "m.weibo.cn",
            "video.weibo.com",
            "h5.video.weibo.com",
            "video.h5.weibo.cn",
            "share.api.weibo.cn",
            "weibointl.api.weibo.com",  # of its application abroad
        ),
        share_links=(AddressPattern(re.compile(r"^/share/"), query={"weibo_id": re.compile("")}),),
        posts=(
            AddressPattern(
                re.compile(r"^/(?:0|(?P<handle>\d{5,12}))/(?P<post_id>[A-Za-z0-9]{8,20})/?$")
            ),
            AddressPattern(
                re.compile(rf"^/{_NAME}/(?P<post_id>(?=\w*[A-Z])(?=\w*[a-z])[A-Za-z0-9]{{9}})/?$")
            ),
            AddressPattern(
                re.compile(r"^/share/[\d,]+\.html$"),
                query={"weibo_id": re.compile(r"(?P<post_id>[A-Za-z0-9]{8,20})")},
            ),
            AddressPattern(
                re.compile(r"^/(?:status|detail|comment)/(?P<post_id>[A-Za-z0-9]{8,20})/?$")
            ),
            AddressPattern(
                re.compile(rf"^/(?:tv/(?:show|v)|show)/{_VIDEO_ID}/?$"), canonical=_VIDEO
            ),
            AddressPattern(
                re.compile(rf"^/{_VIDEO_ID}(?:/|$)"),
                host=re.compile(r"video\.h5\.weibo\.cn"),
                canonical=_VIDEO,
            ),
            AddressPattern(
                re.compile(r"^/(?:show|tv/v/\w+|s/video/show|s/video/index)/?$"),
                query={"fid": re.compile(_VIDEO_ID)},
                canonical=_VIDEO,
            ),
            AddressPattern(
                re.compile(r"^/s/video/(?:show|index)/?$"),
                query={"object_id": re.compile(_VIDEO_ID)},
                canonical=_VIDEO,
            ),
        ),
        lives=paths(r"^/l/wblive/"),
        playlists=paths(r"^/(?:tv/(?:channel|list)|a/hot|hot)/[^/]+"),
        profiles=paths(
            r"^/(?:u|n|p|profile)/(?P<handle>[^/]+)(?:/|$)",
            rf"^/{_NAME}/?(?:$|(?:home|profile)/?$)",
        ),
        other_pages=paths(rf"^/(?:{_NOT_A_NAME})?(?:/|$)"),
        canonical="https://m.weibo.cn/detail/{post_id}",
        page="https://weibo.com/{handle}/{post_id}",
    ),
    reader=PageReader(
        read=read,
        ids_of=ids_of,
        json_paths=re.compile(
            r"/ajax/statuses/show\b|/statuses/(?:show|extend)\b|/tv/api/component\b"
        ),
        always_sent=True,
    ),
    ytdlp=YtdlpRules(("weibo", "weibovideo"), owns_list=True, handle=""),
    media=MediaRules(
        hosts=(".weibocdn.com", ".sinaimg.cn", ".sina.com.cn"),
        signs_urls=True,
        referer="https://weibo.com/",
    ),
    sign_in=SignIn(
        url="https://passport.weibo.com/sso/signin",
        session_cookies=("SUB", "SUBP"),
    ),
    walls=Walls(
        login_url=re.compile(r"^https://passport\.weibo\.c(?:om|n)/"),
        gone_text=("抱歉，此微博已被作者删除",),
        private_text=("由于作者隐私设置，你没有权限查看此微博",),
    ),
    pace=Pace(interval_s=(2, 4)),
)
