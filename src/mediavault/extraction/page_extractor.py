"""Extractor that reads the page that one plain request returns: no browser,
and no answer where there is any doubt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from urllib.parse import urlsplit

from mediavault.core import unreached
from mediavault.core.failures import BadUrl
from mediavault.core.logs import get_logger, redact_url
from mediavault.core.media import Candidate, Extraction, FoundIn, Ownership, Post, SourceType
from mediavault.core.messages import Message
from mediavault.core.platform import PLAIN_PAGE, Platform
from mediavault.core.post_urls import page_to_visit
from mediavault.egress.keeping_client import KeepingClient
from mediavault.egress.port import HttpResponse, Timeouts
from mediavault.extraction.assembly import from_page, read_source
from mediavault.extraction.candidates import Sighting
from mediavault.extraction.ownership import OwnershipResult
from mediavault.extraction.plain_page import doubt
from mediavault.extraction.port import PageAnswer, Reader
from mediavault.extraction.saved_page import MAX_PAGE_BYTES
from mediavault.media.sniff import SNIFF_BYTES, Kind, sniff

HEADERS: Mapping[str, str] = {
    "Accept": "text/html,application/xhtml+xml,video/*;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.9",
}
MAX_SECONDS = 20.0  # a page that takes longer is left to the browser
TIMEOUTS = Timeouts(connect_s=10)

_SOURCE_TYPES: Mapping[Kind, SourceType] = {
    **dict.fromkeys(
        (
            Kind.MP4,
            Kind.MOV,
            Kind.WEBM,
            Kind.MATROSKA,
            Kind.MPEGTS,
            Kind.FLV,
            Kind.AVI,
            Kind.MPEGPS,
            Kind.ASF,
            Kind.OGG,
        ),
        SourceType.DIRECT,
    ),
    Kind.HLS: SourceType.HLS,
    Kind.DASH: SourceType.DASH,
}

log = get_logger(__name__)


class PageExtractor:
    """The extractor ``page``: requests the post's URL once, without cookies,
    and reads the response.
    """

    name = PLAIN_PAGE
    signed_in = False

    def __init__(self, client: KeepingClient, reader: Reader) -> None:
        self._client = client
        self._reader = reader

    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
        """See the port. Raises Unsupported where the response leaves any doubt about which video is
        the post's.
        """
        url = page_to_visit(post, platform)
        try:
            response, body = await self._get(url, post, within_s=within_s)
        except BadUrl as exc:  # where the page redirects to, such as an app's own address
            raise doubt(Message("it leads to something that is not a page")) from exc
        source_type = _SOURCE_TYPES.get(sniff(body))
        if source_type is not None and response.status == 200:
            extraction = file_extraction(post, platform, url, response, source_type)
        else:
            answer = PageAnswer(response.url, response.status, response.headers, body)
            extraction = await self._reader.read_page(post, platform, answer)
        log.info(
            "post_read_without_browser", url=redact_url(response.url), items=len(extraction.items)
        )
        return replace(extraction, extractor=self.name)

    async def _get(self, url: str, post: Post, *, within_s: float) -> tuple[HttpResponse, bytes]:
        """Request the page; return the response with its body, of a video or a manifest only the
        beginning.

        A video's response is kept for its download.
        """
        request = self._client.get(
            url, scope=post.scope, headers=HEADERS, timeouts=TIMEOUTS, decode=True
        )
        try:
            async with asyncio.timeout(min(MAX_SECONDS, within_s / 2)), AsyncExitStack() as stack:
                response = await stack.enter_async_context(request)
                body = await _read_at_least(SNIFF_BYTES, response)
                source_type = _SOURCE_TYPES.get(sniff(body))
                if source_type is None:
                    body += await _read_at_least(MAX_PAGE_BYTES - len(body), response)
                elif _is_the_file(response):
                    self._client.keep(
                        url, scope=post.scope, response=response, head=body, stack=stack
                    )
                return response, body
        except TimeoutError as exc:
            raise unreached.too_slow(urlsplit(url).hostname) from exc


def file_extraction(
    post: Post, platform: Platform, url: str, response: HttpResponse, source_type: SourceType
) -> Extraction:
    """Return the extraction of a post whose URL is that of the video itself,
    as its first bytes have shown.
    """
    candidate = Candidate(
        url,  # not the end of its redirects, which may expire
        source_type,
        FoundIn.NETWORK,
        ownership=Ownership.PLAYER,
        mime=response.headers.get("content-type", "").partition(";")[0].strip().lower() or None,
        size=_content_length(response) if source_type is SourceType.DIRECT else None,
    )
    owned = OwnershipResult((Sighting((candidate,)),), ())
    return from_page(post, platform, read_source(response.url, ""), owned)


async def _read_at_least(count: int, response: HttpResponse) -> bytes:
    """Return ``count`` bytes and what came with the last of them; fewer at the end of the body."""
    body = b""
    while len(body) < count and (chunk := await response.read_chunk()):
        body += chunk
    return body


def _is_the_file(response: HttpResponse) -> bool:
    return response.status == 200 and "content-encoding" not in response.headers


def _content_length(response: HttpResponse) -> int | None:
    length = response.headers.get("content-length", "")
    return int(length) if length.isdecimal() and _is_the_file(response) else None
