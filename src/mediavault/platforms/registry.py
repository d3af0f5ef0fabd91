"""Find the post and the site of a URL, without any network. The only module that knows all sites.

Built-in sites are listed here. Others come from installed packages, by the entry point group
``mediavault.platforms``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from urllib.parse import urlsplit

from mediavault.core.failures import BadSetting, BadUrl, NotAPost, Unsupported
from mediavault.core.listings import SourceAddress
from mediavault.core.media import Post
from mediavault.core.messages import Message
from mediavault.core.platform import IN_WORDS, AddressKind, Platform
from mediavault.core.post_urls import (
    exact_hosts,
    find_feed,
    find_list,
    host_and_port,
    lies_below,
    names_post_on_any_host,
    read_page,
    read_post,
)
from mediavault.core.site_limits import MANY_SITES
from mediavault.core.urls import (
    DEFAULT_PORTS,
    MAX_MEDIA_URL_CHARS,
    HttpUrl,
    canonical_generic,
    parse_http_url,
)
from mediavault.platforms.bilibili import BILIBILI
from mediavault.platforms.bluesky import BLUESKY
from mediavault.platforms.dailymotion import DAILYMOTION
from mediavault.platforms.facebook import FACEBOOK
from mediavault.platforms.generic import GENERIC
from mediavault.platforms.instagram import INSTAGRAM
from mediavault.platforms.linkedin import LINKEDIN
from mediavault.platforms.lookalikes import imitates, is_below, is_public_name
from mediavault.platforms.mastodon import MASTODON
from mediavault.platforms.pinterest import PINTEREST
from mediavault.platforms.reddit import REDDIT
from mediavault.platforms.snapchat import SNAPCHAT
from mediavault.platforms.threads import THREADS
from mediavault.platforms.tiktok import TIKTOK
from mediavault.platforms.tumblr import TUMBLR
from mediavault.platforms.twitch import TWITCH
from mediavault.platforms.vimeo import VIMEO
from mediavault.platforms.weibo import WEIBO
from mediavault.platforms.x import X
from mediavault.platforms.youtube import YOUTUBE

GROUP = "mediavault.platforms"
FOLLOWED = frozenset({AddressKind.PROFILE, AddressKind.PLAYLIST})

_BUILT_IN: tuple[Platform, ...] = (
    X,
    TIKTOK,
    INSTAGRAM,
    FACEBOOK,
    THREADS,
    REDDIT,
    YOUTUBE,
    BLUESKY,
    MASTODON,
    VIMEO,
    TWITCH,
    PINTEREST,
    SNAPCHAT,
    LINKEDIN,
    TUMBLR,
    DAILYMOTION,
    BILIBILI,
    WEIBO,
)


@dataclass(frozen=True, slots=True)
class BrokenPackage:
    """A package whose site could not be used: the entry point as it is written, and why."""

    entry_point: str
    reason: str


class _Sites:
    """All sites, with the indexes that each lookup needs."""

    def __init__(self, outside: Iterable[EntryPoint]) -> None:
        self.known = _BUILT_IN
        self.broken: list[BrokenPackage] = []
        for entry in outside:
            try:
                self.known = (*self.known, _load(entry, self.known))
            except (Exception, SystemExit) as exc:  # noqa: BLE001 - an outside package may fail in any way
                self.broken.append(
                    BrokenPackage(f"{entry.name} = {entry.value}", f"{type(exc).__name__}: {exc}")
                )
        self.by_name = {site.name: site for site in (*self.known, GENERIC)}
        self.by_host = {host: site for site in self.known for host in exact_hosts(site)}
        self.wider = tuple(
            s for s in self.known if s.matching.host_suffixes or s.matching.mirror_prefixes
        )
        self.anywhere = tuple(site for site in self.known if site.matching.posts_on_any_host)
        self.own_names: frozenset[str] = frozenset(
            host.removeprefix("www.") for host in self.by_host
        )
        self.names = self.own_names | {
            host.removeprefix(".") for site in self.known for host in site.media.hosts
        }
        self.brands = frozenset(brand for site in self.known for brand in site.matching.brands)


def _load(entry: EntryPoint, known: tuple[Platform, ...]) -> Platform:
    """Return the site of an entry point. Raises TypeError,
    ValueError and whatever its package raises.
    """
    site = entry.load()
    if not isinstance(site, Platform):
        raise TypeError(f"it is a {type(site).__name__}, not a Platform")
    if site.name in {other.name for other in (*known, GENERIC)}:
        raise ValueError(f"there is already a platform {site.name}")
    if taken := {host for other in known for host in exact_hosts(other)} & set(exact_hosts(site)):
        raise ValueError(f"another platform has the host {min(taken)}")
    return site


@cache
def _sites() -> _Sites:
    return _Sites(sorted(entry_points(group=GROUP)))


def reload() -> None:
    """Look for packages again at the next call; for tests, which install and remove them."""
    _sites.cache_clear()


def broken_packages() -> tuple[BrokenPackage, ...]:
    """The packages whose site could not be used."""
    return tuple(_sites().broken)


def identify(url: HttpUrl) -> tuple[Post, Platform]:
    """The post that a URL names, and its site. Unknown sites are :data:`GENERIC`.

    ``Post.canonical_url`` is the same for all URLs of one post. A share link is a post whose id
    only the network knows (``post_id`` is None). Raises NotAPost for profiles, playlists and the
    like, Unsupported for other URLs on a known site.
    """
    platform = platform_at(url)
    if platform is GENERIC:
        return Post(str(url), canonical_generic(url), GENERIC.name), GENERIC
    page = read_page(platform, url)
    if page is not None and page.kind is AddressKind.REDIRECT:
        return Post(str(url), canonical_generic(url), platform.name), platform
    match = read_post(platform, url)
    if match is not None:
        return Post(
            str(url), match.canonical_url, platform.name, match.post_id, match.handle
        ), platform
    if page is not None:
        raise NotAPost(_not_a_post(page.kind, platform))
    raise Unsupported(Message("This kind of %(site)s link is not supported.", site=platform.title))


def source_at(url: HttpUrl) -> SourceAddress:
    """Return the account, list or feed that a URL names; of an unknown site whatever is there,
    which may be a feed.

    Raises BadUrl for a post, Unsupported for any other page of a known site.
    """
    platform = platform_at(url)
    if platform is GENERIC:
        return SourceAddress(str(url), GENERIC.name)
    page = read_page(platform, url)
    if page is not None and page.kind in FOLLOWED:
        return SourceAddress(
            page.page_url or str(url), platform.name, is_list=page.kind is AddressKind.PLAYLIST
        )
    if find_feed(platform, url) is not None or find_list(platform, url) is not None:
        return SourceAddress(str(url), platform.name)
    if page is not None and page.kind in {AddressKind.POST, AddressKind.REDIRECT}:
        raise BadUrl(
            Message("This %(site)s link leads to a single post.", site=platform.title),
            help="Save it instead, or follow its account's page.",
        )
    raise Unsupported(
        Message("This kind of %(site)s link can't be followed.", site=platform.title),
        help="Follow an account's page, a playlist or a feed.",
    )


def names_source(url: HttpUrl, key: str = "") -> str:
    """Return what all URLs of one source share, as far as they say it: the site's own key of it,
    else the URL itself.

    ``key`` is the site's key where an earlier look has found it, which other URLs of the source may
    contain.
    """
    platform = platform_at(url)
    match = find_feed(platform, url, key=key)
    if match is not None and match.rules.key and (found := match.filled(match.rules.key)):
        return f"{platform.name}:{found}:{match.groups.get('tab', '')}"
    return url.without_fragment.partition("://")[2].removeprefix("www.").rstrip("/")


def feed_url(url: HttpUrl, key: str = "") -> str | None:
    """Return the feed of a source of a known site; None where it has none,
    or not without the site's ``key`` of it.
    """
    match = find_feed(platform_at(url), url, key=key)
    return (
        match.filled(match.rules.feed)
        if match is not None and match.rules.read_answer is None
        else None
    )


def seen_as(canonical_url: str) -> str:
    """Return what names a post for ever: its site and number,
    where its URL also contains a name that may change.
    """
    try:
        url = parse_http_url(canonical_url, max_chars=MAX_MEDIA_URL_CHARS)
        post, platform = identify(url)
    except (BadUrl, NotAPost, Unsupported):
        return canonical_url
    if post.post_id is None:
        return canonical_url
    return f"{platform.name}:{url.host if platform.name in MANY_SITES else ''}:{post.post_id}"


def is_share_link(url: HttpUrl) -> bool:
    """Whether only the network knows where a URL leads."""
    page = read_page(platform_at(url), url)
    return page is not None and page.kind is AddressKind.REDIRECT


def shared_url(url: HttpUrl) -> str | None:
    """The post's URL as people share it, with its author where the URL names one;
    None if it is not a post.
    """
    match = read_post(platform_at(url), url)
    return match.page_url if match else None


def platform(name: str) -> Platform:
    """The site of this name; the generic one for a name that no longer exists,
    so that old jobs can still be shown.
    """
    return _sites().by_name.get(name, GENERIC)


def site_title(name: str, url: str) -> str:
    """Return the site's own name, for a post at ``url``: of a site that we do not know its host,
    "" without one.
    """
    site = platform(name)
    return (
        site.title if site is not GENERIC else (urlsplit(url).hostname or "").removeprefix("www.")
    )


def all_platforms() -> tuple[Platform, ...]:
    """Every site, the generic one last."""
    return tuple(_sites().by_name.values())


def known_names(names: Iterable[str], *, setting: str = "MEDIAVAULT_PLATFORMS") -> tuple[str, ...]:
    """Return these names, sorted, each once. Raises BadSetting, which lists the valid names,
    for an unknown one.
    """
    wanted, by_name = sorted(set(names)), _sites().by_name
    if unknown := [name for name in wanted if name not in by_name]:
        raise BadSetting(
            Message(
                "%(setting)s: unknown platform %(unknown)s.",
                setting=setting,
                unknown=", ".join(unknown),
            ),
            help=Message("The platforms are %(by_name)s.", by_name=", ".join(sorted(by_name))),
        )
    return tuple(wanted)


def platform_at(url: HttpUrl) -> Platform:
    """The site of a URL, by its host and port, and for Mastodon by its form;
    :data:`GENERIC` when unknown.
    """
    sites = _sites()
    if (named := sites.by_host.get(host_and_port(url))) is not None:
        return named
    if url.port != DEFAULT_PORTS[url.scheme]:
        return GENERIC
    if (below := next((site for site in sites.wider if lies_below(site, url)), None)) is not None:
        return below
    by_form = next((site for site in sites.anywhere if names_post_on_any_host(site, url)), GENERIC)
    return by_form if by_form is GENERIC or not is_deceptive_host(url) else GENERIC


def is_deceptive_host(url: HttpUrl) -> bool:
    """Whether an unknown host is not public, or imitates a known site's."""
    sites = _sites()
    imitated = imitates(url.host, sites.names, sites.brands)
    return not is_public_name(url) or imitated or _borrows_a_post(url)


