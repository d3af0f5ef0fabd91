"""Stage 3: extract the post's media, unless an earlier attempt did and its URLs have not
expired.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mediavault.core.clock import Clock
from mediavault.core.failures import (
    AddressRefused,
    BadInput,
    BadUrl,
    Certainty,
    Deleted,
    ErrorCode,
    Failure,
    Final,
    NeedsPerson,
    NetworkFailure,
    NotYet,
    ProxyFailed,
    RateLimited,
    RedirectLoop,
    SeemsDeleted,
    SignInHelp,
    SiteNotFound,
    StoryExpired,
    TookTooLong,
    ToolMissing,
    Upcoming,
)
from mediavault.core.job import Stage, StrategyName
from mediavault.core.listings import metadata_of
from mediavault.core.media import BroadcastOver, Extraction, ItemType, LiveNow, NoVideo
from mediavault.core.messages import Message, counted
from mediavault.core.platform import ENCLOSURE, PLAIN_PAGE, Platform
from mediavault.core.post_urls import names_story
from mediavault.core.sessions import is_signed_in
from mediavault.core.settings import is_on_site
from mediavault.core.site_limits import Permit
from mediavault.core.urls import MAX_MEDIA_URL_CHARS, parse_http_url
from mediavault.extraction.port import Extractor
from mediavault.extraction.ranking import as_unsure, same_item, with_choice, with_first_player
from mediavault.platforms import registry
from mediavault.worker import site_limits
from mediavault.worker.attempt import Attempt
from mediavault.worker.checkpoint import saved_extraction
from mediavault.worker.context import WorkerContext
from mediavault.worker.recorder import AttemptRecorder
from mediavault.worker.site_limits import NotAllowedYet, SiteBusy
from mediavault.worker.stages.route import Route, end_of, resolve, route_of


def confirmed(failure: Failure, failures: Sequence[Failure]) -> Failure:
    """Turn SeemsDeleted into Deleted when two extractors agree,
    since each looks at different signs.
    """
    if (
        isinstance(failure, SeemsDeleted)
        and sum(isinstance(other, SeemsDeleted) for other in failures) > 1
    ):
        return Deleted(failure.message, http_status=failure.http_status)
    return failure


@dataclass(slots=True)
class ExtractorResults:
    """The failures so far, of anonymous extractors and of those that use the profile's session."""

    platform: Platform
    record_live: bool = False  # another extractor may have the stream that one only says is running
    anonymous: list[Failure] = field(default_factory=list)
    signed_in: list[Failure] = field(default_factory=list)
    # why the page's source was not enough, which does not count
    doubts: list[Failure] = field(default_factory=list)
    unsure: Extraction | None = None
    asking_signed_in: bool = False
    # the site has given a definite answer: other anonymous extractors are skipped
    anonymous_is_final: bool = False
    finished: bool = False

    @property
    def failures(self) -> list[Failure]:
        return [*self.anonymous, *self.signed_in]

    @property
    def final_failure(self) -> Failure:
        """The failure to report: one of the signed-in extractors, which see more, else one of the
        anonymous ones.

        Where they did not reach the site, and neither did the plain request for the page, the
        latter says best why.
        """
        informative = [
            failure
            for failure in self.signed_in
            if failure.spec.certainty is not Certainty.NOT_READ
        ]
        failure = confirmed(most_telling(informative or self.anonymous), self.failures)
        return (self.unreached or failure) if isinstance(failure, _UNREACHED) else failure

    @property
    def unreached(self) -> Failure | None:
        """Why the plain request for the page did not reach the site; None where it did."""
        return next((doubt for doubt in self.doubts if isinstance(doubt, _UNREACHED)), None)

    def without_video(self, route: Route, types: Set[ItemType], *, now: datetime) -> Extraction:
        """Return what was read of a post that has no video, but media of these types.
        Raises the failure to report.
        """
        final = self.final_failure
        read = (failure.instead for failure in self.failures if isinstance(failure, NoVideo))
        instead = next((found for found in read if found is not None and found.media(types)), None)
        if isinstance(final, NoVideo) and instead is not None:
            return instead
        raise of_broadcast(of_story(final, route), self.failures, now=now)

    def is_enough(self, extraction: Extraction) -> bool:
        """Whether an extraction knows which media are the post's, or that it has none.

        What yt-dlp finds by searching a page of any site for players is not enough where the
        browser has seen the page, and found no video of its own: yt-dlp sees less of a player's
        surroundings.
        """
        found = [candidate for item in extraction.items for candidate in item.candidates]
        is_search = extraction.extractor.startswith("ytdlp") and any(
            candidate.evidence for candidate in found
        )
        if is_search and (
            self.unsure is not None
            or any(isinstance(failure, NoVideo) for failure in self.failures)
        ):
            return False
        return bool(extraction.items) or not extraction.others

    def should_try(self, extractor: Extractor) -> bool:
        if self.finished:
            return False
        if not extractor.signed_in:
            return not self.anonymous_is_final
        relevant = self.anonymous[-1:] if self.anonymous_is_final else self.anonymous
        return any(may_see_more_signed_in(failure, self.platform) for failure in relevant)

    def add(self, failure: Failure, extractor: Extractor) -> bool:
        """Add a failure. Return whether it is only a doubt, which does not count:
        the browser sees more.
        """
        if extractor.name == PLAIN_PAGE and not (
            ends_reading(failure) or isinstance(failure, SiteNotFound)
        ):
            self.doubts.append(failure)
            return True
        (self.signed_in if extractor.signed_in else self.anonymous).append(failure)
        if is_verdict(failure, by=extractor.name) and not (
            self.record_live and isinstance(failure, LiveNow)
        ):
            self.anonymous_is_final = True
            self.finished = extractor.signed_in or ends_reading(failure)
        if extractor.name == PLAIN_PAGE:
            self.finished = True  # the browser looks the name up in the same way
        return False


