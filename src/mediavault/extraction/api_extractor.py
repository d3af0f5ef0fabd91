"""Extractors that need no page: one asks a site's open API,
one takes the file that a feed encloses.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote, urlsplit

from mediavault.core.failures import ExtractorBroken, Unsupported
from mediavault.core.logs import get_logger, redact_url
from mediavault.core.media import (
    Candidate,
    EnclosedFile,
    Extraction,
    FoundIn,
    Item,
    ItemType,
    Ownership,
    Post,
    SourceType,
    account,
)
from mediavault.core.messages import Message
from mediavault.core.platform import ENCLOSURE, Platform
from mediavault.core.retry_after import parse_retry_after
from mediavault.core.urls import parse_http_url
from mediavault.egress.port import HttpClient, Timeouts
from mediavault.extraction.assembly import from_page_data, read_source
from mediavault.extraction.page_data.readers import read_page_data
from mediavault.extraction.page_data.refusals import reported_refusal
from mediavault.extraction.port import ApiAnswer, Reader
from mediavault.extraction.walls import failure_of_status

MAX_ANSWER_BYTES = 8 << 20
HEADERS = {"Accept": "application/json"}
# These say that the API is closed to us, not that the post is: the browser may still see it.
CLOSED = frozenset({401, 403, 451})

log = get_logger(__name__)


class ApiExtractor:
    """The extractor ``api``: requests ``Platform.api_url`` and reads the response with the
    platform's own reader.
    """

    name = "api"
    signed_in = False

    def __init__(self, client: HttpClient, reader: Reader) -> None:
        self._client = client
        self._reader = reader

    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
        """See the port. Raises Unsupported where the post's URL lacks a value that the API
        needs.
        """
        url = api_url(post, platform)
        timeouts = Timeouts(connect_s=10, read_s=10, total_s=min(20.0, within_s))
        async with self._client.get(
            url, scope=post.scope, headers=HEADERS, timeouts=timeouts, decode=True
        ) as answer:
            status, pause = answer.status, parse_retry_after(answer.headers)
            body = b"" if status in CLOSED else await answer.read(limit=MAX_ANSWER_BYTES)
        extraction = await self._reader.read_answer(post, platform, ApiAnswer(status, body, pause))
        log.info("post_read_by_api", url=redact_url(url), items=len(extraction.items))
        return replace(extraction, extractor=self.name)


def read_answer(post: Post, platform: Platform, answer: ApiAnswer) -> Extraction:
    """Return what an open API says about the post. Pure. Raises the failure that it reports, or
    ExtractorBroken.

    The reason in the body takes precedence over the status: many answer 400 for a post that is
    gone.
    """
    source = read_source(post.url, "", [answer.body])
    data = read_page_data(post, platform, source.documents) if source.documents else None
    if answer.status != 200 or data is None or not data.found:
        raise (
            reported_refusal(post, platform, source.documents)
            or failure_of_status(
                answer.status,
                platform,
                refused=False,
                what=Message("to answer"),
                retry_after=answer.retry_after,
                sure=bool(source.documents),
                closed=True,
            )
            or ExtractorBroken(
                Message("%(site)s's API did not return the post.", site=platform.title)
            )
        )
    return from_page_data(post, platform, data, None, source)


def api_url(post: Post, platform: Platform) -> str:
    """Return ``Platform.api_url`` with ``{post_id}``, ``{handle}`` and ``{host}`` filled in.

    Raises Unsupported where one of them is missing.
    """
    known = {
        "post_id": post.post_id,
        "handle": post.handle,
        "host": urlsplit(post.canonical_url).hostname,
    }
    filled = {name: quote(value, safe=":.") for name, value in known.items() if value}
    try:
        return platform.api_url.format_map(filled) if platform.api_url else _raise_no_api(platform)
    except KeyError as exc:
        raise Unsupported(
            Message(
                "The URL does not contain the %(error)s that %(site)s's API needs.",
                error=exc.args[0],
                site=platform.title,
            )
        ) from exc


def _raise_no_api(platform: Platform) -> str:
    raise Unsupported(Message("%(site)s has no open API.", site=platform.title))


_MANIFESTS = (("mpegurl", SourceType.HLS), ("dash+xml", SourceType.DASH))


class EnclosureExtractor:
    """The extractor ``enclosure``: returns the file that a feed encloses."""

    name = ENCLOSURE
    signed_in = False

    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:  # noqa: ARG002 - the port's
        """See the port. Raises Unsupported for a post that no feed has named with its file."""
        if post.enclosed is None:
            raise Unsupported(Message("No feed encloses a file of this post."))
        return enclosed_extraction(post, platform, post.enclosed)


def enclosed_extraction(post: Post, platform: Platform, file: EnclosedFile) -> Extraction:
    """Return the extraction of a post whose file is ``file``.
    Whether it is what its media type says, the download shows.
    """
    source_type = next(
        (kind for name, kind in _MANIFESTS if name in file.media_type), SourceType.DIRECT
    )
    candidate = Candidate(
        file.url,
        source_type,
        FoundIn.PAGE_DATA,
        ownership=Ownership.ID_MATCH,
        mime=file.media_type,
        has_video=False if file.is_sound else None,
        has_audio=True if file.is_sound else None,
    )
    item = Item(
        (candidate,),
        type=ItemType.AUDIO if file.is_sound else ItemType.VIDEO,
        thumbnail_url=file.thumbnail_url,
    )
    return Extraction(
        post=post,
        final_url=post.url,
        account=account(platform.name, post.handle, None, fallback=parse_http_url(post.url).host),
        items=(item,),
        title=file.title,
        text=file.text,
        published_at=file.published_at,
        thumbnail_url=file.thumbnail_url,
        extractor=ENCLOSURE,
    )
