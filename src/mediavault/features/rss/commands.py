"""``feed add | list | revoke``: RSS feeds of the library, for podcast apps and feed readers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from mediavault.cli.options import AsJson

if TYPE_CHECKING:
    from mediavault.features.rss.model import RssFeed
    from mediavault.features.rss.service import RssFeeds
    from mediavault.store.port import Store

T = TypeVar("T")

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Its name, which apps show.", show_default=False)
]
Filter = Annotated[
    str,
    typer.Option(
        "--filter",
        metavar="FILTER",
        help="What it contains: the part after the question mark in the library page's address,"
        " such as `tag=trains`. "
        "Default: everything.",
    ),
]


def add(name: Name, filter_: Filter = "", *, as_json: AsJson = False) -> None:
    """Make an RSS feed of a filter of the library, and print its address."""
    from mediavault.cli.output import out, print_json

    async def make(feeds: RssFeeds, base: str) -> dict[str, Any]:
        return await _as_dict(feeds, await feeds.add(name, filter_, base=base), base)

    made = _with_feeds(make)
    if as_json:
        print_json(made)
    else:
        out().print(made["rss"], markup=False, highlight=False, soft_wrap=True)


def list_feeds(*, as_json: AsJson = False) -> None:
    """List name, filter, last request and address of every RSS feed."""
    from mediavault.cli.output import out, print_json
    from mediavault.core.users import OWNER

    async def read(feeds: RssFeeds, base: str) -> list[dict[str, Any]]:
        return [await _as_dict(feeds, feed, base) for feed in await feeds.all()]

    listed = _with_feeds(read)
    if as_json:
        print_json({"feeds": listed})
        return
    for feed in listed:
        whose = "" if feed["user"] == OWNER else f"{feed['user']}, "
        fetched = (
            f"last fetched {feed['fetched_at'][:16].replace('T', ' ')} UTC"
            if feed["fetched_at"]
            else "never fetched"
        )
        line = (
            f"{feed['name']}  ({whose}{feed['filter'] or 'everything'}, {fetched})\n"
            f"  {feed['rss'] or 'Its key is on another machine.'}"
        )
        out().print(line, markup=False, highlight=False, soft_wrap=True)
    if not listed:
        out().print("No RSS feeds.")


def revoke(name: Name, *, as_json: AsJson = False) -> None:
    """Revoke an RSS feed by its name or id. Its addresses stop working at once."""
    from mediavault.cli.output import out, print_json

    async def end(feeds: RssFeeds, _base: str) -> list[RssFeed]:
        return await feeds.revoke(name)

    revoked = _with_feeds(end)
    if as_json:
        print_json({"revoked": [{"id": feed.id, "name": feed.name} for feed in revoked]})
    else:
        out().print(f"{', '.join(feed.name for feed in revoked)}: revoked.", markup=False)


def _with_feeds(use: Callable[[RssFeeds, str], Awaitable[T]]) -> T:
    from mediavault.cli.context import quiet_settings, with_store
    from mediavault.core.clock import SystemClock
    from mediavault.features.rss.service import RssFeeds
    from mediavault.server.own_address import address_of, lan_host

    settings = quiet_settings()
    local = f"http://127.0.0.1:{settings.port}{settings.base_path}/"
    base = address_of(settings, lan_host()) or local

    async def with_base(store: Store) -> T:
        return await use(RssFeeds(store, SystemClock(), settings.state_dir), base)

    return asyncio.run(with_store(settings, with_base))


async def _as_dict(feeds: RssFeeds, feed: RssFeed, base: str) -> dict[str, Any]:
    view = (await feeds.view(feed, base)).model_dump()
    return {
        name: value.isoformat() if name.endswith("_at") and value else value
        for name, value in view.items()
    } | {"user": feed.user}
