"""RFC 9110, section 14: the edge cases that players and downloaders really send."""

from __future__ import annotations

import pytest

from mediavault.server.ranges import (
    ByteRange,
    Unsatisfiable,
    is_unchanged,
    range_still_holds,
    wanted_range,
)

SIZE = 1_000
TAG = '"abc"'


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-499", 0, 499),
        ("bytes=5-", 5, 999),
        ("bytes=-1", 999, 999),
        ("bytes=-5000", 0, 999),
        ("bytes=990-5000", 990, 999),
        ("bytes=999-999", 999, 999),
        ("Bytes= 1-2 ", 1, 2),
        (f"bytes=0-{10**30}", 0, 999),
    ],
)
def test_a_single_range_is_cut_to_the_file(header: str, start: int, end: int) -> None:
    assert wanted_range(header, SIZE) == ByteRange(start, end)


@pytest.mark.parametrize(
    "header", ["bytes=9-5", "bytes=1000-", "bytes=-0", f"bytes={10**20}-", f"bytes={'9' * 5000}-"]
)
def test_a_range_without_a_byte_of_the_file_is_unsatisfiable(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        wanted_range(header, SIZE)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes=",
        "bytes=-",
        "items=0-5",
        "bytes=a-b",
        "bytes=0-1,5-6",
        "bytes=" + "0-1," * 8_000,
        "bytes=٣-",
    ],
)
def test_anything_but_a_single_byte_range_requests_the_whole_file(header: str | None) -> None:
    assert wanted_range(header, SIZE) is None


def test_an_empty_file_satisfies_no_range() -> None:
    with pytest.raises(Unsatisfiable):
        wanted_range("bytes=0-", 0)


@pytest.mark.parametrize(
    ("if_range", "holds"),
    [
        (None, True),
        (TAG, True),
        (f" {TAG} ", True),
        ('"other"', False),
        (f"W/{TAG}", False),
        ("Tue, 24 Nov 2026 12:00:00 GMT", False),
    ],
)
def test_only_the_files_own_strong_tag_satisfies_if_range(
    if_range: str | None, *, holds: bool
) -> None:
    assert range_still_holds(if_range, TAG) is holds


@pytest.mark.parametrize(
    ("if_none_match", "same"),
    [(None, False), (TAG, True), ('"x", W/"abc"', True), ("*", True), ('"x"', False)],
)
def test_a_known_tag_needs_no_body(if_none_match: str | None, *, same: bool) -> None:
    assert is_unchanged(if_none_match, TAG) is same
