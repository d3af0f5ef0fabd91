"""Changes of marks: what they leave at the jobs, and that the sidecars are to follow."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mediavault.core import marks
from mediavault.core.failures import BadInput, NotFound
from mediavault.core.job import JobId
from mediavault.core.marks import Mark, Position, PostMarks
from mediavault.store import mark_changes
from mediavault.store.mark_changes import MarkChange
from tests.contract.stores import numbered_job
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore

ANN, BEN = "ann", "ben"


class Environment:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryJobStore(self.clock)

    async def posts(self, count: int) -> list[JobId]:
        new = [numbered_job(n, f"https://videos.example/{n}") for n in range(count)]
        return [enqueued.job.id for enqueued in await self.store.queue.enqueue(new)]

    async def change(self, jobs: list[JobId], user: str = ANN, **changes: object) -> int:
        return await mark_changes.change_marks(
            self.store,
            self.clock,
            user,
            jobs,
            MarkChange(**changes),  # type: ignore[arg-type]
        )

    async def post_marks(self, job: JobId, user: str = ANN) -> PostMarks:
        return marks.post_marks((await self.store.marks.of_jobs([job])).get(job, ()), user)

    async def outdated(self) -> list[JobId]:
        return [mark.job_id for mark in await self.store.marks.marked("outdated")]

    async def watch(self, job: JobId, at: float, of: float = 100.0) -> None:
        await mark_changes.save_position(self.store, self.clock, ANN, job, Position(at, of))


@pytest.fixture
def vault() -> Environment:
    return Environment()


async def test_one_change_marks_several_posts_and_counts_those_that_exist(
    vault: Environment,
) -> None:
    first, second = await vault.posts(2)
    count = await vault.change(
        [first, second, JobId("gone")],
        favourite=True,
        add_tags=["Cats", "#dogs"],
        add_to=["Trains"],
        note="hm",
    )

    assert count == 2
    assert (await vault.post_marks(second)) == PostMarks(
        favourite=True, tags=("Cats", "dogs"), collections=("Trains",), note="hm"
    )
    assert await vault.outdated() == [first, second]


async def test_what_is_not_named_stays_and_what_is_removed_goes(vault: Environment) -> None:
    [post] = await vault.posts(1)
    await vault.change(
        [post],
        favourite=True,
        watched=True,
        add_tags=["Cats", "Dogs"],
        add_to=["Trains"],
        note="hm",
    )
    await vault.change([post], favourite=False, remove_tags=["CATS"], note="")

    assert await vault.post_marks(post) == PostMarks(
        watched=True, tags=("Dogs",), collections=("Trains",)
    )
    await vault.change([post], watched=False, remove_tags=["dogs"], remove_from=["trains"])
    assert await vault.post_marks(post) == PostMarks()


async def test_favourites_belong_to_a_user_and_tags_to_all(vault: Environment) -> None:
    [post] = await vault.posts(1)
    await vault.change([post], favourite=True, add_tags=["Cats"])

    assert await vault.post_marks(post, BEN) == PostMarks(tags=("Cats",))


@pytest.mark.parametrize(
    "bad",
    [
        {"add_tags": ["fine", "#"]},
        {"add_to": [""]},
        {"note": "x" * 20_000},
        {"remove_tags": ["a"] * 21},
    ],
)
async def test_a_change_that_cannot_be_stored_changes_nothing(
    vault: Environment, bad: dict[str, object]
) -> None:
    [post] = await vault.posts(1)
    with pytest.raises(BadInput):
        await vault.change([post], **{"favourite": True, **bad})  # type: ignore[arg-type]

    assert await vault.store.marks.of_jobs([post]) == {}


async def test_a_position_in_the_middle_is_kept_and_the_latest_comes_first(
    vault: Environment,
) -> None:
    first, second = await vault.posts(2)
    await vault.watch(first, 50)
    vault.clock.advance(1)
    await vault.watch(second, 20)
    vault.clock.advance(1)
    await vault.watch(first, 60)

    assert (await vault.post_marks(first)).position == Position(60, 100)
    latest = await vault.store.marks.marked(marks.position(ANN), newest_first=True)
    assert [mark.job_id for mark in latest] == [first, second]
    assert await vault.outdated() == []  # a position is not in the sidecar


async def test_the_beginning_is_no_position_and_the_end_is_watched(vault: Environment) -> None:
    [post] = await vault.posts(1)
    await vault.watch(post, 50)
    await vault.watch(post, 9)
    assert await vault.post_marks(post) == PostMarks()

    await vault.watch(post, 50)
    await vault.watch(post, 90)
    assert await vault.post_marks(post) == PostMarks(watched=True)
    assert await vault.outdated() == [post]


@pytest.mark.parametrize("watched", [True, False])
async def test_who_says_that_a_video_is_watched_or_not_is_done_with_the_position(
    vault: Environment, watched: bool
) -> None:
    [post] = await vault.posts(1)
    await vault.watch(post, 50)
    await vault.change([post], watched=watched)

    assert await vault.post_marks(post) == PostMarks(watched=watched)


async def test_a_tag_is_renamed_and_removed_everywhere_and_the_sidecars_follow(
    vault: Environment,
) -> None:
    first, second, third = await vault.posts(3)
    await vault.change([first, second], add_tags=["Cats"])
    await vault.change([third], add_tags=["Pets"])
    await vault.store.marks.remove("outdated")

    assert await mark_changes.rename(vault.store, vault.clock, "tag/cats", "tag/pets", "Pets!") == 3
    assert [count.text for count in await vault.store.marks.names("tag/")] == ["Pets!"]
    assert sorted(await vault.outdated()) == sorted([first, second, third])
    assert await mark_changes.remove_name(vault.store, vault.clock, "tag/pets") == 3
    assert await vault.store.marks.names("tag/") == []


async def test_a_collection_is_put_in_order_and_the_rest_stays_behind(vault: Environment) -> None:
    first, second, third, other = await vault.posts(4)
    await vault.change([first, second, third], add_to=["Trains"])

    name = marks.collection("Trains")
    assert (
        await mark_changes.put_in_order(
            vault.store, vault.clock, name, [third, third, other, first]
        )
        == 3
    )
    await vault.change([other], add_to=["Trains"])
    assert [mark.job_id for mark in await vault.store.marks.marked(name)] == [
        third,
        first,
        second,
        other,
    ]


async def test_a_move_in_a_collection_outdates_only_the_sidecars_of_what_changes_places(
    vault: Environment,
) -> None:
    first, second, third = await vault.posts(3)
    await vault.change([first, second, third], add_to=["Trains"])
    name = marks.collection("Trains")
    await mark_changes.put_in_order(vault.store, vault.clock, name, [first, second, third])
    await vault.store.marks.remove("outdated")

    await mark_changes.move_in_order(vault.store, vault.clock, name, third, "up")

    assert [mark.job_id for mark in await vault.store.marks.marked(name)] == [first, third, second]
    assert sorted(await vault.outdated()) == sorted([second, third])


async def test_an_undone_change_leaves_marks_places_and_positions_as_they_were(
    vault: Environment,
) -> None:
    posts = await vault.posts(3)
    for post in posts:
        vault.clock.advance(1)
        await vault.change([post], add_to=["Trains"], favourite=post == posts[1])
        await vault.watch(post, 20)
    before = await vault.store.marks.of_jobs(posts)
    in_order = await vault.store.marks.marked("collection/trains")
    for change in ({"favourite": True}, {"watched": True}, {"remove_from": ("Trains",)}):
        _, key = await mark_changes.change_with_undo(
            vault.store, vault.clock, ANN, posts[:2], MarkChange(**change)
        )
        assert await vault.store.marks.of_jobs(posts) != before
        with pytest.raises(NotFound):
            await mark_changes.undo_change(vault.store, vault.clock, BEN, key)
        vault.clock.advance(60)
        assert await mark_changes.undo_change(vault.store, vault.clock, ANN, key) == 2

    assert _without_outdated(await vault.store.marks.of_jobs(posts)) == _without_outdated(before)
    assert await vault.store.marks.marked("collection/trains") == in_order


def _without_outdated(found: Mapping[JobId, tuple[Mark, ...]]) -> dict[JobId, list[Mark]]:
    return {
        job: [mark for mark in of_job if mark.name != "outdated"] for job, of_job in found.items()
    }


async def test_an_undo_ends_after_an_hour_and_works_once(vault: Environment) -> None:
    [post] = await vault.posts(1)
    keys = [
        (
            await mark_changes.change_with_undo(
                vault.store, vault.clock, ANN, [post], MarkChange(add_tags=(text,))
            )
        )[1]
        for text in ("rail", "night")
    ]
    await mark_changes.undo_change(vault.store, vault.clock, ANN, keys[1])
    vault.clock.advance(3601)
    for key in keys:
        with pytest.raises(NotFound):
            await mark_changes.undo_change(vault.store, vault.clock, ANN, key)

    assert (await vault.post_marks(post)).tags == ("rail",)
