"""What we know of pinterest.com; checked 2026-11-24 against published extractors.

Pinterest: the pin whose id is the post's, in a PinResource answer, the page's state or its Relay
answers.

The same documents hold about a hundred related pins. A video pin has one video, an idea pin one a
page.
Relay writes the same names in camel case.
Checked 2026-11-24 against recorded answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import SplitResult

from mediavault.core.failures import Deleted
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
from mediavault.extraction.page_data.build import own_candidates
from mediavault.extraction.page_data.values import Node, walk

_PIN_FIELDS = frozenset(
    {
        "images",
        "videos",
        "pinner",
        "grid_title",
        "gridTitle",
        "storyPinData",
        "story_pin_data",
        "imageSpec_orig",
        "board_owner",
    }
)


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing.
    Raises Deleted where Pinterest says so.
    """
    own = [node for document in documents for node in walk(document) if _is_own(node, post.post_id)]
    if not own:
        if any(_is_missing(document) for document in documents):
            raise Deleted("Pinterest says that this pin does not exist.")
        return None
    pin: dict[str, object] = {}
    for node in own:  # Relay spreads one pin over several answers
        pin |= {
            name: value
            for name, value in node.items()
            if value not in (None, [], {}) or name not in pin
        }
    return _page_data(platform, pin)


def _is_own(node: Node, post_id: str | None) -> bool:
    return bool(post_id) and post_id in ids_of(node)


def ids_of(node: Node) -> set[str]:
    """Return the ids of a pin's node; none for any other node."""
    named = (node.get(name) for name in ("id", "entityId", "entity_id"))
    return {str(pin_id) for pin_id in named if pin_id} if _PIN_FIELDS & node.keys() else set()


def _is_missing(document: object) -> bool:
    answer = values.obj(document, "resource_response")
    error = values.obj(answer, "error")
    message = str(error.get("message") or answer.get("message") or "")
    return message.startswith(("PinNotFound", "Pin not found")) or 404 in (
        values.integer(error.get("http_status")),
        values.integer(answer.get("http_status")),
    )


def _field(node: Node, name: str) -> object:
    """Return a field by its name in snake case, or in Relay's camel case."""
    camel = re.sub(r"_(\w)", lambda match: match[1].upper(), name)
    return node.get(name) if node.get(name) is not None else node.get(camel)


def _page_data(platform: Platform, pin: Node) -> PageData:
    author = next(
        filter(
            None,
            (
                values.obj(_field(pin, name))
                for name in (
                    "native_creator",
                    "closeup_attribution",
                    "pinner",
                    "origin_pinner",
                    "board_owner",
                )
            ),
        ),
        {},
    )
    items = (
        (*_videos(platform, pin), *_story(platform, pin))
        or _uploaded(platform, pin)
        or _pictures(pin)
    )
    picture = _picture(pin)
    return PageData(
        items=items,
        handle=values.text(author.get("username")) or _handle_in(author.get("profile_url")),
        display_name=values.text(_field(author, "full_name")),
        title=values.text(pin.get("title")) or values.text(_field(pin, "grid_title")),
        text=values.text(pin.get("description")),
        published_at=values.moment(_field(pin, "created_at")),
        thumbnail_url=picture or next((item.thumbnail_url for item in items), None),
        image_urls=(picture,) if picture and not any(item.is_video for item in items) else (),
        found=True,
        metadata={"advert": True} if _field(pin, "is_promoted") is True else {},
    )


def _handle_in(address: object) -> str | None:
    """Return the handle in an account's URL: answers for widgets have nothing else."""
    match = re.fullmatch(r"https?://[\w.]*pinterest\.[\w.]+/([\w.-]{1,50})/?", str(address))
    return match[1] if match else None


def _uploaded(platform: Platform, pin: Node) -> tuple[Item, ...]:
    """Return the one file that the documented API names, and only to the pin's owner."""
    media = values.obj(pin, "media")
    if media.get("media_type") != "video":
        return ()
    seconds = values.duration(media.get("duration"))
    candidates = own_candidates(
        media.get("video_url"),
        platform,
        width=values.integer(media.get("width")),
        height=values.integer(media.get("height")),
        duration_s=seconds,
    )
    return (
        Item(tuple(candidates), thumbnail_url=_picture(pin), expected=Expected(duration_s=seconds)),
    )


def _pictures(pin: Node) -> tuple[Item, ...]:
    return (Item(type=ItemType.IMAGE, thumbnail_url=_picture(pin)),)


def _picture(pin: Node) -> str | None:
    images = values.obj(pin.get("images"))
    sizes = [
        values.obj(images, "orig"),
        values.obj(images, "736x"),
        values.obj(pin, "imageSpec_orig"),
        values.obj(pin, "imageSpec_736x"),
        {"url": values.obj(pin, "media").get("cover_image_url")},
    ]
    return next(filter(None, (values.url(size.get("url")) for size in sizes)), None)


def _videos(platform: Platform, pin: Node) -> tuple[Item, ...]:
    return tuple(filter(None, [_video(platform, values.obj(pin.get("videos")))]))


def _story(platform: Platform, pin: Node) -> tuple[Item, ...]:
    """Return the videos among the blocks of an idea pin's pages."""
    pages = values.objects(values.obj(_field(pin, "story_pin_data")).get("pages"))
    blocks = [block for page in pages for block in values.objects(page.get("blocks"))]
    videos = [
        values.obj(block, "video") or values.obj(_field(block, "video_data_v2")) for block in blocks
    ]
    videos += [values.obj(page, "video") for page in pages]
    return tuple(item for video in videos if (item := _video(platform, video)))


