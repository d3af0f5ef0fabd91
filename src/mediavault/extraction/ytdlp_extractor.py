"""Asks yt-dlp about a post or a list, in a child process that reaches the internet only through the
egress proxy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mediavault.core.clock import Clock
from mediavault.core.cookies import Cookie
from mediavault.core.failures import Failure, TookTooLong, Unsupported
from mediavault.core.listings import EntryKind, ListCheck, Listing
from mediavault.core.logs import get_logger, redact_url
from mediavault.core.media import Extraction, Post
from mediavault.core.messages import Message
from mediavault.core.platform import ListRules, Platform
from mediavault.core.post_urls import find_list
from mediavault.core.urls import EgressScope, parse_http_url
from mediavault.egress.proxy import EgressProxy
from mediavault.extraction.ytdlp_process import Session, YtdlpChild
from mediavault.extraction.ytdlp_reading import read_answer, read_list

log = get_logger(__name__)


class YtdlpExtractor:
    """The extractor ``ytdlp``; with a ``session``, ``ytdlp_cookies``,
    which asks as the user who is signed in there.
    """

    def __init__(
        self, proxy: EgressProxy, clock: Clock, *, state_dir: Path, session: Session | None = None
    ) -> None:
        self.signed_in = session is not None
        self.name = "ytdlp_cookies" if session else "ytdlp"
        self._clock = clock
        self._child = YtdlpChild(proxy, clock, state_dir=state_dir, session=session)

    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
        """See the port. Raises Unsupported also for a platform that yt-dlp has no extractor for."""
        return await self._extract(post, platform, within_s=within_s)

    async def extract_extras(
        self, post: Post, platform: Platform, *, within_s: float, comments: int
    ) -> Extraction:
        """See the port."""
        return await self._extract(post, platform, within_s=within_s, extras={"comments": comments})

    async def _extract(
        self,
        post: Post,
        platform: Platform,
        *,
        within_s: float,
        extras: dict[str, Any] | None = None,
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

        extraction = await self._child.ask(
            request, post.scope, read, cookies=session, wall_s=wall_s
        )
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
    """Return the cookies that are not the signed-in user's own: those stay with the browser,
    also in a newer form.
    """
    own = {(cookie.name, cookie.domain) for cookie in session}
    return tuple(cookie for cookie in cookies if (cookie.name, cookie.domain) not in own)


PAUSE_S = 1.0  # between two requests for pages of a list
# of the time; the rest is for the request that is under way at the end, and for the answer
SHARE_FOR_READING = 0.8
SHORTEST_S = 1.0


class YtdlpLister:
    """The lister ``ytdlp``; with a ``session``, ``ytdlp_cookies``, which asks as the user who is
    signed in there.

    Where a site lists kinds of posts apart (YouTube), each wanted kind is a separate list, and the
    look's limit is for each of them.
    """

    def __init__(
        self,
        proxy: EgressProxy,
        clock: Clock,
        *,
        state_dir: Path,
        session: Session | None = None,
        pause_s: float = PAUSE_S,
    ) -> None:
        self.signed_in = session is not None
        self.name = "ytdlp_cookies" if session else "ytdlp"
        self._clock = clock
        self._child = YtdlpChild(proxy, clock, state_dir=state_dir, session=session)
        self._pause_s = pause_s

    async def list_entries(
        self, check: ListCheck, platform: Platform, *, within_s: float
    ) -> Listing:
        """See the port. A kind that could not be read leaves the others,
        and a listing that is not whole.
        """
        match = find_list(platform, parse_http_url(check.url), key=check.stable_id)
        addresses = match.addresses.items() if match else ()
        wanted = {kind: url for kind, url in addresses if kind is None or kind in check.kinds}
        if match is None or not wanted:
            raise Unsupported(
                Message(
                    "yt-dlp does not support this kind of list on %(site)s.", site=platform.title
                )
            )
        ends_s = self._clock.monotonic() + within_s
        listings: list[Listing] = []
        failures: list[Failure] = []
        for left, (kind, url) in zip(range(len(wanted), 0, -1), wanted.items(), strict=True):
            wall_s = (ends_s - self._clock.monotonic()) / left
            try:
                if wall_s < SHORTEST_S:
                    raise TookTooLong("The site did not answer in time.")
                listings.append(
                    await self._read(check, url, kind, platform, match.rules, wall_s=wall_s)
                )
            except Failure as failure:
                failures.append(failure)
        if not listings:
            raise failures[0]
        return replace(
            _joined(listings, is_whole=not failures), uses_account=self.signed_in, method=self.name
        )

    async def _read(
        self,
        check: ListCheck,
        url: str,
        kind: EntryKind | None,
        platform: Platform,
        rules: ListRules,
        *,
        wall_s: float,
    ) -> Listing:
        began_s = self._clock.monotonic()
        request: Mapping[str, Any] = {
            "list": url,
            "extractors": rules.extractors,
            "known": check.known,
            "stop_after_known": check.stop_after_known if rules.newest_first else None,
            "limit": check.limit,
            "within_s": wall_s * SHARE_FOR_READING,
            "pause_s": self._pause_s,
        }
        cookies = await self._child.cookies(check.url)
        answer: dict[str, Any] = {}

        def read(given: Mapping[str, Any]) -> Listing:
            answer.update(given)
            return read_list(given, platform, rules, kind)

        listing = await self._child.ask(
            dict(request), EgressScope(check.url), read, cookies=cookies, wall_s=wall_s
        )
        log.info(
            "list_read_by_ytdlp",
            url=redact_url(url),
            entries=len(listing.entries),
            ended=answer.get("ended"),
            is_whole=listing.is_whole,
            version=answer.get("version"),
            took_ms=round((self._clock.monotonic() - began_s) * 1000),
        )
        return listing


def _joined(listings: Sequence[Listing], *, is_whole: bool) -> Listing:
    """Return one listing of all: newest first only where it is one list, as no dates are exact
    enough to merge several.

    The fields of the page come from the first list that has them: a channel without videos may have
    shorts.
    """
    entries = tuple(entry for listing in listings for entry in listing.entries)
    first = next((listing for listing in listings if listing.stable_id), listings[0])
    return replace(
        first,
        entries=entries,
        is_whole=is_whole and all(listing.is_whole for listing in listings),
        is_newest_first=len(listings) == 1 and first.is_newest_first,
    )
