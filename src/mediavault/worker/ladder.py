"""Stages 6 to 8: download and validate, and climb the save ladder while that fails.

``plain`` -> ``session`` -> ``navigation`` -> ``fresh``. Each rung starts in an empty staging folder (but for the part of
a file whose address ran out in the middle), downloads, validates, and is recorded. Where a failure leads is a pure
function, :func:`next_rung`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from mediavault.core.cookies import Cookie, cookies_for, joined
from mediavault.core.errors import (
    BadUrl,
    BrowserUnavailable,
    ErrorCode,
    Failure,
    HttpError,
    LinkExpired,
    NetworkFailure,
    NotAVideo,
    NoVideo,
    RateLimited,
    Retryable,
    ToolMissing,
)
from mediavault.core.job import RungName, Stage
from mediavault.core.media import Candidate, DownloadedFile, Expected, Item, SourceType, VerifiedFile
from mediavault.services.download.port import MediaRequest
from mediavault.services.extraction.ranking import choose, explain
from mediavault.worker.attempt import Attempt
from mediavault.worker.stages.extract import look_again
from mediavault.worker.stages.validate import validate

NAVIGATION_TIMEOUT_S = 3_600.0  # the browser cannot resume; stalls are ended by its own watchdog

SEGMENTED = frozenset({SourceType.HLS, SourceType.DASH})
# No other way to the same bytes helps here: this machine, or the site's own word, is in the way.
_STOPS = frozenset({ErrorCode.NO_SPACE, ErrorCode.STORAGE, ErrorCode.LIVE_NOW})


# What a client that is judged by its TLS handshake is told: a status, a page, or nothing at all.
_REFUSALS = (LinkExpired, HttpError, NetworkFailure, NotAVideo)


def next_rung(rung: RungName, failure: Failure, *, signed: bool, by_handshake: bool = False) -> RungName | None:
    """Where to go after ``rung`` failed; None ends the attempt.

    A verdict (gone, private, DRM …) ends it, and so does a site that named a time to come back at. A refused signed
    address cannot be talked round with cookies: straight to a fresh one. Where the site judges clients by their TLS
    handshake (``by_handshake``), a refusal says nothing about the address, and cookies change nothing about ours: the
    browser goes next. ``fresh`` is the last rung, so it comes once.
    """
    if not isinstance(failure, Retryable) or failure.code in _STOPS or rung is RungName.FRESH:
        return None
    if isinstance(failure, RateLimited) and failure.retry_after is not None:
        return None
    if by_handshake and rung in (RungName.PLAIN, RungName.SESSION) and isinstance(failure, _REFUSALS):
        return RungName.NAVIGATION
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
    """An attempt's way up for one item. ``place`` and ``candidate`` change on the rung ``fresh``.

    ``part_of`` is the candidate whose address ran out while its file was being fetched: its part is in staging.
    """

    attempt: Attempt
    place: int
    candidate: Candidate
    tried: set[str] = field(default_factory=set)
    part_of: Candidate | None = None

    async def to_the_top(self) -> VerifiedFile:
        """The first rung's verified file. Raises the most telling of the last failures."""
        rung: RungName | None = RungName.PLAIN
        last: Failure | None = None
        while rung is not None:
            if rung is RungName.NAVIGATION and (why := self._no_single_file()):
                await self.attempt.journal.skipped(Stage.DOWNLOAD, why, rung=rung)
                rung = RungName.FRESH
            try:
                return await self._rung(rung)
            except Failure as failure:
                last = failure if last is None or not isinstance(failure, _LESS_TELLING) else last
                signed = self._is_signed() and not self._wants_cookies(rung)
                rung = next_rung(rung, failure, signed=signed, by_handshake=self._by_handshake())
        assert last is not None
        raise last

    def _no_single_file(self) -> str | None:
        """Why a browser cannot save the candidate: it saves one file at a time."""
        if self.candidate.source_type in SEGMENTED:
            return "a browser saves no segmented streams"
        return "a browser does not join video and sound" if self.candidate.audio_url else None

    def _wants_cookies(self, rung: RungName) -> bool:
        """A site whose media answer only to the cookies of the page's visit refused us for want of these."""
        lacked = rung is RungName.PLAIN and self.attempt.route.platform.media_cookies
        return lacked and not self._met_cookies_for(self.candidate.url)

    def _met_cookies_for(self, url: str) -> bool:
        return bool(cookies_for(url, self.attempt.extraction.cookies, now=self.attempt.tools.clock.now()))

    def _by_handshake(self) -> bool:
        """Whether the site may refuse our client for its TLS handshake, and the browser can fetch the file instead."""
        return self.attempt.route.platform.tls_sensitive and self._no_single_file() is None

    def _is_signed(self) -> bool:
        return self.attempt.route.platform.signs_media_urls or self.candidate.signed

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
        """Extract again and take a candidate not tried yet: with the session's cookies, then without. Where our client is
        judged by its handshake: by the browser, then with the cookies."""
        attempt = self.attempt
        await attempt.journal.enter(Stage.EXTRACT, 50)
        had_none = not attempt.extraction.cookies
        self.place = await look_again(attempt, self.place, rung=RungName.FRESH)
        if had_none:  # an earlier attempt's address, whose cookies are kept nowhere, was not really tried
            self.tried = {url for url in self.tried if not self._met_cookies_for(url)}
        async with attempt.journal.step(Stage.CHOOSE, rung=RungName.FRESH) as note:
            self.candidate = self._not_tried_yet()
            note.detail = explain(self.candidate)
        await attempt.checkpoint(self.candidate)
        first, second = (self._navigation, self._session) if self._by_handshake() else (self._session, self._plain)
        try:
            return await self._try(RungName.FRESH, first)
        except Failure as failure:
            if next_rung(RungName.PLAIN, failure, signed=False) is None:
                raise
        return await self._try(RungName.FRESH, second)

    def _not_tried_yet(self) -> Candidate:
        tools = self.attempt.tools
        try:
            return choose(self._item, exclude=self.tried, now=tools.clock.now(), prefer=tools.prefer)
        except NoVideo as exc:
            raise _NothingLeft("A fresh look found no address that was not tried yet.") from exc

    @property
    def _item(self) -> Item:
        return self.attempt.item(self.place)

    async def _try(self, rung: RungName, way: Callable[[], Awaitable[DownloadedFile]]) -> VerifiedFile:
        if not (self.part_of and way != self._navigation and same_file(self.part_of, self.candidate)):
            await self.attempt.tools.vault.staging.empty(self.attempt.staging)
        self.part_of = None
        await self.attempt.journal.enter(Stage.DOWNLOAD, 50)
        self.tried.add(self.candidate.url)
        async with self.attempt.journal.step(Stage.DOWNLOAD, rung=rung) as note:
            try:
                fetched = await way()
            except LinkExpired as failure:
                self.part_of = self.candidate if failure.bytes_received else None
                raise
            note.bytes = fetched.bytes
        await self.attempt.journal.enter(Stage.VALIDATE, 92)
        async with self.attempt.journal.step(Stage.VALIDATE, rung=rung) as note:
            verified = await validate(fetched, self.attempt.tools.probe)
            note.bytes = fetched.bytes
            note.detail = "; ".join(verified.report.notes)
            return verified

    async def _plain(self) -> DownloadedFile:
        """Nobody's session; but cookies that came with the address go back to where they came from."""
        return await self._fetch(self._request(self.attempt.extraction.cookies))

    async def _session(self) -> DownloadedFile:
        """With the cookies of whoever looked at the post: a stranger's media are not asked for with an account."""
        as_person = self.attempt.extraction.as_person
        session = await self.attempt.tools.browser.cookies(self.candidate.url, as_person=as_person)
        return await self._fetch(self._request(joined(self.attempt.extraction.cookies, session)))

    async def _fetch(self, request: MediaRequest) -> DownloadedFile:
        try:
            return await self.attempt.tools.downloader.fetch(
                request,
                into=self.attempt.staging,
                limits=self.attempt.tools.limits,
                on_progress=self.attempt.journal.on_progress,
            )
        except BadUrl as exc:  # the page's fault, or a redirect's: not the person's who submitted the post
            raise NotAVideo(f"The media's address cannot be used: {exc.message}") from exc

    async def _navigation(self) -> DownloadedFile:
        saved = await self.attempt.tools.browser.download(
            self.candidate.url,
            scope_url=self.attempt.route.post.url,
            referer=self._referer(),
            into=self.attempt.staging,
            max_bytes=self.attempt.tools.limits.max_bytes,
            within_s=NAVIGATION_TIMEOUT_S,
            on_progress=self.attempt.journal.on_progress,
            as_person=self.attempt.extraction.as_person,
        )
        return DownloadedFile(
            path=saved.path,
            url=saved.url,
            bytes=saved.bytes,
            content_type=saved.content_type,
            expected=self._expected(),
            proven_whole=False,
        )

    def _request(self, cookies: tuple[Cookie, ...]) -> MediaRequest:
        platform = self.attempt.route.platform
        return MediaRequest(
            url=self.candidate.url,
            source_type=self.candidate.source_type,
            audio_url=self.candidate.audio_url,
            scope_url=self.attempt.route.post.url,
            headers=self._headers(),
            cookies=cookies,
            expected=self._expected(),
            prefer=self.attempt.tools.prefer,
            max_range_bytes=platform.max_range_bytes,
            max_connections=platform.max_connections,
        )

    def _headers(self) -> dict[str, str]:
        """What the player sent, then the platform's own; the browser's name so that both calls look alike to the site."""
        headers = {
            "referer": self._referer() or "",
            **self.candidate.headers,
            **self.attempt.route.platform.download_headers,
        }
        if self.attempt.extraction.user_agent:
            headers.setdefault("user-agent", self.attempt.extraction.user_agent)
        return {name: value for name, value in headers.items() if value}

    def _referer(self) -> str | None:
        wanted = self.attempt.route.platform.referer
        return self.attempt.extraction.final_url if wanted in (None, "post") else wanted

    def _expected(self) -> Expected:
        """The post's word about its video, completed by the candidate's own."""
        said = self._item.expected
        return Expected(
            duration_s=said.duration_s or self.candidate.duration_s,
            audio=said.audio if said.audio is not None else (True if self.candidate.has_audio else None),
            size=self.candidate.size or said.size,
        )


def same_file(one: Candidate, other: Candidate) -> bool:
    """Whether two addresses surely name one file: what has come of it by the first may go on by the second, as far as
    ``services.download.resume`` finds that it is the same one."""
    return (
        one.media_key is not None
        and one.media_key == other.media_key
        and {one.source_type, other.source_type} == {SourceType.DIRECT}
        and one.audio_url is None
        and other.audio_url is None
        and (one.width, one.height, one.size) == (other.width, other.height, other.size)
    )


class _NothingLeft(NoVideo):
    """The fresh look found nothing new."""


# These say only that a rung was not to be had: the failure before them tells more.
_LESS_TELLING = (_NothingLeft, BrowserUnavailable, ToolMissing)
