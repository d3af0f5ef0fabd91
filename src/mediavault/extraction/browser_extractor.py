"""Visits a post, or an account's list, in the browser and reads it: walls,
the site's own data, then what any page has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from mediavault.browser.port import Browser, PageCapture
from mediavault.browser.url_signs import advert_media
from mediavault.core.clock import Clock
from mediavault.core.failures import (
    AgeRestrictedSignedOut,
    BadUrl,
    Drm,
    ExtractorBroken,
    Failure,
    LoginRequired,
    NotAPost,
    SeemsDeleted,
    TookTooLong,
    Unsupported,
)
from mediavault.core.listings import ListCheck, Listing
from mediavault.core.logs import get_logger, redact_url
from mediavault.core.media import Candidate, Extraction, Ownership, Post, SourceType
from mediavault.core.messages import Message
from mediavault.core.platform import IN_WORDS, AddressKind, PageData, Platform
from mediavault.core.post_urls import find_post, is_named_host, page_to_visit, read_page
from mediavault.core.sessions import is_signed_in, wall_failure
from mediavault.core.urls import MAX_MEDIA_URL_CHARS, EgressScope, HttpUrl, parse_http_url
from mediavault.extraction.assembly import (
    PageSource,
    assign_own_media,
    data_of,
    declared_sightings,
    from_page,
    from_page_data,
    source_of,
)
from mediavault.extraction.candidates import NetworkMedia, leftovers, network_media
from mediavault.extraction.media_urls import identity
from mediavault.extraction.outcome import PageOutcome, outcome_of, shown_by
from mediavault.extraction.ownership import OwnershipResult
from mediavault.extraction.page_data.html_page import HtmlPage
from mediavault.extraction.page_data.metadata import announced_by, broadcast_of
from mediavault.extraction.page_data.readers import viewer_of
from mediavault.extraction.page_data.refusals import reported_refusal
from mediavault.extraction.page_manifests import page_manifests
from mediavault.extraction.players import player_sightings
from mediavault.extraction.port import Reader, VisitReading
from mediavault.extraction.prerolls import without_adverts
from mediavault.extraction.ranking import no_video
from mediavault.extraction.walls import hard_wall, site_name, soft_wall

MARGIN_S = 8.0  # left of the time limit, for the browser to close its page after the visit

log = get_logger(__name__)


class BrowserExtractor:
    """The extractor ``browser``, which visits signed out.

    With ``signed_in`` it is ``browser_cookies``, which uses the profile's cookies.
    """

    def __init__(
        self,
        browser: Browser,
        clock: Clock,
        reader: Reader,
        *,
        signed_in: bool = False,
        on_viewer: Callable[[str, str], None] = lambda _, __: None,
    ) -> None:
        """``on_viewer`` receives the platform's name and what a page calls the signed-in user."""
        self.name = "browser_cookies" if signed_in else "browser"
        self.signed_in = signed_in
        self._browser = browser
        self._clock = clock
        self._reader = reader
        self._on_viewer = on_viewer

    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
        began_s = self._clock.monotonic()
        url = page_to_visit(post, platform)
        cookies = await self._browser.cookies(url, signed_in=True) if self.signed_in else ()
        if self.signed_in and not cookies:
            raise Unsupported("The browser's profile has no cookie for this post.")
        visit_s = max(within_s - MARGIN_S, within_s / 2)
        capture = await self._browser.capture(
            url,
            scope=EgressScope(url, post.listed_by),
            platform=platform,
            within_s=visit_s,
            signed_in=self.signed_in,
        )
        try:
            reading = await self._reader.read_visit(
                post, platform, capture, with_viewer=self.signed_in
            )
        except (LoginRequired, AgeRestrictedSignedOut) as wall:
            # although signed in: the session has ended
            raise wall_failure(wall, platform, cookies, now=self._clock.now()) from wall
        log.info(
            "post_read",
            url=redact_url(capture.final_url),
            signed_in=self.signed_in,
            candidates=len(reading.extraction.candidates),
            took_ms=round((self._clock.monotonic() - began_s) * 1000),
        )
        if reading.viewer is not None:
            await asyncio.to_thread(self._on_viewer, platform.name, reading.viewer)
        return replace(reading.extraction, extractor=self.name, signed_in=self.signed_in)


def read_visit(
    post: Post, platform: Platform, capture: PageCapture, *, with_viewer: bool
) -> VisitReading:
    """Return what a visit shows about the post and, ``with_viewer``, what the page calls the
    signed-in user. Pure.

    Raises as :func:`read_capture`.
    """
    extraction = read_capture(post, platform, capture)
    wants_viewer = with_viewer and platform.reader.viewer
    return VisitReading(
        extraction,
        viewer_of(platform.reader.viewer, source_of(capture).documents) if wants_viewer else None,
    )


