"""When a partial file may be resumed: a strict rule, since every lenient one sooner or later saves
a wrong file. Pure.

curl, wget, aria2 and yt-dlp trust the length and silently keep a wrong file in three to five of ten
server misbehaviours. Here bytes are appended only where the answer is exactly the range that was
asked for, of a file of the same length and version, and its first OVERLAP_BYTES equal the last ones
on disk. A malformed header field counts as absent (RFC 9110).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from mediavault.core.failures import (
    EmptyBody,
    Failure,
    HttpError,
    LinkExpired,
    NotAVideo,
    RateLimited,
    SiteClosed,
)
from mediavault.core.media import RefusedCopy
from mediavault.core.messages import Message
from mediavault.core.retry_after import http_date, parse_retry_after
from mediavault.core.urls import without_query

# --- header fields --------------------------------------------------------------------------------

STRONG_DATE_AGE = timedelta(seconds=60)  # RFC 9110, 8.8.2.2: then two versions cannot share a date


@dataclass(frozen=True, slots=True)
class ContentRange:
    """``start`` and ``end`` are inclusive; both None in a 416's ``bytes */total``.
    ``total`` None: ``*``.
    """

    start: int | None
    end: int | None
    total: int | None


_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)", re.ASCII)


def content_range(value: str | None) -> ContentRange | None:
    """Read a Content-Range; None where it is absent, malformed or contradictory."""
    match = _RANGE.fullmatch(value.strip()) if value else None
    if match is None:
        return None
    start, end = (int(match[1]), int(match[2])) if match[1] else (None, None)
    total = None if match[3] == "*" else int(match[3])
    if (
        start is not None
        and end is not None
        and (end < start or (total is not None and end >= total))
    ):
        return None
    return ContentRange(start, end, total)


def content_length(headers: Mapping[str, str]) -> int | None:
    """Return the Content-Length in bytes; None where it is absent or not a number."""
    value = headers.get("content-length", "").strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else None


def is_encoded(headers: Mapping[str, str]) -> bool:
    """Return whether the body is compressed: its length and ranges then count other bytes than the
    file's.
    """
    return headers.get("content-encoding", "").strip().lower() not in ("", "identity")


def strong_etag(headers: Mapping[str, str]) -> str | None:
    """Return the ETag; None where it is absent or weak (``W/``):
    a weak one may belong to different bytes.
    """
    value = headers.get("etag", "").strip()
    return value if re.fullmatch(r'"[\x21\x23-\x7e\x80-\xff]*"', value) else None


def strong_last_modified(headers: Mapping[str, str]) -> str | None:
    """Return Last-Modified if that date was at least a minute old when the server answered."""
    value = headers.get("last-modified", "").strip()
    changed, answered = http_date(value), http_date(headers.get("date"))
    if changed is None or answered is None or answered - changed < STRONG_DATE_AGE:
        return None
    return value


def media_type(headers: Mapping[str, str]) -> str | None:
    """Return the content type in lower case, without parameters; None where it is absent."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() or None


# --- the rule -------------------------------------------------------------------------------------

OVERLAP_BYTES = 64 << 10
_EXPIRED = frozenset({401, 403, 410})
_NO_MEDIA = frozenset({"text/html", "application/xhtml+xml", "application/json"})


@dataclass(frozen=True, slots=True)
class Saved:
    """What is known about a partial file. Its first ``bytes`` have reached the disk for certain."""

    url: str
    final_url: str
    total: int | None
    etag: str | None  # strong ones only
    last_modified: str | None  # only where it is a strong validator
    content_type: str | None
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class ResumeRequest:
    """The request that is to be sent: the file from ``start`` up to ``end`` (exclusive; None:
    to its end).
    """

    start: int = 0
    end: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    same_host: bool = True
    conditional: bool = False  # an If-Range makes the server itself refuse to mix versions


