"""How commands are told which jobs: by the beginning of an id, or by the post's URL."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mediavault.core.job import Job, JobId
from mediavault.store.job_ids import shortest_of
from mediavault.store.port import StoredJob
from tests.contract.shelves import job_of
from tests.unit.cli.conftest import POST, Run, StubHouse

EARLY = JobId("01a20d6d-5a00-70ca-acd7-3b2afe1bf247")
SAME_MINUTE = JobId("01a20d6d-5a99-7a5b-8f6b-3fdaaa3ac8ee")
LATER = JobId("01a2ffff-0000-7a5b-8f6b-3fdaaa3ac8ee")


def put(house: StubHouse, *jobs: Job) -> None:
    asyncio.run(house.store.catalogue.import_jobs([StoredJob(job) for job in jobs]))


@pytest.fixture
def three(house: StubHouse) -> None:
    ids = enumerate((EARLY, SAME_MINUTE, LATER), 1)
    put(house, *(replace(job_of(number), id=job_id) for number, job_id in ids))


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("text", [LATER, LATER.upper(), "01a2f", "01A2FFFF-"])
def test_a_beginning_that_no_other_id_has_names_a_job(run: Run, text: str) -> None:
    assert run("show", text, "--json").json()["id"] == LATER


def test_the_url_of_a_post_names_its_newest_job(run: Run) -> None:
    """In any spelling."""
    run("add", "https://x.com/jane/status/1")
    newest = run("add", "https://x.com/jane/status/1", "--force", "--json").json()["jobs"][0]["id"]

    assert run("show", "https://twitter.com/jane/status/1?s=20", "--json").json()["id"] == newest


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("01a20d6d", "BAD_REQUEST", "2 jobs have an id that begins with 01a20d6d."),
        ("01a2", "BAD_REQUEST", "3 jobs have an id that begins with 01a2."),
        ("01a", "BAD_REQUEST", "01a is too short for a job's id."),
        ("01a3", "NOT_FOUND", "There is no job 01a3."),
        (POST + "9", "NOT_FOUND", f"There is no job of the post {POST}9."),
        ("ftp://x.example/1", "BAD_URL", "must begin with http"),
    ],
)
def test_what_names_no_job_or_several_is_refused_with_what_helps(
    run: Run, text: str, code: str, words: str
) -> None:
    refused = run("show", text, "--json").json()

    assert (refused["code"], words in refused["message"]) == (code, True), refused
    assert refused["help"]
    if "jobs have" in words:
        assert "as in 01a20d6d-5a0, 01a20d6d-5a9" in refused["help"]


@pytest.mark.usefixtures("three")
def test_lists_show_the_shortest_id_that_names_a_job_and_json_whole_ones(run: Run) -> None:
    listed = [line.split()[0] for line in run("list").out.splitlines()[1:]]

    assert sorted(listed) == ["01a20d6d-5a0", "01a20d6d-5a9", "01a2ffff"]
    assert {job["id"] for job in run("list", "--json").json()["jobs"]} == {
        EARLY,
        SAME_MINUTE,
        LATER,
    }


@pytest.mark.usefixtures("three")
def test_an_id_is_as_long_as_those_of_jobs_that_are_not_listed_require(run: Run) -> None:
    [line] = run("list", "--limit", "1", "--order", "oldest").out.splitlines()[1:2]

    assert line.split()[0] == "01a20d6d-5a0"


def test_a_short_id_never_ends_with_a_hyphen() -> None:
    one, other = "01a20d6d-5a00", "01a20d6d-6a00"
    long, longer = "01a20d6d", "01a20d6d-7"

    assert shortest_of([one, other], []) == {one: "01a20d6d-5", other: "01a20d6d-6"}
    assert shortest_of([long], [longer]) == {long: long}


@pytest.mark.parametrize("columns", ["40", "80", "120"])
def test_a_list_has_the_columns_for_which_there_is_room(
    run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    metadata = {"published_at": "2024-02-29T23:30:00+00:00", "title": "A film " * 9}
    put(house, replace(job_of(1, platform="instagram", bytes=4_000_000), metadata=metadata))
    lines = run("list").out.splitlines()
    wanted = {"40": [], "80": ["Date", "Size", "Site"], "120": ["Date", "Size", "Site"]}[columns]

    assert lines[0].split() == ["Job", "State", *wanted, "Post"]
    assert all(len(line) <= int(columns) for line in lines)
    if wanted:
        assert lines[1].split()[2:6] == ["2024-02-29", "4.0", "MB", "instagram"]


def test_a_long_list_can_be_turned_over_or_shown_whole(run: Run, house: StubHouse) -> None:
    when = datetime(2026, 1, 1, tzinfo=UTC)
    put(house, *(job_of(number, at=when.replace(day=number)) for number in range(1, 6)))
    first = run("list", "--limit", "2").out

    def numbers(*options: str) -> list[int]:
        jobs = run("list", *options, "--json").json()["jobs"]
        return [int(job["post_url"].rpartition("/")[2]) for job in jobs]

    assert first.splitlines()[-1] == "There are more: --page 2, or --limit 0 for all."
    assert numbers("--limit", "2", "--page", "2") == [3, 2]
    assert numbers("--limit", "2", "--page", "3") == [1]
    assert numbers("--limit", "2", "--page", "4") == []
    assert numbers("--limit", "0") == [5, 4, 3, 2, 1]
    assert "more" not in run("list", "--limit", "0").out


def test_state_has_a_former_name(run: Run) -> None:
    run("add", POST)

    for option in ("--state", "--status"):
        assert len(run("list", option, "queued", "--json").json()["jobs"]) == 1
        assert run("list", option, "failed", "--json").json()["jobs"] == []
    assert "--status" not in run("list", "--help").out
