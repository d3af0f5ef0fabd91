"""What we know of instagram.com; checked 2026-11-24 against recorded pages and published
extractors.

Instagram's embed of a post as it is sent: who posted it, a picture and the kind of post. A script
adds the player.

Checked 2026-11-25 against published readers of embeds.

Reads a post of Instagram from a page's Relay data, an embed or an API answer.

Feeds, suggestions and other stories hold records of the same form: only the one with the post's own
shortcode or number counts, and nothing below another post. Checked 2026-11-24 against recorded
pages and answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from mediavault.core.failures import (
    AccountWarning,
    Challenge,
    Deleted,
    Failure,
    LoginRequired,
    Private,
    RateLimited,
    StoryExpired,
)
from mediavault.core.media import Item, ItemType, Post
from mediavault.core.messages import Message
from mediavault.core.platform import (
    AccountCookie,
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
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.values import Node, walk
from mediavault.platforms import meta_media
from mediavault.platforms.meta_media import ids_of, measures, numbers_of

_ACCOUNT = re.compile(
    r"^https?://(?:www\.)?instagram\.com/(?!p/|reel/|tv/|explore/)(?P<handle>[\w.]{1,30})/?(?:[?#]|$)"
)


def read_embed(post: Post, documents: Sequence[object]) -> PageData | None:
    """Return what an embed of ``post`` says; None where the documents hold none.

    Only a picture's embed is ``found``: it certainly has no video.
    """
    elements = list(_elements(documents))
    frame = next((attributes for names, attributes in elements if "Embed" in names), None)
    if frame is None or not post.post_id:
        return None
    number = str(frame.get("data-media-id") or "").partition("_")[0]
    if number and number != meta_media.number_of(post.post_id):
        return None
    pictures = (
        values.url(attributes.get("src"))
        for names, attributes in elements
        if "EmbeddedMediaImage" in names
    )
    picture = next(filter(None, pictures), None)
    links = (
        _ACCOUNT.match(str(attributes.get("href", "")))
        for names, attributes in elements
        if names & _AUTHOR
    )
    is_picture = frame.get("data-media-type") == "GraphImage"
    return PageData(
        items=(Item(type=ItemType.IMAGE if is_picture else ItemType.VIDEO, thumbnail_url=picture),),
        handle=next((link["handle"] for link in links if link), None),
        thumbnail_url=picture,
        image_urls=(picture,) if picture and is_picture else (),
        found=is_picture,
    )


_AUTHOR = frozenset({"ViewProfileButton", "CaptionUsername", "Username", "UsernameText"})


def _elements(documents: Sequence[object]) -> Iterator[tuple[frozenset[str], Node]]:
    for document in documents:
        attributes = values.obj(document, "attributes")
        if names := frozenset(str(attributes.get("class", "")).split()):
            yield names, attributes


_MAX_NESTED_CHARS = 4_000_000


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing.

    Raises Private, Deleted, LoginRequired, Challenge, AccountWarning, StoryExpired or RateLimited
    when Instagram itself says so.
    """
    own = _own_records(post, documents)
    if (
        not own
        and (named := _HIGHLIGHT.search(post.url))
        and (reel := _reel(f"highlight:{named[1]}", documents))
    ):
        items = tuple(
            item
            for story in values.objects(reel.get("items"))
            for item in meta_media.items_of(story, platform)
        )
        return _page_data(post, items[: meta_media.MAX_ITEMS], [reel])
    if not own:
        if failure := next(filter(None, map(_refusal, documents)), None):
            raise failure
        if "/stories/" in post.url and any(map(_holds_no_story, documents)):
            raise StoryExpired("Instagram has no such story any more.")
        return _oembed(post, documents) or read_embed(post, documents)
    readings = [(meta_media.items_of(node, platform), node) for node in own]
    items, node = max(readings, key=lambda pair: (_worth(pair[0]), len(pair[1])))
    if not items and meta_media.is_private(node):
        raise Private("Instagram shows this post only to approved followers.")
    return _page_data(post, items, [node, *own])


def address_of(node: Node) -> str | None:
    """The URL of the post whose record a node is; None for any other node."""
    is_post = node.get("shortcode") and ("display_url" in node or "owner" in node)
    code = node["shortcode"] if is_post else _code_of_graph_api(node)
    return f"https://www.instagram.com/p/{code}/" if code else None


