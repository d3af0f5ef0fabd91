"""From an address to a post and its platform, without any network. The only module that knows all platforms."""

from __future__ import annotations

from collections.abc import Mapping

from mediavault.core.errors import NotAPost, Unsupported
from mediavault.core.media import Post
from mediavault.core.platform import Platform, PostMatch, is_host_of, read_post
from mediavault.core.urls import HttpUrl, canonical_generic
from mediavault.platforms.bilibili import BILIBILI
from mediavault.platforms.bluesky import BLUESKY
from mediavault.platforms.dailymotion import DAILYMOTION
from mediavault.platforms.facebook import FACEBOOK
from mediavault.platforms.generic import GENERIC
from mediavault.platforms.instagram import INSTAGRAM
from mediavault.platforms.linkedin import LINKEDIN
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


def identify(url: HttpUrl) -> tuple[Post, Platform]:
    """The post that an address names, and where it lives. Unknown sites are :data:`GENERIC`.

    ``Post.canonical_url`` is the same for all addresses of one post. A share link is a post whose id only the network
    knows (``post_id`` is None). Raises NotAPost for profiles, playlists and the like, Unsupported for other addresses
    on a known platform.
    """
    platform = _platform_of(url)
    if platform is GENERIC:
        return Post(str(url), canonical_generic(url), GENERIC.name), GENERIC
    match = read_post(platform, url)
    if match is not None:
        return Post(str(url), match.canonical_url, platform.name, match.post_id, match.handle), platform
    if _is_share_link(platform, url):
        return Post(str(url), canonical_generic(url), platform.name), platform
    if any(pattern.match(url.path) for pattern in platform.not_a_post):
        raise NotAPost(f"This address on {platform.title} is not that of one post.")
    raise Unsupported(f"This address on {platform.title} is of no kind that mediavault knows.")


def shared_url(url: HttpUrl) -> str | None:
    """The address of the post as people share it, with its author where the address names one; None if it is no post."""
    platform = _platform_of(url)
    match: PostMatch | None = read_post(platform, url)
    return match.page_url if match else None


def platform(name: str) -> Platform:
    """By name; the generic one for a name that no longer exists, so that old jobs can still be shown."""
    return _BY_NAME.get(name, GENERIC)


def all_platforms() -> tuple[Platform, ...]:
    """Every platform, the generic one last."""
    return tuple(_BY_NAME.values())


def _platform_of(url: HttpUrl) -> Platform:
    return next((known for known in _KNOWN if is_host_of(known, url)), GENERIC)


def _is_share_link(platform: Platform, url: HttpUrl) -> bool:
    if url.host in platform.short_hosts:
        return len(url.path) > len("/a")
    return any(pattern.match(url.path) for pattern in platform.share_paths)
