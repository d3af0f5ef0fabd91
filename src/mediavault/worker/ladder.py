"""Stages 6 to 8: download and validate, and climb the save ladder while that fails.

``plain`` -> ``session`` -> ``navigation`` -> ``fresh``. Each rung starts in an empty staging folder, downloads,
validates, and is recorded. Where a failure leads is a pure function, :func:`next_rung`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mediavault.core.errors import (
    BadUrl,
    BrowserUnavailable,
    ErrorCode,
    Failure,
    LinkExpired,
    NotAVideo,
    NoVideo,
    RateLimited,
    Retryable,
    ToolMissing,
)
from mediavault.core.job import RungName, Stage
from mediavault.core.media import Candidate, DownloadedFile, Expected, Extraction, Item, SourceType, VerifiedFile
from mediavault.services.download.port import MediaRequest
from mediavault.services.extraction.ranking import choose, explain, same_item
from mediavault.worker.dispatch import Route
from mediavault.worker.journal import Journal
from mediavault.worker.stages.extract import checkpoint_of, extract_afresh
from mediavault.worker.stages.validate import validate
from mediavault.worker.tools import Tools

NAVIGATION_TIMEOUT_S = 3_600.0  # the browser cannot resume; stalls are ended by its own watchdog

SEGMENTED = frozenset({SourceType.HLS, SourceType.DASH})
# No other way to the same bytes helps here: this machine, or the site's own word, is in the way.
_STOPS = frozenset({ErrorCode.NO_SPACE, ErrorCode.STORAGE, ErrorCode.LIVE_NOW})


def next_rung(rung: RungName, failure: Failure, *, signed: bool) -> RungName | None:
    """Where to go after ``rung`` failed; None ends the attempt.

    A verdict (gone, private, DRM …) ends it, and so does a site that named a time to come back at. A refused signed
    address cannot be talked round with cookies: straight to a fresh one. ``fresh`` is the last rung, so it comes once.
    """
    if not isinstance(failure, Retryable) or failure.code in _STOPS or rung is RungName.FRESH:
        return None
    if isinstance(failure, RateLimited) and failure.retry_after is not None:
        return None
    if isinstance(failure, LinkExpired) and signed:
        return RungName.FRESH
    return _CLIMB[rung]


_CLIMB: Mapping[RungName, RungName] = {
    RungName.PLAIN: RungName.SESSION,
    RungName.SESSION: RungName.NAVIGATION,
    RungName.NAVIGATION: RungName.FRESH,
}


@dataclass(slots=True)
class Climb:
    """One attempt's way up for one item. ``extraction``, ``item`` and ``candidate`` change on the rung ``fresh``."""

    route: Route
    extraction: Extraction
    item: Item
    candidate: Candidate
    staging: Path
    tools: Tools
    journal: Journal
    tried: set[str] = field(default_factory=set)

    async def to_the_top(self) -> VerifiedFile:
        """The first rung's verified file. Raises the most telling of the last failures."""
        rung: RungName | None = RungName.PLAIN
        last: Failure | None = None
        while rung is not None:
            if rung is RungName.NAVIGATION and self.candidate.source_type in SEGMENTED:
                await self.journal.skipped(Stage.DOWNLOAD, "a browser saves no segmented streams", rung=rung)
                rung = RungName.FRESH
            try:
                return await self._rung(rung)
            except Failure as failure:
                last = failure if last is None or not isinstance(failure, _LESS_TELLING) else last
                rung = next_rung(rung, failure, signed=self._is_signed())
        assert last is not None
        raise last

    def _is_signed(self) -> bool:
        return self.route.platform.signs_media_urls or self.candidate.signed

    async def _rung(self, rung: RungName) -> VerifiedFile:
        match rung:
            case RungName.PLAIN:
                return await self._try(rung, self._plain)
            case RungName.SESSION:
                return await self._try(rung, self._session)
            case RungName.NAVIGATION:
                return await self._try(rung, self._navigation)
            case RungName.FRESH:
                return await self._fresh()

    async def _fresh(self) -> VerifiedFile:
        """Extract again and take a candidate not tried yet: with the session's cookies, then without."""
        await self.journal.enter(Stage.EXTRACT, 50)
        self.extraction = await extract_afresh(self.route, self.tools, self.journal, rung=RungName.FRESH)
        async with self.journal.step(Stage.CHOOSE, rung=RungName.FRESH) as note:
            try:
                self.item = same_item(self.item, self.extraction)
                self.candidate = choose(self.item, exclude=self.tried, now=self.tools.clock.now())
            except NoVideo as exc:
                raise _NothingLeft("A fresh look found no address that was not tried yet.") from exc
            note.detail = explain(self.candidate)
        await self.tools.store.checkpoint(self.journal.claim, checkpoint_of(self.extraction, self.candidate.url))
        try:
            return await self._try(RungName.FRESH, self._session)
        except Failure as failure:
            if next_rung(RungName.PLAIN, failure, signed=False) is None:
                raise
        return await self._try(RungName.FRESH, self._plain)

    async def _try(self, rung: RungName, way: Callable[[], Awaitable[DownloadedFile]]) -> VerifiedFile:
        await self.tools.vault.empty(self.staging)
        await self.journal.enter(Stage.DOWNLOAD, 50)
        self.tried.add(self.candidate.url)
        async with self.journal.step(Stage.DOWNLOAD, rung=rung) as note:
            fetched = await way()
            note.bytes = fetched.bytes
        await self.journal.enter(Stage.VALIDATE, 92)
        async with self.journal.step(Stage.VALIDATE, rung=rung) as note:
            verified = await validate(fetched, self.tools.probe)
            note.bytes = fetched.bytes
            note.detail = "; ".join(verified.report.notes)
            return verified

    async def _plain(self) -> DownloadedFile:
        return await self._fetch(self._request())

    async def _session(self) -> DownloadedFile:
        cookies = tuple(await self.tools.browser.cookies(self.candidate.url))
        return await self._fetch(replace(self._request(), cookies=cookies))

    async def _fetch(self, request: MediaRequest) -> DownloadedFile:
        try:
            return await self.tools.downloader.fetch(
                request, into=self.staging, limits=self.tools.limits, on_progress=self.journal.on_progress
            )
        except BadUrl as exc:  # the page's fault, or a redirect's: not the person's who submitted the post
            raise NotAVideo(f"The media's address cannot be used: {exc.message}") from exc

    async def _navigation(self) -> DownloadedFile:
        saved = await self.tools.browser.download(
            self.candidate.url,
            scope_url=self.route.post.url,
            referer=self._referer(),
            into=self.staging,
            max_bytes=self.tools.limits.max_bytes,
            within_s=NAVIGATION_TIMEOUT_S,
            on_progress=self.journal.on_progress,
        )
        return DownloadedFile(
            path=saved.path,
            url=saved.url,
            bytes=saved.bytes,
            content_type=saved.content_type,
            expected=self._expected(),
            proven_whole=False,
        )

    def _request(self) -> MediaRequest:
        return MediaRequest(
            url=self.candidate.url,
            source_type=self.candidate.source_type,
            scope_url=self.route.post.url,
            headers=self._headers(),
            expected=self._expected(),
        )

    def _headers(self) -> dict[str, str]:
        """What the player sent, then the platform's own; the browser's name so that both calls look alike to the site."""
        headers = {"referer": self._referer() or "", **self.candidate.headers, **self.route.platform.download_headers}
        if self.extraction.user_agent:
            headers.setdefault("user-agent", self.extraction.user_agent)
        return {name: value for name, value in headers.items() if value}

    def _referer(self) -> str | None:
        wanted = self.route.platform.referer
        return self.extraction.final_url if wanted in (None, "post") else wanted

    def _expected(self) -> Expected:
        """The post's word about its video, completed by the candidate's own."""
        said = self.item.expected
        return Expected(
            duration_s=said.duration_s or self.candidate.duration_s,
            audio=said.audio if said.audio is not None else (True if self.candidate.has_audio else None),
            size=self.candidate.size or said.size,
        )


class _NothingLeft(NoVideo):
    """The fresh look found nothing new."""


# These say only that a rung was not to be had: the failure before them tells more.
_LESS_TELLING = (_NothingLeft, BrowserUnavailable, ToolMissing)
