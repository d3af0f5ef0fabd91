"""What an RSS feed's secret opens: its document as RSS and Atom, its cover, and the files of the
posts that it holds.

Whatever does not exist, and whatever was revoked, gets the same answer, after the same reads of the
store.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import uuid
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import cache, partial
from html import escape
from pathlib import PurePosixPath
from typing import Annotated, cast
from urllib.parse import quote

from fastapi import APIRouter, Path, Request, Response

from mediavault.api.dependencies import AuthenticatorDep, RssFeedsDep, Services, to_job_id
from mediavault.api.feed import CLOCKS_DIFFER, OVERLAP
from mediavault.api.files import (
    CONTENT_TYPES,
    DOWNLOAD_TYPE,
    StoredFile,
    answer_bytes,
    answer_stored,
)
from mediavault.auth.authenticator import Authenticator
from mediavault.core.clock import Clock, moment_or_none
from mediavault.core.failures import BadInput, JobNotFound, NotFound
from mediavault.core.job import Job, JobId, JobStatus
from mediavault.core.media import SavedFile
from mediavault.features.jobs.library_filter import address
from mediavault.features.rss.document import (
    ATOM_TYPE,
    RSS_TYPE,
    RssChannel,
    RssItem,
    atom_document,
    rss_document,
)
from mediavault.features.rss.model import MOST_ITEMS, RssFeed, filter_of, query_of
from mediavault.features.rss.service import ATOM_NAME, COVER_NAME, RSS_NAME, RssFeeds, folder_of
from mediavault.presentation.preferences import Appearance, use, zone_named
from mediavault.presentation.translation import gettext as _
from mediavault.presentation.translation import locales
from mediavault.presentation.views import moving_files, shown_job
from mediavault.server.authentication import FEEDS_PREFIX, credentials_of
from mediavault.server.long_responses import depend_on
from mediavault.server.own_address import address_for_apps
from mediavault.server.ranges import is_unchanged
from mediavault.server.services import ApiServices
from mediavault.store.port import JobQuery, Store
from mediavault.web.icon_pictures import IconPicture, draw
from mediavault.web.post_view import PostText, pieces, post_text
from mediavault.web.render import safe_link

router = APIRouter(include_in_schema=False)

COVER = IconPicture(1400, is_full=True)  # the smallest that Apple takes
HEADERS = {"X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "no-referrer"}
MOST_VERSIONS = 1_000  # of documents whose last one is remembered
MOST_CHANGED = 100  # posts: with more of them the feed is read again
_SECOND = timedelta(seconds=1)  # the precision of HTTP dates
_FILE = re.compile(
    r"(?P<job>[0-9a-f-]{36})-(?P<index>\d{1,5})(?P<picture>-picture)?\.[a-z0-9]{1,5}", re.ASCII
)

Stamp = Hashable
Key = Annotated[str, Path(max_length=100)]
Name = Annotated[str, Path(max_length=100)]


@dataclass(frozen=True, slots=True)
class RssVersion:
    """A document as it was sent: its ETag and time.
    ``stamp`` is what the store had when it was read.
    """

    etag: str
    modified: datetime
    since: datetime
    stamp: Stamp


class RssVersions:
    """The last version of each document that this process has sent: whether it is current is known
    without reading posts.

    The store knows cheaply what has changed: the saved posts that changed since, the library's
    sums, and of each mark that the filter asks for how many there are and which is the newest.
    While all of this is the same, so is the feed, unless it is of a search: the words of subtitles
    and comments are stored without a change of their post.

    Used in the event loop's thread only.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._sent: OrderedDict[Hashable, RssVersion] = OrderedDict()

    async def current(self, document: Hashable, query: JobQuery) -> RssVersion | None:
        """Return the version that was sent last, if nothing has changed since; else None."""
        version = self._sent.get(document)
        if version is None or version.stamp is None:
            return None
        return version if await self._stamp(query, version.since) == version.stamp else None

    async def begin(self, query: JobQuery) -> tuple[datetime, Stamp]:
        """Return what ``sent`` needs. Call it before the posts are read:
        a change in between is then seen later.
        """
        since = self._clock.now() - CLOCKS_DIFFER - OVERLAP
        return since, await self._stamp(query, since)

    def sent(self, document: Hashable, body: bytes, since: datetime, stamp: Stamp) -> RssVersion:
        """Remember the document's version and return it. Its time grows with each change,
        and only then.
        """
        etag, before = f'"{hashlib.sha256(body).hexdigest()[:32]}"', self._sent.get(document)
        modified = self._clock.now().replace(microsecond=0)
        if before is not None:
            modified = (
                before.modified if before.etag == etag else max(modified, before.modified + _SECOND)
            )
        version = RssVersion(etag, modified, since, stamp)
        self._sent[document] = version
        self._sent.move_to_end(document)
        while len(self._sent) > MOST_VERSIONS:
            self._sent.popitem(last=False)
        return version

    async def _stamp(self, query: JobQuery, since: datetime) -> Stamp:
        """Return a value that differs when the query's saved posts may;
        None where that can't be known.
        """
        if query.text:
            return None
        changed = await self._store.catalogue.changed_since(since, limit=MOST_CHANGED)
        if len(changed) == MOST_CHANGED:
            return None
        saved = frozenset(
            (job.id, job.updated_at) for job in changed if job.status is JobStatus.COMPLETED
        )
        totals = await self._store.catalogue.library_totals()
        sums = tuple(
            (site.platform, site.saved, site.bytes, site.duration_s) for site in totals.platforms
        )
        marks = [await self._mark_stamp(name) for name in sorted({*query.marks, *query.without})]
        return saved, sums, tuple(marks)

    async def _mark_stamp(self, name: str) -> Stamp:
        counts = [count.jobs for count in await self._store.marks.names(name) if count.name == name]
        newest = await self._store.marks.marked(name, limit=1, newest_first=True)
        return name, tuple(counts), tuple((mark.job_id, mark.place) for mark in newest)