def may_see_more_signed_in(failure: Failure, platform: Platform) -> bool:
    """Whether a signed-in extractor, or one whose browser has solved a challenge, may succeed after
    this failure.

    Sites that show almost nothing to anonymous visitors report posts as deleted that only these
    visitors cannot see.
    """
    sign_in = failure.spec.sign_in
    return (
        platform.walls.blocks_media
        if sign_in is SignInHelp.AT_WALLS
        else sign_in is not SignInHelp.NO
    )


def of_story(failure: Failure, route: Route) -> Failure:
    """Turn a failure that says "deleted" or "no video" into StoryExpired for a story."""
    url = parse_http_url(route.post.url)
    if isinstance(failure, Deleted | SeemsDeleted | NoVideo) and names_story(route.platform, url):
        return StoryExpired(
            Message("%(site)s does not show this story any more.", site=route.platform.title)
        )
    return failure


# A browser that meets one of these says less about it than the plain request does.
_UNREACHED = (NetworkFailure, TookTooLong, RedirectLoop, AddressRefused)
_OVER_AFTER = timedelta(days=1)  # for a broadcast of which the page does not say when it ends
_BROWSERS = frozenset({"browser", "browser_cookies"})


def of_broadcast(failure: Failure, failures: Sequence[Failure], *, now: datetime) -> Failure:
    """Turn "no video" on the page of a broadcast into what its times say: not begun, running,
    or over.
    """
    named = (
        one.broadcast
        for one in (failure, *failures)
        if isinstance(one, NoVideo) and one.broadcast is not None
    )
    broadcast = next(named, None)
    if broadcast is None or failure.code is not ErrorCode.NO_VIDEO:
        return failure
    if broadcast.starts_at > now:
        return Upcoming("The broadcast has not begun.", starts_at=broadcast.starts_at)
    if now < (broadcast.ends_at or broadcast.starts_at + _OVER_AFTER):
        return LiveNow("The broadcast is running, and the page shows no video of it.")
    return BroadcastOver("The broadcast is over, and the page has no recording of it.")


def is_verdict(failure: Failure, *, by: str) -> bool:
    """Whether the failure is definite, so that no other extractor is tried.

    The browser sees what a user sees, and a site that asks us to slow down gets no further
    requests.
    """
    if isinstance(failure, SeemsDeleted):
        return False
    return ends_reading(failure) or (by in _BROWSERS and failure.spec.certainty is Certainty.SURE)


def ends_reading(failure: Failure) -> bool:
    """Whether no extractor gets anywhere now: the site asks us to slow down,
    or the proxy on the way to it fails.
    """
    return isinstance(failure, RateLimited | ProxyFailed)


def most_telling(failures: list[Failure]) -> Failure:
    """The most informative failure: one about the post before one about the network,
    "unsupported site" last.
    """
    if not failures:
        return ToolMissing("No extractor can read this post.")
    return min(failures, key=_vagueness)


