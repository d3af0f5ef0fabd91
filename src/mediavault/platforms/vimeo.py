"""What we know of vimeo.com; checked 2026-11-24 against recorded answers and published extractors.

Vimeo: the player's config, the clip page's data, and the API's record of a video.

The config (``request.files``) names the files; page data name title, owner and picture only. A
config whose clip has another id belongs to a recommended video.
Checked 2026-11-24 against recorded answers.

Vimeo's RSS feeds of an account's videos and of a channel's. Source: published readers; checked
2026-11-29.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mediavault.core.failures import Deleted, Failure, LoginRequired, Private
from mediavault.core.media import Candidate, Expected, Item, LiveNow, Post
from mediavault.core.platform import (
    AddressPattern,
    FeedRules,
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
from mediavault.extraction.page_data.build import codec, own_candidates
from mediavault.extraction.page_data.values import Node, walk


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing. ``found`` only where they
    name the files.

    Raises LiveNow, Private, LoginRequired or Deleted where Vimeo says so.
    """
    nodes = [node for document in documents for node in walk(document)]
    configs = [node for node in nodes if _files(node) and _config_id(node) in {post.post_id, None}]
    records = [node for node in nodes if _record_id(node) == post.post_id and post.post_id]
    candidates = [c for config in configs for c in _configured(platform, config)]
    candidates += [c for record in records for c in _recorded(platform, record)]
    facts = _facts(post, [*configs, *records, *nodes])
    if candidates:
        return replace(facts, items=(_item(candidates, facts, [*configs, *records]),), found=True)
    if any(values.obj(values.obj(node, "video"), "live_event") for node in configs):
        raise LiveNow("Vimeo shows a broadcast that has not ended yet.")
    if failure := next(filter(None, map(_refusal, documents)), None):
        raise failure
    return facts if facts != PageData() else None


def _item(candidates: Sequence[Candidate], facts: PageData, nodes: Sequence[Node]) -> Item:
    durations = (values.duration(_clip(node).get("duration")) for node in nodes)
    seconds = next(filter(None, durations), None)
    expected = Expected(duration_s=seconds)
    return Item(
        build.merged(list(candidates)), thumbnail_url=facts.thumbnail_url, expected=expected
    )


# --- the player's config --------------------------------------------------------------------------


def _files(node: Node) -> Node:
    return values.obj(node, "request", "files")


def ids_of(node: Node) -> set[str]:
    """Return the id of the clip whose files a config or a record names; none for any other node."""
    named = _config_id(node) if _files(node) else _record_id(node)
    return {named} if named else set()


def _config_id(config: Node) -> str | None:
    clip = values.obj(config, "video")
    return str(clip["id"]) if clip.get("id") else None


def _configured(platform: Platform, config: Node) -> Iterator[Candidate]:
    """Yield a config's files. Progressive ones hold both tracks;
    ``separate_av`` playlists name the sound.
    """
    files, clip = _files(config), values.obj(config, "video")
    shape = {
        "width": values.integer(clip.get("width")),
        "height": values.integer(clip.get("height")),
    }
    for file in values.objects(files.get("progressive")):
        yield from own_candidates(
            file.get("url"),
            platform,
            mime=values.text(file.get("mime")),
            has_audio=True,
            container="mp4",
            width=values.integer(file.get("width")),
            height=values.integer(file.get("height")),
            fps=values.number(file.get("fps")),
            bitrate=values.integer(file.get("bitrate")),
        )
    for name, mime in (("hls", "application/x-mpegurl"), ("dash", "application/dash+xml")):
        stream = values.obj(files, name)
        for cdn in _in_order(stream):
            address = cdn.get("avc_url") or cdn.get("url")
            # .json: Vimeo's own form of a manifest, read by its player
            if isinstance(address, str) and ".json" not in address:
                yield from own_candidates(address, platform, mime=mime, **shape)


def _in_order(stream: Node) -> list[Node]:
    """Return the networks, the default one first; old configs name one URL without networks."""
    cdns = values.obj(stream, "cdns")
    default = stream.get("default_cdn")
    named = sorted(cdns.items(), key=lambda pair: pair[0] != default)
    return [cdn for _, cdn in named if isinstance(cdn, dict)] or [stream]


# --- the API's record -----------------------------------------------------------------------------


def _record_id(node: Node) -> str | None:
    """Return the number in the API's ``/videos/123``."""
    uri = re.match(r"^/videos/(\d+)", str(node.get("uri", "")))
    return uri[1] if uri else None


def _recorded(platform: Platform, record: Node) -> Iterator[Candidate]:
    play = values.obj(record, "play")
    for file in (
        *values.objects(record.get("files")),
        *values.objects(play.get("progressive")),
    ):
        yield from own_candidates(
            file.get("link"),
            platform,
            mime=values.text(file.get("type")) if "/" in str(file.get("type")) else None,
            has_audio=True if file.get("quality") != "hls" else None,
            video_codec=codec(file.get("codec")),
            original=True if file.get("quality") == "source" else None,
            width=values.integer(file.get("width")),
            height=values.integer(file.get("height")),
            fps=values.number(file.get("fps")),
            size=values.integer(file.get("size")),
        )
    for name, mime in (("hls", "application/x-mpegurl"), ("dash", "application/dash+xml")):
        yield from own_candidates(values.obj(play, name).get("link"), platform, mime=mime)