@router.head(FEEDS_PREFIX + "{key}/" + RSS_NAME)
@router.get(FEEDS_PREFIX + "{key}/" + RSS_NAME)
async def rss(
    request: Request,
    key: Key,
    services: Services,
    feeds: RssFeedsDep,
    authenticator: AuthenticatorDep,
) -> Response:
    """Return the feed as RSS 2.0, or 304."""
    return await _document(request, key, services, feeds, authenticator, RSS_NAME)


@router.head(FEEDS_PREFIX + "{key}/" + ATOM_NAME)
@router.get(FEEDS_PREFIX + "{key}/" + ATOM_NAME)
async def atom(
    request: Request,
    key: Key,
    services: Services,
    feeds: RssFeedsDep,
    authenticator: AuthenticatorDep,
) -> Response:
    """Return the feed as Atom 1.0, or 304."""
    return await _document(request, key, services, feeds, authenticator, ATOM_NAME)


@router.head(FEEDS_PREFIX + "{key}/" + COVER_NAME)
@router.get(FEEDS_PREFIX + "{key}/" + COVER_NAME)
async def cover(
    request: Request, key: Key, feeds: RssFeedsDep, authenticator: AuthenticatorDep
) -> Response:
    """Return the picture of every feed."""
    await _feed(request, key, feeds, authenticator)
    return _private(answer_bytes(request, await asyncio.to_thread(_cover), "image/png"))


@router.head(FEEDS_PREFIX + "{key}/{name}")
@router.get(FEEDS_PREFIX + "{key}/{name}")
async def file(
    request: Request,
    key: Key,
    name: Name,
    services: Services,
    feeds: RssFeedsDep,
    authenticator: AuthenticatorDep,
) -> Response:
    """Return a file of a post that the feed holds, or a part of it."""
    _, query = await _feed(request, key, feeds, authenticator)
    stored = await _stored(services, feeds, query, name)
    return _private(await answer_stored(request, services.library, stored or StoredFile(None)))


async def _feed(
    request: Request,
    key: str,
    feeds: RssFeeds,
    authenticator: Authenticator,
    *,
    is_use: bool = False,
) -> tuple[RssFeed, JobQuery]:
    """Return the feed and its query. Raises NotFound, with the same words whatever is missing,
    and TooManyTries.
    """
    feed = await feeds.open(key, authenticator.address_of(credentials_of(request)), is_use=is_use)
    try:
        if feed is not None and await authenticator.users.find(feed.user) is not None:
            depend_on(request, "feed", FEEDS_PREFIX, partial(_is_valid, feeds, feed))
            return feed, query_of(feed)
    except BadInput:  # a filter that can't be read
        pass
    raise NotFound(
        "This feed is no longer available.",
        help="Ask the person who gave you its address for a new one.",
    )


async def _is_valid(feeds: RssFeeds, feed: RssFeed) -> bool:
    return await feeds.by_key(feed.key, is_use=False) is not None


async def _document(
    request: Request,
    key: str,
    services: ApiServices,
    feeds: RssFeeds,
    authenticator: Authenticator,
    name: str,
) -> Response:
    feed, query = await _feed(request, key, feeds, authenticator, is_use=True)
    versions, base = _versions(request), address_for_apps(request, services.settings, feed.base)
    document = (feed.key, name, base)
    version = await versions.current(document, query)
    if version is not None and _is_known(request, version):
        return _private(Response(status_code=304, headers=_headers(version, name)))
    since, stamp = await versions.begin(query)
    posts = await feeds.posts(query)
    use(Appearance(feed.locale if feed.locale in locales() else "en", zone=zone_named(feed.zone)))
    folder, home = folder_of(base, key), base.rstrip("/") + address(filter_of(feed))
    channel = channel_of(feed, posts, folder=folder, document=name, home=home)
    body = rss_document(channel) if name == RSS_NAME else atom_document(channel)
    version = versions.sent(document, body, since, stamp)
    if _is_known(request, version):
        return _private(Response(status_code=304, headers=_headers(version, name)))
    headers = {**_headers(version, name), "Content-Length": str(len(body))}
    return _private(Response(b"" if request.method == "HEAD" else body, headers=headers))


