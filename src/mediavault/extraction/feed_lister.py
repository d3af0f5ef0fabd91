"""Lister that asks the cheapest way that a site offers: feeds and open APIs,
by plain requests without an account.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit

from mediavault.core import unreached
from mediavault.core.clock import Clock
from mediavault.core.failures import (
    BadUrl,
    ExtractorBroken,
    Failure,
    HttpError,
    RateLimited,
    Unsupported,
)
from mediavault.core.listings import (
    ALL_KINDS,
    LONGEST_INTERVAL,
    Entry,
    EntryKind,
    ListCheck,
    Listing,
    ListPage,
    Validators,
)
from mediavault.core.logs import get_logger, redact_url
from mediavault.core.messages import Message
from mediavault.core.platform import Platform
from mediavault.core.post_urls import FeedMatch, find_feed
from mediavault.core.retry_after import parse_retry_after
from mediavault.core.urls import EgressScope, parse_http_url
from mediavault.egress.port import HttpClient, Timeouts
from mediavault.extraction.port import PageAnswer, Reader
from mediavault.extraction.walls import site_name

MAX_FEED_BYTES = 8 << 20  # of podcasts with thousands of episodes
MAX_REQUEST_S = 30.0
MAX_PAGES = 250  # of one check
MAX_CURSOR_CHARS = 500
MAX_VALIDATOR_CHARS = 500
HEADERS: Mapping[str, str] = {
    "Accept": "application/atom+xml, application/rss+xml, application/feed+json, application/json, "
    "application/xml;q=0.9, text/xml;q=0.9, text/html;q=0.5, */*;q=0.1"
}
# These say that the site does not answer this request, where another one may be answered.
_REFUSED = frozenset({400, 401, 403, 404, 405, 406, 410, 422, 451, 501})
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)

log = get_logger(__name__)


# One way to read a source: a URL for each kind of post, or a single one for all.
Way = Mapping[EntryKind | None, str]


class FeedLister:
    """The lister ``feed``: sources of sites with ``Platform.feeds``, any feed,
    and any page that links to one.
    """

    name = "feed"
    signed_in = False

    def __init__(self, client: HttpClient, reader: Reader, clock: Clock) -> None:
        self._client = client
        self._reader = reader
        self._clock = clock

    async def list_entries(
        self, check: ListCheck, platform: Platform, *, within_s: float
    ) -> Listing:
        """See the port. ``validators.url`` is the feed that was read,
        which the next check requests first.
        """
        try:
            match = find_feed(platform, parse_http_url(check.url), key=check.stable_id)
        except BadUrl as exc:
            raise Unsupported(exc.message) from exc
        reading = _FeedCheck(self._client, self._reader, self._clock, check, platform, within_s)
        if not platform.matching.posts:
            listing = await reading.of_unknown_site(match)
        elif match is not None:
            listing = await reading.read_known_site(match)
        else:
            raise _no_feed(platform)
        return replace(
            listing, method=self.name, stable_id=listing.stable_id or check.stable_id or None
        )


def feed_urls(match: FeedMatch, check: ListCheck) -> list[Way]:
    """Return the ways to read a source by a site's rules, the best first;
    none where the site's key of it is missing.
    """
    rules = match.rules
    tab = match.groups.get("tab")
    kinds = [kind for kind, name in rules.tabs.items() if name == tab] or check.kinds
    if rules.by_kind and set(kinds) != set(ALL_KINDS):
        forms: list[Mapping[EntryKind | None, str]] = [
            {kind: rules.by_kind[kind] for kind in kinds}
        ]
    else:
        forms = [{None: rules.with_reposts if check.reposts and rules.with_reposts else rules.feed}]
    forms += [{None: form} for form in rules.instead]
    ways = [{kind: match.filled(form) for kind, form in by_kind.items()} for by_kind in forms]
    return [{kind: url for kind, url in way.items() if url} for way in ways if all(way.values())]


def _no_feed(platform: Platform) -> Unsupported:
    return Unsupported(Message("%(site)s has no feed for this.", site=site_name(platform)))


@dataclass(frozen=True, slots=True)
class _FeedAnswer:
    page: ListPage
    validators: Validators
    fresh_for: timedelta | None
    is_unchanged: bool

    @property
    def listing(self) -> Listing:
        return replace(
            self.page.listing,
            validators=self.validators,
            fresh_for=self.fresh_for,
            is_unchanged=self.is_unchanged,
        )


class _FeedCheck:
    """One check; its requests share the time that it may take."""

    def __init__(
        self,
        client: HttpClient,
        reader: Reader,
        clock: Clock,
        check: ListCheck,
        platform: Platform,
        within_s: float,
    ) -> None:
        self._client, self._reader, self._clock = client, reader, clock
        self._check, self._platform = check, platform
        self._ends_at_s = clock.monotonic() + within_s

    async def read_known_site(self, match: FeedMatch) -> Listing:
        """Return the list of a source by the site's rules,
        in the first way that the site answers.
        """
        ways, refusal = feed_urls(match, self._check), None
        if match.filled(match.rules.feed) is None and (lookup := match.filled(match.rules.lookup)):
            try:
                match = await self._looked_up(lookup)
                ways = feed_urls(match, self._check)
            except (HttpError, ExtractorBroken) as exc:
                refusal = _refusal(exc)
        return await self._first(ways, match, refusal or _no_feed(self._platform))

    async def of_unknown_site(self, match: FeedMatch | None) -> Listing:
        """Return the list of a feed, of the feed that a page links to,
        or that pages of its form usually have.
        """
        if last := self._check.validators.url:
            try:
                return await self._list({None: last}, None)
            except (HttpError, ExtractorBroken, Unsupported) as exc:
                _refusal(exc)
        ways: list[Way] = []
        failure: Failure = _no_feed(self._platform)
        try:
            answer = await self._ask(self._check.url)
            if not answer.page.feed_urls:
                return self._cut(answer.listing)
            ways = [{None: url} for url in answer.page.feed_urls]
        except Unsupported as exc:  # a page that links to no feed
            failure = exc
        return await self._first(
            [*ways, *(feed_urls(match, self._check) if match else ())], match, failure
        )

    async def _looked_up(self, url: str) -> FeedMatch:
        """Return the match of the source with the site's own key of it, which an answer names."""
        key = (await self._ask(url)).page.listing.stable_id or ""
        match = find_feed(self._platform, parse_http_url(self._check.url), key=key)
        if match is None or match.filled(match.rules.feed) is None:
            raise ExtractorBroken(
                Message(
                    "%(site)s did not say which account this is.", site=site_name(self._platform)
                )
            )
        self._check = replace(self._check, stable_id=key)
        return match

    async def _first(
        self, ways: Iterable[Way], match: FeedMatch | None, failure: Failure
    ) -> Listing:
        """Return the list by the first way that is not refused; the one that was answered last time
        comes first.

        Raises the first refusal, or ``failure`` where there is no way.
        """
        last, first = self._check.validators.url, None
        for way in sorted(ways, key=lambda way: last not in way.values()):
            try:
                return await self._list(way, match)
            except (HttpError, ExtractorBroken, Unsupported) as exc:
                first = first or _refusal(exc)
        raise first or failure

    async def _list(self, way: Way, match: FeedMatch | None) -> Listing:
        if len(way) > 1:
            return self._cut(await self.merge_kinds(way))
        ((kind, url),) = way.items()
        answer = await self._ask(url)
        if answer.page.feed_urls:
            raise ExtractorBroken(
                Message("%(site)s did not return a feed.", site=site_name(self._platform))
            )
        next_page = match.rules.next_page if match else ""
        listing = await self._with_rest(answer, url + next_page) if next_page else answer.listing
        return self._cut(_of_kind(listing, kind))

    async def merge_kinds(self, way: Way) -> Listing:
        """Return several lists as one. One that is refused does not exist:
        a channel without shorts has none of them.
        """
        found: list[Listing] = []
        refusal: Failure | None = None
        for kind, url in way.items():
            try:
                found.append(_of_kind((await self._ask(url)).listing, kind))
            except HttpError as exc:
                refusal = refusal or _refusal(exc)
        if not found:
            raise refusal or _no_feed(self._platform)
        entries = list(
            {entry.url: entry for listing in found for entry in listing.entries}.values()
        )
        has_dates = all(entry.published_at for entry in entries)
        if has_dates:
            entries.sort(key=lambda entry: entry.published_at or self._clock.now(), reverse=True)
        return replace(
            found[0],
            entries=tuple(entries),
            is_newest_first=has_dates,
            validators=Validators(),
            fresh_for=max(filter(None, (listing.fresh_for for listing in found)), default=None),
        )

    async def _with_rest(self, answer: _FeedAnswer, form: str) -> Listing:
        """Return the list with the parts that follow the first, as far as they are wanted and
        answered.

        ``form`` is the URL of the part at ``{cursor}``.
        """
        listing, cursor = answer.listing, answer.page.cursor
        for _ in range(MAX_PAGES):
            if not cursor or not self._wants_more(listing.entries):
                break
            await self._clock.sleep(self._platform.pace.interval_s[0])
            try:
                part = (await self._ask(_at_cursor(form, cursor))).page
            except Failure as exc:
                log.info(
                    "list_cut_short",
                    url=redact_url(self._check.url),
                    error=exc.code,
                    entries=len(listing.entries),
                )
                return replace(
                    listing,
                    fresh_for=max(filter(None, (listing.fresh_for, exc.retry_after)), default=None),
                )
            listing = replace(listing, entries=(*listing.entries, *part.listing.entries))
            cursor = part.cursor if part.cursor != cursor else ""
        return replace(listing, is_whole=not cursor and not listing.is_unchanged)

    def _wants_more(self, entries: tuple[Entry, ...]) -> bool:
        if len(entries) >= self._check.limit:
            return False
        known, run = frozenset(self._check.known), 0
        for entry in entries:
            run = run + 1 if entry.post_id in known else 0
            if run == self._check.stop_after_known:
                return False
        return True

    def _cut(self, listing: Listing) -> Listing:
        is_cut = len(listing.entries) > self._check.limit
        return replace(
            listing,
            entries=listing.entries[: self._check.limit],
            is_whole=listing.is_whole and not is_cut,
        )

    async def _ask(self, url: str) -> _FeedAnswer:
        """Request a feed, conditionally where it is the one that was read last.
        Raises its failure.
        """
        left_s = self._ends_at_s - self._clock.monotonic()
        if left_s <= 0:
            raise unreached.too_slow(urlsplit(url).hostname)
        last = self._check.validators
        conditions = (
            {"if-none-match": last.etag, "if-modified-since": last.last_modified}
            if url == last.url
            else {}
        )
        headers = {**HEADERS, **{name: value for name, value in conditions.items() if value}}
        timeouts = Timeouts(connect_s=10, total_s=min(MAX_REQUEST_S, left_s))
        request = self._client.get(
            url, scope=EgressScope(self._check.url), headers=headers, timeouts=timeouts, decode=True
        )
        try:
            async with request as response:
                body = await response.read(limit=MAX_FEED_BYTES) if response.status == 200 else b""
        except BadUrl as exc:  # where it redirects to
            raise HttpError(exc.message) from exc
        is_unchanged = response.status == 304 and len(headers) > len(HEADERS)
        if not is_unchanged and (
            failure := _failure_of(response.status, response.headers, self._platform)
        ):
            raise failure
        page = ListPage()
        if not is_unchanged:
            answer = PageAnswer(response.url, response.status, response.headers, body)
            page = await self._reader.read_feed(self._check, self._platform, answer)
        return _FeedAnswer(
            page,
            _validators(url, response.headers, last if is_unchanged else Validators()),
            fresh_for(page, response.headers, self._clock.now()),
            is_unchanged,
        )


