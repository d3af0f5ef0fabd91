"""The pages of the sites."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

from mediavault.core.failures import ErrorCode
from mediavault.core.site_limits import GateState
from tests.http_vault import House
from tests.session_stubs import StubSessions

X_POST = "https://x.com/jane/status/1"


async def fail(house: House, code: ErrorCode, error: str = "It did not work.", url: str = X_POST) -> None:
    await house.add(url)
    claim = await house.claim()
    await house.store.queue.fail(claim, error_code=code, error=error, retry_in=None)


async def test_a_site_with_jobs_is_listed_with_its_counts_and_pace(house: House) -> None:
    await house.add(X_POST)
    page = await house.client.get("/sites")

    assert page.status == 200
    assert 'href="/sites/x"' in page.text
    assert "1 Waiting" in page.text
    assert "3–6 s" in page.text
    assert 'href="/sites/tiktok"' not in page.text


async def test_a_site_that_somebody_is_signed_in_to_is_listed_without_jobs(house: House) -> None:
    sessions = cast("StubSessions", house.services.sessions)
    sessions.add("tiktok", signed_in=True, signed_in_as="jane", expires_at=house.clock.now() + timedelta(days=30))
    sessions.add("vimeo")
    page = await house.client.get("/sites")

    assert "Signed in as jane" in page.text
    assert 'href="/sessions#tiktok"' in page.text
    assert "vimeo" not in page.text


async def test_a_wall_is_told_where_jobs_wait_at_it(house: House) -> None:
    cast("StubSessions", house.services.sessions).add("x")
    await fail(house, ErrorCode.LOGIN_REQUIRED)

    for path in ("/sites", "/sites/x"):
        assert "1 post is waiting for you to sign in." in (await house.client.get(path)).text


async def test_a_closed_gate_says_why_and_opens_at_a_persons_word(house: House) -> None:
    await house.add(X_POST)
    await house.store.site_limits.close_gate(
        "x", duration=timedelta(hours=1), code=ErrorCode.RATE_LIMITED, reason="X asked us to <b>slow down</b>"
    )
    page = await house.client.get("/sites")
    answer = await house.client.submit("/sites/x/open")

    assert "Paused" in page.text
    assert "X asked us to &lt;b&gt;slow down" in page.text
    assert (answer.status, answer.headers["location"]) == (303, "/sites#x")
    assert [gate.state(house.clock.now()) for gate in await house.store.site_limits.gates()] == [GateState.OPEN]


async def test_a_site_without_a_gate_cannot_be_opened(house: House) -> None:
    assert (await house.client.submit("/sites/x/open")).status == 404


async def test_a_sites_page_groups_what_went_wrong_by_cause(house: House) -> None:
    await fail(house, ErrorCode.DELETED, "The <i>author</i> deleted it.")
    await fail(house, ErrorCode.DELETED, "The <i>author</i> deleted it.", f"{X_POST}2")
    page = await house.client.get("/sites/x")

    assert page.status == 200
    assert "<b>2</b> <bdi>The &lt;i&gt;author&lt;/i&gt; deleted it.</bdi>" in page.text
    assert "DELETED" in page.text
    assert 'href="/library?platform=x"' in page.text


async def test_posts_that_nobody_understood_are_counted(house: House) -> None:
    await fail(house, ErrorCode.EXTRACTOR_BROKEN)

    for path in ("/sites", "/sites/x"):
        assert "1 post unreadable in the last 7 days" in (await house.client.get(path)).text


async def test_a_known_site_has_a_page_before_its_first_job_and_an_unknown_one_has_none(house: House) -> None:
    assert (await house.client.get("/sites/tiktok")).status == 200
    assert (await house.client.get("/sites/nonsense")).status == 404


async def test_pages_of_no_known_site_are_told_together_and_without_a_pace(house: House) -> None:
    await house.add()
    page = await house.client.get("/sites")

    assert "Other sites" in page.text
    assert "no delay" in page.text


async def test_workers_are_listed_and_their_absence_is_told(house: House) -> None:
    without = await house.client.get("/sites")
    await house.beat(draining=True)
    with_one = await house.client.get("/sites")

    assert "No worker is running" in without.text
    assert "No worker is running" not in with_one.text
    assert "stopping" in with_one.text


async def test_the_sign_ins_belong_to_the_sites(house: House) -> None:
    page = await house.client.get("/sessions")

    assert page.status == 200
    assert '<a href="/sites" aria-current="page">' in page.text
    assert '<a class="chip" href="/sessions" aria-current="page">' in page.text
