"""What an RSS feed's document holds: posts with their texts,
and the files that it offers for them. Pure.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import PurePosixPath
from urllib.parse import quote

from mediavault.api.files import CONTENT_TYPES, DOWNLOAD_TYPE, StoredFile
from mediavault.core.clock import moment_or_none
from mediavault.core.job import Job, JobId
from mediavault.core.media import SavedFile
from mediavault.features.rss.document import RssChannel, RssItem
from mediavault.features.rss.model import MOST_ITEMS, RssFeed
from mediavault.features.rss.service import COVER_NAME
from mediavault.presentation.translation import gettext as _
from mediavault.presentation.views import moving_files, shown_job
from mediavault.web.post_view import PostText, pieces, post_text
from mediavault.web.render import safe_link

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
