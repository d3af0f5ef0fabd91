"""Asks a site's open interface about a post: one request instead of a page visit, where the site offers that to everybody."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote, urlsplit

from mediavault.core.errors import Deleted, ExtractorBroken, HttpError, RateLimited, Unsupported
from mediavault.core.logs import get_logger, redact_url
from mediavault.core.media import Extraction, Post
from mediavault.core.platform import Platform
from mediavault.services.egress.port import HttpClient, HttpResponse, Timeouts
from mediavault.services.extraction.assembly import from_page_data, read_source
from mediavault.services.extraction.page_data.readers import read_page_data

MAX_ANSWER_BYTES = 8 << 20
HEADERS = {"Accept": "application/json"}

log = get_logger(__name__)


class ApiExtractor:
    """The Extractor ``api``: ``Platform.api_url`` filled in, and the platform's own reader on what comes back."""

    name = "api"

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
        """As the port says. Raises Unsupported where the address does not tell what the interface asks for."""
        url = api_url(post, platform)
        timeouts = Timeouts(connect_s=10, read_s=10, total_s=min(20.0, within_s))
        async with self._client.get(url, scope_url=post.url, headers=HEADERS, timeouts=timeouts, decode=True) as answer:
            _check_status(answer, platform)
            body = await answer.read(limit=MAX_ANSWER_BYTES)
        source = read_source(post.url, "", [body])
        data = read_page_data(post, platform, source.documents)
        if data is None or not data.found:
            raise ExtractorBroken(f"{platform.title}'s interface did not answer with the post.")
        log.info("post_read_by_api", url=redact_url(url), items=len(data.items))
        return replace(from_page_data(post, platform, data, None, source), extractor=self.name)


def api_url(post: Post, platform: Platform) -> str:
    """``{post_id}``, ``{handle}`` and ``{host}`` of ``Platform.api_url`` filled in. Raises Unsupported where one is missing."""
    known = {"post_id": post.post_id, "handle": post.handle, "host": urlsplit(post.canonical_url).hostname}
    filled = {name: quote(value, safe=":.") for name, value in known.items() if value}
    try:
        return platform.api_url.format_map(filled) if platform.api_url else _nothing(platform)
    except KeyError as exc:
        raise Unsupported(
            f"The address does not name the {exc.args[0]} that {platform.title}'s interface asks for."
        ) from exc


def _nothing(platform: Platform) -> str:
    raise Unsupported(f"{platform.title} has no open interface.")


def _check_status(answer: HttpResponse, platform: Platform) -> None:
    """401 and 403 say that the interface is closed to us, not that the post is: the browser may still see it."""
    if answer.status == 200:
        return
    if answer.status in (404, 410):
        raise Deleted(f"{platform.title} says that there is no such post.", http_status=answer.status)
    if answer.status == 429:
        told = answer.headers.get("retry-after", "")
        wait = timedelta(seconds=int(told)) if told.isascii() and told.isdigit() else None
        raise RateLimited(f"{platform.title} asked us to slow down.", http_status=429, retry_after=wait)
    raise HttpError(f"{platform.title}'s interface answered {answer.status}.", http_status=answer.status)
