"""A post with several media: each with its own outcome and file; and the choice where nothing says which is the post's."""

from __future__ import annotations

from datetime import timedelta

from mediavault.core.failures import ErrorCode
from mediavault.core.job import ItemStatus, Job, JobId, JobItem, JobStatus, WorkerId
from mediavault.core.media import Candidate, FoundIn, Item, ItemType, KeptFile, SourceType
from mediavault.core.site_limits import PermitRequest
from mediavault.store.port import Checkpoint
from tests.http_vault import SHA256, VIDEO, House
from tests.stubs import new_job

CANDIDATES = tuple(
    Candidate(f"https://cdn.example/{name}.mp4?a=1&b=2", SourceType.DIRECT, FoundIn.DOM) for name in "ab"
)


def kept(house: House, name: str) -> KeptFile:
    (house.downloads / "jane").mkdir(exist_ok=True)
    for suffix in ("mp4", "jpg", "info.json"):
        (house.downloads / f"jane/{name}.{suffix}").write_bytes(VIDEO + name.encode())
    return KeptFile(f"jane/{name}.mp4", f"jane/{name}.jpg", len(VIDEO) + len(name), SHA256, 4.0, 320, 180)


async def partly_kept(house: House) -> Job:
    """Picture, video that is kept, video that failed."""
    await house.add()
    claim = await house.claim()
    first = kept(house, "one")
    items = (
        JobItem(Item(type=ItemType.IMAGE), ItemStatus.SKIPPED),
        JobItem(Item(media_id="1"), ItemStatus.KEPT, first),
        JobItem(Item(media_id="2"), ItemStatus.FAILED, None, ErrorCode.DELETED, "It is <gone>."),
    )
    await house.store.queue.begin_commit(claim, first)
    await house.store.queue.save_items(claim, items)
    return await house.store.queue.fail(
        claim, error_code=ErrorCode.PARTIAL, error="1 of 2 videos is kept.", retry_in=None
    )


async def ambiguous(house: House) -> Job:
    await house.add()
    claim = await house.claim()
    await house.store.queue.checkpoint(
        claim, Checkpoint(None, None, SourceType.UNKNOWN, CANDIDATES, (), None, None, {})
    )
    return await house.store.queue.fail(claim, error_code=ErrorCode.AMBIGUOUS, error="Two videos.", retry_in=None)


async def test_each_medium_tells_its_own_outcome(house: House) -> None:
    job = await partly_kept(house)
    shown = (await house.client.get(f"/api/jobs/{job.id}")).json()

    assert [(one["index"], one["type"], one["status"]) for one in shown["items"]] == [
        (0, "image", "skipped"),
        (1, "video", "kept"),
        (2, "video", "failed"),
    ]
    assert (shown["items"][1]["output_path"], shown["items"][1]["links"]["video"]) == (
        "jane/one.mp4",
        f"/files/{job.id}/items/1/video",
    )
    assert (shown["items"][2]["error_code"], shown["items"][2]["error"]) == ("DELETED", "It is <gone>.")
    assert (shown["status"], shown["error_code"], shown["display"]["state"]) == ("failed", "PARTIAL", "Partly saved")


async def test_what_is_kept_of_a_partly_kept_post_can_be_played(house: House) -> None:
    job = await partly_kept(house)

    for path in (f"/files/{job.id}/video", f"/files/{job.id}/items/1/video"):
        assert (await house.client.get(path)).body == VIDEO + b"one"
    for path in (f"/files/{job.id}/items/0/video", f"/files/{job.id}/items/2/video", f"/files/{job.id}/items/9/video"):
        assert (await house.client.get(path)).status == 404


async def test_a_commit_that_is_not_over_is_not_served(house: House) -> None:
    await house.add()
    claim = await house.claim()
    file = kept(house, "half")
    await house.store.queue.begin_commit(claim, file, (JobItem(Item(), ItemStatus.COMMITTING, file),))

    assert (await house.client.get(f"/files/{claim.id}/video")).status == 404


async def test_removing_a_partly_kept_post_with_its_files_leaves_none(house: House) -> None:
    job = await partly_kept(house)
    await house.client.delete(f"/api/jobs/{job.id}?files=true")

    assert [path for path in house.downloads.rglob("*") if path.is_file()] == []


async def test_the_page_shows_the_outcome_of_each_medium_as_text(house: House) -> None:
    job = await partly_kept(house)
    page = (await house.client.get(f"/jobs/{job.id}")).text

    assert "It is &lt;gone&gt;." in page
    assert f'src="/files/{job.id}/items/1/video"' in page


