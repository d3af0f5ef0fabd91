"""What an extractor is: a post in, an extraction out, or a failure with a code; and who reads for it what a site sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from mediavault.core.media import Extraction, Post
from mediavault.core.platform import Platform
from mediavault.services.browser.port import PageCapture


class Extractor(Protocol):
    """Finds out what media a post has. Never downloads media.

    ``as_person``: it shows the site the profile's cookies, so that an account answers for the look where one is signed in.
    """

    name: str
    as_person: bool

    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
        """Look at the post. The answer's candidates are unranked and may be empty where the post has no video.

        One that looks as a person raises Unsupported, without any traffic, where the profile has nothing to show.
        Raises a :class:`~mediavault.core.failures.Failure`: Deleted, Private, LoginRequired, NoVideo, NetworkFailure …
        """


@dataclass(frozen=True, slots=True)
class VisitReading:
    """What a visit found. ``viewer`` is what the page called the person of the profile, where that was asked for."""

    extraction: Extraction
    viewer: str | None = None


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """What an open interface answered; ``retry_after`` is the pause that it asked for."""

    status: int
    body: bytes
    retry_after: timedelta | None = None


class Reader(Protocol):
    """Reads what a site sent: documents of strangers, which may be made to keep their reader busy for ever.

    Raises the Failure that the document reports, and PageUnreadable where reading it took too much time or memory.
    """

    async def read_visit(
        self, post: Post, platform: Platform, capture: PageCapture, *, with_viewer: bool
    ) -> VisitReading: ...

    async def read_answer(self, post: Post, platform: Platform, answer: ApiAnswer) -> Extraction: ...
