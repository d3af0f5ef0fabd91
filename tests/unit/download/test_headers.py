"""Parsing of header fields; malformed ones count as absent."""

from __future__ import annotations

import pytest

from mediavault.download.resume import (
    ContentRange,
    content_length,
    content_range,
    is_encoded,
    media_type,
    strong_etag,
    strong_last_modified,
)


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        ("bytes 0-9/10", ContentRange(0, 9, 10)),
        (" bytes 5-9/10 ", ContentRange(5, 9, 10)),
        ("bytes 5-9/*", ContentRange(5, 9, None)),
        ("bytes */10", ContentRange(None, None, 10)),
        (None, None),
        ("", None),
        ("bytes 5-9", None),
        ("bytes 9-5/10", None),
        ("bytes 5-10/10", None),
        ("items 0-9/10", None),
        ("bytes -5-9/10", None),
        ("bytes 0-9/10, bytes 0-9/10", None),
        ("bytes 0-9/99999999999999999999", None),
        ("bytes ٠-٩/١٠", None),
    ],
)
def test_a_content_range_is_read_exactly_or_not_at_all(
    value: str | None, parsed: ContentRange | None
) -> None:
    assert content_range(value) == parsed


@pytest.mark.parametrize(
    ("value", "parsed"),
    [("10", 10), ("0", 0), ("-1", None), ("1e3", None), ("10, 10", None), ("²", None), ("", None)],
)
def test_a_content_length_is_a_plain_number(value: str, parsed: int | None) -> None:
    assert content_length({"content-length": value}) == parsed


@pytest.mark.parametrize(
    ("value", "parsed"),
    [('"a"', '"a"'), ('""', '""'), ('W/"a"', None), ("a", None), ('"a" "b"', None), ("", None)],
)
def test_only_a_strong_etag_counts(value: str, parsed: str | None) -> None:
    assert strong_etag({"etag": value}) == parsed


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ("Tue, 24 Nov 2026 11:00:00 GMT", True),
        ("Tue, 24 Nov 2026 11:59:30 GMT", False),  # two versions may share the second
        ("Tue, 24 Nov 2026 13:00:00 GMT", False),
        ("yesterday", False),
    ],
)
def test_a_date_is_a_strong_validator_only_when_it_is_old_enough(
    changed: str, counts: bool
) -> None:
    headers = {"last-modified": changed, "date": "Tue, 24 Nov 2026 12:00:00 GMT"}

    assert (strong_last_modified(headers) is not None) is counts
    assert strong_last_modified({"last-modified": changed}) is None


def test_encodings_other_than_identity_are_noticed() -> None:
    assert is_encoded({"content-encoding": "gzip"})
    assert not is_encoded({"content-encoding": " Identity "})
    assert not is_encoded({})


def test_a_media_type_has_no_parameters() -> None:
    assert media_type({"content-type": "Text/HTML; charset=utf-8"}) == "text/html"
    assert media_type({}) is None
