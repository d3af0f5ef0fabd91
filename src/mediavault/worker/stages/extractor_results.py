"""The results of a post's extractors: which one to try next, and which failure to report in the end. Pure."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mediavault.core.failures import (
    AddressRefused,
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
from mediavault.core.media import BroadcastOver, Extraction, ItemType, LiveNow, NoVideo
from mediavault.core.messages import Message
from mediavault.core.platform import PLAIN_PAGE, Platform
from mediavault.core.post_urls import names_story
from mediavault.core.urls import parse_http_url
from mediavault.extraction.port import Extractor
from mediavault.worker.dispatch import Route


def confirmed(failure: Failure, failures: Sequence[Failure]) -> Failure:
    """Turn SeemsDeleted into Deleted when two extractors agree, since each looks at different signs."""
    if isinstance(failure, SeemsDeleted) and sum(isinstance(other, SeemsDeleted) for other in failures) > 1:
        return Deleted(failure.message, http_status=failure.http_status)
    return failure


@dataclass(slots=True)
class ExtractorResults:
    """The failures so far, of anonymous extractors and of those that use the profile's session."""

    platform: Platform
    record_live: bool = False  # another extractor may have the stream that one only says is running
    anonymous: list[Failure] = field(default_factory=list)
    signed_in: list[Failure] = field(default_factory=list)
    doubts: list[Failure] = field(default_factory=list)  # why the page's source was not enough, which does not count
    unsure: Extraction | None = None
    asking_signed_in: bool = False
    anonymous_is_final: bool = False  # the site has given a definite answer: other anonymous extractors are skipped
    is_over: bool = False

    @property
    def failures(self) -> list[Failure]:
        return [*self.anonymous, *self.signed_in]

    @property
    def final_failure(self) -> Failure:
        """The failure to report: one of the signed-in extractors, which see more, else one of the anonymous ones.

        Where they did not reach the site, and neither did the plain request for the page, the latter says best why.
        """
        informative = [failure for failure in self.signed_in if failure.spec.certainty is not Certainty.NOT_READ]
        failure = confirmed(most_telling(informative or self.anonymous), self.failures)
        return (self.unreached or failure) if isinstance(failure, _UNREACHED) else failure

    @property
    def unreached(self) -> Failure | None:
        """Why the plain request for the page did not reach the site; None where it did."""
        return next((doubt for doubt in self.doubts if isinstance(doubt, _UNREACHED)), None)

    def without_video(self, route: Route, types: Set[ItemType], *, now: datetime) -> Extraction:
        """Return what was read of a post that has no video, but media of these types. Raises the failure to report."""
        final = self.final_failure
        read = (failure.instead for failure in self.failures if isinstance(failure, NoVideo))
        instead = next((found for found in read if found is not None and found.media(types)), None)
        if isinstance(final, NoVideo) and instead is not None:
            return instead
        raise of_broadcast(of_story(final, route), self.failures, now=now)

    def is_enough(self, extraction: Extraction) -> bool:
        """Whether an extraction knows which media are the post's, or that it has none.

        What yt-dlp finds by searching a page of any site for players is not enough where the browser has seen the page, and
        found no video of its own: yt-dlp sees less of what stands around a player.
        """
        found = [candidate for item in extraction.items for candidate in item.candidates]
        is_search = extraction.extractor.startswith("ytdlp") and any(candidate.evidence for candidate in found)
        if is_search and (self.unsure is not None or any(isinstance(failure, NoVideo) for failure in self.failures)):
            return False
        return bool(extraction.items) or not extraction.others

    def should_try(self, extractor: Extractor) -> bool:
        if self.is_over:
            return False
        if not extractor.signed_in:
            return not self.anonymous_is_final
        relevant = self.anonymous[-1:] if self.anonymous_is_final else self.anonymous
        return any(may_see_more_signed_in(failure, self.platform) for failure in relevant)

    def add(self, failure: Failure, extractor: Extractor) -> bool:
        """Add a failure. Return whether it is only a doubt, which does not count: the browser sees more."""
        if extractor.name == PLAIN_PAGE and not (ends_reading(failure) or isinstance(failure, SiteNotFound)):
            self.doubts.append(failure)
            return True
        (self.signed_in if extractor.signed_in else self.anonymous).append(failure)
        if is_verdict(failure, by=extractor.name) and not (self.record_live and isinstance(failure, LiveNow)):
            self.anonymous_is_final = True
            self.is_over = extractor.signed_in or ends_reading(failure)
        if extractor.name == PLAIN_PAGE:
            self.is_over = True  # the browser looks the name up in the same way
        return False


def may_see_more_signed_in(failure: Failure, platform: Platform) -> bool:
    """Whether a signed-in extractor, or one whose browser has solved a challenge, may succeed after this failure.

    Sites that show almost nothing to anonymous visitors report posts as deleted that only these visitors cannot see.
    """
    sign_in = failure.spec.sign_in
    return platform.walls.blocks_media if sign_in is SignInHelp.AT_WALLS else sign_in is not SignInHelp.NO


def of_story(failure: Failure, route: Route) -> Failure:
    """Turn a failure that says "deleted" or "no video" into StoryExpired for a story."""
    url = parse_http_url(route.post.url)
    if isinstance(failure, Deleted | SeemsDeleted | NoVideo) and names_story(route.platform, url):
        return StoryExpired(Message("%(site)s does not show this story any more.", site=route.platform.title))
    return failure


# A browser that meets one of these says less about it than the plain request does.
_UNREACHED = (NetworkFailure, TookTooLong, RedirectLoop, AddressRefused)
_OVER_AFTER = timedelta(days=1)  # for a broadcast of which the page does not say when it ends
_BROWSERS = frozenset({"browser", "browser_cookies"})


def of_broadcast(failure: Failure, failures: Sequence[Failure], *, now: datetime) -> Failure:
    """Turn "no video" on the page of a broadcast into what its times say: not begun, running, or over."""
    named = (one.broadcast for one in (failure, *failures) if isinstance(one, NoVideo) and one.broadcast is not None)
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

    The browser sees what a user sees, and a site that asks us to slow down gets no further requests.
    """
    if isinstance(failure, SeemsDeleted):
        return False
    return ends_reading(failure) or (by in _BROWSERS and failure.spec.certainty is Certainty.SURE)


def ends_reading(failure: Failure) -> bool:
    """Whether no extractor gets anywhere now: the site asks us to slow down, or the proxy on the way to it fails."""
    return isinstance(failure, RateLimited | ProxyFailed)


def most_telling(failures: list[Failure]) -> Failure:
    """The most informative failure: one about the post before one about the network, "unsupported site" last."""
    if not failures:
        return ToolMissing("No extractor can read this post.")
    return min(failures, key=_vagueness)


def _vagueness(failure: Failure) -> int:
    if failure.spec.certainty is Certainty.NOT_READ:
        return 6
    if isinstance(failure, NoVideo):
        return 3 if failure.code is ErrorCode.NO_VIDEO else 2  # what there is says more than that there is no video
    if isinstance(failure, SeemsDeleted):
        return 4
    if isinstance(failure, Final | NeedsPerson | NotYet) or ends_reading(failure):
        return 1
    return 5
