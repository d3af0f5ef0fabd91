"""What a page says to search engines and link previews: JSON-LD, og:, twitter:, ``<video>``,
author, date, pictures.

None of it proves that a video is the post's: candidates come out with unknown ownership, grouped by
video, and ``ownership.py`` decides.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mediavault.core.media import Broadcast, Candidate, Expected, FoundIn, LengthSource
from mediavault.core.platform import Platform
from mediavault.core.post_urls import is_named_host
from mediavault.core.urls import MAX_MEDIA_URL_CHARS, parse_http_url
from mediavault.extraction.media_urls import MediaKind, classify_media
from mediavault.extraction.page_data import build, oembed, values
from mediavault.extraction.page_data.document import schema_named
from mediavault.extraction.page_data.html_page import HtmlPage, HtmlPlayer
from mediavault.extraction.page_data.oembed import Story, is_hosted
from mediavault.extraction.page_data.values import Node

MAX_LINKED_VIDEOS = 50  # more than that are an index, not a post
MAX_CARD_VIDEOS = 20
# an unfilled template, or quotation marks of a text
_NO_ADDRESS = re.compile(r"[\"“”„‘’«»<>{}`^|]")
_EMBED = re.compile(r"/(?:embed|player|iframe)(?:[/.-]|$)", re.IGNORECASE)

_POSTINGS = frozenset(
    {
        "VideoObject",
        "SocialMediaPosting",
        "DiscussionForumPosting",
        "Article",
        "NewsArticle",
        "BlogPosting",
        "WebPage",
    }
)

# What a page can be about, and under which names that has its video
_OWNERS = _POSTINGS | {
    "Recipe",
    "HowTo",
    "Product",
    "Event",
    "Course",
    "Movie",
    "TVEpisode",
    "Episode",
    "ReportageNewsArticle",
    "QAPage",
}
_VIDEO_OF = ("video", "mainEntity", "associatedMedia", "trailer")
_INDEXES = frozenset({"CollectionPage", "ProfilePage", "SearchResultsPage"})
_INDEX_PATH = re.compile(
    r"/(?:[a-z]{2}(?:-[a-z]{2})?/)?(?:$|(?:archives?|authors?|categor(?:y|ies)|channels?|page|playlists?|search|series|tags?|topics?|users?)(?:/|$)"
    r"|@[^/]+/?$)",
    re.IGNORECASE,
)
_MIN_ARTICLES = 3
_SOCIAL_POSTINGS = frozenset({"SocialMediaPosting", "DiscussionForumPosting"})
MAX_PICTURES = 100


@dataclass(frozen=True, slots=True)
class DeclaredVideo:
    """A video that a page's metadata name.

    ``is_main``: the object of what the page is about has it as its video, or it says that its page
    is this one. ``by_card``: only a link preview names it. ``title`` is its own.
    """

    candidates: tuple[Candidate, ...]
    media_id: str | None = None
    thumbnail_url: str | None = None
    expected: Expected = field(default_factory=Expected)
    title: str | None = None
    is_main: bool = False
    by_card: bool = False


def declared_videos(page: HtmlPage, platform: Platform) -> list[DeclaredVideo]:
    """Return the videos that JSON-LD and the link-preview cards name, in document order.

    A card names the post's only or first video: with a single VideoObject it is a further URL of
    it.
    """
    if _is_front_page_instead(page):
        return []
    linked = _linked_videos(page, platform)
    card = _card_candidates(page, platform)
    if len(linked) == 1:
        card = _of_same_host(card, linked[0], page)
    if not card:
        return linked
    if not linked:
        return [DeclaredVideo(build.merged(card), by_card=True)]
    if len(linked) == 1:
        return [replace(linked[0], candidates=build.merged([*linked[0].candidates, *card]))]
    return linked


def _is_front_page_instead(page: HtmlPage) -> bool:
    """Whether a page says that it is its site's front page although its URL is another:
    as when a post is gone.
    """
    stated = [url for url in (page.canonical, page.absolute(page.meta("og:url"))) if url]
    return bool(stated) and not any(map(_path, stated)) and bool(_path(page.url))


def _of_same_host(card: list[Candidate], linked: DeclaredVideo, page: HtmlPage) -> list[Candidate]:
    """Return the card's files without those of a third host, which may be a preview,
    where the VideoObject names a file.
    """
    if not any(classify_media(c.url, c.mime).may_be_video for c in linked.candidates):
        return card
    hosts = {
        host_and_path(url).partition("/")[0]
        for url in (page.url, *(c.url for c in linked.candidates))
    }
    return [c for c in card if host_and_path(c.url).partition("/")[0] in hosts]


def _path(url: str) -> str:
    return host_and_path(url).partition("/")[2]


def announces_video(page: HtmlPage, inside: Collection[str] = ()) -> bool:
    """Whether the page says that it is about a video, even where it names no file of it.

    ``inside`` names the containers whose players count; without them all do.
    """
    players = [player for player in page.players if not inside or player.container in inside]
    filled = any(
        (player.sources or player.poster) and not _is_advert(page, player) for player in players
    )
    return page.hosted or filled or says_it_has_video(page)


def says_it_has_video(page: HtmlPage) -> bool:
    """Whether the page's metadata say that it is about a video, whatever its players hold."""
    kinds = (page.meta("og:type"), page.meta("twitter:card"), page.meta("medium"))
    names_player = (
        page.meta("og:video", "og:video:url", "og:video:secure_url", "twitter:player") is not None
    )
    return (
        names_player
        or any((kind or "").lower().startswith(("video", "player")) for kind in kinds)
        or bool(_video_objects(page))
    )


