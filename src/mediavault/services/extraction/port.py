"""The ports Extractor, which turns a post into an extraction or a failure, and Reader, which reads what a site sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from mediavault.core.media import Extraction, Post
from mediavault.core.platform import Platform
from mediavault.services.browser.port import PageCapture


class Extractor(Protocol):
    """Finds out what media a post has. Never downloads media.

    ``signed_in``: it sends the profile's cookies to the site, so that the visit counts against the account that is
    signed in, if any.
    """

    name: str
    signed_in: bool

    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
        """Extract the post's media. The candidates are unranked and may be empty where the post has no video.

        With ``signed_in`` it raises Unsupported, without any traffic, where the profile has no cookies for the post.
        Raises a :class:`~mediavault.core.failures.Failure`: Deleted, Private, LoginRequired, NoVideo, NetworkFailure …
        """


@dataclass(frozen=True, slots=True)
class VisitReading:
    """What a visit found. ``viewer`` is what the page called the signed-in user, where that was requested."""

    extraction: Extraction
    viewer: str | None = None


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """The response of an open API; ``retry_after`` is the pause that it asked for."""

    status: int
    body: bytes
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """The response to a plain request for a post's page: its URL after redirects; header names in lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class Reader(Protocol):
    """Reads what a site sent: untrusted documents, which may be made to keep their reader busy for ever.

    Raises the Failure that the document reports, and PageUnreadable where reading it took too much time or memory.
    """

    async def read_visit(
        self, post: Post, platform: Platform, capture: PageCapture, *, with_viewer: bool
    ) -> VisitReading: ...

    async def read_answer(self, post: Post, platform: Platform, answer: ApiAnswer) -> Extraction: ...

    async def read_page(self, post: Post, platform: Platform, answer: PageAnswer) -> Extraction: ...
