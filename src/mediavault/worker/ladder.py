"""Stages 6 to 8: download and validate, and climb the save ladder while that fails.

``plain`` -> ``session`` -> ``navigation`` -> ``fresh``; a signed address that is refused goes to ``fresh`` first. Each
rung starts in an empty staging folder (except for the part of a file whose address expired in the middle), downloads,
validates, and is recorded. Where a failure leads is a pure function, :func:`next_rung`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
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
from mediavault.core.slow_floor import SlowFloor
from mediavault.services.download.port import MediaRequest
from mediavault.services.extraction.ranking import choose, explain
from mediavault.worker.attempt import Attempt
from mediavault.worker.stages.extract import look_again
from mediavault.worker.stages.validate import validate

NAVIGATION_TIMEOUT_S = 3_600.0  # the browser cannot resume; a stall or a drip ends it earlier

SEGMENTED = frozenset({SourceType.HLS, SourceType.DASH})
# No other way to the same bytes helps here: this machine, or the site's own word, is in the way.
_STOPS = frozenset({ErrorCode.NO_SPACE, ErrorCode.STORAGE, ErrorCode.LIVE_NOW})


# What a client that is judged by its TLS handshake is told: a status, a page, or nothing at all.
_REFUSALS = (LinkExpired, HttpError, NetworkFailure, NotAVideo)

_USUAL = (RungName.SESSION, RungName.NAVIGATION, RungName.FRESH)
_SIGNATURE_REFUSED = (RungName.FRESH, RungName.SESSION, RungName.NAVIGATION)
_HANDSHAKE_REFUSED = (RungName.NAVIGATION, RungName.FRESH, RungName.SESSION)


def next_rung(
    taken: Collection[RungName], failure: Failure, *, signed: bool, by_handshake: bool = False
) -> RungName | None:
    """The rung to take after those in ``taken``, of which the last one ended in ``failure``; None ends the attempt.

    What :func:`ends_the_climb` names ends it at once; everything else ends it when every rung was taken, each of them
    once. A refusal of a signed address (``signed``) most likely means that it has expired, so the post is looked at
    again before the cookies and the browser are tried. Where the site judges clients by their TLS handshake
    (``by_handshake``), a refusal says nothing about the address and cookies do not change our handshake, so the browser
    goes first.
    """
    if ends_the_climb(failure):
        return None
    order = _USUAL
    if by_handshake and isinstance(failure, _REFUSALS):
        order = _HANDSHAKE_REFUSED
    elif signed and isinstance(failure, LinkExpired):
        order = _SIGNATURE_REFUSED
    return next((rung for rung in order if rung not in taken), None)


def ends_the_climb(failure: Failure) -> bool:
    """Whether no other rung can help: a verdict (gone, private, DRM …), trouble of this machine, or a site that named a
    time to come back at."""
    if not isinstance(failure, Retryable) or failure.code in _STOPS:
        return True
    return isinstance(failure, RateLimited) and failure.retry_after is not None


@dataclass(slots=True)
class Climb:
    """An attempt's way up for one item. ``place`` and ``candidate`` change on the rung ``fresh``.

    ``taken`` are the rungs that failed, ``tried`` the addresses that were asked for. ``is_confirmed``: a fresh look found
    the refused address again, so it has not expired. ``part_of`` is the candidate whose address expired while its file
    was being fetched: its part is in staging.
    """

    attempt: Attempt
    place: int
    candidate: Candidate
    taken: list[RungName] = field(default_factory=list)
    tried: set[str] = field(default_factory=set)
    is_confirmed: bool = False
    part_of: Candidate | None = None

    async def to_the_top(self) -> VerifiedFile:
        """The first rung's verified file. Raises the most telling of the last failures."""
        rung: RungName | None = RungName.PLAIN
        last: Failure | None = None
        while rung is not None:
            try:
                return await self._rung(rung)
            except Failure as failure:
                last = failure if last is None or not isinstance(failure, _LESS_TELLING) else last
                # A fresh look that found the same address asked for nothing: the rung stays for the other candidates.
                if not isinstance(failure, _SameAddress):
                    self.taken.append(rung)
                signed = self._is_signed() and not self._wants_cookies(rung)
                rung = next_rung(self.taken, failure, signed=signed, by_handshake=self._by_handshake())
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
        """Whether a refusal of the candidate's address may mean that it has expired."""
        return not self.is_confirmed and (self.attempt.route.platform.signs_media_urls or self.candidate.signed)

    async def _rung(self, rung: RungName) -> VerifiedFile:
        if rung is RungName.FRESH:
            return await self._fresh()
        if rung is RungName.NAVIGATION and (why := self._no_single_file()):
            await self.attempt.journal.skipped(Stage.DOWNLOAD, why, rung=rung)
            raise _NotForBrowsers(why)
        return await self._try(rung, self._way(rung))

    def _way(self, rung: RungName) -> Callable[[], Awaitable[DownloadedFile]]:
        match rung:
            case RungName.SESSION:
                return self._session
            case RungName.NAVIGATION:
                return self._navigation
            case _:
                return self._plain

    async def _fresh(self) -> VerifiedFile:
        """Extract again, and ask for a candidate not tried yet in those ways whose own rungs were taken already.

        Raises _SameAddress when the look finds the refused address again and another rung is left for it.
        """
        await self._look_again()
        *others, last = self._ways_of_fresh()
        for way in others:
            try:
                return await self._try(RungName.FRESH, self._way(way))
            except Failure as failure:
                if ends_the_climb(failure):
                    raise
        return await self._try(RungName.FRESH, self._way(last))

    async def _look_again(self) -> None:
        """Look at the post again, unless that was done already, and take the best candidate that is left."""
        attempt, is_second_time = self.attempt, self.is_confirmed
        if not is_second_time:
            await attempt.journal.enter(Stage.EXTRACT, 50)
            had_none = not attempt.extraction.cookies
            self.place = await look_again(attempt, self.place, rung=RungName.FRESH)
            self.tried = {url for url in self.tried if not self._is_new(url, had_no_cookies=had_none)}
        async with attempt.journal.step(Stage.CHOOSE, rung=RungName.FRESH) as note:
            self.candidate = self._next_candidate(or_the_same=not is_second_time)
            note.detail = explain(self.candidate)
        await attempt.checkpoint(self.candidate)
        if self.candidate.url in self.tried:
            self.is_confirmed = True
            why = "a fresh look found the same address"
            await attempt.journal.skipped(Stage.DOWNLOAD, why, rung=RungName.FRESH)
            raise _SameAddress(why)

    def _is_new(self, url: str, *, had_no_cookies: bool) -> bool:
        """Whether a tried address can be asked for as if it were another: an earlier attempt's, whose cookies are stored
        nowhere, was not really tried, and a pair's sound may have its own fresh address."""
        sounds = {one.audio_url for one in self._item.candidates if one.url == url}
        has_new_sound = url == self.candidate.url and bool(sounds) and self.candidate.audio_url not in sounds
        return has_new_sound or (had_no_cookies and self._met_cookies_for(url))

    def _ways_of_fresh(self) -> list[RungName]:
        """In which ways to ask for a fresh address, never none; the others come as rungs of their own."""
        handshake, usual = (RungName.NAVIGATION, RungName.SESSION), (RungName.SESSION, RungName.PLAIN)
        order = handshake if self._by_handshake() else usual
        return [rung for rung in order if rung in self.taken] or [RungName.PLAIN]

    def _next_candidate(self, *, or_the_same: bool) -> Candidate:
        """The best one not tried yet, or the present one if that is better and another rung is left for it."""
        tools, exclude = self.attempt.tools, self.tried
        if or_the_same and len({*self.taken, RungName.FRESH}) < len(RungName):
            exclude = self.tried - {self.candidate.url}
        try:
            return choose(self._item, exclude=exclude, now=tools.clock.now(), prefer=tools.prefer)
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
        limits = self.attempt.tools.limits
        saved = await self.attempt.tools.browser.download(
            self.candidate.url,
            scope_url=self.attempt.route.post.url,
            referer=self._referer(),
            into=self.attempt.staging,
            max_bytes=limits.max_bytes,
            within_s=NAVIGATION_TIMEOUT_S,
            floor=SlowFloor(limits.slow_bytes_per_s, limits.slow_s),
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


class _SameAddress(Retryable):
    """The fresh look found the refused address again: it was refused for another reason than its age."""

    code = ErrorCode.LINK_EXPIRED


class _NotForBrowsers(BrowserUnavailable):
    """A browser cannot save the candidate."""


# These say only that a rung was not to be had: the failure before them tells more.
_LESS_TELLING = (_NothingLeft, _SameAddress, BrowserUnavailable, ToolMissing)
