"""What a stranger wrote in whatever leaves the house besides the pages in a browser (tests/ui/test_hostile.py): as a row's
text, a header, a file's name, a cell of a table, a line of a log, an event."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import PurePosixPath
from urllib.parse import quote

import pytest

from mediavault.core.job import JobId
from tests.http_vault import House
from tests.ui.hostile import post_id, posts
from tests.ui.hostile_texts import payloads

HALF = "half \ud83d of an emoji"  # as JSON brings titles that a site cut
UGLY = (HALF, "nul \0 byte", "a/b?c#d e", "\r\nX-Other: 1", *payloads()[::9])
STATES = 6  # of the posts that one text is put into
PAGES = ("/", "/library?state=all", "/accounts", "/sites", "/sites/x", "/settings", "/sessions", "/settings/name")
DATA = ("/api/jobs?limit=6", "/api/accounts", "/api/totals", "/api/gates")


async def fill(house: House, text: str) -> list[JobId]:
    await house.store.catalogue.import_jobs(posts(house.clock.now(), texts=[text] * STATES))
    return [post_id(number) for number in range(STATES)]


@pytest.mark.parametrize("text", UGLY, ids=range(len(UGLY)))
async def test_no_text_keeps_a_page_or_the_api_from_answering(house: House, text: str) -> None:
    ids = await fill(house, text)
    addresses = [*PAGES, *DATA, *(f"/jobs/{one}" for one in ids), *(f"/api/jobs/{one}" for one in ids)]
    addresses += [f"/jobs/{ids[0]}/log", f"/api/jobs/{ids[0]}/history"]
    answers = {address: (await house.client.get(address)).status for address in addresses}

    assert set(answers.values()) == {200}, answers


async def test_a_text_that_is_asked_for_is_never_the_reason_for_a_crash(house: House) -> None:
    """Also as bytes that are no text, and as an address of nothing."""
    for text in (*(quote(each[:150], errors="replace") for each in UGLY), "%ED%A0%BD", "%00", "%FF%FE", "%E2%80%AE"):
        for address in (f"/library?q={text}", f"/accounts?q={text}", f"/?text={text}", f"/sites/{text}", f"/{text}"):
            assert (await house.client.get(address, accept="text/html")).status < 500, address


@pytest.mark.parametrize("suffix", ['.mp4"; x=".html', ".\u6587", ".mp4\r\nX-Other: 1", ".m p 4", ""])
async def test_a_files_name_is_one_header_whatever_its_suffix(house: House, suffix: str) -> None:
    job = await house.add_kept(name=f"jane/A film{suffix}.mp4")
    answer = await house.client.get(f"/files/{job.id}/video")
    odd = await house.store.catalogue.get(job.id)
    named = answer.headers["content-disposition"]

    assert answer.status == 200
    assert "x-other" not in answer.headers
    assert named.isascii()
    assert named.count('"') == 2
    assert PurePosixPath(odd.output_path or "").name.startswith("A film")


async def test_every_text_is_one_cell_that_no_spreadsheet_runs(house: House) -> None:
    await house.store.catalogue.import_jobs(posts(house.clock.now()))
    table = (await house.client.get("/library/export?format=csv&state=all")).body.decode("utf-8-sig")
    lines = (await house.client.get("/library/export?format=jsonl&state=all")).text.strip("\n").split("\n")
    rows = list(csv.reader(io.StringIO(table)))

    assert {len(row) for row in rows} == {len(rows[0])}
    assert len(rows) == len(lines) + 1 == len(payloads()) + 1
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]
    assert all(json.loads(line)["id"] for line in lines)


async def test_a_zip_names_its_files_so_that_they_stay_in_their_folder(house: House) -> None:
    job = await house.add_kept(name="jane/.._.._evil \u202egpj.mp4")
    body = (await house.client.get(f"/library/zip?id={job.id}&pictures=on&sidecars=on")).body
    names = zipfile.ZipFile(io.BytesIO(body)).namelist()

    assert len(names) == 3
    assert all(not name.startswith(("/", ".")) and ".." not in name.split("/") for name in names)
    assert not any("\u202e" in name for name in names)


@pytest.mark.parametrize("text", UGLY, ids=range(len(UGLY)))
async def test_a_jobs_log_has_the_lines_that_it_would_have_without(house: House, text: str) -> None:
    """A text of several lines cannot pretend to be another part of the log."""
    plain = (await house.client.get(f"/jobs/{(await fill(house, 'plain'))[1]}/log")).text
    for one in (post_id(number) for number in range(STATES)):
        await house.store.catalogue.remove(one)
    ugly = (await house.client.get(f"/jobs/{(await fill(house, text))[1]}/log")).text

    assert len(ugly.splitlines()) == len(plain.splitlines())
