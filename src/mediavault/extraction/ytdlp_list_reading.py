"""Turns yt-dlp's answer about a list into what a check of a source found, or why it found nothing. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from mediavault.core.clock import is_plausible
from mediavault.core.failures import ExtractorBroken, Failure, Unsupported
from mediavault.core.listings import Entry, EntryKind, Listing
from mediavault.core.messages import Message
from mediavault.core.platform import ListRules, Platform
from mediavault.core.post_urls import find_post
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.json_walk import Node
from mediavault.extraction.ytdlp_failures import failure_of
from mediavault.extraction.ytdlp_listing import MAX_DESCRIPTION_CHARS, MAX_ENTRIES
from mediavault.extraction.ytdlp_reading import require_installed

MAX_TITLE_CHARS = 300
_KEY = re.compile(r"[\w.@-]{1,128}", re.ASCII)
_HANDLE = re.compile(r"@?[\w.:-]{1,80}")
_NOTHING_THERE = re.compile(r"does not have an? \w+ tab|does not have any videos posted")
_UNKNOWN = "no suitable extractor"
_LIVE = frozenset({"is_live", "was_live", "post_live"})
_NOT_OVER = frozenset({"is_live", "is_upcoming", "post_live"})
_FOR_MEMBERS = {"subscriber_only": True, "premium_only": True, "public": False}


def read_list(answer: Mapping[str, Any], platform: Platform, rules: ListRules, kind: EntryKind | None) -> Listing:
    """Return what the child's ``answer`` says about a list, in which everything is of one ``kind`` (None: of any).

    A list that broke off is returned as far as it was read. Raises the failure that yt-dlp reported if nothing was read,
    ToolMissing, Unsupported for what is not a list or not one that yt-dlp knows, and ExtractorBroken.
    """
    require_installed(answer)
    found = values.obj(answer.get("list"))
    named = values.objects(answer.get("entries"))[:MAX_ENTRIES]
    entries = tuple(entry for one in named if (entry := _entry(one, platform, rules, kind)) is not None)
    is_list = found.get("is_list") is True
    if found and not is_list:
        raise Unsupported("This is a single post, not a list.")
    if not entries and (failure := _failure(answer, platform)) is not None:
        raise failure
    if not is_list and not _is_empty(answer):
        raise ExtractorBroken("yt-dlp could not read the list.")
    key = values.text(found.get(rules.key)) or ""
    handle = (
        values.text(found.get("uploader_id")) if platform.ytdlp and platform.ytdlp.handle == "uploader_id" else None
    )
    return Listing(
        entries=entries,
        stable_id=key if _KEY.fullmatch(key) else None,
        title=(values.text(found.get(rules.title)) or "")[:MAX_TITLE_CHARS] or None,
        handle=handle if handle and _HANDLE.fullmatch(handle) else None,
        picture_url=values.url(found.get("thumbnail")),
        is_whole=_is_empty(answer) or (answer.get("ended") == "end" and answer.get("complete") is True),
        is_newest_first=rules.newest_first,
    )


def _failure(answer: Mapping[str, Any], platform: Platform) -> Failure | None:
    """Return the first failure that yt-dlp reported, unless it says only that nothing is there."""
    warnings = [str(line) for line in values.items(answer.get("warnings"))]
    if _is_empty(answer):
        return None
    for error in values.objects(answer.get("errors")):
        if _UNKNOWN in str(error.get("message")).lower():
            return Unsupported(Message("yt-dlp does not support this kind of list on %(site)s.", site=platform.title))
        return failure_of(error, warnings, platform)
    return ExtractorBroken("yt-dlp could not read the list.") if answer.get("ended") == "error" else None


def _is_empty(answer: Mapping[str, Any]) -> bool:
    """Whether yt-dlp's only error is that an account has nothing of this kind."""
    errors = values.objects(answer.get("errors"))
    return bool(errors) and all(_NOTHING_THERE.search(str(error.get("message"))) for error in errors)


def _entry(found: Node, platform: Platform, rules: ListRules, kind: EntryKind | None) -> Entry | None:
    """Return a post of the list; None for one without a URL."""
    address = values.url(found.get("url"))
    if address is None:
        return None
    match = find_post(platform, address)
    status = values.text(found.get("live_status"))
    rough = values.moment(found.get("timestamp"))
    published = rough or values.moment(found.get("release_timestamp"))
    return Entry(
        url=match.page_url if match else address,
        post_id=match.post_id if match else (values.text(found.get("id")) or "")[:MAX_TITLE_CHARS],
        title=(values.text(found.get("title")) or "")[:MAX_TITLE_CHARS] or None,
        text=(values.text(found.get("description")) or "")[:MAX_DESCRIPTION_CHARS] or None,
        published_at=_plausible(published),
        is_date_exact=rough is None or not rules.rough_dates,
        duration_s=values.number(found.get("duration")),
        kind=kind or _kind(address, status),
        is_over=status not in _NOT_OVER,
        members_only=_FOR_MEMBERS.get(values.text(found.get("availability")) or ""),
        thumbnail_url=values.url(found.get("thumbnail")),
    )


def _kind(address: str, status: str | None) -> EntryKind | None:
    if urlsplit(address).path.startswith("/shorts/"):
        return EntryKind.SHORT
    return EntryKind.LIVE if status in _LIVE else None


def _plausible(moment: datetime | None) -> datetime | None:
    return moment if moment is not None and is_plausible(moment) else None
