"""What is said in videos on the pages: passages below the library's tiles,
and a post's transcript.
"""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator

import pytest

from mediavault.core.failures import StorageFailure
from mediavault.features.transcripts import service
from mediavault.library.port import OpenedFile
from mediavault.store.search_words import WordSource
from tests.http_vault import ApiVault
from tests.unit.features.transcripts.test_api import DE, EN, subtitled
from tests.unit.web.test_pages import HOSTILE


async def test_a_post_that_is_found_by_what_is_said_shows_where(vault: ApiVault) -> None:
    job = await subtitled(vault, en=EN)
    await vault.store.catalogue.put_words(job.id, WordSource.SUBTITLES, " again blue sea")
    page = html.unescape((await vault.client.get("/library?q=sea+again")).text)

    [(link, at, text)] = re.findall(
        r'class="spoken"><a href="([^"]+)"><span class="at">(.*?)</span> <bdi>(.*?)</bdi>', page
    )
    assert (at, text) == ("12:34", "A <mark>sea</mark> <mark>again</mark>")
    assert link == f"/jobs/{job.id}?t=754&item=0&subtitles=en&in=q%3Dsea%2Bagain#media"


async def test_a_post_that_is_found_by_its_title_shows_no_passage_and_no_file_is_read(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await subtitled(vault, en=EN)
    await vault.store.catalogue.put_words(job.id, WordSource.SUBTITLES, " videos")

    async def fail(*_: object) -> AsyncIterator[None]:
        raise AssertionError

    monkeypatch.setattr(vault.services.library, "open", fail)
    page = (await vault.client.get("/library?q=videos.example")).text
    assert job.id in page
    assert 'class="spoken"' not in page


async def test_a_library_that_is_away_shows_its_posts_without_passages(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await subtitled(vault, en=EN)
    await vault.store.catalogue.put_words(job.id, WordSource.SUBTITLES, " sea")

    async def away(*_: object) -> None:
        raise StorageFailure("away")

    monkeypatch.setattr(vault.services.library, "open", away)
    for address in ("/library?q=sea", f"/jobs/{job.id}"):
        answer = await vault.client.get(address)
        assert answer.status == 200
        assert job.id in answer.text
        assert not re.search(r'class="spoken"|id="spoken"', answer.text)


async def test_the_player_starts_at_the_second_with_the_subtitles_of_the_link(
    vault: ApiVault,
) -> None:
    job = await subtitled(vault, en=EN)
    page = (await vault.client.get(f"/jobs/{job.id}?t=754&subtitles=en")).text

    assert f'src="/files/{job.id}/items/0/video#t=754.0" data-subtitles="en"' in page
    assert "#t=" not in (await vault.client.get(f"/jobs/{job.id}")).text
    for wrong in ("t=-1", "t=nan", "t=1e9", "t=a", f"subtitles={'a' * 41}", f"said={'a' * 501}"):
        assert (await vault.client.get(f"/jobs/{job.id}?{wrong}")).status == 422


async def test_the_transcript_is_lines_with_links_in_the_language_of_the_link_or_the_reader(
    vault: ApiVault,
) -> None:
    job = await subtitled(vault, de=DE, en=EN)

    page = html.unescape((await vault.client.get(f"/jobs/{job.id}")).text)
    assert re.findall(
        r'data-seek="(\d+)"><span class="at">(.*?)</span> <bdi>(.*?)</bdi>', page
    ) == [
        ("1", "0:01", "The sea is blue"),
        ("754", "12:34", "A sea again"),
    ]
    assert "?t=754&item=0&subtitles=en#media" in page
    page = (await vault.client.get(f"/jobs/{job.id}?subtitles=de")).text
    assert "Das Meer ist blau" in page
    assert "The sea" not in page
    assert "Das Meer" in (await vault.client.get(f"/jobs/{job.id}", accept_language="de")).text


async def test_the_page_reads_the_shown_language_alone(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await subtitled(vault, de=DE, en=EN, fr="WEBVTT\n")
    opened, open_file = list[str](), vault.services.library.open

    async def recorded(path: str) -> OpenedFile | None:
        opened.append(path)
        return await open_file(path)

    monkeypatch.setattr(vault.services.library, "open", recorded)
    page = html.unescape((await vault.client.get(f"/jobs/{job.id}?subtitles=de")).text)
    assert [path for path in opened if path.endswith(".vtt")] == ["jane/film.de.vtt"]
    assert "?item=0&subtitles=en#spoken" in page

    page = (await vault.client.get(f"/jobs/{job.id}?subtitles=fr")).text
    assert "The sea" in page  # nothing is said in French


async def test_a_search_in_the_transcript_lists_all_hits(vault: ApiVault) -> None:
    job = await subtitled(vault, de=DE, en=EN)
    page = (await vault.client.get(f"/jobs/{job.id}?said=sea&subtitles=de")).text
    hits = page.partition('id="spoken-hits"')[2].partition("lines transcript")[0]

    assert "2 passages" in hits
    assert re.findall(r'data-seek="(\d+)"', hits) == ["1", "754"]
    assert "Nothing found." in (await vault.client.get(f"/jobs/{job.id}?said=sky")).text
    assert "Nothing found." in (await vault.client.get(f"/jobs/{job.id}?said=...")).text


async def test_a_long_transcript_is_cut_and_says_so(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_LINES", 1)
    job = await subtitled(vault, en=EN)

    assert (
        "1 more line can be found by searching." in (await vault.client.get(f"/jobs/{job.id}")).text
    )


async def test_hostile_words_are_shown_as_text(vault: ApiVault) -> None:
    evil = HOSTILE.replace("<", "&lt;").replace("\n", " ")
    job = await subtitled(vault, en=f"WEBVTT\n\n00:01.000 --> 00:02.000\n{evil} needle\n")
    await vault.store.catalogue.put_words(job.id, WordSource.SUBTITLES, " needle")
    for address in ("/library?q=needle", f"/jobs/{job.id}?said=needle"):
        page = (await vault.client.get(address)).text

        assert "needle" in page
        assert "\u202e" not in page
        assert "<script>alert" not in page
        assert "<img src=x" not in page


async def test_a_post_without_subtitles_has_no_transcript(vault: ApiVault) -> None:
    job = await subtitled(vault)

    assert 'id="spoken"' not in (await vault.client.get(f"/jobs/{job.id}")).text
