"""The page that shows what following would take."""

from __future__ import annotations

import re
from html import unescape

import pytest

from mediavault.core.listings import Entry
from mediavault.core.records import RecordKind
from mediavault.features.following import records as stored
from mediavault.features.following.model import EntryState, Source, Start
from mediavault.store.holds import pause
from mediavault.store.port import JobQuery
from tests.http_vault import ApiVault
from tests.previewed import fail_what_waits, read_what_waits

CHANNEL = "https://www.youtube.com/@jane"
FORM: dict[str, str | list[str]] = {
    "url": CHANNEL, "start": "newest", "newest": "1", "shortest": "1",
    "kinds": ["video", "short", "live"],
}  # fmt: skip


def film(number: int, duration_s: float | None = 90.0) -> Entry:
    return Entry(
        f"https://www.youtube.com/watch?v={number:011}",
        f"{number:011}",
        f"Film {number}",
        duration_s=duration_s,
    )


def words(text: str) -> str:
    """The page's text without its elements, from the preview on."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text.partition('id="preview"')[2])).split())


async def ask(
    vault: ApiVault, form: dict[str, str | list[str]] = FORM, path: str = "/sources/preview"
) -> str:
    """Ask for a preview and return the path of its page."""
    answer = await vault.client.submit(path, form)
    assert answer.status == 303, answer.text
    return str(answer.headers["location"]).partition("#")[0]


async def test_the_page_asks_again_until_the_list_was_read_and_keeps_the_form(
    vault: ApiVault,
) -> None:
    await vault.beat()
    path = await ask(vault)
    waiting = (await vault.client.get(path)).text
    await read_what_waits(vault.store.records, vault.clock, film(1, 5.0), film(2), film(3), film(4))
    page = (await vault.client.get(path)).text

    assert f'hx-get="{path}" hx-select="#preview"' in waiting
    assert "Reading the list …" in words(waiting)
    assert "hx-get" not in page
    assert "Would be saved 1 Unknown until it is opened 0 Would be skipped 3" in words(page)
    assert "Saved later, in turn: 1 post, about 10 minutes" in words(page)
    assert "Too short or too long: 1" in words(page)
    assert "Film 2 Later, in turn · 1:30" in words(page)
    assert f'value="{CHANNEL}"' in page
    assert re.search(r'name="newest"[^>]* value="1"', page)
    assert await stored.followed(vault.store.tables) == []


async def test_another_wish_is_shown_at_once_and_followed_from_there(vault: ApiVault) -> None:
    await ask(vault)
    await read_what_waits(vault.store.records, vault.clock, film(1), film(2, None))
    page = (await vault.client.get(await ask(vault, {**FORM, "newest": "2"}))).text

    assert "Unknown until it is opened 1" in words(page)
    assert "Film 2 Not on the list: length" in words(page)
    assert 'formaction="/sources/preview"' in page
    assert (await vault.client.submit("/sources", {**FORM, "newest": "2"})).status == 303


async def test_a_change_of_a_source_is_shown_with_its_form(vault: ApiVault) -> None:
    source = Source("s-1", CHANNEL, "youtube", vault.clock.now())
    await stored.follow(vault.store.tables, source)
    path = await ask(vault, {**FORM, "start": "everything"}, "/sources/s-1/preview")
    await read_what_waits(vault.store.records, vault.clock, film(1))
    page = (await vault.client.get(path)).text

    assert "What would be saved after the change" in words(page)
    assert 'action="/sources/s-1"' in page
    assert 'formaction="/sources/s-1/preview"' in page
    assert (await stored.find_followed(vault.store.tables, "s-1")).source.start is Start.NOW


async def test_it_says_what_the_reading_waits_for(vault: ApiVault) -> None:
    path = await ask(vault)
    assert "No worker is running" in words((await vault.client.get(path)).text)

    await pause(vault.store.records, "youtube")
    assert "YouTube is paused. The list is read when that ends." in words(
        (await vault.client.get(path)).text
    )


async def test_a_list_that_cannot_be_read_is_shown_with_what_helps(vault: ApiVault) -> None:
    path = await ask(vault)
    await fail_what_waits(vault.store.records, vault.clock)
    page = (await vault.client.get(path)).text

    assert "This list is private." in words(page)
    assert "Sign in" in words(page)
    assert "hx-get" not in page


async def test_posts_that_are_ticked_are_saved_with_the_following(vault: ApiVault) -> None:
    path = await ask(vault, {**FORM, "start": "now"})
    await read_what_waits(vault.store.records, vault.clock, film(1), film(2), film(3))
    page = (await vault.client.get(path)).text
    keys = re.findall(r'name="posts" value="(\w+)" form="form"', page)
    assert len(keys) == 3
    assert "Save the 3 earlier posts too" in words(page)

    form = {**FORM, "start": "now", "preview": path.rpartition("/")[2], "posts": keys[1:]}
    refused = await vault.client.submit("/sources", {**form, "posts": ["unknown"]})
    assert refused.status == 422
    assert await stored.followed(vault.store.tables) == []

    assert (await vault.client.submit("/sources", form)).status == 303
    [one] = await stored.followed(vault.store.tables)
    assert (one.state.seen, one.state.skipped) == (2, 0)
    jobs = (await vault.store.catalogue.jobs(JobQuery())).jobs
    assert sorted(job.post_url[-1] for job in jobs) == ["2", "3"]
    seen = await stored.seen(vault.store.tables, one.source.id, keys)
    assert {key: entry.state for key, entry in seen.items()} == dict.fromkeys(
        keys[1:], EntryState.SAVED
    )


async def test_the_newest_of_the_skipped_posts_can_be_asked_for(vault: ApiVault) -> None:
    path = await ask(vault, {**FORM, "newest": "1"})
    await read_what_waits(vault.store.records, vault.clock, film(1), film(2), film(3))
    page = (await vault.client.get(path)).text
    assert "Save the 2 earlier posts too" in words(page)
    [number] = re.findall(r'name="save_newest" value="(\d+)"', page)

    path = await ask(vault, {**FORM, "newest": "1", "save_newest": number})
    page = (await vault.client.get(path)).text
    assert "Would be saved 3" in words(page)
    assert re.search(r'name="newest"[^>]* value="3"', page)


async def test_a_list_without_posts_says_so(vault: ApiVault) -> None:
    path = await ask(vault)
    await read_what_waits(vault.store.records, vault.clock, title=None)

    assert "The list is empty at the moment." in words((await vault.client.get(path)).text)


async def test_a_long_list_is_cut(vault: ApiVault) -> None:
    path = await ask(vault, {**FORM, "start": "everything", "shortest": ""})
    await read_what_waits(vault.store.records, vault.clock, *map(film, range(120)))
    page = words((await vault.client.get(path)).text)

    assert "Would be saved 120" in page
    assert "and 20 more" in page


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("/sources/preview", {"url": "nothing"}),
        ("/sources/preview", {"newest": "many"}),
        ("/sources/preview", {"profile": "gone"}),
        ("/sources/s-1/preview", {"having": "/(/"}),
        ("/sources/s-1/preview", {"profile": "gone"}),
    ],
)
async def test_a_wrong_value_is_explained_and_what_was_typed_stays(
    vault: ApiVault, path: str, change: dict[str, str]
) -> None:
    await stored.follow(
        vault.store.tables, Source("s-1", CHANNEL + "/videos", "youtube", vault.clock.now())
    )
    page = await vault.client.submit(path, {**FORM, "lacking": "advertising", **change})

    assert page.status == 422
    assert ">advertising</textarea>" in page.text
    assert await vault.store.records.all(RecordKind.SOURCE_PREVIEW) == []


async def test_an_expired_preview_is_not_found(vault: ApiVault) -> None:
    answer = await vault.client.get("/sources/preview/p-1")

    assert (answer.status, "This preview has expired." in answer.text) == (404, True)
