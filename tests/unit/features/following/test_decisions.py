"""What becomes of each entry of a list."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.failures import NotAPost
from mediavault.core.job import NewJob
from mediavault.core.listings import Entry, EntryKind, Listing
from mediavault.features.following.decisions import (
    NEWS_AT_ONCE,
    Decision,
    ListedPost,
    backlog,
    decide,
    named_posts,
    open_reasons,
    reason_after_check,
    reason_of_backlog,
    shows_removals,
)
from mediavault.features.following.filters import Filters, Reason
from mediavault.features.following.model import EntryState, SeenEntry, Source, SourceState, Start
from tests.fakes import FakeClock
from tests.stubs import new_job

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SOURCE = Source("s1", "https://www.youtube.com/channel/UC1", "youtube", followed_at=NOW - 10 * DAY)


def entry(number: int = 1, **facts: Any) -> Entry:
    return replace(Entry(f"https://video.example/{number}", str(number)), **facts)


def listed(number: int = 1, **facts: Any) -> ListedPost:
    found = entry(number, **facts)
    return ListedPost(str(number), found, found.url)


def decided(*posts: ListedPost, source: Source = SOURCE, **facts: Any) -> list[Decision]:
    given_facts = {
        "known": {},
        "removed": (),
        "is_newest_first": True,
        "is_first": True,
        "is_restarted": True,
        **facts,
    }
    return list(
        decide(
            posts, given_facts.pop("known"), given_facts.pop("removed"), source, NOW, **given_facts
        )
    )


def outcomes(decisions: list[Decision]) -> list[EntryState | Reason]:
    return [each.reason or each.state for each in decisions]


def read(url: str) -> NewJob:
    if "/page/" in url:
        raise NotAPost("This is no post.")
    return new_job(url.partition("?")[0], clock=FakeClock())


async def test_a_post_that_a_list_names_twice_is_one() -> None:
    first, again, page = (
        entry(1),
        replace(entry(1), url=entry(1).url + "?from=feed"),
        Entry("https://video.example/page/"),
    )
    posts, jobs = await named_posts([page, first, again, page], read, str)

    assert [(post.entry, post.canonical_url) for post in posts] == [(page, ""), (first, first.url)]
    assert list(jobs) == [posts[1].key]


def test_news_are_taken_at_once_up_to_a_number_and_the_rest_waits() -> None:
    news = [listed(number, published_at=NOW - DAY) for number in range(NEWS_AT_ONCE + 2)]
    decisions = decided(*news, is_first=False, is_restarted=False)

    assert outcomes(decisions) == [EntryState.SAVED] * NEWS_AT_ONCE + [EntryState.WAITING] * 2
    assert not any(each.is_from_before for each in decisions)


def test_what_was_there_before_waits_for_its_turn_or_is_passed_over() -> None:
    old = [listed(number, published_at=NOW - 20 * DAY) for number in range(3)]

    assert outcomes(decided(*old)) == [Reason.BEFORE] * 3
    newest = replace(SOURCE, start=Start.NEWEST, newest=2)
    assert outcomes(decided(*old, source=newest)) == [
        EntryState.WAITING,
        EntryState.WAITING,
        Reason.BEFORE,
    ]


def test_only_posts_that_the_filters_want_count_among_the_newest() -> None:
    posts = [listed(1, kind=EntryKind.SHORT), listed(2), listed(3)]
    source = replace(
        SOURCE, start=Start.NEWEST, newest=1, filters=Filters(kinds=(EntryKind.VIDEO,))
    )

    assert outcomes(decided(*posts, source=source)) == [
        Reason.KIND,
        EntryState.WAITING,
        Reason.BEFORE,
    ]


def test_a_deleted_post_and_a_link_that_names_none_are_passed_over_whatever_is_wanted() -> None:
    posts = [listed(1), ListedPost("2", entry(2))]

    assert outcomes(
        decided(*posts, source=replace(SOURCE, start=Start.EVERYTHING), removed={"1"})
    ) == [
        Reason.REMOVED,
        Reason.UNREADABLE,
    ]


@pytest.mark.parametrize(
    ("former", "is_restarted", "outcome"),
    [
        (SeenEntry(EntryState.SAVED, ""), True, EntryState.SAVED),
        (SeenEntry(EntryState.WAITING, ""), True, EntryState.WAITING),
        (SeenEntry(EntryState.SKIPPED, "", reason=Reason.REMOVED), True, Reason.REMOVED),
        (SeenEntry(EntryState.SKIPPED, "", reason=Reason.BEFORE), False, Reason.BEFORE),
        (SeenEntry(EntryState.SKIPPED, "", reason=Reason.BEFORE), True, EntryState.WAITING),
        (SeenEntry(EntryState.SKIPPED, "", reason=Reason.WORDS), False, EntryState.SAVED),
        (SeenEntry(EntryState.SKIPPED, "", reason=Reason.WORDS, is_read=True), False, Reason.WORDS),
    ],
)
def test_a_decision_is_made_again_only_where_it_may_have_changed(
    former: SeenEntry, is_restarted: bool, outcome: EntryState | Reason
) -> None:
    [decision] = decided(
        listed(1),
        source=replace(SOURCE, start=Start.EVERYTHING),
        known={"1": former},
        is_first=False,
        is_restarted=is_restarted,
    )

    assert (decision.reason or decision.state) == outcome
    assert decision.is_change is (outcome != (former.reason or former.state))


@pytest.mark.parametrize(
    ("facts", "settings", "reasons"),
    [
        ({}, {}, ()),
        ({}, {"start": Start.SINCE, "since": NOW - 9 * DAY}, (Reason.BEFORE,)),
        ({"published_at": NOW}, {"start": Start.SINCE, "since": NOW - 9 * DAY}, ()),
        ({}, {"filters": Filters(shortest_s=60)}, (Reason.LENGTH,)),
        ({"duration_s": 90.0}, {"filters": Filters(shortest_s=60)}, ()),
        ({}, {"filters": Filters(languages=("de",))}, (Reason.LANGUAGE,)),
        ({"title": "Trains"}, {"filters": Filters(having=("trains",))}, ()),
        ({"title": "Trains"}, {"filters": Filters(having=("boats",))}, (Reason.WORDS,)),
        (
            {"title": "Trains"},
            {"filters": Filters(having=("trains",), lacking=("boats",))},
            (Reason.WORDS,),
        ),
        ({"title": "Trains", "text": "Slow"}, {"filters": Filters(lacking=("boats",))}, ()),
    ],
)
def test_what_the_list_does_not_say_is_decided_when_the_post_has_been_read(
    facts: dict[str, Any], settings: dict[str, Any], reasons: tuple[Reason, ...]
) -> None:
    assert open_reasons(entry(1, **facts), replace(SOURCE, **settings), NOW) == reasons


DATES = st.datetimes(datetime(2026, 9, 1), datetime(2026, 11, 29), timezones=st.just(UTC))  # noqa: DTZ001 - of a zone
WORDS = st.sampled_from(["trains", "boats", "slow trains", ""])
ENTRIES = st.builds(
    Entry,
    st.integers(0, 9).map(lambda number: f"https://video.example/{number}"),
    title=st.none() | WORDS,
    text=st.none() | WORDS,
    published_at=st.none() | DATES,
    duration_s=st.none() | st.floats(1, 1_000),
    kind=st.none() | st.sampled_from(EntryKind),
    language=st.none() | st.sampled_from(["de", "en-GB"]),
)
WISHES = st.one_of(
    st.builds(Filters, having=WORDS.map(lambda words: (words or "slow",))),
    st.builds(Filters, lacking=WORDS.map(lambda words: (words or "slow",))),
    st.builds(Filters, shortest_s=st.floats(1, 500), longest_s=st.floats(500, 1_000)),
    st.builds(Filters, languages=st.sampled_from([("de",), ("en",)])),
)
SOURCES = st.builds(
    replace,
    st.just(SOURCE),
    start=st.sampled_from([Start.EVERYTHING, Start.SINCE]),
    since=DATES,
    filters=WISHES,
)


def test_a_start_that_is_later_than_the_following_holds_for_new_posts_too() -> None:
    source = replace(SOURCE, start=Start.SINCE, since=NOW - DAY)
    early, late = listed(1, published_at=NOW - 2 * DAY), listed(2, published_at=NOW)

    assert outcomes(decided(early, late, source=source)) == [Reason.BEFORE, EntryState.SAVED]


@given(ENTRIES, ENTRIES, SOURCES)
def test_no_post_is_refused_for_a_reason_that_was_not_open(
    known: Entry, post: Entry, source: Source
) -> None:
    """``post`` says what the list did not; what both say is the same."""
    [decision] = decided(ListedPost("1", known, known.url), source=source)
    said = {
        name: getattr(known, name) for name in ("title", "published_at", "duration_s", "language")
    }
    read_post = replace(
        post, **{name: value for name, value in said.items() if value is not None}, kind=None
    )
    read_post = replace(
        read_post, text=known.text if known.text is not None else post.text or "", title=known.title
    )
    refused = reason_after_check(read_post, source, NOW)

    if decision.state is not EntryState.SKIPPED and refused is not None:
        assert refused in open_reasons(known, source, NOW)


def listing(*entries: Entry, is_newest_first: bool = True) -> Listing:
    return Listing(entries, is_newest_first=is_newest_first)


def backlog_of(found: Listing, known: Collection[int], *, is_first: bool) -> set[int]:
    return backlog(
        found.entries, known, SOURCE, NOW, is_newest_first=found.is_newest_first, is_first=is_first
    )


def test_at_the_first_look_everything_without_a_newer_date_was_there_before() -> None:
    found = listing(
        entry(1, published_at=NOW - DAY), entry(2), entry(3, published_at=NOW - 20 * DAY)
    )

    assert backlog_of(found, (), is_first=True) == {1, 2}


def test_below_a_known_entry_of_a_list_that_is_newest_first_everything_is_older() -> None:
    found = listing(entry(1), entry(2), entry(3), entry(4))

    assert backlog_of(found, {1}, is_first=False) == {2, 3}


def test_a_playlist_may_get_its_new_posts_anywhere() -> None:
    found = listing(entry(1), entry(2), entry(3), is_newest_first=False)

    assert backlog_of(found, {0, 1}, is_first=False) == set()


def test_a_look_that_knows_nothing_of_what_it_finds_found_news() -> None:
    found = listing(
        entry(1), entry(2, published_at=NOW - 20 * DAY), entry(3, published_at=NOW - DAY)
    )

    assert backlog_of(found, (), is_first=False) == {1}


def test_a_post_that_appears_hours_after_its_own_time_is_news() -> None:
    late = entry(1, published_at=SOURCE.followed_at - timedelta(hours=20))
    older = entry(2, published_at=SOURCE.followed_at - timedelta(hours=30))

    assert backlog_of(listing(late, older, entry(3)), {2}, is_first=False) == {1}
    assert backlog_of(listing(late, older, entry(3)), (), is_first=True) == {0, 1, 2}
    assert backlog_of(listing(entry(3), late), {0}, is_first=False) == {1}


def test_a_rough_date_decides_only_where_it_is_rough_enough_away() -> None:
    around = [entry(n, published_at=NOW - n * DAY, is_date_exact=False) for n in (8, 10, 15)]

    assert backlog_of(listing(*around, is_newest_first=False), (), is_first=False) == {2}


@pytest.mark.parametrize(
    ("source", "taken"),
    [
        (replace(SOURCE, start=Start.NOW), []),
        (replace(SOURCE, start=Start.EVERYTHING), [0, 1, 2]),
        (replace(SOURCE, start=Start.NEWEST, newest=2), [0, 1]),
        (replace(SOURCE, start=Start.SINCE, since=NOW - 15 * DAY), [0, 2]),
    ],
)
def test_the_start_says_what_is_taken_of_the_posts_from_before(
    source: Source, taken: list[int]
) -> None:
    before = [
        entry(0, published_at=NOW - 12 * DAY),
        entry(1, published_at=NOW - 30 * DAY),
        entry(2),
    ]

    assert [
        n for n, one in enumerate(before) if reason_of_backlog(one, n, source, NOW) is None
    ] == taken


def test_a_date_that_only_the_post_itself_says_is_decided_after_the_look() -> None:
    source = replace(SOURCE, start=Start.SINCE, since=NOW - 15 * DAY)

    assert reason_after_check(entry(published_at=NOW - 16 * DAY), source, NOW) is Reason.BEFORE
    assert reason_after_check(entry(published_at=NOW - 14 * DAY), source, NOW) is None


def test_a_description_that_only_the_post_itself_says_is_decided_after_the_look() -> None:
    source = replace(SOURCE, filters=Filters(having=("steam",)))

    assert reason_after_check(entry(title="Trains", text="All diesel"), source, NOW) is Reason.WORDS
    assert reason_after_check(entry(title="Trains", text="Mostly steam"), source, NOW) is None


@pytest.mark.parametrize(
    ("count", "usual", "whole", "says"),
    [(10, 20, 20, True), (9, 20, 0, False), (9, 0, 20, False), (0, 0, 0, False), (1, 0, 0, True)],
)
def test_half_of_what_is_usual_is_enough(count: int, usual: int, whole: int, says: bool) -> None:
    found = Listing(tuple(entry(number) for number in range(count)), is_whole=True)

    assert shows_removals(found, SourceState(usual_entries=usual, whole_entries=whole)) is says
