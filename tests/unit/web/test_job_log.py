"""A job's log as text: everything that helps, and no secrets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mediavault.core.failures import ErrorCode
from mediavault.core.job import (
    HistoryRecord,
    ItemStatus,
    Job,
    JobId,
    JobItem,
    JobStatus,
    Stage,
    StepOutcome,
    StrategyName,
)
from mediavault.core.media import Account, Candidate, FoundIn, Item, SavedFile, SourceType
from mediavault.core.records import CheckVerdict, FileCheck
from mediavault.web.pages.job_log import job_log
from tests.http_vault import ApiVault

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
CANARY = "CANARY7f3a"


async def test_the_log_contains_the_history_the_facts_and_the_versions(vault: ApiVault) -> None:
    job = await vault.add_saved()
    answer = await vault.client.get(f"/jobs/{job.id}/log")

    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert (
        answer.headers["content-disposition"]
        == f'attachment; filename="mediavault-job-{job.id}.txt"'
    )
    for text in (
        job.id,
        "status: completed",
        "jane/A film [1].mp4",
        "attempt 1  claim",
        "== Versions",
        "mediavault: ",
    ):
        assert text in answer.text


async def test_the_log_of_an_unknown_job_is_not_found(vault: ApiVault) -> None:
    assert (await vault.client.get("/jobs/00000000-0000-7000-8000-000000000000/log")).status == 404


def hostile_job() -> Job:
    """A secret in every field that may hold one."""
    signed = f"https://u:{CANARY}@cdn.example/~hmac={CANARY}/v.mp4?sig={CANARY}"
    file = SavedFile(f"jane/token={CANARY}.mp4", None, 10, "ab" * 32, 4.0, 320, 180)
    item = JobItem(Item(), ItemStatus.FAILED, file, ErrorCode.HTTP_ERROR, f"Cookie: a={CANARY}")
    candidates = (
        Candidate(signed, SourceType.DIRECT, FoundIn.API, headers={"Referer": CANARY}, note=CANARY),
        Candidate(f"data:application/dash+xml,{CANARY}", SourceType.DASH, FoundIn.DOM),
    )
    return replace(
        Job(JobId("1"), "t", signed, signed, "x", JobStatus.FAILED, AT, AT),
        metadata={"title": f"hello token={CANARY}\nAuthorization: Bearer {CANARY}"},
        account=Account("x", f"Cookie: {CANARY}", None, "jane"),
        items=(item, JobItem(Item(), ItemStatus.SAVED, file)),
        candidates=candidates,
        chosen_urls=(signed,),
        extracted_url=signed,
        error_code=ErrorCode.HTTP_ERROR,
        error=f"403 at {signed}; Set-Cookie: x={CANARY}",
    )


def test_no_secret_of_any_field_is_in_the_log() -> None:
    history = [
        HistoryRecord(
            AT,
            1,
            Stage.DOWNLOAD,
            StepOutcome.FAILED,
            StrategyName.PLAIN,
            None,
            f"Cookie: b={CANARY}",
        )
    ]
    checks = {1: FileCheck(AT, CheckVerdict.UNREADABLE, f"access_token={CANARY}")}
    text = job_log(hostile_job(), history, checks=checks, versions={}, at=AT)

    assert CANARY not in text
    assert "https://cdn.example/~hmac=…" in text
    assert "an inline manifest" in text


def test_line_breaks_in_untrusted_text_add_no_lines() -> None:
    job = replace(
        hostile_job(), metadata={"title": "one\n== History\u202etwo"}, error="three\r\nfour"
    )
    lines = job_log(job, [], checks={}, versions={}, at=AT + timedelta(hours=1)).splitlines()

    assert lines.count("== History") == 1
    assert "title: one == History two" in lines
