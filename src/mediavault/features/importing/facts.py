"""What is known about the post of a file that another program saved: from yt-dlp's ``.info.json``,
from the file's own tags, from its NFO, from gallery-dl's ``.json``, from ytdl-sub's archive, or
from its name. Pure.

Only what is certain becomes a URL: anything else is a post without one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from mediavault.core.clock import is_plausible, moment_or_none
from mediavault.core.companions import VIDEO_SUFFIXES, is_beside
from mediavault.core.failures import BadUrl, NotAPost, Unsupported
from mediavault.core.media import Account, Chapter, Comment, Post, account
from mediavault.core.names import shown_text
from mediavault.core.platform import YtdlpRules
from mediavault.core.urls import HttpUrl, parse_http_url
from mediavault.core.xml_tree import XmlNode, read_xml
from mediavault.extraction.page_data import values
from mediavault.extraction.ytdlp_reading import chapters_of, comments_of
from mediavault.platforms import registry

MAX_TITLE_CHARS = 300
MAX_TEXT_CHARS = 20_000
NFO_MAX_DEPTH = 10
NFO_MAX_ELEMENTS = 5_000  # a film with all its actors has some hundred

_YOUTUBE = "https://www.youtube.com/watch?v={}"
_GENERIC = "generic"
_HANDLE = re.compile(r"@?[\w.:-]{1,80}")
# 64 bits in 11 characters of 6 bits: the last two bits of the last character are zero.
_VIDEO_ID = r"[\w-]{10}[AEIMQUYcgkosw048]"
_IN_BRACKETS = re.compile(rf"\[({_VIDEO_ID})\]\Z", re.ASCII)
_ALONE = re.compile(_VIDEO_ID, re.ASCII)
_CHANNEL = re.compile(r"UC[\w-]{22}", re.ASCII)
# No part but the id has an underscore: the others are slugs, and the format is
# "1080p-60fps-vp9-opus" or only its sound's.
_TUBESYNC = re.compile(
    rf"(?P<day>\d{{4}}-\d\d-\d\d)_[^_]+_(?P<title>[^_]+)_(?P<id>{_VIDEO_ID})_(?:\d{{3,4}}p|opus|mp4a)(?:-[a-z0-9]+)*",
    re.ASCII,
)
# "[LyricsVideo]", "[REMASTERED ]", "[20240101123]": in a title such a word is likelier than an id
# that looks like one.
_WORDS = re.compile(r"[A-Z]+|[a-z]+|[A-Z]?[a-z]{2,}(?:[A-Z][a-z]{2,})+|\d+")


@dataclass(frozen=True, slots=True)
class PostFacts:
    """What is known about a file's post. ``post`` is None for a post without a URL;
    comments and chapters are yt-dlp's.
    """

    post: Post | None
    account: Account | None
    title: str | None = None
    text: str | None = None
    published_at: datetime | None = None
    comments: tuple[Comment, ...] = ()
    chapters: tuple[Chapter, ...] = ()


def facts_of(
    relative: str,
    info: Mapping[str, Any] | None,
    tags: Mapping[str, str],
    others: Sequence[PostFacts] = (),
) -> PostFacts:
    """Return the facts of the file's ``.info.json``, its tags, ``others`` and its path in the
    imported folder: the first that has a fact wins.

    Tags count where they name a post, else only for a title that nothing else has: they often are
    someone else's.
    """
    from_info, from_tags = _facts_from_info(info or {}), _facts_from_tags(tags)
    sources = [
        from_info,
        *([from_tags] if from_tags.post else []),
        *others,
        facts_from_name(relative),
    ]
    post = next((source.post for source in sources if source.post), None)
    return PostFacts(
        post,
        next((source.account for source in sources if source.account), None),
        next((source.title for source in [*sources, from_tags] if source.title), None),
        next((source.text for source in sources if source.text), None),
        next((source.published_at for source in sources if source.published_at), None),
        from_info.comments,
        from_info.chapters,
    )


# --- from the name --------------------------------------------------------------------------------


def facts_from_name(relative: str) -> PostFacts:
    """Return what the path in the imported folder says.

    ``Title [ID].mp4`` is how yt-dlp and Pinchflat name videos of YouTube, ``UC…/ID.mp4`` how Tube
    Archivist does, and ``2020-01-02_source_title_ID_1080p-avc1-mp4a.mp4`` how TubeSync does, with
    slugs of the source and the title.
    """
    path = PurePosixPath(relative)
    stem, folder = path.stem, path.parent.name
    if _ALONE.fullmatch(stem) and _CHANNEL.fullmatch(folder):
        post = _post(_YOUTUBE.format(stem))
        return PostFacts(
            post, account(post.platform, None, None, fallback=folder) if post else None
        )
    bracketed = _IN_BRACKETS.search(stem)
    if bracketed is not None and not _WORDS.fullmatch(bracketed[1]):
        return PostFacts(
            _post(_YOUTUBE.format(bracketed[1])), None, _title(stem[: bracketed.start()])
        )
    of_tubesync = _TUBESYNC.fullmatch(stem)
    if of_tubesync is not None:
        title = _title(of_tubesync["title"])
        return PostFacts(
            _post(_YOUTUBE.format(of_tubesync["id"])),
            None,
            title,
            published_at=_day(of_tubesync["day"].replace("-", "")),
        )
    return PostFacts(None, None, _title(stem) or "video")


# --- from an NFO ----------------------------------------------------------------------------------


def facts_from_nfo(text: str) -> PostFacts:
    """Return what a video's NFO says, as Youtarr, Pinchflat, TubeSync, ytdl-sub and mediavault
    write it. Raises BadXml.

    The first three name the video of YouTube by ``uniqueid``. The plot of ytdl-sub's begins with
    the post's URL, that of mediavault's ends with it: such a URL counts only if the rest of the
    document confirms it, because any text may have one.
    """
    root = read_xml(text, max_depth=NFO_MAX_DEPTH, max_elements=NFO_MAX_ELEMENTS)
    post, title, plot = (
        _first_post(*_youtube_ids(root)),
        _below(root, "title"),
        _below(root, "plot"),
    )
    aired = _below(root, "aired") or _below(root, "premiered")
    before, _, last = plot.rpartition("\n\n")
    first, _, after = plot.partition("\n\n")
    at_end, at_start = _post(last), _post(first)
    if at_end is not None and _is_identified(root, at_end):
        post, plot = at_end, before
    elif (
        root.first("uniqueid") is None
        and at_start is not None
        and aired
        and title.startswith(f"{aired} - ")
    ):
        post, plot, title = at_start, after, title.removeprefix(f"{aired} - ")
    who = (
        account(post.platform, post.handle, name)
        if post and ((name := _account_in(root, post)) or post.handle)
        else None
    )
    return PostFacts(post, who, _title(title), _text(plot), _day(aired[:10].replace("-", "")))


def _youtube_ids(root: XmlNode) -> list[str]:
    return [
        _YOUTUBE.format(node.text.strip())
        for node in root.all("uniqueid")
        if node.get("type").casefold() == "youtube" and _ALONE.fullmatch(node.text.strip())
    ]


def _is_identified(root: XmlNode, post: Post) -> bool:
    """Whether a ``uniqueid`` of the document names this post."""
    return any(
        (node.get("type"), node.text.strip()) == (post.platform, post.post_id)
        for node in root.all("uniqueid")
    )


def _account_in(root: XmlNode, post: Post) -> str | None:
    """Return the account's name: mediavault has the site as the studio,
    the others have the account.
    """
    names = (_line(_below(root, element)) for element in ("director", "studio", "showtitle"))
    site = {post.platform, registry.site_title(post.platform, post.url).casefold()}
    return next((name for name in names if name and name.casefold() not in site), None)


def _below(root: XmlNode, name: str) -> str:
    node = root.first(name)
    return node.text.strip() if node is not None else ""


# --- from ytdl-sub's archive ----------------------------------------------------------------------


def facts_from_archive(value: Mapping[str, Any]) -> dict[str, PostFacts]:
    """Return what ytdl-sub's archive says of its files, by their path below the archive's folder.

    A video that was split has several media files: they are parts of the post, so that none of them
    has its URL.
    """
    facts: dict[str, PostFacts] = {}
    for video_id, entry in value.items():
        day, names = (
            values.obj(entry).get("upload_date"),
            values.items(values.obj(entry).get("file_names")),
        )
        media = [name for name in names if isinstance(name, str) and is_media(name)]
        is_youtube = values.obj(entry).get("extractor") == "youtube" and _ALONE.fullmatch(video_id)
        post = _post(_YOUTUBE.format(video_id)) if is_youtube and len(media) == 1 else None
        published = _day(day.replace("-", "")) if isinstance(day, str) else None
        facts |= {name: PostFacts(post, None, published_at=published) for name in media}
    return facts


# --- from gallery-dl ------------------------------------------------------------------------------

# It writes no URL of most posts, but what each site's URL consists of.
_OF_SITE = {
    "twitter": ("https://x.com/{}/status/{}", (("author", "name"), ("tweet_id",))),
    "reddit": ("https://www.reddit.com/comments/{}/", (("id",),)),
    "tiktok": ("https://www.tiktok.com/@{}/video/{}", (("user",), ("id",))),
    "bluesky": ("https://bsky.app/profile/{}/post/{}", (("author", "handle"), ("post_id",))),
}


def facts_from_gallery_dl(value: Mapping[str, Any]) -> PostFacts:
    """Return what gallery-dl's ``.json`` says. The second file of a post and those after it have no
    URL: they are no copies.
    """
    category = value.get("category")
    if not isinstance(category, str) or not isinstance(value.get("subcategory"), str):
        return PostFacts(None, None)  # of another program
    form, fields = _OF_SITE.get(category, ("", ()))
    parts = [_part(value, *field) for field in fields]
    is_first = (values.integer(value.get("num")) or 1) == 1
    own = form.format(*parts) if form and all(parts) else None
    post = _first_post(value.get("post_url"), own) if is_first else None
    names = (("author", "nick"), ("author", "displayName"), ("author", "nickname"), ("fullname",))
    name = _line(next((found for field in names if (found := _part(value, *field))), None))
    handle = (post.handle if post else None) or _part(value, "username")
    text = next((each for field in _TEXTS if (each := _text(value.get(field)))), None)
    published = values.moment(value.get("date"))
    return PostFacts(
        post,
        account(post.platform, handle if handle and _HANDLE.fullmatch(handle) else None, name)
        if post and (handle or name)
        else None,
        _title(value.get("title")),
        text,
        _plausible(published) if published else None,
    )


# Bluesky's description is that of the picture
_TEXTS = ("content", "selftext", "text", "desc", "description")


def _part(value: Mapping[str, Any], *path: str) -> str:
    found: Any = value
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


# --- from .info.json and from tags ----------------------------------------------------------------


def _facts_from_info(info: Mapping[str, Any]) -> PostFacts:
    """Return what yt-dlp's ``.info.json`` says, or a sidecar of another vault."""
    post = _first_post(
        info.get("webpage_url"), info.get("original_url"), info.get("post_url"), _youtube_url(info)
    )
    published = (
        _moment(info.get("timestamp"))
        or _day(info.get("upload_date"))
        or moment_or_none(info.get("published_at"))
    )
    return PostFacts(
        post,
        _account(info, post),
        _title(info.get("title")),
        _text(info.get("description")) or _text(info.get("text")),
        published,
        comments_of(dict(info)),
        chapters_of(dict(info)),
    )


