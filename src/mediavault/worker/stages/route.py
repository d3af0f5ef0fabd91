"""Stage 2: the platform of a post and the extractors to try, in order. A share link is followed
first, by its redirects.

The requests are GET and their bodies are not read: that costs as little as HEAD, which some servers
answer differently. A URL that names a post of a known host ends the chain and is not requested
itself. Links that redirect by a script or an interstitial page are left to the browser, which
visits the share link.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlsplit

from mediavault.core.clock import Clock
from mediavault.core.failures import (
    BadUrl,
    Failure,
    HttpError,
    NetworkFailure,
    NotAPost,
    SeemsDeleted,
    TookTooLong,
)
from mediavault.core.job import Job
from mediavault.core.listings import enclosed_in
from mediavault.core.logs import get_logger, redact_url
from mediavault.core.media import Post
from mediavault.core.messages import Message
from mediavault.core.platform import ENCLOSURE, IN_WORDS, Platform
from mediavault.core.post_urls import is_named_host, read_page
from mediavault.core.retry_after import parse_retry_after
from mediavault.core.urls import (
    MAX_MEDIA_URL_CHARS,
    EgressScope,
    HttpUrl,
    parse_http_url,
    resolve_reference,
)
from mediavault.egress.port import HttpClient, Timeouts
from mediavault.extraction.walls import failure_of_status, is_login_page
from mediavault.platforms import registry

_WITH_SESSION = {"browser": "browser_cookies", "ytdlp": "ytdlp_cookies"}


@dataclass(frozen=True, slots=True)
class Route:
    """A post with its platform and extractors. ``shared_as`` is the share link that led to it,
    if one did.
    """

    post: Post
    platform: Platform
    extractors: tuple[str, ...]
    shared_as: str | None = None


def route_job_by_domain(job: Job) -> Route:
    """Route a job by its URL, or to the file that a feed encloses, before the page that the URL
    names.

    If a user has asked for the post since, exemptions hold for its page and not for what the feed
    has named. Raises NotAPost or Unsupported, also for jobs that an older version accepted.
    """
    url, enclosed = parse_http_url(job.post_url), enclosed_in(job.metadata)
    route = route_of(
        url, listed_by=url.origin if enclosed and job.listed_by is None else job.listed_by
    )
    if enclosed is None:
        return route
    return replace(
        route,
        post=replace(route.post, enclosed=enclosed),
        extractors=(ENCLOSURE, *route.extractors),
    )


def route_of(url: HttpUrl, *, shared_as: str | None = None, listed_by: str | None = None) -> Route:
    """Return the route of the post that ``url`` names; ``listed_by`` as in EgressScope.
    Raises NotAPost or Unsupported.
    """
    post, platform = registry.identify(url)
    return Route(replace(post, listed_by=listed_by), platform, extractors_of(platform), shared_as)


def extractors_of(platform: Platform) -> tuple[str, ...]:
    """The names of a platform's extractors in order: anonymous ones first, because they do not use
    an account.

    Those with the browser's profile are included for every platform, because a user may have solved
    a challenge in it.
    """
    return (
        *platform.extractors,
        *(_WITH_SESSION[name] for name in platform.extractors if name in _WITH_SESSION),
    )


def describe(route: Route, profile: str) -> str:
    """Describe the route, and the profile with which the post is saved, for the job's history."""
    site = (
        Message("%(site)s: the link leads to %(url)s", site=route.platform.name, url=route.post.url)
        if route.shared_as
        else route.platform.name
    )
    return Message("%(site)s; profile: %(profile)s", site=site, profile=profile)


MAX_HOPS = 10
SOFT_S = 5.0  # for one response
HARD_S = 10.0  # for the whole chain
# Query parameters in which login pages keep the URL to continue with.
_NEXT = (
    "next",
    "redirect_url",
    "redirect_after_login",
    "redirect",
    "continue",
    "session_redirect",
    "return_to",
    "dest",
)

log = get_logger(__name__)