def _video(platform: Platform, videos: Node) -> Item | None:
    candidates = list(_levels(platform, videos))
    if not candidates:
        return None
    listed = [
        level for levels in _lists(videos) for level in levels.values() if isinstance(level, dict)
    ]
    pictures = (values.url(level.get("thumbnail")) for level in listed)
    return Item(
        build.merged(candidates),
        media_id=values.text(videos.get("id")),
        thumbnail_url=next(filter(None, pictures), None),
        expected=Expected(duration_s=candidates[0].duration_s),
    )


def _lists(videos: Node) -> list[Node]:
    """Return ``video_list``, in Relay also ``videoList720P`` and ``videoListMobile``."""
    return [
        values.obj(levels)
        for name, levels in videos.items()
        if name.startswith(("video_list", "videoList"))
    ]


def _levels(platform: Platform, videos: Node) -> Iterator[Candidate]:
    """Yield the qualities. Durations are milliseconds. Relay has one field for each quality
    (``v720P``, ``vHLSV4``).

    Experimental encodings (``V_EXP7``) are shown to some visitors only: they count where there is
    no other.
    """
    named = [
        (name, level)
        for levels in _lists(videos)
        for name, level in levels.items()
        if values.obj(level).get("url")
    ]
    standard = [(name, level) for name, level in named if "EXP" not in name.upper()]
    for name, level in standard or named:
        yield from own_candidates(
            values.obj(level).get("url"),
            platform,
            mime="application/x-mpegurl" if "HLS" in name.upper() else None,
            width=values.integer(values.obj(level).get("width")),
            height=values.integer(values.obj(level).get("height")),
            duration_s=values.milliseconds(values.obj(level).get("duration")),
            video_codec="hevc" if "HEVC" in name.upper() else None,
        )


_COUNTRIES = (
    "at be ca ch cl co co.at co.in co.kr co.nz co.uk com com.au com.bo com.ec com.mx com.pe com.py"
    " com.uy com.vn de dk ec engineering es fr hu id ie in info it jp kr mx nl nz pe ph pt ru se th"
    " tw uk uy vn"
)
_NOT_A_NAME = (
    "_|about|amp|business|categories|discover|explore|ext|ideas|login|news_hub|offsite|password|pin|pin-builder|pin-creation-tool|privacy|resource|search"
    "|settings|shop|shopping|signup|terms|today|topics|url_shortener|videos"
)
_NAME = rf"(?!(?:{_NOT_A_NAME})(?:/|$))(?P<handle>[^/]+)"
_TABS = (
    r"_saved|_created|_shop|_profile|_pins|_boards|_about|_community|pins|boards|followers|"
    r"following|more_ideas"
)

_WIDTH = re.compile(r"_(\d{3,4})w\.(?:mp4|m3u8|cmfv)$")


def _stated_size(parts: SplitResult) -> tuple[int | None, int | None]:
    match = _WIDTH.search(parts.path)
    return int(match[1]) if match else None, None


PINTEREST = Platform(
    name="pinterest",
    title="Pinterest",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="video pins, idea pins with several videos, pictures",
    leaves_out="boards and searches",
    extractors=("page", "browser", "ytdlp"),
    matching=Matching(
        brands=("pinterest",),
        hosts=tuple(
            f"{prefix}pinterest.{country}"
            for country in _COUNTRIES.split()
            for prefix in ("", "www.")
        ),
        host_suffixes=(".pinterest.com",),
        names_in_paths=True,
        short_hosts=("pin.it",),
        image_hosts=("i.pinimg.com",),
        share_links=(
            *paths(r"^/url_shortener/(?P<post_id>\w+)"),
            AddressPattern(re.compile(r"^/offsite/?$"), query={"url": re.compile(r"https?://.+")}),
        ),
        posts=(
            AddressPattern(re.compile(r"^/(?:amp/)?pin/(?:[^/]+--)?(?P<post_id>\d{5,25})(?=/|$)")),
            AddressPattern(
                re.compile(r"^/ext/embed\.html$"),
                query={"id": re.compile(r"(?P<post_id>\d{5,25})")},
            ),
        ),
        playlists=paths(
            rf"^/{_NAME}/(?!(?:{_TABS})(?:/|$))[^/]+(?:/[^/]+)?/?$", r"^/ideas/[^/]+/\d+"
        ),
        profiles=paths(rf"^/{_NAME}/?$", rf"^/{_NAME}/(?:{_TABS})(?:/|$)"),
        other_pages=paths(rf"^/(?:{_NOT_A_NAME})?(?:/|$)"),
        canonical="https://www.pinterest.com/pin/{post_id}/",
    ),
    reader=PageReader(
        read=read,
        account_path=re.compile(r"/([\w-]{2,50})/?$"),
        ids_of=ids_of,
        json_paths=re.compile(r"/resource/PinResource/get/|/_/graphql/"),
        data_css="#__PWS_INITIAL_PROPS__, #__PWS_DATA__, script[data-relay-response]",
        always_sent=True,
    ),
    ytdlp=YtdlpRules(("pinterest",), handle=""),
    media=MediaRules(
        hosts=(".pinimg.com",),
        path=re.compile(r"/videos/"),
        key=re.compile(r"/([0-9a-f]{32})(?:_\w+)?\."),
        stated_size=_stated_size,
    ),
    sign_in=SignIn(
        url="https://www.pinterest.com/login/",
        session_cookies=("_pinterest_sess",),
    ),
    walls=Walls(
        login_url=re.compile(r"^https://www\.pinterest\.[a-z.]+/login"),
        gone_json=("PinNotFound",),
    ),
    pace=Pace(interval_s=(3, 5)),
)