def _youtube_url(info: Mapping[str, Any]) -> str | None:
    video_id, extractor = info.get("id"), info.get("extractor_key")
    is_youtube = isinstance(extractor, str) and extractor.casefold() == "youtube"
    return (
        _YOUTUBE.format(video_id)
        if is_youtube and isinstance(video_id, str) and _ALONE.fullmatch(video_id)
        else None
    )


def _account(info: Mapping[str, Any], post: Post | None) -> Account | None:
    own = info.get("account")
    if isinstance(own, dict):  # of a sidecar
        handle, name = _line(own.get("handle")), _line(own.get("display_name"))
    else:
        rules = registry.platform(post.platform if post else _GENERIC).ytdlp or YtdlpRules(())
        handle = _line(info.get(rules.handle)) if rules.handle else None
        names = (rules.display_name, "uploader", "channel")
        name = next((name for field in names if (name := _line(info.get(field)))), None)
    handle = handle if handle is not None and _HANDLE.fullmatch(handle) else None
    # an id is never written after an @
    handle = None if handle is not None and _CHANNEL.fullmatch(handle) else handle
    if handle is None and name is None and (post is None or post.handle is None):
        return None
    return account(
        post.platform if post else _GENERIC, (post.handle if post else None) or handle, name
    )


def _facts_from_tags(tags: Mapping[str, str]) -> PostFacts:
    """Return what a file's tags say: yt-dlp writes the post's URL into ``purl`` and ``comment``,
    mediavault into ``comment``.

    Its content is untrusted, so only the URL of a post on a known site counts.
    """
    found = _first_post(tags.get("purl"), tags.get("comment"))
    post = found if found is not None and found.platform != _GENERIC else None
    name = _line(tags.get("artist"))
    who = (
        account(post.platform, post.handle, name)
        if post is not None and (name or post.handle)
        else None
    )
    date = tags.get("date", "").replace("-", "")
    return PostFacts(
        post, who, _title(tags.get("title")), _text(tags.get("description")), _day(date)
    )