def _vagueness(failure: Failure) -> int:
    if failure.spec.certainty is Certainty.NOT_READ:
        return 6
    if isinstance(failure, NoVideo):
        # this result says more than "no video"
        return 3 if failure.code is ErrorCode.NO_VIDEO else 2
    if isinstance(failure, SeemsDeleted):
        return 4
    if isinstance(failure, Final | NeedsPerson | NotYet) or ends_reading(failure):
        return 1
    return 5


# in a job's metadata
RESOLVED_URL = "resolved_url"  # the post that its share link leads to
EMBEDDED_IN = "embedded_in"  # the page that embeds the post of another site, which is saved instead


async def extract(route: Route, context: WorkerContext, recorder: AttemptRecorder) -> Extraction:
    """Reuse the checkpoint of an earlier attempt, or run the extractors."""
    job = recorder.claim.job
    if (saved := saved_extraction(job, route, now=context.clock.now())) is not None:
        await recorder.skipped(
            Stage.EXTRACT, Message("the URL found by an earlier attempt has not expired")
        )
        return saved
    try:
        return await extract_afresh(route, context, recorder)
    except Failure:
        # what is recorded can be saved without the post
        saved = saved_extraction(job, route, now=None)
        if saved is None or not await context.library.staging.has_recording(job.id):
            raise
        return saved


async def follow_link(route: Route, context: WorkerContext, recorder: AttemptRecorder) -> Route:
    """Follow a share link to its post. The permit that this takes from the link's site also covers
    a post on that site.

    Raises what :func:`resolve` raises, and NotAllowedYet.
    """

    async def take_permit() -> None:
        recorder.permit = await site_limits.acquire_permit(
            recorder.claim.id, route.platform, context
        )
        recorder.site, recorder.permit_is_unused = route.platform, True

    known = recorder.claim.job.metadata.get(RESOLVED_URL)
    target = await resolve(
        route, context.client, context.clock, known=known, before_asking=take_permit
    )
    if recorder.permit_is_unused and target.platform.name != route.platform.name:
        await site_limits.report_outcome(route.platform, recorder.permit, None, context)
        recorder.permit, recorder.site, recorder.permit_is_unused = None, None, False
    return target


async def extract_afresh(
    route: Route,
    context: WorkerContext,
    recorder: AttemptRecorder,
    *,
    strategy: StrategyName | None = None,
) -> Extraction:
    """Run the route's extractors in order; the first that succeeds wins.

    The extraction takes a permit of the site, and a second one, at the account's pace, before it
    uses the account. Raises the most informative failure, NotAllowedYet when the site's limits do
    not allow the job now, and AccountDayUsed.
    """

    async def take_permit(*, with_account: bool = False) -> None:
        recorder.permit = await _take_permit(route, context, recorder, with_account=with_account)

    async def take_account_permit() -> None:
        if await is_signed_in_at(route, context):
            await take_permit(with_account=True)

    if not recorder.permit_is_unused:
        await take_permit()
    recorder.site, recorder.permit_is_unused = route.platform, False
    # the browser sees more than the source
    if strategy is StrategyName.FRESH or recorder.claim.job.chosen_urls:
        skipped = (ENCLOSURE, PLAIN_PAGE)
        route = replace(
            route, extractors=tuple(name for name in route.extractors if name not in skipped)
        )
    extraction = await _ask(route, context, recorder, strategy, take_account_permit)
    await site_limits.report_outcome(route.platform, recorder.permit, None, context)
    return extraction


async def extract_again_for(attempt: Attempt, index: int, *, strategy: StrategyName) -> int:
    """Extract again; return the index of the same item now.
    Raises NoVideo when the post no longer has it.
    """
    # waits while another post is extracted alone
    slot = await attempt.context.extraction_slots.begin(alone=False)
    try:
        extraction = await extract_afresh(
            attempt.route, attempt.context, attempt.recorder, strategy=strategy
        )
    finally:
        slot.end()
    extraction = with_choice(extraction, attempt.claim.job.chosen_urls)
    types = attempt.context.profile.types
    same = same_item(index, attempt.extraction, extraction, types)
    attempt.extraction = extraction
    attempt.items.merge(extraction, types, others_too=attempt.context.save_quoted)
    return next(position for position, item in enumerate(extraction.items) if item is same)