async def resolve(
    route: Route,
    client: HttpClient,
    clock: Clock,
    *,
    known: str | None = None,
    before_asking: Callable[[], Awaitable[None]] | None = None,
) -> Route:
    """Return the route to the post behind a share link; ``route`` itself if it is not one, or if
    only a browser can tell.

    ``known`` is the URL that an earlier attempt found. ``before_asking`` is awaited before the
    first request, if one is made. Raises NotAPost when the link leads to an account or a list,
    SeemsDeleted or Deleted when it leads nowhere, HttpError for a loop, RateLimited,
    AddressRefused.
    """
    url = parse_http_url(route.post.url)
    if not registry.is_share_link(url):
        return route
    if known is not None:
        return route_of(
            parse_http_url(known, max_chars=MAX_MEDIA_URL_CHARS),
            shared_as=route.post.url,
            listed_by=route.post.listed_by,
        )
    if route.platform.resolve_with == "browser":
        return route
    if before_asking is not None:
        await before_asking()
    try:
        target = await _follow(url, route.post.listed_by, client, clock)
    except (NetworkFailure, TookTooLong, BadUrl) as exc:
        log.info("share_link_left_to_the_browser", url=redact_url(str(url)), why=exc.message)
        return route
    return (
        route
        if target is None
        else route_of(target, shared_as=route.post.url, listed_by=route.post.listed_by)
    )


async def _follow(
    link: HttpUrl, listed_by: str | None, client: HttpClient, clock: Clock
) -> HttpUrl | None:
    """Follow the redirects to the post's URL; None when plain HTTP does not lead to it."""
    url, seen, ends_s = link, {str(link)}, clock.monotonic() + HARD_S
    for _ in range(MAX_HOPS):
        left_s = ends_s - clock.monotonic()
        if left_s <= 0:
            raise TookTooLong("The share link was not followed in time.")
        platform = registry.platform_at(url)
        limits = Timeouts(connect_s=SOFT_S, read_s=SOFT_S, total_s=left_s)
        async with client.get(
            str(url), scope=EgressScope(str(link), listed_by), timeouts=limits, max_redirects=0
        ) as response:
            status, location, pause = (
                response.status,
                response.headers.get("location"),
                parse_retry_after(response.headers),
            )
        if not (300 <= status < 400 and location):
            if status in (404, 410, 429) and (
                failure := failure_of_status(
                    status, platform, refused=False, what="", retry_after=pause
                )
            ):
                raise failure
            return None if registry.is_share_link(url) else url
        url = resolve_reference(url, location)
        if str(url) in seen:
            raise HttpError("The share link redirects in a loop.", http_status=status)
        seen.add(str(url))
        if (end := end_of(url)) is not None:
            return end.address
    raise HttpError(
        Message("The share link still redirects after %(max_hops)s redirects.", max_hops=MAX_HOPS),
        http_status=status,
    )


@dataclass(frozen=True, slots=True)
class End:
    """The end of a redirect chain: ``address``, or None for a page that only a browser can open."""

    address: HttpUrl | None


def end_of(url: HttpUrl) -> End | None:
    """Return the end of a redirect chain if it ends at ``url``; None when it has to be followed
    further. Pure.

    Hosts that no platform names are always requested, so that the egress guard judges them. Raises
    NotAPost and SeemsDeleted.
    """
    platform = registry.platform_at(url)
    if not is_named_host(platform, url) or registry.is_share_link(url):
        return None
    if is_login_page(str(url), platform):
        return End(_next_post(url, platform))
    if (shared := registry.shared_url(url)) is not None:
        return End(parse_http_url(shared, max_chars=MAX_MEDIA_URL_CHARS))
    page = read_page(platform, url)
    if page is not None and (what := IN_WORDS.get(page.kind)) is not None:
        raise NotAPost(
            Message(
                "The link leads to %(what)s on %(site)s, not to one post.",
                what=what,
                site=platform.title,
            )
        )
    if not url.path.strip("/"):
        raise SeemsDeleted(
            Message(
                "The link leads to the front page of %(site)s: the post is gone.",
                site=platform.title,
            )
        )
    return End(None)


def _next_post(login: HttpUrl, platform: Platform) -> HttpUrl | None:
    """Return the URL of the post that a login page leads to after the sign-in;
    None when it names none.
    """
    parameters = dict(parse_qsl(urlsplit(str(login)).query))
    for name in _NEXT:
        try:
            target = resolve_reference(login, parameters[name])
            post, found_platform = registry.identify(target)
        except (KeyError, BadUrl, Failure):
            continue
        if (
            found_platform is platform
            and post.post_id is not None
            and is_named_host(platform, target)
        ):
            return parse_http_url(
                registry.shared_url(target) or post.url, max_chars=MAX_MEDIA_URL_CHARS
            )
    return None
