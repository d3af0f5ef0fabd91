"""What retention rules propose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.failures import BadInput
from mediavault.core.job import JobId
from mediavault.features.retention.model import (
    GIGABYTE,
    NOTICE,
    WHOLE_VAULT,
    Proposal,
    RetentionPlan,
    RetentionRule,
    SavedPost,
    Why,
    checked_rule,
    propose,
    since_before,
    to_move,
)

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TODAY = "2026-06-01"


def saved(
    name: str,
    *,
    days: float = 0,
    published_days: float | None = None,
    gb: float = 1,
    sources: tuple[str, ...] = (),
    watched_days: float | None = None,
    is_protected: bool = False,
) -> SavedPost:
    return SavedPost(
        JobId(name),
        NOW - timedelta(days=days),
        None if published_days is None else NOW - timedelta(days=published_days),
        int(gb * GIGABYTE),
        sources,
        None if watched_days is None else NOW - timedelta(days=watched_days),
        is_protected,
    )


def proposed(
    posts: list[SavedPost],
    rules: dict[str, RetentionRule],
    *,
    doubtful: tuple[str, ...] = (),
    free_gb: float | None = None,
) -> dict[str, Why]:
    free = None if free_gb is None else int(free_gb * GIGABYTE)
    return {
        one.job_id: one.why
        for one in propose(posts, rules, doubtful=doubtful, free_bytes=free, now=NOW)
    }


def vault(**rule: object) -> dict[str, RetentionRule]:
    return {WHOLE_VAULT: RetentionRule(**rule)}  # type: ignore[arg-type]


def test_posts_may_go_when_they_were_saved_long_enough_ago() -> None:
    posts = [saved("old", days=30), saved("new", days=29.9)]

    assert proposed(posts, vault(days=30)) == {"old": Why.AGE}


def test_the_newest_by_their_publication_stay() -> None:
    posts = [
        saved("filled", days=1, published_days=900),
        saved("recent", days=30, published_days=31),
        saved("latest", days=2, published_days=2),
    ]

    assert proposed(posts, vault(newest=2)) == {"filled": Why.NUMBER}


def test_a_date_in_the_future_keeps_no_post_longer_than_when_it_was_saved() -> None:
    """A site states it, up to the year 2200: posts of one feed would stay,
    and all others of the vault go.
    """
    others = [saved(f"good {n}", days=n, published_days=n) for n in range(5)]
    feed = [
        saved(f"feed {n}", days=10 + n, published_days=-63_000, sources=("s-1",)) for n in range(5)
    ]

    assert proposed([*others, *feed], vault(newest=5)) == {post.job_id: Why.NUMBER for post in feed}


def test_watched_posts_may_go_after_their_days() -> None:
    posts = [
        saved("seen", watched_days=8),
        saved("just seen", watched_days=6),
        saved("unseen", days=100),
    ]

    assert proposed(posts, vault(watched_days=7)) == {"seen": Why.WATCHED}


def test_the_first_that_were_saved_go_until_there_is_enough_space() -> None:
    posts = [saved(f"p{days}", days=days, gb=10) for days in (1, 2, 3, 4)]

    assert proposed(posts, vault(free_gb=50), free_gb=35) == {"p4": Why.SPACE, "p3": Why.SPACE}
    assert proposed(posts, vault(free_gb=50), free_gb=50) == {}
    assert proposed(posts, vault(free_gb=50), free_gb=None) == {}


def test_what_goes_for_another_reason_counts_as_space() -> None:
    posts = [saved("old", days=40, gb=10), saved("next", days=5, gb=10)]

    assert proposed(posts, vault(days=30, free_gb=50), free_gb=40) == {"old": Why.AGE}


def test_protected_posts_never_go_and_count_among_the_newest() -> None:
    posts = [
        saved("pinned", days=99, watched_days=99, is_protected=True),
        saved("loved", days=1, is_protected=True),
        saved("old", days=98),
    ]
    rule = vault(days=30, newest=1, watched_days=1, free_gb=50)

    assert proposed(posts, rule, free_gb=0) == {"old": Why.AGE}


def test_a_rule_of_a_source_replaces_that_of_the_vault() -> None:
    posts = [
        saved("saved", days=500, sources=("s-all",)),
        saved("short", days=8, sources=("s-week",)),
        saved("other", days=8, sources=("s-none",)),
        saved("by hand", days=31),
    ]
    rules = {**vault(days=30), "s-all": RetentionRule(), "s-week": RetentionRule(days=7)}

    assert proposed(posts, rules) == {"by hand": Why.AGE, "short": Why.AGE}


def test_posts_of_a_source_stay_without_a_rule_for_the_vault() -> None:
    posts = [
        saved("by hand", days=999),
        saved("source", days=999, sources=("a",)),
        saved("both", days=999, sources=("a", "b")),
    ]

    assert proposed(posts, {"a": RetentionRule(days=1)}) == {"source": Why.AGE}


def test_a_post_of_two_sources_goes_when_both_rules_say_so() -> None:
    posts = [saved("both", days=10, sources=("a", "b"))]

    assert proposed(posts, {"a": RetentionRule(days=7), "b": RetentionRule(days=14)}) == {}
    assert proposed(posts, {"a": RetentionRule(days=7), "b": RetentionRule(newest=5, days=10)}) == {
        "both": Why.AGE
    }


def test_nothing_goes_of_a_source_whose_last_answer_is_in_doubt() -> None:
    posts = [
        saved("a1", days=99, sources=("a",)),
        saved("b1", days=99, sources=("b",)),
        saved("ab", days=99, sources=("a", "b")),
    ]

    assert proposed(posts, vault(days=30), doubtful=("a",)) == {"b1": Why.AGE}


def test_a_proposal_is_on_when_all_its_rules_are() -> None:
    posts = [saved("a", days=9, sources=("a",)), saved("ab", days=9, sources=("a", "b"))]
    rules = {"a": RetentionRule(days=7, is_on=True), "b": RetentionRule(days=7)}
    found = propose(posts, rules, doubtful=(), free_bytes=None, now=NOW)

    assert {one.job_id: one.is_on for one in found} == {"a": True, "ab": False}


def plan(*proposals: Proposal, moved: int = 0, moved_on: str = "") -> RetentionPlan:
    return RetentionPlan(NOW, "r", proposals, len(proposals), 0, moved_on=moved_on, moved=moved)


def one(name: str, *, hours: float, is_on: bool = True) -> Proposal:
    return Proposal(JobId(name), Why.AGE, (WHOLE_VAULT,), 5, NOW - timedelta(hours=hours), is_on)


def test_what_was_listed_for_a_day_by_a_rule_that_is_on_is_moved() -> None:
    made = plan(
        one("due", hours=24), one("too soon", hours=23), one("only proposed", hours=99, is_on=False)
    )

    assert [it.job_id for it in to_move(made, most_a_day=10, today=TODAY, now=NOW)] == ["due"]


def test_no_more_than_the_number_of_the_day_is_moved() -> None:
    made = plan(*(one(str(number), hours=30) for number in range(9)), moved=3, moved_on=TODAY)

    assert len(to_move(made, most_a_day=5, today=TODAY, now=NOW)) == 2
    assert to_move(made, most_a_day=2, today=TODAY, now=NOW) == ()
    assert len(to_move(made, most_a_day=5, today="2026-06-02", now=NOW)) == 5
    after = made.without(made.listed[0], TODAY)
    assert (after.moved, after.count, len(after.listed)) == (4, 8, 8)


def test_the_notice_begins_when_a_rule_is_switched_on() -> None:
    before = plan(one("on", hours=50), one("off", hours=50, is_on=False))
    fresh = [one("on", hours=0), one("off", hours=0), one("new", hours=0)]

    since = {it.job_id: it.since for it in since_before(fresh, before)}
    assert since == {"on": NOW - timedelta(hours=50), "off": NOW, "new": NOW}
    assert timedelta(days=1) <= NOTICE


@pytest.mark.parametrize(
    "rule",
    [
        RetentionRule(days=0),
        RetentionRule(watched_days=-1),
        RetentionRule(newest=0),
        RetentionRule(free_gb=0),
        RetentionRule(free_gb=float("nan")),
        RetentionRule(most_a_day=0),
        RetentionRule(most_a_day=1_001),
    ],
)
def test_a_rule_that_would_let_everything_go_at_once_is_refused(rule: RetentionRule) -> None:
    with pytest.raises(BadInput):
        checked_rule(rule)


days = st.integers(min_value=1, max_value=60)
rules_drawn = st.builds(
    RetentionRule,
    days=st.none() | days,
    newest=st.none() | st.integers(1, 6),
    watched_days=st.none() | days,
    free_gb=st.none() | st.floats(1, 50),
    is_on=st.booleans(),
)
sources_drawn = st.lists(st.sampled_from("abc"), max_size=2, unique=True).map(tuple)
posts_drawn = st.lists(
    st.builds(
        saved,
        st.uuids().map(str),
        days=st.floats(0, 90),
        published_days=st.none() | st.floats(0, 900),
        gb=st.floats(0, 20),
        sources=sources_drawn,
        watched_days=st.none() | st.floats(0, 90),
        is_protected=st.booleans(),
    ),
    max_size=12,
)


@given(
    posts_drawn,
    st.dictionaries(st.sampled_from(["a", "b", "c", WHOLE_VAULT]), rules_drawn),
    st.sets(st.sampled_from("abc")),
    st.none() | st.floats(0, 60),
)
def test_what_is_protected_in_doubt_or_without_a_rule_never_goes(
    posts: list[SavedPost],
    rules: dict[str, RetentionRule],
    doubtful: set[str],
    free_gb: float | None,
) -> None:
    by_id = {post.job_id: post for post in posts}
    free = None if free_gb is None else int(free_gb * GIGABYTE)
    for found in propose(posts, rules, doubtful=doubtful, free_bytes=free, now=NOW):
        post = by_id[found.job_id]
        assert not post.is_protected
        assert doubtful.isdisjoint(post.sources)
        assert found.rules
        assert not any(rules[key].is_empty for key in found.rules)
        assert found.is_on is all(rules[key].is_on for key in found.rules)
