"""The shape of what we know about a site. The facts themselves stand in ``platforms/``, one file a site.

The record lives in core because extractors and downloaders are handed it, and ``services`` and ``platforms`` are
siblings that never import each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Literal
from urllib.parse import parse_qsl, unquote

from mediavault.core.urls import DEFAULT_PORTS, HttpUrl

MAX_CONNECTIONS = 6  # to one media host: what browsers open
Extractor = Literal["api", "ytdlp", "browser"]


class AddressKind(StrEnum):
    """What an address names."""

    POST = "post"
    PROFILE = "profile"  # an account, or one of the tabs of its page
    PLAYLIST = "playlist"  # a list, a collection, a series, a sound or a tag: many posts
    LIVE = "live"  # a broadcast that may be running now
    STORY = "story"  # one story, a highlight, or all stories of an account
    REDIRECT = "redirect"  # a short or share link: only the network knows where it leads
    UNSUPPORTED = "unsupported"


IN_WORDS: Mapping[AddressKind, str] = {
    AddressKind.PROFILE: "an account's page",
    AddressKind.PLAYLIST: "a list of posts",
    AddressKind.LIVE: "a live broadcast",
    AddressKind.STORY: "all stories of an account",
}


@dataclass(frozen=True, slots=True)
class AddressPattern:
    """A path (and query) of one kind of page. Groups ``post_id`` and ``handle`` are read where present.

    ``host``, ``fragment`` and the ``query`` patterns must match too where they are given; their groups join those of the path. The
    format strings ``canonical`` (the post's key) and ``page`` (as people share it) stand in for the platform's own
    where this kind of address needs another form; they may name every group and ``{host}``.
    """

    path: re.Pattern[str]
    query: Mapping[str, re.Pattern[str]] = field(default_factory=dict)  # parameter -> pattern with the same groups
    host: re.Pattern[str] | None = None
    fragment: re.Pattern[str] | None = None  # pages before 2012 kept the video there: vimeo.com/hd#12
    canonical: str = ""
    page: str = ""


def paths(*patterns: str, host: str | None = None, page: str = "") -> tuple[AddressPattern, ...]:
    """Patterns that look at the path alone (and the host), one for each regular expression."""
    on = re.compile(host) if host else None
    return tuple(AddressPattern(re.compile(pattern), host=on, page=page) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a site is asked. Between two requests for pages or API answers a random time of the interval passes."""

    interval_s: tuple[float, float] = (3, 6)  # from, to; without an account
    account_interval_s: tuple[float, float] | None = None  # with one; None: the same
    account_daily_cap: int | None = None  # posts a day and account; None: no cap
    cooldown_s: int = 900  # after a 429 that names no time


@dataclass(frozen=True, slots=True)
class AccountCookie:
    """A cookie that names the account. ``pattern`` looks at its value, percent-decoded, and at the claims of a JWT;
    its group 1 is the account's number, or with ``is_name`` what people call it."""

    name: str
    pattern: re.Pattern[str]
    is_name: bool = False


@dataclass(frozen=True, slots=True)
class Platform:
    """Facts about one site; no I/O, no behaviour."""

    name: str
    title: str  # as people write it: "TikTok"
    checked: str = ""  # ISO date on which these facts were last checked

    # --- where it lives
    hosts: tuple[str, ...] = ()  # exact, lower case, no port
    host_suffixes: tuple[str, ...] = ()  # ".reddit.com": any host below it
    names_in_paths: bool = False  # /<name> is an account, at all hosts below
    mirror_hosts: tuple[str, ...] = ()  # other doors to the same paths: rewritten, never visited
    mirror_prefixes: tuple[str, ...] = ()  # "nitter.": how the hosts of such doors begin, whoever runs them
    short_hosts: tuple[str, ...] = ()  # every path there is a share link
    image_hosts: tuple[str, ...] = ()  # only pictures; never a post

    # --- what its addresses name; read in this order, the first that fits wins
    share_links: tuple[AddressPattern, ...] = ()  # on its own hosts; ``post_id`` is the link's token where it is read
    post_patterns: tuple[AddressPattern, ...] = ()
    posts_on_any_host: tuple[AddressPattern, ...] = ()  # forms so peculiar that they name a post on unknown hosts too
    stories: tuple[AddressPattern, ...] = ()  # one story where ``post_id`` is read, all of an account's where not
    lives: tuple[AddressPattern, ...] = ()
    playlists: tuple[AddressPattern, ...] = ()
    profiles: tuple[AddressPattern, ...] = ()
    other_pages: tuple[AddressPattern, ...] = ()  # search, settings, photos: known, and of none of these kinds
    canonical: str = ""  # format string with {post_id} and {handle}: the key under which a post is one job
    page: str = ""  # the address people share; ``canonical`` stands in where a field of it is not known

    # --- how a post is read
    api_url: str = ""  # its open interface: {post_id}, {handle} and {host} of the post filled in
    extractors: tuple[Extractor, ...] = ("browser", "ytdlp")  # in this order; the next when one finds nothing
    resolve_with: Literal["http", "browser"] = "http"  # what follows its share links; http tries, a browser can always
    json_paths: re.Pattern[str] | None = None  # API answers worth reading
    page_reader: str | None = None  # its reader in services.extraction.page_data, where each page surely sends data
    page_data_css: str = ""  # the element that holds the data in the page itself

    # --- its media
    media_hosts: tuple[str, ...] = ()  # suffixes
    own_media_hosts: re.Pattern[str] | None = None  # the whole host, where a suffix is shared with other sites
    media_path: re.Pattern[str] | None = None
    media_key: re.Pattern[str] | None = None  # group 1 is the key
    reject_path: re.Pattern[str] | None = None
    signs_media_urls: bool = False  # 401/403/410 on media means: extract afresh
    watermark_yes: re.Pattern[str] | None = None
    watermark_no: re.Pattern[str] | None = None
    download_headers: Mapping[str, str] = field(default_factory=dict)
    referer: str | None = None  # "post" means the post's own address, cut to its origin for other hosts
    media_cookies: bool = False  # media answers only to the cookies of the page's visit
    tls_sensitive: bool = False  # refuses clients by their TLS handshake: the browser's download is the sure one
    max_range_bytes: int | None = None  # larger requests are refused or throttled; a mebibyte at least
    max_connections: int = MAX_CONNECTIONS  # to one media host at a time, segments too

    # --- signing in, walls, and what is gone
    login_url: str | None = None
    session_cookies: tuple[str, ...] = ()  # all present: signed in
    account_cookie: AccountCookie | None = None  # tells whose session it is
    viewer_data: tuple[str, ...] = ()  # in the page's JSON: a key or a module's name anywhere, then the way to the name
    wall_blocks_media: bool = False  # its login wall usually hides the media, not only the comments
    login_wall_url: re.Pattern[str] | None = None
    login_wall_text: tuple[str, ...] = ()
    login_wall_json: tuple[
        str, ...
    ] = ()  # in its JSON: values of codes and reasons, or fields that are true or hold an object
    age_text: tuple[str, ...] = ()
    age_json: tuple[str, ...] = ()
    challenge_url: re.Pattern[str] | None = None
    challenge_css: str = ""  # as services.extraction.page_data.selectors reads it
    challenge_text: tuple[str, ...] = ()
    challenge_json: tuple[str, ...] = ()
    gone_text: tuple[str, ...] = ()
    gone_json: tuple[str, ...] = ()
    private_text: tuple[str, ...] = ()
    private_json: tuple[str, ...] = ()
    region_json: tuple[str, ...] = ()  # not shown in the country that the request came from
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True, slots=True)
class PostMatch:
    """What an address says about the post that it names."""

    post_id: str
    handle: str | None
    canonical_url: str
    page_url: str


