"""Facebook: the record of the post's own video in Relay data, older scripts, the Graph API and the
mobile site's ``data-store``.

A URL names either a video (``/watch``, ``/videos``, ``/reel``) or a story that holds one or
several. Suggested videos are in the same documents and are ignored; a shared story's media are
items with that role.
Checked 2026-11-24 against recorded pages and answers of 2015 to 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from mediavault.core.failures import (
    AccountWarning,
    Challenge,
    Deleted,
    Failure,
    LoginRequired,
    RateLimited,
    Upcoming,
)
from mediavault.core.media import Expected, Item, ItemRole, ItemType, LiveNow, Post
from mediavault.core.messages import Message
from mediavault.core.platform import OwnRecords, PageData, Platform
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.values import Node, walk
from mediavault.platforms.facebook.video import FIELDS, candidates_of, duration_of
from mediavault.platforms.meta_media import listed_by

_NUMBERS = ("mf_story_key", "top_level_post_id")


def player_in(element: Node) -> Node:
    """Return the player that an element holds, an empty object for any other."""
    store = values.obj(element, "attributes", "data-store")
    return store if "videoID" in store and "src" in store else {}


def own_players(post: Post, documents: Sequence[object]) -> list[Node]:
    """Return the elements of the one video of the post's story; [] where the story is not there,
    or names none of several.
    """
    elements = [element for document in documents if (element := values.obj(document)).get("story")]
    stories = {str(element["story"].get("top_level_post_id")) for element in elements}
    own = [
        element
        for element in elements
        if player_in(element)
        and (is_of(element, post) or (len(stories) == 1 and _may_be_of(element["story"], post)))
    ]
    named = [
        element
        for element in own
        if str(player_in(element)["videoID"]) in _named_by(element["story"])
    ]
    named = named or [element for element in own if _may_show_a_video(element["story"])]
    return named if len({str(player_in(element)["videoID"]) for element in named}) == 1 else []


def is_of(element: Node, post: Post) -> bool:
    """Whether an element is in the post's own story."""
    return post.post_id in {str(element["story"].get(name)) for name in _NUMBERS}


def shares(element: Node) -> bool:
    """Whether an element is in a story that shows another one's video."""
    return bool(element["story"].get("original_content_id"))


def _named_by(story: Node) -> set[str]:
    return {str(story[name]) for name in (*_NUMBERS, "photo_id") if story.get(name)}


def _may_show_a_video(story: Node) -> bool:
    """Whether a story that names no attachment says nothing against a video;
    the basic site states no forms.
    """
    styles = (
        story.get(name) for name in ("story_attachment_style", "attached_story_attachment_style")
    )
    return "photo_id" not in story and all(
        str(style).startswith("video") for style in styles if style
    )


def _may_be_of(story: Node, post: Post) -> bool:
    """Whether a story may be the post's where the post's URL has the newer form,
    which cannot be computed.
    """
    owner, handle = str(story.get("content_owner_id_new")), post.handle or ""
    is_newer = (post.post_id or "").startswith("pfbid")
    return is_newer and (owner == handle or not handle.isdigit())


MAX_ITEMS = 100
_MAX_RECORDS = 50  # of one video or story in one page; there are one to ten


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing.

    Raises LiveNow, Upcoming, LoginRequired, Challenge, AccountWarning, Deleted or RateLimited when
    Facebook says so.
    """
    nodes = [node for document in documents for node in _records(document)]
    if post.post_id and (own := _own_video(post.post_id, nodes)):
        items: tuple[Item, ...] = (_video(own, platform),)
        stories = [node for node in nodes if _holds_video(node, post.post_id)][:_MAX_RECORDS]
        return _page_data(items, [*own, *stories])
    if post.post_id and (
        stories := [node for node in nodes if _is_story(node, post.post_id)][:_MAX_RECORDS]
    ):
        readings = [(_story_items(node, platform), node) for node in stories]
        items, story = max(
            readings, key=lambda pair: (sum(bool(i.candidates) for i in pair[0]), len(pair[0]))
        )
        # a text has no attachments; the video next to it in a list is another post's
        has_none = any(node.get("attachments") == [] for node in stories) and not any(
            map(_has_attachments, stories)
        )
        return (
            _page_data(items, [story, *stories, *_sections(story)]) if items or has_none else None
        )
    if post.post_id and (elements := own_players(post, documents)):
        role = ItemRole.REPOSTED if shares(elements[0]) else ItemRole.MAIN
        players = [player_in(element) for element in elements[:_MAX_RECORDS]]
        return _page_data((_video(players, platform, role=role),), players)
    if post.post_id and (
        advert := next((n for n in nodes if str(n.get("ad_archive_id")) == post.post_id), None)
    ):
        return _advert(advert, platform)
    if failure := next(filter(None, map(_refusal, documents)), None):
        raise failure
    return None


def _records(document: object) -> Iterator[Node]:
    """Yield all objects. The mobile site has its players' in ``data-store``,
    whose element is not a record.
    """
    for node in walk(document):
        if "element" not in node:
            yield node


# --- the post's own video -------------------------------------------------------------------------

_IDS = ("id", "videoId", "video_id", "videoID", "legacy_fbid", "v_id")


def _own_video(post_id: str, nodes: Sequence[Node]) -> list[Node]:
    """Return the records of the video, those with most URLs first; none if no record has a URL."""
    own = list(
        islice(
            (node for node in nodes if _is_video(node) and post_id in _ids_of(node)), _MAX_RECORDS
        )
    )
    return (
        sorted(own, key=lambda node: -len(FIELDS & node.keys())) if any(map(_has_url, own)) else []
    )


def ids_of(node: Node) -> set[str]:
    """Return the ids of a video's record with URLs; none for any other node."""
    return _ids_of(node) if _has_url(node) else set()