def _first_post(*urls: object) -> Post | None:
    return next(
        (post for url in urls if isinstance(url, str) and (post := _post(url)) is not None), None
    )


def _post(text: str) -> Post | None:
    """Return the post that an http URL names; None for profiles, playlists,
    share links and anything that is not a URL.
    """
    try:
        url: HttpUrl = parse_http_url(text)
        post, platform = registry.identify(url)
    except (BadUrl, NotAPost, Unsupported):
        return None
    is_certain = post.post_id is not None or (
        platform.name == _GENERIC and not registry.is_share_link(url)
    )
    return post if is_certain else None


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return (
        value[:MAX_TEXT_CHARS].replace("\0", "").encode("utf-8", "ignore").decode("utf-8").strip()
        or None
    )


def _line(value: object) -> str | None:
    text = _text(value)
    return shown_text(text) or None if text else None


def _title(value: object) -> str | None:
    line = _line(value)
    return line[:MAX_TITLE_CHARS].strip() if line else None


def _moment(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return _plausible(datetime.fromtimestamp(value, UTC))
    except (OverflowError, ValueError, OSError):
        return None


def _day(value: object) -> datetime | None:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{8}", value):
        return None
    try:
        return _plausible(datetime.strptime(value, "%Y%m%d").replace(tzinfo=UTC))
    except ValueError:
        return None


def _plausible(moment: datetime) -> datetime | None:
    return moment if is_plausible(moment) else None


# --- names of the files next to a video -----------------------------------------------------------

# What is looked at: the vault's own suffixes, and others that may turn out to be one of its
# containers.
MEDIA_SUFFIXES = frozenset(
    {*VIDEO_SUFFIXES, ".m4v", ".3gp", ".mpeg", ".m2ts", ".mts", ".vob", ".f4v"}
    | {".mka", ".aac", ".wav", ".oga", ".wma", ".weba"}
)
# What a downloader has not finished: tracks that were to be joined, and files that were being
# written.
_UNFINISHED = re.compile(r"\.f\d{1,5}(?:-[\w-]{1,20})?|\.temp|\.part(?:-Frag\d+)?", re.ASCII)


def is_media(name: str) -> bool:
    """Return whether a name has the suffix of a file that is looked at."""
    return PurePosixPath(name).suffix.lower() in MEDIA_SUFFIXES


def is_unfinished(name: str) -> bool:
    """Return whether a media file's name is that of a downloader's intermediate file,
    as in ``Title [ID].f137.mp4``.
    """
    return _UNFINISHED.fullmatch(PurePosixPath(PurePosixPath(name).stem).suffix) is not None


def subtitles_among(stem: str, names: Sequence[str]) -> dict[str, str]:
    """Return the WebVTT files of the media file with this stem,
    by the suffix that they get next to a video: ``.en.vtt``.
    """
    return {
        name[len(stem) :]: name
        for name in sorted(names)
        if name.endswith(".vtt") and is_beside(name[len(stem) :])
    }