_HIGHLIGHT = re.compile(r"/stories/highlights/(\d+)")


def _reel(name: str, documents: Sequence[object]) -> Node | None:
    """Return a highlight: the stories that an account keeps under a heading."""
    nodes = (node for document in documents for node in walk(document))
    return next((node for node in nodes if node.get("id") == name and node.get("items")), None)


def _own_records(post: Post, documents: Sequence[object]) -> list[Node]:
    wanted = post.post_id
    if not wanted:
        return []
    matches = (
        node
        for document in documents
        for node in _records(document)
        if meta_media.is_media_of(node, wanted)
    )
    return list(islice(matches, meta_media.MAX_RECORDS))


def _records(document: object) -> Iterator[Node]:
    """Yield all objects of the document, including those in the JSON text of embeds, and the Graph
    API's in the form of the others.
    """
    for node in walk(document):
        code = _code_of_graph_api(node)
        yield _of_graph_api(node, code) if code else node
        for name in ("contextJSON", "gql_data"):
            text = node.get(name)
            if isinstance(text, str) and len(text) <= _MAX_NESTED_CHARS:
                for inner in walk(_parsed(text)):
                    yield inner
                    if isinstance(deeper := inner.get("gql_data"), str):
                        yield from walk(_parsed(deeper))


_PERMALINK = re.compile(r"https://www\.instagram\.com/(?:p|reel|tv)/([\w-]{5,60})/?")


def _code_of_graph_api(node: Node) -> str | None:
    """Return the shortcode of a post as the Graph API describes it; None for any other node.

    Its ids are the API's own. Source: Meta's reference of ``IG Media``.
    """
    link = (
        _PERMALINK.fullmatch(str(node.get("permalink")))
        if isinstance(node.get("media_type"), str)
        else None
    )
    return link[1] if link else None


def _of_graph_api(node: Node, code: str | None = None) -> Node:
    is_video = node.get("media_type") == "VIDEO"
    children = values.objects(values.obj(node, "children").get("data"))
    return {
        "code": code,
        "is_video": is_video,
        "video_url": node.get("media_url") if is_video else None,
        "display_url": node.get("thumbnail_url") if is_video else node.get("media_url"),
        "carousel_media": list(map(_of_graph_api, children[: meta_media.MAX_ITEMS])),
        "user": {"username": node.get("username")},
        "caption": {"text": node.get("caption")},
        "taken_at": node.get("timestamp"),
    }


def _parsed(text: str) -> object:
    return values.parsed(text) if len(text) <= _MAX_NESTED_CHARS else None


def _worth(items: Sequence[Item]) -> tuple[int, int]:
    """Return how much a record shows: the same post can occur twice,
    once without its children or its video.
    """
    return sum(bool(item.candidates) for item in items), len(items)


# --- what it says ---------------------------------------------------------------------------------


def _page_data(post: Post, items: tuple[Item, ...], own: Sequence[Node]) -> PageData:
    moments = (values.moment(node.get(name)) for node in own for name in meta_media.PUBLISHED)
    return PageData(
        items=items,
        selected=selected(items, post.url),
        handle=next(filter(None, map(meta_media.handle_of, own)), None),
        display_name=next(filter(None, map(meta_media.display_name_of, own)), None),
        title=values.text(own[0].get("title")),
        text=next(filter(None, map(meta_media.caption_of, own)), None),
        published_at=next(filter(None, moments), None),
        thumbnail_url=thumbnail(items) or meta_media.picture_of(own[0]),
        image_urls=tuple(
            item.thumbnail_url
            for item in items
            if item.type is ItemType.IMAGE and item.thumbnail_url
        ),
        found=True,
    )


def selected(items: Sequence[Item], url: str) -> int | None:
    """Return the index that ``?img_index=2`` names in a carousel (1); None where it names none,
    or an image.
    """
    named = re.search(r"[?&]img_index=(\d{1,2})(?=[&#]|$)", url)
    index = int(named[1]) - 1 if named else -1
    return index if 0 <= index < len(items) and len(items) > 1 and items[index].is_video else None


def thumbnail(items: Sequence[Item]) -> str | None:
    """Return the picture of the first video, else of the first photo."""
    ordered = sorted(items, key=lambda item: not item.is_video)
    return next((item.thumbnail_url for item in ordered if item.thumbnail_url), None)


