"""When a partial file may go on growing. Pure; the strict rule, since every lenient one keeps a wrong file some day.

curl, wget, aria2 and yt-dlp trust the length and keep a wrong file in silence in three to five of ten server
misbehaviours. Here bytes are appended only where the answer is exactly the range that was asked for, of a file of the
same length and version, and its first OVERLAP_BYTES equal the last ones on disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from mediavault.core.errors import EmptyBody, Failure, HttpError, LinkExpired, NotAVideo, RateLimited
from mediavault.core.retry_after import asked_to_wait
from mediavault.services.download.headers import (
    content_length,
    content_range,
    is_encoded,
    media_type,
    strong_etag,
    strong_last_modified,
)

OVERLAP_BYTES = 64 << 10
_EXPIRED = frozenset({401, 403, 410})
_NO_MEDIA = frozenset({"text/html", "application/xhtml+xml", "application/json"})


@dataclass(frozen=True, slots=True)
class Saved:
    """What is known about a partial file. ``bytes`` of it have reached the disk for sure; later ones may not have."""

    url: str
    final_url: str
    total: int | None
    etag: str | None  # strong ones only
    last_modified: str | None  # only where it is a strong validator
    content_type: str | None
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Ask:
    """The request that is to be sent: the file from ``start`` up to ``end`` (exclusive; None: to its end)."""

    start: int = 0
    end: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    same_host: bool = True
    conditional: bool = False  # an If-Range makes the server itself refuse to mix versions


@dataclass(frozen=True, slots=True)
class Whole:
    """The body is the file from its first byte: what is on disk goes, ``saved`` describes the new one.

    ``end``: how far the body goes (exclusive), where it is only the first of several ranges.
    """

    saved: Saved
    conclusive: bool  # a length was announced
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Append:
    """The body is the file from ``start`` up to ``end`` (exclusive); its beginning must equal what is on disk."""

    start: int
    end: int
    proven: bool  # by a strong validator


@dataclass(frozen=True, slots=True)
class AllThere:
    """Nothing is missing: the file on disk has the length that the server names."""


@dataclass(frozen=True, slots=True)
class StartOver:
    """The answer does not fit what is on disk: it goes, and the whole file is asked for."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refuse:
    failure: Failure


Move = Whole | Append | AllThere | StartOver | Refuse


def ask_for(saved: Saved | None, *, have: int, url: str, at_most: int | None = None) -> Ask:
    """Resume ``have`` bytes, or ask from the start where resuming could not be checked; ``at_most`` so many bytes."""
    if saved is None or saved.total is None or have <= OVERLAP_BYTES or have > saved.total:
        return Ask() if at_most is None else Ask(end=at_most, headers={"range": f"bytes=0-{at_most - 1}"})
    start = have - OVERLAP_BYTES
    end = min(start + at_most, saved.total) if at_most is not None else None
    same_host = urlsplit(saved.url).netloc == urlsplit(url).netloc
    validator = (saved.etag or saved.last_modified) if same_host else None
    span = f"bytes={start}-{end - 1 if end is not None else ''}"
    headers = {"range": span} | ({"if-range": validator} if validator else {})
    return Ask(start, end, headers, same_host, conditional=validator is not None)


def judge(
    status: int,
    headers: Mapping[str, str],
    ask: Ask,
    saved: Saved | None,
    *,
    have: int,
    url: str,
    final_url: str,
    now: datetime,
) -> Move:
    """What to do with an answer of which only the header has been read."""
    refusal = failure_for(status, headers, now=now)
    if refusal is not None:
        return Refuse(refusal)
    if status in (200, 206) and is_encoded(headers):
        encoding = headers["content-encoding"]
        return Refuse(
            HttpError(
                f"The site sent the video compressed ({encoding}) although that was not asked for.", http_status=status
            )
        )
    if status == 200:
        length = content_length(headers)
        return Whole(_described(headers, length, url, final_url), conclusive=length is not None)
    if ask.start == 0 or saved is None:
        if ask.end is not None:
            return _judge_first(status, headers, url, final_url)
        return _judge_unasked(status, headers, url, final_url)
    if status == 206:
        return _judge_part(headers, ask, saved, have)
    named = content_range(headers.get("content-range"))
    if named is not None and named.total == have == saved.total:
        return AllThere()
    return _no_range()


