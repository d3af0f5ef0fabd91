"""What is said in saved videos, and comments, over HTTP: the search in subtitles,
and the list that finds posts by them.
"""

from __future__ import annotations

from typing import cast

import pytest

from mediavault.core.comments import comments_to_lines
from mediavault.core.job import Job
from mediavault.core.media import Comment
from mediavault.media.extras import SubtitleFile
from mediavault.store.search_words import WordSource
from tests.file_stubs import StubExtras
from tests.http_vault import ApiVault
from tests.unit.api.test_player import saved_with

EN = (
    "WEBVTT\n\n00:01.500 --> 00:03.000\nThe <b>sea</b> is\u202e blue\n\n12:34.000 --> 12:36.000\n"
    "A sea again\n"
)
DE = "WEBVTT\n\n00:02.000 --> 00:03.000\nDas Meer ist blau\n"


async def subtitled(vault: ApiVault, **files: str) -> Job:
    job = await vault.add_saved()
    (vault.downloads / "jane").mkdir(exist_ok=True)
    for language, text in files.items():
        (vault.downloads / f"jane/film.{language}.vtt").write_text(text)
    cast("StubExtras", vault.services.extras).files = [
        SubtitleFile(language, f"jane/film.{language}.vtt") for language in files
    ]
    return job


async def test_the_passages_are_found_with_their_seconds(vault: ApiVault) -> None:
    job = await subtitled(vault, en=EN, de=DE)
    answer = await vault.client.get(f"/api/jobs/{job.id}/spoken?q=SEA")

    assert answer.json() == {
        "hits": [
            {"item": 0, "start_s": 1.5, "text": "The sea is blue", "language": "en"},
            {"item": 0, "start_s": 754.0, "text": "A sea again", "language": "en"},
        ]
    }
    hits = (await vault.client.get(f"/api/jobs/{job.id}/spoken?q=blau+meer")).json()["hits"]
    assert [(hit["language"], hit["start_s"]) for hit in hits] == [("de", 2.0)]


@pytest.mark.parametrize("query", ["?q=...", "?q=sky"])
async def test_nothing_is_found_for_what_nobody_says(vault: ApiVault, query: str) -> None:
    job = await subtitled(vault, en=EN)

    assert (await vault.client.get(f"/api/jobs/{job.id}/spoken{query}")).json() == {"hits": []}


async def test_a_search_needs_words_and_a_post(vault: ApiVault) -> None:
    job = await subtitled(vault)

    assert (await vault.client.get(f"/api/jobs/{job.id}/spoken")).status == 422
    assert (await vault.client.get(f"/api/jobs/{job.id}/spoken?q={'a' * 501}")).status == 422
    assert (
        await vault.client.get("/api/jobs/00000000-0000-7000-8000-ffffffffffff/spoken?q=a")
    ).status == 404


async def test_the_list_of_jobs_finds_a_post_by_what_is_said(vault: ApiVault) -> None:
    job = await subtitled(vault, en=EN)
    await vault.store.catalogue.put_words(job.id, WordSource.SUBTITLES, " blue sea")

    assert [
        found["id"] for found in (await vault.client.get("/api/jobs?q=sea+blu")).json()["jobs"]
    ] == [job.id]
    assert (await vault.client.get("/api/jobs?q=sea+red")).json()["jobs"] == []


async def test_saved_comments_are_in_the_api_and_folded_on_the_page_as_text(
    vault: ApiVault,
) -> None:
    job_id = await saved_with(vault, beside=(".comments.jsonl",))
    comments = [
        Comment("1", None, "<b>Jane", "<script>x</script>\u202e", likes=7),
        Comment("2", "1", "", "Yes."),
    ]
    (vault.downloads / "jane/film.comments.jsonl").write_bytes(comments_to_lines(comments))
    answer = (await vault.client.get(f"/api/jobs/{job_id}/comments")).json()
    page = (await vault.client.get(f"/jobs/{job_id}")).text

    assert [(one["text"], one["parent"]) for one in answer["comments"]] == [
        ("<script>x</script>\u202e", None),
        ("Yes.", "1"),
    ]
    assert "2 comments" in page
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert "<script>x" not in page
    assert "Unknown" in page


async def test_a_file_of_comments_that_is_gone_or_damaged_is_no_error(vault: ApiVault) -> None:
    job_id = await saved_with(vault, beside=(".comments.jsonl",))
    assert (await vault.client.get(f"/api/jobs/{job_id}/comments")).json() == {"comments": []}

    (vault.downloads / "jane/film.comments.jsonl").write_bytes(b"\xff\xfe rubbish")
    assert (await vault.client.get(f"/jobs/{job_id}")).status == 200
