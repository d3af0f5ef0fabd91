"""The ports Extractor, which turns a post into an extraction or a failure, and Reader, which reads
what a site sent.

And the record of yt-dlp's upgrades, which is stored, returned and shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from mediavault.browser.port import PageCapture
from mediavault.core.listings import ListCheck, Listing, ListPage
from mediavault.core.media import Extraction, Post
from mediavault.core.messages import Message
from mediavault.core.platform import Platform

NONE = Message("")


class Extractor(Protocol):
    """Finds out what media a post has. Never downloads media.

    ``signed_in``: it sends the profile's cookies to the site, so that the visit counts against the
    account that is signed in, if any.
    """

    name: str
    signed_in: bool

    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
        """Extract the post's media. The candidates are unranked and may be empty where the post has
        no video.

        With ``signed_in`` it raises Unsupported, without any traffic, where the profile has no
        cookies for the post. Raises a :class:`~mediavault.core.failures.Failure`: Deleted, Private,
        LoginRequired, NoVideo, NetworkFailure …
        """


class ExtractExtras(Protocol):
    """Reads what takes further requests to a post's site: all of its subtitles,
    and its comments.
    """

    async def __call__(
        self, post: Post, platform: Platform, *, within_s: float, comments: int
    ) -> Extraction:
        """Extract a post's media again, with its subtitles and at most this many comments.

        Raises a Failure as an extractor does, and Unsupported for a site of which none can be read.
        """


class Lister(Protocol):
    """Reads the list of a source that is followed: which posts it names. Never looks at the posts
    themselves.

    ``signed_in``: the check counts against the account that is signed in.
    """

    name: str
    signed_in: bool

    async def list_entries(
        self, check: ListCheck, platform: Platform, *, within_s: float
    ) -> Listing:
        """Return the list, its first entries first.

        Raises Unsupported, without any traffic, for a source that this way does not know, and
        otherwise a Failure. A list that breaks off returns what was read, and is not whole.
        """


@dataclass(frozen=True, slots=True)
class VisitReading:
    """What a visit found. ``viewer`` is what the page called the signed-in user,
    where that was requested.
    """

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
    """The response to a plain request for a post's page: its URL after redirects;
    header names in lower case.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class Reader(Protocol):
    """Reads what a site sent: untrusted documents, which may be made to keep their reader busy for
    ever.

    Raises the Failure that the document reports, and PageUnreadable where reading it took too much
    time or memory.
    """

    async def read_visit(
        self, post: Post, platform: Platform, capture: PageCapture, *, with_viewer: bool
    ) -> VisitReading: ...

    async def read_answer(
        self, post: Post, platform: Platform, answer: ApiAnswer
    ) -> Extraction: ...

    async def read_page(self, post: Post, platform: Platform, answer: PageAnswer) -> Extraction: ...

    async def read_feed(
        self, check: ListCheck, platform: Platform, answer: PageAnswer
    ) -> ListPage: ...

    async def read_profile(
        self, check: ListCheck, platform: Platform, capture: PageCapture
    ) -> Listing: ...


@dataclass(frozen=True, slots=True)
class UpgradeRecord:
    """The last upgrade of yt-dlp, and what follows from it.

    ``tried_at``, ``before``, ``after``, ``error`` and ``help`` are of the last attempt; the
    versions are equal where the newest was in use already. ``next_at``: when the schedule tries
    again. ``former`` was in use before the one that is. ``refused`` was given up for ``why``, and
    the schedule does not take it again.
    """

    tried_at: datetime | None = None
    before: str | None = None
    after: str | None = None
    error: Message = NONE
    help: Message = NONE
    next_at: datetime | None = None
    former: str | None = None
    refused: str | None = None
    why: Message = NONE
