"""The first page without JavaScript: what it takes, what it shows, what its buttons do."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import cast

import pytest

from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobStatus, Stage
from mediavault.web.overview import RECENT, WAITING
from tests.http_vault import POST, House, MakeHouse
from tests.session_stubs import StubSessions

OTHER = "https://videos.example/watch/2"
HOUR = timedelta(hours=1)


async def home(house: House, query: str = "") -> str:
    return (await house.client.get(f"/{query}")).text


async def fail(
    house: House, number: int, code: ErrorCode = ErrorCode.NETWORK, retry_in: timedelta | None = None
) -> Job:
    await house.add(f"https://videos.example/watch/{number}")
    return await house.store.queue.fail(await house.claim(), error_code=code, error="<Odd.>", retry_in=retry_in)


async def test_pasted_links_are_taken_and_the_page_says_so(house: House) -> None:
    answer = await house.client.submit("/submit", {"post_urls": f"{POST}\n see {OTHER}. "})
    page = await home(house, answer.headers["location"][1:])

    assert (answer.status, answer.headers["location"]) == (303, "/?taken=2&known=0")
    assert "Added 2 links." in page
    assert (await house.store.catalogue.report()).counts[JobStatus.QUEUED] == 2


async def test_a_post_that_was_there_already_is_named_and_led_to(house: House) -> None:
    job = await house.add()
    answer = await house.client.submit("/submit", {"post_urls": f"{POST}\n{OTHER}"})
    page = await home(house, answer.headers["location"][1:])

    assert "Added 1 link; 1 was already in the vault." in page
    assert f'<a href="/jobs/{job.id}"><bdi>videos.example/watch/1</bdi></a>' in page
    assert "This link is already in the vault." in await home(house, "?known=1&post=gone")


async def test_the_good_links_are_taken_and_the_others_stay_in_the_box_with_their_reasons(house: House) -> None:
    page = await house.client.submit("/submit", {"post_urls": f"{POST}\nftp://x.example/<b>\nhttp://127.0.0.1/"})

    assert page.status == 200
    assert "Added 1 link." in page.text
    assert "2 links couldn't be added" in page.text
    assert ">ftp://x.example/&lt;b&gt;\nhttp://127.0.0.1/</textarea>" in page.text
    assert "MEDIAVAULT_ALLOW_PRIVATE" in page.text
    assert (await house.store.catalogue.report()).counts[JobStatus.QUEUED] == 1


@pytest.mark.parametrize(
    "pasted", ["nonsense", "ftp://x.example/", "http://127.0.0.1/", "https://www.tiktok.com/@jane", "some words"]
)
async def test_where_nothing_can_be_taken_the_box_keeps_its_text(house: House, pasted: str) -> None:
    page = await house.client.submit("/submit", {"post_urls": pasted})

    assert page.status == 422
    assert f">{pasted}</textarea>" in page.text
    assert 'id="refused"' in page.text


@pytest.mark.parametrize(
    ("pasted", "said"), [("", "No link found."), ("  \n ", "No link found."), ("many", "at most 500")]
)
async def test_nothing_and_too_much_are_refused_as_a_whole(house: House, pasted: str, said: str) -> None:
    text = "\n".join(f"https://a.example/{n}" for n in range(501)) if pasted == "many" else pasted
    page = await house.client.submit("/submit", {"post_urls": text})

    assert page.status == 422
    assert 'role="alert"' in page.text
    assert said in page.text
    assert (await house.store.catalogue.report()).counts.get(JobStatus.QUEUED, 0) == 0


async def test_what_another_program_shares_fills_the_box_and_takes_nothing(house: House) -> None:
    page = await home(house, "?title=Frost&text=Look%20at%20https%3A%2F%2Fx.com%2Fa%2Fstatus%2F1%20%3Cb%3E&url=")

    assert ">https://x.com/a/status/1</textarea>" in page
    assert "Ready to save." in page
    assert "autofocus" in page
    assert not any((await house.store.catalogue.report()).counts.values())


async def test_the_four_numbers_lead_to_their_lists(house: House) -> None:
    await house.add_kept()
    await fail(house, 2)
    await fail(house, 3, retry_in=HOUR)
    await fail(house, 4, ErrorCode.DELETED)
    await house.add("https://videos.example/watch/5")
    page = await home(house)
    numbers = re.findall(
        r'data-number="(\w+)" href="([^"]+)">.*?<b class="figure">(\d+)</b>\n<bdi class="note">([^<]*)',
        page,
        re.DOTALL,
    )

    assert numbers == [
        ("queued", "/library?state=waiting", "1", ""),
        ("running", "/library?state=waiting", "0", ""),
        ("completed", "/library", "1", "25.6 kB"),
        ("failed", "/library?state=failed", "1", "1 will retry automatically"),
    ]


async def test_a_job_at_work_tells_its_stage_and_bytes_and_loads_no_picture_from_elsewhere(house: House) -> None:
    await house.add()
    claim = await house.claim()
    await house.store.queue.progress(
        claim, stage=Stage.DOWNLOAD, progress_pct=60, bytes_done=2_000_000, bytes_total=8_000_000
    )
    page = await home(house)

    assert f'data-job="{claim.id}"' in page
    assert "Downloading" in page
    assert "2.0 MB of 8.0 MB" in page
    assert 'value="25"' in page
    assert not re.search(r'<img[^>]+src="http', page)


async def test_lists_are_bounded_and_lead_to_the_rest(house: House) -> None:
    for number in range(RECENT + 1):
        await house.add_kept(f"https://videos.example/kept/{number}", name=f"jane/{number}.mp4")
    for number in range(WAITING + 2):
        await house.add(f"https://videos.example/next/{number}")
    page = await home(house)

    assert page.count('class="kept"') == RECENT
    assert page.count('data-action="cancel"') == WAITING
    assert '<a href="/library?state=waiting">and 2 more</a>' in page


async def test_a_new_vault_says_how_to_begin(house: House) -> None:
    page = await home(house)

    assert "Nothing here yet" in page
    assert "At work</h2>" not in page


@pytest.mark.parametrize(("known", "way"), [(True, 'href="/sessions#generic"'), (False, "/window")])
async def test_a_sign_in_is_offered_where_the_site_has_one_else_a_window_on_the_post(
    house: House, known: bool, way: str
) -> None:
    if known:
        cast("StubSessions", house.services.sessions).add("generic")
    job = await fail(house, 1, ErrorCode.LOGIN_REQUIRED)
    page = await home(house)

    assert ("Generic asks you to sign in" if known else "A site asks you to sign in") in page
    assert (way if known else f'action="/jobs/{job.id}/window"') in page
    assert "/failures/retry" not in page


@pytest.mark.parametrize(
    ("code", "way"),
    [
        (ErrorCode.AMBIGUOUS, 'href="/jobs/{id}" aria-describedby="cause-ambiguous-">Choose the video'),
        (ErrorCode.CHALLENGE, 'action="/jobs/{id}/window"'),
        (ErrorCode.NO_SPACE, 'href="/library?order=largest"'),
        (ErrorCode.ACCOUNT_WARNING, 'href="/jobs/{id}" aria-describedby="cause-account_warning-generic">See the post'),
        (ErrorCode.NETWORK, 'name="cause" value="network"'),
    ],
)
async def test_each_cause_has_the_one_button_that_helps(house: House, code: ErrorCode, way: str) -> None:
    job = await fail(house, 1, code)

    assert way.format(id=job.id) in await home(house)


async def test_a_group_shows_its_newest_posts_and_leads_to_the_others(house: House) -> None:
    for number in range(5):
        await fail(house, number)
        house.clock.advance(1)
    page = await home(house)

    assert re.findall(r"watch/(\d)</a></li>", page) == ["4", "3", "2"]
    assert '<a href="/library?state=failed">and 2 more</a>' in page


async def test_a_group_is_tried_again_as_a_whole_and_those_that_wait_stay(house: House) -> None:
    failed = [await fail(house, number) for number in range(3)]
    waiting = await fail(house, 3, retry_in=HOUR)
    gone = await fail(house, 4, ErrorCode.DELETED)
    answer = await house.client.submit("/failures/retry", {"cause": "network", "platform": ""})

    assert (answer.status, answer.headers["location"]) == (303, "/?again=3")
    assert "Retrying 3 posts." in await home(house, "?again=3")
    assert {(await house.store.catalogue.get(job.id)).status for job in failed} == {JobStatus.QUEUED}
    assert {(await house.store.catalogue.get(job.id)).status for job in (waiting, gone)} == {JobStatus.FAILED}


async def test_those_that_wait_can_be_tried_now_and_say_when_they_would_be(house: House) -> None:
    stopped, waiting = await fail(house, 1), await fail(house, 2, retry_in=HOUR)
    page = await home(house)
    await house.client.submit("/failures/retry", {"cause": "network", "waiting": "on"})

    assert waiting.retry_at is not None
    assert f'datetime="{waiting.retry_at.isoformat()}"' in page.partition("next attempt")[2][:120]
    assert (await house.store.catalogue.get(waiting.id)).status is JobStatus.QUEUED
    assert (await house.store.catalogue.get(stopped.id)).status is JobStatus.FAILED


async def test_one_press_queues_no_more_than_the_limit(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediavault.api.actions.MAX_RETRIED", 2)
    failed = []
    for number in range(3):
        failed.append(await fail(house, number))
        house.clock.advance(1)
    await house.client.submit("/failures/retry", {"cause": "network"})

    statuses = [(await house.store.catalogue.get(job.id)).status for job in failed]
    assert statuses == [JobStatus.QUEUED, JobStatus.QUEUED, JobStatus.FAILED]


async def test_a_cause_that_is_none_is_refused(house: House) -> None:
    assert (await house.client.submit("/failures/retry", {"cause": "<b>"})).status == 422
    assert "Nothing left to retry." in await home(house, "?again=0")


async def test_what_nobody_can_help_is_folded_away(house: House) -> None:
    await fail(house, 1, ErrorCode.DELETED)
    page = await home(house)

    assert "1 failed for good" in page
    assert "The post was deleted" in page
    assert "All good." in page


async def test_what_is_missing_is_said_quietly(make_house: MakeHouse) -> None:
    page = await home(make_house(browser=None))

    assert "No browser was found" in page
    assert "No worker is running" in page


async def test_the_page_has_one_heading_and_buttons_that_name_their_post(house: House) -> None:
    job = await house.add()
    page = await home(house)

    assert page.count("<h1") == 1
    assert page.count(f'id="title-{job.id}"') == 1
    assert f'aria-label="Cancel" aria-describedby="title-{job.id}"' in page
