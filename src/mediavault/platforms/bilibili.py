"""What we know of bilibili.com and bilibili.tv; checked 2026-11-24 against published extractors.

Bilibili: ``__INITIAL_STATE__`` says which video and part a page shows, ``__playinfo__`` or the
playurl answer its files.

Both tracks of DASH are separate files: a video track is a candidate with the best sound. ``durl``
is a file with both. Play data count only where the state, or the answer that contains them, is
about this video.
Checked 2026-11-24 against recorded pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import SplitResult

from mediavault.core.failures import (
    Challenge,
    Deleted,
    Failure,
    LoginRequired,
    Private,
    RegionLocked,
)
from mediavault.core.media import Candidate, Expected, Item, Post
from mediavault.core.messages import Message
from mediavault.core.platform import (
    AccountCookie,
    AddressPattern,
    KnownFrom,
    ListRules,
    Matching,
    Measures,
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
from mediavault.extraction.page_data.values import Node, walk


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing.

    Raises the failure that an answer's code reports, and Private where only a preview of the video
    is played.
    """
    nodes = [node for document in documents for node in walk(document)]
    views = [node for node in nodes if _is_own(node, post.post_id)]
    view = max(views, key=len, default={})
    plays = [node for node in nodes if "dash" in node or "durl" in node]
    others = any(
        "bvid" in node and "pages" in node and not _is_own(node, post.post_id) for node in nodes
    )
    if not view and (others or not plays):
        if failure := next(filter(None, map(_refusal, documents)), None):
            raise failure
        return None
    if view.get("is_upower_preview") is True and view.get("is_upower_play") is not True:
        raise Private(
            "Bilibili plays only a preview of this video to those who do not pay its author."
        )
    candidates = (
        [c for play in plays[:1] for c in _candidates(platform, play)]
        if _is_this_part(post, nodes)
        else []
    )
    return _page_data(view, candidates, plays)


def _is_own(node: Node, post_id: str | None) -> bool:
    return bool(post_id) and str(post_id).lower() in map(str.lower, ids_of(node))


def ids_of(node: Node) -> set[str]:
    """Return both ids of a video's record; none for any other node."""
    if "owner" not in node and "pages" not in node:
        return set()
    named = (node.get("bvid"), f"av{node.get('aid')}" if node.get("aid") else None)
    return {str(video_id) for video_id in named if video_id}


def _is_this_part(post: Post, nodes: Sequence[Node]) -> bool:
    """Whether the page loaded the part that the URL names (``?p=2``), as the state says."""
    requested = re.search(r"[?&]p=(\d{1,4})", post.url)
    state = next((node for node in nodes if "videoData" in node and "p" in node), {})
    return requested is None or not state or values.integer(state.get("p")) == int(requested[1])


def _page_data(view: Node, candidates: Sequence[Candidate], plays: Sequence[Node]) -> PageData:
    owner = values.obj(view, "owner")
    seconds = next(
        filter(None, (values.milliseconds(play.get("timelength")) for play in plays)), None
    )
    picture = view.get("pic")
    cover = values.url(f"https:{picture}" if str(picture).startswith("//") else picture)
    item = Item(
        build.merged(list(candidates)),
        thumbnail_url=cover,
        expected=Expected(duration_s=seconds or values.duration(view.get("duration"))),
    )
    mid = values.integer(owner.get("mid"))
    return PageData(
        items=(item,) if candidates else (),
        handle=str(mid) if mid else None,
        display_name=values.text(owner.get("name")),
        title=values.text(view.get("title")),
        text=values.text(view.get("desc")),
        published_at=values.moment(view.get("pubdate")),
        thumbnail_url=cover,
        found=bool(candidates),
    )