def is_index(page: HtmlPage) -> bool:
    """Whether the page is plainly a list of posts, or an account's page, and no post itself.

    Its metadata say so, or its URL does and it has several articles. Source: https://schema.org/CollectionPage.
    """
    of_pages = [node for node in page.linked if _types(node) & (_OWNERS | _INDEXES)]
    kinds = {kind for node in of_pages if _is_about(page, node) for kind in _types(node)}
    if kinds & _OWNERS - {"WebPage"} or (page.meta("og:type") or "").startswith(
        ("article", "video")
    ):
        return False
    parts = urlsplit(page.url)
    is_named_so = _INDEX_PATH.match(parts.path) is not None and not parts.query
    return (
        bool(kinds & _INDEXES)
        or page.meta("og:type") == "profile"
        or (is_named_so and page.articles >= _MIN_ARTICLES)
    )


def shows_adverts(page: HtmlPage) -> bool:
    """Whether a player of the page plays only adverts."""
    return any(_is_advert(page, player) for player in (*page.players, *page.set_up))


def links_to_other_videos(page: HtmlPage) -> bool:
    """Whether what plays in the page leads to other pages,
    or its VideoObjects all name other pages as theirs.
    """
    names_some = any("VideoObject" in _types(node) for node in page.linked)
    return bool(page.previews) or (names_some and not _video_objects(page))


def _is_advert(page: HtmlPage, player: HtmlPlayer) -> bool:
    addresses = [url for source in player.sources if (url := page.absolute(source.address))]
    return bool(addresses) and all(classify_media(url).is_advert for url in addresses)


def broadcast_of(page: HtmlPage) -> Broadcast | None:
    """Return the page's only broadcast (https://schema.org/BroadcastEvent);
    None where it names none, or several.
    """
    events = [node for node in page.linked if "BroadcastEvent" in _types(node)]
    starts_at = values.moment(events[0].get("startDate")) if len(events) == 1 else None
    return (
        Broadcast(starts_at, values.moment(events[0].get("endDate")))
        if starts_at is not None
        else None
    )


def announced_by(page: HtmlPage) -> Expected:
    """Return the length that all VideoObjects agree on,
    otherwise the one that Open Graph states.
    """
    announced = {values.duration(node.get("duration")) for node in _video_objects(page)}
    if any(announced):
        return _declared(announced.pop() if len(announced) == 1 else None)
    return _declared(values.duration(page.meta("og:video:duration", "video:duration")))


def _declared(seconds: float | None) -> Expected:
    return Expected(duration_s=seconds, length_source=LengthSource.DECLARED)


