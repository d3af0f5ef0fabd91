"""Failures of a server, a disk or a machine, and the code, message and retry time that are stored with the job."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mediavault.core.failures import BrowserUnavailable, ErrorCode
from mediavault.core.job import Job, JobStatus, WorkerId
from mediavault.core.media import Extraction, Post
from mediavault.core.platform import Platform, YtdlpRules
from mediavault.presentation.labels import help_for
from mediavault.services.download.fetcher import MediaFetcher
from mediavault.services.download.port import DownloadLimits
from mediavault.services.egress.client import AiohttpClient
from mediavault.services.egress.guard import EgressGuard
from mediavault.services.extraction.ytdlp_reading import read_answer
from mediavault.services.media.probe import FfmpegProbe
from mediavault.store.memory.store import MemoryJobStore
from mediavault.worker.context import WorkerContext
from mediavault.worker.pipeline import process_one_cycle
from tests import media
from tests.fakes import START, FakeClock
from tests.fault_server import FaultServer, Script, cut, fault_server, reply, serve
from tests.stubs import IN_PROCESS, UNSTARTED, StubBrowser, StubExtractor, candidate, extraction, make_tools, new_job

MINUTE = timedelta(minutes=1)
BODY = media.mp4(4.0)
LIMITS = DownloadLimits(max_bytes=50_000_000, reserve_bytes=0, resumes=1)


def spoiled(body: bytes) -> bytes:
    """Return ``body`` with its second half zeroed: the file is structurally complete, and does not decode."""
    return body[: len(body) // 2] + bytes(len(body) - len(body) // 2)


class WorkerRig:
    """A worker's tools with the real client, downloader and probe, a server on loopback and no browser."""

    def __init__(self, server: FaultServer, root: Path, probe: FfmpegProbe) -> None:
        self.server, self.root = server, root
        self.clock = FakeClock(auto=True)
        self.store = MemoryJobStore(self.clock)
        self.guard = EgressGuard((f"127.0.0.1:{server.port}",))
        self.client = AiohttpClient(self.guard, clock=self.clock)
        self.probe = probe

    def tools(self, extractor: StubExtractor | None = None) -> WorkerContext:
        post = Post(self.server.url("/post"), self.server.url("/post"), "generic", "1", "jane")
        url = self.server.url("/v.mp4?Expires=4102444800&Signature=a")
        extracted = extraction(candidate(url, signed=True), post=post)
        made = make_tools(
            self.store,
            self.clock,
            self.root,
            extractor=extractor or StubExtractor(extracted),
            browser=StubBrowser(BrowserUnavailable("There is no browser.")),
        )
        return replace(
            made,
            downloader=MediaFetcher(self.client, self.clock, UNSTARTED, IN_PROCESS),
            probe=self.probe,
            limits=LIMITS,
        )

    async def run(self, tools: WorkerContext) -> tuple[Job, datetime]:
        """Run one attempt; return the stored job and the time of its failure."""
        await self.store.open()
        await self.store.queue.enqueue([new_job(self.server.url("/post"), clock=self.clock)])
        (claim,) = await self.store.queue.claim(WorkerId("w-1"), limit=1, lease=timedelta(seconds=90))
        await process_one_cycle(claim, tools)
        job = await self.store.catalogue.get(claim.id)
        assert job.failed_at is not None
        return job, job.failed_at


@pytest.fixture
async def rig(tmp_path: Path, probe: FfmpegProbe) -> AsyncIterator[WorkerRig]:
    async with fault_server() as server:
        made = WorkerRig(server, tmp_path, probe)
        yield made
        await made.client.close()
        made.guard.close()


def assert_stored(job: Job, code: ErrorCode, message: str) -> None:
    assert (job.status, job.error_code) == (JobStatus.FAILED, code)
    assert message in (job.error or "")
    assert help_for(job.error_code)


@pytest.mark.parametrize(
    ("script", "code", "message"),
    [
        (reply(403), ErrorCode.LINK_EXPIRED, "403"),
        (reply(410), ErrorCode.LINK_EXPIRED, "410"),
        (reply(200, b"", Content_Type="video/mp4"), ErrorCode.EMPTY_BODY, "empty file"),
        (cut(serve(BODY), at=len(BODY) // 2), ErrorCode.INCOMPLETE, "interrupted the transfer"),
        (serve(spoiled(BODY)), ErrorCode.BAD_FILE, "damaged packets inside"),
    ],
    ids=["refused", "gone", "empty", "cut", "spoiled"],
)
async def test_a_failure_of_the_media_server_is_stored_and_retried_a_minute_later(
    script: Script, code: ErrorCode, message: str, rig: WorkerRig
) -> None:
    rig.server.on("/v.mp4", script)
    job, at = await rig.run(rig.tools())

    assert_stored(job, code, message)
    assert job.retry_at == at + MINUTE
    assert not list(rig.root.rglob("*.mp4"))


async def test_a_video_above_the_limit_is_stored_as_too_large_and_not_retried(rig: WorkerRig) -> None:
    rig.server.on("/v.mp4", serve(BODY))
    job, _ = await rig.run(replace(rig.tools(), limits=replace(LIMITS, max_bytes=len(BODY) - 1)))

    assert_stored(job, ErrorCode.TOO_LARGE, "at most")
    assert job.retry_at is None


async def test_a_full_disk_is_stored_and_retried_without_using_up_an_attempt(
    rig: WorkerRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(rig.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=len(BODY) - 1))
    rig.server.on("/v.mp4", serve(BODY))
    job, at = await rig.run(rig.tools())

    assert_stored(job, ErrorCode.NO_SPACE, "are free")
    assert job.retry_at == at + 5 * MINUTE
    assert job.max_attempts == 6


class WithoutYtdlp(StubExtractor):
    """Answers as the yt-dlp process does where the package is not installed."""

    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
        return read_answer({"missing": True}, post, platform, YtdlpRules(("tube",)), now=START)


async def test_a_missing_program_is_stored_and_retried_without_using_up_an_attempt(rig: WorkerRig) -> None:
    job, at = await rig.run(rig.tools(WithoutYtdlp()))

    assert_stored(job, ErrorCode.TOOL_MISSING, "yt-dlp is not installed")
    assert job.retry_at == at + 5 * MINUTE
    assert job.max_attempts == 6