def _refusal(failure: HttpError | ExtractorBroken | Unsupported) -> Failure:
    """Return the failure of a request that another one may replace; raises any other,
    such as that of a busy server.
    """
    if isinstance(failure, HttpError) and failure.http_status not in _REFUSED:
        raise failure
    return failure


def _failure_of(status: int, headers: Mapping[str, str], platform: Platform) -> Failure | None:
    """Return the failure of a feed's status. None of them says that a source is gone:
    feeds fail in waves.
    """
    if status == 200:
        return None
    site, pause = site_name(platform), parse_retry_after(headers)
    if status == 429 or (status == 503 and pause is not None):
        return RateLimited(
            Message("%(site)s asked us to slow down.", site=site),
            http_status=status,
            retry_after=pause,
        )
    return HttpError(
        Message("%(site)s answered with HTTP %(status)s.", site=site, status=status),
        http_status=status,
        retry_after=pause,
    )


def _validators(url: str, headers: Mapping[str, str], last: Validators) -> Validators:
    etag, modified = headers.get("etag", ""), headers.get("last-modified", "")
    return Validators(
        url=url,
        etag=etag if 0 < len(etag) <= MAX_VALIDATOR_CHARS else last.etag,
        last_modified=modified if 0 < len(modified) <= MAX_VALIDATOR_CHARS else last.last_modified,
    )


def fresh_for(page: ListPage, headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return how long a feed asks to be left alone, at most a day; None where it does not say.

    Reads ``max-age`` without the ``Age`` that caches add, RSS's ``ttl`` and its ``skipHours``.
    """
    stated = _MAX_AGE.search(headers.get("cache-control", ""))
    age = headers.get("age", "")
    seconds = (
        int(stated[1]) - (int(age) if age.isascii() and age.isdigit() and len(age) < 10 else 0)
        if stated
        else 0
    )
    span = max(timedelta(seconds=seconds), page.listing.fresh_for or timedelta())
    at = now + span
    for _ in range(24):
        if at.hour not in page.skip_hours:
            break
        at = at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return min(at - now, LONGEST_INTERVAL) if at > now else None


def _at_cursor(form: str, cursor: str) -> str:
    return form.replace("{cursor}", quote(cursor[:MAX_CURSOR_CHARS], safe=""))


def _of_kind(listing: Listing, kind: EntryKind | None) -> Listing:
    """Return the list of a feed of one kind, whose title is the kind's, not the account's."""
    if kind is None:
        return listing
    return replace(
        listing, title=None, entries=tuple(replace(entry, kind=kind) for entry in listing.entries)
    )