def story_of(
    page: HtmlPage, documents: Sequence[object] = (), platform: Platform | None = None
) -> Story:
    """Return who posted what. Sources, best first: an oEmbed answer, JSON-LD about this page, Open
    Graph, plain HTML.

    The URL of an account names its handle where the facts of ``platform`` say how.
    """
    if (story := oembed.story(documents)) is not None:
        return story
    own = next((n for n in page.linked if _types(n) & _POSTINGS and _is_about(page, n)), {})
    name, handle = _author(page, own, platform)
    blog, post_id = _in_the_sites_app(page)
    pictures = tuple(dict.fromkeys(filter(None, map(page.absolute, _pictures(page, own)))))
    return Story(
        title=page.meta("og:title", "twitter:title")
        or values.text(own.get("name"))
        or values.text(own.get("headline"))
        or values.text(page.heading)
        or values.text(page.title),
        text=values.text(own.get("articleBody"))
        or page.meta("og:description", "twitter:description", "description")
        or values.text(own.get("description")),
        handle=handle or blog,
        post_id=post_id,
        display_name=name,
        site_name=page.meta("og:site_name"),
        published_at=_published(page, own),
        thumbnail_url=_thumbnail(page, own),
        image_urls=pictures,
        own_pictures=_own_pictures(page, own),
    )


# --- videos ---------------------------------------------------------------------------------------


def add_microdata(page: HtmlPage, items: Sequence[Node]) -> None:
    """Add a page's VideoObjects of microdata to its linked data.

    They complete the linked data's about the same file; the others count only where linked data
    name no file: they are often of players that a network puts into pages.
    """
    of_file = {_first_file(item): item for item in reversed(items)}
    videos = [
        (place, node, _first_file(node))
        for place, node in enumerate(page.linked)
        if "VideoObject" in _types(node)
    ]
    names_file = any(_files_of(node, page, None) for _, node, _ in videos)
    for place, node, file in videos:
        page.linked[place] = {**(of_file.get(file, {}) if file else {}), **node}
    if not names_file:
        held = {file for *_, file in videos}
        page.linked += [item for file, item in reversed(of_file.items()) if file not in held]


def _video_objects(page: HtmlPage) -> list[Node]:
    """Return the VideoObjects, of several only those that do not name another page:
    a list of posts is not a carousel.
    """
    videos = [node for node in page.linked if "VideoObject" in _types(node)]
    return (
        videos
        if len(videos) == 1
        else [node for node in videos if _is_about(page, node)][:MAX_LINKED_VIDEOS]
    )


def _first_file(node: Node) -> str:
    return str(next(iter(_several(node.get("contentUrl"))), ""))


def _linked_videos(page: HtmlPage, platform: Platform) -> list[DeclaredVideo]:
    videos: list[DeclaredVideo] = []
    of_main = _files_of_main(page)
    for node in _video_objects(page):
        candidates = _of_object(node, page, platform)
        held = {c.url for video in videos for c in video.candidates}
        if new := [c for c in candidates if c.url not in held]:
            pictures = filter(
                None,
                map(page.absolute, _addresses(node.get("thumbnailUrl") or node.get("thumbnail"))),
            )
            videos.append(
                DeclaredVideo(
                    build.merged(new),
                    media_id=values.text(node.get("@id")),
                    thumbnail_url=next(pictures, None),
                    expected=_declared(values.duration(node.get("duration"))),
                    title=values.text(node.get("name")) or values.text(node.get("headline")),
                    is_main=_names_page(page, node) or _first_file(node) in of_main,
                )
            )
    return videos


def _files_of_main(page: HtmlPage) -> set[str]:
    """Return the files of the videos that the objects of what the page is about have."""
    owners = (node for node in page.linked if _types(node) & _OWNERS and _is_about(page, node))
    videos = (video for node in owners for name in _VIDEO_OF for video in _several(node.get(name)))
    return {_first_file(schema_named(video)) for video in videos if isinstance(video, dict)} - {""}


def _names_page(page: HtmlPage, node: Node) -> bool:
    """Whether an object says that this page is its own."""
    return bool(node.get("url") or node.get("mainEntityOfPage")) and _is_about(page, node)