def _candidates(platform: Platform, play: Node) -> Iterator[Candidate]:
    dash = values.obj(play, "dash")
    sounds = [
        *values.objects(dash.get("audio")),
        *([flac] if (flac := values.obj(dash, "flac", "audio")) else []),
    ]
    sound = max(sounds, key=lambda track: values.number(track.get("bandwidth")) or 0, default={})
    for track in values.objects(dash.get("video")):
        for candidate in _track(platform, track):
            yield replace(candidate, has_audio=False, audio_url=values.url(_address(sound)))
    parts = values.objects(play.get("durl"))
    if len(parts) == 1:  # several are parts of one video
        yield from own_candidates(
            parts[0].get("url"),
            platform,
            mime="video/mp4",
            has_audio=True,
            size=values.integer(parts[0].get("size")),
            height=values.integer(play.get("quality"))
            if str(play.get("quality")) in {"720", "1080"}
            else None,
        )


def _address(track: Node) -> object:
    return track.get("baseUrl") or track.get("base_url") or track.get("url")


def _track(platform: Platform, track: Node) -> list[Candidate]:
    rate = values.number(track.get("frameRate") or track.get("frame_rate"))
    return own_candidates(
        _address(track),
        platform,
        mime=values.text(track.get("mimeType") or track.get("mime_type")),
        width=values.integer(track.get("width")),
        height=values.integer(track.get("height")),
        bitrate=values.integer(track.get("bandwidth")),
        video_codec=codec(track.get("codecs")),
        fps=rate,
    )


_CODES: dict[int, tuple[type[Failure], str]] = {
    -404: (Deleted, Message("the video does not exist")),
    62002: (Deleted, Message("the video is not shown any more")),
    62004: (Private, Message("the video is being reviewed")),
    62012: (Private, Message("only its owner may see the video")),
    -403: (Private, Message("the video is not public")),
    -10403: (RegionLocked, Message("the video is not shown in this region")),
    -101: (LoginRequired, Message("the video is shown only to signed-in people")),
    -352: (Challenge, Message("a CAPTCHA is shown")),
    -412: (Challenge, Message("a CAPTCHA is shown")),
}


def _refusal(document: object) -> Failure | None:
    answer = values.obj(document)
    for part in (answer, values.obj(answer, "error")):
        code = part.get("code")
        known = _CODES.get(code) if isinstance(code, int) else None
        # members-only videos have the same code
        if code == -10403 and "大会员" in str(part.get("message")):
            return LoginRequired("Bilibili says: the video is shown only to members (-10403).")
        if known:
            return known[0](
                Message("Bilibili says: %(known)s (%(code)s).", known=known[1], code=code)
            )
    return None


# --- size and rate of a URL -----------------------------------------------------------------------

_FILE = re.compile(r"-(\d{1,6})\.(?:m4s|mp4|flv)$")
# Bilibili's numbers for qualities; for single tracks, these plus 30000 for H.264, and others for
# H.265 and AV1
_SIZES: Mapping[tuple[int, int], str] = {
    (426, 240): "6 30006",
    (640, 360): "15 16 30015 30016 30011 100022",
    (852, 480): "32 30032 30033 100023",
    (1280, 720): "64 74 30064 30074 30066 100024",
    (1920, 1080): "80 112 116 30080 30112 30116 30077 30102 100026",
    (3840, 2160): "120 30120 30121",
    (7680, 4320): "127 30127",
}
_SIZE_OF_QUALITY = {number: size for size, numbers in _SIZES.items() for number in numbers.split()}
_BYTES = re.compile(r"(?:^|&)bw=(\d{1,9})(?:&|$)")


def measures(parts: SplitResult, _width: int | None, _height: int | None) -> Measures:
    """Return the frame of the quality for a landscape video;
    ``bw`` is the rate in bytes per second.
    """
    name, line = _FILE.search(parts.path), _BYTES.search(parts.query)
    width, height = _SIZE_OF_QUALITY.get(name[1], (None, None)) if name else (None, None)
    return Measures(width, height, int(line[1]) * 8 or None if line else None)


_ID = r"(?P<post_id>[Bb][Vv][0-9A-Za-z]{10}|[Aa][Vv]\d{1,16})"
_PLAYER = r"^/(?:blackboard/)?(?:webplayer/)?(?:[\w-]*player|embed-old)\.html$"
_PART = re.compile(r"(?P<part>[2-9]|[1-9]\d{1,3})")  # the first part is the address without p
_DYNAMIC = "https://t.bilibili.com/{post_id}"
_ABROAD = r"(?:www\.|m\.)?bilibili\.tv"  # another site, with other numbers
_LANGUAGE = r"(?:/[a-zA-Z]{2})?"

