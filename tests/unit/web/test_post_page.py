"""The page of one post, in every state of its job."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from mediavault.core.failures import ErrorCode
from mediavault.core.fingerprints import Likeness
from mediavault.core.job import ItemStatus, Job, JobItem, JobStatus, new_job_id, saved_files
from mediavault.core.marks import Mark, MarkKind
from mediavault.core.media import Account, Candidate, Item, Ownership, ProbeReport, Sign, SourceType
from mediavault.core.messages import Message
from mediavault.core.post_urls import name_of_file
from mediavault.core.records import CheckVerdict, FileCheck, RecordKind, checks_to_json
from mediavault.store.duplicates import put_duplicates
from mediavault.store.file_checks import note_end, note_examined
from mediavault.store.holds import pause
from mediavault.store.port import Checkpoint, StoredJob
from mediavault.store.waiting_jobs import accepted_reasons
from mediavault.web.post_view import pieces, seen_candidates
from tests.file_stubs import StubChecks, StubFormats
from tests.http_vault import SHA256, ApiVault, MakeVault
from tests.stubs import candidate, fail_asking, fail_by_length


async def page_of(vault: ApiVault, job: Job, query: str = "") -> str:
    answer = await vault.client.get(f"/jobs/{job.id}{query}")
    assert answer.status == 200
    return answer.text


def formats_of(vault: ApiVault) -> StubFormats:
    return cast("StubFormats", vault.services.formats)


async def with_facts(
    vault: ApiVault, metadata: dict[str, Any], candidates: tuple[Candidate, ...] = ()
) -> Job:
    """A running job with these facts in its checkpoint."""
    await vault.add()
    claim = await vault.claim()
    account = Account("x", "jane", "Jane Roe", "jane")
    checkpoint = Checkpoint(None, None, SourceType.DIRECT, candidates, (), account, None, metadata)
    await vault.store.queue.checkpoint(claim, checkpoint)
    return await vault.store.catalogue.get(claim.id)


async def test_a_file_of_another_length_is_saved_as_it_is_by_a_button(vault: ApiVault) -> None:
    await vault.add()
    job = await fail_by_length(vault.store, await vault.claim())
    page = await page_of(vault, job)
    answer = await vault.client.submit(f"/jobs/{job.id}/retry", {"as_it_is": "on"})

    assert "Save it as it is" in page
    assert "Check the video" in page
    assert answer.status == 303
    assert await accepted_reasons(vault.store.records, job.id) == {str(job.error)}


async def test_a_damaged_file_of_which_some_plays_is_kept_by_a_button_and_says_so(
    vault: ApiVault,
) -> None:
    await vault.add()
    why = Message("The file was refused because %(reason)s.", reason="its sound is damaged")
    job = await fail_asking(vault.store, await vault.claim(), ErrorCode.DAMAGED, why)
    page = await page_of(vault, job)
    await vault.client.submit(f"/jobs/{job.id}/retry", {"as_it_is": "on"})
    saved = await vault.add_saved("https://videos.example/watch/damaged", name="jane/damaged.mp4")
    (item,) = saved.items or (JobItem(Item(), ItemStatus.SAVED, saved_files(saved)[0]),)
    item = replace(item, error_code=ErrorCode.DAMAGED, error=why)
    await vault.store.catalogue.remove(saved.id)
    await vault.store.catalogue.import_jobs([StoredJob(replace(saved, items=(item,)))])
    after = await page_of(vault, saved)

    assert "Keep it anyway" in page
    assert await accepted_reasons(vault.store.records, job.id) == {"DAMAGED"}
    assert "Kept as it is, on request" in after
    assert "its sound is damaged" in after
    assert "as_it_is" not in after


async def test_a_post_that_failed_otherwise_is_not_saved_as_it_is(vault: ApiVault) -> None:
    assert "as_it_is" not in await page_of(vault, await vault.add_failed())


async def test_a_saved_post_offers_download_check_and_another_version(vault: ApiVault) -> None:
    job = await vault.add_saved()
    page = await page_of(vault, job)

    for form in ("verify", "again", "remove"):
        assert f'action="/jobs/{job.id}/{form}"' in page
    for address in (
        f"/files/{job.id}/items/0/video?download=1",
        f"/files/{job.id}/items/0/sidecar",
        f"/jobs/{job.id}/log",
    ):
        assert f'href="{address}"' in page
    assert "last checked when it was saved" in page
    assert f'action="/jobs/{job.id}/retry"' not in page


async def test_a_post_without_a_url_shows_no_link_and_is_not_saved_again(vault: ApiVault) -> None:
    saved = await vault.add_saved()
    name = name_of_file("ab" * 32)
    job = replace(saved, id=new_job_id(saved.created_at), post_url=name, canonical_url=name)
    await vault.store.catalogue.import_jobs([StoredJob(job)])
    page = await page_of(vault, job)
    answer = await vault.client.submit(f"/jobs/{job.id}/again", {})

    assert (name in page, f'action="/jobs/{job.id}/again"' in page) == (False, False)
    assert ("Without a link" in page, "Imported file" in page) == (True, True)
    assert answer.status == 422
    assert "imported from a file" in answer.text


async def test_a_page_read_while_a_check_ends_asks_again(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await vault.add_saved()
    running = cast("StubChecks", vault.services.checks).running
    running.add(job.id)
    # called after the result has been read
    monkeypatch.setattr(StubFormats, "known", lambda *_: running.clear())

    page = await page_of(vault, job)
    assert not running
    assert re.search(r'<section id="file"[^>]* data-busy', page)


async def test_a_post_that_waits_for_its_next_try_says_when(vault: ApiVault) -> None:
    job = await vault.add_failed(retry_in=timedelta(minutes=10))
    page = await page_of(vault, job)

    assert page.count(f'datetime="{job.retry_at.isoformat()}"' if job.retry_at else "never") == 2
    assert "Next attempt" in page
    for form in ("retry", "cancel"):
        assert f'action="/jobs/{job.id}/{form}"' in page
    assert "<video" not in page


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (ErrorCode.DELETED, "Check the link for typing mistakes."),
        (ErrorCode.ONLY_PICTURES, "Save the pictures"),
        (ErrorCode.ONLY_SOUND, "Save the sound"),
        (ErrorCode.NO_SPACE, "Free up space on the library"),
        (ErrorCode.LOGIN_REQUIRED, "Needs a sign-in"),
        (ErrorCode.AMBIGUOUS, "Choose the video"),
    ],
)
async def test_each_kind_of_failure_says_what_helps(
    vault: ApiVault, code: ErrorCode, words: str
) -> None:
    await vault.add()
    claim = await vault.claim()
    job = await vault.store.queue.fail(
        claim, error_code=code, error="It did not work.", retry_in=None
    )
    page = await page_of(vault, job)

    assert words in page
    assert "It did not work." in page
    assert ("Waiting for you" if code is ErrorCode.LOGIN_REQUIRED else "Stopped retrying") in page


async def test_waiting_running_and_cancelled_posts_show_their_states(vault: ApiVault) -> None:
    job = await vault.add()
    waiting = await page_of(vault, job)
    await vault.claim()
    running = await page_of(vault, job)
    await vault.store.queue.cancel(job.id)
    cancelled = await page_of(vault, job)

    assert "Waiting for its turn" in waiting
    assert "In progress" in running
    assert re.search(r'<progress data-field="progress"[^>]*(?<!hidden)>', running)
    assert "Try again" in cancelled


async def test_text_author_date_and_the_original_are_shown(vault: ApiVault) -> None:
    text = "First line\nsee https://a.example/x?y=1, or <b>this</b>"
    job = await with_facts(
        vault, {"title": "A title", "text": text, "published_at": "2026-11-20T10:00:00+00:00"}
    )
    page = await page_of(vault, job)

    assert "<h1><bdi>A title</bdi></h1>" in page
    assert (
        'First line\nsee <a href="https://a.example/x?y=1" rel="noreferrer noopener nofollow"'
        in page
    )
    assert "&lt;b&gt;this&lt;/b&gt;" in page
    assert '<a href="/accounts/x/jane"><bdi>Jane Roe</bdi></a>' in page
    assert 'datetime="2026-11-20T10:00:00+00:00"' in page


@pytest.mark.parametrize("published", [None, 5, "soon", "2026-11-20T10:00:00"])
async def test_an_invalid_date_breaks_no_page(vault: ApiVault, published: object) -> None:
    job = await with_facts(vault, {"text": 7, "published_at": published})

    assert "post-head" in await page_of(vault, job)


async def test_a_text_that_is_the_title_is_not_repeated_and_a_long_one_is_folded(
    vault: ApiVault,
) -> None:
    job = await with_facts(vault, {"text": "Only this"})
    short = await page_of(vault, job)
    await vault.store.queue.cancel(job.id)
    await vault.store.catalogue.remove(job.id)
    long = await page_of(vault, await with_facts(vault, {"title": "T", "text": "word " * 2_000}))

    assert "post-text" not in short
    assert '<details class="long">' in long


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("plain", [("plain", None)]),
        (
            "see (https://a.example/b).",
            [("see (", None), ("https://a.example/b", "https://a.example/b"), (").", None)],
        ),
        ("javascript:alert(1) ftp://x", [("javascript:alert(1) ftp://x", None)]),
        ("HTTP://A.example", [("HTTP://A.example", "HTTP://A.example")]),
    ],
)
def test_only_web_addresses_in_a_text_become_links(
    text: str, expected: list[tuple[str, str | None]]
) -> None:
    assert list(pieces(text)) == expected


@pytest.mark.parametrize(
    ("verdict", "word"),
    [
        (CheckVerdict.WHOLE, "Complete"),
        (CheckVerdict.CHANGED, "Changed"),
        (CheckVerdict.MISSING, "Missing"),
        (CheckVerdict.UNREADABLE, "Unreadable"),
        (CheckVerdict.DAMAGED, "Damaged"),
    ],
)
async def test_the_last_check_is_shown_with_its_time(
    vault: ApiVault, verdict: CheckVerdict, word: str
) -> None:
    job = await vault.add_saved()
    check = FileCheck(vault.clock.now() + timedelta(hours=1), verdict, "<other> bytes")
    await vault.store.records.put(RecordKind.VERIFIED, job.id, checks_to_json({0: check}))
    page = await page_of(vault, job)

    assert f"<strong>{word}</strong>" in page
    assert f'datetime="{check.at.isoformat()}"' in page
    assert "&lt;other&gt; bytes" in page


async def test_a_check_is_started_by_a_form_and_shown_while_it_runs(vault: ApiVault) -> None:
    job = await vault.add_saved()
    checks = cast("StubChecks", vault.services.checks)
    answer = await vault.client.submit(f"/jobs/{job.id}/verify")
    checks.running.add(job.id)
    page = await page_of(vault, job)

    assert (answer.status, answer.headers["location"]) == (303, f"/jobs/{job.id}#file")
    assert checks.begun == [job.id]
    assert "Verifying …" in page
    assert "data-region data-busy" in page


@pytest.mark.parametrize(("suffix", "is_hidden"), [("mkv", False), ("mp4", True)])
async def test_a_file_that_browsers_cannot_play_is_offered_for_download(
    vault: ApiVault, suffix: str, *, is_hidden: bool
) -> None:
    page = await page_of(vault, await vault.add_saved(name=f"jane/film.{suffix}"))

    assert bool(re.search(r'id="unplayable"[^>]* hidden>', page)) is is_hidden


async def test_the_codecs_are_shown_once_the_file_has_been_read(vault: ApiVault) -> None:
    job = await vault.add_saved()
    formats_of(vault).reports[SHA256] = ProbeReport("mp4", "hevc", "aac", 4.0, 320, 180)
    before, looked = await page_of(vault, job), await page_of(vault, job, "?read_formats=true")

    assert "Show codec details" in before
    assert "MP4: HEVC, AAC" in looked


async def saved_posts(vault: ApiVault, *urls: str) -> list[Job]:
    """Save a post for each URL, each a second later than the one before."""
    jobs = []
    for number, url in enumerate(urls):
        jobs.append(await vault.add_saved(url, name=f"jane/{number}.mp4"))
        vault.clock.advance(1)
    return jobs


async def test_the_neighbouring_saved_posts_are_linked(vault: ApiVault) -> None:
    first, second, third = await saved_posts(
        vault, *(f"https://videos.example/watch/{number}" for number in range(3))
    )
    waiting = await vault.add("https://videos.example/watch/waits")
    page = await page_of(vault, second)

    assert f'rel="prev" href="/jobs/{third.id}"' in page
    assert f'rel="next" href="/jobs/{first.id}"' in page
    assert 'rel="prev"' not in await page_of(vault, third)
    assert f'rel="next" href="/jobs/{third.id}?in=state%3Dwaiting"' in await page_of(
        vault, waiting, "?in=state%3Dwaiting"
    )


async def test_the_saved_posts_that_follow_are_up_next_then_those_of_the_account(
    vault: ApiVault,
) -> None:
    urls = [f"https://x.com/jane/status/{1_000 + number}" for number in range(4)]
    jobs = await saved_posts(vault, *urls, "https://videos.example/watch/other")
    page = await page_of(vault, jobs[2], "?in=platform%3Dx")
    following, of_account = page.partition("More from ")[::2]

    assert re.findall(r'<li><a href="([^"]+)"><span class="picture"', following) == [
        f"/jobs/{job.id}?in=platform%3Dx" for job in (jobs[1], jobs[0])
    ]
    assert f'id="play-next" href="/jobs/{jobs[1].id}?in=platform%3Dx"' in page
    assert all(job.id not in of_account for job in jobs[:3])


async def test_a_post_without_a_video_has_nothing_up_next(vault: ApiVault) -> None:
    await saved_posts(vault, "https://videos.example/watch/0")
    page = await page_of(vault, await vault.add("https://videos.example/watch/1"))

    assert "Up next" not in page


async def test_facts_and_history_are_folded_and_a_post_without_a_file_has_no_marks(
    vault: ApiVault,
) -> None:
    saved = await page_of(vault, await vault.add_saved())
    failed = await page_of(vault, await vault.add_failed("https://videos.example/watch/failed"))

    assert [page.count('<details class="folded">') for page in (saved, failed)] == [3, 2]
    assert ['id="marks"' in page for page in (saved, failed)] == [True, False]
    assert "What was tried" in failed


async def test_a_post_opened_from_a_filtered_library_links_within_the_filter(
    vault: ApiVault,
) -> None:
    """Even and odd posts are from different sites, so that a filter by one skips the other."""
    jobs = []
    for number in range(4):
        site = "videos.example" if number % 2 else "x.com/jane/status"
        jobs += await saved_posts(vault, f"https://{site}/{1_000 + number}")
    query = "?in=platform%3Dx%26state%3Dall"
    page = await page_of(vault, jobs[0], query)

    assert f'rel="prev" href="/jobs/{jobs[2].id}{query}"' in page
    assert '<a href="/library?platform=x&amp;state=all">' in page
    assert f'rel="prev" href="/jobs/{jobs[1].id}"' in await page_of(
        vault, jobs[0], "?in=state%3Dnonsense"
    )


async def test_saving_again_makes_a_new_version(vault: ApiVault) -> None:
    job = await vault.add_saved()
    answer = await vault.client.submit(f"/jobs/{job.id}/again")
    again = await vault.store.catalogue.get(
        cast("Any", answer.headers["location"].removeprefix("/jobs/"))
    )

    assert answer.status == 303
    assert (again.version, again.status, again.post_url) == (2, JobStatus.QUEUED, job.post_url)


async def test_a_deleted_post_goes_to_the_trash_and_the_answer_offers_to_undo_that(
    vault: ApiVault,
) -> None:
    job = await vault.add_saved()
    answer = await vault.client.submit(f"/jobs/{job.id}/remove")

    assert re.fullmatch(
        rf"/library\?outcome=removed-1-0&batch=[0-9a-f]{{16}}&post={job.id}",
        answer.headers["location"],
    )
    assert [
        post["job"]["id"] for post in (await vault.client.get("/api/trash")).json()["posts"]
    ] == [job.id]


async def test_undoing_the_deletion_of_a_post_leads_back_to_it(vault: ApiVault) -> None:
    job = await vault.add_saved()
    answer = await vault.client.submit(f"/jobs/{job.id}/remove")
    page = (await vault.client.get(answer.headers["location"])).text
    form = page.partition('action="/trash/restore"')[2].partition("</form>")[0]
    undone = await vault.client.submit(
        "/trash/restore", dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    )

    assert undone.headers["location"] == f"/jobs/{job.id}"
    assert await vault.store.catalogue.get(job.id) == job


async def test_the_page_is_available_in_german(vault: ApiVault) -> None:
    job = await vault.add_saved()
    page = (await vault.client.get(f"/jobs/{job.id}", accept_language="de")).text

    for words in ("Jetzt prüfen", "Verlauf", "Versuch 1", "<strong>Vollständig</strong>"):
        assert words in page


async def test_a_post_names_the_others_with_the_same_video(vault: ApiVault) -> None:
    own = await vault.add_saved(name="jane/own.mp4")
    alike = await vault.add_saved("https://videos.example/watch/2", name="jane/alike.mp4")
    same = await vault.add_saved("https://videos.example/watch/3", name="jane/same.mp4")
    assert 'id="same"' not in await page_of(vault, own)
    await put_duplicates(
        vault.store, own.id, {alike.id: Likeness(93), same.id: Likeness(100, identical=True)}
    )

    section = (await page_of(vault, own)).partition('id="same"')[2].partition("</section>")[0]
    assert [
        section.index(words)
        for words in (same.id, "Identical file", alike.id, "Looks the same (93&nbsp;%)")
    ] == sorted(
        section.index(words)
        for words in (same.id, "Identical file", alike.id, "Looks the same (93&nbsp;%)")
    )


async def test_a_post_that_is_saved_more_than_once_is_found_in_the_library(vault: ApiVault) -> None:
    own = await vault.add_saved(name="jane/own.mp4")
    duplicate = await vault.add_saved("https://videos.example/watch/2", name="jane/duplicate.mp4")
    other = await vault.add_saved("https://videos.example/watch/3", name="jane/other.mp4")
    await put_duplicates(vault.store, own.id, {duplicate.id: Likeness(93)})

    page = (await vault.client.get("/library?mine=duplicates")).text
    assert "Saved more than once" in page
    assert [job.id in page for job in (own, duplicate, other)] == [True, True, False]


FOLLOWS = (
    "All packets read, all sound and every key frame decoded; the other pictures follow in the"
    " background."
)


async def test_a_film_says_what_of_it_has_been_decoded(vault: ApiVault) -> None:
    job, now = await vault.add_saved(), vault.clock.now()
    of_older_version = await page_of(vault, job)
    await note_examined(vault.store, job.id, [0], {0: 0}, now)
    at_saving = await page_of(vault, job)
    await note_end(vault.store, job.id, now + timedelta(hours=2))
    in_the_end = await page_of(vault, job)

    assert (
        "It will be examined again in the background, and every picture decoded."
        in of_older_version
    )
    assert FOLLOWS in at_saving
    assert "Every picture decoded, " in in_the_end
    assert f'datetime="{(now + timedelta(hours=2)).isoformat()}"' in in_the_end
    assert FOLLOWS not in in_the_end


async def test_films_in_a_bucket_are_not_said_to_be_decoded_later(make_vault: MakeVault) -> None:
    vault = make_vault(vault_url="s3://bucket")
    job = await vault.add_saved()
    await note_examined(vault.store, job.id, [0], {0: 0}, vault.clock.now())

    assert "The other pictures are not decoded" in await page_of(vault, job)


async def damage(vault: ApiVault, job: Job) -> None:
    check = FileCheck(vault.clock.now(), CheckVerdict.DAMAGED, "3 of its pictures do not decode")
    await vault.store.records.put(RecordKind.VERIFIED, job.id, checks_to_json({0: check}))
    await note_end(vault.store, job.id, None)


async def test_a_damaged_post_says_that_it_is_saved_again_and_names_the_new_version(
    vault: ApiVault,
) -> None:
    job = await vault.add_saved()
    await damage(vault, job)
    before = await page_of(vault, job)
    await pause(vault.store.records)
    during_a_pause = await page_of(vault, job)
    new = (await vault.store.queue.enqueue([vault.services.submit.read(job.post_url)], force=True))[
        0
    ].job
    await vault.store.marks.put(
        [Mark(job.id, MarkKind.REPLACED, new.id), Mark(new.id, MarkKind.REPLACED)]
    )
    after = await page_of(vault, job)

    assert "It will be saved again once, if it is still online." in before
    assert "It will be saved again once the queue is resumed." in during_a_pause
    assert f'href="/jobs/{new.id}"' in after
    assert "3 of its pictures do not decode" in after
    assert "in the background" not in after


async def test_a_second_version_that_is_damaged_too_is_said_to_stay(vault: ApiVault) -> None:
    job = await vault.add_saved()
    await damage(vault, job)
    await vault.store.marks.put([Mark(job.id, MarkKind.REPLACED)])

    assert (
        "It was itself saved in place of a damaged one, and is not saved again automatically."
        in await page_of(vault, job)
    )


# --- the first player of a site -------------------------------------------------------------------


async def asking(vault: ApiVault, *signs: Sign) -> Job:
    """A post of an unknown site, with two videos of which nothing says which is its own."""
    await vault.add("https://www.news.example/kites")
    claim = await vault.claim()
    unsure = tuple(
        candidate(
            f"https://cdn.example/{n}.mp4",
            ownership=Ownership.UNKNOWN,
            evidence=(Sign.PLAYER, *signs),
        )
        for n in (1, 2)
    )
    await vault.store.queue.checkpoint(
        claim, Checkpoint(None, None, SourceType.UNKNOWN, unsure, (), None, None, {})
    )
    return await vault.store.queue.fail(
        claim, error_code=ErrorCode.AMBIGUOUS, error="Two videos.", retry_in=None
    )


async def test_each_video_that_can_be_chosen_says_what_speaks_for_it_and_is_saved_by_one_button(
    vault: ApiVault,
) -> None:
    job = await asking(vault, Sign.SUGGESTED)
    page = await page_of(vault, job)
    form = {"seen": seen_candidates(job.candidates), "only": "1", "chosen": "0"}
    answer = await vault.client.submit(f"/jobs/{job.id}/retry", form)

    assert (
        page.count("a player plays it, in a box for recommended videos")
        == len(re.findall(r"Save video \d", page))
        == 2
    )
    assert answer.status == 303
    assert (await vault.store.catalogue.get(job.id)).chosen_urls == (job.candidates[1].url,)


async def test_a_site_is_remembered_whose_first_player_the_user_wants_and_can_be_forgotten(
    vault: ApiVault,
) -> None:
    job = await asking(vault)
    page = await page_of(vault, job)
    form = {"seen": seen_candidates(job.candidates), "chosen": "1", "first_player": "on"}
    await vault.client.submit(f"/jobs/{job.id}/retry", form)

    assert re.search("Always save the first player on .{0,20}news.example", page)
    assert (await vault.services.live.current()).first_player_sites == ("news.example",)
    assert 'value="news.example"' in (await vault.client.get("/settings/sites")).text

    await vault.client.submit("/settings", {"first_player_sites": ""})
    assert (await vault.services.live.current()).first_player_sites == ()


async def test_no_first_player_is_offered_where_the_boxes_are_for_adverts(vault: ApiVault) -> None:
    job = await asking(vault, Sign.ADVERT)
    form = {"seen": seen_candidates(job.candidates), "chosen": "1", "first_player": "on"}
    await vault.client.submit(f"/jobs/{job.id}/retry", form)

    assert "Always save the first player" not in await page_of(
        vault, await asking(vault, Sign.ADVERT)
    )
    assert (await vault.services.live.current()).first_player_sites == ()


async def test_a_setting_of_the_environment_is_not_offered_to_be_changed(
    make_vault: MakeVault,
) -> None:
    vault = make_vault(first_player_sites="films.example")
    job = await asking(vault)
    form = {"seen": seen_candidates(job.candidates), "chosen": "1", "first_player": "on"}

    assert "Always save the first player" not in await page_of(vault, job)
    assert (await vault.client.submit(f"/jobs/{job.id}/retry", form)).status == 303