async def test_a_person_chooses_a_candidate_over_the_api(house: House) -> None:
    job = await ambiguous(house)
    answer = await house.client.post(f"/api/jobs/{job.id}/retry", {"chosen_url": CANDIDATES[1].url})

    assert (answer.status, answer.json()["status"], answer.json()["chosen_url"]) == (200, "queued", CANDIDATES[1].url)


async def test_an_address_that_is_no_candidate_cannot_be_chosen(house: House) -> None:
    job = await ambiguous(house)
    answer = await house.client.post(f"/api/jobs/{job.id}/retry", {"chosen_url": "https://evil.example/x.mp4"})

    assert (answer.status, answer.json()["code"]) == (422, "BAD_REQUEST")
    assert (await house.store.catalogue.get(job.id)).status is JobStatus.FAILED


async def test_a_person_chooses_a_candidate_on_the_page(house: House) -> None:
    job = await ambiguous(house)
    page = (await house.client.get(f"/jobs/{job.id}")).text
    assert page.count('name="chosen"') == 2

    await house.client.submit(f"/jobs/{job.id}/retry", {"chosen": "1"})

    assert (await house.store.catalogue.get(job.id)).chosen_url == CANDIDATES[1].url


async def test_a_site_that_is_left_alone_is_told_with_the_reason_and_can_be_asked_again(house: House) -> None:
    await house.beat()
    await house.store.site_limits.close_gate(
        "x", duration=timedelta(hours=1), code=ErrorCode.RATE_LIMITED, reason="<slow down>"
    )

    for path in ("/api/gates", "/api/worker/health"):
        shown = (await house.client.get(path)).json()
        (gate,) = shown if isinstance(shown, list) else shown["gates"]
        assert (gate["platform"], gate["code"], gate["reason"]) == ("x", "RATE_LIMITED", "<slow down>")
    assert "&lt;slow down&gt;" in (await house.client.get("/")).text

    (opened,) = (await house.client.post("/api/gates/x/open")).json()
    assert (opened["state"], opened["closed_until"], opened["code"]) == ("open", None, None)
    assert (await house.client.get("/api/worker/health")).json()["gates"] == []
    assert (await house.client.post("/api/gates/nowhere/open")).status == 404


async def test_a_site_tells_how_many_of_its_posts_were_not_understood_and_health_counts_none(house: House) -> None:
    await house.beat()
    await house.store.queue.enqueue([new_job("https://vimeo.com/1", clock=house.clock, platform="vimeo")])
    [claim] = await house.store.queue.claim(WorkerId("w-1"), limit=1, lease=timedelta(seconds=90))
    await house.store.queue.fail(claim, error_code=ErrorCode.EXTRACTOR_BROKEN, error="odd", retry_in=None)
    await house.store.site_limits.close_gate(
        "vimeo", duration=timedelta(hours=1), code=ErrorCode.RATE_LIMITED, reason="…"
    )

    (listed,) = (await house.client.get("/api/gates")).json()
    (unasked,) = (await house.client.get("/api/worker/health")).json()["gates"]

    assert (listed["platform"], listed["not_understood"], unasked["not_understood"]) == ("vimeo", 1, None)
    assert "1 post unreadable in the last 7 days" in (await house.client.get("/sites")).text


async def test_each_site_tells_how_its_gate_stands_its_next_turn_its_accounts_day_and_its_jobs(house: House) -> None:
    minute = timedelta(minutes=1)
    for number in range(3):
        asked = PermitRequest(JobId(f"j{number}"), "instagram", minute, minute, max_wait=3 * minute, account_cap=60)
        await house.store.site_limits.take_turn(asked)
    await house.store.site_limits.close_gate(
        "x", duration=minute, code=ErrorCode.CHALLENGE, reason="A person is asked for."
    )
    house.clock.advance(2 * minute)
    await house.store.queue.enqueue([new_job("https://x.com/a/status/1", clock=house.clock, platform="x")])

    insta, x = (await house.client.get("/api/gates")).json()
    assert (insta["state"], insta["account_posts"], insta["account_cap"], insta["waiting"]) == ("open", 3, 60, 0)
    assert insta["next_turn_at"] is not None
    assert (x["state"], x["reason"], x["closed_until"], x["waiting"]) == (
        "half_open",
        "A person is asked for.",
        None,
        1,
    )
    assert {insta["not_understood"], x["not_understood"]} == {0}
    page = (await house.client.get("/sites")).text
    assert "3 of 60" in page
    assert "<bdi>A person is asked for.</bdi>" in page