def read_capture(post: Post, platform: Platform, capture: PageCapture) -> Extraction:
    """Return what a visit shows about the post. Pure.

    Raises the failure of a wall, Drm, NoVideo, and ExtractorBroken where a platform's data never
    arrived.
    """
    if (failure := hard_wall(capture, platform)) is not None:
        raise failure
    post = _with_id(post, platform, capture.final_url)
    if (
        post.post_id is None
        and (failure := _led_to_no_post(platform, capture.final_url)) is not None
    ):
        raise failure
    capture = _before_navigation(capture, post, platform)
    source = source_of(capture)
    network = _network(capture, source, platform)
    data = data_of(post, platform, source)
    if data is not None and data.found:
        extraction = from_page_data(post, platform, data, network, source)
    else:
        declared = declared_sightings(source.page, platform)
        named = {identity(c.url) for sighting in declared for c in sighting.candidates}
        videos = without_adverts(
            capture.videos, network, named=named, announced_s=announced_by(source.page).duration_s
        )
        players = player_sightings(replace(capture, videos=videos), network, platform)
        rest = leftovers(network, [*players, *declared])
        owned = assign_own_media(
            players, declared, rest, post=post, platform=platform, source=source
        )
        owned = _disown_unless_own_page(owned, post, platform, capture.final_url)
        extraction = from_page(post, platform, source, owned)
    extraction = replace(extraction, user_agent=capture.user_agent, extractor="browser")
    return _require_video(_mark_protected(extraction, capture), capture, source, platform, data)


def _network(capture: PageCapture, source: PageSource, platform: Platform) -> NetworkMedia:
    """Return what the network showed.

    Unless the platform always sends its own data, that includes manifests that the page made
    itself.
    """
    adverts = (*capture.adverts, *advert_media(capture.html.encode("utf-8", "replace")))
    if platform.reader.always_sent:
        return network_media(capture.responses, platform, adverts=adverts)
    made, names = page_manifests(capture.manifests, source.documents, capture.final_url)
    return network_media((*capture.responses, *made), platform, names=names, adverts=adverts)


def _with_id(post: Post, platform: Platform, final_url: str) -> Post:
    """Return the post with the id that its final URL names:
    a share link does not name one itself.
    """
    match = find_post(platform, final_url) if post.post_id is None else None
    return (
        replace(post, post_id=match.post_id, handle=post.handle or match.handle) if match else post
    )


def _led_to_no_post(platform: Platform, final_url: str) -> Failure | None:
    """Return the failure of a share link that led to a page of its site other than a post;
    None otherwise.
    """
    try:
        url = parse_http_url(final_url, max_chars=MAX_MEDIA_URL_CHARS)
    except BadUrl:
        return None
    if not platform.matching.posts or not is_named_host(platform, url):
        return None
    page = read_page(platform, url)
    if page is not None and (what := IN_WORDS.get(page.kind)) is not None:
        return NotAPost(
            Message(
                "The link leads to %(what)s on %(site)s, not to one post.",
                what=what,
                site=platform.title,
            )
        )
    if not url.path.strip("/"):
        return SeemsDeleted(
            Message(
                "The link leads to the front page of %(site)s: the post is gone.",
                site=platform.title,
            )
        )
    return None


def _before_navigation(capture: PageCapture, post: Post, platform: Platform) -> PageCapture:
    """Drop what came after the page navigated to another post automatically:
    its players show that one.
    """
    for seconds, url in capture.extra.get("navigations", ()):
        match = find_post(platform, url)
        if match is not None and post.post_id is not None and match.post_id != post.post_id:
            responses = tuple(seen for seen in capture.responses if seen.seen_at_s < seconds)
            return replace(capture, responses=responses, manifests=(), videos=(), html="")
    return capture


def _disown_unless_own_page(
    owned: OwnershipResult, post: Post, platform: Platform, final_url: str
) -> OwnershipResult:
    """Disown everything where a known platform's page is no longer the post's, or where its own
    data did not arrive.

    Of a platform whose own data we read, nothing is guessed without them.
    """
    if not platform.matching.posts:
        return owned
    match = find_post(platform, final_url)
    if (
        match is not None
        and match.post_id == post.post_id is not None
        and not platform.reader.always_sent
    ):
        return owned
    unsure = [
        replace(s, candidates=tuple(replace(c, ownership=Ownership.UNKNOWN) for c in s.candidates))
        for s in owned.items
    ]
    return OwnershipResult((), (*unsure, *owned.others))


def _mark_protected(extraction: Extraction, capture: PageCapture) -> Extraction:
    """Mark all streams as protected if encrypted data were seen whose player is unknown."""
    if not capture.extra.get("encrypted") or any(video.protected for video in capture.videos):
        return extraction
    items = tuple(
        replace(item, candidates=tuple(map(_protected, item.candidates)))
        for item in extraction.items
    )
    return replace(extraction, items=items, others=tuple(map(_protected, extraction.others)))


