"""An RSS feed of the library: its record, its filter,
and how API and command line show it. Pure.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field

from mediavault.auth.grants import NamedGrant
from mediavault.core.failures import BadInput
from mediavault.core.messages import Message
from mediavault.core.records import RecordKind
from mediavault.features.jobs.library_filter import (
    LibraryFilter,
    LibraryView,
    read_filter,
    to_query,
)
from mediavault.presentation.preferences import zone_named
from mediavault.presentation.record_models import STRICT
from mediavault.presentation.schemas import MAX_FILTER_CHARS
from mediavault.store.port import JobOrder, JobQuery

MOST_ITEMS = 200  # of a document: an app asks for all of them again at each change


@dataclass(frozen=True, slots=True, kw_only=True)
class RssFeed(NamedGrant):
    """A feed's record.

    ``filter`` is the query of the library page's address. It is read as the user who made the feed,
    and in their time zone. ``base`` is the vault's address as they opened it, with a slash at the
    end.
    """

    kind = RecordKind.RSS_FEED
    used_every = timedelta(minutes=10)

    uid: str  # its secret follows from it
    user: str
    filter: str
    locale: str
    zone: str  # "" for UTC
    base: str

    def __post_init__(self) -> None:
        uuid.UUID(self.uid)

    @property
    def id(self) -> str:
        return self.uid


class RssFeedRequest(BaseModel):
    """A new RSS feed. ``filter`` is what the library page's address has behind its question mark;
    "" for everything.
    """

    model_config = STRICT

    name: Annotated[str, Field(max_length=200)]
    filter: Annotated[str, Field(max_length=MAX_FILTER_CHARS)] = ""


class RssFeedView(BaseModel):
    """An RSS feed. ``rss`` and ``atom`` are its secret addresses;
    null where the machine has not the key that made them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str
    filter: str
    made_at: datetime
    fetched_at: datetime | None
    rss: str | None
    atom: str | None


class RssFeedsView(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    feeds: list[RssFeedView]


def filter_of(feed: RssFeed) -> LibraryFilter:
    """Return the feed's filter. Raises BadInput for one that can't be read,
    as in a backup that was changed.
    """
    return for_feed(read_filter(dict(parse_qsl(feed.filter))))


def read_feed_filter(text: str) -> LibraryFilter:
    """Return the filter of a new feed from what the library's address has after its question mark;
    "" for everything.

    Raises BadInput, also for a name that is not part of a filter: a typing mistake must not open
    the whole library.
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
                "Use the part after the question mark in the library's address: %(names)s.",
                names=", ".join(known),
            ),
        )
    return for_feed(read_filter(params))


def for_feed(library_filter: LibraryFilter) -> LibraryFilter:
    """Return the filter as a feed uses it: the saved posts, without an order."""
    return replace(library_filter, state=LibraryView.SAVED, order=LibraryFilter().order)


def query_of(feed: RssFeed) -> JobQuery:
    """Return the query for the feed's posts, those saved last first, since apps expect what is new
    there. Raises BadInput as ``filter_of``.
    """
    library_filter = replace(filter_of(feed), order=JobOrder.NEWEST)
    return to_query(library_filter, zone_named(feed.zone), feed.user, limit=MOST_ITEMS)
