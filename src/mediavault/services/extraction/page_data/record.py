"""What a reader finds in a page's data about one post."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mediavault.core.media import Item


@dataclass(frozen=True, slots=True)
class PageData:
    """``found`` says that the post's own node stood there: then "no video among the items" means "no video".

    ``items`` are all media of the post in its own order, images too; those of quoted and reposted posts follow, with
    their role. ``selected`` is the place of the item that the post's address names. ``metadata`` holds JSON values only.
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
class Story:
    """Who posted what and when, as far as a page's metadata tell."""

    title: str | None = None
    text: str | None = None
    handle: str | None = None
    display_name: str | None = None
    site_name: str | None = None
    published_at: datetime | None = None
    thumbnail_url: str | None = None
    image_urls: tuple[str, ...] = ()
