"""Exit codes, JSON and messages: what scripts and users rely on in every command."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console

from mediavault import __version__
from mediavault.cli.commands import COMMANDS
from mediavault.cli.workers import until_left
from mediavault.core.failures import ErrorCode
from mediavault.core.job import JobId, WorkerHeartbeat
from mediavault.core.media import Candidate, FoundIn, Sign, SourceType, account
from mediavault.store.port import Checkpoint, StoredJob
from mediavault.store.waiting_jobs import accepted_reasons
from tests.contract.shelves import job_of
from tests.memory_store import MemoryJobStore
from tests.stubs import fail_by_length
from tests.unit.cli.conftest import POST, WORKER, Run, StubHouse, beat, end


def test_every_command_speaks_json(run: Run) -> None:
    for name in COMMANDS:
        assert "--json" in run(name, "--help").out


def test_help_and_version_exit_with_0(run: Run) -> None:
    assert run("--help").code == 0
    assert run("--version").out.strip() == __version__


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("show",),
        ("list", "--limit", "-1"),
        ("list", "--state", "odd"),
        ("get", "--odd", POST),
    ],
)
def test_a_wrong_command_line_exits_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    ended = run(*arguments)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err


def test_a_wrong_command_line_is_reported_in_json_too(run: Run) -> None:
    ended = run("list", "--limit", "-1", "--json")

    assert (ended.code, set(ended.json())) == (2, {"code", "message", "help"})


def test_a_refusal_prints_a_message_on_standard_error_and_nothing_on_standard_output(
    run: Run,
) -> None:
    ended = run("add", "ftp://x.example/")

    assert (ended.code, ended.out) == (2, "")
    assert "must begin with http" in ended.err
    assert "Traceback" not in ended.err


def test_a_refusal_in_json_is_the_apis_error(run: Run) -> None:
    ended = run("add", "http://127.0.0.1/", "--json")

    assert ended.code == 2
    assert ended.json()["code"] == "ADDRESS_REFUSED"


def test_an_invalid_setting_exits_with_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAVAULT_PORT", "many")
    ended = run("list")

    assert ended.code == 2
    assert "MEDIAVAULT_PORT" in ended.err


def test_added_posts_are_listed_newest_first(run: Run) -> None:
    assert run("add", POST, "https://videos.example/watch/2").code == 0
    jobs = run("list", "--json").json()["jobs"]

    assert {job["post_url"] for job in jobs} == {POST, "https://videos.example/watch/2"}
    assert run("list", "--status", "failed", "--json").json() == {"jobs": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("narrowed", "numbers"),
    [
        ((), [3, 2, 1]),
        (("--order", "longest"), [2, 3, 1]),
        (("--account", "x/x-jane"), [2]),
        (("--platform", "x"), [2]),
        (("--since", "2000-01-01", "--until", "2001-01-01T00:00+01:00"), []),
        (("--since", "2000-01-01"), [3, 2, 1]),
        (("--q", "oka"), [3]),
        (("--shortest-s", "1.5", "--longest-s", "2"), [3]),
        (("--no-started", "--no-duplicates"), [3, 2, 1]),
        (("--until", job_of(1).created_at.date().isoformat()), [3, 2, 1]),
    ],
)
def test_the_list_of_jobs_can_be_filtered(
    run: Run, house: StubHouse, narrowed: tuple[str, ...], numbers: list[int]
) -> None:
    jobs = [
        job_of(1, duration_s=1.0),
        job_of(2, platform="x", account=account("x", "jane", None), duration_s=9.0),
        job_of(3, title="Okapis", duration_s=2.0),
    ]
    asyncio.run(house.store.catalogue.import_jobs([StoredJob(job) for job in jobs]))

    listed = run("list", "--json", *narrowed).json()["jobs"]
    assert [int(job["post_url"].rpartition("/")[2]) for job in listed] == numbers


def test_a_list_of_an_unknown_site_is_refused(run: Run) -> None:
    """Otherwise a typo would look like an empty vault."""
    ended = run("list", "--platform", "nosuch")

    assert (ended.code, ended.out) == (2, "")
    assert "There is no site nosuch." in ended.err
    assert "youtube" in ended.err


@pytest.mark.parametrize("option", ["--since", "--until"])
def test_an_invalid_date_is_refused(run: Run, option: str) -> None:
    ended = run("list", option, "yesterday")

    assert ended.code == 2
    assert f"Invalid filter: {option.removeprefix('--')}." in ended.err


def test_adding_answers_like_the_api(run: Run) -> None:
    first, again = run("add", POST, "--json").json(), run("add", POST, "--json").json()

    assert set(first) == {"jobs"}
    assert again["jobs"][0]["id"] == first["jobs"][0]["id"]
    assert "known already" in run("add", POST).out


def test_one_invalid_url_prevents_adding_any(run: Run) -> None:
    assert run("add", POST, "nonsense").code == 2
    assert run("list", "--json").json()["jobs"] == []


def test_urls_are_read_from_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{POST}\nhttps://videos.example/watch/2\n"))

    assert len(run("add", "-", "--json").json()["jobs"]) == 2


def test_no_url_at_all_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))

    assert run("add", "-").code == 2


def test_a_job_is_shown_with_its_history(run: Run, house: StubHouse) -> None:
    job_id = run("add", POST, "--json").json()["jobs"][0]["id"]
    run("cancel", job_id)
    shown = run("show", job_id, "--json").json()

    assert (shown["id"], shown["status"]) == (job_id, "cancelled")
    assert shown["history"][-1]["stage"] == "cancel"
    assert "Cancelled" in run("show", job_id).out


def test_a_cancelled_job_can_be_retried_and_removed(run: Run) -> None:
    job_id = run("add", POST, "--json").json()["jobs"][0]["id"]

    assert run("cancel", job_id, "--json").json()["jobs"][0]["status"] == "cancelled"
    assert run("retry", job_id, "--json").json()["jobs"][0]["status"] == "queued"
    assert run("remove", job_id, "--json").json()["jobs"][0]["id"] == job_id
    assert run("show", job_id).code == 2


async def _ask_which(store: MemoryJobStore) -> None:
    """Fail the queued job because its page shows three videos."""
    (claim,) = await store.queue.claim(WORKER, limit=1, lease=timedelta(seconds=90))
    candidates = tuple(
        Candidate(
            f"https://cdn.example/{n}.mp4", SourceType.DIRECT, FoundIn.DOM, evidence=(Sign.PLAYER,)
        )
        for n in range(3)
    )
    await store.queue.checkpoint(
        claim, Checkpoint(None, None, SourceType.UNKNOWN, candidates, (), None, None, {})
    )
    await store.queue.fail(
        claim, error_code=ErrorCode.AMBIGUOUS, error="Three videos.", retry_in=None
    )


def test_several_videos_are_chosen_by_their_numbers(
    run: Run, house: StubHouse, tmp_path: Path
) -> None:
    job_id = run("add", POST, "--json").json()["jobs"][0]["id"]
    asyncio.run(_ask_which(house.store))
    folder = tmp_path / "state" / "player"
    folder.mkdir(parents=True)
    for name in (f"{job_id}.frame-ab.jpg", f"{job_id}.0.ab.jpg"):
        (folder / name).touch()

    assert " ".join(run("show", job_id).out.split()).count("a player plays it") == 3
    refused = run("retry", job_id, "--choose", "1", "--choose", "4", "--json")
    assert (refused.code, refused.json()["message"]) == (
        2,
        "There is no such candidate; the job has 3.",
    )
    chosen = run(
        "retry", job_id, "--choose", "3", "--choose", "1", "--choose", "3", "--json"
    ).json()["jobs"][0]
    assert chosen["chosen_urls"] == ["https://cdn.example/0.mp4", "https://cdn.example/2.mp4"]
    assert [path.name for path in folder.iterdir()] == [f"{job_id}.0.ab.jpg"]


async def _ask_about_length(store: MemoryJobStore) -> None:
    (claim,) = await store.queue.claim(WORKER, limit=1, lease=timedelta(seconds=90))
    await fail_by_length(store, claim, "it lasts 10.0 s, but the post announced 60.0 s")


def test_a_file_of_another_length_is_saved_as_it_is(run: Run, house: StubHouse) -> None:
    job_id = run("add", POST, "--json").json()["jobs"][0]["id"]
    refused = run("retry", job_id, "--as-it-is", "--json")
    asyncio.run(_ask_about_length(house.store))
    retried = run("retry", job_id, "--as-it-is", "--json").json()["jobs"][0]

    assert (refused.code, refused.json()["code"]) == (2, "BAD_REQUEST")
    assert retried["status"] == "queued"
    assert asyncio.run(accepted_reasons(house.store.records, JobId(job_id))) == {
        "The file was refused because it lasts 10.0 s, but the post announced 60.0 s."
    }


def test_what_players_showed_of_a_removed_video_is_removed_too(run: Run, tmp_path: Path) -> None:
    job_id = run("add", POST, "--json").json()["jobs"][0]["id"]
    folder = tmp_path / "state" / "player"
    folder.mkdir(parents=True)
    for name in (f"{job_id}.0.ab.preview.json", "another.0.ab.preview.json"):
        (folder / name).touch()
    run("remove", job_id)

    assert [path.name for path in folder.iterdir()] == ["another.0.ab.preview.json"]


def test_the_jobs_that_were_changed_before_a_refused_one_are_reported(
    run: Run, house: StubHouse
) -> None:
    """A job that is not found is refused before anything is changed."""
    ids = [job["id"] for job in run("add", POST, f"{POST}2", "--json").json()["jobs"]]
    asyncio.run(end(house.store, "saved"))
    not_found = run("cancel", ids[1], "nothing")
    ended = run("cancel", ids[1], ids[0])

    assert (not_found.code, not_found.out) == (2, "")
    assert "There is no job nothing." in not_found.err
    assert ended.code == 2
    assert "Cancelled" in ended.out


@pytest.mark.parametrize("command", ["show", "retry", "cancel", "remove"])
def test_an_unknown_job_exits_with_2(run: Run, command: str) -> None:
    ended = run(command, "nothing", "--json")

    assert (ended.code, ended.json()["code"]) == (2, "NOT_FOUND")


def test_untrusted_text_is_printed_neither_as_markup_nor_as_an_escape_sequence(
    run: Run, house: StubHouse
) -> None:
    run("add", f"{POST}?t=[bold]x[/bold]")

    assert "[bold]x[/bold]" in run("list").out
    assert "\x1b" not in run("list").out


def test_migrate_reports_the_database(run: Run) -> None:
    assert run("migrate", "--json").json()["engine"] == "memory"
    assert "schema" in run("migrate").out


@pytest.mark.parametrize("role", ["serve", "worker", "api"])
def test_long_running_processes_exit_with_their_own_code(
    run: Run, house: StubHouse, role: str
) -> None:
    house.exit_code = 3

    assert run(role).code == 3
    assert house.ran == [role]


def test_options_take_precedence_over_the_environment(
    run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAVAULT_PORT", "1")
    run("serve", "--port", "9999", "--concurrency", "7")

    assert house.settings is not None
    assert (house.settings.port, house.settings.concurrency) == (9999, 7)


@pytest.mark.parametrize("role", ["serve", "api"])
def test_listening_beyond_this_machine_without_a_token_is_refused(
    run: Run, house: StubHouse, role: str
) -> None:
    ended = run(role, "--host", "0.0.0.0")

    assert (ended.code, house.ran) == (2, [])
    assert "MEDIAVAULT_TOKEN" in ended.err


def test_listening_beyond_this_machine_with_a_token_is_allowed(
    run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAVAULT_TOKEN", "mv_long")

    assert run("serve", "--host", "0.0.0.0").code == 0


def test_serve_reports_its_folders_to_a_script(run: Run) -> None:
    output = run("serve", "--json").json()

    assert (output["role"], output["port"]) == ("serve", 8420)
    assert output["download_dir"].endswith("downloads")
    assert "token" not in output


def test_help_loads_nothing_heavy() -> None:
    """The web framework, the settings library and the stores wait until a command needs them."""
    heavy = ("fastapi", "uvicorn", "pydantic", "aiohttp", "apsw", "playwright", "av")
    script = (
        f"import sys, mediavault.cli.main; print([name for name in {heavy!r} if name in"
        " sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize(("options", "left"), [((), 3), (("--files",), 0)])
def test_removing_leaves_the_files_unless_asked(
    run: Run, house: StubHouse, tmp_path: Path, options: tuple[str, ...], left: int
) -> None:
    job_id = run("get", POST, "--json").json()["id"]
    folder = tmp_path / "downloads" / "jane"
    folder.mkdir(parents=True)
    for suffix in ("mp4", "jpg", "info.json"):
        (folder / f"A film [1].{suffix}").write_bytes(b"x")

    assert run("remove", job_id, *options).code == 0
    assert len(list(folder.iterdir()) if folder.exists() else []) == left


def test_the_demo_exits_with_its_own_code(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stub(console: Console, *, as_json: bool) -> int:
        console.print("{}" if as_json else "a table")
        return 1

    monkeypatch.setattr("mediavault.demo.runner.run_demo", stub)

    assert (run("demo").code, run("demo").out) == (1, "a table\n")
    assert run("demo", "--json").json() == {}


def test_drain_asks_the_named_workers_to_drain(run: Run, house: StubHouse) -> None:
    without_workers = run("drain", "--all").code
    asyncio.run(beat(house))
    elsewhere = run("drain")  # the stub's machine is not this one
    unknown = run("drain", "other:1")
    drained = run("drain", "host:42", "host", "--no-wait", "--json")
    [worker] = run("workers", "--json").json()["workers"]

    assert (without_workers, elsewhere.code, unknown.code) == (1, 1, 2)
    assert "host:42" in unknown.err
    assert (drained.code, drained.json()) == (0, {"workers": [WORKER], "left": False})
    assert worker["draining"]


def test_drain_waits_until_the_workers_have_left(
    house: StubHouse, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here the worker falls silent, as if killed, and is no longer counted."""

    async def ask_and_wait() -> list[WorkerHeartbeat]:
        await beat(house, running_jobs=2)
        draining = await house.store.workers.alive(seen_within=timedelta(seconds=90))
        await until_left(house.store.workers, draining, house.clock, silent=False)
        return await house.store.workers.alive(seen_within=timedelta(seconds=90))

    assert asyncio.run(ask_and_wait()) == []
    assert capsys.readouterr().err == "host:42 has 2 running\n"


