"""Asks yt-dlp about a post, in a child process that reaches the internet only through the egress proxy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mediavault.core.clock import Clock
from mediavault.core.cookies import Cookie
from mediavault.core.failures import Unsupported
from mediavault.core.logs import get_logger, redact_url
from mediavault.core.media import Extraction, Post
from mediavault.core.messages import Message
from mediavault.core.platform import Platform
from mediavault.egress.proxy import EgressProxy
from mediavault.extraction.ytdlp_process import Session, YtdlpChild
from mediavault.extraction.ytdlp_reading import read_answer

log = get_logger(__name__)


class YtdlpExtractor:
    """The extractor ``ytdlp``; with a ``session``, ``ytdlp_cookies``, which asks as the user who is signed in there."""

    def __init__(self, proxy: EgressProxy, clock: Clock, *, state_dir: Path, session: Session | None = None) -> None:
        self.signed_in = session is not None
        self.name = "ytdlp_cookies" if session else "ytdlp"
        self._clock = clock
        self._child = YtdlpChild(proxy, clock, state_dir=state_dir, session=session)

    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
        """See the port. Raises Unsupported also for a platform that yt-dlp has no extractor for."""
        return await self._extract(post, platform, within_s=within_s)

    async def extract_extras(self, post: Post, platform: Platform, *, within_s: float, comments: int) -> Extraction:
        """See the port."""
        return await self._extract(post, platform, within_s=within_s, extras={"comments": comments})

    async def _extract(
        self, post: Post, platform: Platform, *, within_s: float, extras: dict[str, Any] | None = None
    ) -> Extraction:
        site = platform.ytdlp
        if site is None:
            raise Unsupported(Message("yt-dlp does not know %(site)s.", site=platform.title))
        began_s = self._clock.monotonic()
        url = url_for_ytdlp(post, platform)
        session = await self._child.cookies(url)
        request: dict[str, Any] = {"url": url, "extractors": site.extractors}
        if extras is not None:
            request["extras"] = extras
        wall_s = within_s if extras else min(within_s, site.wall_s)
        answer: dict[str, Any] = {}

        def read(given: Mapping[str, Any]) -> Extraction:
            answer.update(given)
            return read_answer(given, post, platform, site, now=self._clock.now())

        extraction = await self._child.ask(request, post.scope, read, cookies=session, wall_s=wall_s)
        log.info(
            "post_read_by_ytdlp",
            url=redact_url(url),
            candidates=len(extraction.candidates),
            version=answer.get("version"),
            took_ms=round((self._clock.monotonic() - began_s) * 1000),
        )
        cookies = without(extraction.cookies, session)
        return replace(extraction, extractor=self.name, signed_in=self.signed_in, cookies=cookies)


def url_for_ytdlp(post: Post, platform: Platform) -> str:
    """Return the platform's own URL of the post: yt-dlp does not know mirrors and share links."""
    return post.url if platform.name == "generic" or post.post_id is None else post.canonical_url


def without(cookies: Iterable[Cookie], session: Iterable[Cookie]) -> tuple[Cookie, ...]:
    """Return the cookies that are not the signed-in user's own: those stay with the browser, also in a newer form."""
    own = {(cookie.name, cookie.domain) for cookie in session}
    return tuple(cookie for cookie in cookies if (cookie.name, cookie.domain) not in own)