def _oembed(post: Post, documents: Sequence[object]) -> PageData | None:
    """Return what an oEmbed answer says. It names no file, so ``found`` is False."""
    for document in documents:
        answer = values.obj(document)
        named = str(answer.get("media_id", "")).partition("_")[0]
        if (
            answer.get("provider_name") == "Instagram"
            and post.post_id
            and named == meta_media.number_of(post.post_id)
        ):
            return PageData(
                handle=values.text(answer.get("author_name")),
                title=values.text(answer.get("title")),
                thumbnail_url=values.url(answer.get("thumbnail_url")),
            )
    return None


# --- what Instagram says instead ------------------------------------------------------------------

_MESSAGES: tuple[tuple[re.Pattern[str], type[Failure], str], ...] = (
    (
        re.compile(r"checkpoint_required|challenge_required"),
        Challenge,
        Message("Instagram shows a CAPTCHA"),
    ),
    (
        re.compile(r"feedback_required"),
        AccountWarning,
        Message("Instagram has warned the account that is signed in"),
    ),
    (
        re.compile(r"wait a few minutes|rate.?limit"),
        RateLimited,
        Message("Instagram asked us to slow down"),
    ),
    (
        re.compile(r"login_required|require_login"),
        LoginRequired,
        Message("Instagram wants a sign-in for this post"),
    ),
    (
        re.compile(r"not authorized to view|private"),
        Private,
        Message("Instagram shows this post only to approved followers"),
    ),
    (
        re.compile(
            r"media not found|media unavailable|not found or unavailable|invalid media_id|page not"
            r" found"
        ),
        Deleted,
        Message("Instagram has no such post"),
    ),
)
_ROOTS = ("shortcode_media", "xdt_shortcode_media")


def _refusal(document: object) -> Failure | None:
    answer = values.obj(document)
    if answer.get("status") == "fail" or answer.get("require_login") is True:
        return _failure_of_message(answer)
    for holder in (values.obj(answer, "data"), values.obj(answer, "graphql"), answer):
        if any(name in holder and holder[name] is None for name in _ROOTS):
            return LoginRequired(
                "Instagram shows nothing of this post without a sign-in, or it is gone."
            )
    return None


def _holds_no_story(document: object) -> bool:
    """Whether it is the answer of ``feed/reels_media`` about a story that has expired."""
    answer = values.obj(document)
    return answer.get("reels_media") == [] and not answer.get("reels")


def _failure_of_message(answer: Node) -> Failure | None:
    text = " ".join(
        str(answer.get(name, "")) for name in ("message", "error_type", "feedback_title")
    )
    text += " require_login" if answer.get("require_login") is True else ""
    for form, condition, what in _MESSAGES:
        if form.search(text.lower()):
            return condition(Message("%(what)s (%(said)s).", what=what, said=text.strip()[:100]))
    return None


_ID = r"(?P<post_id>[\w-]{5,40})(?=/|$)"  # longer than 28 characters: a private post
_NOT_A_NAME = (
    "about|accounts|api|challenge|developer|direct|directory|emails|explore|graphql|legal|oauth|p|privacy|reel|reels"
    "|s|session|share|stories|terms|tv|web"
)
_NAME = rf"(?!(?:{_NOT_A_NAME})(?:/|$))(?P<handle>[\w.]{{1,30}})"
_TABS = (
    "posts|photos|reels|reposts|tagged|saved|channel|igtv|feed|guides|highlights|followers|"
    "following|info|avatar"
)