def _of_object(node: Node, page: HtmlPage, platform: Platform) -> list[Candidate]:
    """Return the candidates of a VideoObject."""
    width, height = (
        values.integer(_plain(node.get("width"))),
        values.integer(_plain(node.get("height"))),
    )
    seconds, mime = values.duration(node.get("duration")), _mime(node)
    files = (
        build.candidate(url, platform, FoundIn.META, mime=mime)
        for url in _files_of(node, page, platform)
    )
    return [
        replace(c, width=c.width or width, height=c.height or height, duration_s=seconds)
        for c in files
    ]


def _files_of(node: Node, page: HtmlPage, platform: Platform | None) -> list[str]:
    """Return the URLs of the files that a VideoObject names.

    ``contentUrl`` is the file by definition, so a name that says nothing is accepted too; some
    sites write the file as the URL of the player or of the object. The page itself is not its own
    file.
    """
    for names, believed in ((("contentUrl",), True), (("embedUrl", "url"), False)):
        addresses = (address for name in names for address in _several(node.get(name)))
        found = (
            _file_at(address, page, platform, mime=_mime(node), believed=believed)
            for address in addresses
        )
        if files := [url for url in found if url is not None and not _is_page(url, page, node)]:
            return files
    return []


def _mime(node: Node) -> str | None:
    mime = values.text(node.get("encodingFormat"))
    return mime if mime and "/" in mime else None


def _is_page(url: str, page: HtmlPage, node: Node) -> bool:
    """Whether what an object names as its file is a page: this one, its own,
    or one of this site without a file's name.
    """
    place = host_and_path(url)
    pages = filter(
        None, map(page.absolute, (page.url, node.get("url"), node.get("mainEntityOfPage")))
    )
    if (
        place in set(map(host_and_path, pages))
        and not classify_media(url, declared=True).may_be_video
    ):
        return True
    same_site = place.partition("/")[0] == host_and_path(page.url).partition("/")[0]
    is_named = classify_media(url, _mime(node), declared=True).may_be_video
    return not is_named and (same_site or urlsplit(url).path.endswith("/"))


def _card_candidates(page: HtmlPage, platform: Platform) -> list[Candidate]:
    """Return the files that Open Graph or a Twitter card names.
    Players that are pages are skipped.
    """
    candidates: list[Candidate] = []
    for group in _open_graph_groups(page)[:MAX_CARD_VIDEOS]:
        mime = values.text(group.get("type"))
        for name in ("url", "secure_url"):
            if candidate := _candidate(group.get(name), page, platform, mime=mime, believed=False):
                width, height = (
                    values.integer(group.get("width")),
                    values.integer(group.get("height")),
                )
                candidates.append(
                    replace(
                        candidate, width=candidate.width or width, height=candidate.height or height
                    )
                )
    mime = (page.meta("twitter:player:stream:content_type") or "").partition(";")[0] or None
    stream = _candidate(
        page.meta("twitter:player:stream"), page, platform, mime=mime, believed=True
    )
    # a few sites name the file itself as their player
    named = (page.meta("twitter:player"), page.meta("videourl"))
    files = (_candidate(address, page, platform, mime=None, believed=False) for address in named)
    return [*candidates, *filter(None, (stream, *files))]


def _candidate(
    address: object, page: HtmlPage, platform: Platform, *, mime: str | None, believed: bool
) -> Candidate | None:
    url = _file_at(address, page, platform, mime=mime, believed=believed)
    return build.candidate(url, platform, FoundIn.META, mime=mime) if url else None


def _file_at(
    address: object, page: HtmlPage, platform: Platform | None, *, mime: str | None, believed: bool
) -> str | None:
    """Return the URL at ``address``; None where it is not a file.

    ``believed``: where it is written says that this is a file, so that a URL without an extension
    counts.
    """
    address = unescape(address) if isinstance(address, str) else address
    if not isinstance(address, str) or _NO_ADDRESS.search(address):
        return None
    url = page.absolute(address)
    if (
        url is None
        or is_hosted(url)
        or (mime or "").lower().startswith(("text/", "application/x-shockwave"))
    ):
        return None
    if (
        _EMBED.search(urlsplit(url).path)
        and not classify_media(url, platform=platform).may_be_video
    ):
        return None  # a player's page, whatever its type is said to be
    seen = classify_media(url, mime, platform=platform, declared=True)
    if seen.rejected or not (seen.may_be_video or (believed and seen.kind is MediaKind.OTHER)):
        return None
    return url


