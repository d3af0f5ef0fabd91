"""The order of the queue on the pages: what is next, moving posts,
and pausing the queue or a site.
"""

from __future__ import annotations

import re

import pytest

from mediavault.core.job import Priority
from mediavault.store.holds import all_holds, pause
from mediavault.web.overview import ENOUGH_FOR_A_PACE
from tests.http_vault import POST, ApiVault

REEL = "https://www.instagram.com/reel/Cabc123/"


async def page(vault: ApiVault, path: str = "/") -> str:
    return (await vault.client.get(path)).text


async def held_sites(vault: ApiVault) -> list[str | None]:
    return [hold.site for hold in await all_holds(vault.store.records)]


def waiting(home: str) -> str:
    return home[home.index('id="left"') :].partition("</details>")[0]


async def test_posts_wait_on_the_home_page_in_the_order_in_which_they_are_saved(
    vault: ApiVault,
) -> None:
    first, later, now = [await vault.add(f"{POST}{number}") for number in range(3)]
    await vault.store.queue.set_priority(later.id, Priority.LATER)
    await vault.client.submit(f"/jobs/{now.id}/priority", {"priority": "now", "home": "on"})
    listed = waiting(await page(vault))

    assert re.findall(r'<li class="waiting" data-key="([^"]+)"', listed) == [
        now.id,
        first.id,
        later.id,
    ]
    assert listed.count('name="priority" value="now"') == 2  # not at the one that is there already
    assert [listed.count(f'<span class="badge">{word}</span>') for word in ("First", "Later")] == [
        1,
        1,
    ]


async def test_a_waiting_posts_page_moves_it_to_the_front_back_and_to_the_end(
    vault: ApiVault,
) -> None:
    job = await vault.add()
    seen = []
    for priority in ("later", "normal", "now"):
        seen.append(
            re.findall(r'name="priority" value="(\w+)"', await page(vault, f"/jobs/{job.id}"))
        )
        answer = await vault.client.submit(f"/jobs/{job.id}/priority", {"priority": priority})
        assert (answer.status, answer.headers["location"]) == (303, f"/jobs/{job.id}")
        assert (await vault.store.catalogue.get(job.id)).priority == priority
    assert seen == [["now", "later"], ["now", "normal"], ["now", "later"]]
    assert (
        await vault.client.submit(f"/jobs/{job.id}/priority", {"priority": "first"})
    ).status == 422


async def test_a_saved_post_cannot_be_moved(vault: ApiVault) -> None:
    saved = await vault.add_saved()
    assert f"/jobs/{saved.id}/priority" not in await page(vault, f"/jobs/{saved.id}")


async def test_the_queue_is_paused_and_resumed_on_the_home_page(vault: ApiVault) -> None:
    job = await vault.add()
    await vault.beat()
    assert "The queue is paused" not in await page(vault)
    answer = await vault.client.submit("/queue/pause", {})
    home = await page(vault)

    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert "<b><bdi>The queue is paused.</bdi></b>" in home
    assert "· Paused" in waiting(home)
    assert 'action="/queue/pause"' not in home
    assert "· The queue is paused" in await page(vault, f"/jobs/{job.id}")
    assert "<b>1 waiting</b> · The queue is paused" in home
    await vault.client.submit("/queue/resume", {"site": ""})
    assert "The queue is paused" not in await page(vault)


async def test_a_paused_site_is_named_with_its_posts_and_the_others_go_on(vault: ApiVault) -> None:
    reel, other = await vault.add(REEL), await vault.add()
    await vault.beat()
    await pause(vault.store.records, "instagram")
    home = await page(vault)

    assert "<b><bdi>Instagram is paused.</bdi></b>" in home
    assert waiting(home).count("· Instagram is paused") == 1
    assert "<b>2 waiting</b></span>" in home
    assert "· Instagram is paused" in await page(vault, f"/jobs/{reel.id}")
    assert "is paused" not in await page(vault, f"/jobs/{other.id}")
    await vault.client.submit("/queue/resume", {"site": "instagram"})
    assert await held_sites(vault) == []


async def test_it_is_said_when_all_that_waits_is_of_a_paused_site(vault: ApiVault) -> None:
    await vault.add(REEL)
    await vault.beat()
    await pause(vault.store.records, "instagram")
    assert "No waiting post can start now." in await page(vault)


@pytest.mark.parametrize(
    ("site", "estimates"), [(None, False), ("generic", False), ("instagram", True)]
)
async def test_no_time_is_estimated_while_posts_that_wait_are_held_back(
    vault: ApiVault, site: str | None, estimates: bool
) -> None:
    for number in range(ENOUGH_FOR_A_PACE):
        await vault.add_saved(f"{POST}{number}", name=f"jane/{number}.mp4")
        vault.clock.advance(10)
    await vault.add()
    await pause(vault.store.records, site)
    assert ("<b>1 waiting</b> · about" in await page(vault)) is estimates


async def test_a_site_is_paused_and_resumed_on_the_sites_page(vault: ApiVault) -> None:
    await vault.add(REEL)
    answer = await vault.client.submit("/queue/pause", {"sites": "on", "site": "instagram"})
    listed, own = await page(vault, "/sites"), await page(vault, "/sites/instagram")

    assert (answer.status, answer.headers["location"]) == (303, "/sites#instagram")
    assert await held_sites(vault) == ["instagram"]
    assert "Resume: Instagram" in listed
    assert "until it is resumed" in listed
    assert "Resume: Instagram" in own
    await vault.client.submit("/queue/resume", {"sites": "on", "site": "instagram"})
    assert "Pause: Instagram" in await page(vault, "/sites")


async def test_a_paused_site_is_listed_though_it_has_no_posts(vault: ApiVault) -> None:
    await pause(vault.store.records, "instagram")
    assert "Resume: Instagram" in await page(vault, "/sites")


async def test_the_whole_queue_is_paused_on_the_sites_page_too(vault: ApiVault) -> None:
    assert "Pause all" in await page(vault, "/sites")
    answer = await vault.client.submit("/queue/pause", {"sites": "on"})
    assert answer.headers["location"] == "/sites#"
    assert "<b>The queue is paused.</b>" in await page(vault, "/sites")


async def test_a_site_that_does_not_exist_is_not_paused(vault: ApiVault) -> None:
    assert (await vault.client.submit("/queue/pause", {"site": "<nonesuch>"})).status == 404
    assert await held_sites(vault) == []