async def _take_permit(
    route: Route, context: WorkerContext, recorder: AttemptRecorder, *, with_account: bool
) -> Permit | None:
    """Take a permit of the route's site.

    A share link can lead to another site, whose limits the queue did not check when the job was
    claimed: then the job is retried when that site allows it.
    """
    job, before = recorder.claim.job, recorder.permit
    try:
        return await site_limits.acquire_permit(
            job.id, route.platform, context, with_account=with_account, before=before
        )
    except NotAllowedYet as exc:
        if route.platform.name == job.platform:
            raise
        wait = max(exc.at - context.clock.now(), timedelta())
        raise SiteBusy(str(exc), retry_after=wait) from exc


async def is_signed_in_at(route: Route, context: WorkerContext) -> bool:
    """Whether the browser's profile is signed in to the post's site,
    so that the extraction would use its account.
    """
    if not route.platform.sign_in.session_cookies:
        return False
    cookies = await context.browser.cookies(route.post.canonical_url, signed_in=True)
    return is_signed_in(route.platform, cookies, now=context.clock.now())


async def _ask(
    route: Route,
    context: WorkerContext,
    recorder: AttemptRecorder,
    strategy: StrategyName | None,
    before_session: Callable[[], Awaitable[None]],
) -> Extraction:
    async def record_doubt(failure: Failure) -> None:
        await recorder.skipped(Stage.EXTRACT, failure.message, strategy=strategy)

    async with recorder.step(Stage.EXTRACT, strategy=strategy) as note:
        found = await ask_extractors(
            route, context, before_session=before_session, on_doubt=record_doubt
        )
        extraction = (
            with_first_player(found)
            if is_on_site(route.post.url, context.first_player_sites)
            else found
        )
        note.detail = Message(
            "%(extractor)s: %(found)s",
            extractor=extraction.extractor,
            found=counted(len(extraction.candidates), "candidate"),
        )
        if extraction is not found:
            note.detail = Message(
                "%(found)s; the first player, as the settings say for this site", found=note.detail
            )
        return _with_route(extraction, route)


def _with_route(extraction: Extraction, route: Route) -> Extraction:
    """Record the post behind a share link, for later attempts and for the sidecar,
    and for them the enclosed file.
    """
    resolved: str | None = route.post.url if route.shared_as else None
    if resolved is None and registry.is_share_link(parse_http_url(route.post.url)):
        resolved = _post_at(extraction.final_url)
    known = {RESOLVED_URL: resolved} if resolved else {}
    return replace(
        extraction, metadata={**extraction.metadata, **known, **metadata_of(route.post.enclosed)}
    )


def _post_at(url: str) -> str | None:
    try:
        return registry.shared_url(parse_http_url(url, max_chars=MAX_MEDIA_URL_CHARS))
    except BadUrl:
        return None


async def ask_extractors(
    route: Route,
    context: WorkerContext,
    *,
    before_session: Callable[[], Awaitable[None]] | None = None,
    on_doubt: Callable[[Failure], Awaitable[None]] | None = None,
    follow_embeds: bool = True,
    within_s: float | None = None,
) -> Extraction:
    """Return the first extraction that knows which media belong to the post, else one from which a
    user can choose.

    Anonymous extractors come first; those with the browser's profile, and so an account, are used
    only when a failure of the others shows that this may help, and after ``before_session``. If a
    page without a video embeds one post of another site, that post is extracted instead, once.

    ``on_doubt`` receives why the page's source was not enough, which is not a failure of the post.

    ``within_s`` is what is left of the time limit for a post that another one embeds, or to which a
    share link led.

    A post without a video is returned where it has other media that the profile saves.

    Raises the most informative of all failures, and what ``before_session`` raises.
    """
    results = ExtractorResults(route.platform, record_live=context.profile.record_live)
    limit_s = context.extraction_timeout_s if within_s is None else within_s
    end_s = context.clock.monotonic() + limit_s
    try:
        async with asyncio.timeout(limit_s) as bound:
            for extractor in filter(None, map(context.extractors.get, route.extractors)):
                if not results.should_try(extractor):
                    continue
                if (
                    extractor.signed_in
                    and not results.asking_signed_in
                    and before_session is not None
                ):
                    end_s += await _outside_time_limit(bound, before_session, context.clock)
                results.asking_signed_in = extractor.signed_in
                left_s = max(1.0, end_s - context.clock.monotonic())
                try:
                    extraction = await _read(extractor, route, context, within_s=left_s)
                except Failure as failure:
                    if results.add(failure, extractor) and on_doubt is not None:
                        await on_doubt(failure)
                    continue
                if isinstance(extraction, Route):
                    left_s = max(1.0, end_s - context.clock.monotonic())
                    return await ask_extractors(
                        extraction, context, follow_embeds=False, within_s=left_s
                    )
                if results.is_enough(extraction):
                    return extraction
                results.unsure = results.unsure or as_unsure(extraction)
    except TimeoutError as exc:
        if results.unsure is None and (results.asking_signed_in or not results.failures):
            raise results.unreached or TookTooLong(
                Message(
                    "The post was not read within %(extraction_timeout_s).0f seconds.",
                    extraction_timeout_s=context.extraction_timeout_s,
                )
            ) from exc
    if results.unsure is not None:
        return results.unsure
    if follow_embeds and (other_route := embedded_post(results.failures, route)) is not None:
        left_s = max(1.0, end_s - context.clock.monotonic())
        extraction = await ask_extractors(
            other_route, context, follow_embeds=False, within_s=left_s
        )
        return replace(extraction, metadata={**extraction.metadata, EMBEDDED_IN: route.post.url})
    return results.without_video(route, context.profile.types, now=context.clock.now())