@dataclass(frozen=True, slots=True)
class PageMatch:
    """What an address on a platform names. ``post_id`` of a redirect is the share link's token.

    ``page_url`` is the address as people share it, in one form for each post; None where no such form is known.
    """

    kind: AddressKind
    post_id: str | None = None
    handle: str | None = None
    page_url: str | None = None


_COMPANY_HOST = re.compile(
    r"(?:about|ads|advertising|analytics|blog|business|careers|create|creators|dev|developers?|engineering|help|investors?"
    r"|labs|learn|newsroom|policy|policies|press|privacy|research|safety|security|status|support|transparency"
    r"|workplace)\."
)


def lies_below(platform: Platform, url: HttpUrl) -> bool:
    """Whether the host is the platform's without being named in full: by dot-bounded suffix, or by prefix.

    The company's own pages lie in its domain too (``developers.facebook.com``); where a path of one word is an account,
    they would be taken for accounts.
    """
    below = url.host.endswith(platform.host_suffixes) and not (
        platform.names_in_paths and _COMPANY_HOST.match(url.host)
    )
    return below or url.host.startswith(platform.mirror_prefixes)


def exact_hosts(platform: Platform) -> tuple[str, ...]:
    """All hosts that are named in full."""
    return (*platform.hosts, *platform.mirror_hosts, *platform.short_hosts, *platform.image_hosts)


