"""The page of the inbox and its API: what came, how it is, what is new,
and what can be done from there.
"""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest

from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job
from mediavault.core.marks import favourite
from mediavault.features.following import inbox
from mediavault.features.following import records as stored
from mediavault.features.following.model import Source, SourceState
from tests.following import set_state
from tests.http_vault import ApiVault
from tests.unit.features.following.test_pages import words

POST = "https://videos.example/watch/"


def field(name: str, page: str) -> str:
    return page.partition(f'name="{name}" value="')[2].partition('"')[0]


async def came(vault: ApiVault, *jobs: Job, are_news: bool = True) -> None:
    """Let the source "Jane" bring these posts, a minute apart."""
    if not await stored.some_followed(vault.store.tables, ["s-1"]):
        await stored.follow(
            vault.store.tables, Source("s-1", f"{POST}feed", "generic", vault.clock.now())
        )
        await set_state(vault.store, "s-1", SourceState(title="Jane <b>"))
    for job in jobs:
        vault.clock.advance(timedelta(minutes=1))
        await stored.mark_posts(vault.store, "s-1", [job.id])
        await inbox.note_arrivals(vault.store, [job.id], are_news=are_news)
        vault.clock.advance(timedelta(minutes=1))


async def test_each_post_shows_its_source_its_state_and_what_helps(vault: ApiVault) -> None:
    saved = await vault.add_saved()
    await vault.add(f"{POST}2")
    failed = await vault.store.queue.fail(
        await vault.claim(), error_code=ErrorCode.NETWORK, error="No answer.", retry_in=None
    )
    waiting = await vault.add(f"{POST}3")
    await came(vault, saved, failed, waiting)
    page = (await vault.client.get("/sources/inbox")).text
    text = words(page)

    assert (
        page.index(f"job-{waiting.id}")
        < page.index(f"job-{failed.id}")
        < page.index(f"job-{saved.id}")
    )
    assert "<bdi>Jane &lt;b&gt;</bdi>" in page
    assert "3 new posts" in text
    assert [word in text for word in ("Saved", "Failed", "Waiting")] == [True] * 3
    assert f'href="/jobs/{saved.id}?in=list%3Dnew#player"' in page
    assert f'action="/jobs/{failed.id}/retry"' in page


async def test_all_are_marked_as_seen_until_the_first_that_the_page_shows(vault: ApiVault) -> None:
    first, second = await vault.add(f"{POST}1"), await vault.add(f"{POST}2")
    await came(vault, first)
    until = field("until", (await vault.client.get("/sources/inbox")).text)
    await came(vault, second)
    answer = await vault.client.submit("/sources/inbox/seen", {"until": until, "news": "on"})
    page = (await vault.client.get("/sources/inbox")).text

    assert answer.headers["location"] == "/sources/inbox?news=on"
    assert "1 new post" in words(page)
    assert page.count("data-new") == 1


@pytest.mark.parametrize("until", ["", "yesterday", "2026-11-30", "99999-01-01T00:00:00Z"])
async def test_what_is_no_moment_marks_nothing_as_seen(vault: ApiVault, until: str) -> None:
    await came(vault, await vault.add())
    answer = await vault.client.submit("/sources/inbox/seen", {"until": until})

    assert answer.status == 422
    assert await inbox.count_news(vault.store, "owner") == 1


async def test_a_moment_in_the_future_does_not_hide_what_comes_later(vault: ApiVault) -> None:
    await came(vault, await vault.add(f"{POST}1"))
    await vault.client.submit("/sources/inbox/seen", {"until": "2090-01-01T00:00:00+00:00"})
    await vault.client.post("/api/sources/inbox/seen", {"until": "2090-01-01T00:00:00Z"})
    await came(vault, await vault.add(f"{POST}2"))

    assert await inbox.count_news(vault.store, "owner") == 1


async def test_every_page_says_in_its_navigation_how_many_are_new(vault: ApiVault) -> None:
    assert 'data-part="news" hidden' in (await vault.client.get("/library")).text
    await came(vault, *[await vault.add(f"{POST}{number}") for number in range(3)])
    for path in ("/", "/library", "/sources", "/access"):
        assert 'data-part="news">3<i' in (await vault.client.get(path)).text

    await vault.client.post("/api/sources/inbox/seen", {})
    assert 'data-part="news" hidden' in (await vault.client.get("/library")).text


