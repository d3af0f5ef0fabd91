"""Chapters, subtitles and preview pictures of saved videos over HTTP."""

from __future__ import annotations

from typing import Any, cast

import pytest

from mediavault.core.job import ItemStatus, JobId, JobItem
from mediavault.core.marks import Mark, MarkKind, VideoSegment, segments_to_text
from mediavault.core.media import Chapter, Cue, Item, PreviewSheet, SavedFile, Subtitles, TextTracks
from mediavault.media.extras import SubtitleFile
from tests.file_stubs import StubExtras
from tests.http_vault import ApiVault

SHEET = PreviewSheet(count=12, columns=10, width=160, height=90, step_s=0.5)


def extras_of(vault: ApiVault) -> StubExtras:
    return cast("StubExtras", vault.services.extras)


async def test_the_tracks_of_a_file_are_listed_with_those_beside_it(vault: ApiVault) -> None:
    job = await vault.add_saved()
    extras_of(vault).text = TextTracks(
        (Chapter(1.5, "Part\u202e\none"),), (Subtitles("eng", "Own", (Cue(0, 1, "x"),)),)
    )
    extras_of(vault).files = [SubtitleFile("de", "jane/film.de.vtt")]
    answer = (await vault.client.get(f"/api/jobs/{job.id}/items/0/tracks")).json()

    at = f"/files/{job.id}/items/0/subtitles"
    assert answer == {
        "chapters": [{"start_s": 1.5, "title": "Part one"}],
        "subtitles": [
            {"language": "eng", "title": "Own", "href": f"{at}/0"},
            {"language": "de", "title": "", "href": f"{at}/1"},
        ],
        "segments": [],
    }


async def saved_with(vault: ApiVault, **item: Any) -> JobId:
    """Add a saved post whose item has these facts; ``beside`` names files next to its own."""
    await vault.add()
    claim = await vault.claim()
    saved = SavedFile(
        "jane/film.mp4", None, 5, "ab" * 32, 4.0, 320, 180, beside=item.pop("beside", ())
    )
    (vault.downloads / "jane").mkdir()
    (vault.downloads / "jane/film.mp4").write_bytes(b"video")
    await vault.store.queue.complete(claim, saved, [JobItem(Item(**item), ItemStatus.SAVED, saved)])
    return claim.id


async def test_a_file_without_chapters_has_those_that_the_site_named(vault: ApiVault) -> None:
    job_id = await saved_with(vault, chapters=(Chapter(0.0, "Start"), Chapter(2.0, "End")))
    answer = (await vault.client.get(f"/api/jobs/{job_id}/items/0/tracks")).json()

    assert [chapter["title"] for chapter in answer["chapters"]] == ["Start", "End"]


async def test_segments_that_can_be_skipped_are_among_the_tracks(vault: ApiVault) -> None:
    job_id = await saved_with(vault)
    text = segments_to_text([VideoSegment(1.0, 2.0, "sponsor")])
    await vault.store.marks.put([Mark(job_id, MarkKind.SEGMENTS, text)])
    answer = (await vault.client.get(f"/api/jobs/{job_id}/items/0/tracks")).json()

    assert answer["segments"] == [{"start_s": 1.0, "end_s": 2.0, "category": "sponsor"}]


async def test_subtitles_are_served_as_webvtt_that_no_browser_runs(vault: ApiVault) -> None:
    job = await vault.add_saved()
    extras_of(vault).text = TextTracks((), (Subtitles("eng", "", (Cue(0, 1, "<b>Hi</b>"),)),))
    answer = await vault.client.get(f"/files/{job.id}/items/0/subtitles/0")
    known = await vault.client.get(
        f"/files/{job.id}/items/0/subtitles/0", if_none_match=answer.headers["etag"]
    )

    assert "&lt;b&gt;Hi" in answer.text
    assert answer.headers["content-type"] == "text/vtt; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("sandbox ")
    assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == (
        "nosniff",
        "private, no-cache",
    )
    assert known.status == 304


async def test_a_subtitle_file_next_to_the_video_is_served_from_the_library(
    vault: ApiVault,
) -> None:
    job = await vault.add_saved()
    path = vault.downloads / "jane" / "film.de.vtt"
    path.parent.mkdir(exist_ok=True)
    path.write_text("WEBVTT\n")
    extras_of(vault).files = [SubtitleFile("de", "jane/film.de.vtt")]
    answer = await vault.client.get(f"/files/{job.id}/items/0/subtitles/0")

    assert (answer.status, answer.text) == (200, "WEBVTT\n")
    assert answer.headers["content-type"] == "text/vtt; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("inline")


async def test_subtitles_that_do_not_exist_are_not_found(vault: ApiVault) -> None:
    job = await vault.add_saved()
    extras_of(vault).files = [SubtitleFile("de", "jane/../../secret.vtt")]

    for number in (0, 1, 1_001):
        assert (await vault.client.get(f"/files/{job.id}/items/0/subtitles/{number}")).status in (
            404,
            422,
        )


async def test_a_sheet_of_pictures_is_described_and_served(vault: ApiVault) -> None:
    job = await vault.add_saved()
    extras_of(vault).sheet, extras_of(vault).picture = SHEET, b"\xff\xd8\xff sheet"
    sheet = (await vault.client.get(f"/api/jobs/{job.id}/items/0/preview")).json()
    answer = await vault.client.get(sheet["href"])

    assert sheet | {"href": ""} == {
        "href": "",
        "count": 12,
        "columns": 10,
        "width": 160,
        "height": 90,
        "step_s": 0.5,
    }
    assert (answer.body, answer.headers["content-type"]) == (b"\xff\xd8\xff sheet", "image/jpeg")
    assert answer.headers["content-security-policy"].startswith("sandbox ")


async def test_a_video_without_a_sheet_says_so(vault: ApiVault) -> None:
    job = await vault.add_saved()

    assert (await vault.client.get(f"/api/jobs/{job.id}/items/0/preview")).json() is None
    assert (await vault.client.get(f"/files/{job.id}/items/0/preview")).status == 404


@pytest.mark.parametrize(
    "path",
    ["api/jobs/{}/items/0/tracks", "api/jobs/{}/items/0/preview", "files/{}/items/0/preview"],
)
async def test_a_post_without_a_file_has_no_extras(path: str, vault: ApiVault) -> None:
    job = await vault.add_failed()

    assert (await vault.client.get(f"/{path.format(job.id)}")).status == 404


async def test_what_was_made_for_a_video_is_removed_with_its_job(vault: ApiVault) -> None:
    job = await vault.add_saved()
    await vault.client.delete(f"/api/jobs/{job.id}")

    assert extras_of(vault).forgotten == [job.id]
