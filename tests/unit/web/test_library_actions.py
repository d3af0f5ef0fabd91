"""The actions on the posts selected in the library."""

from __future__ import annotations

import asyncio
import csv
import html
import io
import json
import re
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from mediavault.core.failures import JobNotFound, StoreUnreachable
from mediavault.core.job import Job, JobStatus
from mediavault.library.zip_stream import Names
from mediavault.web.pages.library_actions import COLUMNS, MISSING, safe_cell
from mediavault.web.selection import MAX_AT_ONCE
from tests.asgi_client import Answer
from tests.http_vault import TOKEN, VIDEO, ApiVault, MakeVault
from tests.unit.web.test_library_page import fill

UNKNOWN_ID = "00000000-0000-7000-8000-ffffffffffff"
HTML = "text/html"


def opened(answer: Answer) -> zipfile.ZipFile:
    """Open the zip in the response, and check every entry against its checksum."""
    assert answer.status == 200
    archive = zipfile.ZipFile(io.BytesIO(answer.body))
    assert archive.testzip() is None
    return archive


async def two_saved(vault: ApiVault) -> tuple[Job, Job]:
    first = await vault.add_saved("https://videos.example/watch/1", name="jane/A film [1].mp4")
    return first, await vault.add_saved(
        "https://videos.example/watch/2", name="jane/夜 [2].mp4", video=VIDEO * 3
    )


# --- the zip


async def test_selected_videos_come_as_an_uncompressed_zip(vault: ApiVault) -> None:
    first, second = await two_saved(vault)
    answer = await vault.client.submit("/library/zip", {"id": f"{first.id} {second.id}"})
    archive = opened(answer)

    assert archive.namelist() == ["jane/A film [1].mp4", "jane/夜 [2].mp4"]
    assert archive.read("jane/夜 [2].mp4") == VIDEO * 3
    assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith('attachment; filename="mediavault ')
    assert "content-length" not in answer.headers


async def test_pictures_and_sidecars_are_included_on_request(vault: ApiVault) -> None:
    first, _ = await two_saved(vault)
    archive = opened(
        await vault.client.submit(
            "/library/zip", {"id": first.id, "pictures": "on", "sidecars": "on"}
        )
    )

    assert archive.namelist() == [
        "jane/A film [1].mp4",
        "jane/A film [1].jpg",
        "jane/A film [1].info.json",
    ]


async def test_missing_files_are_listed_and_break_nothing(vault: ApiVault) -> None:
    first, second = await two_saved(vault)
    failed = await vault.add_failed("https://videos.example/watch/3")
    (vault.downloads / "jane/A film [1].mp4").unlink()
    archive = opened(
        await vault.client.submit(
            "/library/zip", {"id": f"{first.id} {UNKNOWN_ID} {failed.id} {second.id}"}
        )
    )
    missing = archive.read(MISSING).decode()

    assert archive.namelist() == ["jane/夜 [2].mp4", MISSING]
    assert "jane/A film [1].mp4: The file is not in the library" in missing
    assert f"{UNKNOWN_ID}: This post no longer exists" in missing
    assert "watch/3" in missing