INSTAGRAM = Platform(
    name="instagram",
    title="Instagram",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="posts, reels and carousels, single stories and highlights with a sign-in",
    leaves_out="live broadcasts, accounts",
    extractors=("browser", "ytdlp"),
    matching=Matching(
        brands=("instagram",),
        hosts=("instagram.com", "www.instagram.com", "m.instagram.com", "l.instagram.com"),
        mirror_hosts=(
            "instagr.am",
            "www.instagr.am",
            "ddinstagram.com",
            "www.ddinstagram.com",
            "d.ddinstagram.com",
            "g.ddinstagram.com",
            "kkinstagram.com",
            "www.kkinstagram.com",
            "vxinstagram.com",
            "www.vxinstagram.com",
            "instagramez.com",
        ),
        short_hosts=("ig.me",),
        share_links=(
            *paths(
                r"^/share/(?:p|reel|tv)/(?P<post_id>[\w-]{5,})/?$",
                r"^/share/[\w-]{5,}/?$",
                r"^/s/[\w=%-]{8,}/?$",
            ),
            AddressPattern(
                re.compile(r"^/?$"),
                query={"u": re.compile(r"https?://.+")},
                host=re.compile(r"l\.instagram\.com"),
            ),
        ),
        posts=(
            AddressPattern(
                re.compile(rf"^/(?:{_NAME}/)?reels?/(?!audio/){_ID}"),
                page="https://www.instagram.com/reel/{post_id}/",
            ),
            AddressPattern(
                re.compile(rf"^/(?:{_NAME}/)?tv/{_ID}"),
                page="https://www.instagram.com/tv/{post_id}/",
            ),
            AddressPattern(re.compile(rf"^/(?:{_NAME}/)?p/{_ID}")),
        ),
        stories=(
            AddressPattern(
                re.compile(r"^/stories/highlights/(?P<post_id>\d{5,25})(?=/|$)"),
                canonical="https://www.instagram.com/stories/highlights/{post_id}/",
            ),
            AddressPattern(
                re.compile(r"^/stories/(?P<handle>[\w.]{1,30})/(?P<post_id>\d{5,25})(?=/|$)"),
                canonical="https://www.instagram.com/stories/{handle}/{post_id}/",
            ),
            *paths(
                r"^/stories/(?!highlights(?:/|$))(?P<handle>[\w.]{1,30})/?$", r"^/stories/id:\d+/?$"
            ),
        ),
        lives=paths(rf"^/{_NAME}/live(?:/|$)"),
        playlists=paths(r"^/(?:reels/)?audio/\d+", rf"^/{_NAME}/(?:saved|guides?)/[^/]+/\d+"),
        profiles=paths(
            r"^/id:\d+/?$",
            r"^/_u/(?P<handle>[\w.]{1,30})/?$",
            rf"^/{_NAME}/?(?:$|(?:{_TABS})(?:/|$))",
        ),
        other_pages=paths(rf"^/(?:{_NOT_A_NAME})?(?:/|$)"),
        canonical="https://www.instagram.com/p/{post_id}/",
        page="https://www.instagram.com/p/{post_id}/",
    ),
    reader=PageReader(
        read=read,
        ids_of=ids_of,
        address_of=address_of,
        aliases=numbers_of,
        json_paths=re.compile(
            r"/api/v1/(?:media/|feed/reels_media|clips/)|/graphql(?:/query)?(?:/|$|\?)"
        ),
        viewer=("PolarisViewer", "data", "username"),
    ),
    ytdlp=YtdlpRules(("instagram", "instagram:story"), owns_list=True, handle="channel"),
    media=MediaRules(
        hosts=(".cdninstagram.com", ".fbcdn.net"),
        own_hosts=re.compile(r"(?:.+\.)?cdninstagram\.com|instagram\.[\w-]+\.fna\.fbcdn\.net"),
        path=re.compile(r"/(?:o1/)?v/t\d++(?:(?!/v/t\d)[^?])*\.mp4"),
        key=re.compile(r"/([\w-]{20,})\.mp4"),
        signs_urls=True,
        max_connections=2,  # an account is at risk: no more than a viewer's browser
        watermark_no=re.compile(r"."),  # Instagram adds no watermark
        referer="https://www.instagram.com/",
        measures=measures,
    ),
    sign_in=SignIn(
        url="https://www.instagram.com/accounts/login/",
        session_cookies=("sessionid", "ds_user_id", "csrftoken"),
        account_cookie=AccountCookie("ds_user_id", re.compile(r"^(\d+)$")),
    ),
    walls=Walls(
        blocks_media=True,
        login_url=re.compile(r"^https://www\.instagram\.com/accounts/login"),
        login_json=("login_required", "require_login"),
        age_text=("You must be 18 years old or over to see this profile",),
        challenge_url=re.compile(r"^https://www\.instagram\.com/challenge/"),
        challenge_text=("suspicious activity", "automated behavior"),
        challenge_json=("challenge_required", "checkpoint_required"),
        gone_text=(
            "Sorry, this page isn't available",
            "Post isn't available",
            # embeds, also of posts that may not be embedded
            "The link to this photo or video may be broken",
        ),
        private_text=("This account is private", "This profile is private"),
    ),
    pace=Pace(interval_s=(6, 12), account_interval_s=(20, 40), account_daily_cap=60),
)