async def test_posts_from_before_are_shown_as_such_and_can_be_left_out(vault: ApiVault) -> None:
    old, new = await vault.add(f"{POST}1"), await vault.add(f"{POST}2")
    await came(vault, old, are_news=False)
    await came(vault, new)
    everything, news = [
        (await vault.client.get(f"/sources/inbox{more}")).text for more in ("", "?news=on")
    ]

    assert "1 new post" in words(everything)
    assert (
        everything.count('class="arrival"'),
        news.count('class="arrival"'),
    ) == (2, 1)
    assert ("earlier post" in words(everything), f"job-{old.id}" in news) == (True, False)


async def test_older_posts_are_on_further_pages(vault: ApiVault) -> None:
    await came(vault, *[await vault.add(f"{POST}{number}") for number in range(30)])
    first = (await vault.client.get("/sources/inbox")).text
    older = unescape(
        first.partition('<p class="pager">')[2].partition('href="')[2].partition('"')[0]
    )
    second = (await vault.client.get(older)).text

    assert [page.count('class="arrival"') for page in (first, second)] == [24, 6]
    assert "Mark all as seen" not in second
    assert (await vault.client.get("/sources/inbox?cursor=nothing")).status == 422


async def test_the_buttons_return_to_the_inbox_and_to_no_other_site(vault: ApiVault) -> None:
    saved, failed = await vault.add_saved(), await vault.add_failed(f"{POST}2")
    await came(vault, saved, failed)
    back = "/sources/inbox?news=on"
    loved = await vault.client.submit(f"/jobs/{saved.id}/mark", {"favourite": "on", "back": back})
    again = await vault.client.submit(f"/jobs/{failed.id}/retry", {"back": back})
    away = await vault.client.submit(
        f"/jobs/{saved.id}/mark", {"favourite": "on", "back": "//elsewhere.example"}
    )

    assert (loved.headers["location"], again.headers["location"], away.headers["location"]) == (
        back,
        back,
        "/",
    )
    assert [mark.job_id for mark in await vault.store.marks.marked(favourite("owner"))] == [
        saved.id
    ]


async def test_the_api_lists_what_came_and_marks_it_as_seen(vault: ApiVault) -> None:
    first, second = await vault.add(f"{POST}1"), await vault.add(f"{POST}2")
    await came(vault, first, second)
    page = (await vault.client.get("/api/sources/inbox?limit=1")).json()
    [arrival] = page["arrivals"]

    assert (arrival["job"]["id"], arrival["is_new"], page["news"]) == (second.id, True, 2)
    assert arrival["sources"] == [{"id": "s-1", "name": "Jane <b>"}]
    seen = await vault.client.post("/api/sources/inbox/seen", {"until": arrival["came_at"]})
    assert seen.json() == {"news": 0}
    rest = (
        await vault.client.get(f"/api/sources/inbox?cursor={page['next_cursor']}&only_news=true")
    ).json()
    assert [(one["job"]["id"], one["is_new"]) for one in rest["arrivals"]] == [(first.id, False)]


async def test_the_picture_of_a_source_comes_from_the_vault(vault: ApiVault) -> None:
    await came(vault)
    assert (await vault.client.get("/api/sources/s-1/picture")).status == 404
    state = SourceState(
        title="Jane", picture_url="https://videos.example/face.jpg", has_picture=True
    )
    await set_state(vault.store, "s-1", state)
    await stored.put_picture(vault.store.records, "s-1", b"\xff\xd8\xff face")
    answer = await vault.client.get("/api/sources/s-1/picture")

    assert (answer.status, answer.headers["content-type"], answer.body) == (
        200,
        "image/jpeg",
        b"\xff\xd8\xff face",
    )
    for path in ("/sources", "/sources/s-1"):
        page = (await vault.client.get(path)).text
        assert 'src="/api/sources/s-1/picture"' in page
        assert "face.jpg" not in page
