"""Mastodon's API of an account's posts, and the account's RSS feed where a server keeps the API to its members.

``only_media`` leaves out posts without attachments, and reposts, which have none of their own.
Source: https://docs.joinmastodon.org/methods/accounts/; checked 2026-11-29.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from mediavault.core.listings import Entry, EntryKind, ListCheck, Listing, ListPage
from mediavault.core.media import ItemType
from mediavault.core.platform import AddressPattern, FeedRules, Node
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.statuses import address_of, attached_types, plain_text

_ID = re.compile(r"\w{1,30}", re.ASCII)
_PAGE = 40  # the most that servers return
_TITLE_CHARS = 150
_WITH_VIDEO = frozenset({ItemType.VIDEO, ItemType.GIF, ItemType.AUDIO})


def read_answer(check: ListCheck, document: object) -> ListPage | None:
    """Return what ``accounts/lookup`` or ``accounts/<id>/statuses`` says; None for any other document."""
    host = urlsplit(check.url).netloc
    if isinstance(document, list):
        statuses = values.objects(document)
        accounts = (values.obj(status, "account") for status in statuses)
        listing = _account(next(accounts, {}), host, tuple(filter(None, map(_entry, statuses))))
        last = (
            str(statuses[-1].get("id", "")) if len(statuses) > _PAGE // 2 else ""
        )  # some are hidden: not each is full
        return ListPage(listing, cursor=last if _ID.fullmatch(last) else "")
    account = values.obj(document)
    return ListPage(_account(account, host)) if "acct" in account else None


def _account(account: Node, host: str, entries: tuple[Entry, ...] = ()) -> Listing:
    key = str(account.get("id", ""))
    return Listing(
        entries,
        stable_id=f"{key}@{host}" if _ID.fullmatch(key) else None,
        title=values.text(account.get("display_name")) or values.text(account.get("username")),
        handle=values.text(account.get("acct")),
        picture_url=values.url(account.get("avatar")),
    )


def _entry(status: Node) -> Entry | None:
    """Return a status as an entry; None where it surely has no video."""
    boosted = values.obj(status, "reblog")
    shown = boosted or status
    url = values.url(address_of(shown))
    if url is None or not _WITH_VIDEO & attached_types(shown):
        return None
    text = plain_text(shown.get("content"))
    media = values.objects(shown.get("media_attachments"))
    durations = (values.duration(values.obj(medium, "meta", "original").get("duration")) for medium in media)
    return Entry(
        url,
        title=(text or "")[:_TITLE_CHARS] or None,
        text=text,
        published_at=values.moment(shown.get("created_at")),
        duration_s=next(filter(None, durations), None),
        kind=EntryKind.VIDEO,
        is_repost=bool(boosted),
        is_reply=shown.get("in_reply_to_id") is not None,
        language=values.text(shown.get("language")),
        thumbnail_url=next(filter(None, (values.url(medium.get("preview_url")) for medium in media)), None),
    )


_STATUSES = f"{{origin}}/api/v1/accounts/{{account}}/statuses?limit={_PAGE}"

ACCOUNT_FEEDS = FeedRules(
    pages=(
        AddressPattern(
            re.compile(r"^/(?:web/|deck/)?@(?P<handle>[\w.-]+?(?:@[\w.-]+)?)(?:\.rss)?/?(?:$|media/?$|with_replies/?$)")
        ),
        AddressPattern(re.compile(r"^/users/(?P<handle>[\w.-]+?)(?:\.rss)?/?$")),
    ),
    feed=f"{_STATUSES}&only_media=true",
    with_reposts=_STATUSES,
    instead=("{origin}/@{handle}.rss",),
    lookup="{origin}/api/v1/accounts/lookup?acct={handle}",
    next_page="&max_id={cursor}",
    key_form=re.compile(r"(?P<account>\w{1,30})@.+", re.ASCII),
    read_answer=read_answer,
)
