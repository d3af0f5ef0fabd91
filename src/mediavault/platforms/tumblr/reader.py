"""Reads a post of Tumblr: its record in the page's state or an API answer, or what Tumblr says instead."""

from __future__ import annotations

from collections.abc import Sequence

from mediavault.core.failures import Deleted, Failure, LoginRequired
from mediavault.core.media import Post
from mediavault.core.platform import PageData, Platform
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.blog_posts import read_blog_post


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing. Raises Deleted and LoginRequired."""
    if (data := read_blog_post(post, platform, documents)) is not None:
        return data
    if failure := next(filter(None, map(_refusal, documents)), None):
        raise failure
    return None


def _refusal(document: object) -> Failure | None:
    meta, errors = values.obj(document, "meta"), values.objects(values.obj(document).get("errors"))
    status = values.integer(meta.get("status"))
    if status == 404:
        return Deleted("Tumblr says that this post does not exist.")
    if status in (401, 403) or any(values.integer(error.get("code")) in (4012, 4013) for error in errors):
        return LoginRequired("Tumblr shows this blog only to signed-in people.")
    return None
