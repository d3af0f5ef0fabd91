"""What the doctor's checks say of the facts that they are given."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mediavault.app.doctor import machine, programs, vault
from mediavault.app.doctor.runner import Context, Findings
from mediavault.app.doctor.vault import StoreFacts, read_store
from mediavault.app.storage import open_store
from mediavault.browser.discovery import Sandbox, SandboxReport
from mediavault.core.failures import BadSetting, ErrorCode
from mediavault.core.installation import command_to_install
from mediavault.core.job import Job, JobId, JobStatus, WorkerId
from mediavault.core.messages import Message
from mediavault.core.settings import Settings
from mediavault.core.upstream_proxies import UpstreamProxies
from mediavault.egress.guard import EgressGuard
from mediavault.extraction.port import UpgradeRecord
from mediavault.extraction.ytdlp_home import YtdlpInstallation
from mediavault.maintenance.scheduled_checks import ReadingPosition
from mediavault.presentation.doctor_report import Check
from mediavault.sandbox.isolation import NoNetwork
from mediavault.store.losses import LOG, LOSSES, note_loss
from mediavault.store.port import FailureGroup, StoreReport
from mediavault.store.postgres.server import PostgresFacts
from mediavault.worker.freezes import FreezeReport
from tests.fakes import START
from tests.unit.egress.servers import Names, trapping
from tests.upstream_stubs import TRIAL, stub_proxy

DAYS = 90
URL = "https://videos.example/1"
JOB = Job(
    JobId("job-1"),
    "0" * 32,
    URL,
    URL,
    "generic",
    JobStatus.FAILED,
    created_at=START,
    updated_at=START,
)
FREEZE = FreezeReport(
    WorkerId("w-1"), START, 60.0, held=(), stack=(), job_id=JobId("job-2"), attempt=1
)
AT = "2026-11-24 12:00 UTC"
STORE = StoreFacts(
    settings=Settings(),
    report=StoreReport("SQLite", 1, START),
    workers=(),
    failures=(),
    freezes=(),
    lost=(),
    holds=(),
    unparsed={},
    damaged=0,
    undecoded=0,
    position=None,
    verify_days=DAYS,
    has_password=False,
    media_server_call=None,
)
POSTGRES = PostgresFacts(
    server="db.example/vault",
    version=17,
    ahead_by=timedelta(milliseconds=-3),
    user="jane",
    database="vault",
    may_create_schema=True,
    has_schema=True,
    may_use_schema=True,
    is_standby=False,
    isolation="read committed",
    has_tls=True,
    is_local=False,
    fsync=True,
    full_page_writes=True,
    synchronous_commit="on",
    encoding="UTF8",
    has_wake_ups=True,
)
JUDGES: tuple[Callable[[PostgresFacts], Check], ...] = (
    vault.server,
    vault.privileges,
    vault.durability,
    vault.isolation,
    vault.connection,
    vault.clocks,
    vault.wake_ups,
)


def one(found: Findings) -> Check:
    assert isinstance(found, Check)
    return found


def at(now: datetime, **facts: Any) -> StoreFacts:
    return replace(STORE, report=replace(STORE.report, at=now), **facts)


# --- this machine ---------------------------------------------------------------------------------


def test_only_linux_is_called_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.system(Context(Settings())) is None
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    assert one(machine.system(Context(Settings()))).verdict == "warning"


@pytest.mark.parametrize(
    ("version", "verdict"), [("3.51.3.0", "ok"), ("3.54.1.0", "ok"), ("3.46.1.0", "broken")]
)
def test_a_sqlite_that_can_corrupt_a_database_is_reported(
    monkeypatch: pytest.MonkeyPatch, version: str, verdict: str
) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda _: version)

    assert one(machine.sqlite(Context(Settings()))).verdict == verdict


def test_variables_that_nothing_reads_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAVAULT_TOKN", "x")
    check = one(machine.variables(Context(Settings())))

    assert (check.verdict, "MEDIAVAULT_TOKN" in check.detail) == ("warning", True)


@pytest.mark.parametrize(
    ("kept_by", "helpers", "ytdlp"),
    [
        (NoNetwork.NAMESPACE, "ok: kept off the network", "ok: only the vault's own proxy"),
        (NoNetwork.FILTER, "ok: kept off the network", "warning: the same as mediavault's"),
        (NoNetwork.NOTHING, "warning: can reach the network", "warning: the same as mediavault's"),
    ],
)
def test_processes_that_can_reach_the_network_are_reported(
    kept_by: NoNetwork, helpers: str, ytdlp: str
) -> None:
    for judge, expected in ((machine.helpers, helpers), (machine.ytdlp_network, ytdlp)):
        check = one(judge(kept_by))

        assert f"{check.verdict}: {check.detail}".startswith(expected)
        assert bool(check.help) is (check.verdict != "ok")


def test_a_network_file_system_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(state_dir=tmp_path / "my state", download_dir=tmp_path)
    settings.state_dir.mkdir()
    table = tmp_path / "mounts"
    table.write_text(
        f"disk / ext4 rw\nnas {settings.state_dir.as_posix().replace(' ', chr(92) + '040')} cifs"
        " rw\n"
    )
    monkeypatch.setattr(machine, "MOUNTS", table)

    assert one(machine.state_folder(Context(settings))).verdict == "broken"
    assert one(machine.download_folder(Context(settings))).detail == f"{tmp_path} on ext4"
    table.unlink()
    assert one(machine.state_folder(Context(settings))).detail == str(settings.state_dir)


def test_a_full_disk_is_reported(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, download_dir=tmp_path / "x", reserve_mb=1 << 40)

    assert one(machine.space(Context(settings))).verdict == "broken"


@pytest.mark.parametrize(
    ("facts", "has_password", "verdict", "detail"),
    [
        ({}, False, "ok", "no password: open to all users of this machine"),
        ({}, True, "ok", "protected by the owner's password"),
        ({"setup": True, "host": "0.0.0.0"}, False, "warning", "waits to be set up"),
        ({"token": "hunter2"}, False, "warning", "MEDIAVAULT_TOKEN is short enough to be guessed"),
        (
            {"token": "mv_a-long-random-token"},
            True,
            "ok",
            "protected by the owner's password, MEDIAVAULT_TOKEN",
        ),
    ],
)
def test_whether_and_how_the_vault_is_protected_is_reported(
    facts: dict[str, Any], has_password: bool, verdict: str, detail: str
) -> None:
    check = one(
        machine.access(replace(STORE, settings=Settings(**facts), has_password=has_password))
    )

    assert (check.verdict, check.detail[: len(detail)]) == (verdict, detail)


@pytest.mark.parametrize("facts", [{"host": "0.0.0.0"}, {"proxy_user": "jane"}])
def test_an_unprotected_or_contradictory_access_is_refused(facts: dict[str, Any]) -> None:
    with pytest.raises(BadSetting):
        machine.access(replace(STORE, settings=Settings(**facts)))


# --- proxies --------------------------------------------------------------------------------------

YOUTUBE = "93.184.216.35"


async def tried(proxies: UpstreamProxies) -> list[Check]:
    names = Names(**{host: [YOUTUBE] for host in ("youtube.com", "www.youtube.com")})
    return await machine.try_proxies(EgressGuard(resolver=names, proxies=proxies))


async def test_each_proxy_is_tried_with_a_site_that_uses_it_and_hides_its_password() -> None:
    async with (
        trapping() as anything,
        stub_proxy("http", {TRIAL: anything.port}) as vault,
        stub_proxy("socks5 with a password", {YOUTUBE: anything.port}) as own,
    ):
        found = await tried(
            UpstreamProxies(vault.proxy, {"youtube": own.proxy, "x": None, "generic": own.proxy})
        )

    assert [(check.verdict, check.detail) for check in found] == [
        ("ok", f"unknown sites, YouTube: through socks5://***@127.0.0.1:{own.port}, which works"),
        ("ok", "X: direct connection"),
        ("ok", f"all other sites, and notifications: through {vault.proxy}, which works"),
    ]
    assert (vault.asked, own.asked) == ([TRIAL], [f"{YOUTUBE}:443"])


async def test_a_proxy_that_fails_is_reported_with_what_helps() -> None:
    async with stub_proxy("http with a password") as stub:
        stub.answers[""] = 503
        [check] = await tried(UpstreamProxies(stub.proxy))

    assert check.verdict == "broken"
    assert (
        check.detail
        == f"everything: The proxy {stub.proxy} cannot be used: it answered with HTTP 503."
    )
    assert "MEDIAVAULT_PROXY" in check.help


async def test_a_site_that_a_working_proxy_does_not_reach_is_a_warning() -> None:
    async with trapping() as anything, stub_proxy("socks5", {TRIAL: anything.port}) as stub:
        found = await tried(UpstreamProxies(None, {"youtube": stub.proxy}))

    assert [check.verdict for check in found] == ["warning", "ok"]
    assert found[1].detail == "all other sites, and notifications: direct connection"


# --- programs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "verdict", "detail"),
    [
        ("echo Chromium 156.0.1", "ok", "Chromium 156.0.1"),
        (
            "echo 'ls (GNU coreutils) 9.7'",
            "warning",
            "does not say that it is a Chromium, Chrome or Edge",
        ),
        ("echo Chromium; exit 1", "warning", "does not say"),
    ],
)
async def test_the_program_set_as_browser_is_identified(
    tmp_path: Path, script: str, verdict: str, detail: str
) -> None:
    program = tmp_path / "browser"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    check = one(await programs.browser(Context(Settings(browser=program))))

    assert (check.verdict, detail in check.detail) == (verdict, True)


@pytest.mark.parametrize(
    ("sandbox", "verdict", "detail", "help_"),
    [
        (Sandbox.ON, "ok", "on: ", ""),
        (Sandbox.OFF_FOR_ROOT, "warning", "off, because mediavault runs as root", "ordinary user"),
        (
            Sandbox.REFUSED,
            "warning",
            "off, because the browser did not start with it: No",
            "user namespaces",
        ),
    ],
)
def test_the_browsers_sandbox_is_reported_with_the_reason_and_help(
    monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, verdict: str, detail: str, help_: str
) -> None:
    monkeypatch.setattr(
        programs, "recorded_sandbox", lambda _: SandboxReport(sandbox, "No usable sandbox!")
    )
    check = one(programs.sandbox(Context(Settings())))

    assert (check.verdict, check.detail[: len(detail)], help_ in check.help) == (
        verdict,
        detail,
        True,
    )


def test_without_a_browser_no_window_opens_and_cookies_can_be_imported() -> None:
    check = one(programs.sign_in_window(Context(Settings(browser=Path("/nowhere/chromium")))))

    assert (check.verdict, "--cookies" in check.help) == ("warning", True)


def use_ytdlp(
    monkeypatch: pytest.MonkeyPatch, version: str | None, today: date, **record: Any
) -> Check:
    monkeypatch.setattr(programs, "installed", lambda _: YtdlpInstallation(version, None))
    monkeypatch.setattr(programs, "read_record", lambda _: UpgradeRecord(**record))
    now = datetime.combine(today, START.timetz())
    monkeypatch.setattr(programs, "SystemClock", lambda: SimpleNamespace(now=lambda: now))
    return one(programs.ytdlp(Context(Settings())))


@pytest.mark.parametrize(
    ("version", "today", "verdict"),
    [
        ("2026.10.26", date(2026, 12, 10), "ok"),
        ("2026.10.26", date(2026, 12, 11), "warning"),
        ("2026.10.26", date(2026, 10, 25), "ok"),
        ("0.0.0", date(2026, 10, 25), "warning"),
        (None, date(2026, 10, 25), "warning"),
    ],
)
def test_a_ytdlp_older_than_45_days_should_be_upgraded(
    monkeypatch: pytest.MonkeyPatch, version: str | None, today: date, verdict: str
) -> None:
    check = use_ytdlp(monkeypatch, version, today)

    assert (check.verdict, check.help == "") == (verdict, verdict == "ok")


def test_a_version_that_was_given_up_is_reported_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    why = Message("it could not be imported")
    check = use_ytdlp(monkeypatch, "2026.10.26", date(2026, 10, 27), refused="2026.11.20", why=why)

    assert check.verdict == "warning"
    assert check.detail == (
        "2026.10.26 (as installed), 1 day old; 2026.11.20 was given up: it could not be imported."
    )


@pytest.mark.parametrize(
    ("missing", "detail"),
    [
        ({"deno", "yt_dlp_ejs", "curl_cffi"}, "without deno, yt-dlp-ejs: YouTube's player"),
        ({"curl_cffi"}, "without curl_cffi: Instagram"),
        (set(), "deno, yt-dlp-ejs, curl_cffi are there"),
    ],
)
def test_each_missing_part_is_named_with_the_sites_that_need_it_and_one_command(
    monkeypatch: pytest.MonkeyPatch, missing: set[str], detail: str
) -> None:
    monkeypatch.setattr(
        programs, "deno_path", lambda: None if "deno" in missing else Path("/bin/deno")
    )
    monkeypatch.setattr(YtdlpInstallation, "has", lambda _, module: module not in missing)
    check = one(programs.ytdlp_parts(Context(Settings())))

    assert check.detail.startswith(detail)
    assert check.help == (f"Run `{command_to_install('youtube')}`." if missing else "")


# --- the vault ------------------------------------------------------------------------------------


async def test_what_a_damaged_log_may_have_cost_is_a_warning(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state", download_dir=tmp_path / "library")
    async with open_store(settings) as store:
        await note_loss(store.records, LOG)
    facts = await read_store(settings)
    [check] = vault.database(facts)

    assert (check.verdict, check.detail) == ("warning", LOSSES[LOG].what)
    assert "mediavault rebuild" in check.help


def test_three_posts_of_a_site_suggest_an_upgrade_and_two_do_not() -> None:
    many = one(vault.sites(replace(STORE, unparsed={"x": 2, "vimeo": 3})))

    assert (many.verdict, "vimeo (3 posts)" in many.detail, "x (2" in many.detail) == (
        "warning",
        True,
        False,
    )
    assert "--upgrade-ytdlp" in many.help
    assert one(vault.sites(replace(STORE, unparsed={"x": 2}))).verdict == "ok"


def failed(code: ErrorCode, *, jobs: int = 1) -> FailureGroup:
    return FailureGroup(
        code, "generic", jobs, None, jobs, (replace(JOB, error_code=code, failed_at=START),)
    )


@pytest.mark.parametrize(
    ("failures", "freezes", "days", "detail"),
    [
        ([failed(ErrorCode.NETWORK)], [], 0, None),
        (
            [failed(ErrorCode.WORKER_DIED), failed(ErrorCode.WORKER_FROZE, jobs=5)],
            [],
            0,
            f"6 posts failed: job-1 ({AT}), …",
        ),
        ([], [FREEZE], 29, f"a worker froze at {AT} because of job-2"),
        ([], [FREEZE], 31, None),
        ([], [replace(FREEZE, job_id=None)], 0, f"a worker froze at {AT}, not because of a post"),
        (
            [failed(ErrorCode.WORKER_FROZE)],
            [replace(FREEZE, job_id=JOB.id)],
            0,
            f"1 post failed: job-1 ({AT})",
        ),
    ],
)
def test_posts_that_stopped_or_froze_a_worker_are_named_for_a_month(
    failures: list[FailureGroup], freezes: list[FreezeReport], days: int, detail: str | None
) -> None:
    check = one(vault.crashes(at(START + timedelta(days=days), failures=failures, freezes=freezes)))

    assert check.verdict == ("warning" if detail else "ok")
    assert check.detail == (detail or "no post has stopped or frozen a worker")
    assert ("mediavault retry ID" in check.help) is bool(detail)


def test_a_crash_in_native_code_is_reported_with_its_file(tmp_path: Path) -> None:
    context, path = Context(Settings(state_dir=tmp_path)), tmp_path / "native-crash.log"
    assert vault.native_crashes(context) is None
    path.touch()
    assert vault.native_crashes(context) is None

    path.write_text(
        "Fatal Python error: Aborted\n\nFatal Python error: Segmentation fault\n\nThread 0x0 …\n"
    )
    check = one(vault.native_crashes(context))
    assert check.detail.endswith("Fatal Python error: Segmentation fault")
    assert str(path) in check.help


PLAN = "each is to be verified within 90 days"


@pytest.mark.parametrize(
    ("facts", "age_days", "verdict", "fact"),
    [
        ({"damaged": 2}, 1, "warning", "2 posts have damaged files"),
        ({"position": None}, 1, "ok", PLAN),
        ({"position": ReadingPosition(began_at=START, at=START, passed=0)}, 1, "ok", PLAN),
        ({}, 30, "ok", f"{PLAN}; 7 posts since 2026-11-24"),
        ({}, 120, "warning", f"{PLAN}; 7 posts since 2026-11-24"),
        ({}, -3, "ok", PLAN),
        ({"verify_days": 0}, 30, "ok", "not verified on a schedule"),
        (
            {"verify_days": 0, "undecoded": 1_200},
            0,
            "ok",
            "not verified on a schedule; 1,200 posts are still to be decoded in the background",
        ),
    ],
)
def test_the_saved_files_are_reported_with_what_was_found_and_how_far_the_reading_is(
    facts: dict[str, Any], age_days: int, verdict: str, fact: str
) -> None:
    position = ReadingPosition(began_at=START, at=START, passed=7)
    check = one(
        vault.files(at(START + timedelta(days=age_days), **{"position": position, **facts}))
    )

    assert (check.verdict, check.detail, bool(check.help)) == (verdict, fact, verdict == "warning")


@pytest.mark.parametrize(
    "changed",
    [{}, {"has_schema": False, "may_use_schema": False, "has_tls": False, "is_local": True}],
)
def test_a_healthy_server_passes_every_check(changed: dict[str, Any]) -> None:
    assert {judge(replace(POSTGRES, **changed)).verdict for judge in JUDGES} == {"ok"}


@pytest.mark.parametrize(
    ("changed", "judge", "verdict", "helps"),
    [
        ({"version": 14}, vault.server, "broken", "PostgreSQL 15 or newer"),
        ({"version": 19}, vault.server, "warning", "15 to 18"),
        ({"encoding": "SQL_ASCII"}, vault.server, "broken", "createdb --encoding UTF8"),
        ({"is_standby": True}, vault.server, "broken", "primary"),
        (
            {"has_schema": False, "may_create_schema": False},
            vault.privileges,
            "broken",
            """psql -d vault -c 'GRANT CREATE ON DATABASE "vault" TO "jane"'""",
        ),
        (
            {"may_use_schema": False},
            vault.privileges,
            "broken",
            "GRANT USAGE, CREATE ON SCHEMA mediavault",
        ),
        ({"fsync": False}, vault.durability, "warning", "ALTER SYSTEM SET fsync = on"),
        ({"synchronous_commit": "off"}, vault.durability, "warning", "SET synchronous_commit = on"),
        (
            {"isolation": "serializable"},
            vault.isolation,
            "warning",
            'ALTER ROLE "jane" SET default',
        ),
        ({"has_tls": False}, vault.connection, "warning", "sslmode=verify-full"),
        ({"ahead_by": timedelta(seconds=-6)}, vault.clocks, "warning", "timedatectl set-ntp true"),
        ({"has_wake_ups": False}, vault.wake_ups, "warning", "pooler"),
    ],
)
def test_each_problem_of_a_server_is_reported_once_and_with_help(
    changed: dict[str, Any], judge: Callable[[PostgresFacts], Check], verdict: str, helps: str
) -> None:
    facts = replace(POSTGRES, **changed)
    check = judge(facts)

    assert [each for each in JUDGES if each(facts).verdict != "ok"] == [judge]
    assert (check.verdict, helps in check.help) == (verdict, True)
