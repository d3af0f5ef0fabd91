"""Lister for sites that list only to a signed-in person: one visit to the account's page with the profile's session."""

from __future__ import annotations

from dataclasses import replace

from mediavault.browser.port import Browser
from mediavault.core.clock import Clock
from mediavault.core.failures import AgeRestrictedSignedOut, BadUrl, LoginRequired, Unsupported
from mediavault.core.listings import Listing, Look
from mediavault.core.messages import Message
from mediavault.core.platform import AddressKind, Platform
from mediavault.core.post_urls import read_page
from mediavault.core.sessions import is_signed_in, wall_failure
from mediavault.core.urls import EgressScope, HttpUrl, parse_http_url
from mediavault.extraction.http_status import site_name
from mediavault.extraction.port import Reader

MARGIN_S = 8.0  # left of the time limit, for the browser to close its page after the visit
_LISTS = frozenset({AddressKind.PROFILE, AddressKind.PLAYLIST})


class BrowserLister:
    """The lister ``browser``, whose every look is a visit that counts against the signed-in account."""

    name = "browser"
    signed_in = True

    def __init__(self, browser: Browser, clock: Clock, reader: Reader) -> None:
        self._browser = browser
        self._clock = clock
        self._reader = reader

    async def list_entries(self, look: Look, platform: Platform, *, within_s: float) -> Listing:
        """See the port. Raises LoginRequired, without any traffic, where the profile has no session at the site."""
        url = _page_to_visit(look, platform)
        cookies = await self._browser.cookies(url, signed_in=True)
        if not is_signed_in(platform, cookies, now=self._clock.now()):
            raise LoginRequired(Message("%(site)s lists posts only to signed-in visitors.", site=site_name(platform)))
        visit_s = max(within_s - MARGIN_S, within_s / 2)
        capture = await self._browser.capture(
            url, scope=EgressScope(url), platform=platform, within_s=visit_s, signed_in=True, is_list=True
        )
        try:
            listing = await self._reader.read_profile(look, platform, capture)
        except (LoginRequired, AgeRestrictedSignedOut) as wall:  # although signed in: the session has ended
            raise wall_failure(wall, platform, cookies, now=self._clock.now()) from wall
        return replace(
            listing, method=self.name, uses_account=True, stable_id=listing.stable_id or look.stable_id or None
        )


def _page_to_visit(look: Look, platform: Platform) -> str:
    """Return the site's own URL of a source: a mirror is never visited.

    Raises Unsupported for what is not a list, and for sites without sessions or with feeds, which need no account.
    """
    try:
        url = parse_http_url(look.url)
    except BadUrl as exc:
        raise Unsupported(exc.message) from exc
    page = read_page(platform, url)
    if page is None or page.kind not in _LISTS or not platform.sign_in.session_cookies or platform.feeds:
        raise Unsupported(Message("%(site)s has no list of posts at this URL.", site=site_name(platform)))
    return str(replace(url, host=platform.matching.hosts[0]) if _is_mirror(url, platform) else url)


def _is_mirror(url: HttpUrl, platform: Platform) -> bool:
    return url.host in platform.matching.mirror_hosts or url.host.startswith(platform.matching.mirror_prefixes)
