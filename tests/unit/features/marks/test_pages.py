"""The pages of collections and tags, and playing a collection through."""

from __future__ import annotations

import re

import pytest

from mediavault.core.job import Job
from tests.http_vault import ApiVault

HTML = "text/html"
ODD = 'a/b "c" \u202e<b>'


async def saved(vault: ApiVault, count: int) -> list[Job]:
    """Save posts, a second apart."""
    jobs = []
    for number in range(count):
        vault.clock.advance(1)
        jobs.append(
            await vault.add_saved(
                f"https://videos.example/watch/{number}", name=f"jane/film {number}.mp4"
            )
        )
    return jobs


async def collect(vault: ApiVault, jobs: list[Job], title: str = "Trains") -> None:
    for job in jobs:
        vault.clock.advance(1)
        await vault.client.submit(f"/jobs/{job.id}/mark", {"add_to": title})


async def links(vault: ApiVault, job: Job) -> dict[str, str]:
    """Return the ids of the posts before and after this one while its collection is played
    through.
    """
    page = (
        await vault.client.get(f"/jobs/{job.id}?in=collection%3DTrains%26state%3Dall", accept=HTML)
    ).text
    return dict(re.findall(r'rel="(prev|next)" href="/jobs/([0-9a-f-]{36})', page))


async def test_a_collection_is_played_through_in_its_own_order(vault: ApiVault) -> None:
    first, second, third, _ = await saved(vault, 4)
    await collect(vault, [third, first, second])

    assert [await links(vault, job) for job in (third, first, second)] == [
        {"next": first.id},
        {"prev": third.id, "next": second.id},
        {"prev": first.id},
    ]


async def test_posts_that_are_not_saved_are_passed_over(vault: ApiVault) -> None:
    first, second = await saved(vault, 2)
    waiting = await vault.add("https://videos.example/watch/waiting")
    await collect(vault, [first, waiting, second])

    assert await links(vault, first) == {"next": second.id}


async def test_a_filter_that_names_no_tag_is_no_filter(vault: ApiVault) -> None:
    [job] = await saved(vault, 1)

    assert (await vault.client.get(f"/jobs/{job.id}?in=tag%3D%23", accept=HTML)).status == 200


@pytest.mark.parametrize(
    ("move", "order"),
    [("up", [1, 0, 2]), ("down", [0, 2, 1]), ("first", [1, 0, 2]), ("out", [0, 2])],
)
async def test_a_video_is_moved_and_taken_out(vault: ApiVault, move: str, order: list[int]) -> None:
    jobs = await saved(vault, 3)
    await collect(vault, jobs)
    await vault.client.submit("/collections/trains", {"id": jobs[1].id, "move": move})
    page = (await vault.client.get("/collections/trains", accept=HTML)).text

    assert re.findall(r'<li class="card" id="job-([0-9a-f-]{36})"', page) == [
        jobs[place].id for place in order
    ]


async def test_the_last_video_that_is_taken_out_ends_the_collection(vault: ApiVault) -> None:
    jobs = await saved(vault, 1)
    await collect(vault, jobs)
    answer = await vault.client.submit("/collections/trains", {"id": jobs[0].id, "move": "out"})

    assert answer.headers["location"] == "/collections"
    assert (await vault.client.get("/collections/trains", accept=HTML)).status == 404


async def test_odd_titles_lead_to_their_pages(vault: ApiVault) -> None:
    jobs = await saved(vault, 1)
    await collect(vault, jobs, ODD)
    overview = (await vault.client.get("/collections", accept=HTML)).text
    [address] = re.findall(r'<li><a href="(/collections/[^"]+)"', overview)

    assert "\u202e<b>" not in overview
    assert (await vault.client.get(address, accept=HTML)).status == 200


async def test_tags_and_collections_are_renamed_and_removed_on_their_page(vault: ApiVault) -> None:
    jobs = await saved(vault, 2)
    await collect(vault, jobs)
    await vault.client.submit(f"/jobs/{jobs[0].id}/mark", {"add_tags": "Cats"})
    await vault.client.submit("/collections", {"kind": "tag", "name": "cats", "new": "Pets"})
    await vault.client.submit(
        "/collections", {"kind": "collection", "name": "trains", "new": "trains", "remove": "on"}
    )
    page = (await vault.client.get("/collections", accept=HTML)).text

    assert "Pets" in page
    assert "Trains" not in page
    assert (
        await vault.client.submit("/collections", {"kind": "tag", "name": "none", "new": "x"})
    ).status == 404
