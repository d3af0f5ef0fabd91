"""What an extractor is: a post in, an extraction out, or a failure with a code."""

from __future__ import annotations

from typing import Protocol

from mediavault.core.media import Extraction, Post
from mediavault.core.platform import Platform


class Extractor(Protocol):
    """Finds out what media a post has. Never downloads media.

    ``as_person``: it shows the site the profile's cookies, so that an account answers for the look where one is signed in.
    """

    name: str
    as_person: bool

    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
        """Look at the post. The answer's candidates are unranked and may be empty where the post has no video.

        One that looks as a person raises Unsupported, without any traffic, where the profile has nothing to show.
        Raises a :class:`~mediavault.core.errors.Failure`: Deleted, Private, LoginRequired, NoVideo, NetworkFailure …
        """
