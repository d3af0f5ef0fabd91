"""What we know of Mastodon servers; checked 2026-11-24 against its documentation.

There are thousands of hosts. Large ones are listed here; on all others only URL forms that no other
software uses are taken for Mastodon's: an account's name and a post's number of 18 digits (since
2016 a snowflake: the time comes first).

Reads a post of a Mastodon server: a status of its API, or what the server says instead.

Mastodon's API of an account's posts, and the account's RSS feed where a server keeps the API to its
members.

``only_media`` leaves out posts without attachments, and reposts, which have none of their own.
Source: https://docs.joinmastodon.org/methods/accounts/; checked 2026-11-29.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from mediavault.core.failures import Deleted, Failure, LoginRequired
from mediavault.core.listings import Entry, EntryKind, ListCheck, Listing, ListPage
from mediavault.core.media import ItemType, Post
from mediavault.core.platform import (
    AddressPattern,
    FeedRules,
    KnownFrom,
    Matching,
    MediaRules,
    Node,
    PageData,
    PageReader,
    Platform,
    Walls,
    paths,
)
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.statuses import (
    address_of,
    attached_types,
    ids_of,
    plain_text,
    read_status,
)


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing.
    Raises Deleted and LoginRequired.
    """
    if (data := read_status(post, platform, documents)) is not None:
        return data
    if failure := next(filter(None, map(_refusal, documents)), None):
        raise failure
    return None


def _refusal(document: object) -> Failure | None:
    error = str(values.obj(document).get("error", ""))
    if error in {"Record not found", "Not Found", "Can't find status"}:
        return Deleted(
            "The server says that there is no such post: deleted, or shown only to followers."
        )
    if error.startswith(
        ("This API requires an authenticated user", "This method requires an authenticated")
    ):
        return LoginRequired("The server shows its posts only to signed-in people.")
    return None


_ID = re.compile(r"\w{1,30}", re.ASCII)
_PAGE = 40  # the most that servers return
_TITLE_CHARS = 150
_WITH_VIDEO = frozenset({ItemType.VIDEO, ItemType.GIF, ItemType.AUDIO})


def read_answer(check: ListCheck, document: object) -> ListPage | None:
    """Return what ``accounts/lookup`` or ``accounts/<id>/statuses`` says;
    None for any other document.
    """
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
    durations = (
        values.duration(values.obj(medium, "meta", "original").get("duration")) for medium in media
    )
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
        thumbnail_url=next(
            filter(None, (values.url(medium.get("preview_url")) for medium in media)), None
        ),
    )


_STATUSES = f"{{origin}}/api/v1/accounts/{{account}}/statuses?limit={_PAGE}"

ACCOUNT_FEEDS = FeedRules(
    pages=(
        AddressPattern(
            re.compile(
                r"^/(?:web/|deck/)?@(?P<handle>[\w.-]+?(?:@[\w.-]+)?)(?:\.rss)?/?(?:$|media/?$|with_replies/?$)"
            )
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


_HOSTS = (
    "mastodon.social mastodon.online mastodon.world mastodon.art mastodon.cloud mastodon.xyz"
    " mastodon.gamedev.place mastodon.uno mastodon.nl mastodon.ie mastodon.sdf.org mastodon.green"
    " mastodon.lol mastodonapp.uk mstdn.social mstdn.jp mstdn.ca mstdn.party mas.to masto.ai"
    " masto.nu fosstodon.org hachyderm.io infosec.exchange techhub.social chaos.social troet.cafe"
    " pawoo.net baraag.net aethy.com social.vivaldi.net social.tchncs.de norden.social det.social"
    " sfba.social piaille.fr mamot.fr ohai.social universeodon.com toot.community tech.lgbt"
    " kolektiva.social social.coop journa.host indieweb.social home.social aus.social c.im"
    " newsie.social wandering.shop zirk.us"
)
_NAME = r"(?P<handle>[\w.-]+(?:@[\w.-]+)?)"
_USER = r"(?P<handle>[\w.-]+)"

MASTODON = Platform(
    name="mastodon",
    title="Mastodon",
    checked="2026-11-24",
    known_from=(KnownFrom.DOCUMENTED,),
    reads="posts of servers that answer without a sign-in, with their videos, GIFs and sounds",
    leaves_out=(
        "servers on unknown hosts whose URLs look like other software's; they are read as any page"
    ),
    extractors=("api", "browser"),
    api_url="https://{host}/api/v1/statuses/{post_id}",
    matching=Matching(
        hosts=tuple(_HOSTS.split()),
        image_hosts=("files.mastodon.social",),
        posts=(
            AddressPattern(
                re.compile(rf"^/(?:web/|deck/)?@{_NAME}/(?P<post_id>\d{{1,20}})(?=/|$)")
            ),
            AddressPattern(re.compile(rf"^/users/{_USER}/statuses/(?P<post_id>\d{{1,20}})(?=/|$)")),
            AddressPattern(
                re.compile(r"^/web/statuses/(?P<post_id>\d{1,20})(?=/|$)"),
                canonical="https://{host}/web/statuses/{post_id}",
            ),
        ),
        posts_on_any_host=(
            AddressPattern(re.compile(rf"^/@{_NAME}/(?P<post_id>1\d{{17}})/?$")),
            AddressPattern(re.compile(rf"^/users/{_USER}/statuses/(?P<post_id>1\d{{17}})/?$")),
        ),
        playlists=paths(r"^/(?:web/|deck/)?(?:tags|lists|collections)/[^/]+"),
        profiles=paths(
            rf"^/(?:web/|deck/)?@{_NAME}(?:/|$)",
            r"^/(?:(?:web/|deck/)?@|users/)id:\d+(?:/|$)",
            rf"^/users/{_NAME}(?:/|$)",
            r"^/web/accounts/\d+",
        ),
        other_pages=paths(
            r"^/(?:$|(?:explore|public|about|search|directory|web|deck|home|bookmarks|favourites|notifications|settings"
            r"|auth|privacy-policy|getting-started|links)(?:/|$))"
        ),
        canonical="https://{host}/@{handle}/{post_id}",
    ),
    reader=PageReader(
        read=read,
        ids_of=ids_of,
        json_paths=re.compile(r"/api/v1/statuses/\d+(?:\?|$)"),
    ),
    feeds=(ACCOUNT_FEEDS,),
    media=MediaRules(
        hosts=("files.mastodon.social", "media.mastodon.social"),
        reject_path=re.compile(r"/small/|/cache/preview_cards/"),
        watermark_no=re.compile(r"."),  # Mastodon adds no watermark
    ),
    walls=Walls(
        gone_text=("The page you are looking for isn't here",),
        gone_json=("Record not found",),
        login_json=(
            "This method requires an authenticated user",
            "This API requires an authenticated user",
        ),
    ),
)
