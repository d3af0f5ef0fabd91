"""A disk that fails under an attempt: the job waits for it, whatever stage meets it and whatever the system says."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.failures import ErrorCode, NetworkFailure
from mediavault.core.job import ClaimedJob, JobStatus, Stage, StepOutcome
from mediavault.core.logs import configure_logs
from mediavault.store.port import Store
from mediavault.worker.context import WorkerContext
from mediavault.worker.pipeline import process_one_cycle
from tests.fakes import FakeClock
from tests.stubs import StubDownloader, make_tools, worked

# What breaks off -> the object of the tools that meets the disk there, and its method
MEETS_THE_DISK: dict[str, Callable[[WorkerContext], tuple[object, str]]] = {
    "a folder for the attempt": lambda tools: (tools.vault.staging, "folder"),
    "extracting": lambda tools: (tools.extractors["browser"], "extract"),
    "emptying it": lambda tools: (tools.vault.staging, "empty"),
    "cookies of the profile": lambda tools: (tools.browser, "cookies"),
    "downloading": lambda tools: (tools.downloader, "fetch"),
    "probing": lambda tools: (tools.probe, "examine"),
    "a still": lambda tools: (tools.probe, "still"),
    "sealing": lambda tools: (tools.vault.staging, "seal"),
    "a free name": lambda tools: (tools.vault, "free_name"),
    "placing": lambda tools: (tools.vault, "place"),
    "the sidecar": lambda tools: (tools.vault, "place_json"),
}
FAULTS = (
    errno.EIO, errno.EROFS, errno.ESTALE, errno.ENOTCONN, errno.ENXIO, errno.ENODEV, errno.ENOENT, errno.EACCES,
    errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EUCLEAN,
)  # fmt: skip


def broken(code: int, path: Path) -> Callable[..., Any]:
    def breaks(*_: object, **__: object) -> Any:
        raise OSError(code, os.strerror(code), str(path))

    return breaks


def tools_that_break(
    store: Store, clock: FakeClock, tmp_path: Path, where: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> WorkerContext:
    answers = (NetworkFailure("reset"),) if where == "cookies of the profile" else ()  # asked for on the second rung
    tools = make_tools(store, clock, tmp_path, downloader=StubDownloader(*answers))
    owner, method = MEETS_THE_DISK[where](tools)
    monkeypatch.setattr(owner, method, broken(code, tmp_path / ".staging" / "job.1" / "media.part"))
    return tools


@pytest.mark.parametrize("where", MEETS_THE_DISK)
async def test_no_stage_loses_a_try_to_a_disk_that_fails(
    where: str, store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tools_that_break(store, clock, tmp_path, where, errno.EIO, monkeypatch)

    job = await worked(claim, tools)

    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.STORAGE)
    assert job.retry_at is not None
    assert job.max_attempts - job.attempt_count == 5
    assert job.error is not None
    assert str(tmp_path / ".staging") in job.error
    assert "dmesg" in job.error


@pytest.mark.parametrize("code", FAULTS, ids=errno.errorcode.get)
async def test_whatever_the_system_says_of_the_disk_no_try_is_lost(
    code: int, store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tools_that_break(store, clock, tmp_path, "a still", code, monkeypatch)

    job = await worked(claim, tools)

    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.STORAGE)
    assert job.max_attempts - job.attempt_count == 5
    assert os.strerror(code) in (job.error or "")


@pytest.mark.parametrize("code", [errno.EEXIST, errno.EINVAL], ids=errno.errorcode.get)
async def test_what_no_machine_is_to_blame_for_is_a_bug(
    code: int, store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_logs("error", io.StringIO())  # the traceback of a bug takes long to write
    tools = tools_that_break(store, clock, tmp_path, "a still", code, monkeypatch)

    assert (await worked(claim, tools)).error_code is ErrorCode.INTERNAL


async def test_the_history_tells_which_stage_met_the_fault(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await process_one_cycle(claim, tools_that_break(store, clock, tmp_path, "probing", errno.EIO, monkeypatch))

    failed = [one for one in await store.catalogue.history(claim.id) if one.outcome is StepOutcome.FAILED]
    assert (failed[0].stage, failed[0].error_code) == (Stage.VALIDATE, ErrorCode.STORAGE)
