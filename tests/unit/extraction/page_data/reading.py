"""Shorthands for the readers of page data."""

from __future__ import annotations

from mediavault.core.platform import PageData
from mediavault.core.urls import parse_http_url
from mediavault.extraction.page_data.readers import read_page_data
from mediavault.extraction.ranking import choose_candidate
from mediavault.platforms.registry import identify


def read(url: str, *documents: object) -> PageData | None:
    post, platform = identify(parse_http_url(url))
    return read_page_data(post, platform, documents)


def read_known(url: str, *documents: object) -> PageData:
    """Like :func:`read`, for documents that are about the post."""
    data = read(url, *documents)
    assert data is not None
    return data


def best(data: PageData) -> list[str]:
    """The address that would be saved for each of the post's own videos."""
    return [
        choose_candidate(item).url
        for item in data.items
        if item.role == "main" and item.is_video and item.candidates
    ]
