"""Which of a post's media are saved, what stays saved between attempts, and how an attempt ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mediavault.core.failures import (
    AccountWarning,
    Challenge,
    Deleted,
    ErrorCode,
    Failure,
    Incomplete,
    NoSpace,
    Partial,
    PartialSoFar,
    ProxyFailed,
    RateLimited,
)
from mediavault.core.job import ItemStatus, Job, JobStatus
from mediavault.core.media import Extraction, Item, ItemRole, ItemType, SavedFile
from mediavault.worker.items import PostItems, items_of
from tests.fakes import FakeClock
from tests.stubs import candidate, extraction, new_job

SAVED = SavedFile("jane/a.mp4", None, 10, "f" * 64, 1.0, 2, 2)


def a_job(**facts: object) -> Job:
    new, now = new_job(clock=FakeClock()), datetime(2026, 11, 24, tzinfo=UTC)
    job = Job(
        new.id,
        new.trace_id,
        new.post_url,
        new.canonical_url,
        new.platform,
        JobStatus.RUNNING,
        now,
        now,
    )
    return replace(job, **facts)  # type: ignore[arg-type]


def video(name: str, **facts: object) -> Item:
    return Item((candidate(f"https://cdn.example/{name}.mp4"),), media_id=name, **facts)  # type: ignore[arg-type]


def post(*items: Item, **facts: object) -> Extraction:
    return replace(extraction(), items=items, **facts)  # type: ignore[arg-type]


def items_of_post(*items: Item, others_too: bool = False, **facts: object) -> PostItems:
    made = PostItems()
    made.merge(post(*items, **facts), others_too=others_too)
    return made


def statuses(of: PostItems) -> list[str]:
    return [item.status.value for item in of.items]


def test_the_posts_own_videos_wait_and_its_pictures_and_quoted_videos_are_skipped() -> None:
    made = items_of_post(
        video("a"), Item(type=ItemType.IMAGE), video("q", role=ItemRole.QUOTED), video("b")
    )

    assert statuses(made) == ["waiting", "skipped", "skipped", "waiting"]
    assert made.items[0].item.candidates == ()


def test_quoted_videos_are_saved_when_the_user_asks_for_them() -> None:
    assert statuses(
        items_of_post(video("a"), video("q", role=ItemRole.QUOTED), others_too=True)
    ) == [
        "waiting",
        "waiting",
    ]


def test_a_url_that_names_one_video_saves_only_that_one() -> None:
    assert statuses(items_of_post(video("a"), video("b"), selected=1)) == ["skipped", "waiting"]


def test_a_saved_video_stays_saved_when_the_post_is_extracted_again_in_another_order() -> None:
    made = items_of_post(video("a"), video("b"))
    made.set_status(0, ItemStatus.SAVED, saved=SAVED)
    made.merge(post(video("b"), video("a")), others_too=False)

    assert statuses(made) == ["waiting", "saved"]
    assert made.items[1].saved == SAVED


def test_without_ids_items_are_matched_by_position_while_the_post_looks_the_same() -> None:
    nameless = replace(video("a"), media_id=None)
    made = items_of_post(nameless, nameless)
    made.set_status(1, ItemStatus.SAVED, saved=SAVED)
    made.merge(post(nameless, nameless), others_too=False)
    assert statuses(made) == ["waiting", "saved"]

    made.merge(post(nameless, nameless, nameless), others_too=False)
    assert statuses(made) == ["waiting", "waiting", "waiting"]


def test_an_item_that_failed_is_not_retried_in_the_same_attempt_and_waits_in_the_next() -> None:
    made = items_of_post(video("a"), video("b"))
    made.mark_failed(0, Incomplete("cut"))
    made.merge(post(video("a"), video("b")), others_too=False)

    assert (statuses(made), made.next) == (["failed", "waiting"], 1)
    assert statuses(items_of(a_job(items=made.items))) == ["waiting", "waiting"]


def test_a_post_is_whole_when_everything_wanted_is_saved() -> None:
    made = items_of_post(video("a"), Item(type=ItemType.IMAGE))
    before = made.is_whole
    made.set_status(0, ItemStatus.SAVED, saved=SAVED)

    assert (before, made.is_whole, made.first_saved) == (False, True, SAVED)


def test_a_post_with_one_video_reports_that_videos_failure() -> None:
    made, failure = items_of_post(video("a")), Incomplete("cut")
    made.mark_failed(0, failure)

    assert made.to_failure() is failure


def verdict(*failures: Failure | None) -> Failure:
    made = items_of_post(*(video(str(n)) for n in range(len(failures))))
    for number, failure in enumerate(failures):
        if failure is None:
            made.set_status(number, ItemStatus.SAVED, saved=SAVED)
        else:
            made.mark_failed(number, failure)
    return made.to_failure()


def test_a_partly_saved_post_says_which_video_is_missing_and_why() -> None:
    failure = verdict(None, Incomplete("It was cut."), None)

    assert isinstance(failure, PartialSoFar)
    assert failure.code is ErrorCode.PARTIAL
    assert failure.message == "2 of 3 files saved. File 2: It was cut."


def test_a_partly_saved_post_is_final_when_nothing_more_can_come() -> None:
    assert isinstance(verdict(None, Deleted("gone")), Partial)
    assert isinstance(verdict(None, Deleted("gone"), Incomplete("cut")), PartialSoFar)


def test_a_post_whose_videos_all_failed_alike_reports_that_failure() -> None:
    assert verdict(Deleted("gone"), Deleted("gone")).code is ErrorCode.DELETED


def test_a_full_disk_stops_the_items_after_it_and_is_the_reported_failure() -> None:
    made = items_of_post(video("a"), video("b"), video("c"))
    made.set_status(0, ItemStatus.SAVED, saved=SAVED)

    assert not made.mark_failed(1, NoSpace("full"))
    assert made.to_failure().code is ErrorCode.NO_SPACE


@pytest.mark.parametrize(
    "failure",
    [RateLimited("slow"), AccountWarning("locked"), Challenge("human?"), ProxyFailed("-")],
)
def test_the_next_video_is_not_requested_from_a_site_that_refuses_requests(
    failure: Failure,
) -> None:
    made = items_of_post(video("a"), video("b"))

    assert not made.mark_failed(0, failure)


@pytest.mark.parametrize("failure", [Challenge("human?"), ProxyFailed("no answer")])
def test_what_stops_a_post_in_its_middle_is_the_failure_of_the_job(failure: Failure) -> None:
    """It is not PARTIAL for good: the videos after it were not even tried."""
    made = items_of_post(video("a"), video("b"), video("c"))
    made.set_status(0, ItemStatus.SAVED, saved=SAVED)
    made.mark_failed(1, failure)

    assert made.to_failure() is failure


def test_a_failure_that_summarises_others_names_them_as_its_causes() -> None:
    made = items_of_post(video("a"), video("b"), video("c"))
    made.set_status(0, ItemStatus.SAVED, saved=SAVED)
    failures = (Incomplete("cut"), RateLimited("slow"))
    for number, failure in enumerate(failures, start=1):
        made.mark_failed(number, failure)

    assert (made.to_failure().code, made.to_failure().causes) == (ErrorCode.PARTIAL, failures)


def test_an_unfinished_commit_of_an_older_version_becomes_a_single_item() -> None:
    job = a_job(
        output_path=SAVED.output_path,
        bytes=SAVED.bytes,
        sha256=SAVED.sha256,
        duration_s=1.0,
        width=2,
        height=2,
    )
    made = items_of(job)

    assert (statuses(made), made.items[0].saved) == (["committing"], SAVED)


def test_a_saved_video_that_a_later_extraction_lacks_stays_after_the_others() -> None:
    made = items_of_post(video("a"), video("b"))
    made.set_status(0, ItemStatus.SAVED, saved=SAVED)
    made.merge(post(video("b"), video("c")), others_too=False)

    assert statuses(made) == ["waiting", "waiting", "saved"]
    assert (made.items[2].item.media_id, made.first_saved) == ("a", SAVED)

    made.merge(post(video("c"), video("a")), others_too=False)
    assert statuses(made) == ["waiting", "saved"]
