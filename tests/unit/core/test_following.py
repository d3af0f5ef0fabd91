"""Which posts of a source are wanted, and how often it is looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.failures import BadInput
from mediavault.core.following import (
    ACCOUNT_INTERVAL,
    LONGEST_INTERVAL,
    SHORTEST_INTERVAL,
    Entry,
    EntryKind,
    Filters,
    Listing,
    Reason,
    Source,
    SourceState,
    Start,
    Validators,
    backlog,
    checked,
    checked_filters,
    interval,
    jittered,
    post_key,
    reason_after_look,
    reason_against,
    reason_of_backlog,
    usual_gap,
)
from mediavault.core.typed_records import from_named_json, to_named_json

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SOURCE = Source("s1", "https://www.youtube.com/channel/UC1", "youtube", followed_at=NOW - 10 * DAY)


def entry(number: int = 1, **facts: Any) -> Entry:
    return replace(Entry(f"https://video.example/{number}", str(number)), **facts)


@pytest.mark.parametrize(
    ("facts", "filters", "reason"),
    [
        ({}, Filters(), None),
        ({"kind": EntryKind.SHORT}, Filters(kinds=(EntryKind.VIDEO,)), Reason.KIND),
        ({"kind": None}, Filters(kinds=(EntryKind.VIDEO,)), None),
        ({"members_only": True}, Filters(), Reason.MEMBERS),
        ({"members_only": True}, Filters(members_only=True), None),
        ({"is_repost": True}, Filters(), Reason.REPOST),
        ({"is_repost": True}, Filters(reposts=True), None),
        ({"is_reply": True}, Filters(replies=False), Reason.REPLY),
        ({"duration_s": 59.0}, Filters(shortest_s=60), Reason.LENGTH),
        ({"duration_s": 61.0}, Filters(shortest_s=60), None),
        ({"duration_s": 61.0}, Filters(longest_s=60), Reason.LENGTH),
        ({"duration_s": None}, Filters(shortest_s=60), None),
        ({"language": "pt-BR"}, Filters(languages=("pt",)), None),
        ({"language": "de"}, Filters(languages=("pt",)), Reason.LANGUAGE),
        ({"language": None}, Filters(languages=("pt",)), None),
    ],
)
def test_what_is_known_of_a_post_decides_and_what_is_unknown_does_not(
    facts: dict[str, Any], filters: Filters, reason: Reason | None
) -> None:
    assert reason_against(entry(**facts), filters) is reason


@pytest.mark.parametrize(
    ("title", "filters", "is_wanted"),
    [
        ("Züge in Köln", Filters(having=("zuge",)), True),
        ("Trains", Filters(having=("train",)), False),  # whole words
        ("A long  train journey", Filters(having=("train journey",)), True),
        ("Train. Journey", Filters(lacking=("train journey",)), False),
        ("Episode 12", Filters(having=(r"/episode \d+$/",)), True),
        ("Episode 12 trailer", Filters(having=(r"/episode \d+$/",)), False),
        ("Trailer", Filters(lacking=("trailer", "teaser")), False),
        ("東京の電車", Filters(having=("東京の電車",)), True),
        ("C++ in an hour", Filters(having=("++",)), True),
    ],
)
def test_words_are_found_regardless_of_case_and_diacritics(title: str, filters: Filters, is_wanted: bool) -> None:
    reason = reason_against(entry(title=title, text=""), checked_filters(filters))

    assert reason is (None if is_wanted else Reason.WORDS)


def test_a_description_that_is_not_known_yet_may_contain_the_words() -> None:
    filters = Filters(having=("steam",))

    assert reason_against(entry(title="Trains", text=None), filters) is None
    assert (
        reason_after_look(entry(title="Trains", text="All diesel"), replace(SOURCE, filters=filters), NOW)
        is Reason.WORDS
    )


def test_an_expression_that_would_take_for_ever_elsewhere_is_answered_at_once() -> None:
    filters = checked_filters(Filters(having=(r"/(a+)+$/",)))

    assert reason_against(entry(title="a" * 500 + "!", text=""), filters) is Reason.WORDS


@pytest.mark.parametrize(
    "filters",
    [
        Filters(having=("",)),
        Filters(having=("x" * 201,)),
        Filters(lacking=("/(/",)),
        Filters(having=(r"/(a)\1/",)),
        Filters(kinds=()),
        Filters(shortest_s=10, longest_s=5),
        Filters(shortest_s=-1),
        Filters(longest_s=float("nan")),
    ],
)
def test_filters_that_cannot_be_are_refused(filters: Filters) -> None:
    with pytest.raises(BadInput):
        checked_filters(filters)


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": Start.SINCE},
        {"start": Start.NEWEST},
        {"start": Start.NEWEST, "newest": 0},
        {"per_day": 0},
        {"interval": timedelta(minutes=1)},
    ],
)
def test_a_source_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        checked(replace(SOURCE, **wrong))  # type: ignore[arg-type]


def listing(*entries: Entry, is_newest_first: bool = True) -> Listing:
    return Listing(entries, is_newest_first=is_newest_first)


def test_at_the_first_look_everything_without_a_newer_date_was_there_before() -> None:
    found = listing(entry(1, published_at=NOW - DAY), entry(2), entry(3, published_at=NOW - 20 * DAY))

    assert backlog(found, (), SOURCE, NOW, is_first=True) == {1, 2}


def test_below_a_known_entry_of_a_list_that_is_newest_first_everything_is_older() -> None:
    found = listing(entry(1), entry(2), entry(3), entry(4))

    assert backlog(found, {1}, SOURCE, NOW, is_first=False) == {2, 3}


def test_a_playlist_may_get_its_new_posts_anywhere() -> None:
    found = listing(entry(1), entry(2), entry(3), is_newest_first=False)

    assert backlog(found, {0, 1}, SOURCE, NOW, is_first=False) == set()


def test_a_look_that_knows_nothing_of_what_it_finds_found_news() -> None:
    found = listing(entry(1), entry(2, published_at=NOW - 20 * DAY), entry(3, published_at=NOW - DAY))

    assert backlog(found, (), SOURCE, NOW, is_first=False) == {1}


def test_a_post_that_appears_hours_after_its_own_time_is_news() -> None:
    late = entry(1, published_at=SOURCE.followed_at - timedelta(hours=20))
    older = entry(2, published_at=SOURCE.followed_at - timedelta(hours=30))

    assert backlog(listing(late, older, entry(3)), {2}, SOURCE, NOW, is_first=False) == {1}
    assert backlog(listing(late, older, entry(3)), (), SOURCE, NOW, is_first=True) == {0, 1, 2}
    assert backlog(listing(entry(3), late), {0}, SOURCE, NOW, is_first=False) == {1}


def test_a_rough_date_decides_only_where_it_is_rough_enough_away() -> None:
    around = [entry(n, published_at=NOW - n * DAY, is_date_exact=False) for n in (8, 10, 15)]

    assert backlog(listing(*around, is_newest_first=False), (), SOURCE, NOW, is_first=False) == {2}


@pytest.mark.parametrize(
    ("source", "taken"),
    [
        (replace(SOURCE, start=Start.NOW), []),
        (replace(SOURCE, start=Start.EVERYTHING), [0, 1, 2]),
        (replace(SOURCE, start=Start.NEWEST, newest=2), [0, 1]),
        (replace(SOURCE, start=Start.SINCE, since=NOW - 15 * DAY), [0, 2]),
    ],
)
def test_the_start_says_what_is_taken_of_the_posts_from_before(source: Source, taken: list[int]) -> None:
    before = [entry(0, published_at=NOW - 12 * DAY), entry(1, published_at=NOW - 30 * DAY), entry(2)]

    assert [n for n, one in enumerate(before) if reason_of_backlog(one, n, source, NOW) is None] == taken


def test_a_date_that_only_the_post_itself_says_is_decided_after_the_look() -> None:
    source = replace(SOURCE, start=Start.SINCE, since=NOW - 15 * DAY)

    assert reason_after_look(entry(published_at=NOW - 16 * DAY), source, NOW) is Reason.BEFORE
    assert reason_after_look(entry(published_at=NOW - 14 * DAY), source, NOW) is None


@given(
    gap=st.none() | st.timedeltas(timedelta(0), timedelta(days=400)),
    quiet_for=st.none() | st.timedeltas(timedelta(0), timedelta(days=4000)),
    failures=st.integers(0, 100),
    fresh_for=st.none() | st.timedeltas(timedelta(0), timedelta(days=2)),
    uses_account=st.booleans(),
    share=st.floats(0, 1),
)
def test_looks_are_never_more_frequent_than_allowed(
    gap: timedelta | None,
    quiet_for: timedelta | None,
    failures: int,
    fresh_for: timedelta | None,
    uses_account: bool,
    share: float,
) -> None:
    span = interval(
        SOURCE, gap=gap, quiet_for=quiet_for, failures=failures, fresh_for=fresh_for, uses_account=uses_account
    )

    assert span >= max(
        SHORTEST_INTERVAL, ACCOUNT_INTERVAL if uses_account else SHORTEST_INTERVAL, fresh_for or SHORTEST_INTERVAL
    )
    assert span <= max(LONGEST_INTERVAL, fresh_for or LONGEST_INTERVAL)
    assert abs(jittered(span, share) - span) <= span * 0.1 + timedelta(microseconds=1)


def test_a_source_that_posts_often_is_looked_at_often_and_a_silent_one_is_not() -> None:
    hourly = interval(SOURCE, gap=timedelta(hours=1), quiet_for=timedelta(minutes=20))
    weekly = interval(SOURCE, gap=timedelta(days=7), quiet_for=timedelta(days=1))
    silent = interval(SOURCE, gap=timedelta(hours=1), quiet_for=timedelta(days=60))

    assert (hourly, weekly, silent) == (SHORTEST_INTERVAL, LONGEST_INTERVAL, LONGEST_INTERVAL)


def test_a_users_interval_is_kept_until_looks_fail() -> None:
    mine = replace(SOURCE, interval=timedelta(minutes=30))

    assert interval(mine, gap=DAY, quiet_for=None) == timedelta(minutes=30)
    assert interval(mine, gap=DAY, quiet_for=None, failures=2) == timedelta(hours=2)
    assert interval(mine, gap=DAY, quiet_for=None, failures=50) == timedelta(minutes=30 * 32)


def test_the_usual_gap_needs_three_posts() -> None:
    assert usual_gap([NOW, NOW + DAY]) is None
    assert usual_gap([NOW + 9 * DAY, NOW, NOW + DAY, NOW + 2 * DAY]) == DAY


def test_a_source_and_its_state_are_stored_exactly_and_read_by_other_versions() -> None:
    source = replace(
        SOURCE,
        interval=timedelta(minutes=90),
        since=NOW,
        filters=Filters(having=("a", "/b/"), kinds=(EntryKind.LIVE,), shortest_s=1.5),
    )
    state = SourceState(next_look_at=NOW, validators=Validators('"x"'), published=(NOW,), recent_ids=("1", "2"))
    stored = to_named_json(source)

    assert from_named_json(Source, stored) == source
    assert from_named_json(SourceState, to_named_json(state)) == state
    assert from_named_json(Source, {**stored, "of_a_later_version": 1}) == source
    assert (
        from_named_json(Source, {name: stored[name] for name in ("id", "url", "platform", "followed_at")}).filters
        == Filters()
    )
    with pytest.raises(TypeError):
        from_named_json(Source, {**stored, "url": 5})


def test_a_post_has_one_key_whatever_source_names_it() -> None:
    assert post_key("https://www.youtube.com/watch?v=a") == post_key("https://www.youtube.com/watch?v=a")
    assert post_key("https://www.youtube.com/watch?v=a") != post_key("https://www.youtube.com/watch?v=b")
