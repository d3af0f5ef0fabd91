"""The library's page: what it shows, and how its parts come to htmx."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from mediavault.core.job import Job, JobId
from mediavault.core.media import Account
from mediavault.store.port import StoredJob
from mediavault.web.pages import library
from tests.http_vault import House
from tests.unit.web.test_pages import HOSTILE

HTMX = {"hx_request": "true"}


def links(page: str) -> list[str]:
    return [html.unescape(link) for link in re.findall(r'href="([^"]+)"', page)]


async def fill(house: House, count: int, **facts: object) -> list[Job]:
    """Kept jobs, the newest first."""
    model = await house.add_kept()
    jobs = []
    for number in range(count):
        name = f"00000000-0000-7000-8000-{number:012x}"
        at = model.created_at - timedelta(minutes=number)
        metadata = {"title": f"Film number {number}"}
        url = f"https://videos.example/{number}"
        own = {"id": JobId(name), "post_url": url, "canonical_url": url, "created_at": at}
        jobs.append(replace(model, **{**own, "metadata": metadata, **facts}))  # type: ignore[arg-type]
    await house.store.catalogue.remove(model.id)
    await house.store.catalogue.import_jobs([StoredJob(job) for job in jobs])
    return jobs


async def test_the_page_shows_what_is_kept_and_says_what_stands_elsewhere(house: House) -> None:
    await house.add_kept("https://videos.example/watch/good")
    await house.add_failed("https://videos.example/watch/bad")
    page = (await house.client.get("/library")).text

    assert "watch/good" in page
    assert "watch/bad" not in page
    assert "1 video" in page
    assert ">Failed <b>1</b>" in page


async def test_other_states_carry_a_badge(house: House) -> None:
    await house.add_failed()
    page = (await house.client.get("/library?state=failed")).text

    assert re.search(r'<span class="badge" data-tone="bad">.*>Failed</span></span>', page)


async def test_more_leads_on_to_the_last_and_each_is_shown_once(house: House) -> None:
    jobs = await fill(house, library.PAGE * 2 + 5)
    seen: list[str] = []
    link: str | None = "/library"
    while link:
        page = (await house.client.get(link)).text
        seen += re.findall(r'id="job-([^"]+)"', page)
        link = next((one for one in links(page) if "cursor=" in one), None)

    assert seen == [job.id for job in jobs]


async def test_htmx_gets_the_next_tiles_alone(house: House) -> None:
    await fill(house, library.PAGE + 3)
    link = next(one for one in links((await house.client.get("/library")).text) if "cursor=" in one)
    part = await house.client.get(link, **HTMX)

    assert part.text.count('<li class="tile"') == 3
    assert "<html" not in part.text
    assert "results" not in part.text


async def test_a_search_is_answered_with_the_results_and_the_address_for_the_bar(house: House) -> None:
    await fill(house, 12)
    part = await house.client.get("/library?q=number+11&platform=&state=", **HTMX)

    assert part.text.lstrip().startswith('<div id="results"')
    assert part.text.count('<li class="tile"') == 1
    assert part.headers["hx-push-url"] == "/library?q=number+11"


@pytest.mark.parametrize(
    ("before", "header"),
    [
        ("http://127.0.0.1:8420/library?q=numb", "hx-replace-url"),
        ("http://127.0.0.1:8420/library", "hx-push-url"),
        ("http://127.0.0.1:8420/library?q=numb&platform=x", "hx-push-url"),
        ("http://127.0.0.1:8420/library?state=nonsense", "hx-push-url"),
        ("http://[", "hx-push-url"),
    ],
)
async def test_letters_typed_one_after_the_other_are_one_step_back(house: House, before: str, header: str) -> None:
    part = await house.client.get("/library?q=number", **HTMX, hx_current_url=before)

    assert part.headers[header] == "/library?q=number"
    assert ("hx-push-url" in part.headers) != ("hx-replace-url" in part.headers)


async def test_a_page_that_is_restored_is_whole(house: House) -> None:
    page = await house.client.get("/library?q=x", **HTMX, hx_history_restore_request="true")

    assert "<html" in page.text


async def test_what_narrows_the_library_is_a_chip_that_takes_it_away(house: House) -> None:
    """The search stands in its box alone; "clear all" takes it away too."""
    await fill(house, 2)
    page = (await house.client.get("/library?q=film&length=short&order=oldest")).text

    assert "/library?q=film&order=oldest" in links(page)
    assert "/library?length=short&order=oldest" not in links(page)
    assert "/library?order=oldest" in links(page)


async def test_a_search_alone_is_no_chip(house: House) -> None:
    await fill(house, 2)
    page = (await house.client.get("/library?q=film")).text

    assert 'class="chips asked"' not in page


async def test_the_link_of_a_tile_carries_the_filter_on(house: House) -> None:
    jobs = await fill(house, 1)
    page = (await house.client.get("/library?q=film")).text

    assert f"/jobs/{jobs[0].id}?in=q%3Dfilm" in links(page)


async def test_how_many_were_found_is_said_only_as_far_as_it_is_known(house: House) -> None:
    await fill(house, library.PAGE + 1)

    assert f"{library.PAGE + 1} videos" in (await house.client.get("/library")).text
    assert f"More than {library.PAGE}" in (await house.client.get("/library?q=film")).text
    assert "1 video<" in (await house.client.get("/library?q=film+12+number")).text


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("/library", "Nothing saved yet"),
        ("/library?q=nothing", "Nothing saved yet"),
    ],
)
async def test_an_empty_library_leads_to_the_paste_box(house: House, link: str, words: str) -> None:
    page = (await house.client.get(link)).text

    assert words in page
    assert "/" in links(page[page.index(words) :])


async def test_finding_nothing_leads_out_again(house: House) -> None:
    await house.add_kept()
    nothing = (await house.client.get("/library?q=nonesuch")).text
    no_failures = (await house.client.get("/library?state=failed")).text

    assert "Nothing found" in nothing
    assert "/library?q=nonesuch&state=all" in links(nothing)
    assert "No failed posts" in no_failures


async def test_hostile_text_stays_text(house: House) -> None:
    await fill(
        house,
        1,
        metadata={"title": HOSTILE * 300},
        account=Account("x", HOSTILE, HOSTILE, "hostile"),
    )
    page = (await house.client.get("/library?account=x%2Fhostile")).text

    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "\u202e" not in page.partition('id="tiles"')[2]


@pytest.mark.parametrize("query", ["cursor=nonsense", "since=tomorrow", "state=x", "q=" + "x" * 300])
async def test_an_address_that_cannot_be_read_is_told_in_words(house: House, query: str) -> None:
    answer = await house.client.get(f"/library?{query}", accept="text/html")

    assert answer.status == 422
    assert "<h1>" in answer.text


async def test_what_was_done_is_told_from_numbers_alone(house: House) -> None:
    told = (await house.client.get("/library?told=removed-3-1")).text
    forged = (await house.client.get("/library?told=<b>removed-3-1</b>")).text

    assert "3 posts were deleted. 1 was left unchanged." in told
    assert 'id="told"' not in forged


async def test_the_filters_choices_hold_what_is_asked_for(house: House) -> None:
    page = (await house.client.get("/library?platform=myspace&account=myspace%2Ftom")).text

    assert '<option value="myspace" selected>' in page
    assert '<option value="myspace/tom" selected>' in page


async def test_a_posts_page_leads_back_to_the_filter_and_on_within_it(house: House) -> None:
    jobs = await fill(house, 12)
    found = (await house.client.get("/library?q=number+1&order=oldest")).text  # 1, 10 and 11
    link = next(one for one in links(found) if jobs[10].id in one)
    page = (await house.client.get(link)).text

    assert "/library?q=number+1&order=oldest" in links(page)
    assert any(jobs[11].id in one for one in links(page))
    assert any(jobs[1].id in one for one in links(page))
    assert not any(jobs[9].id in one for one in links(page))
