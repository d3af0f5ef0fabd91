"""Checks and formats of saved files over HTTP."""

from __future__ import annotations

from typing import cast

import pytest
from structlog.testing import capture_logs

from mediavault.core.media import ProbeReport
from mediavault.core.records import CheckVerdict, FileCheck, RecordKind, written_checks
from tests.file_desk_stubs import StubChecks, StubFormats
from tests.http_vault import SHA256, House


def formats_of(house: House) -> StubFormats:
    return cast("StubFormats", house.services.formats)


def checks_of(house: House) -> StubChecks:
    return cast("StubChecks", house.services.checks)


async def test_a_check_is_begun_and_its_answer_told(house: House) -> None:
    job = await house.add_kept()
    begun = await house.client.post(f"/api/jobs/{job.id}/verify")
    found = written_checks({0: FileCheck(house.clock.now(), CheckVerdict.CHANGED, "other bytes")})
    await house.store.records.put(RecordKind.VERIFIED, job.id, found)
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
    await house.store.records.put(RecordKind.VERIFIED, job.id, {"0": {"verdict": "splendid"}})

    with capture_logs() as lines:
        answer = await house.client.get(f"/api/jobs/{job.id}/verify")

    assert answer.json() == {"running": False, "files": {}}
    [line] = lines
    assert (line["event"], line["job_id"], line["trace_id"]) == ("record_not_read", job.id, job.trace_id)


async def test_what_a_check_found_goes_with_its_job(house: House) -> None:
    job = await house.add_kept()
    await house.store.records.put(RecordKind.VERIFIED, job.id, {})
    await house.client.delete(f"/api/jobs/{job.id}")

    assert await house.store.records.all(RecordKind.VERIFIED) == []


async def test_the_format_of_a_saved_file_is_read(house: House) -> None:
    job = await house.add_kept()
    formats_of(house).reports[SHA256] = ProbeReport("matroska", "h264", "aac", 4.0, 320, 180)
    answer = await house.client.get(f"/api/jobs/{job.id}/items/0/format")

    assert answer.json() == {"container": "matroska", "video_codec": "h264", "audio_codec": "aac"}
    assert (await house.client.get(f"/api/jobs/{job.id}/items/7/format")).status == 404


async def test_a_format_that_cannot_be_read_is_null(house: House) -> None:
    job = await house.add_kept()

    assert (await house.client.get(f"/api/jobs/{job.id}/items/0/format")).json()["container"] is None


@pytest.mark.parametrize("path", ["sidecar", "items/0/sidecar"])
async def test_the_sidecar_can_be_saved(house: House, path: str) -> None:
    job = await house.add_kept()
    answer = await house.client.get(f"/files/{job.id}/{path}")

    assert (answer.status, answer.body) == (200, b"{}")
    assert answer.headers["content-disposition"].startswith("attachment")
