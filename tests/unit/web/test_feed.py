"""The feed's page: which clips it shows, in which order, and the pages around it."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mediavault.core.job import ItemStatus, Job, JobItem, JobStatus
from mediavault.core.marks import Mark
from mediavault.core.media import Item, ItemType, SavedFile
from mediavault.store.port import JobOrder, StoredJob
from mediavault.store.queries import is_descending
from mediavault.web.pages.feed import CLIPS
from tests.http_vault import ApiVault
from tests.unit.web.test_library_page import fill, links
from tests.unit.web.test_pages import HOSTILE

FEED = "/library/feed"


def clips(page: str) -> list[str]:
    return re.findall(r'id="clip-([^"]+)"', page)


def link(page: str, name: str) -> str | None:
    """Return the address of the page before or after this one."""
    found = re.search(rf'id="{name}" href="([^"]+)"', page)
    return html.unescape(found[1]) if found else None


async def shown(vault: ApiVault, address: str) -> str:
    return (await vault.client.get(address)).text


async def test_only_saved_posts_are_clips_whatever_the_state_of_the_filter(vault: ApiVault) -> None:
    job = await vault.add_saved()
    await vault.add_failed("https://videos.example/watch/bad")

    for state in ("", "?state=all", "?state=failed"):
        assert clips(await shown(vault, FEED + state)) == [job.id]


@pytest.mark.parametrize("order", sorted({*JobOrder} - {JobOrder.WATCHED}))  # nothing is watched
async def test_following_more_shows_every_clip_once_in_the_librarys_order(
    vault: ApiVault, order: JobOrder
) -> None:
    jobs = await fill(vault, CLIPS * 2 + 5)
    seen: list[str] = []
    address: str | None = f"{FEED}?order={order}"
    while address:
        page = await shown(vault, address)
        seen += clips(page)
        address = link(page, "later")

    assert seen == [job.id for job in (jobs if is_descending(order) else reversed(jobs))]


@pytest.mark.parametrize("order", sorted({*JobOrder} - {JobOrder.WATCHED}))  # nothing is watched
async def test_a_page_begins_with_the_clip_of_its_address_and_knows_the_earlier_ones(
    vault: ApiVault, order: JobOrder
) -> None:
    await fill(vault, CLIPS + 8)
    every = clips(await shown(vault, f"{FEED}?order={order}"))
    begun = await shown(vault, f"{FEED}?order={order}&clip={every[CLIPS - 1]}")
    address = link(begun, "earlier")
    assert clips(begun)[0] == every[CLIPS - 1]
    assert len(clips(begun)) == 9

    before = await shown(vault, str(address))
    assert clips(before) == every[: CLIPS - 1]
    assert link(before, "earlier") is None
    assert clips(await shown(vault, str(link(before, "later"))))[0] == every[CLIPS - 1]


async def test_going_back_from_the_end_shows_every_clip_once(vault: ApiVault) -> None:
    jobs = await fill(vault, CLIPS * 2 + 5)
    page = await shown(vault, f"{FEED}?clip={jobs[-1].id}")
    seen = clips(page)
    while address := link(page, "earlier"):
        page = await shown(vault, address)
        seen = clips(page) + seen

    assert seen == [job.id for job in jobs]


async def test_a_clip_that_its_filter_no_longer_finds_still_begins_the_page(
    vault: ApiVault,
) -> None:
    """Who has watched a clip of the ones not watched yet reloads the page at that clip."""
    jobs = await fill(vault, 5)
    await vault.store.marks.put([Mark(jobs[1].id, "watched/owner", "", 1)])
    page = await shown(vault, f"{FEED}?mine=unwatched&clip={jobs[1].id}")

    assert clips(page) == [job.id for job in jobs[1:]]
    assert clips(await shown(vault, str(link(page, "earlier")))) == [jobs[0].id]


@pytest.mark.parametrize("name", ["nonsense", "00000000-0000-4000-8000-000000000000", "failed"])
async def test_a_clip_that_is_gone_leads_to_the_beginning(vault: ApiVault, name: str) -> None:
    jobs = await fill(vault, 3)
    bad = await vault.add_failed("https://videos.example/watch/bad")
    asked = bad.id if name == "failed" else name

    for parameter in ("clip", "before"):
        page = await shown(vault, f"{FEED}?{parameter}={asked}")
        assert clips(page) == [job.id for job in jobs]
        assert link(page, "earlier") is None


async def test_a_clip_whose_time_no_cursor_holds_is_the_last_one(vault: ApiVault) -> None:
    [job] = await fill(vault, 1, created_at=datetime(1931, 1, 1, tzinfo=UTC))
    page = await shown(vault, f"{FEED}?clip={job.id}")

    assert clips(page) == [job.id]
    assert link(page, "later") is None


async def test_the_filter_is_kept_on_all_ways_out(vault: ApiVault) -> None:
    jobs = await fill(vault, CLIPS + 3)
    asked = "q=film&order=oldest&state=all"
    page = await shown(vault, f"{FEED}?state=all&order=oldest&q=film")

    assert f"/library?{asked.replace('order=oldest&state=all', 'state=all&order=oldest')}" in links(
        page
    )
    assert f"/jobs/{jobs[-1].id}?in=q%3Dfilm%26state%3Dall%26order%3Doldest" in links(page)
    assert str(link(page, "later")).startswith(
        f"{FEED}?q=film&state=all&order=oldest&cursor=oldest"
    )


async def test_the_library_leads_to_the_feed_of_its_filter(vault: ApiVault) -> None:
    await fill(vault, 2)
    await vault.add_failed("https://videos.example/watch/bad")

    assert f"{FEED}?q=film&length=short" in links(
        await shown(vault, "/library?q=film&length=short")
    )
    assert not any(
        FEED in address for address in links(await shown(vault, "/library?state=failed"))
    )


async def test_an_empty_filter_says_so_and_leads_back(vault: ApiVault) -> None:
    page = await shown(vault, f"{FEED}?q=nonesuch")

    assert "No video matches this filter." in page
    assert "/library?q=nonesuch" in links(page)


async def test_an_invalid_filter_or_cursor_is_refused(vault: ApiVault) -> None:
    for wrong in ("since=never", "cursor=nonsense"):
        assert (await vault.client.get(f"{FEED}?{wrong}", accept="text/html")).status == 422


def several(job: Job, *kinds: ItemType) -> StoredJob:
    """Return a post whose first item failed, with a saved video of each kind after it."""
    saved = SavedFile(str(job.output_path), None, 1_000, str(job.sha256), 30.0, 180, 320)
    items = (
        JobItem(Item(), ItemStatus.FAILED),
        *(JobItem(Item(type=kind), ItemStatus.SAVED, saved) for kind in kinds),
    )
    return StoredJob(
        replace(job, items=items), (), (Mark(job.id, "position/owner", "[12.5,30,1]", 1),)
    )


async def test_a_post_with_several_videos_shows_its_first_and_where_it_was_left(
    vault: ApiVault,
) -> None:
    job = await vault.add_saved()
    await vault.store.catalogue.remove(job.id)
    await vault.store.catalogue.import_jobs(
        [several(job, ItemType.VIDEO, ItemType.VIDEO, ItemType.VIDEO)]
    )
    page = await shown(vault, FEED)

    assert f'data-source="/files/{job.id}/items/1/video"' in page
    assert "1 of 3" in page
    assert 'data-item="1"' in page
    assert 'data-at="12.5"' in page
    assert "data-portrait" in page
    assert "data-loops" not in page


async def test_an_animation_is_marked_as_one(vault: ApiVault) -> None:
    job = await vault.add_saved()
    await vault.store.catalogue.remove(job.id)
    await vault.store.catalogue.import_jobs([several(job, ItemType.GIF)])
    page = await shown(vault, FEED)

    assert " data-loops " in page
    assert " loop muted>" in page
    assert "1 of" not in page


async def test_a_completed_post_without_a_file_is_left_out(vault: ApiVault) -> None:
    job = await vault.add_saved()
    await vault.store.catalogue.remove(job.id)
    await vault.store.catalogue.import_jobs(
        [StoredJob(replace(job, status=JobStatus.COMPLETED, output_path=None))]
    )

    assert clips(await shown(vault, FEED)) == []


async def test_hostile_titles_are_text(vault: ApiVault) -> None:
    await fill(vault, 1, metadata={"title": HOSTILE})
    page = await shown(vault, FEED)

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
