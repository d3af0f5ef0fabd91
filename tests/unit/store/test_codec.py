"""JSON text that older and newer versions read, and text that every database accepts."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediavault.core.job import JobItem
from mediavault.core.media import (
    Account,
    Candidate,
    Expected,
    FoundIn,
    Item,
    LengthSource,
    Ownership,
    SourceType,
    Watermark,
)
from mediavault.store import codec

PLAIN = Candidate("https://cdn.example/1.mp4", SourceType.DIRECT, FoundIn.DOM)

candidates = st.builds(
    Candidate,
    url=st.text(),
    source_type=st.sampled_from(SourceType),
    found_in=st.sampled_from(FoundIn),
    ownership=st.sampled_from(Ownership),
    media_key=st.none() | st.text(),
    has_audio=st.none() | st.booleans(),
    width=st.none() | st.integers(0, 1 << 40),
    fps=st.none() | st.floats(0, 240),
    duration_s=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    watermark=st.sampled_from(Watermark),
    original=st.booleans(),
    expires_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    headers=st.dictionaries(st.text(), st.text(), max_size=3),
    note=st.text(),
)


@settings(max_examples=100)
@given(st.lists(candidates, max_size=3))
def test_candidates_come_back_exactly_as_they_were(some: list[Candidate]) -> None:
    back = codec.candidates_from_json(codec.candidates_to_json(some))

    assert back == tuple(some)
    for was, now in zip(some, back, strict=True):
        assert type(now.ownership) is Ownership
        assert now.expires_at is None or now.expires_at.tzinfo is not None
        assert was.expires_at == now.expires_at


EXPECTED = Expected(60.0, True, length_source=LengthSource.DECLARED)


@pytest.mark.parametrize("expected", [EXPECTED, Expected(), Expected(audio=False), Expected(60.0)])
def test_what_a_post_announced_comes_back_with_where_it_was_said(expected: Expected) -> None:
    (back,) = codec.items_from_json(codec.items_to_json([JobItem(Item(expected=expected))]))

    assert back.item.expected == expected
    assert type(back.item.expected.length_source) is LengthSource


def test_a_length_whose_origin_an_older_version_did_not_store_is_the_weakest() -> None:
    [written] = json.loads(codec.items_to_json([JobItem(Item(expected=EXPECTED))]))
    del written["expected"]["length_source"]
    (back,) = codec.items_from_json(json.dumps([written]))

    assert back.item.expected == replace(EXPECTED, length_source=LengthSource.LISTED)


def test_a_time_keeps_its_zone() -> None:
    moment = datetime(2026, 11, 24, 12, 0, 0, 7, timezone(timedelta(hours=5, minutes=45)))

    [back] = codec.candidates_from_json(
        codec.candidates_to_json([replace(PLAIN, expires_at=moment)])
    )

    assert back.expires_at is not None
    assert back.expires_at.isoformat() == moment.isoformat()


def test_default_values_are_not_written() -> None:
    [written] = json.loads(codec.candidates_to_json([PLAIN]))

    assert written == {"url": PLAIN.url, "source_type": "direct", "found_in": "dom"}


def test_a_field_of_a_newer_version_is_ignored() -> None:
    [written] = json.loads(codec.candidates_to_json([PLAIN]))

    assert codec.candidates_from_json(json.dumps([{**written, "colour_space": "bt2020"}])) == (
        PLAIN,
    )


def test_an_account_comes_back_as_it_was() -> None:
    account = Account("tiktok", None, "Jane 🎬", "tiktok-jane")

    assert codec.account_from_json(codec.account_to_json(account)) == account
    assert codec.account_from_json(codec.account_to_json(None)) is None


def test_metadata_that_is_not_json_is_refused_before_anything_is_stored() -> None:
    with pytest.raises(TypeError):
        codec.metadata_to_json({"when": object()})


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("plain", "plain"),
        ("ä 🎬", "ä 🎬"),
        ("a\0b", "a\ufffdb"),
        ("\udcff", "?"),
        ("ä\0", "ä\ufffd"),
    ],
)
def test_text_is_made_storable(text: str, stored: str) -> None:
    assert codec.storable(text) == stored
