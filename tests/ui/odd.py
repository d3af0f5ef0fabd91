"""A vault with rare cases side by side: posts that are partly saved, do not play or have chapters,
paused sites, workers of two versions, changed settings.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

from mediavault import __version__
from mediavault.core.failures import ErrorCode, StoreError
from mediavault.core.job import (
    ItemStatus,
    Job,
    JobId,
    JobItem,
    JobStatus,
    Stage,
    WorkerHeartbeat,
    WorkerId,
)
from mediavault.core.media import Item, ItemRole, SavedFile
from mediavault.core.records import CheckVerdict, FileCheck, RecordKind, checks_to_json
from mediavault.store.holds import pause
from mediavault.store.port import StoredJob
from mediavault.store.search_words import WordSource
from tests import media
from tests.ui import sample
from tests.ui.vault import Vault

UNPLAYABLE, PARTLY, MISSING, WAITS, CHAPTERS = range(500, 505)  # the posts' numbers
HOUR = timedelta(hours=1)
LONG_TEXT = "Filmed from the harbour wall, in one take. https://harbour.example/diary?day=12\n" * 30


def id_of(number: int) -> JobId:
    return sample.post(number).id


async def fill(vault: Vault) -> None:
    """Add them to a vault without posts."""
    store, downloads = vault.store, vault.downloads
    now = (await store.catalogue.report()).at
    await sample.store_saved(store, downloads, media.flv(), "flv", number=UNPLAYABLE)
    await _with_subtitles(
        vault,
        await sample.store_saved(
            store, downloads, media.subtitled("mp4", 6.0), "mp4", number=CHAPTERS
        ),
    )
    gone = await sample.store_saved(store, downloads, media.mp4(), "mp4", number=MISSING)
    checks = {0: FileCheck(now, CheckVerdict.MISSING, "It is not below the download folder.")}
    await store.records.put(RecordKind.VERIFIED, gone.id, checks_to_json(checks))
    await store.records.put(RecordKind.DAMAGED, gone.id, {"verdicts": [CheckVerdict.MISSING]})
    await store.catalogue.import_jobs(
        [
            StoredJob(_partly(vault, sample.post(PARTLY))),
            StoredJob(_waiting_for_a_person(sample.post(WAITS))),
        ]
    )
    await store.queue.enqueue([vault.opened.submit("https://vimeo.com/76979871")])
    for platform, code, reason in (
        ("instagram", ErrorCode.ACCOUNT_WARNING, "The site says that it saw something unusual."),
        ("tiktok", ErrorCode.RATE_LIMITED, "429 Too Many Requests"),
    ):
        await store.site_limits.pause_site(platform, duration=6 * HOUR, code=code, reason=reason)
    for site in (None, "vimeo"):
        await pause(store.records, site)
    for number, version in enumerate((__version__, "0.0.9")):
        await store.workers.heartbeat(
            WorkerHeartbeat(
                worker=WorkerId(f"w-odd-{number}"),
                host=f"cellar-{number}",
                pid=4711 + number,
                version=version,
                started_at=now,
                last_seen_at=now,
                draining=bool(number),
                platforms=("x", "tiktok"),
                signed_in=("x", "instagram"),
            )
        )
    await vault.opened.live.change("concurrency", 5, by="192.168.1.20")
    await vault.opened.live.change("name_template", "{id} {title}", by="")


async def _with_subtitles(vault: Vault, job: Job) -> None:
    for language, text in (("en", "The marigolds are out"), ("de", "Die Ringelblumen")):
        path = (vault.downloads / (job.output_path or "")).with_suffix(f".{language}.vtt")
        path.write_text(
            f"WEBVTT\n\n00:01.000 --> 00:02.000\n{text}\n\n00:03.000 --> 00:04.000\nHa!\n"
        )
    await vault.store.catalogue.put_words(job.id, WordSource.SUBTITLES, " marigolds out")


def break_(vault: Vault) -> None:
    """Make the jobs of the library unreadable."""

    async def be_away(*_: object, **__: object) -> NoReturn:
        raise StoreError("The database does not answer.")

    vault.store.catalogue.jobs = be_away  # type: ignore[method-assign]


def _partly(vault: Vault, job: Job) -> Job:
    """Return a post with two of three videos saved, and a long text."""
    video = media.mp4()
    items = [_saved(vault, video, index) for index in range(2)]
    items.append(
        JobItem(
            Item(role=ItemRole.QUOTED),
            ItemStatus.FAILED,
            None,
            ErrorCode.DRM,
            "The video is encrypted.",
        )
    )
    error = "2 of 3 videos are kept; the other is copy-protected."
    return replace(
        job,
        status=JobStatus.FAILED,
        stage=Stage.FAIL,
        attempt_count=2,
        error_code=ErrorCode.PARTIAL,
        error=error,
        failed_at=job.created_at,
        items=tuple(items),
        metadata={**job.metadata, "text": LONG_TEXT},
    )


def _saved(vault: Vault, video: bytes, index: int) -> JobItem:
    path = vault.downloads / "odd" / f"part {index}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(video)
    sha256 = hashlib.sha256(video).hexdigest()
    saved_file = SavedFile(
        str(path.relative_to(vault.downloads)), None, len(video), sha256, 2.0, 320, 180
    )
    return JobItem(Item(media_id=str(index)), ItemStatus.SAVED, saved_file)


def _waiting_for_a_person(job: Job) -> Job:
    return replace(
        job,
        platform="instagram",
        status=JobStatus.FAILED,
        stage=Stage.FAIL,
        attempt_count=1,
        error_code=ErrorCode.CHALLENGE,
        error="The site wants to see that a human is there.",
        failed_at=job.created_at,
    )
