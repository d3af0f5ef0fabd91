"""The library page: what it shows, and which parts htmx gets."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mediavault.core.failures import FAILURES
from mediavault.core.job import Job, JobId
from mediavault.core.media import Account
from mediavault.store.port import JobQuery, StoredJob
from mediavault.web.pages import library
from tests.http_vault import ApiVault
from tests.unit.web.test_pages import HOSTILE

HTMX = {"hx_request": "true"}


def links(page: str) -> list[str]:
    return [html.unescape(link) for link in re.findall(r'href="([^"]+)"', page)]


async def fill(
    vault: ApiVault, count: int, titles: Sequence[str] = (), **facts: object
) -> list[Job]:
    """Add saved jobs, and return them newest first."""
    model = await vault.add_saved()
    jobs = []
    for number in range(count):
        name = f"00000000-0000-7000-8000-{number:012x}"
        at = model.created_at - timedelta(minutes=number)
        metadata = {"title": titles[number] if titles else f"Film number {number}"}
        url = f"https://videos.example/{number}"
        own = {"id": JobId(name), "post_url": url, "canonical_url": url, "created_at": at}
        jobs.append(replace(model, **{**own, "metadata": metadata, **facts}))  # type: ignore[arg-type]
    await vault.store.catalogue.remove(model.id)
    await vault.store.catalogue.import_jobs([StoredJob(job) for job in jobs])
    return jobs


async def test_the_page_shows_saved_posts_and_counts_the_others(vault: ApiVault) -> None:
    await vault.add_saved("https://videos.example/watch/good")
    await vault.add_failed("https://videos.example/watch/bad")
    page = (await vault.client.get("/library")).text

    assert "watch/good" in page
    assert "watch/bad" not in page
    assert "1 video" in page
    assert ">Failed <b>1</b>" in page


async def test_only_states_with_posts_of_their_own_are_offered(vault: ApiVault) -> None:
    await vault.add_saved("https://videos.example/watch/good")
    calm = (await vault.client.get("/library")).text
    await vault.add_failed("https://videos.example/watch/bad")
    page = (await vault.client.get("/library")).text

    assert re.search(r'<nav class="chips" id="states"[^>]* hidden>', calm)
    shown = page[page.index('id="states"') :].partition("</nav>")[0]
    assert re.findall(r">(\w+(?: \w+)*) <b>(\d+)</b>", shown) == [
        ("Saved", "1"),
        ("All", "2"),
        ("Failed", "1"),
    ]


async def test_other_states_carry_a_badge(vault: ApiVault) -> None:
    await vault.add_failed()
    page = (await vault.client.get("/library?state=failed")).text

    assert re.search(r'<span class="badge" data-tone="bad">.*>Failed</span></span>', page)


async def test_following_more_shows_every_post_once(vault: ApiVault) -> None:
    jobs = await fill(vault, library.PAGE * 2 + 5)
    seen: list[str] = []
    link: str | None = "/library"
    while link:
        page = (await vault.client.get(link)).text
        seen += re.findall(r'id="job-([^"]+)"', page)
        link = next((href for href in links(page) if "cursor=" in href), None)

    assert seen == [job.id for job in jobs]


async def test_htmx_gets_only_the_next_tiles(vault: ApiVault) -> None:
    await fill(vault, library.PAGE + 3)
    link = next(
        href for href in links((await vault.client.get("/library")).text) if "cursor=" in href
    )
    part = await vault.client.get(link, **HTMX)

    assert part.text.count('<li class="tile"') == 3
    assert "<html" not in part.text
    assert "results" not in part.text


async def test_a_search_returns_the_results_and_the_url_for_the_address_bar(
    vault: ApiVault,
) -> None:
    await fill(vault, 12)
    part = await vault.client.get("/library?q=number+11&platform=&state=", **HTMX)

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
async def test_letters_typed_in_a_row_are_one_history_entry(
    vault: ApiVault, before: str, header: str
) -> None:
    part = await vault.client.get("/library?q=number", **HTMX, hx_current_url=before)

    assert part.headers[header] == "/library?q=number"
    assert ("hx-push-url" in part.headers) != ("hx-replace-url" in part.headers)


async def test_a_restored_page_is_complete(vault: ApiVault) -> None:
    page = await vault.client.get("/library?q=x", **HTMX, hx_history_restore_request="true")

    assert "<html" in page.text


async def test_each_filter_is_a_chip_that_removes_it(vault: ApiVault) -> None:
    """The search is shown only in its box; "clear all" removes it too."""
    await fill(vault, 2)
    page = (await vault.client.get("/library?q=film&length=short&order=oldest")).text

    assert "/library?q=film&order=oldest" in links(page)
    assert "/library?length=short&order=oldest" not in links(page)
    assert "/library?order=oldest" in links(page)


async def test_a_search_alone_is_not_a_chip(vault: ApiVault) -> None:
    await fill(vault, 2)
    page = (await vault.client.get("/library?q=film")).text

    assert 'class="chips asked"' not in page


async def test_the_link_of_a_tile_keeps_the_filter(vault: ApiVault) -> None:
    jobs = await fill(vault, 1)
    page = (await vault.client.get("/library?q=film")).text

    assert f"/jobs/{jobs[0].id}?in=q%3Dfilm" in links(page)


async def test_the_number_of_results_is_exact_on_every_page_of_them(vault: ApiVault) -> None:
    await fill(vault, library.PAGE + 1)
    found = (await vault.client.get("/library?q=film")).text
    [more] = {link for link in links(found) if "cursor=" in link and "q=film" in link}

    assert f"{library.PAGE + 1} videos" in (await vault.client.get("/library")).text
    assert f"{library.PAGE + 1} videos" in found
    assert f"{library.PAGE + 1} videos" in (await vault.client.get(more)).text
    assert "1 video<" in (await vault.client.get("/library?q=film+12+number")).text


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("/library", "Nothing saved yet"),
        ("/library?q=nothing", "Nothing saved yet"),
    ],
)
async def test_an_empty_library_links_to_the_paste_box(
    vault: ApiVault, link: str, words: str
) -> None:
    page = (await vault.client.get(link)).text

    assert words in page
    assert "/" in links(page[page.index(words) :])


async def test_an_empty_result_links_to_all_posts(vault: ApiVault) -> None:
    await vault.add_saved()
    nothing = (await vault.client.get("/library?q=nonesuch")).text
    no_failures = (await vault.client.get("/library?state=failed")).text

    assert "Nothing found" in nothing
    assert "/library?q=nonesuch&state=all" in links(nothing)
    assert "No failed posts" in no_failures


async def test_hostile_text_stays_text(vault: ApiVault) -> None:
    await fill(
        vault,
        1,
        metadata={"title": HOSTILE * 300},
        account=Account("x", HOSTILE, HOSTILE, "hostile"),
    )
    page = (await vault.client.get("/library?account=x%2Fhostile")).text

    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "\u202e" not in page.partition('id="tiles"')[2]


@pytest.mark.parametrize(
    "query", ["cursor=nonsense", "since=tomorrow", "state=x", "q=" + "x" * 300]
)
async def test_an_invalid_query_gets_an_error_page(vault: ApiVault, query: str) -> None:
    answer = await vault.client.get(f"/library?{query}", accept="text/html")

    assert answer.status == 422
    assert "<h1>" in answer.text


async def test_the_result_of_an_action_is_shown_from_numbers_alone(vault: ApiVault) -> None:
    page = (await vault.client.get("/library?outcome=removed-3-1")).text
    forged = (await vault.client.get("/library?outcome=<b>removed-3-1</b>")).text

    assert "Moved 3 to the trash. 1 was left unchanged." in page
    assert 'id="outcome"' not in forged


async def test_the_filters_choices_include_the_selected_values(vault: ApiVault) -> None:
    page = (await vault.client.get("/library?platform=myspace&account=myspace%2Ftom")).text

    assert '<option value="myspace" selected>' in page
    assert '<option value="myspace/tom" selected>' in page


async def test_a_posts_page_links_back_to_the_filter_and_on_within_it(vault: ApiVault) -> None:
    jobs = await fill(vault, 12)
    results = (await vault.client.get("/library?q=number+1&order=oldest")).text  # 1, 10 and 11
    link = next(href for href in links(results) if jobs[10].id in href)
    page = (await vault.client.get(link)).text

    assert "/library?q=number+1&order=oldest" in links(page)
    assert any(jobs[11].id in href for href in links(page))
    assert any(jobs[1].id in href for href in links(page))
    assert not any(jobs[9].id in href for href in links(page))


# --- months


async def in_months(vault: ApiVault, *days: int) -> list[Job]:
    """Add a post for each number of days before NEWEST, which was published then and saved in April
    2026, in reverse; return them newest first.
    """
    jobs = await fill(vault, len(days))
    for number, (job, past) in enumerate(zip(jobs, days, strict=True)):
        await vault.store.catalogue.remove(job.id)
        published = {"published_at": (NEWEST - timedelta(days=past)).isoformat()}
        saved_at = datetime(2026, 4, 1, 12, number, tzinfo=UTC)
        moved = replace(job, created_at=saved_at, metadata={**job.metadata, **published})
        await vault.store.catalogue.import_jobs([StoredJob(moved)])
    return jobs


NEWEST = datetime(2026, 3, 15, 12, tzinfo=UTC)


def dates(page: str) -> list[str]:
    return re.findall(r'<time data-day datetime="([^"]+)"', page)


def months(page: str) -> list[str]:
    return re.findall(r'<time data-month="short" datetime="([^"]+)"', page)


def headings(page: str) -> list[str]:
    return re.findall(r'<li class="month" id="month-([^"]+)"', page)


async def test_the_library_is_by_months_of_publication_or_of_saving_in_the_order_asked_for(
    vault: ApiVault,
) -> None:
    jobs = await in_months(vault, 0, 1, 20, 100)
    page = (await vault.client.get("/library")).text
    by_saving = (await vault.client.get("/library?order=newest")).text

    assert re.findall(r'id="job-([^"]+)"', page) == [job.id for job in jobs]
    assert re.findall(r'id="job-([^"]+)"', by_saving) == [job.id for job in reversed(jobs)]
    assert dates(page)[-1] == (NEWEST - timedelta(days=100)).isoformat()
    assert dates(by_saving)[-1] == "2026-04-01T12:00:00+00:00"
    assert headings(by_saving) == ["2026-04"]
    assert months(page) == ["2026-03", "2026-02", "2026-01", "2025-12"]


async def test_a_heading_begins_each_month_and_only_in_orders_by_time(vault: ApiVault) -> None:
    await in_months(vault, 0, 1, 20, 100)

    assert headings((await vault.client.get("/library")).text) == ["2026-03", "2026-02", "2025-12"]
    assert headings((await vault.client.get("/library?order=earliest")).text) == [
        "2025-12",
        "2026-02",
        "2026-03",
    ]
    assert headings((await vault.client.get("/library?order=longest")).text) == []


@pytest.mark.parametrize("order", ["published", "earliest"])
async def test_tiles_that_continue_a_month_have_no_second_heading(
    vault: ApiVault, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "PAGE", 2)
    await in_months(vault, 0, 1, 2, 3, 4, 30)
    link, seen, whole = f"/library?order={order}", list[str](), list[str]()
    while link:
        part = (await vault.client.get(link, **(HTMX if seen else {}))).text
        whole += headings((await vault.client.get(link)).text)[:1]
        seen += headings(part)
        link = (
            next((href for href in links(part) if href.endswith(_cursor_of_more(part))), "")
            if "cursor" in part
            else ""
        )

    assert sorted(seen) == ["2026-02", "2026-03"]
    assert len(whole) == 3  # a page that is opened on its own says where it begins


def _cursor_of_more(part: str) -> str:
    match = re.search(r'hx-get="[^"]*(cursor=[^"]+)"', part)
    return match[1] if match else "nothing"


@pytest.mark.parametrize("order", ["published", "earliest"])
async def test_each_month_is_linked_to_the_page_that_begins_with_it(
    vault: ApiVault, order: str
) -> None:
    """A month without posts leads to the next one that has some."""
    await in_months(vault, 0, 1, 20, 100, 101)
    page = (await vault.client.get(f"/library?order={order}")).text
    months = re.search(r'<nav class="months".*?</nav>', page, re.DOTALL)
    assert months
    labels = re.findall(r'datetime="([^"]+)"', months[0])
    begins = [headings((await vault.client.get(link)).text)[0] for link in links(months[0])]

    newest = ["2026-03", "2026-02", "2026-01", "2025-12"]
    assert labels == (newest if order == "published" else newest[::-1])
    assert begins == (
        ["2026-03", "2026-02", "2025-12", "2025-12"]
        if order == "published"
        else ["2025-12", "2026-02", "2026-02", "2026-03"]
    )


async def test_posts_of_one_month_have_no_links_to_months(vault: ApiVault) -> None:
    await in_months(vault, 0, 1)

    assert '<nav class="months"' not in (await vault.client.get("/library")).text


async def test_a_month_begins_at_midnight_of_the_readers_time_zone(vault: ApiVault) -> None:
    await in_months(vault, 0)
    [job] = (await vault.store.catalogue.jobs(JobQuery())).jobs
    await vault.store.catalogue.remove(job.id)
    late = replace(job, created_at=datetime(2026, 2, 28, 23, 30, tzinfo=UTC))
    await vault.store.catalogue.import_jobs([StoredJob(late)])

    assert headings((await vault.client.get("/library")).text) == ["2026-02"]
    page = await vault.client.get("/library", cookie="mediavault_zone=Europe/Berlin")
    assert headings(page.text) == ["2026-03"]


# --- tiles


async def test_the_tile_of_a_failure_says_why(vault: ApiVault) -> None:
    await vault.add_failed()
    [job] = (await vault.store.catalogue.jobs(JobQuery())).jobs
    assert job.error_code is not None
    summary = FAILURES[job.error_code].summary

    page = html.unescape((await vault.client.get("/library?state=failed")).text)
    assert f'<p class="why" title="{summary}">{summary}</p>' in page


async def test_a_post_of_another_site_names_its_host(vault: ApiVault) -> None:
    await fill(vault, 1, account=None, platform="generic")
    page = (await vault.client.get("/library")).text

    assert '<p class="who"><bdi>videos.example</bdi> ' in page
    assert ">Other sites (1)</option>" in page


@pytest.mark.parametrize(
    ("width", "height", "is_portrait"), [(180, 320, True), (320, 180, False), (None, 320, False)]
)
async def test_the_picture_of_a_portrait_clip_is_marked(
    vault: ApiVault, width: int | None, height: int | None, is_portrait: bool
) -> None:
    facts: dict[str, Any] = {"width": width, "height": height, "items": ()}
    facts["thumbnail_path"] = "jane/a.jpg"
    await fill(vault, 1, **facts)
    page = (await vault.client.get("/library")).text

    assert ("data-portrait" in page) is is_portrait


async def test_a_search_with_a_typo_shows_what_was_meant_and_says_so(vault: ApiVault) -> None:
    job, _ = await fill(vault, 2, titles=["Reliability of trains", "Something else"])
    page = (await vault.client.get("/library?q=reliabilty+trian")).text
    nothing = (await vault.client.get("/library?q=zzzzqq")).text

    assert re.findall(r'<li class="tile" id="job-([^"]+)"', page) == [job.id]
    assert "Showing “<bdi>reliability train</bdi>”" in page
    assert 'value="reliabilty trian"' in page
    assert "<mark>Reliability</mark> of <mark>trains</mark>" in page
    assert "Showing" not in nothing


async def test_the_palette_finds_videos_accounts_and_names_and_what_was_meant(
    vault: ApiVault,
) -> None:
    job, _ = await fill(vault, 2, titles=["Night trains <b>", "Something else"])
    await vault.client.submit(f"/jobs/{job.id}/mark", {"add_tags": "Nightfall"})
    page = (await vault.client.get("/search?q=night")).text
    meant = (await vault.client.get("/search?q=nihgt")).text
    nothing = (await vault.client.get("/search?q=%20")).text

    assert f'data-go="/jobs/{job.id}?in=q%3Dnight"' in page
    assert "<mark>Night</mark> trains &lt;b&gt;" in page
    assert 'data-go="/library?tag=Nightfall&amp;state=all"' in page
    assert "Showing “<bdi>night</bdi>”" in meant
    assert "<li" not in nothing
