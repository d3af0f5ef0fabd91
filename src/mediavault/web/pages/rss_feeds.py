"""The page of the user's RSS feeds, its forms, the list of them as OPML, and the API that does the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Path, Request, Response

from mediavault.api.dependencies import AuthenticatorDep, Services, UserName, errors
from mediavault.auth.authenticator import Authenticator, AuthMode
from mediavault.auth.rss_feeds import MAX_NAME_CHARS, RssFeed
from mediavault.core.failures import AccountNotFound, BadInput
from mediavault.core.urls import is_loopback
from mediavault.presentation.opml import OPML_TYPE, feed_outline, opml_document
from mediavault.presentation.preferences import current
from mediavault.presentation.schemas import RssFeedRequest, RssFeedsView, RssFeedView
from mediavault.presentation.translation import gettext as _
from mediavault.server.own_address import address_for_others
from mediavault.server.services import ApiServices
from mediavault.web.cards import account_words
from mediavault.web.library_filter import LibraryFilter, address, chips, read_filter, to_params
from mediavault.web.pages.access import PAGE as ACCESS_PAGE
from mediavault.web.pages.frame import frame, read_form, see_other
from mediavault.web.pages.sign_in import answer
from mediavault.web.qr import QrCode, qr_code
from mediavault.web.rss_contents import MOST_ITEMS, addresses_of, filter_of, for_feed, query_of, read_feed_filter

PAGE = f"{ACCESS_PAGE}/feeds"

router = APIRouter(include_in_schema=False)
api_router = APIRouter(prefix="/api", tags=["feeds"])

FeedId = Annotated[str, Path(max_length=100, description="The feed's id.")]


@dataclass(frozen=True, slots=True)
class RssFeedLine:
    """A feed as the page lists it. Without ``rss`` this machine can't show its addresses; ``posts`` is their number."""

    feed: RssFeed
    contents: str
    posts: int
    library: str
    rss: str | None
    atom: str | None
    code: QrCode | None


# --- the page


@router.get(PAGE)
async def rss_feeds(request: Request, desk: AuthenticatorDep, services: Services, user: UserName) -> Response:
    """List the user's feeds, and offer to make one of the filter in the address."""
    asked = for_feed(read_filter(request.query_params))
    return await _page(request, desk, services, user, asked, made=request.query_params.get("made", ""))


@router.post(PAGE)
async def add_feed_form(request: Request, desk: AuthenticatorDep, services: Services, user: UserName) -> Response:
    """Make a feed of the ``filter`` of the form."""
    form = await read_form(request)
    asked = read_feed_filter(form.get("filter", ""))
    name = form.get("name", "")
    try:
        feed = await _add(request, desk, services, user, name, asked)
    except BadInput as exc:
        return await _page(request, desk, services, user, asked, error=exc, name=name)
    return see_other(f"{PAGE}?{urlencode({'made': feed.id})}#feed-{feed.id}")


@router.post(PAGE + "/{feed_id}/revoke")
async def revoke_feed_form(feed_id: FeedId, desk: AuthenticatorDep, user: UserName) -> Response:
    await desk.rss_feeds.revoke(feed_id, user)
    return see_other(PAGE)


@router.get(PAGE + ".opml")
async def opml(request: Request, desk: AuthenticatorDep, services: Services, user: UserName) -> Response:
    """Return a file with the addresses of the user's feeds, which podcast apps import."""
    base = address_for_others(request, services.settings)
    feeds = [
        (feed.name, (await addresses_of(desk.rss_feeds, feed, base)).rss) for feed in await desk.rss_feeds.all(user)
    ]
    body = opml_document("mediavault", [feed_outline(name, rss) for name, rss in feeds if rss is not None])
    headers = {"Content-Disposition": 'attachment; filename="mediavault.opml"', "Cache-Control": "no-store"}
    return Response(body, media_type=OPML_TYPE, headers=headers)


# --- the API


@api_router.get("/feeds", response_model=RssFeedsView, responses=errors(401, 503))
async def list_feeds(request: Request, desk: AuthenticatorDep, services: Services, user: UserName) -> RssFeedsView:
    """List the user's RSS feeds, by name. An address that this machine can't show is null."""
    base = address_for_others(request, services.settings)
    return RssFeedsView(feeds=[await _view(desk, feed, base) for feed in await desk.rss_feeds.all(user)])