def is_named_host(platform: Platform, url: HttpUrl) -> bool:
    """Whether the facts name the host, itself or by the domain above it, and ``url`` lies on the usual port there."""
    named = url.host in exact_hosts(platform) or url.host.endswith(platform.host_suffixes)
    return named and url.port == DEFAULT_PORTS[url.scheme]


def names_post_on_any_host(platform: Platform, url: HttpUrl) -> bool:
    """Whether ``url``, on a host that we do not know, has a form that only this platform's software uses."""
    return any(_groups(pattern, url) is not None for pattern in platform.posts_on_any_host)


def read_post(platform: Platform, url: HttpUrl) -> PostMatch | None:
    """The post or the story that ``url`` names on ``platform``; None when it names none. Needs no network."""
    for pattern in (*platform.post_patterns, *platform.stories):
        groups = _groups(pattern, url)
        if groups is not None and groups.get("post_id"):
            return _match(platform, pattern, groups)
    return None


def names_story(platform: Platform, url: HttpUrl) -> bool:
    """Whether ``url`` names something that the site shows for a day only."""
    return any(_groups(pattern, url) is not None for pattern in platform.stories)


_SORT = re.compile(r"^[a-z]/(?=.)")  # fb.me/v/…: a video


def read_page(platform: Platform, url: HttpUrl) -> PageMatch | None:
    """Which kind of page ``url`` is on ``platform``; None when no form that we know fits. Needs no network."""
    if url.host in platform.image_hosts:
        return PageMatch(AddressKind.UNSUPPORTED)
    if url.host in platform.short_hosts and not _names_post_at(platform, url):
        token = _SORT.sub("", url.path.strip("/")).partition("/")[0]
        return PageMatch(AddressKind.REDIRECT if token else AddressKind.UNSUPPORTED, post_id=token or None)
    for kind, patterns in (
        (AddressKind.REDIRECT, platform.share_links),
        (AddressKind.POST, platform.post_patterns),
        (AddressKind.STORY, platform.stories),
        (AddressKind.LIVE, platform.lives),
        (AddressKind.PLAYLIST, platform.playlists),
        (AddressKind.PROFILE, platform.profiles),
        (AddressKind.UNSUPPORTED, platform.other_pages),
    ):
        for pattern in patterns:
            groups = _groups(pattern, url)
            if groups is not None and (kind is not AddressKind.POST or groups.get("post_id")):
                return _page(platform, kind, pattern, groups)
    return None


