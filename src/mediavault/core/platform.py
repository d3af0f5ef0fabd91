"""What we know about a site, as records. The facts themselves are in ``platforms/<site>/``.

The records are in core because extractors and downloaders receive them, and ``services`` never
imports ``platforms``. A site in a package outside this tree uses them too: CONTRIBUTING.md, "Add a
site in one file".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from urllib.parse import SplitResult

from mediavault.core.listings import Entry, EntryKind, ListCheck, ListPage
from mediavault.core.media import Item, Post
from mediavault.core.messages import Message

MAX_CONNECTIONS = 6  # to one media host, as in browsers
YTDLP_WALL_S = 60.0
Extractor = Literal["api", "page", "ytdlp", "browser"]
ENCLOSURE = "enclosure"  # the extractor for the file that a feed encloses
PLAIN_PAGE = "page"  # the extractor that reads a page without a visit: the browser sees more
Node = Mapping[str, Any]  # an object of a JSON document


class AddressKind(StrEnum):
    """What a URL names."""

    POST = "post"
    PROFILE = "profile"  # an account, or one of the tabs of its page
    PLAYLIST = "playlist"  # a list, a collection, a series, a sound or a tag: many posts
    LIVE = "live"  # a broadcast that may be running now
    STORY = "story"  # one story, a highlight, or all stories of an account
    REDIRECT = "redirect"  # a short or share link: only the network knows where it leads
    UNSUPPORTED = "unsupported"


IN_WORDS: Mapping[AddressKind, str] = {
    AddressKind.PROFILE: Message("an account's page"),
    AddressKind.PLAYLIST: Message("a list of posts"),
    AddressKind.LIVE: Message("a live broadcast"),
    AddressKind.STORY: Message("all stories of an account"),
}


@dataclass(frozen=True, slots=True)
class AddressPattern:
    """Matches the URLs of one kind of page. The groups ``post_id`` and ``handle`` are read where
    present.

    ``host``, ``fragment`` and the ``query`` patterns must match too where given; their groups are
    added to those of the path. The format strings ``canonical`` (the post's key) and ``page`` (the
    URL that people share) replace those of :class:`Matching` where this kind of URL needs another
    form; they may name every group and ``{host}``.
    """

    path: re.Pattern[str]
    # parameter -> pattern with the same groups
    query: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    host: re.Pattern[str] | None = None
    # pages before 2012 kept the video there: vimeo.com/hd#12
    fragment: re.Pattern[str] | None = None
    canonical: str = ""
    page: str = ""


def paths(*patterns: str, host: str | None = None, page: str = "") -> tuple[AddressPattern, ...]:
    """Return patterns that look at the path alone (and the host),
    one for each regular expression.
    """
    on = re.compile(host) if host else None
    return tuple(AddressPattern(re.compile(pattern), host=on, page=page) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Matching:
    """Which URLs belong to the site, and what they name.
    Patterns are tried in the order of the fields; the first wins.
    """

    # exact, lower case; "host:port" where the port is not the usual one
    hosts: tuple[str, ...] = ()
    host_suffixes: tuple[str, ...] = ()  # ".reddit.com": any host below it
    names_in_paths: bool = False  # /<name> is an account, at all hosts below
    mirror_hosts: tuple[str, ...] = ()  # front ends with the same paths: rewritten, never visited
    mirror_prefixes: tuple[str, ...] = ()  # "nitter.": how the hosts of such front ends begin
    short_hosts: tuple[str, ...] = ()  # every path there is a share link
    image_hosts: tuple[str, ...] = ()  # only pictures; never a post
    # invented words: a host with one of them under another ending imitates the site
    brands: tuple[str, ...] = ()

    # on its own hosts; ``post_id`` is the link's token where it is read
    share_links: tuple[AddressPattern, ...] = ()
    posts: tuple[AddressPattern, ...] = ()
    # forms so unusual that they name a post on unknown hosts too
    posts_on_any_host: tuple[AddressPattern, ...] = ()
    # one story where ``post_id`` is read, else all of an account's
    stories: tuple[AddressPattern, ...] = ()
    lives: tuple[AddressPattern, ...] = ()
    playlists: tuple[AddressPattern, ...] = ()
    profiles: tuple[AddressPattern, ...] = ()
    # search, settings, photos: known pages of none of these kinds
    other_pages: tuple[AddressPattern, ...] = ()
    # format string with {post_id} and {handle}: the key under which a post is one job
    canonical: str = ""
    # the URL that people share; ``canonical`` is used where a field of it is not known
    page: str = ""


@dataclass(frozen=True, slots=True)
class PageData:
    """What a reader finds in a page's data about one post.

    ``found`` means that the post's own record was there: then "no video among the items" means "no
    video". ``items`` are all media of the post in its order, images too; those of quoted and
    reposted posts follow, with their role. ``selected`` is the index of the item that the post's
    URL names. ``metadata`` holds JSON values only.
    """

    items: tuple[Item, ...] = ()
    selected: int | None = None
    handle: str | None = None
    display_name: str | None = None
    title: str | None = None
    text: str | None = None
    published_at: datetime | None = None
    thumbnail_url: str | None = None
    image_urls: tuple[str, ...] = ()
    found: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OwnRecords:
    """How one post's records are recognised in page data:
    ``ids_of`` returns a record's ids, ``wanted`` the post's.
    """

    wanted: frozenset[str]
    ids_of: Callable[[Node], Collection[str]]


@dataclass(frozen=True, slots=True)
class PageReader:
    """How the JSON that the site sends is read: by pure functions, in a confined process.

    ``read`` returns what the documents say about a post, None where they do not mention it, and
    raises the Failure that they report. ``story_of`` returns who posted what, out of data that
    refuse to show the post. ``ids_of`` returns the ids of a node that is the record of one post
    with media, and nothing for any other node; with it, media of other posts in the same page are
    distinguished from the post's own. ``address_of`` returns the URL of the post whose record a
    node is. ``aliases`` returns other forms of a post's id. ``own_records`` replaces
    ``ids_of`` where a post's URL does not name the id of its records; None means that they cannot
    be recognised.
    """

    read: Callable[[Post, Platform, Sequence[object]], PageData | None] | None = None
    story_of: Callable[[Post, Sequence[object]], PageData | None] | None = None
    ids_of: Callable[[Node], Collection[str]] | None = None
    address_of: Callable[[Node], str | None] | None = None
    aliases: Callable[[str], Collection[str]] | None = None
    own_records: Callable[[Post], OwnRecords | None] | None = None
    files_apart: bool = False  # records name no files: these come in answers without the post's id
    # each page surely sends the data, so that without them nothing is guessed
    always_sent: bool = False
    json_paths: re.Pattern[str] | None = None  # API answers worth reading
    data_css: str = ""  # the element that holds the data in the page itself
    # of a video's URL, where the id of a story with it is another one
    video_path: re.Pattern[str] | None = None
    account_path: re.Pattern[str] | None = (
        None  # of an account's URL, which alone names an author; group 1 is the handle
    )
    # the signed-in account: a key or a module's name anywhere, then the path to the name
    viewer: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class YtdlpRules:
    """Which of yt-dlp's extractors may answer for the site, and how far their answers are trusted.

    ``extractors`` are regular expressions over the names of yt-dlp's extractors. A known site is
    never left to its generic extractor, which would follow whatever the page shows. ``owns_list``:
    all entries of a list belong to the post; elsewhere a list can hold the videos of a quoted or
    linked post, and nothing in it says which. ``mixes_single``: even a single video can be a quoted
    post's. ``by_id_only``: a quoted post's video is recognised by its id alone, because yt-dlp
    gives it the URL of the post that was asked for. ``handle`` is the field with the name that
    people write after an @, "" where only a number is in its place. ``lists_subtitles``: the answer
    names all subtitles although none were asked for; elsewhere yt-dlp looks for them only when it
    is asked to write them.
    """

    extractors: tuple[str, ...]
    owns_list: bool = False
    mixes_single: bool = False
    by_id_only: bool = False
    lists_subtitles: bool = False
    handle: str = "uploader_id"
    display_name: str = "uploader"
    wall_s: float = YTDLP_WALL_S


@dataclass(frozen=True, slots=True)
class ListRules:
    """A kind of list of the site that yt-dlp reads: the posts of an account, of one tab of its
    page, or of a playlist.

    ``pattern`` matches the URLs of such lists, and its ``canonical`` is the URL that yt-dlp gets.
    ``extractors`` are those of yt-dlp that may answer: only lists', so that no post is looked at.
    ``tabs`` are the values that the group ``tab`` may have, by what is listed there.
    ``newest_first`` says that new posts are at the front, so that the reading may stop at known
    ones; elsewhere they may be anywhere. ``rough_dates`` says that times are read from words like
    "3 weeks ago". ``key`` is the field with the site's own key of the list, "" where only a name is
    there that may change; ``by_key`` is the address with ``{key}`` instead of the name. ``title``
    is the field with the name that people see.
    """

    pattern: AddressPattern
    extractors: tuple[str, ...]
    tabs: Mapping[EntryKind, str] = field(default_factory=dict)
    newest_first: bool = False
    rough_dates: bool = False
    key: str = ""
    by_key: str = ""
    title: str = "title"


@dataclass(frozen=True, slots=True)
class FeedRules:
    """How plain requests list the sources of one kind: by their feed, or by an open API of the
    site.

    ``pages`` match the sources' URLs. The texts after it are format strings: they may name every
    group, ``{origin}``, and the groups of ``key_form``, which the site's own key of a source
    matches; where the key is known, its groups replace those of the URL, whose name of the account
    may have changed.

    ``feed`` is requested, and each of ``instead`` where the site refuses the one before.
    ``by_kind`` are feeds of one kind of post each, for sources that want only some kinds; ``tabs``
    are the values of the group ``tab`` in the URLs of sources that have one kind only.
    ``with_reposts`` replaces ``feed`` where reposts are wanted. ``lookup`` is requested first where
    ``feed`` needs a key that is not known. ``next_page`` is added to a URL for the part at
    ``{cursor}``. ``key`` and ``title`` are those of the source, where its URL names them.

    ``read_answer`` reads the JSON of an API. Without it, the answers are feeds; ``read_entry``
    completes an entry by what its item in the feed says (as feedparser names it), or returns None
    for a post that has no video for sure.
    """

    pages: tuple[AddressPattern, ...]
    feed: str
    instead: tuple[str, ...] = ()
    by_kind: Mapping[EntryKind, str] = field(default_factory=dict)
    tabs: Mapping[EntryKind, str] = field(default_factory=dict)
    with_reposts: str = ""
    lookup: str = ""
    next_page: str = ""
    key: str = ""
    key_form: re.Pattern[str] | None = None
    title: str = ""
    read_answer: Callable[[ListCheck, object], ListPage | None] | None = None
    read_entry: Callable[[Entry, Node], Entry | None] | None = None


@dataclass(frozen=True, slots=True)
class Measures:
    """Pixels, and bits per second; None for what is not known."""

    width: int | None = None
    height: int | None = None
    bitrate: int | None = None


@dataclass(frozen=True, slots=True)
class MediaRules:
    """How the site's media URLs are recognised and fetched.

    ``stated_size`` reads width and height out of a URL that spells them out in the site's own way.
    ``measures`` completes the stated width and height (its second and third argument) by what the
    site encodes the named quality to.
    """

    hosts: tuple[str, ...] = ()  # suffixes
    # the whole host, where a suffix is shared with other sites
    own_hosts: re.Pattern[str] | None = None
    path: re.Pattern[str] | None = None
    key: re.Pattern[str] | None = None  # group 1 is what all URLs of one video share
    reject_path: re.Pattern[str] | None = None
    stated_size: Callable[[SplitResult], tuple[int | None, int | None]] | None = None
    measures: Callable[[SplitResult, int | None, int | None], Measures] | None = None
    signs_urls: bool = False  # 401/403/410 on media means: extract again
    watermark_yes: re.Pattern[str] | None = None
    watermark_no: re.Pattern[str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    referer: str | None = None  # "post" means the post's own URL, cut to its origin for other hosts
    cookies: bool = False  # media answer only to the cookies of the page's visit
    account: re.Pattern[str] | None = (
        None  # group 1 of a media URL names whose it is, as the page's metadata name it too
    )
    # refuses clients by their TLS handshake: the browser's download is the reliable one
    tls_sensitive: bool = False
    # larger requests are refused or throttled; a mebibyte at least
    max_range_bytes: int | None = None
    max_connections: int = MAX_CONNECTIONS  # to one media host at a time, segments too


@dataclass(frozen=True, slots=True)
class AccountCookie:
    """A cookie that names the account. ``pattern`` looks at its value, percent-decoded, and at the
    claims of a JWT; its group 1 is the account's number, or with ``is_name`` the name that people
    use.
    """

    name: str
    pattern: re.Pattern[str]
    is_name: bool = False


@dataclass(frozen=True, slots=True)
class SignIn:
    """How a user signs in, and how a signed-in session is recognised."""

    url: str | None = None
    session_cookies: tuple[str, ...] = ()  # all present: signed in
    account_cookie: AccountCookie | None = None  # says whose session it is


@dataclass(frozen=True, slots=True)
class Walls:
    """What the site shows instead of a post.

    ``_text`` are phrases of a page, ``_json`` values of codes and reasons in its JSON, or fields
    that are true or hold an object, ``_url`` patterns of the final URL.
    """

    blocks_media: bool = False  # its login wall usually hides the media, not only the comments
    login_url: re.Pattern[str] | None = None
    login_text: tuple[str, ...] = ()
    login_json: tuple[str, ...] = ()
    age_text: tuple[str, ...] = ()
    age_json: tuple[str, ...] = ()
    challenge_url: re.Pattern[str] | None = None
    challenge_css: str = ""  # as extraction.page_data.elements reads it
    challenge_text: tuple[str, ...] = ()
    challenge_json: tuple[str, ...] = ()
    gone_text: tuple[str, ...] = ()
    gone_json: tuple[str, ...] = ()
    private_text: tuple[str, ...] = ()
    private_json: tuple[str, ...] = ()
    region_json: tuple[str, ...] = ()  # not shown in the country that the request came from


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a site is asked. Two requests for pages or API answers are a random time of the
    interval apart.
    """

    interval_s: tuple[float, float] = (3, 6)  # from, to; without an account
    account_interval_s: tuple[float, float] | None = None  # with one; None: the same
    account_daily_cap: int | None = None  # posts per day and account; None: no cap
    cooldown_s: int = 900  # after a 429 that names no time