@api_router.post("/feeds", response_model=RssFeedView, status_code=201, responses=errors(401, 403, 415, 503, 507))
async def add_feed(
    request: Request, body: RssFeedRequest, desk: AuthenticatorDep, services: Services, user: UserName
) -> RssFeedView:
    """Make an RSS feed of a filter of the library: its saved posts, newest first, as the user sees them."""
    feed = await _add(request, desk, services, user, body.name, read_feed_filter(body.filter))
    return await _view(desk, feed, address_for_others(request, services.settings))


@api_router.delete("/feeds/{feed_id}", response_model=RssFeedsView, responses=errors(401, 403, 404, 415, 503))
async def revoke_feed(
    request: Request, feed_id: FeedId, desk: AuthenticatorDep, services: Services, user: UserName
) -> RssFeedsView:
    """Revoke an RSS feed, which disables its addresses at once, and return the remaining feeds."""
    await desk.rss_feeds.revoke(feed_id, user)
    return await list_feeds(request, desk, services, user)


# --- what both do


async def _add(
    request: Request, desk: Authenticator, services: ApiServices, user: str, name: str, asked: LibraryFilter
) -> RssFeed:
    appearance, filter_ = current(), urlencode(to_params(asked))
    zone, base = str(appearance.zone or ""), address_for_others(request, services.settings)
    feed = RssFeed("", "", name, filter_, services.clock.now(), user, zone=zone)
    query_of(feed)  # raises BadInput for what can't be a tag or a collection
    return await desk.rss_feeds.add(name, filter_, user=user, locale=appearance.locale, zone=zone, base=base)


async def _view(desk: Authenticator, feed: RssFeed, base: str) -> RssFeedView:
    addresses = await addresses_of(desk.rss_feeds, feed, base)
    return RssFeedView(
        id=feed.id,
        name=feed.name,
        filter=feed.filter,
        made_at=feed.made_at,
        fetched_at=feed.fetched_at,
        rss=addresses.rss,
        atom=addresses.atom,
    )


async def _page(
    request: Request,
    desk: Authenticator,
    services: ApiServices,
    user: str,
    asked: LibraryFilter,
    *,
    error: BadInput | None = None,
    name: str | None = None,
    made: str = "",
) -> Response:
    base, words = address_for_others(request, services.settings), await _words(services, asked)
    lines = [await _line(desk, services, feed, base) for feed in await desk.rss_feeds.all(user)]
    return answer(
        "rss_feeds.html",
        error,
        lines=lines,
        made=next((line.feed.id for line in lines if line.feed.id == made), None),
        contents=_in_words(words),
        filter=urlencode(to_params(asked)),
        is_narrowed=asked.is_narrowed,
        name=name if name is not None else next(iter(words.values()), _("Saved videos"))[:MAX_NAME_CHARS],
        most_chars=MAX_NAME_CHARS,
        most_items=MOST_ITEMS,
        is_open=await desk.mode() is AuthMode.OPEN,
        is_local=is_loopback(urlsplit(base).hostname or ""),
        is_secure=base.startswith("https://"),
        **await frame(services),
    )


async def _line(desk: Authenticator, services: ApiServices, feed: RssFeed, base: str) -> RssFeedLine:
    addresses = await addresses_of(desk.rss_feeds, feed, base)
    try:
        asked, posts = filter_of(feed), await services.store.catalogue.count(query_of(feed))
    except BadInput:  # a filter that can't be read: it serves nothing
        asked, posts = LibraryFilter(), 0
    return RssFeedLine(
        feed=feed,
        contents=_in_words(await _words(services, asked)),
        posts=posts,
        library=address(asked),
        rss=addresses.rss,
        atom=addresses.atom,
        code=qr_code(addresses.rss) if addresses.rss else None,
    )


async def _words(services: ApiServices, asked: LibraryFilter) -> Mapping[str, str]:
    """Return what a filter restricts, as label and value; empty for the whole library."""
    account = ""
    if asked.account:
        try:
            account = account_words(await services.store.catalogue.account(asked.account))
        except AccountNotFound:
            account = asked.account
    site = services.title_of(asked.platform) if asked.platform else ""
    search = {_("Search text"): asked.q} if asked.q else {}
    return search | {chip.label: chip.value for chip in chips(asked, account_name=account, site=site)}


def _in_words(words: Mapping[str, str]) -> str:
    return " · ".join(f"{label}: {value}" for label, value in words.items())
