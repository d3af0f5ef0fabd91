"""Checks and playable copies over HTTP."""

from __future__ import annotations

from typing import cast

import pytest
from structlog.testing import capture_logs

from mediavault.core.checks import FileCheck, Verdict, written_checks
from mediavault.core.copies import Copy, CopyStatus, CopyTrouble, MediaLook
from mediavault.core.records import RecordKind
from tests.file_desk_stubs import StubChecks, StubCopies
from tests.unit.api.conftest import SHA256, House

MATROSKA = MediaLook("matroska", "h264", "aac", copy_helps=True)


def copies_of(house: House) -> StubCopies:
    return cast("StubCopies", house.services.copies)


def checks_of(house: House) -> StubChecks:
    return cast("StubChecks", house.services.checks)


async def test_a_check_is_begun_and_its_answer_told(house: House) -> None:
    job = await house.add_kept()
    begun = await house.client.post(f"/api/jobs/{job.id}/verify")
    found = written_checks({0: FileCheck(house.clock.now(), Verdict.CHANGED, "other bytes")})
    await house.store.put_record(RecordKind.VERIFIED, job.id, found)
    told = (await house.client.get(f"/api/jobs/{job.id}/verify")).json()

    assert (begun.status, begun.json()) == (202, {"running": False, "files": {}})
    assert checks_of(house).begun == [job.id]
    assert told["files"]["0"] | {"at": ""} == {"at": "", "verdict": "changed", "detail": "other bytes"}


async def test_a_job_without_files_cannot_be_checked(house: House) -> None:
    job = await house.add_failed()

    assert (await house.client.post(f"/api/jobs/{job.id}/verify")).status == 404
    assert checks_of(house).begun == []


async def test_a_record_that_cannot_be_read_counts_as_none(house: House) -> None:
    job = await house.add_kept()
    await house.store.put_record(RecordKind.VERIFIED, job.id, {"0": {"verdict": "splendid"}})

    with capture_logs() as lines:
        answer = await house.client.get(f"/api/jobs/{job.id}/verify")

    assert answer.json() == {"running": False, "files": {}}
    [line] = lines
    assert (line["event"], line["job_id"], line["trace_id"]) == ("record_not_read", job.id, job.trace_id)


async def test_what_a_check_found_goes_with_its_job(house: House) -> None:
    job = await house.add_kept()
    await house.store.put_record(RecordKind.VERIFIED, job.id, {})
    await house.client.delete(f"/api/jobs/{job.id}")

    assert await house.store.records(RecordKind.VERIFIED) == []


async def test_a_copy_is_asked_for_and_its_state_told(house: House) -> None:
    job = await house.add_kept()
    copies_of(house).looks[SHA256] = MATROSKA
    before = (await house.client.get(f"/api/jobs/{job.id}/items/0/playable")).json()
    asked = await house.client.post(f"/api/jobs/{job.id}/items/0/playable")

    assert (before["status"], before["video_codec"], before["copy_helps"]) == ("none", "h264", True)
    assert (asked.status, asked.json()["status"]) == (202, "making")
    assert copies_of(house).asked == [SHA256]


async def test_why_there_is_no_copy_is_said_in_words(house: House) -> None:
    job = await house.add_kept()
    copies_of(house).copies[SHA256] = Copy(CopyStatus.FAILED, CopyTrouble.CODEC)
    told = (await house.client.get(f"/api/jobs/{job.id}/items/0/playable")).json()

    assert told["trouble"] == "codec"
    assert "never re-encodes" in told["message"]


@pytest.mark.parametrize("path", ["playable", "items/0/playable"])
async def test_a_copy_is_served_in_parts(house: House, path: str) -> None:
    job = await house.add_kept(name="jane/A film [1].mkv")
    copies_of(house).folder.mkdir()
    (copies_of(house).folder / SHA256).write_bytes(bytes(range(100)))
    answer = await house.client.get(f"/files/{job.id}/{path}", range="bytes=10-19")

    assert (answer.status, answer.body) == (206, bytes(range(10, 20)))
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-security-policy"].startswith("sandbox")


async def test_a_copy_that_was_not_made_is_not_found(house: House) -> None:
    job = await house.add_kept()

    assert (await house.client.get(f"/files/{job.id}/playable")).status == 404
    assert (await house.client.get(f"/files/{job.id}/items/7/playable")).status == 404


@pytest.mark.parametrize("path", ["sidecar", "items/0/sidecar"])
async def test_the_sidecar_can_be_saved(house: House, path: str) -> None:
    job = await house.add_kept()
    answer = await house.client.get(f"/files/{job.id}/{path}")

    assert (answer.status, answer.body) == (200, b"{}")
    assert answer.headers["content-disposition"].startswith("attachment")
