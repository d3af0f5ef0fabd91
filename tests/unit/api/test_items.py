"""Posts with several media, each with its own outcome and file;
and choosing the video where the post's own is unclear.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from mediavault.core.failures import ErrorCode
from mediavault.core.job import ItemStatus, Job, JobId, JobItem, JobStatus, WorkerId
from mediavault.core.media import Candidate, FoundIn, Item, ItemType, SavedFile, SourceType
from mediavault.core.site_limits import PermitRequest
from mediavault.core.urls import EgressScope
from mediavault.presentation.views import MAX_FRAMES, job_view
from mediavault.store.port import Checkpoint
from mediavault.web.post_view import seen_candidates
from tests.file_stubs import StubFrames
from tests.http_vault import SHA256, VIDEO, ApiVault
from tests.stubs import new_job

CANDIDATES = tuple(
    Candidate(f"https://cdn.example/{name}.mp4?a=1&b=2", SourceType.DIRECT, FoundIn.DOM)
    for name in "ab"
)


def write_files(vault: ApiVault, name: str) -> SavedFile:
    (vault.downloads / "jane").mkdir(exist_ok=True)
    for suffix in ("mp4", "jpg", "info.json"):
        (vault.downloads / f"jane/{name}.{suffix}").write_bytes(VIDEO + name.encode())
    return SavedFile(
        f"jane/{name}.mp4", f"jane/{name}.jpg", len(VIDEO) + len(name), SHA256, 4.0, 320, 180
    )


async def partly_saved(vault: ApiVault) -> Job:
    """A job with a skipped picture, a saved video and a failed video."""
    await vault.add()
    claim = await vault.claim()
    first = write_files(vault, "one")
    items = (
        JobItem(Item(type=ItemType.IMAGE), ItemStatus.SKIPPED),
        JobItem(Item(media_id="1"), ItemStatus.SAVED, first),
        JobItem(Item(media_id="2"), ItemStatus.FAILED, None, ErrorCode.DELETED, "It is <gone>."),
    )
    await vault.store.queue.begin_commit(claim, first)
    await vault.store.queue.save_items(claim, items)
    return await vault.store.queue.fail(
        claim, error_code=ErrorCode.PARTIAL, error="1 of 2 videos is kept.", retry_in=None
    )


async def ambiguous(vault: ApiVault) -> Job:
    await vault.add()
    claim = await vault.claim()
    await vault.store.queue.checkpoint(
        claim, Checkpoint(None, None, SourceType.UNKNOWN, CANDIDATES, (), None, None, {})
    )
    return await vault.store.queue.fail(
        claim, error_code=ErrorCode.AMBIGUOUS, error="Two videos.", retry_in=None
    )


async def test_each_item_reports_its_own_outcome(vault: ApiVault) -> None:
    job = await partly_saved(vault)
    shown = (await vault.client.get(f"/api/jobs/{job.id}")).json()

    assert [(item["index"], item["type"], item["status"]) for item in shown["items"]] == [
        (0, "image", "skipped"),
        (1, "video", "saved"),
        (2, "video", "failed"),
    ]
    assert (shown["items"][1]["output_path"], shown["items"][1]["links"]["video"]) == (
        "jane/one.mp4",
        f"/files/{job.id}/items/1/video",
    )
    assert (shown["items"][2]["error_code"], shown["items"][2]["error"]) == (
        "DELETED",
        "It is <gone>.",
    )
    assert (shown["status"], shown["error_code"], shown["display"]["state"]) == (
        "failed",
        "PARTIAL",
        "Partly saved",
    )


async def test_the_saved_video_of_a_partly_saved_post_can_be_played(vault: ApiVault) -> None:
    job = await partly_saved(vault)

    for path in (f"/files/{job.id}/video", f"/files/{job.id}/items/1/video"):
        assert (await vault.client.get(path)).body == VIDEO + b"one"
    for path in (
        f"/files/{job.id}/items/0/video",
        f"/files/{job.id}/items/2/video",
        f"/files/{job.id}/items/9/video",
    ):
        assert (await vault.client.get(path)).status == 404


async def test_an_unfinished_commit_is_not_served(vault: ApiVault) -> None:
    await vault.add()
    claim = await vault.claim()
    file = write_files(vault, "half")
    await vault.store.queue.begin_commit(
        claim, file, (JobItem(Item(), ItemStatus.COMMITTING, file),)
    )

    assert (await vault.client.get(f"/files/{claim.id}/video")).status == 404


async def test_removing_a_partly_saved_post_with_its_files_leaves_none(vault: ApiVault) -> None:
    job = await partly_saved(vault)
    await vault.client.delete(f"/api/jobs/{job.id}?files=true")

    left = [path for path in vault.downloads.rglob("*") if path.is_file()]
    assert {path.relative_to(vault.downloads).parts[0] for path in left} == {".trash"}
    await vault.client.delete("/api/trash")
    assert [path for path in left if path.exists()] == []


async def test_the_page_shows_the_outcome_of_each_item_as_text(vault: ApiVault) -> None:
    job = await partly_saved(vault)
    page = (await vault.client.get(f"/jobs/{job.id}")).text

    assert "It is &lt;gone&gt;." in page
    assert f'src="/files/{job.id}/items/1/video"' in page


async def test_a_candidate_can_be_chosen_over_the_api(vault: ApiVault) -> None:
    job = await ambiguous(vault)
    answer = await vault.client.post(f"/api/jobs/{job.id}/retry", {"chosen_url": CANDIDATES[1].url})

    assert (answer.status, answer.json()["status"], answer.json()["chosen_url"]) == (
        200,
        "queued",
        CANDIDATES[1].url,
    )


async def test_a_url_that_is_not_a_candidate_cannot_be_chosen(vault: ApiVault) -> None:
    job = await ambiguous(vault)
    answer = await vault.client.post(
        f"/api/jobs/{job.id}/retry", {"chosen_url": "https://evil.example/x.mp4"}
    )

    assert (answer.status, answer.json()["code"]) == (422, "BAD_REQUEST")
    assert (await vault.store.catalogue.get(job.id)).status is JobStatus.FAILED


async def test_a_candidate_can_be_chosen_on_the_page(vault: ApiVault) -> None:
    job = await ambiguous(vault)
    page = (await vault.client.get(f"/jobs/{job.id}")).text
    assert page.count('name="chosen"') == 2

    await vault.client.submit(f"/jobs/{job.id}/retry", {"chosen": "1"})

    assert (await vault.store.catalogue.get(job.id)).chosen_urls == (CANDIDATES[1].url,)


@pytest.mark.parametrize(
    "chosen", [[1, 0], [CANDIDATES[1].url, 0], [CANDIDATES[1].url, CANDIDATES[0].url, 1]]
)
async def test_several_candidates_can_be_chosen_over_the_api_by_number_or_url(
    chosen: list[int | str], vault: ApiVault
) -> None:
    job = await ambiguous(vault)
    answer = await vault.client.post(f"/api/jobs/{job.id}/retry", {"chosen": chosen})

    assert (answer.status, answer.json()["status"]) == (200, "queued")
    # in the order of the page
    assert answer.json()["chosen_urls"] == [one.url for one in CANDIDATES]
    assert answer.json()["chosen_url"] == CANDIDATES[0].url


@pytest.mark.parametrize(
    "body",
    [
        {"chosen": [2]},
        {"chosen": [0, "https://evil.example/x.mp4"]},
        {"chosen": []},
        {"chosen": [-1]},
        {"chosen": [True]},
        {"chosen": ["0"]},
        {"chosen": [10**30]},
        {"chosen": [0] * 101},
        {"chosen": [0], "chosen_url": CANDIDATES[0].url},
    ],
)
async def test_a_choice_that_is_none_is_refused_and_nothing_is_queued(
    body: dict[str, Any], vault: ApiVault
) -> None:
    job = await ambiguous(vault)
    answer = await vault.client.post(f"/api/jobs/{job.id}/retry", body)

    assert (answer.status, answer.json()["code"]) == (422, "BAD_REQUEST")
    assert answer.json()["help"]
    after = await vault.store.catalogue.get(job.id)
    assert (after.status, after.chosen_urls) == (JobStatus.FAILED, ())


async def test_several_candidates_can_be_chosen_on_the_page(vault: ApiVault) -> None:
    job = await ambiguous(vault)
    seen = seen_candidates(job.candidates)
    assert f'name="seen" value="{seen}"' in (await vault.client.get(f"/jobs/{job.id}")).text

    await vault.client.submit(f"/jobs/{job.id}/retry", {"chosen": ["1", "0"], "seen": seen})

    assert (await vault.store.catalogue.get(job.id)).chosen_urls == tuple(
        one.url for one in CANDIDATES
    )


async def test_all_candidates_can_be_chosen_by_one_button(vault: ApiVault) -> None:
    job = await ambiguous(vault)
    await vault.client.submit(
        f"/jobs/{job.id}/retry", {"seen": seen_candidates(job.candidates), "all": "on"}
    )

    assert len((await vault.store.catalogue.get(job.id)).chosen_urls) == len(CANDIDATES)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"seen": "SEEN"}, "No video was selected."),
        ({"seen": "SEEN", "chosen": ""}, "No video was selected."),
        ({"seen": "SEEN", "chosen": "2"}, "Unknown choice of video."),
        ({"seen": "SEEN", "chosen": "٠"}, "Unknown choice of video."),
        ({"chosen": "9" * 5_000}, "Unknown choice of video."),
        (
            {"seen": "of-another-reading", "chosen": "0"},
            "The post has been read again since you opened its page.",
        ),
        (
            {"seen": "of-another-reading", "all": "on"},
            "The post has been read again since you opened its page.",
        ),
    ],
)
async def test_a_form_without_a_valid_choice_is_refused_with_what_helps(
    fields: dict[str, str], says: str, vault: ApiVault
) -> None:
    job = await ambiguous(vault)
    sent = {
        name: seen_candidates(job.candidates) if text == "SEEN" else text
        for name, text in fields.items()
    }
    answer = await vault.client.submit(f"/jobs/{job.id}/retry", sent)

    assert (answer.status, says in answer.text) == (422, True)
    after = await vault.store.catalogue.get(job.id)
    assert (after.status, after.chosen_urls) == (JobStatus.FAILED, ())


# --- pictures of what can be chosen ---------------------------------------------------------------


def frames_of(vault: ApiVault) -> StubFrames:
    return cast("StubFrames", vault.services.frames)


async def test_a_candidates_picture_is_sent_as_an_image_and_nothing_else(vault: ApiVault) -> None:
    job = await ambiguous(vault)
    shown = (await vault.client.get(f"/api/jobs/{job.id}")).json()["candidates"][1]["frame"]
    frames_of(vault).pictures[CANDIDATES[1].url] = b"\xff\xd8\xff picture"
    answer = await vault.client.get(shown)

    assert (answer.status, answer.body) == (200, b"\xff\xd8\xff picture")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    again = await vault.client.get(shown, if_none_match=answer.headers["etag"])
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("body", [b"<svg onload='alert(1)'/>", b"<html>", b"BM bitmap", b""])
async def test_a_picture_of_another_kind_is_never_sent(body: bytes, vault: ApiVault) -> None:
    job = await ambiguous(vault)
    frames_of(vault).pictures[CANDIDATES[0].url] = body

    assert (await vault.client.get(f"/files/{job.id}/candidates/0/frame")).status == 404


@pytest.mark.parametrize("number", ["0", "2", "10000", "99999", "-1", "x"])
async def test_a_candidate_without_a_picture_answers_not_found(
    number: str, vault: ApiVault
) -> None:
    job = await ambiguous(vault)
    answer = await vault.client.get(f"/files/{job.id}/candidates/{number}/frame")

    assert answer.status in (404, 422)
    assert answer.json()["code"] in ("NOT_FOUND", "BAD_REQUEST")


async def test_a_picture_is_asked_for_without_cookies_and_within_the_posts_scope(
    vault: ApiVault,
) -> None:
    job = await ambiguous(vault)
    await vault.client.get(f"/files/{job.id}/candidates/1/frame")
    (asked,) = frames_of(vault).asked

    assert (asked.media.url, asked.media.scope) == (CANDIDATES[1].url, EgressScope(job.post_url))
    assert asked.media.cookies == ()
    assert asked.media.headers == {"referer": job.post_url}


async def test_pictures_are_offered_only_while_there_is_something_to_choose_and_of_few_candidates(
    vault: ApiVault,
) -> None:
    job = await ambiguous(vault)
    many = replace(
        job,
        candidates=tuple(replace(CANDIDATES[0], url=f"https://cdn.example/{n}") for n in range(20)),
    )

    assert [one.frame is not None for one in job_view(many).candidates] == [True] * MAX_FRAMES + [
        False
    ] * 8
    protected = replace(job, candidates=(replace(CANDIDATES[0], drm=True),))
    assert job_view(protected).candidates[0].frame is None
    await vault.store.queue.retry(job.id)
    assert (await vault.client.get(f"/files/{job.id}/candidates/0/frame")).status == 404
    assert frames_of(vault).asked == []


async def test_a_retry_forgets_the_pictures(vault: ApiVault) -> None:
    job = await ambiguous(vault)
    await vault.client.post(f"/api/jobs/{job.id}/retry", {"chosen": [0]})

    assert frames_of(vault).forgotten == [job.id]


async def test_a_paused_site_is_reported_with_the_reason_and_can_be_resumed(
    vault: ApiVault,
) -> None:
    await vault.beat()
    await vault.store.site_limits.pause_site(
        "x", duration=timedelta(hours=1), code=ErrorCode.RATE_LIMITED, reason="<slow down>"
    )

    for path in ("/api/site-limits", "/api/worker/health"):
        shown = (await vault.client.get(path)).json()
        (limit,) = shown if isinstance(shown, list) else shown["site_limits"]
        assert (limit["platform"], limit["code"], limit["reason"]) == (
            "x",
            "RATE_LIMITED",
            "<slow down>",
        )
    assert "&lt;slow down&gt;" in (await vault.client.get("/")).text

    (opened,) = (await vault.client.post("/api/site-limits/x/open")).json()
    assert (opened["state"], opened["closed_until"], opened["code"]) == ("open", None, None)
    assert (await vault.client.get("/api/worker/health")).json()["site_limits"] == []
    assert (await vault.client.post("/api/site-limits/nowhere/open")).status == 404


async def test_a_site_reports_its_unreadable_posts_and_health_does_not_count_them(
    vault: ApiVault,
) -> None:
    await vault.beat()
    await vault.store.queue.enqueue(
        [new_job("https://vimeo.com/1", clock=vault.clock, platform="vimeo")]
    )
    [claim] = await vault.store.queue.claim(WorkerId("w-1"), limit=1, lease=timedelta(seconds=90))
    await vault.store.queue.fail(
        claim, error_code=ErrorCode.EXTRACTOR_BROKEN, error="odd", retry_in=None
    )
    await vault.store.site_limits.pause_site(
        "vimeo", duration=timedelta(hours=1), code=ErrorCode.RATE_LIMITED, reason="…"
    )

    (listed,) = (await vault.client.get("/api/site-limits")).json()
    (in_health,) = (await vault.client.get("/api/worker/health")).json()["site_limits"]

    assert (listed["platform"], listed["not_understood"], in_health["not_understood"]) == (
        "vimeo",
        1,
        None,
    )
    assert "1 post unreadable in the last 7 days" in (await vault.client.get("/sites")).text


async def test_each_site_reports_its_limits_its_accounts_daily_posts_and_its_jobs(
    vault: ApiVault,
) -> None:
    minute = timedelta(minutes=1)
    for number in range(3):
        request = PermitRequest(
            JobId(f"j{number}"), "instagram", minute, minute, max_wait=3 * minute, account_cap=60
        )
        await vault.store.site_limits.acquire_permit(request)
    await vault.store.site_limits.pause_site(
        "x", duration=minute, code=ErrorCode.CHALLENGE, reason="A person is asked for."
    )
    vault.clock.advance(2 * minute)
    await vault.store.queue.enqueue(
        [new_job("https://x.com/a/status/1", clock=vault.clock, platform="x")]
    )

    insta, x = (await vault.client.get("/api/site-limits")).json()
    assert (insta["state"], insta["account_posts"], insta["account_cap"], insta["waiting"]) == (
        "open",
        3,
        60,
        0,
    )
    assert insta["next_permit_at"] is not None
    assert (x["state"], x["reason"], x["closed_until"], x["waiting"]) == (
        "half_open",
        "A person is asked for.",
        None,
        1,
    )
    assert {insta["not_understood"], x["not_understood"]} == {0}
    page = (await vault.client.get("/sites")).text
    assert "3 of 60" in page
    assert "<bdi>A person is asked for.</bdi>" in page
