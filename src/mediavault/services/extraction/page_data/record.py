"""What a reader finds in a page's data about one post."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mediavault.core.media import Candidate, Expected


@dataclass(frozen=True, slots=True)
class Item:
    """One video of a post: its rungs, and what the page announces about it."""

    candidates: tuple[Candidate, ...]
    media_id: str | None = None
    thumbnail_url: str | None = None
    expected: Expected = field(default_factory=Expected)


@dataclass(frozen=True, slots=True)
class PageData:
    """``found`` says that the post's own node stood there: then "no candidates" means "no video".

    ``photos`` counts the post's pictures. ``metadata`` holds JSON values only; ``metadata["items"]`` lists all media
    of the post where there are several, ``candidates`` are those of one of them.
    """

    candidates: tuple[Candidate, ...] = ()
    handle: str | None = None
    display_name: str | None = None
    title: str | None = None
    text: str | None = None
    published_at: datetime | None = None
    thumbnail_url: str | None = None
    image_urls: tuple[str, ...] = ()
    expected: Expected = field(default_factory=Expected)
    photos: int = 0
    found: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
