"""What we know of twitch.tv; checked 2026-11-24 against published extractors.

Twitch: the clip with the post's slug, in GraphQL's answers.

The files can be fetched only with the signed token of the same answer; without one their bare URLs
are returned. A clip that is gone is null in an answer about it.
Checked 2026-11-24 against recorded answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import SplitResult, quote

from mediavault.core.failures import Deleted
from mediavault.core.media import Candidate, Expected, Item, Post
from mediavault.core.platform import (
    AccountCookie,
    AddressPattern,
    KnownFrom,
    ListRules,
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
from mediavault.extraction.page_data.build import own_candidates
from mediavault.extraction.page_data.values import Node, walk


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing.
    Raises Deleted where Twitch says so.
    """
    own = [node for document in documents for node in walk(document) if _is_own(node, post.post_id)]
    own = own or _lone_clip(documents)
    if not own:
        if any(
            _is_gone(answer)
            for document in documents
            for answer in (document, *values.items(document))
        ):
            raise Deleted("Twitch says that this clip does not exist.")
        return None
    clip: dict[str, object] = {}
    for node in own:  # one answer has the files, another the facts
        clip |= {
            name: value
            for name, value in node.items()
            if value not in (None, [], {}) or name not in clip
        }
    return _page_data(platform, clip)


def _is_own(node: Node, post_id: str | None) -> bool:
    return bool(post_id) and post_id in ids_of(node)


def _lone_clip(documents: Sequence[object]) -> list[Node]:
    """Return the only clip of the answers. The answer that unlocks a clip's files does not always
    repeat its slug.
    """
    nodes = [node for document in documents for node in walk(document)]
    clips = [node for node in nodes if "playbackAccessToken" in node and "videoQualities" in node]
    return (
        clips
        if len(clips) == 1 and "slug" not in clips[0] and all(map(str.isdigit, ids_of(clips[0])))
        else []
    )


def ids_of(node: Node) -> set[str]:
    """Return slug and id of a clip's node; none for any other node."""
    known = {
        "videoQualities",
        "broadcaster",
        "playbackAccessToken",
        "assets",
        "durationSeconds",
    }
    # the answer that only unlocks the files has the slug inside the token's text
    match = re.search(
        r'"clip_slug"\s*:\s*"([\w-]{4,100})"',
        str(values.obj(node.get("playbackAccessToken")).get("value")),
    )
    named = (node.get("slug"), node.get("id"), match and match[1])
    return {str(clip_id) for clip_id in named if clip_id} if known & node.keys() else set()


def _is_gone(answer: object) -> bool:
    data = values.obj(answer).get("data")
    return isinstance(data, dict) and "clip" in data and data["clip"] is None


def _page_data(platform: Platform, clip: Node) -> PageData:
    candidates = _candidates(platform, clip)
    broadcaster = values.obj(clip.get("broadcaster"))
    seconds = values.duration(clip.get("durationSeconds"))
    picture = next(filter(None, map(values.url, _pictures(clip))), None)
    return PageData(
        items=(Item(candidates, thumbnail_url=picture, expected=Expected(duration_s=seconds)),)
        if candidates
        else (),
        handle=values.text(broadcaster.get("login")),
        display_name=values.text(broadcaster.get("displayName")),
        title=values.text(clip.get("title")),
        published_at=values.moment(clip.get("createdAt")),
        thumbnail_url=picture,
        found=bool(candidates),
    )


def _pictures(clip: Node) -> list[object]:
    """Return the pictures: an asset's is as large as the video,
    the clip's own a preview of 480 pixels.
    """
    return [*(asset.get("thumbnailURL") for asset in _assets(clip)), clip.get("thumbnailURL")]


def _candidates(platform: Platform, clip: Node) -> tuple[Candidate, ...]:
    """Return the files of the landscape video, which is preferred to the portrait one that phones
    show.
    """
    token = _query(values.obj(clip.get("playbackAccessToken")))
    candidates = [
        c
        for quality in values.objects(clip.get("videoQualities"))
        for c in _file(platform, quality, token)
    ]
    if not candidates:
        qualities = [
            quality
            for asset in _assets(clip)[:1]
            for quality in values.objects(asset.get("videoQualities"))
        ]
        candidates = [c for quality in qualities for c in _file(platform, quality, token)]
    return build.merged(candidates)


def _assets(clip: Node) -> list[Node]:
    """Return the clip's assets, landscape first."""
    return sorted(
        values.objects(clip.get("assets")),
        key=lambda asset: (values.number(asset.get("aspectRatio")) or 1) < 1,
    )


def _file(platform: Platform, quality: Node, token: str) -> list[Candidate]:
    address = quality.get("sourceURL")
    signed = (
        f"{address}?{token}"
        if token and isinstance(address, str) and "?" not in address
        else address
    )
    return own_candidates(
        signed,
        platform,
        mime="video/mp4",
        height=values.integer(quality.get("quality")),
        fps=values.number(quality.get("frameRate")),
        has_audio=True,
    )


def _query(token: Node) -> str:
    signature, value = values.text(token.get("signature")), values.text(token.get("value"))
    return (
        f"sig={quote(signature, safe='')}&token={quote(value, safe='')}"
        if signature and value
        else ""
    )


