"""What we know of tumblr.com; checked 2026-11-24 against published extractors.

Reads a post of Tumblr: its record in the page's state or an API answer, or what Tumblr says
instead.

Tumblr's RSS feed of a blog, which holds its posts in full. Source: published readers; checked
2026-11-29.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mediavault.core.failures import Deleted, Failure, LoginRequired
from mediavault.core.listings import Entry
from mediavault.core.media import Post
from mediavault.core.platform import (
    AddressPattern,
    FeedRules,
    KnownFrom,
    Matching,
    MediaRules,
    Node,
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
from mediavault.extraction.page_data.blog_posts import ids_of, read_blog_post


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing.
    Raises Deleted and LoginRequired.
    """
    if (data := read_blog_post(post, platform, documents)) is not None:
        return data
    if failure := next(filter(None, map(_refusal, documents)), None):
        raise failure
    return None


def _refusal(document: object) -> Failure | None:
    meta, errors = values.obj(document, "meta"), values.objects(values.obj(document).get("errors"))
    status = values.integer(meta.get("status"))
    if status == 404:
        return Deleted("Tumblr says that this post does not exist.")
    if status in (401, 403) or any(
        values.integer(error.get("code")) in (4012, 4013) for error in errors
    ):
        return LoginRequired("Tumblr shows this blog only to signed-in people.")
    return None


_PICTURE = re.compile(r"<img\s", re.IGNORECASE)
_PLAYER = re.compile(r"<(?:video|audio|iframe|embed|object)[\s>]|tumblr_video|\.mp4", re.IGNORECASE)


def read_entry(entry: Entry, item: Node) -> Entry | None:
    """Return the entry, or None for a post that shows pictures and has no player.

    One without either may have been cut by the blog's settings.
    """
    html = values.text(item.get("summary")) or ""
    return None if _PICTURE.search(html) and not _PLAYER.search(html) else entry


def blog_feeds(name: str, *, blog: str, www: str) -> FeedRules:
    """Return the rules for blogs: ``name`` is the pattern of a blog's name in a path,
    ``blog`` and ``www`` of hosts.
    """
    return FeedRules(
        pages=(
            AddressPattern(re.compile(r"^/(?:$|archive/?$|rss/?$)"), host=re.compile(blog)),
            AddressPattern(re.compile(rf"^/{name}/?(?:$|archive/?$)"), host=re.compile(www)),
        ),
        feed="https://{handle}.tumblr.com/rss",
        key="{handle}",
        read_entry=read_entry,
    )


_WWW = r"(?:www\.)?tumblr\.com"
_BLOG = r"(?!(?:www|at|t|href)\.)(?P<handle>[\w-]{1,32})\.tumblr\.com"
_ID = r"(?P<post_id>\d{6,20})(?=/|$)"
_NOT_A_NAME = (
    "about|archive|blog|customize|dashboard|docs|domains|explore|follow|following|help|image|inbox|likes|live|login|new"
    "|policy|post|privacy|reblog|register|safe-mode|search|settings|tagged|tumblrmart|tv|video"
)
_NAME = (
    rf"(?:dashboard/)?(?:blog/(?:view/)?)?(?!(?:{_NOT_A_NAME})(?:/|$))@?(?P<handle>[\w-]{{1,32}})"
)

TUMBLR = Platform(
    name="tumblr",
    title="Tumblr",
    checked="2026-11-24",
    known_from=(KnownFrom.DOCUMENTED, KnownFrom.PUBLISHED),
    reads="posts with videos of Tumblr's own, reblogs, blogs on their own domain",
    leaves_out="videos of other sites in a post are read as those sites' pages",
    extractors=("page", "browser", "ytdlp"),
    matching=Matching(
        brands=("tumblr",),
        hosts=("tumblr.com",),
        host_suffixes=(".tumblr.com",),
        short_hosts=("tmblr.co",),
        posts=(
            AddressPattern(re.compile(rf"^/(?:post|video|image)/{_ID}"), host=re.compile(_BLOG)),
            # in frames
            AddressPattern(
                re.compile(rf"^/video/(?P<handle>[\w-]{{1,32}})/{_ID}"), host=re.compile(_WWW)
            ),
            AddressPattern(
                re.compile(rf"^/{_NAME}/{_ID}"), host=re.compile(rf"{_WWW}|at\.tumblr\.com")
            ),
        ),
        share_links=paths(
            r"^/(?:[\w-]+/(?!\d+/)[\w-]+/)?(?P<post_id>\w+)/?$", host=r"at\.tumblr\.com"
        )
        + paths(r"^/.", host=r"(?:t|href)\.tumblr\.com"),
        profiles=paths(r"^/(?:$|archive(?:/|$)|page/\d+/?$)", host=_BLOG)
        + paths(rf"^/{_NAME}/?(?:$|archive/?$)", host=_WWW),
        other_pages=paths(
            rf"^/(?:{_NOT_A_NAME})?(?:/|$)",
            rf"^/{_NAME}/(?:likes|following|followers|tagged|day|search)(?:/|$)",
            r"^/(?:day|page|search|tagged|ask|submit|likes)(?:/|$)",
        ),
        canonical="https://www.tumblr.com/{handle}/{post_id}",
    ),
    reader=PageReader(
        read=read,
        ids_of=ids_of,
        json_paths=re.compile(r"/api/v2/blog/[^/]+/posts"),
        data_css="#___INITIAL_STATE___",
        always_sent=True,
    ),
    ytdlp=YtdlpRules(("tumblr",)),
    feeds=(blog_feeds(_NAME, blog=_BLOG, www=_WWW),),
    media=MediaRules(
        hosts=("va.media.tumblr.com", ".media.tumblr.com", "vtt.tumblr.com"),
        path=re.compile(r"/tumblr_\w+(?:_\d+)?\.mp4"),
        key=re.compile(r"/(tumblr_[A-Za-z0-9]+)"),
    ),
    sign_in=SignIn(
        url="https://www.tumblr.com/login",
        session_cookies=("logged_in",),
    ),
    walls=Walls(
        login_url=re.compile(r"^https://www\.tumblr\.com/(?:login|safe-mode)"),
        gone_text=("There's nothing here.",),
    ),
    pace=Pace(interval_s=(3, 5)),
)
