"""The home page without JavaScript: what it accepts, what it shows, and what its buttons do."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import cast

import pytest

from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobItem, JobStatus, Stage
from mediavault.core.media import Account, Expected, Item, SourceType
from mediavault.core.records import RecordKind
from mediavault.core.sessions import BrowserTask, SessionState
from mediavault.platforms.generic import GENERIC
from mediavault.store.port import Checkpoint
from mediavault.store.waiting_jobs import resume_after_window
from mediavault.web.overview import ENOUGH_FOR_A_PACE, RECENT, WAITING
from mediavault.web.pages.home import MOST_JUST_NOW
from tests.http_vault import POST, ApiVault, MakeVault
from tests.session_stubs import StubSessions

OTHER = "https://videos.example/watch/2"
HOUR = timedelta(hours=1)


async def home(vault: ApiVault, query: str = "") -> str:
    return (await vault.client.get(f"/{query}")).text


async def failures(vault: ApiVault) -> str:
    return (await vault.client.get("/library?state=failed")).text


async def fail(
    vault: ApiVault,
    number: int,
    code: ErrorCode = ErrorCode.NETWORK,
    retry_in: timedelta | None = None,
) -> Job:
    await vault.add(f"https://videos.example/watch/{number}")
    return await vault.store.queue.fail(
        await vault.claim(), error_code=code, error="<Odd.>", retry_in=retry_in
    )


async def test_pasted_links_are_added_and_the_page_says_so(vault: ApiVault) -> None:
    answer = await vault.client.submit("/submit", {"post_urls": f"{POST}\n see {OTHER}. "})
    page = await home(vault, answer.headers["location"][1:])

    assert (answer.status, answer.headers["location"]) == (303, "/?taken=2&known=0")
    assert "Added 2 links." in page
    assert (await vault.store.catalogue.report()).counts[JobStatus.QUEUED] == 2


async def test_a_post_that_was_already_in_the_vault_is_named_and_linked(vault: ApiVault) -> None:
    job = await vault.add()
    answer = await vault.client.submit("/submit", {"post_urls": f"{POST}\n{OTHER}"})
    page = await home(vault, answer.headers["location"][1:])

    assert "Added 1 link; 1 was already in the vault." in page
    assert f'<a href="/jobs/{job.id}"><bdi>videos.example/watch/1</bdi></a>' in page
    assert "This link is already in the vault." in await home(vault, "?known=1&post=gone")


async def test_valid_links_are_added_and_the_others_stay_in_the_box_with_their_reasons(
    vault: ApiVault,
) -> None:
    page = await vault.client.submit(
        "/submit", {"post_urls": f"{POST}\nftp://x.example/<b>\nhttp://127.0.0.1/"}
    )

    assert page.status == 200
    assert "Added 1 link." in page.text
    assert "2 links couldn't be added" in page.text
    assert ">ftp://x.example/&lt;b&gt;\nhttp://127.0.0.1/</textarea>" in page.text
    assert "MEDIAVAULT_ALLOW_PRIVATE" in page.text
    assert (await vault.store.catalogue.report()).counts[JobStatus.QUEUED] == 1


async def test_what_links_lead_to_is_said_before_they_are_sent(vault: ApiVault) -> None:
    known = await vault.add_saved()
    text = f"{known.post_url}\nsee {OTHER}.\n<b>\nhttps://www.tiktok.com/@jane"
    page = await vault.client.submit("/submit/check", {"post_urls": text})

    rows = page.text.split("<li")[1:]
    assert f'<a href="/jobs/{known.id}">' in rows[0]
    assert "videos.example" in rows[1]
    assert "&lt;b&gt;" in rows[2]
    assert "This is a channel. Follow it?" in rows[3]
    assert '<span data-part="good-links">2</span>' in page.text
    assert not (await vault.store.catalogue.report()).counts.get(JobStatus.QUEUED, 0)
    empty = await vault.client.submit("/submit/check", {"post_urls": " "})
    assert "<li" not in empty.text


@pytest.mark.parametrize(
    "pasted",
    [
        "nonsense",
        "ftp://x.example/",
        "http://127.0.0.1/",
        "https://www.tiktok.com/@jane",
        "some words",
    ],
)
async def test_if_no_link_is_valid_the_box_keeps_its_text(vault: ApiVault, pasted: str) -> None:
    page = await vault.client.submit("/submit", {"post_urls": pasted})

    assert page.status == 422
    assert f">{pasted}</textarea>" in page.text
    assert "couldn't be added" in page.text


@pytest.mark.parametrize(
    ("pasted", "message"),
    [("", "No link found."), ("  \n ", "No link found."), ("many", "at most 500")],
)
async def test_no_links_and_too_many_are_refused_as_a_whole(
    vault: ApiVault, pasted: str, message: str
) -> None:
    text = "\n".join(f"https://a.example/{n}" for n in range(501)) if pasted == "many" else pasted
    page = await vault.client.submit("/submit", {"post_urls": text})

    assert page.status == 422
    assert 'role="alert"' in page.text
    assert message in page.text
    assert (await vault.store.catalogue.report()).counts.get(JobStatus.QUEUED, 0) == 0


async def test_a_shared_link_fills_the_box_and_adds_nothing(vault: ApiVault) -> None:
    page = await home(
        vault, "?title=Frost&text=Look%20at%20https%3A%2F%2Fx.com%2Fa%2Fstatus%2F1%20%3Cb%3E&url="
    )

    assert ">https://x.com/a/status/1</textarea>" in page
    assert "Ready to save." in page
    assert "autofocus" in page
    assert not any((await vault.store.catalogue.report()).counts.values())


async def test_what_is_waiting_and_what_has_failed_take_a_line_each(vault: ApiVault) -> None:
    await fail(vault, 2)
    await fail(vault, 3, retry_in=HOUR)
    await fail(vault, 4, ErrorCode.DELETED)
    calm = await home(vault)
    await vault.add("https://videos.example/watch/5")
    page = await home(vault)

    assert "<b>1 waiting</b>" in page
    assert 'id="left"' not in calm
    banner = page[page.index('class="banner"') :].partition("</section>")[0]
    assert "1 post" in banner
    assert "2 more can't be saved yet." in banner
    assert 'href="/library?state=failed"' in banner


async def test_failures_that_need_nobody_take_only_a_link(vault: ApiVault) -> None:
    await fail(vault, 1, ErrorCode.DELETED)
    page = await home(vault)

    assert 'class="banner"' not in page
    assert "1 post can't be saved yet</a>" in page


async def test_a_running_job_shows_its_stage_and_bytes_and_loads_no_third_party_picture(
    vault: ApiVault,
) -> None:
    await vault.add()
    claim = await vault.claim()
    await vault.store.queue.progress(
        claim, stage=Stage.DOWNLOAD, progress_pct=60, bytes_done=2_000_000, bytes_total=8_000_000
    )
    page = await home(vault)

    assert f'data-job="{claim.id}"' in page
    assert "Downloading" in page
    assert "2.0 MB of 8.0 MB" in page
    assert re.search('<progress[^>]* value="25"', page)
    assert not re.search(r'<img[^>]+src="http', page)


async def test_what_the_look_at_the_post_found_is_shown_while_its_video_is_downloaded(
    vault: ApiVault,
) -> None:
    await vault.add()
    items = (JobItem(Item(expected=Expected(duration_s=83.0))),)
    found = {"title": "Otters", "text": None}
    account = Account("generic", "jane", "Jane Doe", "jane")
    await vault.store.queue.checkpoint(
        await vault.claim(),
        Checkpoint(None, None, SourceType.DIRECT, (), (), account, None, found, items),
    )
    page = await home(vault)

    assert ">Otters</bdi>" in page
    assert "<bdi>Jane Doe</bdi>" in page
    assert '<span class="length">1:23</span>' in page


async def test_lists_are_bounded_and_link_to_the_rest(vault: ApiVault) -> None:
    for number in range(RECENT + 1):
        await vault.add_saved(f"https://videos.example/kept/{number}", name=f"jane/{number}.mp4")
    for number in range(WAITING + 2):
        await vault.add(f"https://videos.example/next/{number}")
    page = await home(vault)

    assert page.count('class="saved"') == RECENT
    assert page.count('data-action="cancel"') == WAITING
    assert '<a href="/library?state=waiting">Show all</a>' in page


async def test_a_new_vault_says_that_it_is_empty(vault: ApiVault) -> None:
    page = await home(vault)

    assert "Keep the videos you love." in page
    assert 'id="left"' not in page


@pytest.mark.parametrize(
    ("known", "markup"), [(True, 'href="/sessions#generic"'), (False, "/window")]
)
async def test_a_sign_in_is_offered_where_the_site_has_one_else_a_window_on_the_post(
    vault: ApiVault, known: bool, markup: str
) -> None:
    if known:
        cast("StubSessions", vault.services.sessions).add("generic")
    job = await fail(vault, 1, ErrorCode.LOGIN_REQUIRED)
    page = await home(vault)

    assert ("Generic asks you to sign in" if known else "A site asks you to sign in") in page
    assert (markup if known else f'action="/jobs/{job.id}/window"') in page
    assert "/failures/retry" not in await failures(vault)


@pytest.mark.parametrize(
    ("code", "markup"),
    [
        (
            ErrorCode.AMBIGUOUS,
            'href="/jobs/{id}" aria-describedby="cause-ambiguous-">Choose the video',
        ),
        (ErrorCode.CHALLENGE, 'action="/jobs/{id}/window"'),
        (ErrorCode.NO_SPACE, 'href="/library?order=largest"'),
        (
            ErrorCode.ACCOUNT_WARNING,
            'href="/jobs/{id}" aria-describedby="cause-account_warning-generic">See the post',
        ),
        (ErrorCode.NETWORK, '"/failures/retry?cause=network&amp;'),
    ],
)
async def test_each_cause_has_the_one_button_that_helps(
    vault: ApiVault, code: ErrorCode, markup: str
) -> None:
    job = await fail(vault, 1, code)

    assert markup.format(id=job.id) in await failures(vault)


async def test_a_site_that_hangs_is_not_put_down_to_the_internet_connection(
    vault: ApiVault,
) -> None:
    await fail(vault, 1, ErrorCode.TIMEOUT)
    page = await failures(vault)

    assert '"/failures/retry?cause=timeout&amp;' in page
    assert "The site is too slow" in page
    assert "internet connection" not in page


async def test_a_site_that_still_asks_after_a_sign_in_is_named_on_the_card_and_on_its_waiting_posts(
    vault: ApiVault,
) -> None:
    first, other = [await fail(vault, number, ErrorCode.LOGIN_REQUIRED) for number in (1, 2)]
    await vault.add("https://elsewhere.example/watch/1")
    code = ErrorCode.LOGIN_REQUIRED
    elsewhere = await vault.store.queue.fail(
        await vault.claim(), error_code=code, error="Odd.", retry_in=None
    )
    words = "Still asked to sign in after your last sign-in: <bdi>videos.example</bdi>."
    assert "Still asked" not in await home(vault)

    session = SessionState("generic", "Any", None, (), None, 1, None, vault.clock.now())
    await resume_after_window(session, BrowserTask(GENERIC, first.post_url, first.id), vault.store)
    await vault.store.queue.fail(await vault.claim(), error_code=code, error="Odd.", retry_in=None)

    assert words in await home(vault)
    for job in (first, other):
        assert words in (await vault.client.get(f"/jobs/{job.id}")).text
    assert "Still asked" not in (await vault.client.get(f"/jobs/{elsewhere.id}")).text


async def test_a_group_shows_its_newest_posts_and_links_to_the_others(vault: ApiVault) -> None:
    for number in range(5):
        await fail(vault, number)
        vault.clock.advance(1)
    page = (await failures(vault)).partition('id="tiles"')[0]

    assert re.findall(r"watch/(\d)</bdi></a>", page) == ["4", "3", "2"]
    assert '<a href="/library?state=failed">and 2 more</a>' in page


async def test_a_group_is_retried_as_a_whole_and_waiting_jobs_keep_waiting(vault: ApiVault) -> None:
    failed = [await fail(vault, number) for number in range(3)]
    waiting = await fail(vault, 3, retry_in=HOUR)
    gone = await fail(vault, 4, ErrorCode.DELETED)
    answer = await vault.client.submit("/failures/retry?cause=network&platform=", {})
    done = "/library?state=failed&outcome=retried-3-0"

    assert (answer.status, answer.headers["location"]) == (303, done)
    assert "Trying 3 again." in (await vault.client.get(done)).text
    assert {(await vault.store.catalogue.get(job.id)).status for job in failed} == {
        JobStatus.QUEUED
    }
    assert {(await vault.store.catalogue.get(job.id)).status for job in (waiting, gone)} == {
        JobStatus.FAILED
    }


async def test_waiting_jobs_can_be_retried_now_and_show_their_next_attempt(vault: ApiVault) -> None:
    stopped, waiting = await fail(vault, 1), await fail(vault, 2, retry_in=HOUR)
    page = await failures(vault)
    answer = await vault.client.submit("/failures/retry?cause=network&waiting=on", {})

    assert answer.headers["location"] == "/library?state=failed&outcome=retried-1-0"
    assert waiting.retry_at is not None
    assert f'datetime="{waiting.retry_at.isoformat()}"' in page.partition("next attempt")[2][:120]
    assert (await vault.store.catalogue.get(waiting.id)).status is JobStatus.QUEUED
    assert (await vault.store.catalogue.get(stopped.id)).status is JobStatus.FAILED


async def test_one_click_queues_no_more_than_the_limit(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediavault.features.jobs.service.MAX_RETRIED", 2)
    failed = []
    for number in range(3):
        failed.append(await fail(vault, number))
        vault.clock.advance(1)
    await vault.client.submit("/failures/retry?cause=network", {})

    statuses = [(await vault.store.catalogue.get(job.id)).status for job in failed]
    assert statuses == [JobStatus.QUEUED, JobStatus.QUEUED, JobStatus.FAILED]


async def test_an_unknown_cause_is_refused(vault: ApiVault) -> None:
    assert (await vault.client.submit("/failures/retry?cause=<b>", {})).status == 422


async def test_a_missing_browser_and_worker_are_reported(make_vault: MakeVault) -> None:
    page = await home(make_vault(browser=None))

    assert "No browser was found" in page
    assert "No worker is running" in page


async def submit_links(vault: ApiVault, *links: str, cookie: str = "") -> str:
    """Submit them as a browser with this cookie; return the cookie that it has then."""
    answer = await vault.client.submit("/submit", {"post_urls": "\n".join(links)}, cookie=cookie)
    return answer.headers["set-cookie"].partition(";")[0]


async def test_the_result_of_a_link_stays_on_this_browsers_page_until_it_is_dismissed(
    vault: ApiVault,
) -> None:
    cookie = await submit_links(vault, POST)
    waiting = await vault.client.get("/", cookie=cookie)
    claim = await vault.claim()
    await vault.store.queue.fail(
        claim, error_code=ErrorCode.NO_VIDEO, error="No <video> found.", retry_in=None
    )
    failed = (await vault.client.get("/", cookie=cookie)).text
    elsewhere = await home(vault)
    dismissed = await vault.client.submit("/just-now/dismiss", {"id": claim.id}, cookie=cookie)

    assert 'class="just-now"' not in waiting.text
    card = failed[failed.index('class="result') :].partition("</li>")[0]
    assert "No &lt;video&gt; found." in card
    assert "/window" not in card  # no window can be opened on such a post
    assert f'action="/jobs/{claim.id}/retry"' in card
    assert 'class="banner"' not in failed  # not a second time
    assert 'class="just-now"' not in elsewhere
    assert dismissed.headers["set-cookie"].startswith('mediavault_just_now="";')


async def test_a_saved_link_shows_its_picture_and_the_way_to_play_it(vault: ApiVault) -> None:
    job = await vault.add_saved()
    cookie = await submit_links(vault, POST)  # known: its result is there at once
    page = (await vault.client.get("/", cookie=cookie)).text

    assert f'src="/files/{job.id}/thumbnail"' in page
    assert f'href="/jobs/{job.id}#player"' in page


async def test_only_the_last_results_are_shown_and_nonsense_in_the_cookie_is_ignored(
    vault: ApiVault,
) -> None:
    cookie = "mediavault_just_now=nonsense..%00"
    links = [f"https://videos.example/watch/{number}" for number in range(MOST_JUST_NOW + 3)]
    for link in links:
        cookie = await submit_links(vault, link, cookie=cookie)
    for _ in links:
        claim = await vault.claim()
        await vault.store.queue.fail(
            claim, error_code=ErrorCode.NETWORK, error="Gone.", retry_in=None
        )
    page = (await vault.client.get("/", cookie=cookie)).text

    assert page.count('class="result') == MOST_JUST_NOW


async def test_a_result_that_is_tried_again_says_when_and_offers_to_try_now(
    vault: ApiVault,
) -> None:
    cookie = await submit_links(vault, POST)
    await vault.store.queue.fail(
        await vault.claim(), error_code=ErrorCode.NETWORK, error="Gone.", retry_in=HOUR
    )
    page = (await vault.client.get("/", cookie=cookie)).text

    assert re.search(r'data-tone="busy".*next attempt .*Try now', page, re.DOTALL)


async def test_the_page_says_how_many_are_left_and_about_how_long_they_take(
    vault: ApiVault,
) -> None:
    for number in range(ENOUGH_FOR_A_PACE):
        await vault.add_saved(f"https://videos.example/kept/{number}", name=f"a/{number}.mp4")
        vault.clock.advance(20)
    unhurried = await home(vault)
    for number in range(6):
        await vault.add(f"https://videos.example/watch/{number}")
    page = await home(vault)
    vault.clock.advance(HOUR)
    later = await home(vault)

    assert "<title>mediavault</title>" in unhurried
    assert 'id="left"' not in unhurried
    assert "<title>(6) mediavault</title>" in page
    assert "<b>6 waiting</b> · about 2 min" in page
    assert "<b>6 waiting</b> · Waiting for a worker.</span>" in later


async def test_the_time_that_is_left_is_never_shorter_than_what_runs(vault: ApiVault) -> None:
    for number in range(ENOUGH_FOR_A_PACE):
        await vault.add_saved(f"https://videos.example/kept/{number}", name=f"a/{number}.mp4")
        vault.clock.advance(20)
    await vault.add()
    claim = await vault.claim()
    vault.clock.advance(60)
    await vault.store.queue.progress(
        claim, stage=Stage.DOWNLOAD, progress_pct=9, bytes_done=1_000_000, bytes_total=11_000_000
    )

    assert "<b>Saving 1</b> · about 10 min" in await home(vault)


async def test_all_failed_posts_are_cleared_at_once_into_the_trash(vault: ApiVault) -> None:
    await vault.add_failed()
    assert "/library/remove?everything=on" in await failures(vault)
    done = await vault.client.submit("/library/remove", {"state": "failed", "everything": "on"})

    assert "outcome=removed-1-0" in done.headers["location"]
    assert len((await vault.client.get("/api/trash")).json()["posts"]) == 1


async def test_posts_with_damaged_files_are_named(vault: ApiVault) -> None:
    job = await vault.add()
    for key in (job.id, "00000000-0000-7000-8000-removed"):
        await vault.store.records.put(RecordKind.DAMAGED, key, {"verdicts": ["changed"]})
    page = await home(vault)

    assert "2 posts have damaged files." in page
    assert re.search(
        rf'data-key="damaged">.*href="/jobs/{job.id}".*and 1 more</p>', page, re.DOTALL
    )


async def test_the_page_has_one_heading_and_buttons_that_name_their_post(vault: ApiVault) -> None:
    job = await vault.add()
    page = await home(vault)

    assert page.count("<h1") == 1
    assert page.count(f'id="title-{job.id}"') == 1
    assert f'aria-label="Cancel" aria-describedby="title-{job.id}"' in page