def _protected(candidate: Candidate) -> Candidate:
    segmented = candidate.source_type in (SourceType.HLS, SourceType.DASH)
    return replace(candidate, drm=True) if segmented else candidate


def _require_video(
    extraction: Extraction,
    capture: PageCapture,
    source: PageSource,
    platform: Platform,
    data: PageData | None,
) -> Extraction:
    known = data is not None and data.found
    owned = [c for item in extraction.videos for c in item.candidates]
    if any(not c.drm for c in owned):
        return extraction
    if owned or capture.drm_requested:
        raise Drm("The post's video is copy-protected.")
    if not known and (failure := _wall(extraction.post, capture, source, platform)) is not None:
        raise failure
    if extraction.others:
        return extraction  # ``ranking`` asks the user to choose
    shown = shown_by(
        extraction.post, platform, source, data, html=capture.html, words=capture.visible_text
    )
    raise _nothing_found(
        extraction, capture, source.page, platform, outcome_of(extraction, shown), known=known
    )


def _wall(
    post: Post, capture: PageCapture, source: PageSource, platform: Platform
) -> Failure | None:
    """Return the wall's failure; codes in the JSON answers take precedence over the page's
    words.
    """
    return reported_refusal(post, platform, source.documents) or soft_wall(
        capture, source.page, platform
    )


def _nothing_found(
    extraction: Extraction,
    capture: PageCapture,
    page: HtmlPage,
    platform: Platform,
    outcome: PageOutcome,
    *,
    known: bool,
) -> Failure:
    if not known and platform.reader.always_sent:
        return ExtractorBroken(
            Message("%(site)s did not send the post's data.", site=platform.title)
        )
    if capture.extra.get("unresponsive") or not capture.html:
        return ExtractorBroken("The page did not respond.")
    if not known and capture.extra.get("cut_short"):  # what it did not show yet may be the video
        return TookTooLong("The page was not seen to its end in the time that a post is given.")
    # other sites send nothing more
    if not known and platform.matching.posts and outcome is not PageOutcome.NO_VIDEO:
        return ExtractorBroken(
            Message("%(site)s did not show the post or its video.", site=platform.title)
        )
    if outcome is PageOutcome.MANY_POSTS:
        return NotAPost("This page is a list of posts, not one post.")
    failure = no_video(extraction)
    failure.broadcast = broadcast_of(page)
    return failure


_LISTS = frozenset({AddressKind.PROFILE, AddressKind.PLAYLIST})


class BrowserLister:
    """The lister ``browser``, whose every check is a visit that counts against the signed-in
    account.
    """

    name = "browser"
    signed_in = True

    def __init__(self, browser: Browser, clock: Clock, reader: Reader) -> None:
        self._browser = browser
        self._clock = clock
        self._reader = reader

    async def list_entries(
        self, check: ListCheck, platform: Platform, *, within_s: float
    ) -> Listing:
        """See the port. Raises LoginRequired, without any traffic,
        where the profile has no session at the site.
        """
        url = _page_to_visit(check, platform)
        cookies = await self._browser.cookies(url, signed_in=True)
        if not is_signed_in(platform, cookies, now=self._clock.now()):
            raise LoginRequired(
                Message(
                    "%(site)s lists posts only to signed-in visitors.", site=site_name(platform)
                )
            )
        visit_s = max(within_s - MARGIN_S, within_s / 2)
        capture = await self._browser.capture(
            url,
            scope=EgressScope(url),
            platform=platform,
            within_s=visit_s,
            signed_in=True,
            is_list=True,
        )
        try:
            listing = await self._reader.read_profile(check, platform, capture)
        except (LoginRequired, AgeRestrictedSignedOut) as wall:
            # although signed in: the session has ended
            raise wall_failure(wall, platform, cookies, now=self._clock.now()) from wall
        return replace(
            listing,
            method=self.name,
            uses_account=True,
            stable_id=listing.stable_id or check.stable_id or None,
        )


def _page_to_visit(check: ListCheck, platform: Platform) -> str:
    """Return the site's own URL of a source: a mirror is never visited.

    Raises Unsupported for what is not a list, and for sites without sessions or with feeds, which
    need no account.
    """
    try:
        url = parse_http_url(check.url)
    except BadUrl as exc:
        raise Unsupported(exc.message) from exc
    page = read_page(platform, url)
    if (
        page is None
        or page.kind not in _LISTS
        or not platform.sign_in.session_cookies
        or platform.feeds
    ):
        raise Unsupported(
            Message("%(site)s has no list of posts at this URL.", site=site_name(platform))
        )
    return str(replace(url, host=platform.matching.hosts[0]) if _is_mirror(url, platform) else url)


def _is_mirror(url: HttpUrl, platform: Platform) -> bool:
    return url.host in platform.matching.mirror_hosts or url.host.startswith(
        platform.matching.mirror_prefixes
    )
