"""What a sidecar says: to us, and to tools that read yt-dlp's ``.info.json``."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from mediavault.core.job import ItemStatus, Job, JobItem, JobStatus
from mediavault.core.media import Account, Item, SavedFile
from mediavault.core.recordings import Recording, RecordingEnd
from mediavault.library.sidecars import job_id_of, read_sidecar, write_sidecar
from tests.contract.stores import numbered_job
from tests.fakes import START

SAVED = SavedFile(
    "youtube-nasa/Trains [abc].mp4", "youtube-nasa/Trains [abc].jpg", 10, "ab" * 32, 61.5, 320, 180
)
ITEMS = (JobItem(Item(), ItemStatus.SAVED, SAVED),)
PATH = "youtube-nasa/Trains [abc].info.json"


def a_job(platform: str = "youtube", **metadata: Any) -> Job:
    new = numbered_job(1, "https://youtu.be/abc?t=3")
    return Job(
        new.id, new.trace_id, new.post_url, "https://www.youtube.com/watch?v=abc", platform,
        JobStatus.COMPLETED, START, START, attempt_count=2, items=ITEMS,
        account=Account(platform, "nasa", "NASA", f"{platform}-nasa"),
        metadata={"title": "Trains", "text": "Many trains", "post_id": "abc", **metadata},
    )  # fmt: skip


def written(job: Job) -> dict[str, Any]:
    return write_sidecar(job, None, ITEMS, 0, SAVED, saved_at=START)


def test_tools_find_the_names_that_yt_dlp_writes() -> None:
    published = datetime(2026, 11, 1, 23, 30, tzinfo=timezone(timedelta(hours=-2)))

    facts = written(a_job(published_at=published.isoformat()))

    assert {
        name: facts[name]
        for name in ("id", "title", "description", "uploader", "uploader_id", "channel")
    } == {
        "id": "abc",
        "title": "Trains",
        "description": "Many trains",
        "uploader": "NASA",
        "uploader_id": "nasa",
        "channel": "NASA",
    }
    assert facts["upload_date"] == "20261102"  # in UTC, as yt-dlp has it
    assert facts["timestamp"] == int(published.timestamp())
    assert (facts["extractor_key"], facts["extractor"]) == ("Youtube", "youtube")
    assert facts["webpage_url"] == "https://www.youtube.com/watch?v=abc"
    assert (facts["duration"], facts["ext"], facts["_type"]) == (61.5, "mp4", "video")


@pytest.mark.parametrize(
    "published_at", [None, "soon", "2026-11-01T00:00:00", "0001-01-01T00:00:00+00:00"]
)
def test_a_date_that_is_not_known_is_left_out(published_at: str | None) -> None:
    facts = written(a_job(published_at=published_at))

    assert not {"upload_date", "timestamp"} & facts.keys()


@pytest.mark.parametrize(
    ("platform", "key"),
    [("x", "Twitter"), ("tiktok", "TikTok"), ("vimeo", "Vimeo"), ("generic", "Generic")],
)
def test_the_site_has_the_name_of_yt_dlps_extractor(platform: str, key: str) -> None:
    assert written(a_job(platform))["extractor_key"] == key


def test_a_post_without_an_id_of_its_own_gets_the_jobs() -> None:
    job = a_job(post_id=None)

    assert written(job)["id"] == job.id


def test_the_job_is_found_in_every_version() -> None:
    """Up to version 2 it was called ``id``, which is the post's now."""
    job = a_job()
    new = written(job)
    old = {**new, "mediavault": 2, "id": new["job_id"]}
    del old["job_id"]

    assert job_id_of(new) == job_id_of(old) == job.id
    assert read_sidecar(old, PATH) == read_sidecar(new, PATH)
    assert read_sidecar(new, PATH).saved == replace(SAVED)
    assert datetime.fromisoformat(new["saved_at"]).tzinfo == UTC


def test_a_forged_sidecar_names_no_endless_list_of_files() -> None:
    facts = written(a_job())
    facts["video"] = facts["video"] | {
        "beside": [f".{number}.vtt" for number in range(100)] + [".en.vtt"] * 100_000
    }

    assert len(read_sidecar(facts, PATH).saved.beside) <= 200


def test_a_recording_is_in_the_sidecar_and_read_from_it() -> None:
    recording = asdict(
        Recording(3723.0, 10_000, gaps=2, missing_s=14.0, offset_s=750.0, end=RecordingEnd.ENDED)
    )
    facts = written(a_job(recording=recording))

    assert facts["recording"] == recording
    assert read_sidecar(json.loads(json.dumps(facts)), PATH).metadata["recording"] == recording


@pytest.mark.parametrize("edited", ["yes", {"gaps": -1}, [1]])
def test_a_recording_that_somebody_has_edited_is_ignored(edited: object) -> None:
    assert "recording" not in written(a_job())
    assert "recording" not in read_sidecar({**written(a_job()), "recording": edited}, PATH).metadata
