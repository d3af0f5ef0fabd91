"""What a source may be, and how it is stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mediavault.core.failures import BadInput
from mediavault.core.listings import EntryKind, Validators, post_key
from mediavault.core.typed_records import from_named_json, to_named_json
from mediavault.features.following.filters import Filters
from mediavault.features.following.model import Source, SourceState, Start, checked

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SOURCE = Source("s1", "https://www.youtube.com/channel/UC1", "youtube", followed_at=NOW - 10 * DAY)


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": Start.SINCE},
        {"start": Start.NEWEST},
        {"start": Start.NEWEST, "newest": 0},
        {"per_day": 0},
        {"interval_minutes": 1},
    ],
)
def test_a_source_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        checked(replace(SOURCE, **wrong))  # type: ignore[arg-type]


def test_a_source_and_its_state_are_stored_exactly_and_read_by_other_versions() -> None:
    source = replace(
        SOURCE,
        interval_minutes=90,
        since=NOW,
        filters=Filters(having=("a", "/b/"), kinds=(EntryKind.LIVE,), shortest_s=1.5),
    )
    state = SourceState(
        next_check_at=NOW, validators=Validators('"x"'), published=(NOW,), recent_ids=("1", "2")
    )
    stored = to_named_json(source)

    assert from_named_json(Source, stored) == source
    assert from_named_json(SourceState, to_named_json(state)) == state
    assert from_named_json(Source, {**stored, "of_a_later_version": 1}) == source
    assert (
        from_named_json(
            Source, {name: stored[name] for name in ("id", "url", "platform", "followed_at")}
        ).filters
        == Filters()
    )
    with pytest.raises(TypeError):
        from_named_json(Source, {**stored, "url": 5})


def test_a_post_has_one_key_whatever_source_names_it() -> None:
    assert post_key("https://www.youtube.com/watch?v=a") == post_key(
        "https://www.youtube.com/watch?v=a"
    )
    assert post_key("https://www.youtube.com/watch?v=a") != post_key(
        "https://www.youtube.com/watch?v=b"
    )
