"""A sample vault: posts of many sites and accounts in every state, with real small videos and
pictures.

    python -m tests.ui.sample FOLDER [--posts 60]     # fills FOLDER/state and FOLDER/downloads
    MEDIAVAULT_STATE_DIR=FOLDER/state MEDIAVAULT_DOWNLOAD_DIR=FOLDER/downloads mediavault api

The posts are the same in every run, except for their times, which are before now. No site, person
or film in it is real.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from mediavault.core.clock import SystemClock
from mediavault.core.failures import ErrorCode
from mediavault.core.job import (
    ClaimedJob,
    HistoryRecord,
    ItemStatus,
    Job,
    JobId,
    JobItem,
    JobStatus,
    Stage,
    StepOutcome,
    StrategyName,
    WorkerId,
)
from mediavault.core.marks import Mark
from mediavault.core.media import Account, Candidate, FoundIn, Item, SavedFile, SourceType
from mediavault.core.messages import Message
from mediavault.store.port import Store, StoredJob
from mediavault.store.sqlite.store import SqliteJobStore
from tests.media import mp4, webm

PICTURES = 24
PICTURE = (640, 360)
LEASE = timedelta(hours=12)  # no worker runs here: jobs shown as running stay so
ANN = WorkerId("w-sample")

ACCOUNTS = (
    Account("x", "marsh_walks", "Marsh Walks", "marsh_walks"),
    Account("tiktok", "bread.before.six", "Bread before six", "bread.before.six"),
    Account("instagram", "halden.ceramics", "Haldén Ceramics", "halden.ceramics"),
    Account("youtube", "SlowTrains", "Slow Trains", "slowtrains"),
    Account("reddit", "r_tinyrobots", "r/tinyrobots", "r_tinyrobots"),
    Account("bluesky", "nightsky.example", "夜空ノート", "nightsky.example"),
    Account("vimeo", "studiokite", "Studio Kite", "studiokite"),
    Account("x", "harbour_cats", "Harbour Cats 🐈", "harbour_cats"),
)
TITLES = (
    "First frost on the reed beds, no wind at all",
    "How we score a loaf so that it opens like a book",
    "Throwing a lidded jar in one take",
    "Night train over the pass: the whole window view",
    "My robot learned to climb the stairs. It took 40 days.",
    "流星群の夜、海の上で",
    "Paper kites, twelve metres of string and one very patient dog",
    "Nobody told the ginger one that the boat is not hers",
    "Wie man ein Fenster neu verglast, ohne den Rahmen zu verlieren",
    "غروب الشمس فوق المرفأ القديم",
    "What the tide left: a walk in eight minutes",
    "Rye, water, salt, and the part where you wait",
)
TEXTS = (
    "",
    "Filmed with a phone on a fence post. Sound on.",
    "Part 3 of 5. The others are in the list.\nThanks for all the letters!",
)


@dataclass(frozen=True, slots=True)
class Trouble:
    code: ErrorCode
    error: str
    retry_in: timedelta | None = None


TROUBLES = (
    Trouble(ErrorCode.LOGIN_REQUIRED, "X shows this post only to signed-in visitors."),
    Trouble(ErrorCode.DELETED, "YouTube has no such video."),
    Trouble(ErrorCode.RATE_LIMITED, "Vimeo asked us to slow down.", timedelta(minutes=14)),
    Trouble(ErrorCode.AMBIGUOUS, "2 videos were found, and nothing says which is the post's."),
    Trouble(
        ErrorCode.NO_SPACE,
        (
            "The video needs 3,400 MB. 1,200 MB are free, of which 500 MB are kept free"
            " (MEDIAVAULT_RESERVE_MB)."
        ),
    ),
    Trouble(ErrorCode.LOGIN_REQUIRED, "X shows this post only to signed-in visitors."),
    Trouble(ErrorCode.NETWORK, "The name media.example has no address.", timedelta(hours=2)),
    Trouble(
        ErrorCode.NOT_AS_ANNOUNCED,
        Message(
            "The file was refused because %(reason)s.",
            reason=Message(
                "it lasts %(duration).1f s, but the post announced %(duration_s).1f s",
                duration=60.0,
                duration_s=600.0,
            ),
        ),
    ),
)

CANDIDATES = (
    Candidate((
        "https://media.example/harbour-1080.mp4"
    ), SourceType.DIRECT, FoundIn.NETWORK, width=1920, height=1080, size=48_200_000,
    duration_s=31.0),
    Candidate((
        "https://media.example/advert/main.m3u8"
    ), SourceType.HLS, FoundIn.DOM, width=1280, height=720, duration_s=15.0),
)  # fmt: skip


async def fill(
    store: Store, downloads: Path, *, posts: int = 60, now: datetime | None = None
) -> list[Job]:
    """Do the same as ``fill_and_claim``, and return only the saved posts."""
    return (await fill_and_claim(store, downloads, posts=posts, now=now))[0]


async def fill_and_claim(
    store: Store, downloads: Path, *, posts: int = 60, now: datetime | None = None
) -> tuple[list[Job], list[ClaimedJob]]:
    """Posts newest first: two running, two waiting, ``TROUBLES`` failed, one cancelled, all others
    saved.

    Returns the saved ones, and the claims of the two running ones.
    """
    moment = now or SystemClock().now()
    pictures = [picture(number) for number in range(PICTURES)]
    videos = [(mp4(4.0), "mp4"), (mp4(12.0), "mp4"), (webm(6.0), "webm")]
    saved = [_saved(number, moment, downloads, videos, pictures) for number in range(posts)]
    rest = [_failed(number, trouble, moment) for number, trouble in enumerate(TROUBLES)] + [
        _cancelled(moment)
    ]
    for start in range(0, len(saved), 500):
        await store.catalogue.import_jobs(saved[start : start + 500])
    await store.catalogue.import_jobs(rest)
    await store.catalogue.import_jobs(
        [_waiting(number, moment - timedelta(minutes=9)) for number in (1, 2)]
    )
    claims = await store.queue.claim(ANN, limit=2, lease=LEASE)
    for number, claim in enumerate(claims):
        await store.queue.progress(
            claim,
            stage=Stage.DOWNLOAD if number else Stage.EXTRACT,
            progress_pct=60,
            bytes_done=31_400_000 * number,
            bytes_total=88_000_000,
        )
    await store.catalogue.import_jobs([_waiting(number, moment) for number in (3, 4)])
    return [stored.job for stored in saved], claims


async def store_saved(
    store: Store, downloads: Path, video: bytes, suffix: str, *, number: int
) -> Job:
    """Store one more saved post, with this file. ``number`` must not be that of any other."""
    saved = _saved(number, SystemClock().now(), downloads, [(video, suffix)], [picture(number)])
    await store.catalogue.import_jobs([saved])
    return saved.job


def stored_post(number: int, at: datetime, items: Sequence[JobItem]) -> StoredJob:
    """Return a saved post with these items, whose files exist.
    ``number`` must not be that of any other.
    """
    first = next(item.saved for item in items if item.saved)
    job = _job(number, ACCOUNTS[number % len(ACCOUNTS)], TITLES[number % len(TITLES)], at)
    facts: dict[str, Any] = {
        "status": JobStatus.COMPLETED, "stage": Stage.COMPLETE, "attempt_count": 1,
        "started_at": at, "completed_at": at, "updated_at": at, "progress_pct": 100,
        "output_path": first.output_path, "thumbnail_path": first.thumbnail_path,
        "bytes": first.bytes, "sha256": first.sha256, "duration_s": first.duration_s,
        "width": first.width, "height": first.height,
        "items": tuple(items),
    }  # fmt: skip
    return StoredJob(_with(job, facts), (_record(at, Stage.COMPLETE, size=first.bytes),), ())


def post(number: int) -> Job:
    """Return a new post. Its id depends on its number, as with ``store_kept``."""
    return _job(
        number, ACCOUNTS[number % len(ACCOUNTS)], TITLES[number % len(TITLES)], SystemClock().now()
    )


def picture(number: int) -> bytes:
    """Return a JPEG: a sky, a sun and hills in its own colours."""
    width, height = PICTURE
    dice = random.Random(number)
    frame = av.VideoFrame(width, height, "yuvj420p")
    horizon, light = dice.randrange(120, 240), dice.randrange(90, 170)
    rows = [
        bytes([min(235, light + 80 * row // height)]) * width
        if row < horizon
        else bytes([max(20, light - 50 - (row - horizon) // 3)]) * width
        for row in range(height)
    ]
    luma = bytearray(b"".join(rows))
    middle, top, radius = dice.randrange(100, 540), dice.randrange(50, 140), dice.randrange(24, 60)
    for row in range(max(0, top - radius), top + radius):
        half = int((radius**2 - (row - top) ** 2) ** 0.5)
        luma[row * width + middle - half : row * width + middle + half] = bytes([240]) * (2 * half)
    _put(frame.planes[0], bytes(luma), width, height)
    for plane in frame.planes[1:]:
        above, below = dice.randrange(95, 165), dice.randrange(95, 165)
        split = horizon // 2 * (width // 2)
        _put(
            plane,
            bytes([above]) * split + bytes([below]) * (width * height // 4 - split),
            width // 2,
            height // 2,
        )
    context: Any = av.CodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt, context.time_base = (
        width,
        height,
        "yuvj420p",
        Fraction(1, 25),
    )
    return b"".join(bytes(packet) for packet in (*context.encode(frame), *context.encode(None)))


def _put(plane: Any, pixels: bytes, width: int, height: int) -> None:
    gap = bytes(plane.line_size - width)
    whole = b"".join(pixels[row * width : (row + 1) * width] + gap for row in range(height))
    plane.update(whole.ljust(plane.buffer_size, b"\0"))


def _saved(
    number: int,
    now: datetime,
    downloads: Path,
    videos: Sequence[tuple[bytes, str]],
    pictures: Sequence[bytes],
) -> StoredJob:
    dice = random.Random(number)
    account = ACCOUNTS[number % len(ACCOUNTS)]
    title = TITLES[number % len(TITLES)]
    video, suffix = videos[number % len(videos)]
    at = now - timedelta(hours=3 + 7 * number, minutes=dice.randrange(60))
    stem = f"{account.platform}/{account.slug}/{at:%Y-%m-%d} {number}"
    path = downloads / f"{stem}.{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(video)
    (downloads / f"{stem}.jpg").write_bytes(pictures[number % len(pictures)])
    (downloads / f"{stem}.info.json").write_text("{}")
    length = (4.0, 12.0, 6.0)[number % 3]
    saved = SavedFile(
        f"{stem}.{suffix}",
        f"{stem}.jpg",
        len(video),
        hashlib.sha256(video).hexdigest(),
        length,
        320,
        180,
    )
    job = _job(number, account, title, at)
    done = at + timedelta(seconds=40)
    history = [
        _record(at, Stage.CLAIM, detail="w-sample"),
        _record(at + timedelta(seconds=4), Stage.EXTRACT, detail="3 candidates", duration_ms=3_800),
        _record(
            at + timedelta(seconds=4),
            Stage.CHOOSE,
            detail="1280 x 720, H.264 and AAC, below the post's own id",
        ),
        _record(at + timedelta(seconds=5), Stage.CHECKPOINT),
    ]
    if number % 4 == 0:
        history.append(
            _record(
                at + timedelta(seconds=6),
                Stage.DOWNLOAD,
                StepOutcome.FAILED,
                StrategyName.PLAIN,
                ErrorCode.HTTP_ERROR,
                "403 Forbidden",
                duration_ms=210,
            )
        )
        history.append(
            _record(
                at + timedelta(seconds=20),
                Stage.DOWNLOAD,
                strategy=StrategyName.SESSION,
                size=len(video),
                duration_ms=13_400,
            )
        )
    else:
        history.append(
            _record(
                at + timedelta(seconds=20),
                Stage.DOWNLOAD,
                strategy=StrategyName.PLAIN,
                size=len(video),
                duration_ms=13_400,
            )
        )
    history += [
        _record(
            at + timedelta(seconds=22),
            Stage.VALIDATE,
            detail="key frames at start, middle and end decode",
            duration_ms=900,
        ),
        _record(at + timedelta(seconds=23), Stage.THUMBNAIL, duration_ms=120),
        _record(done, Stage.COMPLETE, size=len(video), duration_ms=40_000),
    ]
    facts: dict[str, Any] = {
        "status": JobStatus.COMPLETED, "stage": Stage.COMPLETE, "attempt_count": 1,
        "started_at": at, "completed_at": done, "updated_at": done, "progress_pct": 100,
        "source_type": SourceType.DIRECT, "bytes_done": saved.bytes, "bytes_total": saved.bytes,
        "output_path": saved.output_path, "thumbnail_path": saved.thumbnail_path,
        "bytes": saved.bytes, "sha256": saved.sha256, "duration_s": saved.duration_s,
        "width": saved.width, "height": saved.height,
        "items": (JobItem(Item(media_id=str(number)), ItemStatus.SAVED, saved),),
    }  # fmt: skip
    return StoredJob(_with(job, facts), tuple(history), _marks(number, job.id))


def _marks(number: int, job_id: JobId) -> tuple[Mark, ...]:
    """Return what was noted about a saved post: about one in four something,
    and about the third post everything.
    """
    kinds = {
        3: (
            ("tag/night rides", "Night rides"),
            ("collection/to watch", "To watch"),
            ("note", "Once more, with sound."),
        ),
        1: (("favourite/owner", ""), ("tag/trains", "Trains")),
        2: (("watched/owner", ""), ("collection/to watch", "To watch")),
        0: (),
    }
    found = (
        (*kinds[1], *kinds[3], ("position/owner", "[2,4,0]")) if number == 3 else kinds[number % 4]
    )
    return tuple(Mark(job_id, name, text, number) for name, text in found)


def _failed(number: int, trouble: Trouble, now: datetime) -> StoredJob:
    at = now - timedelta(minutes=20 + 13 * number)
    job = _job(
        900_000 + number,
        ACCOUNTS[(number * 3) % len(ACCOUNTS)],
        TITLES[(number * 5 + 2) % len(TITLES)],
        at,
    )
    facts = {
        "status": JobStatus.FAILED, "stage": Stage.EXTRACT, "attempt_count": 1, "started_at": at,
        "failed_at": at, "updated_at": at, "error_code": trouble.code,
        "error": trouble.error, "retry_at": now + trouble.retry_in if trouble.retry_in else None,
        "candidates": CANDIDATES if trouble.code is ErrorCode.AMBIGUOUS else (),
        "items": (JobItem(Item(), ItemStatus.FAILED, None, trouble.code, trouble.error),
                  ) if trouble.code is ErrorCode.NOT_AS_ANNOUNCED else (),
    }  # fmt: skip
    history = (
        _record(at, Stage.CLAIM, detail="w-sample"),
        _record(
            at + timedelta(seconds=3),
            Stage.FAIL,
            StepOutcome.FAILED,
            None,
            trouble.code,
            trouble.error,
        ),
    )
    return StoredJob(_with(job, facts), history)


def _cancelled(now: datetime) -> StoredJob:
    job = _job(950_000, ACCOUNTS[2], TITLES[10], now - timedelta(hours=2))
    return StoredJob(_with(job, {"status": JobStatus.CANCELLED, "stage": Stage.CANCEL}), ())


def _waiting(number: int, now: datetime) -> StoredJob:
    return StoredJob(
        _job(
            960_000 + number,
            ACCOUNTS[number % len(ACCOUNTS)],
            TITLES[number * 2],
            now - timedelta(minutes=number),
        )
    )


def _job(number: int, account: Account, title: str, at: datetime) -> Job:
    url = f"https://{account.platform}.example/{account.slug}/{number}"
    metadata = {
        "title": title,
        "text": TEXTS[number % len(TEXTS)],
        "published_at": (at - timedelta(days=2)).isoformat(),
        "post_id": str(number),
    }
    identity = uuid.UUID(int=random.Random(number).getrandbits(128), version=4)
    return Job(
        id=JobId(str(identity)), trace_id=f"{number:032x}", post_url=url, canonical_url=url,
        platform=account.platform, status=JobStatus.QUEUED, created_at=at, updated_at=at,
        max_attempts=5, account=account, metadata=metadata,
    )  # fmt: skip


def _record(
    at: datetime, stage: Stage, outcome: StepOutcome = StepOutcome.OK,
    strategy: StrategyName | None = None, code: ErrorCode | None = None, detail: str = "", *,
    size: int = 0, duration_ms: int = 0
) -> HistoryRecord:  # fmt: skip
    return HistoryRecord(at, 1, stage, outcome, strategy, code, detail, size, duration_ms)


def _with(job: Job, facts: dict[str, Any]) -> Job:
    return replace(job, **facts)


async def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--posts", type=int, default=60)
    options = parser.parse_args()
    state, downloads = options.folder / "state", options.folder / "downloads"
    for folder in (state, downloads):
        folder.mkdir(parents=True, exist_ok=True)
    store = SqliteJobStore(state / "mediavault.db", SystemClock())
    await store.open()
    try:
        await fill(store, downloads, posts=options.posts)
    finally:
        await store.close()


if __name__ == "__main__":
    asyncio.run(_main())
