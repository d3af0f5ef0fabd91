"""What a check of a source's list asks for, and what it finds; the file that an entry encloses."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from mediavault.core.media import EnclosedFile
from mediavault.core.typed_records import from_named_json, to_named_json


class EntryKind(StrEnum):
    """What kind of video a post is. The values are stored: never rename one."""

    VIDEO = "video"
    SHORT = "short"
    LIVE = "live"  # a broadcast, running or over


ALL_KINDS = tuple(EntryKind)
MAX_LIST_BYTES = 4 << 20  # of a file with a list of sources, and of one in a zip
# between two checks of a source, unless a user has set a longer one
LONGEST_INTERVAL = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Entry:
    """A post on a source's list, with what the list says about it; None for what it does not say.

    ``post_id`` is the site's id of the post, "" where an entry has only its URL. ``is_date_exact``:
    False for a date that was worked out from a text such as "3 weeks ago"; it may be wrong by a
    fifth of its age. ``finished``: False for a premiere or a broadcast that has not ended. ``text``
    is the description, which may be cut off. ``enclosed`` is the file that a feed's entry encloses.
    ``former_url`` is the URL by which earlier versions named the post, "" if it is the same.
    """

    url: str
    post_id: str = ""
    title: str | None = None
    text: str | None = None
    published_at: datetime | None = None
    is_date_exact: bool = True
    duration_s: float | None = None
    kind: EntryKind | None = None
    finished: bool = True
    members_only: bool | None = None
    is_repost: bool = False
    is_reply: bool = False
    language: str | None = None
    thumbnail_url: str | None = None
    enclosed: EnclosedFile | None = None
    former_url: str = ""


@dataclass(frozen=True, slots=True)
class Validators:
    """What makes the next request for a feed conditional (RFC 9110, section 13).

    ``url`` is that of the feed that was read, "" where none was. It may differ from the source's,
    whose page may only link to the feed. ``etag`` and ``last_modified`` apply to this feed alone.
    """

    etag: str | None = None
    last_modified: str | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What one check of a source found.

    ``stable_id`` is the site's id of the account or list, which stays when either is renamed.
    ``is_whole``: the list was read to its end. ``is_newest_first``: False for lists in any other
    order. ``is_unchanged``: the site says that nothing has changed since the validators of the
    check were stored; ``entries`` is empty then. ``fresh_for``: how long the site asks to wait
    before the next request. ``uses_account``: the check counted as a request of the signed-in
    account. ``method`` names the way in which the list was read.
    """

    entries: tuple[Entry, ...] = ()
    stable_id: str | None = None
    title: str | None = None
    handle: str | None = None
    picture_url: str | None = None
    is_whole: bool = False
    is_newest_first: bool = True
    is_unchanged: bool = False
    validators: Validators = Validators()
    fresh_for: timedelta | None = None
    uses_account: bool = False
    method: str = ""


@dataclass(frozen=True, slots=True)
class ListPage:
    """What one response of a site says about a source: its list, or a part of it.

    ``cursor`` names the next part, "" where there is none. ``feed_urls`` are the feeds to which a
    page links that is not a list itself. ``skip_hours`` are the hours of the day, in UTC, in which
    the feed should not be read.
    """

    listing: Listing = Listing()
    cursor: str = ""
    feed_urls: tuple[str, ...] = ()
    skip_hours: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ListCheck:
    """What a check of a source's list asks for.

    ``known`` are the site's ids of posts that earlier checks have seen: reading a list that is
    newest first may end after ``stop_after_known`` of them in a row (None: never). ``limit`` is how
    many entries are read at most. ``kinds`` and ``reposts`` say what is wanted, for sites that list
    each separately. ``stable_id`` is "" in the first check.
    """

    url: str
    stable_id: str = ""
    known: tuple[str, ...] = ()
    stop_after_known: int | None = None
    limit: int = 100
    kinds: tuple[EntryKind, ...] = ALL_KINDS
    reposts: bool = False
    validators: Validators = Validators()


@dataclass(frozen=True, slots=True)
class SourceAddress:
    """Where a source is: its canonical URL and the platform's name, which is ``generic`` for feeds
    of unknown sites.

    ``is_list``: a list of posts rather than an account, as far as the URL says.
    """

    url: str
    platform: str
    is_list: bool = False


def post_key(canonical_url: str) -> str:
    """Return the key of a post among what a source has seen:
    the same in every source that names the post.
    """
    return hashlib.sha256(canonical_url.encode()).hexdigest()[:32]


_KEY = "enclosed"


def metadata_of(file: EnclosedFile | None) -> dict[str, Any]:
    """Return the metadata of a job whose post is this file; none for None."""
    return {_KEY: to_named_json(file)} if file else {}


def enclosed_in(metadata: Mapping[str, Any]) -> EnclosedFile | None:
    """Return the file in a job's metadata; None where there is none, and for anything else,
    as in a changed backup.
    """
    try:
        return from_named_json(EnclosedFile, metadata[_KEY])
    except (LookupError, TypeError, ValueError):
        return None
