"""Untrusted text in everything that leaves the vault, except for pages in a browser (see
tests/ui/test_hostile.py): a row's text, a header, a file name, a table cell, a log line, an event.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import PurePosixPath
from urllib.parse import quote

import pytest

from mediavault.core.job import JobId
from tests.http_vault import ApiVault
from tests.ui.hostile import post_id, posts
from tests.ui.hostile_texts import payloads

HALF = "half \ud83d of an emoji"  # as in titles that a site truncated and sent as JSON
UGLY = (HALF, "nul \0 byte", "a/b?c#d e", "\r\nX-Other: 1", *payloads()[::9])
STATES = 6  # the number of posts, each in another state, that one text is put into
PAGES = (
    "/",
    "/library?state=all",
    "/accounts",
    "/sites",
    "/sites/x",
    "/settings/files",
    "/sessions",
    "/settings/name",
)
DATA = ("/api/jobs?limit=6", "/api/accounts", "/api/totals", "/api/site-limits")


async def fill(vault: ApiVault, text: str) -> list[JobId]:
    await vault.store.catalogue.import_jobs(posts(vault.clock.now(), texts=[text] * STATES))
    return [post_id(number) for number in range(STATES)]


@pytest.mark.parametrize("text", UGLY, ids=range(len(UGLY)))
async def test_no_text_keeps_a_page_or_the_api_from_answering(vault: ApiVault, text: str) -> None:
    ids = await fill(vault, text)
    addresses = [
        *PAGES,
        *DATA,
        *(f"/jobs/{job_id}" for job_id in ids),
        *(f"/api/jobs/{job_id}" for job_id in ids),
    ]
    addresses += [f"/jobs/{ids[0]}/log", f"/api/jobs/{ids[0]}/history"]
    answers = {address: (await vault.client.get(address)).status for address in addresses}

    assert set(answers.values()) == {200}, answers


async def test_a_text_in_a_request_never_causes_a_crash(vault: ApiVault) -> None:
    """Includes bytes that are not valid text, and paths that do not exist."""
    for text in (
        *(quote(payload[:150], errors="replace") for payload in UGLY),
        "%ED%A0%BD",
        "%00",
        "%FF%FE",
        "%E2%80%AE",
    ):
        for address in (
            f"/library?q={text}",
            f"/accounts?q={text}",
            f"/?text={text}",
            f"/sites/{text}",
            f"/{text}",
        ):
            assert (await vault.client.get(address, accept="text/html")).status < 500, address


@pytest.mark.parametrize(
    "suffix", ['.mp4"; x=".html', ".\u6587", ".mp4\r\nX-Other: 1", ".m p 4", ""]
)
async def test_a_file_name_stays_one_header_whatever_its_suffix(
    vault: ApiVault, suffix: str
) -> None:
    job = await vault.add_saved(name=f"jane/A film{suffix}.mp4")
    answer = await vault.client.get(f"/files/{job.id}/video")
    odd = await vault.store.catalogue.get(job.id)
    named = answer.headers["content-disposition"]

    assert answer.status == 200
    assert "x-other" not in answer.headers
    assert named.isascii()
    assert named.count('"') == 2
    assert PurePosixPath(odd.output_path or "").name.startswith("A film")


async def test_every_text_stays_one_cell_that_no_spreadsheet_executes(vault: ApiVault) -> None:
    await vault.store.catalogue.import_jobs(posts(vault.clock.now()))
    table = (await vault.client.get("/library/export?format=csv&state=all")).body.decode(
        "utf-8-sig"
    )
    lines = (
        (await vault.client.get("/library/export?format=jsonl&state=all"))
        .text.strip("\n")
        .split("\n")
    )
    rows = list(csv.reader(io.StringIO(table)))

    assert {len(row) for row in rows} == {len(rows[0])}
    assert len(rows) == len(lines) + 1 == len(payloads()) + 1
    assert not [
        cell
        for row in rows
        for cell in row
        if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    ]
    assert all(json.loads(line)["id"] for line in lines)


async def test_file_names_in_a_zip_stay_inside_their_folder(vault: ApiVault) -> None:
    job = await vault.add_saved(name="jane/.._.._evil \u202egpj.mp4")
    body = (await vault.client.get(f"/library/zip?id={job.id}&pictures=on&sidecars=on")).body
    names = zipfile.ZipFile(io.BytesIO(body)).namelist()

    assert len(names) == 3
    assert all(not name.startswith(("/", ".")) and ".." not in name.split("/") for name in names)
    assert not any("\u202e" in name for name in names)


@pytest.mark.parametrize("text", UGLY, ids=range(len(UGLY)))
async def test_hostile_text_adds_no_lines_to_a_jobs_log(vault: ApiVault, text: str) -> None:
    """A text of several lines cannot pretend to be another part of the log."""
    plain = (await vault.client.get(f"/jobs/{(await fill(vault, 'plain'))[1]}/log")).text
    for job_id in (post_id(number) for number in range(STATES)):
        await vault.store.catalogue.remove(job_id)
    ugly = (await vault.client.get(f"/jobs/{(await fill(vault, text))[1]}/log")).text

    assert len(ugly.splitlines()) == len(plain.splitlines())
