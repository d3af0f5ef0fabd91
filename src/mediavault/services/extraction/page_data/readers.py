"""Which reader belongs to which platform (``Platform.page_reader``), and one way to call them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mediavault.core.errors import ExtractorBroken
from mediavault.core.media import Post
from mediavault.core.platform import Platform
from mediavault.services.extraction.page_data import tiktok, x
from mediavault.services.extraction.page_data.record import PageData

# What the documents say about the post, or None when they do not speak of it. Raises the Failure that they tell.
Reader = Callable[[Post, Platform, Sequence[object]], PageData | None]

_READERS: Mapping[str, Reader] = {"x": x.read, "tiktok": tiktok.read}


def read_page_data(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the platform's own data say about the post; None where they are silent, or no reader knows the platform.

    Raises the Failure that the data tell, and ExtractorBroken where they have a form that was never seen.
    """
    reader = _READERS.get(platform.page_reader or "")
    if reader is None:
        return None
    try:
        return reader(post, platform, documents)
    except (AttributeError, KeyError, IndexError, TypeError) as exc:
        raise ExtractorBroken(f"{platform.title} has changed the form of its answers ({exc}).") from exc
