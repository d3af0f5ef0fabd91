"""Stage 2, second half: follow a share link by its HTTP redirects.

The requests are GET and their bodies are not read: that costs as little as HEAD, which some servers answer differently. A
URL that names a post of a known host ends the chain and is not requested itself. Links that redirect by a script or an
interstitial page are left to the browser, which visits the share link.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
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
from mediavault.core.logs import get_logger, redact_url
from mediavault.core.messages import Message
from mediavault.core.platform import IN_WORDS, Platform
from mediavault.core.post_urls import is_named_host, read_page
from mediavault.core.retry_after import parse_retry_after
from mediavault.core.urls import MAX_MEDIA_URL_CHARS, EgressScope, HttpUrl, parse_http_url, resolve_reference
from mediavault.egress.port import HttpClient, Timeouts
from mediavault.extraction.walls import failure_of_status, is_login_page
from mediavault.platforms import registry
from mediavault.worker.dispatch import Route, route_of

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
    """Return the route to the post behind a share link; ``route`` itself if it is not one, or if only a browser can tell.

    ``known`` is the URL that an earlier attempt found. ``before_asking`` is awaited before the first request, if one is
    made. Raises NotAPost when the link leads to an account or a list, SeemsDeleted or Deleted when it leads nowhere,
    HttpError for a loop, RateLimited, AddressRefused.
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
    return route if target is None else route_of(target, shared_as=route.post.url, listed_by=route.post.listed_by)


async def _follow(link: HttpUrl, listed_by: str | None, client: HttpClient, clock: Clock) -> HttpUrl | None:
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
                failure := failure_of_status(status, platform, refused=False, what="", retry_after=pause)
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
        Message("The share link still redirects after %(max_hops)s redirects.", max_hops=MAX_HOPS), http_status=status
    )


@dataclass(frozen=True, slots=True)
class End:
    """The end of a redirect chain: ``address``, or None for a page that only a browser can open."""

    address: HttpUrl | None


def end_of(url: HttpUrl) -> End | None:
    """Return the end of a redirect chain if it ends at ``url``; None when it has to be followed further. Pure.

    Hosts that no platform names are always requested, so that the egress guard judges them. Raises NotAPost and
    SeemsDeleted.
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
            Message("The link leads to %(what)s on %(site)s, not to one post.", what=what, site=platform.title)
        )
    if not url.path.strip("/"):
        raise SeemsDeleted(
            Message("The link leads to the front page of %(site)s: the post is gone.", site=platform.title)
        )
    return End(None)


def _next_post(login: HttpUrl, platform: Platform) -> HttpUrl | None:
    """Return the URL of the post that a login page leads to after the sign-in; None when it names none."""
    parameters = dict(parse_qsl(urlsplit(str(login)).query))
    for name in _NEXT:
        try:
            target = resolve_reference(login, parameters[name])
            post, found_platform = registry.identify(target)
        except (KeyError, BadUrl, Failure):
            continue
        if found_platform is platform and post.post_id is not None and is_named_host(platform, target):
            return parse_http_url(registry.shared_url(target) or post.url, max_chars=MAX_MEDIA_URL_CHARS)
    return None
