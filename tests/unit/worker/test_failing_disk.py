"""A disk that fails during an attempt: the job waits,
whatever stage hits the fault and whatever error is reported.
"""

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
from mediavault.core.messages import Message
from mediavault.store.port import Store
from mediavault.worker.context import WorkerContext
from mediavault.worker.pipeline import process_one_cycle
from tests.fakes import FakeClock
from tests.stubs import StubDownloader, make_context, worked

# Operation that fails -> the object that accesses the disk there, and its method
DISK_ACCESSES: dict[str, Callable[[WorkerContext], tuple[object, str]]] = {
    "a folder for the attempt": lambda context: (context.library.staging, "folder"),
    "extracting": lambda context: (context.extractors["browser"], "extract"),
    "emptying it": lambda context: (context.library.staging, "empty"),
    "cookies of the profile": lambda context: (context.browser, "cookies"),
    "downloading": lambda context: (context.downloader, "fetch"),
    "probing": lambda context: (context.probe, "examine"),
    "a still": lambda context: (context.probe, "still"),
    "sealing": lambda context: (context.library.staging, "seal"),
    "a free name": lambda context: (context.library, "free_name"),
    "placing": lambda context: (context.library, "place"),
    "the sidecar": lambda context: (context.library, "place_json"),
}
FAULTS = (
    errno.EIO, errno.EROFS, errno.ESTALE, errno.ENOTCONN, errno.ENXIO, errno.ENODEV, errno.ENOENT,
    errno.EACCES, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EUCLEAN,
)  # fmt: skip


def broken(code: int, path: Path) -> Callable[..., Any]:
    def breaks(*_: object, **__: object) -> Any:
        raise OSError(code, os.strerror(code), str(path))

    return breaks


def context_that_breaks(
    store: Store,
    clock: FakeClock,
    tmp_path: Path,
    where: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
) -> WorkerContext:
    # read by the second strategy
    answers = (NetworkFailure("reset"),) if where == "cookies of the profile" else ()
    context = make_context(store, clock, tmp_path, downloader=StubDownloader(*answers))
    owner, method = DISK_ACCESSES[where](context)
    monkeypatch.setattr(owner, method, broken(code, tmp_path / ".staging" / "job.1" / "media.part"))
    return context


@pytest.mark.parametrize("where", DISK_ACCESSES)
async def test_a_failing_disk_uses_up_no_attempt_at_any_stage(
    where: str,
    store: Store,
    clock: FakeClock,
    claim: ClaimedJob,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context = context_that_breaks(store, clock, tmp_path, where, errno.EIO, monkeypatch)

    job = await worked(claim, context)

    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.STORAGE)
    assert job.retry_at is not None
    assert job.max_attempts - job.attempt_count == 5
    assert job.error is not None
    assert str(tmp_path / ".staging") in job.error
    assert "dmesg" in job.error


@pytest.mark.parametrize("code", FAULTS, ids=errno.errorcode.get)
async def test_no_attempt_is_used_up_whatever_disk_error_the_system_reports(
    code: int,
    store: Store,
    clock: FakeClock,
    claim: ClaimedJob,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context = context_that_breaks(store, clock, tmp_path, "a still", code, monkeypatch)

    job = await worked(claim, context)

    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.STORAGE)
    assert job.max_attempts - job.attempt_count == 5
    assert os.strerror(code) in (job.error or "")


@pytest.mark.parametrize("code", [errno.EEXIST, errno.EINVAL], ids=errno.errorcode.get)
async def test_an_error_that_no_machine_is_to_blame_for_is_a_bug(
    code: int,
    store: Store,
    clock: FakeClock,
    claim: ClaimedJob,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure_logs("error", io.StringIO())  # the traceback of a bug takes long to write
    context = context_that_breaks(store, clock, tmp_path, "a still", code, monkeypatch)

    assert (await worked(claim, context)).error_code is ErrorCode.INTERNAL


async def test_the_history_shows_which_stage_hit_the_fault(
    store: Store,
    clock: FakeClock,
    claim: ClaimedJob,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await process_one_cycle(
        claim, context_that_breaks(store, clock, tmp_path, "probing", errno.EIO, monkeypatch)
    )

    failed = [
        record
        for record in await store.catalogue.history(claim.id)
        if record.outcome is StepOutcome.FAILED
    ]
    assert (failed[0].stage, failed[0].error_code) == (Stage.VALIDATE, ErrorCode.STORAGE)
    assert isinstance(failed[0].detail, Message), "pages translate it"
