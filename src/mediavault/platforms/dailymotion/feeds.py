"""Dailymotion's open API of the videos of an account and of a playlist.

Source: https://developers.dailymotion.com/api/platform-api/reference/; checked 2026-11-29.
"""

from __future__ import annotations

import re

from mediavault.core.listings import Entry, EntryKind, ListCheck, Listing, ListPage
from mediavault.core.platform import AddressPattern, FeedRules, Node
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.statuses import plain_text

_ID = re.compile(r"[A-Za-z0-9]{2,20}", re.ASCII)


def read_account(_: ListCheck, document: object) -> ListPage | None:
    """Return what ``user/<name>/videos`` says; None for any other document."""
    page = _read(document)
    owner = next(iter(values.objects(values.obj(document).get("list"))), {})
    key = str(owner.get("owner.id", ""))
    listing = (
        Listing(
            page.listing.entries,
            stable_id=key if _ID.fullmatch(key) else None,
            title=values.text(owner.get("owner.screenname")),
            handle=values.text(owner.get("owner.username")),
            picture_url=values.url(owner.get("owner.avatar_240_url")),
        )
        if page
        else None
    )
    return ListPage(listing, page.cursor) if page and listing else None


def read_playlist(_: ListCheck, document: object) -> ListPage | None:
    """Return what ``playlist/<id>/videos`` says; None for any other document. Its order is the playlist's."""
    return _read(document)


def _read(document: object) -> ListPage | None:
    answer = values.obj(document)
    if not isinstance(answer.get("list"), list):
        return None
    number = values.integer(answer.get("page")) or 1
    entries = tuple(filter(None, map(_entry, values.objects(answer["list"]))))
    return ListPage(Listing(entries), cursor=str(number + 1) if answer.get("has_more") is True else "")


def _entry(video: Node) -> Entry | None:
    key = str(video.get("id", ""))
    if not _ID.fullmatch(key):
        return None
    is_live = video.get("mode") == "live"
    return Entry(
        f"https://www.dailymotion.com/video/{key}",
        title=values.text(video.get("title")),
        text=plain_text(video.get("description")),
        published_at=values.moment(video.get("created_time")),
        duration_s=values.duration(video.get("duration")),
        kind=EntryKind.LIVE if is_live else EntryKind.VIDEO,
        finished=not (is_live and video.get("onair") is True),
        language=values.text(video.get("language")),
        thumbnail_url=values.url(video.get("thumbnail_720_url")),
    )


_FIELDS = (
    "id,title,description,created_time,duration,language,mode,onair,thumbnail_720_url"
    ",owner.id,owner.screenname,owner.username,owner.avatar_240_url"
)
PLAYLIST_FEEDS = FeedRules(
    pages=(AddressPattern(re.compile(r"^/(?:embed/)?playlist/(?P<list>x[a-z0-9]{2,12})(?=[_/]|$)")),),
    feed=f"https://api.dailymotion.com/playlist/{{list}}/videos?limit=50&fields={_FIELDS}",
    next_page="&page={cursor}",
    key="{list}",
    read_answer=read_playlist,
)


def account_feeds(not_a_name: str) -> FeedRules:
    """Return the rules for accounts; ``not_a_name`` are the first parts of paths that are not accounts'."""
    return FeedRules(
        pages=(
            AddressPattern(re.compile(r"^/user/(?P<user>[\w-]+)(?:/videos)?/?$")),
            AddressPattern(re.compile(r"^/rss/user/(?P<user>[\w-]+)/?$")),
            AddressPattern(
                re.compile(rf"^/(?!(?:{not_a_name})(?:/|$))(?P<user>[\w-]+)(?:/videos)?/?$"),
                host=re.compile(r"(?:www\.|m\.|touch\.)?dailymotion\.com"),
            ),
        ),
        feed=f"https://api.dailymotion.com/user/{{user}}/videos?limit=50&sort=recent&fields={_FIELDS}",
        next_page="&page={cursor}",
        key_form=re.compile(r"(?P<user>x[a-z0-9]{2,12})", re.ASCII),
        read_answer=read_account,
    )