BILIBILI = Platform(
    name="bilibili",
    title="Bilibili",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="videos and each part of one with several, episodes that are free",
    leaves_out="live broadcasts, courses and series that cost something",
    extractors=("ytdlp", "browser"),
    matching=Matching(
        brands=("bilibili",),
        hosts=(
            "bilibili.com",
            "www.bilibili.com",
            "m.bilibili.com",
            "t.bilibili.com",
            "h.bilibili.com",
            "space.bilibili.com",
            "live.bilibili.com",
            "player.bilibili.com",
            "search.bilibili.com",
            "bangumi.bilibili.com",
            "bilibili.tv",
            "www.bilibili.tv",
            "m.bilibili.tv",
        ),
        short_hosts=("b23.tv", "bili22.cn", "bili23.cn", "bili33.cn", "bili2233.cn"),
        image_hosts=("i0.hdslb.com", "i1.hdslb.com", "i2.hdslb.com"),
        posts=(
            AddressPattern(
                re.compile(rf"^/(?:s/)?video/{_ID}/?$"),
                query={"p": _PART},
                canonical="https://www.bilibili.com/video/{post_id}?p={part}",
            ),
            AddressPattern(
                # until 2018
                re.compile(rf"^/video/{_ID}/index_(?P<part>[2-9]|[1-9]\d{{1,3}})\.html$"),
                canonical="https://www.bilibili.com/video/{post_id}?p={part}",
            ),
            AddressPattern(
                re.compile(rf"^/(?:s/|mobile/)?video/{_ID}(?:/?|/index(?:_1)?\.html|\.html)$")
            ),
            AddressPattern(  # other tokens at b23.tv are share links
                re.compile(rf"^/{_ID}/?$"),
                host=re.compile(r"b23\.tv|(?:(?:www|m)\.)?bilibili\.com"),
            ),
            AddressPattern(
                re.compile(r"^/(?:festival|list)/[\w-]+/?$"),
                query={"bvid": re.compile(r"(?P<post_id>BV\w{10})")},
            ),
            AddressPattern(
                re.compile(_PLAYER),
                query={"bvid": re.compile(r"(?P<post_id>BV\w{10})")},
            ),
            AddressPattern(
                re.compile(_PLAYER),
                query={"aid": re.compile(r"(?P<post_id>\d{1,16})")},
                canonical="https://www.bilibili.com/video/av{post_id}",
            ),
            AddressPattern(
                re.compile(r"^/bangumi/play/ep(?P<post_id>\d{1,10})/?$"),
                canonical="https://www.bilibili.com/bangumi/play/ep{post_id}",
            ),
            AddressPattern(
                re.compile(r"^/anime/\d+/play/?$"),
                host=re.compile(r"bangumi\.bilibili\.com"),
                fragment=re.compile(r"(?P<post_id>\d{1,10})"),
                canonical="https://www.bilibili.com/bangumi/play/ep{post_id}",
            ),
            AddressPattern(
                re.compile(r"^/cheese/play/ep(?P<post_id>\d{1,10})/?$"),
                canonical="https://www.bilibili.com/cheese/play/ep{post_id}",
            ),
            AddressPattern(
                re.compile(r"^/(?P<post_id>\d{15,20})/?$"),
                host=re.compile(r"[th]\.bilibili\.com"),
                canonical=_DYNAMIC,
            ),
            AddressPattern(
                re.compile(r"^/(?:opus|dynamic)/(?P<post_id>\d{15,20})/?$"), canonical=_DYNAMIC
            ),
            AddressPattern(
                re.compile(rf"^{_LANGUAGE}/video/(?P<post_id>\d{{4,16}})/?$"),
                host=re.compile(_ABROAD),
                canonical="https://www.bilibili.tv/en/video/{post_id}",
            ),
            AddressPattern(
                re.compile(rf"^{_LANGUAGE}/play/(?P<season>\d+)/(?P<post_id>\d{{4,16}})/?$"),
                host=re.compile(_ABROAD),
                canonical="https://www.bilibili.tv/en/play/{season}/{post_id}",
            ),
        ),
        lives=paths(r"^/(?:blanc/|h5/)?(?P<post_id>\d+)/?$", host=r"live\.bilibili\.com"),
        playlists=(
            *paths(
                r"^/\d+/(?:video|lists|favlist|channel|upload|article|dynamic)(?:/|$)",
                host=r"space\.bilibili\.com",
            ),
            *paths(
                r"^/(?:bangumi/(?:media|play/ss)|cheese/play/ss|medialist|list|watchlater|audio/am|v/|anime|festival)",
                host=r"(?:www\.|m\.)?bilibili\.com",
            ),
            *paths(r"^/anime/\d+(?:/|$)", host=r"bangumi\.bilibili\.com"),
            *paths(rf"^{_LANGUAGE}/(?:play|media)/\d+/?$", host=_ABROAD),
        ),
        profiles=(
            *paths(r"^/(?P<handle>\d+)(?:/|$)", host=r"space\.bilibili\.com"),
            *paths(r"^/space/(?P<handle>\d+)(?:/|$)", host=r"m\.bilibili\.com"),
            *paths(rf"^{_LANGUAGE}/space/(?P<handle>\d+)(?:/|$)", host=_ABROAD),
        ),
        other_pages=paths(
            r"^/(?:$|(?:bangumi|read|search|audio|cheese|blackboard|account|all|video|en|th|vi|id)(?:/|$))"
        ),
        canonical="https://www.bilibili.com/video/{post_id}",
    ),
    reader=PageReader(
        read=read,
        ids_of=ids_of,
        files_apart=True,
        json_paths=re.compile(
            r"^https://api\.bilibili\.com/(?:x/player/|x/web-interface/|pgc/player/)"
        ),
        always_sent=True,
    ),
    ytdlp=YtdlpRules(
        ("bilibili", "bilibilibangumi", "bilibilidynamic", "biliintl"), owns_list=True, handle=""
    ),
    lists=(
        ListRules(
            AddressPattern(
                re.compile(r"^/(?:space/)?(?P<space>\d+)/?(?:$|(?:upload/)?video/?$)"),
                host=re.compile(r"(?:space|m)\.bilibili\.com"),
                canonical="https://space.bilibili.com/{space}/video",
            ),
            # some show only the collection of an account's videos
            ("bilibilispacevideo", "bilibilicollectionlist"),
            newest_first=True,
            key="id",
        ),
        ListRules(
            AddressPattern(
                re.compile(r"^/(?P<space>\d+)/lists/(?P<list>\d+)/?$"),
                query={"type": re.compile(r"(?P<type>season|series)")},
                host=re.compile(r"space\.bilibili\.com"),
                canonical="https://space.bilibili.com/{space}/lists/{list}?type={type}",
            ),
            ("bilibilicollectionlist", "bilibiliserieslist"),
            key="id",
        ),
    ),
    media=MediaRules(
        hosts=(".bilivideo.com", ".bilivideo.cn", ".acgvideo.com", ".akamaized.net", ".hdslb.com"),
        own_hosts=re.compile(
            r".+\.(?:bilivideo\.(?:com|cn)|acgvideo\.com|hdslb\.com)|upos-[\w-]+\.akamaized\.net"
        ),
        path=re.compile(r"/upgcxcode/"),
        key=re.compile(r"/upgcxcode/\d+/\d+/(\d+)/"),
        signs_urls=True,
        referer="https://www.bilibili.com/",  # 403 without it
        measures=measures,
    ),
    sign_in=SignIn(
        url="https://passport.bilibili.com/login",
        session_cookies=("SESSDATA",),
        account_cookie=AccountCookie("DedeUserID", re.compile(r"^(\d+)$")),
    ),
    walls=Walls(
        login_url=re.compile(r"^https://passport\.bilibili\.com/"),
        login_json=("-101",),
        challenge_json=("-352", "-412"),  # its risk control
        gone_text=("视频去哪了呢", "啊叻？视频不见了？"),
        gone_json=("-404", "62002"),
    ),
    pace=Pace(interval_s=(3, 6)),
)
