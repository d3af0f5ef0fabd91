"""Stages 6 to 8: download and validate one item, by one strategy after the other until one
succeeds.

``plain`` comes first, and :func:`next_strategy`, a pure function, chooses which one follows a
failure. Each strategy starts in an empty staging folder (except for a partial file whose URL
expired during the download), downloads, validates and is recorded in the history.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from mediavault.core.bandwidth_limiter import SlowTransferDetector
from mediavault.core.cookies import Cookie, cookies_for, joined
from mediavault.core.failures import (
    Ambiguous,
    BadFile,
    BadUrl,
    BrowserUnavailable,
    CutShort,
    Damaged,
    ErrorCode,
    Failure,
    HttpError,
    LinkExpired,
    MediaRefused,
    NetworkFailure,
    NotAsAnnounced,
    NotAVideo,
    ProxyFailed,
    RateLimited,
    Retry,
    Retryable,
    SiteNotFound,
    Stops,
    TookTooLong,
    ToolMissing,
)
from mediavault.core.job import Stage, StrategyName
from mediavault.core.media import (
    SEGMENTED,
    Candidate,
    DownloadedFile,
    Expected,
    Item,
    ItemType,
    LengthSource,
    NoVideo,
    RefusedCopy,
    SourceType,
    VerifiedFile,
)
from mediavault.core.messages import Message
from mediavault.core.messages import join as join_messages
from mediavault.core.platform import PLAIN_PAGE
from mediavault.core.recordings import in_words
from mediavault.core.urls import without_query
from mediavault.download.port import AlreadyRefused, MediaRequest, media_headers, media_referer
from mediavault.extraction.ranking import choose_candidate, explain
from mediavault.store.file_checks import note_refused, refused_copies
from mediavault.store.waiting_jobs import DAMAGE, accepted_reasons
from mediavault.worker.attempt import Attempt
from mediavault.worker.hooks import ItemRecording
from mediavault.worker.stages.extract import EMBEDDED_IN, extract_again_for
from mediavault.worker.stages.validate import Contradicted, validate, with_contradicted

# the browser cannot resume; a stalled or very slow transfer is ended earlier
NAVIGATION_TIMEOUT_S = 3_600.0

# How a site that checks the TLS handshake refuses a client: by a status, with a page, or without an
# answer.
_REFUSALS = (LinkExpired, HttpError, NetworkFailure, NotAVideo)

_USUAL = (StrategyName.SESSION, StrategyName.NAVIGATION, StrategyName.FRESH)
_EXTRACT_FIRST = (StrategyName.FRESH, StrategyName.SESSION, StrategyName.NAVIGATION)
_HANDSHAKE_REFUSED = (StrategyName.NAVIGATION, StrategyName.FRESH, StrategyName.SESSION)
_ONLY_FRESH = (StrategyName.FRESH,)


def next_strategy(
    taken: Collection[StrategyName],
    failure: Failure,
    *,
    signed: bool,
    by_handshake: bool = False,
    visited: bool = True,
    stalled: bool = False,
    same_bytes: bool = False,
) -> StrategyName | None:
    """Return the strategy to try after those in ``taken``, the last of which ended in ``failure``;
    None gives up.

    Each strategy is tried at most once, and none after a failure that :func:`is_final`. A refused
    signed URL (``signed``) has most likely expired, so the post is extracted again before cookies
    and the browser are tried. Where the site checks the TLS handshake (``by_handshake``), a refusal
    does not depend on the URL or on cookies, so the browser comes first. A post whose page was only
    requested, not ``visited``, is extracted again by the browser, which may find another URL, and
    leaves the cookies that the media need. A server that sent nothing in time (``stalled``) would
    keep the session and the browser waiting as well, so only a fresh extraction, which may find
    another server, is tried. The same goes for a site that delivers the ``same_bytes`` again, which
    were refused before.
    """
    if is_final(failure):
        return None
    order: tuple[StrategyName, ...] = _USUAL
    if stalled or same_bytes:
        order = _ONLY_FRESH
    elif by_handshake and isinstance(failure, _REFUSALS):
        order = _HANDSHAKE_REFUSED
    elif not visited or (signed and isinstance(failure, LinkExpired)):
        order = _EXTRACT_FIRST
    return next((strategy for strategy in order if strategy not in taken), None)


def is_final(failure: Failure) -> bool:
    """Whether no other strategy can help: the post is gone, private or protected, this machine is
    the cause, or the site said when to come back.
    """
    if (
        not isinstance(failure, Retryable)
        or failure.spec.stops is Stops.WORKER
        or failure.spec.retry is Retry.NOT_YET
    ):
        return True
    return isinstance(failure, ProxyFailed) or (
        isinstance(failure, RateLimited) and failure.retry_after is not None
    )


def _is_more_informative(failure: Failure, last: Failure) -> bool:
    """Whether to report a failure instead of the one before it. A file that plays, and may be all
    there is, stays reported when other strategies get nothing, and one that contradicts its page
    when another look is not sure of any.
    """
    if isinstance(failure, _LESS_INFORMATIVE) or (
        isinstance(last, Contradicted) and isinstance(failure, Ambiguous)
    ):
        return False
    return (
        not isinstance(last, NotAsAnnounced)
        or isinstance(failure, NotAsAnnounced)
        or is_final(failure)
    )


@dataclass(slots=True)
class DownloadStrategies:
    """The strategies of one attempt for one item. ``fresh`` changes ``place`` (the item's index)
    and ``candidate``.

    ``failed`` are the strategies that failed, ``tried`` the URLs that were requested, ``stalled``
    the servers that sent nothing in time. ``refused`` are the damaged copies of the job that are
    not to be downloaded again, and ``has_same_bytes`` says that the site has delivered, or would
    deliver, one of them again. ``is_confirmed``: a fresh extraction found the refused URL again, so
    it has not expired. ``partial_candidate`` is the candidate whose URL expired during the
    download: its partial file is in staging. ``contradicted`` are the candidates, by URL, whose
    files contradict what the page says of its own video.
    """

    attempt: Attempt
    index: int
    candidate: Candidate
    failed: list[StrategyName] = field(default_factory=list)
    tried: set[str] = field(default_factory=set)
    stalled: set[str] = field(default_factory=set)
    refused: tuple[RefusedCopy, ...] = ()
    has_same_bytes: bool = False
    is_confirmed: bool = False
    partial_candidate: Candidate | None = None
    contradicted: dict[str, Candidate] = field(default_factory=dict)
    recording: ItemRecording = field(default_factory=ItemRecording)

    async def run(self) -> VerifiedFile:
        """Return the file of the first strategy that succeeds. Raises the most informative of the
        failures, and Ambiguous where that is a file that contradicts its page: the user chooses it,
        or another.

        If no strategy can continue a recording, what was recorded is kept.
        """
        async with self.attempt.context.hooks.recording_of(
            self.attempt, self.index
        ) as self.recording:
            try:
                return await self._run_strategies()
            except Contradicted as failure:
                self.attempt.extraction = with_contradicted(
                    self.attempt.extraction, self.contradicted
                )
                await self.attempt.checkpoint(None)
                raise Ambiguous(failure.message, bytes_received=failure.bytes_received) from failure
            except Failure as failure:
                if not await self.recording.ends_with(failure):
                    raise
                return await self._try(StrategyName.PLAIN)

    async def _run_strategies(self) -> VerifiedFile:
        store, job_id = self.attempt.context.store, self.attempt.claim.id
        self.refused = await refused_copies(store.records, job_id)
        if self.refused and DAMAGE in await accepted_reasons(store.records, job_id):
            self.refused = ()
        strategy: StrategyName | None = StrategyName.PLAIN
        last: Failure | None = None
        while strategy is not None:
            try:
                if strategy is StrategyName.FRESH:
                    return await self._fresh()
                return await self._try(strategy)
            except Failure as failure:
                self._begin_again_after_progress()
                last = failure if last is None or _is_more_informative(failure, last) else last
                # A fresh extraction that found the same URL downloaded nothing: `fresh` remains for
                # other candidates.
                if not isinstance(failure, _SameUrl):
                    self.failed.append(strategy)
                signed = self._is_signed() and not self._may_need_cookies(strategy)
                strategy = next_strategy(
                    self.failed,
                    failure,
                    signed=signed,
                    by_handshake=self._may_refuse_handshake(),
                    visited=self.attempt.extraction.extractor != PLAIN_PAGE,
                    stalled=self._is_stalled(),
                    same_bytes=self.has_same_bytes,
                )
        assert last is not None
        raise last

    def _begin_again_after_progress(self) -> None:
        """Forget what failed before a recording got on: the stream outlives its URLs,
        and each may be refused in its time.
        """
        if self.recording.has_progress():
            self.failed.clear()
            self.tried.clear()
            self.stalled.clear()
            self.is_confirmed = False

    def _is_stalled(self) -> bool:
        """Whether a server of the candidate sent nothing in time before."""
        return not self.stalled.isdisjoint(_servers(self.candidate))

    def _why_not_browser(self) -> str | None:
        """Return why a browser, which saves one file, cannot save the candidate;
        None when it can.
        """
        if self.candidate.source_type in SEGMENTED:
            return Message("a browser cannot save segmented streams")
        return (
            Message("a browser does not join video and sound") if self.candidate.audio_url else None
        )

    def _may_need_cookies(self, strategy: StrategyName) -> bool:
        """Whether a refusal may be due to missing cookies:
        the site's media need those of the page visit.
        """
        lacked = strategy is StrategyName.PLAIN and self.attempt.route.platform.media.cookies
        return lacked and not self._has_cookies_for(self.candidate.url)

    def _has_cookies_for(self, url: str) -> bool:
        return bool(
            cookies_for(url, self.attempt.extraction.cookies, now=self.attempt.context.clock.now())
        )

    def _may_refuse_handshake(self) -> bool:
        """Whether the site may refuse our client by its TLS handshake while the browser can save
        the file.
        """
        return self.attempt.route.platform.media.tls_sensitive and self._why_not_browser() is None

    def _is_signed(self) -> bool:
        """Whether a refusal may mean that the candidate's URL has expired."""
        return not self.is_confirmed and (
            self.attempt.route.platform.media.signs_urls or self.candidate.signed
        )

    async def _fresh(self) -> VerifiedFile:
        """Extract again, then download a candidate that has not been tried, by the strategies that
        have been.

        Raises _SameUrl when the extraction finds the refused URL again and another strategy is left
        for it.
        """
        await self._extract_again()
        *others, last = self._strategies_for_fresh_url()
        for strategy in others:
            try:
                return await self._try(StrategyName.FRESH, download_by=strategy)
            except Failure as failure:
                if is_final(failure) or self._is_stalled() or isinstance(failure, BadFile):
                    raise
        return await self._try(StrategyName.FRESH, download_by=last)

    async def _extract_again(self) -> None:
        """Extract the post again, unless that was done already,
        and choose the best remaining candidate.
        """
        attempt, is_second_time = self.attempt, self.is_confirmed
        if not is_second_time:
            await attempt.recorder.set_stage(Stage.EXTRACT, 50)
            had_no_cookies = not attempt.extraction.cookies
            self.index = await extract_again_for(attempt, self.index, strategy=StrategyName.FRESH)
            self.tried = {
                url for url in self.tried if not self._is_new(url, had_no_cookies=had_no_cookies)
            }
        async with attempt.recorder.step(Stage.CHOOSE, strategy=StrategyName.FRESH) as note:
            self.candidate = self._next_candidate(or_the_same=not is_second_time)
            note.detail = explain(self.candidate)
        await attempt.choose(self.index, self.candidate)
        if self.candidate.url in self.tried:
            self.is_confirmed = True
            why = Message("extracting again found the same URL")
            await attempt.recorder.skipped(Stage.DOWNLOAD, why, strategy=StrategyName.FRESH)
            raise _SameUrl(why)

    def _is_new(self, url: str, *, had_no_cookies: bool) -> bool:
        """Whether a URL that was tried counts as new after a fresh extraction.

        It does when it comes with cookies that were missing before (those of an earlier attempt are
        not stored), or when the separate audio has a new URL.
        """
        audio_urls = {
            candidate.audio_url for candidate in self._item.candidates if candidate.url == url
        }
        has_new_audio = (
            url == self.candidate.url
            and bool(audio_urls)
            and self.candidate.audio_url not in audio_urls
        )
        return has_new_audio or (had_no_cookies and self._has_cookies_for(url))

    def _strategies_for_fresh_url(self) -> list[StrategyName]:
        """Return the strategies to use on a fresh URL, at least one;
        those not tried yet follow on their own.
        """
        handshake, usual = (
            (StrategyName.NAVIGATION, StrategyName.SESSION),
            (StrategyName.SESSION, StrategyName.PLAIN),
        )
        order = handshake if self._may_refuse_handshake() else usual
        return [strategy for strategy in order if strategy in self.failed] or [StrategyName.PLAIN]

    def _next_candidate(self, *, or_the_same: bool) -> Candidate:
        """Return the best candidate not tried yet,
        or the current one if it is better and has another strategy left.
        """
        context, exclude = self.attempt.context, self.tried
        has_strategies = not (self._is_stalled() or self.has_same_bytes) and len(
            {*self.failed, StrategyName.FRESH}
        ) < len(StrategyName)
        if or_the_same and has_strategies:
            exclude = self.tried - {self.candidate.url}
        try:
            return choose_candidate(
                self._item,
                exclude=exclude,
                now=context.clock.now(),
                prefer=context.profile.preference,
            )
        except NoVideo as exc:
            raise _NothingNew("Extracting again found no URL that has not been tried.") from exc

    @property
    def _item(self) -> Item:
        return self.attempt.item(self.index)

    @property
    def _type(self) -> ItemType:
        """What the download is to be."""
        if self._item.type is ItemType.IMAGE:
            return ItemType.IMAGE
        return ItemType.AUDIO if self.attempt.context.profile.sound_only else ItemType.VIDEO

    async def _try(
        self, strategy: StrategyName, *, download_by: StrategyName | None = None
    ) -> VerifiedFile:
        """Download the candidate and validate the file. A fresh URL is fetched as one of the other
        strategies does.
        """
        by = download_by or strategy
        if by is StrategyName.NAVIGATION and (why := self._why_not_browser()):
            await self.attempt.recorder.skipped(Stage.DOWNLOAD, why, strategy=strategy)
            raise _NotForBrowsers(why)
        if not (
            self.partial_candidate
            and by is not StrategyName.NAVIGATION
            and same_file(self.partial_candidate, self.candidate)
        ):
            await self.attempt.context.library.staging.empty(self.attempt.downloads)
        self.partial_candidate = None
        await self.attempt.recorder.set_stage(Stage.DOWNLOAD, 50)
        self.tried.add(self.candidate.url)
        async with self.attempt.recorder.step(Stage.DOWNLOAD, strategy=strategy) as note:
            try:
                fetched = await (
                    self._navigate() if by is StrategyName.NAVIGATION else self._fetch(by)
                )
            except (LinkExpired, HttpError) as failure:
                if isinstance(failure, LinkExpired) and failure.bytes_received:
                    self.partial_candidate = self.candidate
                raise self._as_refused(failure) from failure
            except AlreadyRefused as failure:
                raise self._same_bytes(failure.copy) from failure
            except TookTooLong:
                self.stalled.update(_servers(self.candidate))
                raise
            except SiteNotFound as failure:  # its help is about the post's link
                raise NetworkFailure(failure.message) from failure
            note.bytes = fetched.bytes
            note.detail = in_words(fetched.recording) if fetched.recording is not None else ""
        await self.recording.save(self.candidate, fetched)
        await self.attempt.recorder.set_stage(Stage.VALIDATE, 92)
        async with self.attempt.recorder.step(Stage.VALIDATE, strategy=strategy) as note:
            # what another extraction knows of the same file may be less
            candidate = self.contradicted.get(self.candidate.url, self.candidate)
            try:
                verified = await validate(
                    replace(fetched, type=self._type),
                    self.attempt,
                    candidate=candidate,
                    said=self._said(fetched),
                )
            except Contradicted as failure:
                self.contradicted[candidate.url] = failure.candidate
                raise
            except (BadFile, CutShort) as failure:
                await self._note_refused(fetched, failure)
                raise
            note.bytes = fetched.bytes
            note.detail = join_messages("; ", verified.report.notes)
            return verified

    def _said(self, fetched: DownloadedFile) -> Expected | None:
        """Return what the page says of its own video, if the file is to be compared with it: on
        sites without a reader.

        A recording is as long as it was recorded. One of several videos is asked about by itself:
        to choose it would leave out the others.
        """
        attempt = self.attempt
        is_read_as_any_page = (
            not attempt.route.platform.matching.posts
            and EMBEDDED_IN not in attempt.extraction.metadata
        )
        is_lone = attempt.items.count_of(self.index)[1] == 1
        return (
            self._item.expected
            if is_read_as_any_page and is_lone and fetched.recording is None
            else None
        )

    async def _note_refused(self, fetched: DownloadedFile, failure: BadFile | CutShort) -> None:
        """Store the damaged copy. Raises the failure that says so if the site has delivered the
        same bytes before.
        """
        context = self.attempt.context
        copy = RefusedCopy(
            without_query(self.candidate.url),
            await context.library.staging.seal(fetched.path, sha256=fetched.sha256),
            fetched.bytes,
            failure.message,
            failure.plays,
            fetched.etag,
            fetched.last_modified,
        )
        self.refused = await note_refused(context.store.records, self.attempt.claim.id, copy)
        if self.refused[0].times > 1:
            raise self._same_bytes(copy) from failure

    def _same_bytes(self, copy: RefusedCopy) -> BadFile:
        self.has_same_bytes = True
        message = Message(
            "%(refused)s The site delivers the same damaged file each time.", refused=copy.reason
        )
        return (Damaged if copy.plays else BadFile)(message, bytes_received=copy.bytes)

    def _as_refused(self, failure: Failure) -> Failure:
        """Return the failure of a media URL as what it is: only a signed one can have expired."""
        status = failure.http_status
        is_signed = self.attempt.route.platform.media.signs_urls or self.candidate.signed
        if status != 404 and (is_signed or status not in (401, 403, 410)):
            return failure
        refused = Message(
            "The page names a video that its server does not give out (HTTP %(status)s).",
            status=status,
        )
        return MediaRefused(refused, http_status=status, bytes_received=failure.bytes_received)

    async def _fetch(self, strategy: StrategyName) -> DownloadedFile:
        """Download with the extraction's cookies, each sent only where it belongs; as the session
        also with those of the browser that saw the post, the profile's only if it was used.
        """
        limits, cookies = self.attempt.context.limits, self.attempt.extraction.cookies
        if strategy is StrategyName.SESSION:
            session = await self.attempt.context.browser.cookies(
                self.candidate.url, signed_in=self.attempt.extraction.signed_in
            )
            cookies = joined(cookies, session)
        request = self._request(cookies)
        # another file of that server: one wait shows whether it answers again
        if self._is_stalled():
            limits = replace(limits, resumes=0)
        try:
            return await self.attempt.context.downloader.fetch(
                request,
                into=self.attempt.downloads,
                limits=limits,
                on_progress=self.attempt.recorder.on_progress,
            )
        except BadUrl as exc:  # from the page or a redirect, not from the user
            raise NotAVideo(
                Message("The media's address cannot be used: %(error)s", error=exc.message)
            ) from exc

    async def _navigate(self) -> DownloadedFile:
        limits = self.attempt.context.limits
        saved = await self.attempt.context.browser.download(
            self.candidate.url,
            scope=self.attempt.route.post.scope,
            referer=self._referer(),
            into=self.attempt.downloads,
            max_bytes=limits.max_bytes,
            within_s=NAVIGATION_TIMEOUT_S,
            floor=SlowTransferDetector(limits.slow_bytes_per_s, limits.slow_s),
            on_progress=self.attempt.recorder.on_progress,
            bandwidth=self.attempt.context.bandwidth.of_site(self.attempt.route.platform.name),
            signed_in=self.attempt.extraction.signed_in,
        )
        return DownloadedFile(
            path=saved.path,
            url=saved.url,
            bytes=saved.bytes,
            content_type=saved.content_type,
            expected=self._expected(),
        )

    def _request(self, cookies: tuple[Cookie, ...]) -> MediaRequest:
        platform = self.attempt.route.platform
        return MediaRequest(
            url=self.candidate.url,
            source_type=self.candidate.source_type,
            audio_url=self.candidate.audio_url,
            scope=self.attempt.route.post.scope,
            headers=media_headers(
                self.candidate,
                platform,
                page_url=self.attempt.extraction.final_url,
                user_agent=self.attempt.extraction.user_agent,
            ),
            cookies=cookies,
            expected=self._expected(),
            prefer=self.attempt.context.profile.preference,
            type=self._type,
            max_range_bytes=platform.media.max_range_bytes,
            max_connections=platform.media.max_connections,
            site=platform.name,
            recording=self.recording.order,
            refused=self.refused if self.candidate.audio_url is None else (),
        )

    def _referer(self) -> str | None:
        return media_referer(
            self.attempt.route.platform, page_url=self.attempt.extraction.final_url
        )

    def _expected(self) -> Expected:
        """Return what the file must be: what the post announces about its video, completed by the
        candidate's own facts.

        A length that a player measured is left out: it would be compared with itself.
        """
        announced = self._item.expected.completed_by(self.candidate.listed)
        if announced.length_source is LengthSource.MEASURED:
            announced = Expected(audio=announced.audio, size=announced.size)
        heard = True if self.candidate.has_audio else None
        return replace(
            announced,
            audio=announced.audio if announced.audio is not None else heard,
            size=self.candidate.size or announced.size,
        )


def _servers(candidate: Candidate) -> set[str]:
    return {urlsplit(url).netloc for url in (candidate.url, candidate.audio_url) if url}


def same_file(candidate: Candidate, other: Candidate) -> bool:
    """Whether two candidates certainly name one file, so that a download of the first may be
    resumed from the second.

    ``download.resume`` still checks that the server has the same file.
    """
    return (
        candidate.media_key is not None
        and candidate.media_key == other.media_key
        and {candidate.source_type, other.source_type} == {SourceType.DIRECT}
        and candidate.audio_url is None
        and other.audio_url is None
        and (candidate.width, candidate.height, candidate.size)
        == (other.width, other.height, other.size)
    )


class _NothingNew(NoVideo):
    """The fresh extraction found nothing new."""


class _SameUrl(Retryable):
    """The fresh extraction found the refused URL again:
    it was not refused because it had expired.
    """

    code = ErrorCode.LINK_EXPIRED


class _NotForBrowsers(BrowserUnavailable):
    """A browser cannot save the candidate."""


# These only say that a strategy was not available: the failure before them is more informative.
_LESS_INFORMATIVE = (_NothingNew, _SameUrl, BrowserUnavailable, ToolMissing)