def failure_for(status: int, headers: Mapping[str, str], *, now: datetime) -> Failure | None:
    """The failure that a status stands for; None for 200, 206 and 416, which have to be looked at."""
    if status in _EXPIRED:
        return LinkExpired(f"The site refused the media address ({status}).", http_status=status)
    wait = asked_to_wait(headers, now=now)
    if status == 429 or (status == 503 and wait is not None):  # a bare 503 is one server's trouble, not the site's word
        return RateLimited(f"The site asked us to slow down ({status}).", http_status=status, retry_after=wait)
    if status in (204, 205):
        return EmptyBody(f"The site sent nothing ({status}).", http_status=status)
    if status not in (200, 206, 416):
        return HttpError(f"The site answered {status}.", http_status=status)
    return None


def _judge_unasked(status: int, headers: Mapping[str, str], url: str, final_url: str) -> Move:
    """A 206 or 416 although the whole file was asked for: good only when the "part" is all of it."""
    named = content_range(headers.get("content-range"))
    if status == 206 and named is not None and named.start == 0 and named.total == (named.end or 0) + 1:
        return Whole(_described(headers, named.total, url, final_url), conclusive=True)
    return Refuse(HttpError(f"The site answered a range that nobody asked for ({status}).", http_status=status))


def _judge_first(status: int, headers: Mapping[str, str], url: str, final_url: str) -> Move:
    """The answer to the first of several ranges, which may be longer or shorter than it was asked to be. A server that
    is no good at ranges is asked for all of it."""
    named = content_range(headers.get("content-range"))
    if status == 416:
        empty = named is not None and named.total == 0
        return Refuse(EmptyBody("The site sent an empty file.", http_status=416)) if empty else _no_range()
    if named is None or named.end is None or named.total is None:
        return StartOver("the site did not say which part it sent")
    if named.start != 0:
        return StartOver("the site sent another part than it was asked for")
    return Whole(_described(headers, named.total, url, final_url), conclusive=True, end=named.end + 1)


def _no_range() -> StartOver:
    return StartOver("the site has no such range")


def _judge_part(headers: Mapping[str, str], ask: Ask, saved: Saved, have: int) -> Move:
    named = content_range(headers.get("content-range"))
    if named is None or named.end is None:
        return StartOver("the site did not say which part it sent")
    if named.start != ask.start:
        return StartOver("the site sent another part than it was asked for")
    if named.total != saved.total:
        return StartOver("the file's length has changed")
    if named.end + 1 < have:
        return StartOver("the site sent less than is there already")
    if media_type(headers) in _NO_MEDIA and media_type(headers) != saved.content_type:
        return Refuse(
            NotAVideo(f"The site sent {media_type(headers)} instead of the rest of the video.", http_status=206)
        )
    etag, changed = strong_etag(headers), strong_last_modified(headers)
    if ask.same_host and (_differ(etag, saved.etag) or _differ(changed, saved.last_modified)):
        return StartOver("the file has changed")
    # A server that names no validator in its answer may not have read ours.
    confirmed = (saved.etag is not None and etag == saved.etag) or (
        saved.etag is None and changed == saved.last_modified
    )
    return Append(ask.start, named.end + 1, proven=ask.conditional and confirmed)


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other


def _described(headers: Mapping[str, str], total: int | None, url: str, final_url: str) -> Saved:
    return Saved(
        url=url,
        final_url=final_url,
        total=total,
        etag=strong_etag(headers),
        last_modified=strong_last_modified(headers),
        content_type=media_type(headers),
    )