def _open_graph_groups(page: HtmlPage) -> list[dict[str, str]]:
    """Return the properties of each og:video: those after it belong to it (https://ogp.me,
    section "Arrays").
    """
    groups: list[dict[str, str]] = []
    for name, content in page.metas:
        if not name.startswith("og:video"):
            continue
        part = name.removeprefix("og:video").removeprefix(":") or "url"
        begins = part == "url" and not (groups and groups[-1].get("url") in {None, content})
        if not groups or begins or (part == "secure_url" and part in groups[-1]):
            groups.append({})
        groups[-1].setdefault(part, content)
    return groups


# --- facts ----------------------------------------------------------------------------------------


def _types(node: Node) -> set[str]:
    names = (str(name).rpartition("/")[2] for name in _several(node.get("@type")))
    return {"VideoObject" if name.lower() == "videoobject" else name for name in names}


def _several(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _plain(value: object) -> object:
    """Return a QuantitativeValue's number, or ``"640px"`` without its unit."""
    value = value.get("value") if isinstance(value, dict) else value
    return value.removesuffix("px") if isinstance(value, str) else value


def _addresses(value: object) -> list[object]:
    """Return addresses written as text, as an object with ``url`` or ``@id``,
    or as a list of these.
    """
    return [
        (entry.get("contentUrl") or entry.get("url") or entry.get("@id"))
        if isinstance(entry, dict)
        else entry
        for entry in _several(value)
    ]


def _is_about(page: HtmlPage, node: Node) -> bool:
    """Whether an object names no page, or this one."""
    named = filter(
        None, map(page.absolute, _addresses([node.get("url"), node.get("mainEntityOfPage")]))
    )
    pages = {host_and_path(url) for url in named}
    own = {
        host_and_path(url)
        for url in (page.url, page.canonical, page.absolute(page.meta("og:url")))
        if url
    }
    return not pages or bool(pages & own)


def host_and_path(url: str) -> str:
    """Return host and path, which are what remains of a URL when it is shared."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{(parts.hostname or '').removeprefix('www.')}{parts.path.rstrip('/')}"


_NAME_ON_SITE = re.compile(
    r"^(?P<name>(?!@)[^:|]{1,100}?) on"
    r" (?:Instagram|Threads|Facebook|LinkedIn|TikTok|X|Twitter|Vimeo)\b"
)
# a signed-in user's messages, counted in the page's title
_UNREAD = re.compile(r"^\(\d{1,3}\+?\) ")
_POST_NUMBER = re.compile(r"^\d{6,20}$")
_AT_HANDLE = re.compile(r"^@?([\w][\w.-]{0,49})$")


def _author(page: HtmlPage, own: Node, platform: Platform | None) -> tuple[str | None, str | None]:
    """Return display name and handle; sites with accounts write "Name (@handle) on …" into their
    titles.
    """
    titles = (page.meta("og:title") or "", page.meta("twitter:title") or "")
    if titled := next(filter(None, map(oembed.NAME_AND_HANDLE.match, titles)), None):
        return titled["name"], titled["handle"]
    announced = _in_sentences(page)
    author = next(iter(_several(own.get("author") or own.get("creator"))), None)
    named = values.text(author.get("name") if isinstance(author, dict) else author)
    written = page.meta("author", "article:author")
    on_site = _NAME_ON_SITE.match(
        page.meta("og:title", "twitter:title") or _UNREAD.sub("", page.title)
    )
    names = (
        named,
        announced.get("name"),
        on_site and on_site["name"],
        written,
        page.meta("link:name"),
    )
    name = next(
        (text for text in names if text and not text.startswith(("http://", "https://", "/"))), None
    )
    return name, announced.get("handle") or next(
        filter(None, _handles(page, author, platform)), None
    )


_APP_LINKS = (
    "al:ios:url",
    "al:android:url",
    "twitter:app:url:iphone",
    "twitter:app:url:googleplay",
)


def _in_the_sites_app(page: HtmlPage) -> tuple[str | None, str | None]:
    """Return handle and post id of a blog on its own domain,
    from the page's link into its site's app (Tumblr).
    """
    address, _, query = (page.meta(*_APP_LINKS) or "").partition("?")
    named = parse_qs(query) if address.startswith("tumblr://") else {}
    handle, post_id = (next(iter(named.get(name, [])), None) for name in ("blogName", "postID"))
    return _handle(handle), post_id if post_id and _POST_NUMBER.match(post_id) else None


# Instagram's sentences since 2015, which name the author
_SENTENCES = (
    re.compile(r"^(?:See this )?Instagram (?:photo|video|post) by @(?P<handle>[\w.]{1,30})"),
    re.compile(
        r"^Instagram (?:photo|video|post) by (?P<name>[^@(•]{1,100}?)(?:"
        r" \(@(?P<handle>[\w.]{1,30})\))? •"
    ),
    re.compile(r"^@(?P<handle>[\w.]{1,30}) on Instagram"),
    re.compile(
        r"^[\d.,]{1,12}[KMB]? (?:likes?|views?|comments?)\b[^-]{0,60} - (?:(?P<name>[^(@]{1,100}?)"
        r" \(@)?"
        r"(?P<handle>[\w.]{1,30})\)? on [A-Z]",
        re.IGNORECASE,
    ),
)


def _in_sentences(page: HtmlPage) -> dict[str, str]:
    """Return name and handle as the page's own sentences for link previews state them."""
    texts = (
        page.meta(name) or ""
        for name in ("og:title", "twitter:title", "og:description", "description")
    )
    matches = (form.match(text) for text in texts for form in _SENTENCES)
    return next(
        ({k: v for k, v in match.groupdict().items() if v} for match in matches if match), {}
    )


def _handles(page: HtmlPage, author: object, platform: Platform | None) -> Iterator[str | None]:
    if isinstance(author, dict):
        for alternate in _several(author.get("alternateName")):
            yield _handle(alternate) if str(alternate).startswith("@") else None
        url = page.absolute(author.get("url")) or ""
        last = urlsplit(url).path.rstrip("/").rpartition("/")[2]
        yield _handle(last) if last.startswith("@") else None
        yield _account_at(url, platform)
    yield _handle(page.meta("twitter:creator"))
    for last in (
        url.rstrip("/").rpartition("/")[2] for name, url in page.metas if name == "link:url"
    ):
        yield _handle(last) if last.startswith("@") else None


def _account_at(url: str, platform: Platform | None) -> str | None:
    """Return the account that a URL of the site names,
    for sites that name an author by that URL alone.
    """
    if platform is None or platform.reader.account_path is None or not url:
        return None
    parsed = parse_http_url(url, max_chars=MAX_MEDIA_URL_CHARS)
    match = (
        platform.reader.account_path.match(parsed.path) if is_named_host(platform, parsed) else None
    )
    return match[1] if match else None


def _handle(text: object) -> str | None:
    match = _AT_HANDLE.match(text.strip()) if isinstance(text, str) else None
    return match[1] if match else None


def _pictures(page: HtmlPage, own: Node) -> list[object]:
    named = _addresses(own.get("image"))
    return (
        [*named, *page.pictures]
        if named or page.pictures
        else [page.meta("og:image", "og:image:url", "twitter:image")]
    )


def _own_pictures(page: HtmlPage, own: Node) -> tuple[str, ...]:
    """Return the pictures that are a posting's contents. An article's are illustrations of it."""
    addresses = _addresses(own.get("image")) if _types(own) & _SOCIAL_POSTINGS else []
    return tuple(dict.fromkeys(filter(None, map(page.absolute, addresses))))[:MAX_PICTURES]


def _published(page: HtmlPage, own: Node) -> datetime | None:
    named = (
        own.get("uploadDate"),
        own.get("datePublished"),
        page.meta(
            "article:published_time",
            "og:video:release_date",
            "video:release_date",
            "datepublished",
            "date",
        ),
        *(node.get("datePublished") for node in page.linked),
    )
    return next(filter(None, map(values.moment, named)), None)


def _thumbnail(page: HtmlPage, own: Node) -> str | None:
    named = (
        page.meta(
            "og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src"
        ),
        *_addresses(own.get("thumbnailUrl") or own.get("thumbnail")),
        *(player.poster for player in page.players),
    )
    return next(filter(None, map(page.absolute, named)), None)
