"""What a URL names, by a site's patterns. Needs no network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote

from mediavault.core.failures import BadUrl
from mediavault.core.listings import EntryKind
from mediavault.core.media import Post
from mediavault.core.platform import AddressKind, AddressPattern, FeedRules, ListRules, Platform
from mediavault.core.urls import DEFAULT_PORTS, MAX_MEDIA_URL_CHARS, HttpUrl, parse_http_url


@dataclass(frozen=True, slots=True)
class PostMatch:
    """The post that a URL names."""

    post_id: str
    handle: str | None
    canonical_url: str
    page_url: str


@dataclass(frozen=True, slots=True)
class PageMatch:
    """What a URL of a site names. ``post_id`` of a redirect is the share link's token.

    ``page_url`` is the URL that people share, in one form for each post; None where no such form is
    known.
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
    """Whether the host is the platform's without being named in full: by dot-bounded suffix, or by
    prefix.

    The company's own pages are in its domain too (``developers.facebook.com``). On sites where a
    path of one word is an account, they would be taken for accounts.
    """
    below = url.host.endswith(platform.matching.host_suffixes) and not (
        platform.matching.names_in_paths and _COMPANY_HOST.match(url.host)
    )
    return below or url.host.startswith(platform.matching.mirror_prefixes)


def exact_hosts(platform: Platform) -> tuple[str, ...]:
    """All hosts that are named in full."""
    return (
        *platform.matching.hosts,
        *platform.matching.mirror_hosts,
        *platform.matching.short_hosts,
        *platform.matching.image_hosts,
    )


def is_named_host(platform: Platform, url: HttpUrl) -> bool:
    """Whether the site's facts name the URL's host and port,
    or a domain above the host (on the usual port).
    """
    below = (
        url.host.endswith(platform.matching.host_suffixes) and url.port == DEFAULT_PORTS[url.scheme]
    )
    return below or host_and_port(url) in exact_hosts(platform)


def host_and_port(url: HttpUrl) -> str:
    """The host as :attr:`Matching.hosts` names it:
    with its port where that is not the usual one.
    """
    return url.host if url.port == DEFAULT_PORTS[url.scheme] else f"{url.host}:{url.port}"


def names_post_on_any_host(platform: Platform, url: HttpUrl) -> bool:
    """Whether ``url``, on a host that we do not know,
    has a form that only this platform's software uses.
    """
    return any(_groups(pattern, url) is not None for pattern in platform.matching.posts_on_any_host)


def read_post(platform: Platform, url: HttpUrl) -> PostMatch | None:
    """The post or the story that ``url`` names on ``platform``; None when it names none.
    Needs no network.
    """
    for pattern in (*platform.matching.posts, *platform.matching.stories):
        groups = _groups(pattern, url)
        if groups is not None and groups.get("post_id"):
            return _match(platform, pattern, groups)
    return None


def names_story(platform: Platform, url: HttpUrl) -> bool:
    """Whether ``url`` names something that the site shows for a day only."""
    return any(_groups(pattern, url) is not None for pattern in platform.matching.stories)


_KIND_PREFIX = re.compile(r"^[a-z]/(?=.)")  # fb.me/v/…: a video


def read_page(platform: Platform, url: HttpUrl) -> PageMatch | None:
    """Which kind of page ``url`` is on ``platform``; None when no known form matches.
    Needs no network.
    """
    if url.host in platform.matching.image_hosts:
        return PageMatch(AddressKind.UNSUPPORTED)
    if url.host in platform.matching.short_hosts and not _names_post_at(platform, url):
        token = _KIND_PREFIX.sub("", url.path.strip("/")).partition("/")[0]
        return PageMatch(
            AddressKind.REDIRECT if token else AddressKind.UNSUPPORTED, post_id=token or None
        )
    for kind, patterns in (
        (AddressKind.REDIRECT, platform.matching.share_links),
        (AddressKind.POST, platform.matching.posts),
        (AddressKind.STORY, platform.matching.stories),
        (AddressKind.LIVE, platform.matching.lives),
        (AddressKind.PLAYLIST, platform.matching.playlists),
        (AddressKind.PROFILE, platform.matching.profiles),
        (AddressKind.UNSUPPORTED, platform.matching.other_pages),
    ):
        for pattern in patterns:
            groups = _groups(pattern, url)
            if groups is not None and (kind is not AddressKind.POST or groups.get("post_id")):
                return _page(platform, kind, pattern, groups)
    return None