def _borrows_a_post(url: HttpUrl) -> bool:
    """Whether a host that only ends in a short name (``notx.com``) has a post's URL of the site
    with that name.
    """
    tails = (url.host[at:] for at in range(1, len(url.host)) if url.host[at - 1] != ".")
    known = ((name, site) for name in tails if (site := _sites().by_host.get(name)) is not None)
    return any(read_post(site, replace(url, host=name)) is not None for name, site in known)


def names_a_platform(host: str) -> bool:
    """Whether a text is the host of a known site.

    Mastodon's hosts do not count: its web clients have its servers in their paths.
    """
    name = host.removeprefix("www.").removeprefix("m.").lower()
    return name in _sites().own_names and name not in MASTODON.matching.hosts


def lies_below_a_platform(url: HttpUrl) -> bool:
    """Whether an unknown host is in a known site's domain: help pages, developer pages, media."""
    return is_below(url.host, _sites().own_names)


def platform_of_media(url: str) -> Platform:
    """The site whose media ``url`` is, by its host alone; :data:`GENERIC` when unknown. Never
    raises.

    Hosts that several sites share (Meta's and Akamai's) belong to the one whose ``own_hosts``
    match, else to the one without ``own_hosts``.
    """
    try:
        host = (urlsplit(url).hostname or "").removesuffix(".")
    except ValueError:
        return GENERIC
    return next(_owners_of_media(host), GENERIC)


def _owners_of_media(host: str) -> Iterator[Platform]:
    """The sites that a media host may belong to, surest first."""
    sites = _sites()
    yield from (
        s
        for s in sites.known
        if s.media.own_hosts is not None and s.media.own_hosts.fullmatch(host)
    )
    for site in sites.known:
        if site.media.own_hosts is None and any(
            _is_below(host, suffix) for suffix in site.media.hosts
        ):
            yield site
    if (named := sites.by_host.get(host)) is not None:
        yield named
    yield from (site for site in sites.known if host.endswith(site.matching.host_suffixes))


def _is_below(host: str, suffix: str) -> bool:
    bare = suffix.removeprefix(".")
    return host == bare or host.endswith(f".{bare}")


def _not_a_post(kind: AddressKind, platform: Platform) -> str:
    what = IN_WORDS.get(kind)
    if what is None:
        return Message("This address on %(site)s is not that of one post.", site=platform.title)
    return Message(
        "This %(site)s link leads to %(what)s, not to a single post.",
        site=platform.title,
        what=what,
    )
