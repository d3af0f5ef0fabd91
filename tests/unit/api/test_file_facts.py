"""Checks and formats of saved files over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import cast

import pytest
from structlog.testing import capture_logs

from mediavault.core.media import ProbeReport
from mediavault.core.records import CHECK_KINDS, CheckVerdict, FileCheck, RecordKind, checks_to_json
from mediavault.store.file_checks import note_end
from tests.file_stubs import StubChecks, StubFormats
from tests.http_vault import SHA256, ApiVault


def formats_of(vault: ApiVault) -> StubFormats:
    return cast("StubFormats", vault.services.formats)


def checks_of(vault: ApiVault) -> StubChecks:
    return cast("StubChecks", vault.services.checks)


async def test_a_check_is_started_and_its_result_reported(vault: ApiVault) -> None:
    job = await vault.add_saved()
    started = await vault.client.post(f"/api/jobs/{job.id}/verify")
    record = checks_to_json({0: FileCheck(vault.clock.now(), CheckVerdict.CHANGED, "other bytes")})
    await vault.store.records.put(RecordKind.VERIFIED, job.id, record)
    report = (await vault.client.get(f"/api/jobs/{job.id}/verify")).json()

    assert (started.status, started.json()) == (
        202,
        {"running": False, "files": {}, "every_picture_decoded_at": None},
    )
    assert checks_of(vault).begun == [job.id]
    assert report["files"]["0"] | {"at": ""} == {
        "at": "",
        "verdict": "changed",
        "detail": "other bytes",
    }


async def test_a_job_without_files_cannot_be_checked(vault: ApiVault) -> None:
    job = await vault.add_failed()

    assert (await vault.client.post(f"/api/jobs/{job.id}/verify")).status == 404
    assert checks_of(vault).begun == []


async def test_an_unreadable_record_counts_as_missing(vault: ApiVault) -> None:
    job = await vault.add_saved()
    await vault.store.records.put(RecordKind.VERIFIED, job.id, {"0": {"verdict": "splendid"}})

    with capture_logs() as lines:
        answer = await vault.client.get(f"/api/jobs/{job.id}/verify")

    assert answer.json()["files"] == {}
    [line] = lines
    assert (line["event"], line["job_id"], line["trace_id"]) == (
        "record_not_read",
        job.id,
        job.trace_id,
    )


async def test_a_checks_result_is_removed_with_its_job(vault: ApiVault) -> None:
    job = await vault.add_saved()
    for kind in CHECK_KINDS:
        await vault.store.records.put(kind, job.id, {})
    await vault.client.delete(f"/api/jobs/{job.id}")

    assert [await vault.store.records.all(kind) for kind in CHECK_KINDS] == [[], []]


async def test_the_format_of_a_saved_file_is_read(vault: ApiVault) -> None:
    job = await vault.add_saved()
    formats_of(vault).reports[SHA256] = ProbeReport("matroska", "h264", "aac", 4.0, 320, 180)
    answer = await vault.client.get(f"/api/jobs/{job.id}/items/0/format")

    assert answer.json() == {"container": "matroska", "video_codec": "h264", "audio_codec": "aac"}
    assert (await vault.client.get(f"/api/jobs/{job.id}/items/7/format")).status == 404


async def test_a_format_that_cannot_be_read_is_null(vault: ApiVault) -> None:
    job = await vault.add_saved()

    assert (await vault.client.get(f"/api/jobs/{job.id}/items/0/format")).json()[
        "container"
    ] is None


@pytest.mark.parametrize("path", ["sidecar", "items/0/sidecar"])
async def test_the_sidecar_can_be_downloaded(vault: ApiVault, path: str) -> None:
    job = await vault.add_saved()
    answer = await vault.client.get(f"/files/{job.id}/{path}")

    assert (answer.status, answer.body) == (200, b"{}")
    assert answer.headers["content-disposition"].startswith("attachment")


async def test_it_is_reported_when_every_picture_was_decoded(vault: ApiVault) -> None:
    job = await vault.add_saved()
    await note_end(vault.store, job.id, vault.clock.now())
    report = (await vault.client.get(f"/api/jobs/{job.id}/verify")).json()

    assert datetime.fromisoformat(report["every_picture_decoded_at"]) == vault.clock.now()
