"""The strict rule for when bytes may be appended to a partial file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

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
from mediavault.download.resume import (
    OVERLAP_BYTES,
    AlreadyComplete,
    Append,
    Refuse,
    ResumeDecision,
    ResumeRequest,
    Saved,
    StartOver,
    Whole,
    failure_for,
    is_refused_copy,
    judge,
    resume_request,
)
from tests.fakes import START

URL = "https://cdn.example/v.mp4?sig=1"
TOTAL, HAVE = 1_000_000, 500_000
FROM = HAVE - OVERLAP_BYTES
SAVED = Saved(URL, URL, TOTAL, '"v1"', None, "video/mp4", HAVE)
RIGHT = {
    "content-range": f"bytes {FROM}-{TOTAL - 1}/{TOTAL}",
    "etag": '"v1"',
    "content-type": "video/mp4",
}


def judged(
    status: int,
    headers: Mapping[str, str],
    *,
    saved: Saved | None = SAVED,
    url: str = URL,
    have: int = HAVE,
) -> ResumeDecision:
    ask = resume_request(saved, have=have, url=url)
    return judge(status, headers, ask, saved, have=have, url=url, final_url=url, now=START)


# --- what is requested ----------------------------------------------------------------------------


def test_the_first_request_asks_for_the_whole_file_without_a_range() -> None:
    assert resume_request(None, have=0, url=URL) == ResumeRequest()


def test_a_resume_requests_an_overlap_if_the_stored_validator_still_matches() -> None:
    ask = resume_request(SAVED, have=HAVE, url=URL)

    assert ask.headers == {"range": f"bytes={FROM}-", "if-range": '"v1"'}
    assert ask.conditional


@pytest.mark.parametrize(
    ("saved", "have"),
    [
        (replace(SAVED, total=None), HAVE),  # its length was never announced
        (SAVED, OVERLAP_BYTES),  # too little to compare
        (SAVED, TOTAL + 1),  # more than there should be
        (None, HAVE),
    ],
)
def test_what_could_not_be_checked_is_requested_from_the_start(
    saved: Saved | None, have: int
) -> None:
    assert resume_request(saved, have=have, url=URL).start == 0


def test_a_date_validates_where_no_strong_etag_is_known() -> None:
    dated = replace(SAVED, etag=None, last_modified="Tue, 24 Nov 2026 11:00:00 GMT")

    assert (
        resume_request(dated, have=HAVE, url=URL).headers["if-range"]
        == "Tue, 24 Nov 2026 11:00:00 GMT"
    )


def test_the_first_hosts_validator_is_not_sent_to_another_host() -> None:
    ask = resume_request(SAVED, have=HAVE, url="https://other.example/v.mp4")

    assert "if-range" not in ask.headers
    assert not ask.conditional


# --- what the response means ----------------------------------------------------------------------


def test_the_right_part_of_the_right_version_is_appended_and_proven() -> None:
    assert judged(206, RIGHT) == Append(FROM, TOTAL, proven=True)


@pytest.mark.parametrize(
    "headers",
    [
        {"content-range": None},
        {"content-range": "bytes"},
        {"content-range": f"bytes 0-{TOTAL - 1}/{TOTAL}"},
        {"content-range": f"bytes {FROM + 1}-{TOTAL - 1}/{TOTAL}"},
        {"content-range": f"bytes {FROM}-{TOTAL - 1}/*"},
        {"content-range": f"bytes {FROM}-{TOTAL}/{TOTAL + 1}"},
        {"content-range": f"bytes {FROM}-{HAVE - 2}/{TOTAL}"},
        {"etag": '"v2"'},
    ],
    ids=[
        "none",
        "garbage",
        "all",
        "elsewhere",
        "no total",
        "other total",
        "too short",
        "other version",
    ],
)
def test_any_other_part_means_starting_over(headers: dict[str, str | None]) -> None:
    merged = {name: value for name, value in {**RIGHT, **headers}.items() if value is not None}

    assert isinstance(judged(206, merged), StartOver)


def test_a_shorter_part_than_asked_for_still_helps() -> None:
    assert judged(206, RIGHT | {"content-range": f"bytes {FROM}-{HAVE + 99}/{TOTAL}"}) == Append(
        FROM, HAVE + 100, proven=True
    )


def test_a_part_without_a_validator_is_appended_but_not_proven() -> None:
    """Such a server may have ignored our condition."""
    assert judged(206, {"content-range": RIGHT["content-range"]}) == Append(
        FROM, TOTAL, proven=False
    )


def test_without_any_validator_the_overlap_alone_decides_and_nothing_is_proven() -> None:
    bare = replace(SAVED, etag=None)

    assert judged(206, {"content-range": RIGHT["content-range"]}, saved=bare) == Append(
        FROM, TOTAL, proven=False
    )


def test_a_fresh_address_of_the_same_host_must_have_the_same_version() -> None:
    fresh = "https://cdn.example/v.mp4?sig=2"

    assert judged(206, RIGHT, url=fresh) == Append(FROM, TOTAL, proven=True)
    assert isinstance(judged(206, RIGHT | {"etag": '"v2"'}, url=fresh), StartOver)


def test_a_fresh_address_of_another_host_needs_the_same_length_only() -> None:
    """Hosts name versions differently; the length and the overlap must agree,
    and the result gets the deep check.
    """
    other = "https://other.example/v.mp4"

    assert judged(206, RIGHT | {"etag": '"x"'}, url=other) == Append(FROM, TOTAL, proven=False)
    assert isinstance(
        judged(206, RIGHT | {"content-range": "bytes 434464-9/10"}, url=other), StartOver
    )


def test_a_whole_response_replaces_the_partial_file() -> None:
    move = judged(200, {"content-length": "77", "etag": '"v2"', "content-type": "video/mp4; x=y"})

    assert move == Whole(Saved(URL, URL, 77, '"v2"', None, "video/mp4"))


def test_a_part_that_is_the_whole_file_counts_as_such() -> None:
    move = judged(206, {"content-range": "bytes 0-9/10"}, saved=None, have=0)

    assert isinstance(move, Whole)
    assert move.saved.total == 10


@pytest.mark.parametrize(
    ("status", "named"),
    [(206, "bytes 0-8/10"), (206, "bytes 1-9/10"), (206, ""), (416, "bytes */0")],
)
def test_a_part_that_was_not_requested_is_refused(status: int, named: str) -> None:
    move = judged(status, {"content-range": named}, saved=None, have=0)

    assert isinstance(move, Refuse)
    assert isinstance(move.failure, HttpError)


def test_a_416_that_names_our_length_means_that_the_file_is_complete() -> None:
    assert judged(416, {"content-range": f"bytes */{TOTAL}"}, have=TOTAL) == AlreadyComplete()


@pytest.mark.parametrize("named", [f"bytes */{TOTAL}", "bytes */7", ""])
def test_any_other_416_means_starting_over(named: str) -> None:
    assert isinstance(judged(416, {"content-range": named}), StartOver)


@pytest.mark.parametrize("status", [200, 206])
def test_a_compressed_response_is_refused(status: int) -> None:
    move = judged(status, RIGHT | {"content-encoding": "gzip"})

    assert isinstance(move, Refuse)
    assert isinstance(move.failure, HttpError)


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json"])
def test_a_part_that_is_a_page_is_refused(kind: str) -> None:
    move = judged(206, RIGHT | {"content-type": kind})

    assert isinstance(move, Refuse)
    assert isinstance(move.failure, NotAVideo)


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (401, LinkExpired), (403, LinkExpired), (410, LinkExpired), (404, HttpError),
        (408, HttpError), (429, RateLimited), (503, SiteClosed), (500, HttpError), (502, HttpError),
        (302, HttpError), (204, EmptyBody),
    ],
)  # fmt: skip
def test_each_status_has_its_failure(status: int, failure: type[Failure]) -> None:
    result = failure_for(status, {"retry-after": "7"}, now=START)

    assert type(result) is failure
    assert result is not None
    assert result.http_status == status
    assert result.retry_after == (
        timedelta(seconds=7) if issubclass(failure, RateLimited) else None
    )


def test_success_is_not_a_failure() -> None:
    assert [failure_for(status, {}, now=START) for status in (200, 206, 416)] == [None, None, None]


# --- a copy that was refused before


def refused_copy(**facts: Any) -> RefusedCopy:
    return RefusedCopy(
        "https://a.example/v.mp3", "a" * 64, 1_000, Message("It is damaged."), True, **facts
    )


def described(**facts: Any) -> Saved:
    return replace(
        Saved("https://a.example/v.mp3?sig=2", "https://b.example/", 1_000, None, None, None),
        **facts,
    )


@pytest.mark.parametrize(
    ("response", "copy", "is_same"),
    [
        ({"etag": '"1"'}, {"etag": '"1"'}, True),
        ({"etag": '"2"'}, {"etag": '"1"', "times": 2}, False),
        ({"last_modified": "Mon"}, {"last_modified": "Mon"}, True),
        ({"last_modified": "Tue"}, {"last_modified": "Mon", "times": 2}, False),
        ({"last_modified": "Mon", "total": 999}, {"last_modified": "Mon"}, False),
        ({}, {"times": 1}, False),  # nothing says that it is not another file
        ({}, {"times": 2}, True),
        ({"total": None}, {"times": 2}, True),
        ({"total": 999}, {"times": 2}, False),
        ({"etag": '"1"', "url": "https://a.example/w.mp3"}, {"etag": '"1"'}, False),
    ],
)
def test_a_refused_copy_is_known_by_its_validator_or_once_it_came_twice_by_its_length(
    response: dict[str, Any], copy: dict[str, Any], is_same: bool
) -> None:
    assert is_refused_copy(described(**response), refused_copy(**copy)) is is_same
