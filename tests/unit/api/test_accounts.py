"""The pages of the accounts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediavault.core.job import JobStatus
from mediavault.core.media import Account
from mediavault.presentation.labels import format_length
from mediavault.store.port import StoredJob
from tests.http_vault import POST, ApiVault

JANE = Account("x", "jane_doe", "Jane Doe", "x-jane_doe")
HOSTILE = Account("tiktok", "<b>bob", "<script>alert(1)</script>\u202etxt.exe", "tiktok-bob")


async def add_job_of(vault: ApiVault, account: Account, number: int, **facts: object) -> None:
    job = await vault.add(f"{POST}{number}")
    await vault.store.catalogue.remove(job.id)
    vault.clock.advance(60)
    changed = replace(job, account=account, platform=account.platform, created_at=vault.clock.now())
    changed = replace(changed, **facts)  # type: ignore[arg-type]
    await vault.store.catalogue.import_jobs([StoredJob(changed)])


async def test_an_account_shows_its_name_site_numbers_and_newest_post(vault: ApiVault) -> None:
    await add_job_of(vault, JANE, 1, status=JobStatus.COMPLETED, bytes=2_000_000, duration_s=65.0)
    await add_job_of(vault, JANE, 2)
    page = await vault.client.get("/accounts")

    assert page.status == 200
    assert "Jane Doe" in page.text
    assert "@jane_doe" in page.text
    assert 'href="/accounts/x/x-jane_doe"' in page.text
    assert "1 saved" in page.text
    assert "of 2" in page.text
    assert "2.0 MB" in page.text


async def test_accounts_are_found_by_name_and_by_site(vault: ApiVault) -> None:
    await add_job_of(vault, JANE, 1)
    await add_job_of(vault, HOSTILE, 2)

    by_name = await vault.client.get("/accounts?q=jane")
    by_site = await vault.client.get("/accounts?platform=tiktok")
    by_neither = await vault.client.get("/accounts?q=nobody")

    assert ("jane_doe" in by_name.text, "tiktok-bob" in by_name.text) == (True, False)
    assert ("jane_doe" in by_site.text, "tiktok-bob" in by_site.text) == (False, True)
    assert "No such account" in by_neither.text


async def test_more_accounts_than_a_page_holds_are_paged_without_a_gap(vault: ApiVault) -> None:
    for number in range(35):
        await add_job_of(vault, Account("x", f"a{number:02}", None, f"x-a{number:02}"), number)
    first = await vault.client.get("/accounts")
    address = (
        first.text.partition('class="button quiet" href="')[2]
        .partition('"')[0]
        .replace("&amp;", "&")
    )
    second = await vault.client.get(address)
    named = [f"x-a{number:02}" for number in range(35)]

    assert sum(f"/accounts/x/{name}" in first.text for name in named) == 30
    assert [
        name
        for name in named
        if (f"/accounts/x/{name}" in first.text) == (f"/accounts/x/{name}" in second.text)
    ] == []


async def test_an_account_has_a_page_with_its_newest_posts_and_a_link_to_the_rest(
    vault: ApiVault,
) -> None:
    await add_job_of(
        vault, JANE, 1, status=JobStatus.COMPLETED, bytes=2_000_000, duration_s=3_905.0
    )
    page = await vault.client.get("/accounts/x/x-jane_doe")

    assert page.status == 200
    assert "1 h 5 min" in page.text
    assert 'href="/library?account=x%2Fx-jane_doe"' in page.text
    assert "/jobs/" in page.text


async def test_the_page_of_an_unknown_account_is_not_found(vault: ApiVault) -> None:
    assert (await vault.client.get("/accounts/x/nobody")).status == 404


async def test_an_untrusted_name_is_shown_as_text(vault: ApiVault) -> None:
    await add_job_of(vault, HOSTILE, 1)

    for path in ("/accounts", "/accounts/tiktok/tiktok-bob"):
        page = await vault.client.get(path)
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
        assert "\u202e" not in page.text


async def test_without_jobs_the_page_says_that_there_are_no_accounts(vault: ApiVault) -> None:
    assert "No accounts yet" in (await vault.client.get("/accounts")).text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (40.4, "40 s"), (60, "1 min"), (3_600, "1 h"), (11_520, "3 h 12 min")],
)
def test_a_total_length_is_shown_in_hours_and_minutes(seconds: float, words: str) -> None:
    assert format_length(seconds) == words
