"""The jobs over HTTP, as scripts rely on them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mediavault.core.failures import ErrorCode, StorageFailure, StoreError
from mediavault.core.job import HistoryRecord, JobStatus, Stage, StepOutcome, StrategyName
from mediavault.features.trash.background import empty_old
from mediavault.features.trash.service import Trash
from mediavault.store.waiting_jobs import accepted_reasons
from tests.http_vault import POST, ApiVault, ids
from tests.stubs import fail_by_length

OTHER = "https://videos.example/watch/2"


async def test_a_new_post_is_201_and_the_job_itself(vault: ApiVault) -> None:
    answer = await vault.client.post("/api/jobs", {"post_url": POST})
    job = answer.json()

    assert answer.status == 201
    assert (job["post_url"], job["status"], job["platform"], job["attempt_count"]) == (
        POST,
        "queued",
        "generic",
        0,
    )
    assert await vault.store.catalogue.get(job["id"])


async def test_the_same_post_again_is_200_and_the_same_job(vault: ApiVault) -> None:
    first = (await vault.client.post("/api/jobs", {"post_url": POST})).json()
    again = await vault.client.post("/api/jobs", {"post_url": f"{POST}?utm_source=feed"})

    assert (again.status, again.json()["id"]) == (200, first["id"])


async def test_force_makes_a_new_version(vault: ApiVault) -> None:
    await vault.client.post("/api/jobs", {"post_url": POST})
    answer = await vault.client.post("/api/jobs?force=true", {"post_url": POST})

    assert (answer.status, answer.json()["version"]) == (201, 2)


async def test_many_posts_are_a_list_in_the_order_given(vault: ApiVault) -> None:
    answer = await vault.client.post("/api/jobs", {"post_urls": [POST, OTHER, POST]})
    jobs = answer.json()["jobs"]

    assert (answer.status, set(answer.json())) == (201, {"jobs"})
    assert [job["post_url"] for job in jobs] == [POST, OTHER, POST]
    assert jobs[0]["id"] == jobs[2]["id"]


async def test_a_batch_of_known_posts_is_200(vault: ApiVault) -> None:
    await vault.client.post("/api/jobs", {"post_urls": [POST, OTHER]})

    assert (await vault.client.post("/api/jobs", {"post_urls": [OTHER, POST]})).status == 200


async def test_one_bad_address_refuses_the_whole_batch(vault: ApiVault) -> None:
    answer = await vault.client.post("/api/jobs", {"post_urls": [POST, "ftp://x.example/"]})

    assert (answer.status, answer.json()["code"]) == (422, "BAD_URL")
    assert "post_urls[1]" in answer.json()["message"]
    assert (await vault.client.get("/api/jobs")).json()["jobs"] == []


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1/", "ADDRESS_REFUSED"),
        ("file:///etc/passwd", "BAD_URL"),
        ("https://www.tiktok.com/@jane", "NOT_A_POST"),
    ],
)
async def test_a_url_that_cannot_be_accepted_is_422_with_its_reason(
    vault: ApiVault, url: str, code: str
) -> None:
    answer = await vault.client.post("/api/jobs", {"post_url": url})

    assert (answer.status, answer.json()["code"]) == (422, code)
    assert answer.json()["help"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "Give either"),
        ({"post_url": POST, "post_urls": [POST]}, "Give either"),
        ({"post_url": 7}, "post_url"),
        ({"post_urls": POST}, "post_urls"),
        ({"post_urls": [POST, None]}, "post_urls[1]"),
        ({"post_urls": []}, "post_urls"),
        ({"post_urls": ["x"] * 501}, "500"),
        ({"post_url": POST, "browser_args": ["--no-sandbox"]}, "browser_args"),
        ([POST], "JSON object"),
        ("text", "JSON object"),
        (None, "is missing"),
    ],
)
async def test_a_malformed_body_is_422_and_says_where(
    vault: ApiVault, body: object, words: str
) -> None:
    answer = await vault.client.post("/api/jobs", body, content_type="application/json")

    assert (answer.status, answer.json()["code"]) == (422, "BAD_REQUEST")
    assert words in answer.json()["message"]


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 60_000, b'{"post_url": NaN}'])
async def test_a_body_that_is_not_json_is_a_client_error(vault: ApiVault, body: bytes) -> None:
    answer = await vault.client.request(
        "POST", "/api/jobs", body=body, headers={"content-type": "application/json"}
    )

    assert answer.status in (400, 422)
    assert set(answer.json()) == {"code", "message", "help"}


async def test_a_submission_wakes_listeners_for_work(vault: ApiVault) -> None:
    woken: list[bool] = []
    vault.store.workers.on_work(lambda: woken.append(True))

    await vault.client.post("/api/jobs", {"post_url": POST})
    await vault.clock.settle()

    assert woken


async def test_the_list_is_newest_first_and_continues_at_its_cursor(vault: ApiVault) -> None:
    for number in range(3):
        await vault.add(f"https://videos.example/watch/{number}")
        vault.clock.advance(1)
    first = (await vault.client.get("/api/jobs?limit=2")).json()
    second = (await vault.client.get(f"/api/jobs?limit=2&cursor={first['next_cursor']}")).json()

    assert [job["post_url"][-1] for job in first["jobs"] + second["jobs"]] == ["2", "1", "0"]
    assert second["next_cursor"] is None


async def test_the_list_can_be_filtered(vault: ApiVault) -> None:
    failed = await vault.add_failed(OTHER)
    waiting = await vault.add(POST)

    assert ids((await vault.client.get("/api/jobs?status=failed")).json()["jobs"]) == [failed.id]
    assert ids((await vault.client.get("/api/jobs?q=WATCH/1")).json()["jobs"]) == [waiting.id]
    assert ids((await vault.client.get("/api/jobs?platform=x")).json()["jobs"]) == []
    assert (
        len((await vault.client.get("/api/jobs?status=failed&status=queued")).json()["jobs"]) == 2
    )
    assert (
        len((await vault.client.get("/api/jobs?status=&q=&platform=&cursor=")).json()["jobs"]) == 2
    )


async def test_until_a_date_includes_that_day(vault: ApiVault) -> None:
    """As on the library page and the command line."""
    job = await vault.add(POST)
    day = job.created_at.date()

    assert ids((await vault.client.get(f"/api/jobs?until={day}")).json()["jobs"]) == [job.id]
    assert ids((await vault.client.get(f"/api/jobs?until={day}T00:00")).json()["jobs"]) == []


@pytest.mark.parametrize(
    "query",
    [
        "until=tomorrow",
        "longest_s=-1",
        "status=odd",
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=nonsense",
        "stauts=failed",
        f"q={'x' * 201}",
    ],
)
async def test_an_invalid_query_is_422(vault: ApiVault, query: str) -> None:
    answer = await vault.client.get(f"/api/jobs?{query}")

    assert (answer.status, answer.json()["code"]) == (422, "BAD_REQUEST")


async def test_a_job_and_its_history_can_be_read(vault: ApiVault) -> None:
    await vault.add()
    claim = await vault.claim()
    tried = HistoryRecord(
        vault.clock.now(),
        1,
        Stage.DOWNLOAD,
        StepOutcome.FAILED,
        StrategyName.PLAIN,
        ErrorCode.EMPTY_BODY,
        "empty",
        0,
        12,
    )
    await vault.store.queue.record(claim, tried)
    job = (await vault.client.get(f"/api/jobs/{claim.id}")).json()
    history = (await vault.client.get(f"/api/jobs/{claim.id}/history")).json()

    assert (job["status"], job["attempt_count"]) == ("running", 1)
    assert isinstance(history, list)
    assert history[-1]["strategy"] == "plain"
    assert history[-1]["error_code"] == "EMPTY_BODY"


@pytest.mark.parametrize(
    "job_id", ["01932b6e-0000-7000-8000-000000000001", "x", "%00", "..%2f..", "a" * 3_000]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/history"), ("POST", "/retry"), ("POST", "/cancel"), ("DELETE", "")],
)
async def test_an_unknown_job_is_404(vault: ApiVault, method: str, path: str, job_id: str) -> None:
    answer = await vault.client.request(method, f"/api/jobs/{job_id}{path}")

    assert (answer.status, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_a_failed_job_is_queued_again_on_request(vault: ApiVault) -> None:
    job = await vault.add_failed()
    answer = await vault.client.post(f"/api/jobs/{job.id}/retry")

    assert (answer.status, answer.json()["status"]) == (200, "queued")


async def test_a_file_of_another_length_is_saved_as_it_is_on_request(vault: ApiVault) -> None:
    await vault.add()
    job = await fail_by_length(vault.store, await vault.claim())
    answer = await vault.client.post(f"/api/jobs/{job.id}/retry", {"as_it_is": True})

    assert (answer.status, answer.json()["status"]) == (200, "queued")
    assert await accepted_reasons(vault.store.records, job.id) == {str(job.error)}


async def test_nothing_is_saved_as_it_is_that_was_not_asked_about(vault: ApiVault) -> None:
    job = await vault.add_failed()
    answer = await vault.client.post(f"/api/jobs/{job.id}/retry", {"as_it_is": True})

    assert (answer.status, answer.json()["code"]) == (422, "BAD_REQUEST")
    assert (await vault.store.catalogue.get(job.id)).status is JobStatus.FAILED


async def test_a_cancelled_job_stays_cancelled_and_its_worker_is_notified(vault: ApiVault) -> None:
    await vault.add()
    claim = await vault.claim()
    answer = await vault.client.post(f"/api/jobs/{claim.id}/cancel")
    await vault.clock.settle()

    assert (answer.status, answer.json()["status"]) == (200, "cancelled")
    assert vault.cancelled == [claim.id]


async def test_a_planned_retry_can_be_cancelled(vault: ApiVault) -> None:
    job = await vault.add_failed(retry_in=timedelta(minutes=1))

    assert (await vault.client.post(f"/api/jobs/{job.id}/cancel")).json()["retry_at"] is None


@pytest.mark.parametrize("move", ["retry", "cancel"])
async def test_a_saved_job_can_be_neither_retried_nor_cancelled(vault: ApiVault, move: str) -> None:
    job = await vault.add_saved()
    answer = await vault.client.post(f"/api/jobs/{job.id}/{move}")

    assert (answer.status, answer.json()["code"]) == (409, "ILLEGAL_MOVE")


async def test_removing_a_job_leaves_its_files(vault: ApiVault) -> None:
    job = await vault.add_saved()
    answer = await vault.client.delete(f"/api/jobs/{job.id}")

    assert (answer.status, answer.json()["id"]) == (200, job.id)
    assert (await vault.client.get(f"/api/jobs/{job.id}")).status == 404
    assert len(list((vault.downloads / "jane").iterdir())) == 3


async def test_removing_with_files_leaves_nothing(vault: ApiVault) -> None:
    job = await vault.add_saved()

    assert (await vault.client.delete(f"/api/jobs/{job.id}?files=true")).status == 200
    assert [path for path in vault.downloads.iterdir() if not path.name.startswith(".")] == []


async def test_a_job_whose_files_cannot_be_moved_now_is_in_the_trash_and_they_follow_later(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await vault.add_saved()

    async def stuck(*_: str) -> bool:
        raise StorageFailure("The folder cannot be written.")

    with monkeypatch.context() as patched:
        patched.setattr(vault.services.library, "move", stuck)
        answer = await vault.client.delete(f"/api/jobs/{job.id}?files=true")
    assert answer.status == 200
    assert (vault.downloads / str(job.output_path)).is_file()

    await empty_old(Trash(vault.store, vault.services.library, vault.clock), vault.services.live)
    assert not (vault.downloads / str(job.output_path)).exists()
    restored = await vault.client.post(f"/api/trash/{job.id}/restore")
    assert restored.json()["status"] == "completed"
    assert (vault.downloads / str(job.output_path)).is_file()


async def test_the_trash_is_listed_and_emptied(vault: ApiVault) -> None:
    job = await vault.add_saved()
    await vault.client.delete(f"/api/jobs/{job.id}?files=true")
    listed = (await vault.client.get("/api/trash")).json()

    assert [(post["job"]["id"], post["bytes"]) for post in listed["posts"]] == [(job.id, job.bytes)]
    assert listed["bytes"] == job.bytes
    assert (await vault.client.delete("/api/trash")).json() == {"jobs": 1}
    assert (await vault.client.delete(f"/api/trash/{job.id}")).status == 404
    assert list((vault.downloads / ".trash").rglob("*.mp4")) == []


async def test_removing_a_running_job_notifies_its_worker(vault: ApiVault) -> None:
    await vault.add()
    claim = await vault.claim()
    await vault.client.delete(f"/api/jobs/{claim.id}?files=true")
    await vault.clock.settle()

    assert vault.cancelled == [claim.id]


async def test_no_get_changes_anything(vault: ApiVault) -> None:
    job = await vault.add_failed()
    for move in ("retry", "cancel"):
        assert (await vault.client.get(f"/api/jobs/{job.id}/{move}")).status == 405


async def test_a_failing_store_is_503_with_retry_after(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: object) -> None:
        raise StoreError("The database does not answer.")

    monkeypatch.setattr(vault.store.queue, "enqueue", down)
    monkeypatch.setattr(vault.store.catalogue, "jobs", down)
    answer = await vault.client.get("/api/jobs")

    assert (answer.status, answer.json()["code"], answer.headers["retry-after"]) == (
        503,
        "STORE_UNAVAILABLE",
        "5",
    )


async def test_the_api_describes_itself(vault: ApiVault) -> None:
    document = (await vault.client.get("/openapi.json")).json()

    assert {
        "/api/jobs",
        "/api/jobs/{job_id}",
        "/api/events",
        "/healthz",
        "/files/{job_id}/video",
    } <= set(document["paths"])
    assert "HTTPValidationError" not in str(document)