def _is_known(request: Request, version: RssVersion) -> bool:
    """Whether the app has this version. Its ETag decides where it sends one;
    a time has to be exactly ours.
    """
    if (tag := request.headers.get("if-none-match")) is not None:
        return is_unchanged(tag, version.etag)
    return request.headers.get("if-modified-since") == _http_date(version)


def _headers(version: RssVersion, name: str) -> dict[str, str]:
    kind = RSS_TYPE if name == RSS_NAME else ATOM_TYPE
    return {
        "Content-Type": f"{kind}; charset=utf-8",
        "ETag": version.etag,
        "Last-Modified": _http_date(version),
        "Cache-Control": "private, no-cache",
    }


def _http_date(version: RssVersion) -> str:
    return format_datetime(version.modified, usegmt=True)


def _private(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response


async def _stored(
    services: ApiServices, feeds: RssFeeds, query: JobQuery, name: str
) -> StoredFile | None:
    """Return the file of this name; None unless it is exactly one that the feed's document would
    name.
    """
    match = _FILE.fullmatch(name)
    if match is None:
        return None
    try:
        job = await services.store.catalogue.get(to_job_id(match["job"]))
    except JobNotFound:
        return None
    found = _file_of(job, int(match["index"]), is_picture=match["picture"] is not None)
    is_ours = found is not None and found.name == name and await feeds.holds(query, job)
    return found.file if found is not None and is_ours else None


def _file_of(job: Job, index: int, *, is_picture: bool) -> Enclosure | None:
    saved = moving_files(job).get(index)
    if saved is None:
        return None
    return picture_of(job.id, index, saved) if is_picture else enclosure_of(job.id, index, saved)


def _versions(request: Request) -> RssVersions:
    return cast("RssVersions", request.app.state.rss_versions)


@cache
def _cover() -> bytes:
    return draw(COVER)


# --- contents -------------------------------------------------------------------------------------
# What an RSS feed's document holds: posts with their texts,
# and the files that it offers for them.

MAX_TEXT_CHARS = 3_500  # of a post: Apple shows 4,000
_BARE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_PICTURES = frozenset({".jpg", ".png"})  # what podcast apps show; WebP is not among it
_PLAIN_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file of a post. ``name`` is the last part of its address: apps go by the suffix,
    and it never changes.
    """

    name: str
    kind: str  # its content type
    file: StoredFile


def enclosure_of(job_id: JobId, index: int, saved: SavedFile) -> Enclosure:
    """Return what a podcast app plays for the item ``index`` of a job: the saved file, whether
    video or sound.

    There is one file for each item, which was put into an MP4 when it was saved, if its container
    allowed it.
    """
    return _enclosure(f"{job_id}-{index}", saved.output_path, saved.sha256, saved.bytes)


def picture_of(job_id: JobId, index: int, saved: SavedFile) -> Enclosure | None:
    """Return the item's picture; None when it has none that podcast apps show."""
    if saved.thumbnail_path is None or _suffix(saved.thumbnail_path) not in _PICTURES:
        return None
    return _enclosure(f"{job_id}-{index}-picture", saved.thumbnail_path, None, None)


def channel_of(
    feed: RssFeed, jobs: Sequence[Job], *, folder: str, document: str, home: str
) -> RssChannel:
    """Return the feed with these posts, the newest publication first, which is how podcast apps
    sort episodes.

    ``jobs`` are the posts that were added last, newest first: of their videos, the first
    ``MOST_ITEMS`` are included. ``folder`` is the address of the feed's files, with a slash at the
    end.
    """
    items = [item for job in jobs for item in _items(shown_job(job), folder)][:MOST_ITEMS]
    # stable: the videos of a post keep their order
    items.sort(key=lambda item: item.published_at, reverse=True)
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
    for number, (index, saved) in enumerate(files.items(), start=1):
        enclosure, picture = enclosure_of(job.id, index, saved), picture_of(job.id, index, saved)
        yield RssItem(
            id=str(uuid.uuid5(uuid.UUID(job.id), str(index))),
            title=f"{text.title} ({number}/{len(files)})" if len(files) > 1 else text.title,
            author=text.author,
            link=_link(job),
            html=_html(job, text),
            # apps hide an episode whose date has not come
            published_at=min(published_at, saved_at),
            saved_at=saved_at,
            address=f"{folder}{enclosure.name}",
            kind=enclosure.kind,
            bytes=saved.bytes,
            duration_s=saved.duration_s,
            picture=f"{folder}{picture.name}" if picture else None,
        )


def _link(job: Job) -> str | None:
    """Return the post's address in the characters of a URI, which feed readers insist on;
    None if it is not a link.
    """
    link = safe_link(job.post_url)
    return (
        quote(_BARE_PERCENT.sub("%25", link), safe="%/:?#[]@!$&'()*+,;=~", errors="replace")
        if link
        else None
    )


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


def _enclosure(stem: str, path: str, sha256: str | None, size: int | None) -> Enclosure:
    suffix = _suffix(path)
    shown = suffix if _PLAIN_SUFFIX.fullmatch(suffix) else ".bin"
    return Enclosure(
        f"{stem}{shown}", CONTENT_TYPES.get(suffix, DOWNLOAD_TYPE), StoredFile(path, sha256, size)
    )


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()
