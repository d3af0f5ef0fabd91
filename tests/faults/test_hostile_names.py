"""Posts whose titles, accounts and ids are chosen to collide or to break a file system:
each keeps its own files.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import subprocess
import sys
import unicodedata
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.job import Job, JobStatus
from mediavault.core.media import DownloadedFile, Extraction, Post, ProbeReport, account
from mediavault.core.platform import Platform
from mediavault.library.local_library import LocalLibrary
from mediavault.worker.context import WorkerContext
from mediavault.worker.library_watch import ensure_library_id
from mediavault.worker.worker import Worker, WorkerLimits
from tests.contract.stores import LEASE
from tests.faults.disk_worker import PostDownloader
from tests.faults.mounts import exfat
from tests.faults.test_processes import environment
from tests.faults.vault_on_disk import VaultOnDisk, all_completed
from tests.faults.worker_process import media_of
from tests.stubs import StubExtractor, StubProbe, candidate, extraction, make_context

TITLES = (
    "A clip", "a CLIP", "A clip.", "A clip ", "A clip...", "A\x00clip", "A/clip", "A\\clip",
    "A:clip?", "A\u200bclip", "Caf\u00e9", "Cafe\u0301", "CAFE\u0301", "\ufb01lm", "film", "FILM",
    "\u212bngstrom", "\u00c5ngstrom", "A\u030angstrom", "stra\u00dfe", "STRASSE", "\u0130stanbul",
    "istanbul", "\u202egpj.exe", "\u05e9\u05dc\u05d5\u05dd", "\U0001f600", "\U0001f600\ufe0f",
    "CON", "con", "NUL.mp4", "COM1", "..", ".", "", "../../../etc/passwd", "~", "-rf", ".hidden",
    "\ud800", "half\udfff of a pair", "n" * 300, "\u00e4" * 300, "\U0001f600" * 90,
    "one\nline\r\nmore", "\t", "$(reboot)", "%00",
    "a\u0300\u0301\u0302" * 40,
)  # fmt: skip
ACCOUNTS = (
    "ann",
    "ANN",
    "CON",
    "..",
    "../../root",
    "\u00e4nn",
    "a\u0308nn",
    "\ud800",
    "",
    "n" * 300,
    "a.",
    "\U0001f600",
)
POST_IDS = (None, "1", "aB", "ab", "..", "/", "CON", "\ud800", "1." * 40)
LETTERS = "aA\u00e4\u00c4\u0308e\u0301.: /\\\x00\u202e\U0001f600\ud800\udc00CON~-[]()2"
RESERVED = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{kind}{number}" for kind in ("com", "lpt") for number in range(10)),
}
MADE_UP = 40
FORMS = ("mp4", "webm")  # containers, so that names differ only by their suffix


def names_of(number: int) -> tuple[str, str, str | None]:
    """Return title, account and id of a post: first each title with one account and one id,
    then mixtures.
    """
    if number < 2 * len(TITLES):
        return TITLES[number // 2], "ann", "1"
    chance = random.Random(number)
    title = "".join(chance.choices(LETTERS, k=chance.choice((1, 2, 30, 200))))
    return chance.choice((title, *TITLES)), chance.choice(ACCOUNTS), chance.choice(POST_IDS)


def number_of(post_url: str) -> int:
    return int(PurePosixPath(post_url).name)


class HostileExtractor(StubExtractor):
    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
        title, handle, post_id = names_of(number_of(post.url))
        result = extraction(candidate(f"{post.url}/media"), post=replace(post, post_id=post_id))
        return replace(result, title=title, account=account("generic", handle, handle))


class TwoForms(StubProbe):
    """Reports a different container for every other post."""

    def __init__(self) -> None:
        super().__init__()
        self._forms = deque(FORMS)

    async def examine(self, file: DownloadedFile) -> ProbeReport:
        self._forms.rotate()
        return replace(await super().examine(file), container=self._forms[0])


def context_of(vault: VaultOnDisk, store: object) -> WorkerContext:
    return make_context(
        store,  # type: ignore[arg-type]
        SystemClock(),
        vault.downloads,
        extractor=HostileExtractor(),
        downloader=PostDownloader(),
        probe=TwoForms(),
    )


async def saved(vault: VaultOnDisk, count: int) -> Sequence[Job]:
    """Return all posts, saved by a worker of four slots:
    neighbours want the same name at the same time.
    """
    await vault.accept(count)
    limits = WorkerLimits(
        concurrency=4,
        poll_interval_s=0.05,
        heartbeat_interval_s=5.0,
        lease=LEASE,
        shutdown_grace_s=3.0,
    )
    stop = asyncio.Event()
    async with vault.store() as store:
        await ensure_library_id(store, LocalLibrary(vault.downloads))
        worker = Worker(context_of(vault, store), limits, live_folder=vault.state / "workers")
        working = asyncio.create_task(worker.run(stop))
        vault.log.touch()
        try:
            return await vault.until(all_completed, within_s=60)
        finally:
            stop.set()
            await working


def complaints(vault: VaultOnDisk, jobs: Sequence[Job]) -> Iterator[str]:
    """Yield what is wrong with the saved files: each job must have its own,
    and all names must be valid anywhere.
    """
    paths = [path for job in jobs for path in (job.output_path, job.thumbnail_path) if path]
    yield from (f"{path!r} is named twice" for path in paths if paths.count(path) > 1)
    for path in paths:
        yield from (
            f"{part!r} in {path!r}" for part in PurePosixPath(path).parts if not is_good(part)
        )
    for job in jobs:
        assert job.output_path
        body = (vault.downloads / job.output_path).read_bytes()
        if body != media_of(job.post_url) or hashlib.sha256(body).hexdigest() != job.sha256:
            yield f"{job.output_path!r} is not the video of {job.post_url}"
        sidecar = json.loads(
            (vault.downloads / job.output_path).with_suffix(".info.json").read_text()
        )
        if sidecar["job_id"] != job.id:
            yield f"the sidecar beside {job.output_path!r} is another job's"


def is_good(part: str) -> bool:
    """Return whether the name is valid on every common system."""
    return (
        0 < len(part.encode()) <= 255
        and part == part.strip(" .")
        and part.partition(".")[0].strip().lower() not in RESERVED
        and not set(part) & set('<>:"/\\|?*')
        and all(unicodedata.category(character) not in ("Cc", "Cf", "Cs") for character in part)
    )


@pytest.mark.fault(
    "F48",
    "hostile names",
    by="titles, accounts and ids that collide; an exFAT disk, and the usual one",
)
@pytest.mark.parametrize("disk", ["exfat", "usual"])
async def test_hostile_names_give_every_job_its_own_files(tmp_path: Path, disk: str) -> None:
    vault = VaultOnDisk(tmp_path)
    mounted = (
        exfat(vault.downloads, tmp_path / "disk")
        if disk == "exfat"
        else nullcontext(vault.downloads)
    )
    count = 2 * len(TITLES) + MADE_UP
    with mounted:
        folder = vault.downloads / "generic-ann"
        folder.mkdir()
        (folder / "somebody's own.MP4").write_bytes(b"mine")
        jobs = await saved(vault, count)
        wrong = list(complaints(vault, jobs))
        verified = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "mediavault", "verify", "--read-data", "--json"],
            env=environment(vault),
            capture_output=True,
            text=True,
            check=False,
        )
        mine = (folder / "somebody's own.MP4").read_bytes()

    assert [job.status for job in jobs] == [JobStatus.COMPLETED] * count
    assert wrong == []
    findings = [json.loads(line) for line in verified.stdout.splitlines()]
    assert findings[-1]["findings"] == {"orphan": 1}, findings[:5]
    assert (findings[-1]["videos"], mine) == (count, b"mine")
