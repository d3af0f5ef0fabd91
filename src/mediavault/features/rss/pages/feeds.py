"""The page of the user's RSS feeds, its forms, and the list of them as OPML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Path, Request, Response

from mediavault.api.dependencies import AuthenticatorDep, RssFeedsDep, Services, UserName
from mediavault.auth.authenticator import Authenticator, AuthMode
from mediavault.auth.grants import MAX_NAME_CHARS
from mediavault.core.failures import AccountNotFound, BadInput
from mediavault.core.urls import is_loopback
from mediavault.features.jobs.library_filter import (
    LibraryFilter,
    address,
    chips,
    read_filter,
    to_params,
)
from mediavault.features.rss.model import (
    MOST_ITEMS,
    RssFeed,
    RssFeedView,
    filter_of,
    for_feed,
    query_of,
    read_feed_filter,
)
from mediavault.features.rss.service import RssFeeds
from mediavault.presentation.opml import OPML_TYPE, feed_outline, opml_document
from mediavault.presentation.translation import gettext as _
from mediavault.server.own_address import address_for_others
from mediavault.server.services import ApiServices
from mediavault.web.cards import account_words
from mediavault.web.pages.access import PAGE as ACCESS_PAGE
from mediavault.web.pages.frame import frame, read_form, see_other
from mediavault.web.pages.sign_in import answer
from mediavault.web.qr import QrCode, qr_code

PAGE = f"{ACCESS_PAGE}/feeds"

router = APIRouter(include_in_schema=False)

FeedId = Annotated[str, Path(max_length=100)]


@dataclass(frozen=True, slots=True)
class RssFeedLine:
    """A feed as the page lists it. ``contents`` is its filter in words,
    and ``posts`` how many it finds.
    """

    feed: RssFeedView
    contents: str
    posts: int
    library: str
    code: QrCode | None


@router.get(PAGE)
async def rss_feeds(
    request: Request,
    feeds: RssFeedsDep,
    authenticator: AuthenticatorDep,
    services: Services,
    user: UserName,
) -> Response:
    """List the user's feeds, and offer to make one of the filter in the address."""
    library_filter = for_feed(read_filter(request.query_params))
    return await _page(
        request,
        feeds,
        authenticator,
        services,
        user,
        library_filter,
        made=request.query_params.get("made", ""),
    )


@router.post(PAGE)
async def add_feed_form(
    request: Request,
    feeds: RssFeedsDep,
    authenticator: AuthenticatorDep,
    services: Services,
    user: UserName,
) -> Response:
    """Make a feed of the ``filter`` of the form."""
    form = await read_form(request)
    name, filter_ = form.get("name", ""), form.get("filter", "")
    try:
        feed = await feeds.add(
            name, filter_, base=address_for_others(request, services.settings), user=user
        )
    except BadInput as exc:
        return await _page(
            request,
            feeds,
            authenticator,
            services,
            user,
            read_feed_filter(filter_),
            error=exc,
            name=name,
        )
    return see_other(f"{PAGE}?{urlencode({'made': feed.id})}#feed-{feed.id}")


@router.post(PAGE + "/{feed_id}/revoke")
async def revoke_feed_form(feed_id: FeedId, feeds: RssFeedsDep, user: UserName) -> Response:
    await feeds.revoke(feed_id, user)
    return see_other(PAGE)


@router.get(PAGE + ".opml")
async def opml(
    request: Request, feeds: RssFeedsDep, services: Services, user: UserName
) -> Response:
    """Return a file with the addresses of the user's feeds, which podcast apps import."""
    views = await feeds.views(address_for_others(request, services.settings), user)
    body = opml_document(
        "mediavault", [feed_outline(view.name, view.rss) for view in views if view.rss is not None]
    )
    headers = {
        "Content-Disposition": 'attachment; filename="mediavault.opml"',
        "Cache-Control": "no-store",
    }
    return Response(body, media_type=OPML_TYPE, headers=headers)


async def _page(
    request: Request,
    feeds: RssFeeds,
    authenticator: Authenticator,
    services: ApiServices,
    user: str,
    library_filter: LibraryFilter,
    *,
    error: BadInput | None = None,
    name: str | None = None,
    made: str = "",
) -> Response:
    base, words = (
        address_for_others(request, services.settings),
        await _words(services, library_filter),
    )
    lines = [
        await _line(services, feed, await feeds.view(feed, base)) for feed in await feeds.all(user)
    ]
    return answer(
        "rss_feeds.html",
        error,
        lines=lines,
        made=next((line.feed.id for line in lines if line.feed.id == made), None),
        contents=_in_words(words),
        filter=urlencode(to_params(library_filter)),
        is_narrowed=library_filter.is_narrowed,
        name=name
        if name is not None
        else next(iter(words.values()), _("Saved videos"))[:MAX_NAME_CHARS],
        most_chars=MAX_NAME_CHARS,
        most_items=MOST_ITEMS,
        is_open=await authenticator.mode() is AuthMode.OPEN,
        is_local=is_loopback(urlsplit(base).hostname or ""),
        is_secure=base.startswith("https://"),
        **await frame(services),
    )


async def _line(services: ApiServices, feed: RssFeed, view: RssFeedView) -> RssFeedLine:
    try:
        asked, posts = filter_of(feed), await services.store.catalogue.count(query_of(feed))
    except BadInput:  # a filter that can't be read: it serves nothing
        asked, posts = LibraryFilter(), 0
    contents = _in_words(await _words(services, asked))
    return RssFeedLine(
        view, contents, posts, address(asked), qr_code(view.rss) if view.rss else None
    )


async def _words(services: ApiServices, library_filter: LibraryFilter) -> Mapping[str, str]:
    """Return what a filter restricts, as label and value; empty for the whole library."""
    account = ""
    if library_filter.account:
        try:
            account = account_words(await services.store.catalogue.account(library_filter.account))
        except AccountNotFound:
            account = library_filter.account
    site = services.title_of(library_filter.platform) if library_filter.platform else ""
    search = {_("Search text"): library_filter.q} if library_filter.q else {}
    return search | {
        chip.label: chip.value for chip in chips(library_filter, account_name=account, site=site)
    }


def _in_words(words: Mapping[str, str]) -> str:
    return " · ".join(f"{label}: {value}" for label, value in words.items())
