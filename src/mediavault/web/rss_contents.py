"""What an RSS feed holds: the posts of its filter, with their texts and files as its items, and its addresses."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from html import escape
from urllib.parse import parse_qsl, quote

from mediavault.auth.rss_feeds import RssFeed, RssFeeds
from mediavault.core.clock import moment_or_none
from mediavault.core.failures import BadInput
from mediavault.core.job import Job, JobStatus
from mediavault.core.messages import Message
from mediavault.presentation.preferences import zone_named
from mediavault.presentation.shown import shown_job
from mediavault.presentation.translation import gettext as _
from mediavault.server.authentication import FEEDS_PREFIX
from mediavault.store.port import JobCatalogue, JobOrder, JobQuery
from mediavault.web.cards import moving_files
from mediavault.web.enclosures import enclosure_of, picture_of
from mediavault.web.library_filter import LibraryFilter, LibraryView, read_filter, to_query
from mediavault.web.post_view import PostText, pieces, post_text
from mediavault.web.render import safe_link
from mediavault.web.rss import RssChannel, RssItem

MOST_ITEMS = 200  # an app asks for all of them again at each change
MOST_READ = 2_000  # posts: those that have only pictures have no items, and there may be many of them
MAX_TEXT_CHARS = 3_500  # of a post: Apple shows 4,000
RSS_NAME, ATOM_NAME, COVER_NAME = "rss.xml", "atom.xml", "cover.png"
_PAGE = 100
_BARE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_TICK = timedelta(microseconds=1)  # the precision of the stores' times


@dataclass(frozen=True, slots=True)
class RssAddresses:
    """The addresses of a feed's documents; None where this machine can't show them."""

    rss: str | None
    atom: str | None


async def addresses_of(feeds: RssFeeds, feed: RssFeed, base: str) -> RssAddresses:
    """Return the addresses of a feed; ``base`` is the vault's, with a slash at the end. Raises StorageFailure."""
    secret = await feeds.secret_of(feed)
    folder = None if secret is None else folder_of(base, secret)
    return RssAddresses(folder and f"{folder}{RSS_NAME}", folder and f"{folder}{ATOM_NAME}")


def folder_of(base: str, secret: str) -> str:
    """Return the address of the documents and files of the feed with this secret, with a slash at the end."""
    return f"{base}{FEEDS_PREFIX.strip('/')}/{secret}/"


def filter_of(feed: RssFeed) -> LibraryFilter:
    """Return the feed's filter. Raises BadInput for one that can't be read, as in a backup that was changed."""
    return for_feed(read_filter(dict(parse_qsl(feed.filter))))


def read_feed_filter(text: str) -> LibraryFilter:
    """Return the filter of a new feed from what the library's address has after its question mark; "" for everything.

    Raises BadInput, also for a name that is not part of a filter: a typing mistake must not open the whole library.
    """
    try:
        params = dict(parse_qsl(text, strict_parsing=True)) if text else {}
    except ValueError:
        params = {text: ""}
    known = [field.name for field in fields(LibraryFilter)]
    if unknown := sorted(params.keys() - set(known)):
        raise BadInput(
            Message("Invalid filter: %(name)s.", name=unknown[0][:80]),
            help=Message(
                "Use the part after the question mark in the library's address: %(names)s.", names=", ".join(known)
            ),
        )
    return for_feed(read_filter(params))


def for_feed(asked: LibraryFilter) -> LibraryFilter:
    """Return the filter as a feed uses it: the saved posts, newest first, since apps expect what is new there."""
    return replace(asked, state=LibraryView.KEPT, order=JobOrder.NEWEST)


def query_of(feed: RssFeed) -> JobQuery:
    """Return the query for the feed's posts. Raises BadInput as ``filter_of``."""
    return to_query(filter_of(feed), zone_named(feed.zone), feed.user, limit=MOST_ITEMS)


