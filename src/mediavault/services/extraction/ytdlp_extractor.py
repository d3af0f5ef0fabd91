"""Asks yt-dlp about a post, in a child process that reaches the internet only through the egress proxy."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from mediavault.core.clock import Clock
from mediavault.core.cookies import Cookie
from mediavault.core.failures import Unsupported
from mediavault.core.logs import get_logger, redact_url
from mediavault.core.media import Extraction, Post
from mediavault.core.messages import Message
from mediavault.core.platform import Platform
from mediavault.core.system_errors import failure_of_disk
from mediavault.services.egress.proxy import EgressProxy
from mediavault.services.extraction.ytdlp_home import home_of, installed, work_folder
from mediavault.services.extraction.ytdlp_process import ask
from mediavault.services.extraction.ytdlp_reading import read_answer

log = get_logger(__name__)


class Session(Protocol):
    """Where the signed-in user's cookies come from: the browser."""

    async def cookies(self, url: str, *, signed_in: bool = ...) -> Sequence[Cookie]: ...

    async def user_agent(self) -> str: ...


class YtdlpExtractor:
    """The extractor ``ytdlp``; with a ``session``, ``ytdlp_cookies``, which asks as the user who is signed in there.

    Each request has its own process, so a new version is used from the next post on (``mediavault doctor
    --upgrade-ytdlp``), and a process that hangs is killed.
    """

    def __init__(self, proxy: EgressProxy, clock: Clock, *, state_dir: Path, session: Session | None = None) -> None:
        self.signed_in = session is not None
        self.name = "ytdlp_cookies" if session else "ytdlp"
        self._proxy = proxy
        self._clock = clock
        self._home = home_of(state_dir)
        self._session = session

    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
        """See the port. Raises Unsupported also for a platform that yt-dlp has no extractor for."""
        site = platform.ytdlp
        if site is None:
            raise Unsupported(Message("yt-dlp does not know %(site)s.", site=platform.title))
        began_s = self._clock.monotonic()
        url = url_for_ytdlp(post, platform)
        session = await self._session.cookies(url, signed_in=True) if self._session else ()
        request: dict[str, Any] = {"url": url, "extractors": site.extractors, **await self._signed_in(session)}
        answer = await self._ask(request, post, wall_s=min(within_s, site.wall_s))
        # a list of twenty videos in four hundred qualities each takes seconds, which must not block the event loop
        extraction = await asyncio.to_thread(read_answer, answer, post, platform, site, now=self._clock.now())
        log.info(
            "post_read_by_ytdlp",
            url=redact_url(url),
            candidates=len(extraction.candidates),
            version=answer.get("version"),
            took_ms=round((self._clock.monotonic() - began_s) * 1000),
        )
        cookies = without(extraction.cookies, session)
        return replace(extraction, extractor=self.name, signed_in=self.signed_in, cookies=cookies)

    async def _ask(self, request: dict[str, Any], post: Post, *, wall_s: float) -> Any:
        async with AsyncExitStack() as stack:
            try:
                folder = stack.enter_context(work_folder(self._home, now=self._clock.now()))
            except OSError as exc:
                raise failure_of_disk(exc, self._home) from exc
            proxy = stack.enter_context(self._proxy.pass_for(post.url))
            current = await asyncio.to_thread(installed, self._home)
            return await ask(request, proxy=proxy, folder=folder, installed=current, wall_s=wall_s)

    async def _signed_in(self, session: Sequence[Cookie]) -> dict[str, str]:
        if self._session is None:
            return {}
        cookies = to_netscape_format(session)
        if not cookies:
            raise Unsupported("The browser's profile has no cookie for this post.")
        return {"cookies": cookies, "user_agent": await self._session.user_agent()}


def url_for_ytdlp(post: Post, platform: Platform) -> str:
    """Return the platform's own URL of the post: yt-dlp does not know mirrors and share links."""
    return post.url if platform.name == "generic" or post.post_id is None else post.canonical_url


def without(cookies: Iterable[Cookie], session: Iterable[Cookie]) -> tuple[Cookie, ...]:
    """Return the cookies that are not the signed-in user's own: those stay with the browser, also in a newer form."""
    own = {(cookie.name, cookie.domain) for cookie in session}
    return tuple(cookie for cookie in cookies if (cookie.name, cookie.domain) not in own)


def to_netscape_format(cookies: Iterable[Cookie]) -> str:
    """Return cookies in the text format of Netscape's browser, which everything reads; "" for none.

    A cookie that would break its line is left out.
    """
    lines = [_cookie_line(cookie) for cookie in cookies]
    safe = [line for line in lines if line.count("\t") == 6 and not _CONTROL.search(line)]
    return "\n".join(["# Netscape HTTP Cookie File", *safe, ""]) if safe else ""


_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # the tab separates the fields


def _cookie_line(cookie: Cookie) -> str:
    domain = cookie.domain if cookie.host_only else f".{cookie.domain}"
    ends = int(cookie.expires_at.timestamp()) if cookie.expires_at else 0
    flags = ("FALSE" if cookie.host_only else "TRUE", cookie.path or "/", "TRUE" if cookie.secure else "FALSE")
    return "\t".join((domain, *flags, str(ends), cookie.name, cookie.value))
