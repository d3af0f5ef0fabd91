"""Reads a saved page, or a saved JSON answer, as the extractor would have read it live. Pure; no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mediavault.core.media import Extraction, Post
from mediavault.core.platform import Platform
from mediavault.services.browser.port import PageCapture, SeenVideo
from mediavault.services.extraction.assembly import (
    PageSource,
    declared_sightings,
    from_page,
    from_page_data,
    read_source,
)
from mediavault.services.extraction.candidates import network_media, player_sightings
from mediavault.services.extraction.ownership import settle
from mediavault.services.extraction.page_data.document import parse_json
from mediavault.services.extraction.page_data.html_page import Page, WrittenPlayer
from mediavault.services.extraction.page_data.readers import read_page_data

EXTRACTOR = "saved_page"
# A saved page tells no sizes: all its players count as equal, and as large enough.
_WIDTH, _HEIGHT = 640, 360


def extract_saved(platform: Platform, post: Post, document: bytes) -> Extraction:
    """What ``document`` tells about the post. Its candidates may be empty: a page can hold metadata only, or nothing.

    Raises the failure that the platform's own data tell: Deleted, Private, AgeRestricted, LoginRequired …
    """
    source = _source(document, post.url)
    data = read_page_data(post, platform, source.documents)
    if data is not None and data.found:
        found = from_page_data(post, platform, data, None, source)
    else:
        players = player_sightings(_as_capture(source.page), network_media((), platform), platform)
        found = from_page(post, platform, source, settle(players, declared_sightings(source.page, platform), ()))
    return replace(found, extractor=EXTRACTOR)


def _source(document: bytes, url: str) -> PageSource:
    """JSON where the document begins like it, a page otherwise."""
    text = document.decode("utf-8", "replace")
    is_page = text.lstrip("\ufeff \t\r\n").startswith("<")
    return read_source(url, text) if is_page or not parse_json(text) else read_source(url, "", [text])


def _as_capture(page: Page) -> PageCapture:
    return PageCapture(
        url=page.url,
        final_url=page.url,
        status=None,
        html="",
        title="",
        visible_text="",
        responses=(),
        videos=tuple(_as_seen(page, player) for player in page.players),
        drm_requested=False,
        user_agent="",
    )


def _as_seen(page: Page, player: WrittenPlayer) -> SeenVideo:
    sources: Sequence[str] = [url for address, _ in player.sources if (url := page.absolute(address))]
    return SeenVideo(
        current_src=sources[0] if sources else "",
        sources=tuple(dict.fromkeys(sources)),
        poster=page.absolute(player.poster),
        duration_s=None,
        width=_WIDTH,
        height=_HEIGHT,
        video_width=0,
        video_height=0,
        visible=True,
        muted_loop=player.muted_loop,
        frame_url=page.url,
        in_article=bool(player.container),
        container=player.container,
    )