@dataclass(frozen=True, slots=True)
class Whole:
    """The body is the file from its first byte: what is on disk is discarded, ``saved`` describes
    the new one.

    ``end``: how far the body goes (exclusive), where it is only the first of several ranges.
    """

    saved: Saved
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Append:
    """The body is the file from ``start`` up to ``end`` (exclusive);
    its beginning must equal what is on disk.
    """

    start: int
    end: int
    proven: bool  # by a strong validator


@dataclass(frozen=True, slots=True)
class AlreadyComplete:
    """Nothing is missing: the file on disk has the length that the server names."""


@dataclass(frozen=True, slots=True)
class StartOver:
    """The response does not fit what is on disk, which is discarded,
    and the whole file is requested.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Refuse:
    failure: Failure


ResumeDecision = Whole | Append | AlreadyComplete | StartOver | Refuse


def resume_request(
    saved: Saved | None, *, have: int, url: str, at_most: int | None = None
) -> ResumeRequest:
    """Return the request that resumes after ``have`` bytes, or starts over where a resume could not
    be checked.

    ``at_most`` limits the number of bytes to ask for.
    """
    if saved is None or saved.total is None or have <= OVERLAP_BYTES or have > saved.total:
        return (
            ResumeRequest()
            if at_most is None
            else ResumeRequest(end=at_most, headers={"range": f"bytes=0-{at_most - 1}"})
        )
    start = have - OVERLAP_BYTES
    end = min(start + at_most, saved.total) if at_most is not None else None
    same_host = urlsplit(saved.url).netloc == urlsplit(url).netloc
    validator = (saved.etag or saved.last_modified) if same_host else None
    span = f"bytes={start}-{end - 1 if end is not None else ''}"
    headers = {"range": span} | ({"if-range": validator} if validator else {})
    return ResumeRequest(start, end, headers, same_host, conditional=validator is not None)


def judge(
    status: int,
    headers: Mapping[str, str],
    ask: ResumeRequest,
    saved: Saved | None,
    *,
    have: int,
    url: str,
    final_url: str,
    now: datetime,
) -> ResumeDecision:
    """Decide what to do with a response of which only the header has been read."""
    refusal = failure_for(status, headers, now=now)
    if refusal is not None:
        return Refuse(refusal)
    if status in (200, 206) and is_encoded(headers):
        encoding = headers["content-encoding"]
        return Refuse(
            HttpError(
                Message(
                    "The site sent the video compressed (%(encoding)s) although that was not asked"
                    " for.",
                    encoding=encoding,
                ),
                http_status=status,
            )
        )
    if status == 200:
        length = content_length(headers)
        return Whole(_described(headers, length, url, final_url))
    if ask.start == 0 or saved is None:
        if ask.end is not None:
            return _judge_first(status, headers, url, final_url)
        return _judge_unrequested(status, headers, url, final_url)
    if status == 206:
        return _judge_part(headers, ask, saved, have)
    named = content_range(headers.get("content-range"))
    if named is not None and named.total == have == saved.total:
        return AlreadyComplete()
    return _no_range()


def failure_for(status: int, headers: Mapping[str, str], *, now: datetime) -> Failure | None:
    """Return the failure that a status means; None for 200, 206 and 416,
    which depend on the header.
    """
    if status in _EXPIRED:
        return LinkExpired(
            Message("The site refused the media address (%(status)s).", status=status),
            http_status=status,
        )
    wait = parse_retry_after(headers, now=now)
    if status == 503 and wait is not None:  # a bare one is one server's problem
        return SiteClosed(
            Message("The site is closed for now."), http_status=status, retry_after=wait
        )
    if status == 429:
        return RateLimited(
            Message("The site asked us to slow down (%(status)s).", status=status),
            http_status=status,
            retry_after=wait,
        )
    if status in (204, 205):
        return EmptyBody(
            Message("The site sent nothing (%(status)s).", status=status), http_status=status
        )
    if status not in (200, 206, 416):
        return HttpError(
            Message("The site answered %(status)s.", status=status), http_status=status
        )
    return None


def _judge_unrequested(
    status: int, headers: Mapping[str, str], url: str, final_url: str
) -> ResumeDecision:
    """Judge a 206 or 416 although the whole file was requested:
    accepted only when the "part" is all of it.
    """
    named = content_range(headers.get("content-range"))
    if (
        status == 206
        and named is not None
        and named.start == 0
        and named.total == (named.end or 0) + 1
    ):
        return Whole(_described(headers, named.total, url, final_url))
    return Refuse(
        HttpError(
            Message(
                "The site answered with a range that was not requested (%(status)s).", status=status
            ),
            http_status=status,
        )
    )


def _judge_first(
    status: int, headers: Mapping[str, str], url: str, final_url: str
) -> ResumeDecision:
    """Judge the answer to the first of several ranges, which may be longer or shorter than
    requested.

    A server that handles ranges badly is asked for the whole file.
    """
    named = content_range(headers.get("content-range"))
    if status == 416:
        empty = named is not None and named.total == 0
        return (
            Refuse(EmptyBody("The site sent an empty file.", http_status=416))
            if empty
            else _no_range()
        )
    if named is None or named.end is None or named.total is None:
        return StartOver(Message("the site did not say which part it sent"))
    if named.start != 0:
        return StartOver(Message("the site sent another part than it was asked for"))
    return Whole(_described(headers, named.total, url, final_url), end=named.end + 1)


def _no_range() -> StartOver:
    return StartOver(Message("the site has no such range"))


def _judge_part(
    headers: Mapping[str, str], ask: ResumeRequest, saved: Saved, have: int
) -> ResumeDecision:
    named = content_range(headers.get("content-range"))
    if named is None or named.end is None:
        return StartOver(Message("the site did not say which part it sent"))
    if named.start != ask.start:
        return StartOver(Message("the site sent another part than it was asked for"))
    if named.total != saved.total:
        return StartOver(Message("the file's length has changed"))
    if named.end + 1 < have:
        return StartOver(Message("the site sent less than is there already"))
    if media_type(headers) in _NO_MEDIA and media_type(headers) != saved.content_type:
        return Refuse(
            NotAVideo(
                Message(
                    "The site sent %(headers)s instead of the rest of the video.",
                    headers=media_type(headers),
                ),
                http_status=206,
            )
        )
    etag, changed = strong_etag(headers), strong_last_modified(headers)
    if ask.same_host and (_differ(etag, saved.etag) or _differ(changed, saved.last_modified)):
        return StartOver(Message("the file has changed"))
    # A server whose answer names no validator may not have checked ours.
    confirmed = (saved.etag is not None and etag == saved.etag) or (
        saved.etag is None and changed == saved.last_modified
    )
    return Append(ask.start, named.end + 1, proven=ask.conditional and confirmed)


def is_refused_copy(response: Saved, copy: RefusedCopy) -> bool:
    """Return whether the file that a response begins to deliver is a copy that was refused before.

    A strong validator tells. Without one it is the same once its bytes were delivered twice, unless
    the length differs.
    """
    if without_query(response.url) != copy.url:
        return False
    if response.etag is not None and copy.etag is not None:
        return response.etag == copy.etag
    same_length = response.total is None or response.total == copy.bytes
    if response.last_modified is not None and copy.last_modified is not None:
        return same_length and response.last_modified == copy.last_modified
    return same_length and copy.times > 1


def _differ(first: str | None, second: str | None) -> bool:
    return first is not None and second is not None and first != second


def _described(headers: Mapping[str, str], total: int | None, url: str, final_url: str) -> Saved:
    return Saved(
        url=url,
        final_url=final_url,
        total=total,
        etag=strong_etag(headers),
        last_modified=strong_last_modified(headers),
        content_type=media_type(headers),
    )