def owners_of(node: Node) -> set[str]:
    """Return names and numbers of the account whose video a record with URLs is;
    none for any other node.
    """
    owners = list(_owners(node)) if _has_url(node) else []
    names = (_handle(owner.get(field)) for owner in owners for field in ("url", "profile_url"))
    return {
        name.lower() for name in (*names, *(str(owner.get("id") or "") for owner in owners)) if name
    }


def _ids_of(node: Node) -> set[str]:
    """Return a record's ids. Pages for link previews have the id only in the URL
    (``lookaside…/media/?media_id=…``).
    """
    named = {str(node[name]) for name in _IDS if isinstance(node.get(name), str | int)}
    if not named and (
        address := node.get("browser_native_hd_url") or node.get("browser_native_sd_url")
    ):
        named |= set(re.findall(r"[?&]media_id=(\d{6,25})", str(address)))
    return named


def _is_video(node: Node) -> bool:
    return _has_url(node) or node.get("__typename") == "Video" or "videoID" in node


def _has_url(node: Node) -> bool:
    if FIELDS & node.keys() or ("videoID" in node and "src" in node):
        return True
    return "id" in node and str(node.get("source")).startswith("https://")  # of the Graph API


def _video(
    own: Sequence[Node],
    platform: Platform,
    *,
    role: ItemRole = ItemRole.MAIN,
    label: str | None = None,
) -> Item:
    for node in own:
        if node.get("broadcast_status") in ("SCHEDULED_LIVE", "SCHEDULED_PREVIEW"):
            raise Upcoming("The broadcast has not begun.")
        if any(
            node.get(name) is True
            for name in ("is_live_streaming", "is_live_stream", "playbackIsLiveStreaming")
        ):
            raise LiveNow("The video is live now.")
    candidates = candidates_of(own, platform)
    return Item(
        candidates=candidates,
        role=role,
        media_id=next(iter(sorted(_ids_of(own[0]))), None),
        thumbnail_url=_picture(own),
        expected=Expected(duration_s=duration_of(own)).completed_by(listed_by(candidates)),
        label=label,
    )


def _picture(nodes: Sequence[Node]) -> str | None:
    paths = (
        ("preferred_thumbnail", "image"),
        ("first_frame_thumbnail",),
        ("thumbnailImage",),
        ("thumbnail_image",),
        ("image",),
        ("photo_image",),
        ("viewer_image",),
        ("previewImage",),
        ("video_preview_image_url",),
    )
    named = (
        values.obj(node, *path).get("uri") or values.obj(node, *path[:-1]).get(path[-1])
        for path in paths
        for node in nodes
    )
    return next(filter(None, map(values.url, named)), None)


# --- a story --------------------------------------------------------------------------------------

_STORY_IDS = (
    "post_id",
    "story_fbid",
    "legacy_story_hideable_id",
    "top_level_post_id",
    "mf_story_key",
)
_STORY_URLS = ("url", "wwwURL", "permalink_url", "shareable_url", "share_url")
_NOT_OWN_FIELDS = frozenset(
    {"attached_story", "feedback", "comments", "comment_rendering_instance", "comet_ufi_summary"}
)


