"""Reads a post of a Mastodon server: a status of its API, or what the server says instead."""

from __future__ import annotations

from collections.abc import Sequence

from mediavault.core.failures import Deleted, Failure, LoginRequired
from mediavault.core.media import Post
from mediavault.core.platform import PageData, Platform
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.statuses import read_status


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing. Raises Deleted and LoginRequired."""
    if (data := read_status(post, platform, documents)) is not None:
        return data
    if failure := next(filter(None, map(_refusal, documents)), None):
        raise failure
    return None


def _refusal(document: object) -> Failure | None:
    error = str(values.obj(document).get("error", ""))
    if error in {"Record not found", "Not Found", "Can't find status"}:
        return Deleted("The server says that there is no such post: deleted, or shown only to followers.")
    if error.startswith(("This API requires an authenticated user", "This method requires an authenticated")):
        return LoginRequired("The server shows its posts only to signed-in people.")
    return None
