"""``/api/feeds``: the user's RSS feeds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request

from mediavault.api.dependencies import RssFeedsDep, Services, UserName, errors
from mediavault.features.rss.model import RssFeedRequest, RssFeedsView, RssFeedView
from mediavault.server.own_address import address_for_others

router = APIRouter(prefix="/api/feeds", tags=["feeds"])

FeedId = Annotated[str, Path(max_length=100, description="The feed's id.")]


@router.get("", response_model=RssFeedsView, responses=errors(401, 503))
async def list_feeds(
    request: Request, feeds: RssFeedsDep, services: Services, user: UserName
) -> RssFeedsView:
    """List the user's RSS feeds, by name. An address that this machine can't show is null."""
    return RssFeedsView(
        feeds=await feeds.views(address_for_others(request, services.settings), user)
    )


@router.post(
    "", response_model=RssFeedView, status_code=201, responses=errors(401, 403, 415, 503, 507)
)
async def add_feed(
    request: Request, body: RssFeedRequest, feeds: RssFeedsDep, services: Services, user: UserName
) -> RssFeedView:
    """Make an RSS feed of a filter of the library: its saved posts, newest first,
    as the user sees them.
    """
    base = address_for_others(request, services.settings)
    return await feeds.view(await feeds.add(body.name, body.filter, base=base, user=user), base)


@router.delete("/{feed_id}", response_model=RssFeedsView, responses=errors(401, 403, 404, 415, 503))
async def revoke_feed(
    request: Request, feed_id: FeedId, feeds: RssFeedsDep, services: Services, user: UserName
) -> RssFeedsView:
    """Revoke an RSS feed, which disables its addresses at once, and return the remaining feeds."""
    await feeds.revoke(feed_id, user)
    return await list_feeds(request, feeds, services, user)