async def _read(
    extractor: Extractor, route: Route, context: WorkerContext, *, within_s: float
) -> Extraction | Route:
    """Return what the extractor reads, also of a stream that is running if the profile wants it.

    A route is that of the post elsewhere to which the page led.
    """
    try:
        extraction = await extractor.extract(route.post, route.platform, within_s=within_s)
    except LiveNow as failure:
        if failure.instead is None or not context.profile.record_live:
            raise
        return failure.instead
    except NoVideo as failure:
        if (
            failure.final_url is None
            or (elsewhere := led_elsewhere(failure.final_url, route)) is None
        ):
            raise
        return elsewhere
    return led_elsewhere(extraction.final_url, route) or extraction


async def _outside_time_limit(
    bound: asyncio.Timeout, wait: Callable[[], Awaitable[None]], clock: Clock
) -> float:
    """Await ``wait`` without counting it towards the extraction's time limit;
    return the seconds that it took.
    """
    end, began_s = bound.when(), clock.monotonic()
    bound.reschedule(None)
    await wait()
    waited_s = clock.monotonic() - began_s
    bound.reschedule(None if end is None else end + waited_s)
    return waited_s


def led_elsewhere(final_url: str, route: Route) -> Route | None:
    """Return the route of a post on another known site, if a share link or an unknown site's link
    led there.

    The extractors of that site read the post better. Raises NotAPost and SeemsDeleted as
    :func:`end_of`.
    """
    if route.platform.matching.posts and not registry.is_share_link(parse_http_url(route.post.url)):
        return None
    try:
        url = parse_http_url(final_url, max_chars=MAX_MEDIA_URL_CHARS)
    except BadUrl:
        return None
    if registry.platform_at(url).name != route.platform.name:
        end_of(url)
    try:
        target = route_of(url, shared_as=route.post.url, listed_by=_named_by(route))
    except (BadInput, Final):
        return None
    return (
        target
        if target.post.post_id is not None and target.platform.name != route.platform.name
        else None
    )


def embedded_post(failures: Sequence[Failure], route: Route) -> Route | None:
    """Return the route of the one post of another known site that a page without a video embeds;
    None if not one.
    """
    routes: dict[str, Route] = {}
    for url in (
        embed for failure in failures if isinstance(failure, NoVideo) for embed in failure.embeds
    ):
        try:
            target = route_of(parse_http_url(url), listed_by=_named_by(route))
        except (BadInput, Final):
            continue
        if target.post.post_id is not None and target.platform.name != route.platform.name:
            # Only anonymous extractors: there is no permit for an account of that site.
            anonymous = replace(target, extractors=target.platform.extractors)
            routes[target.post.canonical_url] = anonymous
    return next(iter(routes.values())) if len(routes) == 1 else None


def _named_by(route: Route) -> str:
    """Return what ``listed_by`` is for a post to which this one leads: a page chooses such posts as
    freely as a list.

    So they are exempt on this post's own server only, and only if this one may be.
    """
    page = route.post.scope.exemptible
    return page.origin if page is not None else ""