class KnownFrom(StrEnum):
    """What the facts about a site were checked against."""

    RECORDED = "recorded pages and answers"
    PUBLISHED = "published extractors"
    DOCUMENTED = "its documentation"


@dataclass(frozen=True, slots=True)
class Platform:
    """Everything that is particular to one site: facts,
    and the pure functions that read its documents.
    """

    name: str
    title: str  # as people write it: "TikTok"
    checked: str = ""  # ISO date on which these facts were last checked
    known_from: tuple[KnownFrom, ...] = ()
    reads: str = ""  # for people: which posts
    # for users: the parts of the site that are not read, apart from those that the site hides
    # itself
    leaves_out: str = ""
    # in this order; the next when one finds nothing
    extractors: tuple[Extractor, ...] = ("browser", "ytdlp")
    api_url: str = ""  # its open interface: {post_id}, {handle} and {host} of the post filled in
    # what follows its share links; http may fail, a browser works
    resolve_with: Literal["http", "browser"] = "http"
    matching: Matching = Matching()
    reader: PageReader = PageReader()
    ytdlp: YtdlpRules | None = None  # None: yt-dlp does not know the site
    lists: tuple[ListRules, ...] = ()  # tried in this order
    feeds: tuple[FeedRules, ...] = ()  # the first whose pages match
    media: MediaRules = MediaRules()
    sign_in: SignIn = SignIn()
    walls: Walls = Walls()
    pace: Pace = Pace()
