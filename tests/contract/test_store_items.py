"""The contract of every store for a post's items and the user's choice among them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from mediavault.core.failures import ErrorCode, LeaseLost
from mediavault.core.job import ClaimedJob, ItemStatus, JobItem, WorkerId
from mediavault.core.media import Expected, Item, ItemRole, ItemType
from mediavault.store.port import Store
from tests.contract.stores import LEASE, NOTHING_FOUND, SAVED, numbered_job

W1, W2 = WorkerId("w-1"), WorkerId("w-2")
ITEMS = (
    JobItem(Item(type=ItemType.IMAGE), ItemStatus.SKIPPED),
    JobItem(
        Item(
            media_id="7",
            thumbnail_url="https://cdn.example/7.jpg",
            expected=Expected(4.5, False, 9),
        ),
        ItemStatus.SAVED,
        SAVED,
    ),
    JobItem(Item(role=ItemRole.QUOTED, type=ItemType.GIF, label="99"), ItemStatus.WAITING),
    JobItem(Item(media_id="8"), ItemStatus.FAILED, None, ErrorCode.DELETED, "Gone."),
)


async def claimed(store: Store) -> ClaimedJob:
    await store.queue.enqueue([numbered_job(1, "https://site.example/1")])
    (claim,) = await store.queue.claim(W1, limit=1, lease=LEASE)
    return claim


async def test_items_are_read_back_as_they_were_written(store: Store) -> None:
    claim = await claimed(store)
    await store.queue.save_items(claim, ITEMS)

    assert (await store.catalogue.get(claim.id)).items == ITEMS


async def test_a_checkpoint_a_commit_and_a_completion_write_their_items(store: Store) -> None:
    claim = await claimed(store)
    await store.queue.checkpoint(claim, replace(NOTHING_FOUND, items=ITEMS[:1]))
    assert (await store.catalogue.get(claim.id)).items == ITEMS[:1]
    await store.queue.begin_commit(claim, SAVED, ITEMS[:2])
    assert (await store.catalogue.get(claim.id)).items == ITEMS[:2]
    await store.queue.complete(claim, SAVED, ITEMS[:3])

    assert ITEMS[:3] == (await store.catalogue.get(claim.id)).items


async def test_a_commit_and_a_completion_without_items_leave_the_stored_ones(store: Store) -> None:
    claim = await claimed(store)
    await store.queue.save_items(claim, ITEMS)
    await store.queue.begin_commit(claim, SAVED)
    await store.queue.complete(claim, SAVED)

    assert (await store.catalogue.get(claim.id)).items == ITEMS


async def test_a_stale_attempt_writes_no_items(store: Store) -> None:
    claim = await claimed(store)
    await store.queue.cancel(claim.id)

    with pytest.raises(LeaseLost):
        await store.queue.save_items(claim, ITEMS)
    assert (await store.catalogue.get(claim.id)).items == ()


async def test_items_survive_a_failed_attempt(store: Store) -> None:
    claim = await claimed(store)
    await store.queue.save_items(claim, ITEMS)
    await store.queue.fail(
        claim, error_code=ErrorCode.PARTIAL, error="Some.", retry_in=timedelta(0)
    )
    await store.queue.promote_due()
    (again,) = await store.queue.claim(W2, limit=1, lease=LEASE)

    assert again.job.items == ITEMS


@pytest.mark.parametrize(
    "several", [("https://a.example/1", "https://a.example/2"), ("[b", 'c"'), ("[b",)]
)
async def test_a_users_choice_is_remembered_until_another_is_made(
    store: Store, several: tuple[str, ...]
) -> None:
    claim = await claimed(store)
    assert claim.job.chosen_urls == ()
    for chosen, known in ((("a",), ("a",)), ((), ("a",)), (several, several), ((), several)):
        await store.queue.cancel(claim.id)
        assert (await store.queue.retry(claim.id, chosen_urls=chosen)).chosen_urls == known
    (again,) = await store.queue.claim(W1, limit=1, lease=LEASE)

    assert again.job.chosen_urls == several == (await store.catalogue.get(claim.id)).chosen_urls