async def test_a_file_that_is_truncated_while_it_is_read_is_listed(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await two_saved(vault)
    library = vault.services.library
    open_whole = library.open

    async def open_cut(relative: str):  # type: ignore[no-untyped-def]
        file = await open_whole(relative)
        if "A film" in relative:
            (vault.downloads / relative).write_bytes(b"cut")
        return file

    monkeypatch.setattr(library, "open", open_cut)
    archive = opened(await vault.client.submit("/library/zip", {"id": f"{first.id} {second.id}"}))

    assert archive.read("jane/夜 [2].mp4") == VIDEO * 3
    assert "A film [1].mp4: The file was truncated" in archive.read(MISSING).decode()


async def test_the_filter_alone_selects_what_the_zip_holds(vault: ApiVault) -> None:
    await two_saved(vault)
    everything = opened(await vault.client.get("/library/zip"))
    filtered = opened(await vault.client.get("/library/zip?q=watch+2"))
    ticked = opened(
        await vault.client.submit("/library/zip?everything=on", {"id": UNKNOWN_ID, "q": "watch 1"})
    )

    assert len(everything.namelist()) == 2
    assert filtered.namelist() == ["jane/夜 [2].mp4"]
    assert ticked.namelist() == ["jane/A film [1].mp4"]


async def test_more_posts_than_the_limit_are_refused_as_a_whole(vault: ApiVault) -> None:
    await fill(vault, MAX_AT_ONCE + 1)
    by_filter = await vault.client.get("/library/zip")
    by_ids = await vault.client.submit(
        "/library/zip", {"id": " ".join([UNKNOWN_ID] * (MAX_AT_ONCE + 1))}
    )

    for answer in (by_filter, by_ids):
        assert answer.status == 422
        assert str(MAX_AT_ONCE) in answer.json()["message"]


async def test_the_maximum_number_of_ids_fits_into_one_form(vault: ApiVault) -> None:
    jobs = await fill(vault, MAX_AT_ONCE)
    answer = await vault.client.submit(
        "/library/remove", {"id": " ".join(job.id for job in jobs)}, accept=HTML
    )

    assert f"outcome=removed-{MAX_AT_ONCE}-0" in answer.headers["location"]


class EndlessFile:
    """A file without an end."""

    size = 2**40
    version = "1"

    def __init__(self) -> None:
        self.reads = 0
        self.closed = False

    async def chunks(self, start: int, end: int) -> AsyncIterator[bytes]:
        while True:
            self.reads += 1
            await asyncio.sleep(0)
            yield bytes(1_000)

    async def close(self) -> None:
        self.closed = True


async def test_a_client_that_disconnects_ends_the_zip_and_closes_the_file(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await vault.add_saved()
    file = EndlessFile()

    async def opened_file(relative: str) -> EndlessFile:
        return file

    monkeypatch.setattr(vault.services.library, "open", opened_file)
    async with vault.client.open(f"/library/zip?id={first.id}") as connection:
        assert (await connection.chunk()).startswith(b"PK")
    read = file.reads
    await asyncio.sleep(0)

    assert file.closed
    assert file.reads == read
    assert not connection.done.is_set()


async def test_a_store_that_fails_midway_leaves_the_response_incomplete(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await two_saved(vault)
    get = vault.store.catalogue.get

    async def get_once(job_id: str) -> Job:
        if job_id == second.id:
            raise StoreUnreachable("The database is away.")
        return await get(first.id)

    monkeypatch.setattr(vault.store.catalogue, "get", get_once)
    async with vault.client.open(f"/library/zip?id={first.id}&id={second.id}") as connection:
        while b"film" not in await connection.chunk():
            pass

    assert not connection.done.is_set()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("jane/film.mp4", "jane/film.mp4"),
        ("../../etc/passwd", "etc/passwd"),
        ("/abs/film.mp4", "abs/film.mp4"),
        ("jane/..", "jane"),
        ("", "file"),
        ("jane/a\x00b\u202e.mp4", "jane/a b.mp4"),
        ("jane/CON.mp4", "jane/_CON.mp4"),
        ("nul/com1 .info.json", "_nul/_com1 .info.json"),
        ("aux.jane. /film .mp4", "_aux.jane/film .mp4"),
        ("j" * 199 + " x/film.mp4", "j" * 199 + "/film.mp4"),
        ("jane/.mp4", "jane/mp4"),
        ("jane/" + "é" * 200 + ".info.json", "jane/" + "é" * 100 + ".info.json"),
    ],
)
def test_names_in_a_zip_are_safe(path: str, name: str) -> None:
    assert Names().free(path) == name


def test_names_in_a_zip_differ_even_where_case_does_not_count() -> None:
    names = Names()

    assert [names.free(path) for path in ("a/F.mp4", "a/f.mp4", "a/f.mp4", "b/f.mp4")] == [
        "a/F.mp4",
        "a/f (2).mp4",
        "a/f (3).mp4",
        "b/f.mp4",
    ]


# --- the list


async def test_the_list_as_json_lines_holds_every_page(vault: ApiVault) -> None:
    jobs = await fill(vault, 405)
    answer = await vault.client.get("/library/export?format=jsonl")
    rows = [json.loads(line) for line in answer.text.splitlines()]

    assert [row["id"] for row in rows] == [job.id for job in jobs]
    assert list(rows[0]) == list(COLUMNS)
    assert answer.headers["content-type"] == "application/jsonl; charset=utf-8"


async def test_the_list_as_csv_executes_nothing(vault: ApiVault) -> None:
    formula = '=HYPERLINK("http://evil.example","x")'
    jobs = await fill(vault, 1, metadata={"title": formula, "text": "two\nlines, and a comma"})
    answer = await vault.client.submit(
        "/library/export", {"id": f"{jobs[0].id} {UNKNOWN_ID}", "format": "csv"}
    )
    header, row = csv.reader(io.StringIO(answer.body.decode("utf-8-sig")))
    cells = dict(zip(header, row, strict=True))

    assert cells["title"] == "'" + formula
    assert cells["text"] == "two lines, and a comma"
    assert cells["bytes"] == str(jobs[0].bytes)


async def test_the_list_has_what_was_noted(vault: ApiVault) -> None:
    jobs = await fill(vault, 2)
    change = {
        "favourite": True,
        "add_tags": ["Cats", "=dogs"],
        "add_to": ["Trains"],
        "note": "one\ntwo",
    }
    await vault.client.patch(f"/api/jobs/{jobs[0].id}/marks", change)
    rows = [
        json.loads(line)
        for line in (await vault.client.get("/library/export?format=jsonl")).text.splitlines()
    ]
    post_marks = [
        [row[name] for name in ("favourite", "watched", "tags", "collections", "note")]
        for row in rows
    ]

    assert post_marks == [[1, 0, "=dogs, Cats", "Trains", "one\ntwo"], [0, 0, "", "", ""]]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n+", "＝", "＠", " ="])
def test_no_cell_starts_as_a_formula(start: str) -> None:
    assert str(safe_cell(f"{start}1+1")).startswith("'")


async def test_an_unknown_format_is_refused(vault: ApiVault) -> None:
    answer = await vault.client.get("/library/export?format=xlsx")

    assert answer.status == 422
    assert "csv" in answer.json()["help"]


# --- retry and delete


async def test_selected_failures_are_retried_and_the_rest_is_counted(vault: ApiVault) -> None:
    failed = await vault.add_failed("https://videos.example/watch/bad")
    saved = await vault.add_saved("https://videos.example/watch/good")
    answer = await vault.client.submit(
        "/library/retry",
        {"id": f"{failed.id} {saved.id} {UNKNOWN_ID}", "state": "all", "q": "watch"},
    )

    assert (answer.status, answer.headers["location"]) == (
        303,
        "/library?q=watch&state=all&outcome=retried-1-2",
    )
    assert (await vault.store.catalogue.get(failed.id)).status is JobStatus.QUEUED


def undo_fields(page: str) -> dict[str, str]:
    form = page.partition('action="/trash/restore"')[2].partition("</form>")[0]
    return {
        name: html.unescape(value)
        for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', form)
    }


async def test_deleting_and_undoing_it_stay_on_the_page_of_the_filter(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediavault.web.pages.library.PAGE", 1)
    for number in range(3):
        vault.clock.advance(1)
        await vault.add_saved(f"https://videos.example/watch/{number}", name=f"jane/{number}.mp4")
    first = (await vault.client.get("/library?q=watch", accept=HTML)).text
    more = html.unescape(re.findall(r'href="(/library\?[^"]*cursor=[^"]*)"', first)[0])
    cursor = parse_qs(urlsplit(more).query)["cursor"][0]
    second = (await vault.client.get(more, accept=HTML)).text
    (shown,) = re.findall(r'id="job-([^"]*)"', second)
    assert f'name="cursor" value="{cursor}"' in second

    done = await vault.client.submit(
        "/library/remove", {"q": "watch", "cursor": cursor, "id": shown}, accept=HTML
    )
    after = (await vault.client.get(done.headers["location"], accept=HTML)).text
    assert done.headers["location"].startswith(f"{more}&outcome=removed-1-0&batch=")
    undone = await vault.client.submit("/trash/restore", undo_fields(after))
    assert undone.headers["location"] == f"{more}&outcome=restored-1-0"
    assert f'id="job-{shown}"' in (await vault.client.get(more, accept=HTML)).text


async def test_a_page_on_which_everything_was_deleted_shows_the_start_of_the_library(
    vault: ApiVault,
) -> None:
    job = await vault.add_saved()
    page = (await vault.client.get("/library?cursor=published~1~1.a", accept=HTML)).text

    assert f'id="job-{job.id}"' in page


async def test_what_was_deleted_together_is_restored_together(vault: ApiVault) -> None:
    first, second = await two_saved(vault)
    done = await vault.client.submit("/library/remove?everything=on", {"q": "watch 1"}, accept=HTML)
    outcome = re.fullmatch(
        r"/library\?q=watch\+1&outcome=removed-1-0&batch=([0-9a-f]{16})", done.headers["location"]
    )
    assert outcome

    assert await vault.store.catalogue.get(second.id)
    with pytest.raises(JobNotFound):
        await vault.store.catalogue.get(first.id)
    assert not _exists(vault, "jane/A film [1].mp4")
    page = (await vault.client.get(done.headers["location"], accept=HTML)).text
    assert "Moved 1 to the trash." in page
    assert f'name="batch" value="{outcome[1]}"' in page

    assert undo_fields(page) == {"batch": outcome[1], "q": "watch 1"}

    undone = await vault.client.submit("/trash/restore", undo_fields(page))
    assert undone.headers["location"] == "/library?q=watch+1&outcome=restored-1-0"
    assert await vault.store.catalogue.get(first.id) == first
    assert _exists(vault, "jane/A film [1].mp4")


async def test_there_may_be_nothing_left_to_delete(vault: ApiVault) -> None:
    answer = await vault.client.submit("/library/remove", {"id": UNKNOWN_ID}, accept=HTML)

    assert "outcome=removed-0-1" in answer.headers["location"]


async def test_the_trash_is_shown_emptied_and_restored_post_by_post(vault: ApiVault) -> None:
    first, second = await two_saved(vault)
    assert "The trash is empty" in (await vault.client.get("/trash", accept=HTML)).text
    for job in (first, second):
        await vault.client.submit(f"/jobs/{job.id}/remove")
    page = (await vault.client.get("/trash", accept=HTML)).text
    assert f'id="job-{first.id}"' in page
    assert "Removed for good after 30 days." in page

    back = await vault.client.submit("/trash/restore", {"id": first.id})
    assert back.headers["location"] == f"/jobs/{first.id}"
    await vault.client.submit("/trash/empty", {"id": second.id})
    assert (await vault.client.get("/api/trash")).json() == {"posts": [], "bytes": 0}
    assert not list((vault.downloads / ".trash").rglob("*.mp4"))
    assert (await vault.client.submit("/trash/restore", {"id": second.id})).status == 404


@pytest.mark.parametrize("action", ["zip", "export", "retry", "remove"])
@pytest.mark.parametrize(
    "fields", [{}, {"id": " "}, {"id": "../../etc"}, {"id": "1", "state": "?"}]
)
async def test_an_empty_or_invalid_selection_is_refused_with_help(
    vault: ApiVault, action: str, fields: dict[str, str]
) -> None:
    answer = await vault.client.submit(f"/library/{action}", fields)

    assert answer.status == 422
    assert answer.json()["help"]


@pytest.mark.parametrize("path", ["/library", "/library/zip", "/library/export"])
async def test_the_library_needs_the_token_like_everything_else(
    make_vault: MakeVault, path: str
) -> None:
    vault = make_vault(token=TOKEN)

    assert (await vault.client.get(path)).status == 401
    assert (await vault.client.get(path, authorization=f"Bearer {TOKEN}")).status == 200


@pytest.mark.parametrize("action", ["zip", "export", "retry", "remove"])
async def test_no_other_sites_page_can_send_these_forms(vault: ApiVault, action: str) -> None:
    answer = await vault.client.submit(
        f"/library/{action}", {"id": UNKNOWN_ID}, sec_fetch_site="cross-site"
    )

    assert answer.status == 403


@pytest.mark.parametrize("path", ["/library/zip", "/library/export"])
async def test_a_head_does_not_read_the_whole_library(vault: ApiVault, path: str) -> None:
    assert (await vault.client.request("HEAD", path)).status == 405


def _exists(vault: ApiVault, name: str) -> bool:
    return Path(vault.downloads, name).exists()