# --- who, what ------------------------------------------------------------------------------------


def _clip(node: Node) -> Node:
    """Return the clip: a config has it in ``video``, a page in ``clip``;
    a record is the clip itself.
    """
    return values.obj(node, "video") or values.obj(node, "clip") or node


def _facts(post: Post, nodes: Sequence[Node]) -> PageData:
    own = [node for node in nodes if _is_about(post, node)]
    owners = [_owner(node) for node in own]
    return PageData(
        handle=next(filter(None, (_handle(owner) for owner in owners)), None),
        display_name=next(filter(None, (_name(owner) for owner in owners)), None),
        title=next(
            filter(None, (values.text(_clip(n).get("title") or _clip(n).get("name")) for n in own)),
            None,
        ),
        text=next(filter(None, (values.text(_clip(n).get("description")) for n in own)), None),
        thumbnail_url=next(filter(None, map(_picture, own)), None),
    )


def _is_about(post: Post, node: Node) -> bool:
    clip = values.obj(node, "video") or values.obj(node, "clip")
    known = {str(clip.get("id")), str(_record_id(node))} - {"None"}
    return bool(post.post_id) and post.post_id in known


def _owner(node: Node) -> Node:
    return values.obj(_clip(node), "owner") or values.obj(node, "owner") or values.obj(node, "user")


def _name(owner: Node) -> str | None:
    return values.text(owner.get("display_name")) or values.text(owner.get("name"))


def _handle(owner: Node) -> str | None:
    address = owner.get("url") or owner.get("link")
    match = re.search(
        r"^(?:https?://(?:www\.)?vimeo\.com)?/([\w-]+)/?$",
        address if isinstance(address, str) else "",
    )
    return match[1] if match else None


def _picture(node: Node) -> str | None:
    """Return the largest picture; a page's ``thumbnail`` and a record's ``pictures`` go from small
    to large.
    """
    clip = _clip(node)
    thumbs = values.obj(clip, "thumbs")
    sizes = values.objects(values.obj(node, "pictures").get("sizes"))
    thumbnail = values.obj(node, "thumbnail")
    widths = sorted((int(name) for name in thumbs if name.isdigit()), reverse=True)
    named = [
        *(thumbs.get(str(width)) for width in widths),
        thumbs.get("base"),
        clip.get("thumbnail_url"),
        *(size.get("link") for size in reversed(sizes)),
        thumbnail.get("src_8x")
        or thumbnail.get("src_4x")
        or thumbnail.get("src_2x")
        or thumbnail.get("src"),
    ]
    return next(filter(None, map(values.url, named)), None)


def _refusal(document: object) -> Failure | None:
    answer = values.obj(document)
    message = str(answer.get("message") or answer.get("error") or "")
    code = values.integer(answer.get("error_code"))
    if code == 5460:
        return LoginRequired("Vimeo shows this video only to signed-in people.")
    if code in (2222, 2223) or answer.get("view") == "password" or "password" in message.lower():
        return Private("Vimeo shows this video only to those who know its password.")
    if "privacy settings" in message:
        return Private("Vimeo says that the owner's settings do not let this video be played here.")
    if code == 5000 or "couldn't be found" in message or "does not exist" in message:
        return Deleted("Vimeo says that this video does not exist.")
    return None


_HOST = re.compile(r"(?:www\.)?vimeo\.com")

CHANNEL_FEEDS = FeedRules(
    pages=(
        AddressPattern(
            re.compile(r"^/channels/(?P<channel>[\w-]+)(?:/videos)?(?:/(?:rss)?)?$"), host=_HOST
        ),
    ),
    feed="https://vimeo.com/channels/{channel}/videos/rss",
    key="channels/{channel}",
)


def account_feeds(name: str) -> FeedRules:
    """Return the rules for accounts; ``name`` is the pattern of an account's name in a path."""
    return FeedRules(
        pages=(AddressPattern(re.compile(rf"^/{name}(?:/videos)?(?:/(?:rss)?)?$"), host=_HOST),),
        feed="https://vimeo.com/{handle}/videos/rss",
    )


_ID = r"(?P<post_id>\d{3,12})"
_HASH = r"(?P<hash>[0-9a-f]{8,12})"
_UNLISTED = "https://vimeo.com/{post_id}/{hash}"  # without its hash an unlisted video is not found
_PLACES = (
    r"(?:m/|video/|videos/|manage/videos/|channels/[^/]+/|groups/[^/]+/videos/|(?:album|showcase)/[^/]+/video/"
    r"|event/\d+/videos/)?"
)
_NOT_A_NAME = (
    "about|album|api|blog|categories|channels|channel|cookie_policy|create|explore|event|events|features|for-hire|groups"
    "|group|hd|help|home|jobs|join|log_in|login|manage|moogaloop\\.swf|ondemand|on_demand|ott|player|privacy|search|settings"
    "|showcase|site_map|solutions|stats|stock|store|terms|upgrade|upload|video|videos|watch|watchlater"
)
_NAME = rf"(?!(?:{_NOT_A_NAME})(?:/|$))(?P<handle>[\w-]+)"