def _is_story(node: Node, post_id: str) -> bool:
    if not ("attachments" in node or "comet_sections" in node or "all_subattachments" in node):
        return False
    if any(str(node.get(name)) == post_id for name in _STORY_IDS):
        return True
    named = re.compile(rf"(?:[/=]){re.escape(post_id)}(?:[/?&#]|$)")
    return any(isinstance(node.get(name), str) and named.search(node[name]) for name in _STORY_URLS)


def _is_another_story(node: Node, post: Post) -> bool:
    """Whether a node is a story whose number is not the post's.
    The newer form of an id cannot be compared.
    """
    numbers = {str(node.get(name)) for name in _STORY_IDS} if "attachments" in node else set()
    own = post.post_id or ""
    return own.isdigit() and any(map(str.isdigit, numbers)) and own not in numbers


def _has_attachments(story: Node) -> bool:
    """Whether a story shows something, or shares another story."""
    return bool(story.get("attached_story")) or any(
        node.get("attachments") for node in _below(story)
    )


def _holds_video(node: Node, video_id: str) -> bool:
    """Whether a node contains the video: such a node has its author, its text and its date."""
    if not ({"actors", "message", "video_owner", "owner", "creation_time"} & node.keys()):
        return False
    attached = values.objects(node.get("attachments"))
    media = [
        *(values.obj(attachment, "media") for attachment in attached),
        *(values.obj(attachment, "styles", "attachment", "media") for attachment in attached),
        *(values.obj(node, name) for name in ("video", "playback_video")),
        values.obj(node, "short_form_video_context", "video"),
        values.obj(node, "short_form_video_context", "playback_video"),
    ]
    return any(video_id in _ids_of(medium) for medium in media)


def _story_items(story: Node, platform: Platform) -> tuple[Item, ...]:
    own = _media_items(story, platform)
    shared = values.obj(story, "attached_story")
    if not shared:
        return own
    label = next((str(shared[name]) for name in _STORY_IDS if shared.get(name)), None)
    return (*own, *_media_items(shared, platform, role=ItemRole.REPOSTED, label=label))


def _media_items(
    story: Node, platform: Platform, *, role: ItemRole = ItemRole.MAIN, label: str | None = None
) -> tuple[Item, ...]:
    """Return the story's videos and photos in order, each once,
    without those of comments and of a shared story.
    """
    records_by_id: dict[str, list[Node]] = {}
    for node in _below(story):
        if (_is_video(node) or node.get("__typename") == "Photo") and (ids := _ids_of(node)):
            records_by_id.setdefault(min(ids), []).append(node)
    items = []
    for records in list(records_by_id.values())[:MAX_ITEMS]:
        if any(map(_has_url, records)):
            items.append(_video(records, platform, role=role, label=label))
        elif records[0].get("__typename") == "Photo" and (picture := _picture(records)):
            items.append(Item(role=role, type=ItemType.IMAGE, thumbnail_url=picture, label=label))
    return tuple(items)


def _below(story: Node) -> Iterator[Node]:
    """Yield the story's own objects in document order."""
    own: dict[str, Any] = {
        name: value for name, value in story.items() if name not in _NOT_OWN_FIELDS
    }
    foreign: set[int] = set()
    for node in walk(own):
        if id(node) in foreign:
            continue
        for name in _NOT_OWN_FIELDS & node.keys():
            foreign |= {id(inner) for inner in walk(node[name])}
        yield node


_SECTION_FIELDS = ("actors", "message", "creation_time")


def _sections(story: Node) -> Iterator[Node]:
    """Yield the facts in a story's sections (``comet_sections.content.story``).

    They repeat parts of the story, but in its newest form the author is named only there.
    """
    facts = (
        {name: node[name] for name in _SECTION_FIELDS if node.get(name)} for node in _below(story)
    )
    return islice(filter(None, facts), _MAX_RECORDS)


# --- an advert in the ad library ------------------------------------------------------------------


def _advert(advert: Node, platform: Platform) -> PageData | None:
    """Return an advert's and its cards' videos; None without any,
    since its pictures do not rule out a video.
    """
    shown = values.obj(advert, "snapshot")
    parts = [*values.objects(shown.get("videos")), *values.objects(shown.get("cards"))]
    items = tuple(_video([part], platform) for part in parts[:MAX_ITEMS] if _has_url(part))
    owner = {
        "name": shown.get("page_name") or advert.get("page_name"),
        "url": shown.get("page_profile_uri"),
    }
    facts = {
        "actors": [owner],
        "message": shown.get("body"),
        "creation_time": advert.get("start_date"),
    }
    return _page_data(items, [facts]) if any(item.candidates for item in items) else None


# --- who and when ---------------------------------------------------------------------------------