def _names_post_at(platform: Platform, url: HttpUrl) -> bool:
    """Whether a share link names its post itself, by a pattern made for that host."""
    return any(pattern.host is not None and _groups(pattern, url) for pattern in platform.post_patterns)


def _groups(pattern: AddressPattern, url: HttpUrl) -> dict[str, str] | None:
    """The named groups and the host; None when the pattern does not fit."""
    matches = [pattern.host.fullmatch(url.host)] if pattern.host else []
    if pattern.fragment:
        matches.append(pattern.fragment.fullmatch(url.fragment))
    if None in matches:
        return None
    path, query = _as_read(url)
    matches.append(pattern.path.match(path))
    if matches[-1] is not None and pattern.query:
        given = _parameters(query)
        matches += [wanted.fullmatch(given.get(name, "")) for name, wanted in pattern.query.items()]
    groups = {"host": url.host}
    for match in matches:
        if match is None:
            return None
        groups |= {name: value for name, value in match.groupdict().items() if value}
    # a query is read unescaped, where \d and \w stand for all scripts' digits and letters: no site has such ids
    return groups if all(map(str.isascii, groups.values())) else None


# Letters, digits, "-._~" (RFC 3986, section 6.2.2.2: the same with and without escape), and "@" and ":", whose escapes
# only copying adds. "%2F" and "%3F" keep their meaning of no separator.
_NEEDLESS_ESCAPE = re.compile(r"%(?:2[DE]|3[0-9A]|4[0-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])", re.IGNORECASE)
_DOUBLE_SLASHES = re.compile(r"//+")
_APPLICATIONS = frozenset(["/", "/tv", "/tv/"])


@lru_cache(maxsize=64)  # all patterns of a platform look at the same address
def _as_read(url: HttpUrl) -> tuple[str, str]:
    """Path and query as the sites take them: without needless escapes and double slashes, and out of the fragment
    where a page of 2010 put them (``twitter.com/#!/jane/status/12``, ``facebook.com/home.php#!/video.php?v=12``), or an
    application still does (``m.youtube.com/#/watch?v=…``, ``youtube.com/tv#/watch?v=…``)."""
    path, query = url.path, url.query
    if url.fragment.startswith("!/") or (path in _APPLICATIONS and url.fragment.startswith("/")):
        path, _, query = url.fragment.removeprefix("!").partition("?")
    plain = _NEEDLESS_ESCAPE.sub(lambda escape: unquote(escape[0]), path)
    return _DOUBLE_SLASHES.sub("/", plain), query


_ESCAPED_AND = re.compile(r"^(?:amp;)+")  # addresses copied out of HTML source


@lru_cache(maxsize=64)  # many patterns look at the same query
def _parameters(query: str) -> Mapping[str, str]:
    """The first value of each parameter counts, as on the sites."""
    return {_ESCAPED_AND.sub("", name): value for name, value in reversed(parse_qsl(query))}


def _match(platform: Platform, pattern: AddressPattern, groups: Mapping[str, str]) -> PostMatch:
    canonical = (pattern.canonical or platform.canonical).format_map(groups)
    page = _written(pattern.page or (platform.page if not pattern.canonical else ""), groups)
    return PostMatch(groups["post_id"], _handle(groups), canonical, page or canonical)


def _page(platform: Platform, kind: AddressKind, pattern: AddressPattern, groups: Mapping[str, str]) -> PageMatch:
    if kind in {AddressKind.POST, AddressKind.STORY} and groups.get("post_id"):
        match = _match(platform, pattern, groups)
        return PageMatch(kind, match.post_id, match.handle, match.page_url)
    return PageMatch(kind, groups.get("post_id"), _handle(groups), _written(pattern.page, groups) or None)


def _handle(groups: Mapping[str, str]) -> str | None:
    handle = groups.get("handle")
    return unquote(handle) if handle else None


def _written(form: str, groups: Mapping[str, str]) -> str:
    try:
        return form.format_map(groups)
    except KeyError:  # the address does not name its author
        return ""