_SLUG = r"(?P<post_id>[\w-]{10,100})/?$"
_VOD = "https://www.twitch.tv/videos/{post_id}"
_NUMBER = r"(?P<post_id>\d{1,12})"
_CLIPS = re.compile(r"clips\.twitch\.tv")
_PLAYER = re.compile(r"player\.twitch\.tv")
_NOT_A_NAME = (
    "bits|clip|collections|communities|directory|downloads|drops|embed|event|friends|inventory|jobs|login|messages|p"
    "|popout|prime|search|settings|signup|store|subscriptions|team|turbo|video|videos|wallet"
)
_NAME = rf"(?!(?:{_NOT_A_NAME})(?:/|$))(?P<handle>\w{{2,25}})"

_HEIGHT = re.compile(  # behind "offset-" are seconds
    r"(?:/video|/AT-cm(?:\||%7C)[\w-]+|/\d+-offset-\d+)(?<!-offset)-(\d{3,4})\.mp4$|/h264/(\d{3,4})/index\.mp4$",
    re.IGNORECASE,
)


def _stated_size(parts: SplitResult) -> tuple[int | None, int | None]:
    match = _HEIGHT.search(parts.path)
    return None, int(match[match.lastindex or 1]) if match else None


TWITCH = Platform(
    name="twitch",
    title="Twitch",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="clips; recordings of broadcasts through yt-dlp",
    leaves_out="collections, categories",
    extractors=("ytdlp", "browser"),
    matching=Matching(
        brands=("twitch",),
        hosts=(
            "twitch.tv",
            "www.twitch.tv",
            "m.twitch.tv",
            "go.twitch.tv",
            "secure.twitch.tv",
            "clips.twitch.tv",
            "player.twitch.tv",
        ),
        image_hosts=("static-cdn.jtvnw.net", "clips-media-assets.twitch.tv"),
        posts=(
            AddressPattern(
                re.compile(r"^/embed/?$"),
                query={"clip": re.compile(r"(?P<post_id>[\w-]{10,100})")},
                host=_CLIPS,
            ),
            AddressPattern(re.compile(rf"^/(?:(?P<handle>\w+)/)?{_SLUG}"), host=_CLIPS),
            AddressPattern(re.compile(rf"^/clip/{_SLUG}")),
            AddressPattern(re.compile(rf"^/{_NAME}/clip/{_SLUG}")),
            AddressPattern(re.compile(rf"^/videos?/{_NUMBER}/?$"), canonical=_VOD),
            AddressPattern(re.compile(rf"^/{_NAME}/(?:v|video)/{_NUMBER}/?$"), canonical=_VOD),
            AddressPattern(
                re.compile(r"^/?$"),
                query={"video": re.compile(rf"v?{_NUMBER}")},
                host=_PLAYER,
                canonical=_VOD,
            ),
        ),
        playlists=paths(r"^/collections/[\w-]+", r"^/directory/[^/]+"),
        profiles=(
            AddressPattern(
                re.compile(r"^/?$"),
                query={"channel": re.compile(r"(?P<handle>\w{2,25})")},
                host=_PLAYER,
            ),
            *paths(
                rf"^/{_NAME}/?(?:$|(?:videos|clips|schedule|about|collections|events|home|squad|profile)(?:/|$))",
                host=r"(?:(?:www|m|go|secure)\.)?twitch\.tv",
            ),
        ),
        other_pages=paths(rf"^/(?:{_NOT_A_NAME})?(?:/|$)"),
        canonical="https://clips.twitch.tv/{post_id}",
    ),
    reader=PageReader(
        read=read,
        ids_of=ids_of,
        json_paths=re.compile(r"^https://gql\.twitch\.tv/gql\b"),
        always_sent=True,
    ),
    ytdlp=YtdlpRules(("twitch:clips", "twitch:vod")),
    lists=(
        ListRules(
            AddressPattern(
                re.compile(r"^/collections/(?P<list>[\w-]+)/?$"),
                canonical="https://www.twitch.tv/collections/{list}",
            ),
            ("twitch:collection",),
            key="id",
        ),
        ListRules(
            AddressPattern(
                re.compile(rf"^/{_NAME}/?(?:$|(?:videos|profile|home)(?:/|$))"),
                host=re.compile(r"(?:(?:www|m|go|secure)\.)?twitch\.tv"),
                canonical="https://www.twitch.tv/{handle}/videos?filter=all&sort=time",
            ),
            ("twitch:videos",),
            newest_first=True,
            title="",  # it is "jane - All Videos sorted by Date"
        ),
    ),
    media=MediaRules(
        hosts=(
            ".twitchcdn.net",
            ".ttvnw.net",
            ".cloudfront.net",
            "clips-media-assets2.twitch.tv",
            "vod-secure.twitch.tv",
            ".jtvnw.net",
        ),
        own_hosts=re.compile(
            r"(?:.+\.)?(?:twitchcdn\.net|ttvnw\.net|jtvnw\.net)|(?:clips-media-assets2|vod-secure)\.twitch\.tv"
        ),
        signs_urls=True,  # sig and token; the token's JSON says until when
        stated_size=_stated_size,
    ),
    sign_in=SignIn(
        url="https://www.twitch.tv/login",
        session_cookies=("auth-token",),
        account_cookie=AccountCookie("login", re.compile(r"^(\w{1,25})$"), is_name=True),
    ),
    walls=Walls(
        login_text=("This video is only available to subscribers",),
        gone_text=("This clip is no longer available", "Sorry. Unless you’ve got a time machine"),
    ),
    pace=Pace(interval_s=(2, 4)),
)
