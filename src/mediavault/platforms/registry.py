"""From an address to a post and its platform, without any network. The only module that knows all platforms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from mediavault.core.failures import BadSetting, NotAPost, Unsupported
from mediavault.core.media import Post
from mediavault.core.platform import (
    IN_WORDS,
    AddressKind,
    Platform,
    exact_hosts,
    lies_below,
    names_post_on_any_host,
    read_page,
    read_post,
)
from mediavault.core.urls import DEFAULT_PORTS, HttpUrl, canonical_generic
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

_KNOWN: tuple[Platform, ...] = (
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
_BY_NAME: Mapping[str, Platform] = {known.name: known for known in (*_KNOWN, GENERIC)}
_WIDER = tuple(known for known in _KNOWN if known.host_suffixes or known.mirror_prefixes)
_ANYWHERE = tuple(known for known in _KNOWN if known.posts_on_any_host)
_OWN_NAMES: frozenset[str] = frozenset(host.removeprefix("www.") for known in _KNOWN for host in exact_hosts(known))
_ONE_SITE_NAMES: frozenset[str] = _OWN_NAMES - frozenset(MASTODON.hosts)
_NAMES: frozenset[str] = _OWN_NAMES | {host.removeprefix(".") for known in _KNOWN for host in known.media_hosts}
_BY_HOST: Mapping[str, Platform] = {host: known for known in _KNOWN for host in exact_hosts(known)}


def identify(url: HttpUrl) -> tuple[Post, Platform]:
    """The post that an address names, and where it lives. Unknown sites are :data:`GENERIC`.

    ``Post.canonical_url`` is the same for all addresses of one post. A share link is a post whose id only the network
    knows (``post_id`` is None). Raises NotAPost for profiles, playlists and the like, Unsupported for other addresses
    on a known platform.
    """
    platform = platform_at(url)
    if platform is GENERIC:
        return Post(str(url), canonical_generic(url), GENERIC.name), GENERIC
    page = read_page(platform, url)
    if page is not None and page.kind is AddressKind.REDIRECT:
        return Post(str(url), canonical_generic(url), platform.name), platform
    match = read_post(platform, url)
    if match is not None:
        return Post(str(url), match.canonical_url, platform.name, match.post_id, match.handle), platform
    if page is not None:
        raise NotAPost(_not_a_post(page.kind, platform))
    raise Unsupported(f"This address on {platform.title} is of no kind that mediavault knows.")


def is_share_link(url: HttpUrl) -> bool:
    """Whether only the network knows where an address leads."""
    page = read_page(platform_at(url), url)
    return page is not None and page.kind is AddressKind.REDIRECT


def shared_url(url: HttpUrl) -> str | None:
    """The address of the post as people share it, with its author where the address names one; None if it is no post."""
    match = read_post(platform_at(url), url)
    return match.page_url if match else None


def platform(name: str) -> Platform:
    """By name; the generic one for a name that no longer exists, so that old jobs can still be shown."""
    return _BY_NAME.get(name, GENERIC)


def all_platforms() -> tuple[Platform, ...]:
    """Every platform, the generic one last."""
    return tuple(_BY_NAME.values())


def known_names(names: Iterable[str], *, setting: str = "MEDIAVAULT_PLATFORMS") -> tuple[str, ...]:
    """These names, sorted, each once. Raises BadSetting for one that no platform has, and names those that there are."""
    wanted = sorted(set(names))
    if unknown := [name for name in wanted if name not in _BY_NAME]:
        raise BadSetting(
            f"{setting}: there is no platform {', '.join(unknown)}.",
            help=f"The platforms are {', '.join(sorted(_BY_NAME))}.",
        )
    return tuple(wanted)


def platform_at(url: HttpUrl) -> Platform:
    """Where an address lies, by its host and port, and for Mastodon by its form; :data:`GENERIC` when nowhere known."""
    if url.port != DEFAULT_PORTS[url.scheme]:
        return GENERIC
    if (named := _BY_HOST.get(url.host)) is not None:
        return named
    if (below := next((known for known in _WIDER if lies_below(known, url)), None)) is not None:
        return below
    by_form = next((known for known in _ANYWHERE if names_post_on_any_host(known, url)), GENERIC)
    return by_form if by_form is GENERIC or not is_a_trick(url) else GENERIC


def is_a_trick(url: HttpUrl) -> bool:
    """Whether an unknown host is no public site, or imitates a platform's."""
    return not is_public_name(url) or imitates(url.host, _NAMES) or _borrows_a_post(url)


def _borrows_a_post(url: HttpUrl) -> bool:
    """Whether a host that only ends in a short name (``notx.com``) has a post's address of the site with that name."""
    tails = (url.host[at:] for at in range(1, len(url.host)) if url.host[at - 1] != ".")
    known = ((name, _BY_HOST[name]) for name in tails if name in _BY_HOST)
    return any(read_post(site, replace(url, host=name)) is not None for name, site in known)


def names_a_platform(host: str) -> bool:
    """Whether a piece of text is the host of a site that is one site: Mastodon's clients carry its servers in their paths."""
    return host.removeprefix("www.").removeprefix("m.").lower() in _ONE_SITE_NAMES


def lies_below_a_platform(url: HttpUrl) -> bool:
    """Whether an unknown host is a part of a platform's own domain: its help pages, its developers', its media."""
    return is_below(url.host, _OWN_NAMES)


def platform_of_media(url: str) -> Platform:
    """Whose media ``url`` is, by its host alone; :data:`GENERIC` when unknown. Never raises.

    Hosts that several sites share (Meta's and Akamai's) belong to the one whose ``own_media_hosts`` names them, and
    else to the one that names nothing finer.
    """
    try:
        host = (urlsplit(url).hostname or "").removesuffix(".")
    except ValueError:
        return GENERIC
    for known in _KNOWN:
        if known.own_media_hosts is not None and known.own_media_hosts.fullmatch(host):
            return known
    for known in _KNOWN:
        if known.own_media_hosts is None and any(_is_below(host, suffix) for suffix in known.media_hosts):
            return known
    return _BY_HOST.get(host) or next((known for known in _KNOWN if host.endswith(known.host_suffixes)), GENERIC)


def _is_below(host: str, suffix: str) -> bool:
    bare = suffix.removeprefix(".")
    return host == bare or host.endswith(f".{bare}")


def _not_a_post(kind: AddressKind, platform: Platform) -> str:
    what = IN_WORDS.get(kind)
    if what is None:
        return f"This address on {platform.title} is not that of one post."
    return f"This address on {platform.title} is that of {what}, not of one post."