async def holds(catalogue: JobCatalogue, query: JobQuery, job: Job) -> bool:
    """Whether a feed's query finds the job, however old it is: an app may keep what is no longer in the document."""
    if job.status is not JobStatus.COMPLETED:
        return False
    moment = job.created_at
    if not (query.since or moment) <= moment < (query.until or moment + _TICK):
        return False
    same_moment = replace(query, since=moment, until=moment + _TICK, limit=_PAGE)
    while True:
        page = await catalogue.jobs(same_moment)
        if any(found.id == job.id for found in page.jobs):
            return True
        if page.next_cursor is None:
            return False
        same_moment = replace(same_moment, cursor=page.next_cursor)


async def posts_of(catalogue: JobCatalogue, query: JobQuery) -> list[Job]:
    """Return the newest posts of a feed's query, as many as its document has items for. Raises StoreError."""
    found: list[Job] = []
    items = 0
    for _number in range(MOST_READ // MOST_ITEMS):
        page = await catalogue.jobs(query)
        found += page.jobs
        items += sum(len(moving_files(job)) for job in page.jobs)
        if items >= MOST_ITEMS or page.next_cursor is None:
            break
        query = replace(query, cursor=page.next_cursor)
    return found


def channel_of(feed: RssFeed, jobs: Sequence[Job], *, folder: str, document: str, home: str) -> RssChannel:
    """Return the feed with these posts, the newest publication first, which is how podcast apps sort episodes.

    ``jobs`` are the posts that were added last, newest first: of their videos, the first ``MOST_ITEMS`` are included.
    ``folder`` is the address of the feed's files, with a slash at the end.
    """
    items = [item for job in jobs for item in _items(shown_job(job), folder)][:MOST_ITEMS]
    items.sort(key=lambda item: item.published_at, reverse=True)  # stable: the videos of a post keep their order
    return RssChannel(
        id=feed.id,
        title=feed.name,
        description=_("Saved by mediavault. Private: do not share its address."),
        language=feed.locale,
        address=f"{folder}{document}",
        home=home,
        picture=f"{folder}{COVER_NAME}",
        at=max((item.saved_at for item in items), default=feed.made_at),
        items=items,
    )


def _items(job: Job, folder: str) -> Iterator[RssItem]:
    text, files = post_text(job), moving_files(job)
    saved_at = job.completed_at or job.created_at
    published_at = moment_or_none(job.metadata.get("published_at")) or saved_at
    for number, (index, kept) in enumerate(files.items(), start=1):
        enclosure, picture = enclosure_of(job.id, index, kept), picture_of(job.id, index, kept)
        yield RssItem(
            id=str(uuid.uuid5(uuid.UUID(job.id), str(index))),
            title=f"{text.title} ({number}/{len(files)})" if len(files) > 1 else text.title,
            author=text.author,
            link=_link(job),
            html=_html(job, text),
            published_at=min(published_at, saved_at),  # apps hide an episode whose date has not come
            saved_at=saved_at,
            address=f"{folder}{enclosure.name}",
            kind=enclosure.kind,
            bytes=kept.bytes,
            duration_s=kept.duration_s,
            picture=f"{folder}{picture.name}" if picture else None,
        )


def _link(job: Job) -> str | None:
    """Return the post's address in the characters of a URI, which feed readers insist on; None if it is not a link."""
    link = safe_link(job.post_url)
    return quote(_BARE_PERCENT.sub("%25", link), safe="%/:?#[]@!$&'()*+,;=~", errors="replace") if link else None


def _html(job: Job, text: PostText) -> str:
    about = (
        text.author,
        text.handle if text.handle != text.author else "",
        text.published and f"{text.published:%Y-%m-%d}",
    )
    first = escape(" · ".join(part for part in about if part))
    words = "".join(_piece(*piece) for piece in _shortened(text))
    link = _link(job)
    words_of_link = escape(_("Original post"))
    original = f'<a href="{escape(link)}">{words_of_link}</a>' if link else ""
    return "".join(f"<p>{part}</p>" for part in (first, words, original) if part)


def _shortened(text: PostText) -> Iterator[tuple[str, str | None]]:
    whole = "".join(piece for piece, _target in text.pieces)
    return pieces(whole[:MAX_TEXT_CHARS] + "…" if len(whole) > MAX_TEXT_CHARS else whole)


def _piece(piece: str, target: str | None) -> str:
    shown = escape(piece).replace("\n", "<br>")
    return f'<a href="{escape(target)}">{shown}</a>' if target else shown