def test_workers_lists_the_workers_of_all_machines_and_the_jobs_that_none_of_them_takes(
    run: Run, house: StubHouse
) -> None:
    assert run("workers").code == 1
    asyncio.run(beat(house, platforms=("x",)))
    run("add", POST)
    fleet = run("workers", "--json").json()

    assert [(worker["host"], worker["platforms"]) for worker in fleet["workers"]] == [
        ("host", ["x"])
    ]
    assert fleet["unserved"][0]["platform"] == "generic"
    ran = run("workers")
    assert ran.code == 0
    assert "1 job waiting for a worker that takes jobs of generic." in ran.out


def test_a_worker_takes_the_jobs_of_the_given_platforms(
    run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAVAULT_PLATFORMS", "reddit")
    platforms = []
    for arguments in ((), ("--platforms", "x, TikTok")):
        run("worker", *arguments)
        assert house.settings is not None
        platforms.append(house.settings.platforms)

    assert platforms == [("reddit",), ("x", "tiktok")]


def test_limits_shows_the_state_of_each_site_and_how_many_jobs_wait(
    run: Run, house: StubHouse
) -> None:
    assert "no job waits" in run("limits").out
    run("add", POST)
    (site,) = run("limits", "--json").json()

    assert (site["platform"], site["state"], site["waiting"]) == ("generic", "open", 1)
    hour, limits = timedelta(hours=1), house.store.site_limits
    asyncio.run(
        limits.pause_site("generic", duration=hour, code=ErrorCode.RATE_LIMITED, reason="slow down")
    )
    assert "Open" not in run("limits").out
    assert "Open" in run("limits", "--open", "generic").out


def test_a_site_without_limits_is_not_opened_as_in_the_api(run: Run) -> None:
    ended = run("limits", "--open", "x", "--json")

    assert (ended.code, ended.json()["code"], ended.json()["message"]) == (
        2,
        "NOT_FOUND",
        "No site of this name has limits.",
    )


def test_an_empty_list_is_reported_in_a_sentence(run: Run) -> None:
    assert run("list").out == "No jobs.\n"
    assert run("list", "--json").json()["jobs"] == []


def test_opening_an_unknown_site_is_refused_and_creates_none(run: Run) -> None:
    ended = run("limits", "--open", "instagrm")

    assert (ended.code, ended.out) == (2, "")
    assert "There is no site instagrm." in ended.err
    assert "instagram" in ended.err
    assert "no job waits" in run("limits").out


def test_limits_counts_the_posts_of_a_site_that_were_not_understood(
    run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_understood(*, within: timedelta) -> dict[str, int]:
        assert within == timedelta(days=7)
        return {"vimeo": 41}

    monkeypatch.setattr(house.store.catalogue, "count_unparsed", not_understood)

    assert run("limits", "--json").json()[0]["not_understood"] == 41
    assert "41" in run("limits").out


def test_an_empty_profile_is_the_usual_form_as_in_the_api(run: Run) -> None:
    job_id = run("add", POST, "--profile", "audio", "--json").json()["jobs"][0]["id"]
    run("cancel", job_id)
    again = run("retry", job_id, "--json").json()["jobs"][0]
    run("cancel", job_id)
    usual = run("retry", job_id, "--profile", "", "--json").json()["jobs"][0]

    assert (again["profile"], usual["profile"]) == ("audio", "best")