def _page_data(items: tuple[Item, ...], nodes: Sequence[Node]) -> PageData:
    owners = [owner for node in nodes for owner in _owners(node)]
    urls = [owner.get(name) for owner in owners for name in ("url", "profile_url")]
    urls += [
        node.get(name) for node in nodes for name in ("videoURL", "permalink_url", "url", "wwwURL")
    ]
    main = [item for item in items if item.role is ItemRole.MAIN]
    texts = (
        values.text(values.obj(node, *path).get("text"))
        for path in (("message",), ("savable_description",), ("title_with_entities",))
        for node in nodes
    )
    moments = (
        values.moment(node.get(name))
        for name in ("creation_time", "publish_time", "created_time")
        for node in nodes
    )
    titles = (
        values.text(values.obj(node, "title").get("text")) or values.text(node.get("name"))
        for node in nodes
    )
    return PageData(
        items=items,
        handle=next(filter(None, map(_handle, urls)), None),
        display_name=next(
            (name for owner in owners if (name := values.text(owner.get("name")))), None
        ),
        title=next(filter(None, titles), None),
        text=next(filter(None, texts), None),
        published_at=next(filter(None, moments), None),
        thumbnail_url=next(
            (item.thumbnail_url for item in (*main, *items) if item.thumbnail_url), None
        ),
        image_urls=tuple(
            item.thumbnail_url
            for item in main
            if item.type is ItemType.IMAGE and item.thumbnail_url
        ),
        found=True,
    )


def _owners(node: Node) -> Iterator[Node]:
    yield from values.objects(node.get("actors"))
    for path in (
        ("owner",),
        ("video_owner",),
        ("author",),
        ("short_form_video_context", "video_owner"),
    ):
        if owner := values.obj(node, *path):
            yield owner


_NO_HANDLE = frozenset(
    {
        "watch",
        "reel",
        "reels",
        "video",
        "videos",
        "story.php",
        "permalink.php",
        "groups",
        "photo",
        "people",
        "share",
    }
    | {"profile.php", "events", "stories", "video.php", "photo.php", "hashtag", "plugins", "live"}
)


def _handle(url: object) -> str | None:
    """Return the first path segment of an account's URL, or of a post's URL below it."""
    match = (
        re.match(r"https?://(?:[\w-]+\.)?facebook\.com/([\w.-]{1,80})(?:[/?#]|$)", url)
        if isinstance(url, str)
        else None
    )
    return match[1] if match and match[1].lower() not in _NO_HANDLE else None


# --- what Facebook says instead -------------------------------------------------------------------

_ERRORS: Mapping[int, tuple[type[Failure], str]] = {
    1357001: (LoginRequired, Message("Facebook wants a sign-in for this post")),
    1675004: (RateLimited, Message("Facebook asked us to slow down")),
    368: (AccountWarning, Message("Facebook has blocked the account that is signed in for a time")),
    1357045: (Challenge, Message("Facebook shows a CAPTCHA")),
    1675030: (Deleted, Message("Facebook says that the content is not available")),
}


def _refusal(document: object) -> Failure | None:
    answer = values.obj(document)
    codes = [
        answer.get("error"),
        *(error.get("code") for error in values.objects(answer.get("errors"))),
    ]
    for code in codes:
        if known := _ERRORS.get(values.integer(code) or 0):
            return known[0](Message("%(what)s (%(code)s).", what=known[1], code=code))
    return None


# --- the owners of a page's records ---------------------------------------------------------------

NAMES_A_VIDEO = re.compile(r"/(?:videos|reel|watch|video\.php)(?:[/?]|$)")


# a number and a name, since ids of two kinds are not compared
_ANOTHERS = frozenset({"0", "another's"})


def own_records(post: Post) -> OwnRecords | None:
    """How the records of a post are recognised: a video's by its id, a story's by the account that
    posted it.

    Stories hold videos with other ids. Where the story's record is in the data, the reader finds
    the videos in it and this is not called; without it nothing ties the story's id to a video's,
    and every video would seem another post's. In a list without the post's story, what other
    stories and the players in them hold is theirs, whatever account posted them.
    """
    if post.post_id and NAMES_A_VIDEO.search(post.url):
        return OwnRecords(frozenset({post.post_id}), ids_of)
    own = frozenset({(post.handle or "own").lower()})

    def ids_in(node: Node) -> set[str] | frozenset[str]:
        if ("story" in node and player_in(node)) or _is_another_story(node, post):
            return _ANOTHERS
        owners = owners_of(node) if post.handle else set()
        # the account's other posts are not this one
        return owners if not owners & own else frozenset()

    return OwnRecords(own, ids_in)
