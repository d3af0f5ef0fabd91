"""The pages of the accounts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediavault.core.job import JobStatus
from mediavault.core.media import Account
from mediavault.presentation.labels import format_length
from mediavault.store.port import StoredJob
from tests.http_vault import POST, House

JANE = Account("x", "jane_doe", "Jane Doe", "x-jane_doe")
HOSTILE = Account("tiktok", "<b>bob", "<script>alert(1)</script>\u202etxt.exe", "tiktok-bob")


async def adopt(house: House, account: Account, number: int, **facts: object) -> None:
    job = await house.add(f"{POST}{number}")
    await house.store.catalogue.remove(job.id)
    house.clock.advance(60)
    changed = replace(job, account=account, platform=account.platform, created_at=house.clock.now(), **facts)  # type: ignore[arg-type]
    await house.store.catalogue.import_jobs([StoredJob(changed)])


async def test_an_account_shows_its_name_site_numbers_and_newest_post(house: House) -> None:
    await adopt(house, JANE, 1, status=JobStatus.COMPLETED, bytes=2_000_000, duration_s=65.0)
    await adopt(house, JANE, 2)
    page = await house.client.get("/accounts")

    assert page.status == 200
    assert "Jane Doe" in page.text
    assert "@jane_doe" in page.text
    assert 'href="/accounts/x/x-jane_doe"' in page.text
    assert "1 saved" in page.text
    assert "of 2" in page.text
    assert "2.0 MB" in page.text


async def test_accounts_are_found_by_name_and_by_site(house: House) -> None:
    await adopt(house, JANE, 1)
    await adopt(house, HOSTILE, 2)

    by_name = await house.client.get("/accounts?q=jane")
    by_site = await house.client.get("/accounts?platform=tiktok")
    by_neither = await house.client.get("/accounts?q=nobody")

    assert ("jane_doe" in by_name.text, "tiktok-bob" in by_name.text) == (True, False)
    assert ("jane_doe" in by_site.text, "tiktok-bob" in by_site.text) == (False, True)
    assert "No such account" in by_neither.text


async def test_more_accounts_than_a_page_holds_are_paged_without_a_gap(house: House) -> None:
    for number in range(35):
        await adopt(house, Account("x", f"a{number:02}", None, f"x-a{number:02}"), number)
    first = await house.client.get("/accounts")
    address = first.text.partition('class="button quiet" href="')[2].partition('"')[0].replace("&amp;", "&")
    second = await house.client.get(address)
    named = [f"x-a{number:02}" for number in range(35)]

    assert sum(f"/accounts/x/{name}" in first.text for name in named) == 30
    assert [
        name for name in named if (f"/accounts/x/{name}" in first.text) == (f"/accounts/x/{name}" in second.text)
    ] == []


async def test_an_account_has_a_page_with_its_newest_posts_and_the_way_to_the_rest(house: House) -> None:
    await adopt(house, JANE, 1, status=JobStatus.COMPLETED, bytes=2_000_000, duration_s=3_905.0)
    page = await house.client.get("/accounts/x/x-jane_doe")

    assert page.status == 200
    assert "1 h 5 min" in page.text
    assert 'href="/library?account=x%2Fx-jane_doe"' in page.text
    assert "/jobs/" in page.text


async def test_nobodys_page_is_not_found(house: House) -> None:
    assert (await house.client.get("/accounts/x/nobody")).status == 404


async def test_a_strangers_name_is_shown_as_text(house: House) -> None:
    await adopt(house, HOSTILE, 1)

    for path in ("/accounts", "/accounts/tiktok/tiktok-bob"):
        page = await house.client.get(path)
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
        assert "\u202e" not in page.text


async def test_without_jobs_the_page_says_what_will_be_there(house: House) -> None:
    assert "No accounts yet" in (await house.client.get("/accounts")).text


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (40.4, "40 s"), (60, "1 min"), (3_600, "1 h"), (11_520, "3 h 12 min")]
)
def test_a_sum_of_lengths_is_told_in_hours_and_minutes(seconds: float, words: str) -> None:
    assert format_length(seconds) == words
