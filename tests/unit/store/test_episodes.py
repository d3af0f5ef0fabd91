"""The numbers of episodes: each is given once, and never changes."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta, timezone

import pytest

from mediavault.core.job import JobId
from mediavault.core.name_template import NamedPost
from mediavault.core.shows import Episode, Layout, episode_numbers, episode_of
from mediavault.store.episodes import (
    EpisodePreview,
    EpisodeRecords,
    folder_and_stem,
    remember_episode,
)
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore

DAY = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def records() -> EpisodeRecords:
    return MemoryJobStore(FakeClock()).records


async def place(
    records: EpisodeRecords, job: str, at: datetime = DAY, *, index: int = 0, show: str = "x-ann"
) -> str:
    """Return the folder and the name of a video, without the title."""
    post = NamedPost("1", at, "Trains", "x", "ann")
    folder, stem = await folder_and_stem(
        post, show, JobId(job), index, layout=Layout.SHOWS, template="{id}", records=records
    )
    assert episode_of(f"{folder}/{stem}.mp4") is not None
    return f"{folder}/{stem.removesuffix(' - Trains')}"


async def test_two_videos_of_one_day_never_have_one_number(records: EpisodeRecords) -> None:
    assert [await place(records, job) for job in "abc"] == [
        f"x-ann/Season 2026/s2026.e11010{number}" for number in (1, 2, 3)
    ]


async def test_the_number_of_a_video_never_changes(records: EpisodeRecords) -> None:
    """Whatever is added later, in whatever order, and however often it is asked for."""
    first, second = await place(records, "a"), await place(records, "a", index=1)
    earlier = await place(records, "b", DAY.replace(hour=1))

    assert [await place(records, "a"), await place(records, "a", index=1)] == [first, second]
    assert len({first, second, earlier}) == 3


async def test_each_show_and_each_year_counts_on_its_own(records: EpisodeRecords) -> None:
    await place(records, "a")

    assert await place(records, "b", show="x-bob") == "x-bob/Season 2026/s2026.e110101"
    assert await place(records, "c", DAY.replace(year=2025)) == "x-ann/Season 2025/s2025.e110101"


async def test_the_day_is_that_in_utc(records: EpisodeRecords) -> None:
    """As the date in its NFO is."""
    at = datetime(2026, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5)))

    assert await place(records, "a", at) == "x-ann/Season 2027/s2027.e010101"


async def test_a_number_that_a_rebuilt_library_uses_is_not_given_again(
    records: EpisodeRecords,
) -> None:
    await remember_episode("x-ann/Season 2026/s2026.e110101 - Old.mp4", JobId("old"), 0, records)
    await remember_episode("x-ann/2026-11-01 Old [1].mp4", JobId("flat"), 0, records)

    assert await place(records, "new") == "x-ann/Season 2026/s2026.e110102"
    assert await place(records, "old") == "x-ann/Season 2026/s2026.e110101"


async def test_a_preview_gives_the_same_numbers_and_stores_none(records: EpisodeRecords) -> None:
    await place(records, "a")
    preview = EpisodePreview(records)
    shown = [await place(preview, job) for job in "abc"]

    assert shown == [await place(records, job) for job in "abc"]


def test_the_hundredth_video_of_a_day_gets_a_day_that_no_month_has() -> None:
    numbers = list(itertools.islice(episode_numbers(DAY), 200))

    assert numbers[:2] == [110_101, 110_102]
    assert numbers[98:101] == [110_199, 113_201, 113_202]
    assert len(set(numbers)) == 200


def test_no_two_days_share_a_number() -> None:
    days = [
        DAY.replace(month=month, day=day)
        for month in (1, 10, 12)
        for day in (1, 10, 31)
        if (month, day) != (2, 31)
    ]
    numbers = [set(itertools.islice(episode_numbers(day), 99)) for day in days]

    assert len(set.union(*numbers)) == 99 * len(days)


@pytest.mark.parametrize(
    ("path", "episode"),
    [
        ("x-ann/Season 2026/s2026.e110101 - A.mp4", Episode("x-ann", 2026, 110_101)),
        ("x-ann/Season 2025/s2026.e110101 - A.mp4", None),
        ("x-ann/2026-11-01 A [1].mp4", None),
        ("a/b/Season 2026/s2026.e110101 - A.mp4", None),
        ("x-ann/Season 2026/s2026.e110101.mp4", None),
    ],
)
def test_an_episode_is_told_by_its_path(path: str, episode: Episode | None) -> None:
    assert episode_of(path) == episode