@dataclass(frozen=True, slots=True)
class ListMatch:
    """The list that a URL names. ``addresses`` are what yt-dlp gets, by what is listed there:
    one, or one for each tab.
    """

    rules: ListRules
    addresses: Mapping[EntryKind | None, str]


def find_list(platform: Platform, url: HttpUrl, *, key: str = "") -> ListMatch | None:
    """The list that ``url`` names, if yt-dlp can read such lists of the site; None otherwise. Needs
    no network.

    ``key`` is the site's own key of the list where it is known: it replaces a name that may have
    changed.
    """
    if read_post(platform, url) is not None:
        return None
    for rules in platform.lists:
        groups = _groups(rules.pattern, url)
        if groups is not None:
            form = (
                rules.by_key
                if rules.by_key and _LIST_KEY.fullmatch(key)
                else rules.pattern.canonical
            )
            tabs: Mapping[EntryKind | None, str] = {
                kind: tab for kind, tab in rules.tabs.items() if groups.get("tab") in {None, tab}
            } or {None: ""}
            return ListMatch(
                rules,
                {
                    kind: form.format_map({**groups, "key": key, "tab": tab})
                    for kind, tab in tabs.items()
                },
            )
    return None


_LIST_KEY = re.compile(r"[\w.@-]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class FeedMatch:
    """The rules for the source that a URL names, and what their format strings are filled with."""

    rules: FeedRules
    groups: Mapping[str, str]
    origin: str

    def filled(self, form: str) -> str | None:
        """Return a format string of the rules with the groups, escaped, and ``{origin}``;
        None where it needs others.
        """
        try:
            escaped = {
                name: quote(value, safe=":.@") for name, value in self.groups.items() if value
            }
            return form.format_map({**escaped, "origin": self.origin})
        except KeyError:
            return None


def find_feed(platform: Platform, url: HttpUrl, *, key: str = "") -> FeedMatch | None:
    """Find how plain requests list the source that ``url`` names; None where they can't. Needs no
    network.

    ``key`` is the site's own key of the source, "" where it is not known.
    """
    if read_post(platform, url) is not None:
        return None
    for rules in platform.feeds:
        for pattern in rules.pages:
            groups = _groups(pattern, url)
            if groups is not None:
                known = rules.key_form.fullmatch(key) if rules.key_form else None
                return FeedMatch(
                    rules, {**groups, **(known.groupdict() if known else {})}, url.origin
                )
    return None


def _names_post_at(platform: Platform, url: HttpUrl) -> bool:
    """Whether a URL on a share-link host names its post itself, by a pattern made for that host."""
    return any(
        pattern.host is not None and _groups(pattern, url) for pattern in platform.matching.posts
    )


def _groups(pattern: AddressPattern, url: HttpUrl) -> dict[str, str] | None:
    """The named groups and the host; None when the pattern does not match."""
    matches = [pattern.host.fullmatch(url.host)] if pattern.host else []
    if pattern.fragment:
        matches.append(pattern.fragment.fullmatch(url.fragment))
    if None in matches:
        return None
    path, query = _as_read(url)
    matches.append(pattern.path.match(path))
    if matches[-1] is not None and pattern.query:
        parameters = _parameters(query)
        matches += [
            wanted.fullmatch(parameters.get(name, "")) for name, wanted in pattern.query.items()
        ]
    groups = {"host": url.host}
    for match in matches:
        if match is None:
            return None
        groups |= {name: value for name, value in match.groupdict().items() if value}
    # a query is read unescaped, where \d and \w match digits and letters of all scripts: no site
    # has such ids
    return groups if all(map(str.isascii, groups.values())) else None


# Letters, digits, "-._~" (RFC 3986, section 6.2.2.2: the same with and without escape), and "@" and
# ":", which only copying escapes. "%2F" and "%3F" stay: they are not separators.
_NEEDLESS_ESCAPE = re.compile(
    r"%(?:2[DE]|3[0-9A]|4[0-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])", re.IGNORECASE
)
_DOUBLE_SLASHES = re.compile(r"//+")
_APPLICATIONS = frozenset(["/", "/tv", "/tv/"])


@lru_cache(maxsize=64)  # all patterns of a platform are matched against the same URL
def _as_read(url: HttpUrl) -> tuple[str, str]:
    """Return path and query as the sites read them: without needless escapes and double slashes.

    They are taken from the fragment where pages of 2010 put them
    (``twitter.com/#!/jane/status/12``, ``facebook.com/home.php#!/video.php?v=12``), or an
    application still does (``m.youtube.com/#/watch?v=…``, ``youtube.com/tv#/watch?v=…``).
    """
    path, query = url.path, url.query
    if url.fragment.startswith("!/") or (path in _APPLICATIONS and url.fragment.startswith("/")):
        path, _, query = url.fragment.removeprefix("!").partition("?")
    plain = _NEEDLESS_ESCAPE.sub(lambda escape: unquote(escape[0]), path)
    return _DOUBLE_SLASHES.sub("/", plain), query


_ESCAPED_AND = re.compile(r"^(?:amp;)+")  # in URLs copied out of HTML source


@lru_cache(maxsize=64)  # many patterns look at the same query
def _parameters(query: str) -> Mapping[str, str]:
    """Return the parameters; the first value of each counts, as on the sites."""
    return {_ESCAPED_AND.sub("", name): value for name, value in reversed(parse_qsl(query))}


def _match(platform: Platform, pattern: AddressPattern, groups: Mapping[str, str]) -> PostMatch:
    canonical = (pattern.canonical or platform.matching.canonical).format_map(groups)
    page = _filled(
        pattern.page or (platform.matching.page if not pattern.canonical else ""), groups
    )
    return PostMatch(groups["post_id"], _handle(groups), canonical, page or canonical)


def _page(
    platform: Platform, kind: AddressKind, pattern: AddressPattern, groups: Mapping[str, str]
) -> PageMatch:
    if kind in {AddressKind.POST, AddressKind.STORY} and groups.get("post_id"):
        match = _match(platform, pattern, groups)
        return PageMatch(kind, match.post_id, match.handle, match.page_url)
    return PageMatch(
        kind, groups.get("post_id"), _handle(groups), _filled(pattern.page, groups) or None
    )


def _handle(groups: Mapping[str, str]) -> str | None:
    handle = groups.get("handle")
    return unquote(handle) if handle else None


def _filled(form: str, groups: Mapping[str, str]) -> str:
    try:
        return form.format_map(groups)
    except KeyError:  # the URL does not name its author
        return ""


def page_to_visit(post: Post, platform: Platform) -> str:
    """Return the site's own URL of the post, so that mirrors are never visited;
    on unknown sites, the submitted URL.
    """
    if not platform.matching.canonical and not platform.matching.posts:
        return post.url
    match = find_post(platform, post.url)
    return match.page_url if match else post.url


def find_post(platform: Platform, url: str) -> PostMatch | None:
    """Like :func:`read_post`, for a URL in text; None also for one that cannot be parsed."""
    try:
        return read_post(platform, parse_http_url(url, max_chars=MAX_MEDIA_URL_CHARS))
    except BadUrl:
        return None


# --- posts without a URL --------------------------------------------------------------------------

_FILE = "sha256:"


def name_of_file(sha256: str) -> str:
    """Return the name of a post without a URL, to be stored in place of one:
    an imported file is known by its hash.
    """
    return f"{_FILE}{sha256}"


def has_url(canonical_url: str) -> bool:
    """Return whether a job's post has a URL, and is not a file that was imported without one."""
    return not canonical_url.startswith(_FILE)


def hash_of_file(canonical_url: str) -> str:
    """Invert :func:`name_of_file`."""
    return canonical_url.removeprefix(_FILE)