VIMEO = Platform(
    name="vimeo",
    title="Vimeo",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="videos, also unlisted ones with their hash, and those of embeds",
    leaves_out="live events, whole showcases and groups; copy-protected videos",
    extractors=("ytdlp", "browser"),
    matching=Matching(
        brands=("vimeo",),
        hosts=(
            "vimeo.com",
            "www.vimeo.com",
            "player.vimeo.com",
            "vimeopro.com",
            "www.vimeopro.com",
        ),
        image_hosts=("i.vimeocdn.com",),
        posts=(
            AddressPattern(re.compile(rf"^/{_PLACES}{_ID}/{_HASH}/?$"), canonical=_UNLISTED),
            AddressPattern(
                re.compile(rf"^/{_PLACES}{_ID}/?$"),
                query={"h": re.compile(_HASH)},
                canonical=_UNLISTED,
            ),
            AddressPattern(
                re.compile(rf"^/{_PLACES}{_ID}/?(?:(?:description|comments|embed)/?)?$")
            ),
            AddressPattern(
                re.compile(rf"^/(?P<handle>[\w-]+)/review/{_ID}/(?P<hash>[0-9a-f]{{8,12}})(?=/|$)"),
                canonical="https://vimeo.com/{handle}/review/{post_id}/{hash}",
            ),
            AddressPattern(
                re.compile(rf"^/[^/]+/[^/]+/video/{_ID}/?$"),
                host=re.compile(r"(?:www\.)?vimeopro\.com"),
            ),
            AddressPattern(
                re.compile(r"^/(?:album|showcase)/\d+/?$"), query={"video": re.compile(_ID)}
            ),
            AddressPattern(re.compile(r"^/(?:hd|channels/[^/]+)/?$"), fragment=re.compile(_ID)),
            AddressPattern(
                re.compile(r"^/(?:moogaloop\.swf|play_redirect_hls)$"),
                query={"clip_id": re.compile(_ID)},
            ),
        ),
        lives=paths(r"^/event/\d+(?:/|$)"),
        playlists=paths(r"^/(?:channels|groups|album|showcase|categories)/[^/]+")
        + paths(r"^/[^/]+/[^/]+/?$", host=r"(?:www\.)?vimeopro\.com"),
        profiles=paths(
            rf"^/{_NAME}/?(?:$|(?:likes|videos|about|albums|following|followers|collections)(?:/|$))",
            host=r"(?:www\.)?vimeo\.com",
        ),
        other_pages=paths(rf"^/(?:{_NOT_A_NAME})?(?:/|$)"),
        canonical="https://vimeo.com/{post_id}",
    ),
    reader=PageReader(
        read=read,
        account_path=re.compile(r"/(?!user/|channels/)([\w-]{2,50})/?$"),
        ids_of=ids_of,
        json_paths=re.compile(
            r"^https://player\.vimeo\.com/video/\d+/config|^https://api\.vimeo\.com/videos/\d+"
        ),
    ),
    ytdlp=YtdlpRules(("vimeo", "vimeo:(?:review|event)")),
    lists=(
        ListRules(
            AddressPattern(
                re.compile(
                    r"^/(?P<kind>channels|groups|album|showcase)/(?P<list>[\w-]+)(?:/videos)?/?$"
                ),
                canonical="https://vimeo.com/{kind}/{list}",
            ),
            ("vimeo:(?:channel|group|album)",),
        ),
        ListRules(
            AddressPattern(
                re.compile(rf"^/{_NAME}/?(?:$|videos/?$)"),
                host=re.compile(r"(?:www\.)?vimeo\.com"),
                canonical="https://vimeo.com/{handle}/videos",
            ),
            ("vimeo:user",),
            newest_first=True,
        ),
    ),
    feeds=(CHANNEL_FEEDS, account_feeds(_NAME)),
    media=MediaRules(
        hosts=(".vimeocdn.com", ".akamaized.net"),
        own_hosts=re.compile(
            r"(?:.+\.)?vimeocdn\.com|\w*vod-(?:adaptive|progressive)[\w-]*\.akamaized\.net"
        ),
        signs_urls=True,
        watermark_no=re.compile(r"."),  # Vimeo adds no watermark
        referer="https://vimeo.com/",
        tls_sensitive=True,
    ),
    sign_in=SignIn(
        url="https://vimeo.com/log_in",
        session_cookies=("vimeo",),
    ),
    walls=Walls(
        blocks_media=True,
        login_url=re.compile(r"^https://vimeo\.com/log_in"),
        login_json=("5460",),
        gone_text=("Sorry, we couldn’t find that page",),
        private_text=("Because of its privacy settings",),
    ),
    pace=Pace(interval_s=(3, 5)),
)
