"""What yt-dlp's answer about a list amounts to; the answer is not trusted."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.failures import ExtractorBroken, Failure, RateLimited, ToolMissing, Unsupported
from mediavault.core.listings import Entry, EntryKind, Listing
from mediavault.core.platform import AddressPattern, ListRules, Platform
from mediavault.extraction.ytdlp_reading import read_list
from mediavault.platforms.twitch import TWITCH
from mediavault.platforms.youtube import YOUTUBE

RULES = ListRules(AddressPattern(re.compile("")), ("tube",), newest_first=True, key="id")
ROUGH = ListRules(AddressPattern(re.compile("")), ("tube",), rough_dates=True)
TUBE = Platform(name="tube", title="Tube")
AT = 1_764_000_000


def video(**facts: Any) -> dict[str, Any]:
    return {"id": "1", "url": "https://tube.example/1", **facts}


def read(
    *entries: Any,
    found: Any = None,
    platform: Platform = TUBE,
    rules: ListRules = RULES,
    kind: EntryKind | None = None,
    **answer: Any,
) -> Listing:
    whole = {
        "list": found or {"is_list": True},
        "entries": list(entries),
        "ended": "end",
        "complete": True,
    }
    return read_list({**whole, **answer}, platform, rules, kind)


def entry(**facts: Any) -> Entry:
    (only,) = read(video(**facts)).entries
    return only


def error(message: str, **facts: Any) -> dict[str, Any]:
    return {"kind": "ExtractorError", "message": message, **facts}


def test_what_a_list_says_about_a_post_is_taken_over() -> None:
    named = entry(
        title="A kite",
        description="Wind.",
        duration=61.5,
        timestamp=AT,
        thumbnail="https://cdn.example/1.jpg",
    )

    assert named == Entry(
        url="https://tube.example/1",
        post_id="1",
        title="A kite",
        text="Wind.",
        duration_s=61.5,
        published_at=datetime.fromtimestamp(AT, UTC),
        thumbnail_url="https://cdn.example/1.jpg",
    )


def test_the_id_is_the_one_that_the_url_names_on_its_site() -> None:
    found = {"id": "v123456", "url": "https://www.twitch.tv/videos/123456"}
    (named,) = read(found, platform=TWITCH).entries

    assert named.post_id == "123456"


def test_dates_from_words_are_marked_and_a_scheduled_one_is_exact() -> None:
    rough, scheduled = read(video(timestamp=AT), video(release_timestamp=AT), rules=ROUGH).entries

    assert (rough.is_date_exact, scheduled.is_date_exact) == (False, True)
    assert rough.published_at == scheduled.published_at == datetime.fromtimestamp(AT, UTC)


@pytest.mark.parametrize("moment", [-1, 10**14, 1e300, "soon", True, None, {}])
def test_a_time_that_cannot_be_one_is_not_known(moment: object) -> None:
    assert entry(timestamp=moment).published_at is None


@pytest.mark.parametrize(
    ("status", "kind", "finished"),
    [
        ("is_live", EntryKind.LIVE, False),
        ("is_upcoming", None, False),
        ("post_live", EntryKind.LIVE, False),
        ("was_live", EntryKind.LIVE, True),
        ("not_live", None, True),
        (None, None, True),
        ([], None, True),
    ],
)
def test_premieres_and_broadcasts_are_recognised(
    status: object, kind: EntryKind | None, finished: bool
) -> None:
    named = entry(live_status=status)

    assert (named.kind, named.finished) == (kind, finished)


def test_a_short_is_recognised_by_its_url_and_everything_in_a_tab_by_the_tab() -> None:
    short = {"id": "abcdefghijk", "url": "https://www.youtube.com/shorts/abcdefghijk"}

    assert read(short, platform=YOUTUBE).entries[0].kind is EntryKind.SHORT
    assert read(video(), kind=EntryKind.SHORT).entries[0].kind is EntryKind.SHORT


@pytest.mark.parametrize(
    ("availability", "expected"),
    [("subscriber_only", True), ("public", False), ("unlisted", None), (None, None), ({}, None)],
)
def test_posts_for_members_are_marked(availability: object, expected: bool | None) -> None:
    assert entry(availability=availability).members_only is expected


@pytest.mark.parametrize(
    "url", [None, "", 7, "javascript:alert(1)", "file:///etc/passwd", "https://a b/"]
)
def test_an_entry_without_a_usable_url_is_left_out(url: object) -> None:
    assert read(video(url=url), video()).entries == read(video()).entries


def test_the_fields_of_the_list_are_taken_over_if_they_are_what_they_should_be() -> None:
    listing = read(
        found={
            "is_list": True,
            "id": "UC1",
            "channel_id": "UC2",
            "title": "Jane - Videos",
            "channel": "Jane",
            "uploader_id": "@jane",
            "thumbnail": "https://cdn.example/face.jpg",
        },
        platform=YOUTUBE,
        rules=YOUTUBE.lists[0],
    )
    bad = read(
        found={"is_list": True, "id": "../../x", "thumbnail": "data:x", "uploader_id": "a b"},
        platform=YOUTUBE,
    )

    assert (listing.stable_id, listing.title, listing.handle) == ("UC2", "Jane", "@jane")
    assert listing.picture_url == "https://cdn.example/face.jpg"
    assert (bad.stable_id, bad.title, bad.handle, bad.picture_url) == (None, None, None, None)


@pytest.mark.parametrize(
    ("ended", "complete", "whole"),
    [
        ("end", True, True),
        ("end", False, False),
        ("limit", True, False),
        ("known", True, False),
        ("error", False, False),
    ],
)
def test_a_list_is_whole_when_it_was_read_to_its_end_without_trouble(
    ended: str, complete: bool, whole: bool
) -> None:
    assert read(video(), ended=ended, complete=complete).is_whole is whole


def test_what_was_read_before_an_error_is_kept() -> None:
    listing = read(
        video(), ended="error", complete=False, errors=[error("HTTP Error 429", http_status=429)]
    )

    assert (len(listing.entries), listing.is_whole) == (1, False)


def test_an_error_before_the_first_entry_is_the_failure_of_the_look() -> None:
    with pytest.raises(RateLimited):
        read(ended="error", complete=False, errors=[error("HTTP Error 429", http_status=429)])


def test_an_account_that_has_nothing_of_a_kind_is_an_empty_list() -> None:
    answer = {
        "list": None,
        "ended": "error",
        "errors": [error("This channel does not have a shorts tab")],
    }

    assert read_list(answer, TUBE, RULES, EntryKind.SHORT).is_whole


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ({"missing": True}, ToolMissing),
        ({"list": {"id": "1"}, "ended": "error"}, Unsupported),
        (
            {
                "list": None,
                "errors": [error("No suitable extractor found for URL https://a.example/")],
            },
            Unsupported,
        ),
        ({"list": None}, ExtractorBroken),
        ({}, ExtractorBroken),
        ({"list": [], "entries": {}, "errors": "x"}, ExtractorBroken),
    ],
)
def test_an_answer_without_a_list_is_a_failure(
    answer: dict[str, Any], failure: type[Failure]
) -> None:
    with pytest.raises(failure):
        read_list(answer, TUBE, RULES, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = (
    "id",
    "url",
    "title",
    "duration",
    "timestamp",
    "live_status",
    "availability",
    "description",
    "thumbnail",
)


@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), JSON), max_size=5), JSON, JSON)
def test_no_answer_raises_anything_but_a_failure(entries: Any, found: Any, errors: Any) -> None:
    for answer in (
        {"list": {"is_list": True}, "entries": entries},
        {"list": found, "entries": found, "errors": errors},
    ):
        try:
            listing = read_list(answer, YOUTUBE, ROUGH, None)
        except Failure:
            continue
        assert all(entry.url.startswith("http") for entry in listing.entries)
