"""The pages of the sites."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

from mediavault.core.failures import ErrorCode
from mediavault.core.site_limits import SiteState
from tests.http_vault import ApiVault
from tests.session_stubs import StubSessions

X_POST = "https://x.com/jane/status/1"


async def fail(
    vault: ApiVault, code: ErrorCode, error: str = "It did not work.", url: str = X_POST
) -> None:
    await vault.add(url)
    claim = await vault.claim()
    await vault.store.queue.fail(claim, error_code=code, error=error, retry_in=None)


async def test_a_site_with_jobs_is_listed_with_its_counts_and_pace(vault: ApiVault) -> None:
    await vault.add(X_POST)
    page = await vault.client.get("/sites")

    assert page.status == 200
    assert 'href="/sites/x"' in page.text
    assert "1 Waiting" in page.text
    assert "3–6 s" in page.text
    assert 'href="/sites/tiktok"' not in page.text


async def test_a_site_with_a_session_is_listed_even_without_jobs(vault: ApiVault) -> None:
    sessions = cast("StubSessions", vault.services.sessions)
    sessions.add(
        "tiktok",
        signed_in=True,
        signed_in_as="jane",
        expires_at=vault.clock.now() + timedelta(days=30),
    )
    sessions.add("vimeo")
    page = await vault.client.get("/sites")

    assert "Signed in as jane" in page.text
    assert 'href="/sessions#tiktok"' in page.text
    assert "vimeo" not in page.text


async def test_a_wall_is_reported_where_jobs_wait_at_it(vault: ApiVault) -> None:
    cast("StubSessions", vault.services.sessions).add("x")
    await fail(vault, ErrorCode.LOGIN_REQUIRED)

    for path in ("/sites", "/sites/x"):
        assert "1 post is waiting for you to sign in." in (await vault.client.get(path)).text


async def test_a_paused_site_says_why_and_can_be_resumed(vault: ApiVault) -> None:
    await vault.add(X_POST)
    await vault.store.site_limits.pause_site(
        "x",
        duration=timedelta(hours=1),
        code=ErrorCode.RATE_LIMITED,
        reason="X asked us to <b>slow down</b>",
    )
    page = await vault.client.get("/sites")
    answer = await vault.client.submit("/sites/x/open")

    assert "Paused" in page.text
    assert "X asked us to &lt;b&gt;slow down" in page.text
    assert (answer.status, answer.headers["location"]) == (303, "/sites#x")
    assert [
        limit.state(vault.clock.now()) for limit in await vault.store.site_limits.all_limits()
    ] == [SiteState.OPEN]


async def test_a_site_without_limits_cannot_be_resumed(vault: ApiVault) -> None:
    assert (await vault.client.submit("/sites/x/open")).status == 404


async def test_a_sites_page_groups_what_went_wrong_by_cause(vault: ApiVault) -> None:
    await fail(vault, ErrorCode.DELETED, "The <i>author</i> deleted it.")
    await fail(vault, ErrorCode.DELETED, "The <i>author</i> deleted it.", f"{X_POST}2")
    page = await vault.client.get("/sites/x")

    assert page.status == 200
    assert "<b>2</b> <bdi>The &lt;i&gt;author&lt;/i&gt; deleted it.</bdi>" in page.text
    assert "DELETED" in page.text
    assert 'href="/library?platform=x"' in page.text


async def test_unreadable_posts_are_counted(vault: ApiVault) -> None:
    await fail(vault, ErrorCode.EXTRACTOR_BROKEN)

    for path in ("/sites", "/sites/x"):
        assert "1 post unreadable in the last 7 days" in (await vault.client.get(path)).text


async def test_a_known_site_has_a_page_before_its_first_job_and_an_unknown_one_has_none(
    vault: ApiVault,
) -> None:
    assert (await vault.client.get("/sites/tiktok")).status == 200
    assert (await vault.client.get("/sites/nonsense")).status == 404


async def test_posts_of_unknown_sites_are_listed_together_without_a_pace(vault: ApiVault) -> None:
    await vault.add()
    page = await vault.client.get("/sites")

    assert "Other sites" in page.text
    assert "no delay" in page.text


async def test_workers_are_listed_and_their_absence_is_reported(vault: ApiVault) -> None:
    without = await vault.client.get("/sites")
    await vault.beat(draining=True)
    with_one = await vault.client.get("/sites")

    assert "No worker is running" in without.text
    assert "No worker is running" not in with_one.text
    assert "stopping" in with_one.text


async def test_the_sessions_page_is_part_of_the_sites(vault: ApiVault) -> None:
    page = await vault.client.get("/sessions")

    assert page.status == 200
    assert '<a href="/sites" aria-current="page">' in page.text
    assert '<a class="chip" href="/sessions" aria-current="page">' in page.text
