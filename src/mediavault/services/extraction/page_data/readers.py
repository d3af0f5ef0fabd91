"""Which reader belongs to which platform, and one way to call them.

A reader is registered under its platform's name. ``Platform.page_reader`` says besides that the page always sends the
data, so that without them nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mediavault.core.failures import ExtractorBroken
from mediavault.core.media import Post
from mediavault.core.platform import Platform
from mediavault.services.extraction.page_data import (
    activity,
    bilibili,
    bluesky,
    dailymotion,
    facebook,
    fediverse,
    instagram,
    linkedin,
    mastodon,
    microformats,
    pinterest,
    reddit,
    snapchat,
    threads,
    tiktok,
    tumblr,
    twitch,
    vimeo,
    weibo,
    x,
    youtube,
)
from mediavault.services.extraction.page_data.record import PageData

# What the documents say about the post, or None when they do not speak of it. Raises the Failure that they tell.
Reader = Callable[[Post, Platform, Sequence[object]], PageData | None]

_READERS: Mapping[str, Reader] = {
    "x": x.read,
    "tiktok": tiktok.read,
    "youtube": youtube.read,
    "instagram": instagram.read,
    "threads": threads.read,
    "facebook": facebook.read,
    "reddit": reddit.read,
    "bluesky": bluesky.read,
    "mastodon": mastodon.read,
    "vimeo": vimeo.read,
    "twitch": twitch.read,
    "pinterest": pinterest.read,
    "snapchat": snapchat.read,
    "linkedin": linkedin.read,
    "tumblr": tumblr.read,
    "dailymotion": dailymotion.read,
    "bilibili": bilibili.read,
    "weibo": weibo.read,
}
# Forms that any site may speak; each says itself which post it is about
_SHARED: tuple[Reader, ...] = (activity.read, microformats.read, mastodon.read_status, fediverse.read)


# What a refusal tells beside it
_STORIES: Mapping[str, Callable[[Post, Sequence[object]], PageData | None]] = {
    "youtube": youtube.story_of,
    "reddit": reddit.story_of,
}


def read_story(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """Who posted what, out of data that refuse to show it; None where they do not tell."""
    story_of = _STORIES.get(platform.page_reader or platform.name)
    return story_of(post, documents) if story_of else None


def read_page_data(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the platform's own data, or data in a form that many sites share, say about the post; None where all are silent.

    Raises the Failure that the data tell, and ExtractorBroken where they have a form that was never seen.
    """
    own = _READERS.get(platform.page_reader or platform.name)
    try:
        said = own(post, platform, documents) if own else None
        if said is not None and said.found:
            return said
        shared = (reader(post, platform, documents) for reader in _SHARED)
        return next(filter(None, shared), said)
    except (AttributeError, KeyError, IndexError, TypeError) as exc:
        raise ExtractorBroken(f"{platform.title} has changed the form of its answers ({exc}).") from exc
