"""SQLite files that are full, locked, damaged or out of date: nothing acknowledged is lost,
and no row is wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.failures import ErrorCode, StoreError, StoreUnreachable
from mediavault.core.job import JobStatus, WorkerId
from mediavault.core.marks import Mark
from mediavault.core.media import SavedFile
from mediavault.core.settings import Settings
from mediavault.library.local_library import LocalLibrary
from mediavault.store.live_settings import LiveSettings
from mediavault.store.losses import losses
from mediavault.store.port import JobQuery
from mediavault.store.sqlite import writer
from mediavault.store.sqlite.store import SqliteJobStore
from mediavault.web.app import create_app
from mediavault.worker.library_watch import ensure_library_id
from tests.asgi_client import Answer, AsgiClient
from tests.fakes import FakeClock
from tests.faults.mounts import small_disk
from tests.faults.test_processes import environment, until
from tests.faults.vault_on_disk import VaultOnDisk, address_of, all_completed, all_jobs, mediavault
from tests.http_vault import build_vault
from tests.patience import patient
from tests.stubs import new_job

_HOLD = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
db.execute("ROLLBACK")
"""

# `mediavault`, but it would wait an hour for a lock instead of ten seconds: if it ends before that,
# it was asked to.
_PERSISTENT = """
import sys
from mediavault.store.sqlite import engine
engine.BUSY_TIMEOUT_MS = 3_600_000
from mediavault.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def vault(tmp_path: Path) -> VaultOnDisk:
    return VaultOnDisk(tmp_path)


@pytest.mark.fault(
    "F08", "ENOSPC under the database", by="a tmpfs of 1 MB for the state folder, filled up"
)
async def test_a_full_state_folder_answers_503_and_recovers_automatically(tmp_path: Path) -> None:
    with small_disk(tmp_path / "state", "size=1m") as state:
        vault = VaultOnDisk(tmp_path)
        command = [sys.executable, "-m", "mediavault", "api"]
        api = subprocess.Popen(command, env=environment(vault), stderr=subprocess.PIPE)
        try:
            address = await asyncio.to_thread(address_of, api)
            first = await asyncio.to_thread(_post, address, "https://example.com/watch/0")
            ballast = state / "ballast"
            with contextlib.suppress(OSError):
                ballast.write_bytes(b"x" * (1 << 20))
            accepted, refused = await asyncio.to_thread(_post_until_refused, address)
            reads = await asyncio.to_thread(_status, f"{address}/api/jobs")
            ballast.unlink()
            again = await asyncio.to_thread(_post, address, "https://example.com/watch/again")
            jobs = await vault_jobs(vault)
        finally:
            api.terminate()
            api.communicate(timeout=patient(30))

    assert (first, refused, reads, again) == (201, 503, 200, 201)
    assert len(jobs) == 1 + accepted + 1


@pytest.mark.fault(
    "F19", "the state folder removed under a running vault", by="rm -r, and the folder moved back"
)
async def test_a_vault_whose_state_folder_is_removed_accepts_nothing_until_it_is_back(
    vault: VaultOnDisk,
) -> None:
    elsewhere = vault.root / "elsewhere"
    command = [sys.executable, "-m", "mediavault", "api"]
    api = subprocess.Popen(command, env=environment(vault), stderr=subprocess.PIPE)
    try:
        address = await asyncio.to_thread(address_of, api)
        first = await asyncio.to_thread(_post, address, "https://example.com/watch/1")
        vault.state.rename(elsewhere)
        refused = await asyncio.to_thread(_post, address, "https://example.com/watch/2")
        health = await asyncio.to_thread(_status, f"{address}/healthz")
        added = await asyncio.to_thread(
            mediavault, environment(vault), "add", "https://example.com/watch/3"
        )
        second_database = (vault.state / "mediavault.db").exists()
        shutil.rmtree(vault.state, ignore_errors=True)
        elsewhere.rename(vault.state)
        again = await asyncio.to_thread(_post, address, "https://example.com/watch/4")
    finally:
        api.terminate()
        api.communicate(timeout=patient(30))

    assert (first, refused, health, again) == (201, 503, 503, 201)
    assert (added.returncode, second_database) == (2, False), added.stderr
    assert sorted(await vault_jobs(vault)) == [
        f"https://example.com/watch/{number}" for number in (1, 4)
    ]


async def vault_jobs(vault: VaultOnDisk) -> list[str]:
    async with vault.store() as store:
        return [job.post_url for job in await all_jobs(store)]


def _post(address: str, url: str) -> int:
    body = f'{{"post_url": "{url}"}}'.encode()
    return _status(
        urllib.request.Request(
            f"{address}/api/jobs", data=body, headers={"Content-Type": "application/json"}
        )
    )


def _post_until_refused(address: str) -> tuple[int, int]:
    """Return how many were accepted, and the status of the one that was refused."""
    for number in range(1, 2_000):
        if (status := _post(address, f"https://example.com/watch/{number}")) != 201:
            return number - 1, status
    return 2_000, 201


def _status(request: urllib.request.Request | str) -> int:
    try:
        with urllib.request.urlopen(request, timeout=patient(30)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as exc:
        exc.close()
        return exc.code


@pytest.mark.fault(
    "F18", "SQLite locked by another program", by="BEGIN EXCLUSIVE in another process"
)
async def test_a_database_that_another_program_holds_is_waited_for(vault: VaultOnDisk) -> None:
    await vault.accept(2)
    store = vault.plain_store()
    await store.open()
    command = [sys.executable, "-c", _HOLD, str(vault.state / "mediavault.db")]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        await asyncio.to_thread(holder.stdout.readline)
        with vault.worker(env={"FAULTS_LEASE_S": "30"}):
            with pytest.raises(StoreUnreachable, match="is held by another program"):
                await store.queue.enqueue(
                    [new_job("https://videos.example/9", clock=SystemClock())]
                )
            seen = await store.catalogue.jobs(JobQuery())
            await until(lambda: "database_waited_for" in vault.log.read_text(), within_s=60)
            holder.communicate()  # its standard input is closed, which ends the transaction
            jobs = await vault.until(all_completed, within_s=60)
            await vault.until_swept()
    finally:
        holder.kill()
        holder.communicate()
        await store.close()

    assert [job.status for job in seen.jobs] == [JobStatus.QUEUED] * 2  # reads still work
    assert vault.complaints(jobs, accepted=2) == []


@pytest.mark.fault(
    "F18", "SIGTERM while SQLite waits for another program's lock", by="BEGIN EXCLUSIVE, and kill"
)
@pytest.mark.parametrize("role", ["worker", "serve"])
async def test_a_vault_that_waits_for_a_locked_file_stops_at_once_when_asked(
    vault: VaultOnDisk, role: str
) -> None:
    await vault.accept()
    path = vault.state / "mediavault.db"
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process = None
    try:
        assert holder.stdout is not None
        await asyncio.to_thread(holder.stdout.readline)
        process = subprocess.Popen(
            [sys.executable, "-c", _PERSISTENT, role],
            env=environment(vault),
            stderr=subprocess.DEVNULL,
        )
        await until(lambda: path in _opened_by(process.pid))
        process.terminate()
        code = await asyncio.to_thread(process.wait, patient(30))
    finally:
        for started in filter(None, (process, holder)):
            started.kill()
            started.communicate()

    assert code == 0


def _opened_by(pid: int) -> list[Path]:
    paths = []
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            paths.append(fd.readlink())
    return paths


def _overwrite(path: Path, at: int, count: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(random.Random(at).randbytes(count))


ROUTES = (
    "/", "/library", "/accounts", "/sites", "/settings/speed", "/sources", "/trash", "/profiles",
    "/access", "/notifications", "/api/jobs?limit=100", "/api/jobs?order=oldest&limit=100",
    "/api/jobs?q=watch", "/api/accounts", "/api/totals", "/api/sources", "/api/profiles",
    "/api/worker/health", "/metrics",
)  # fmt: skip


PAGE_BYTES = 4096  # of the database


@pytest.mark.fault(
    "F19",
    "flipped bytes in a SQLite file or its log",
    by="4 bytes changed at 100 places of each, half of them where a page begins",
)
@pytest.mark.parametrize("name", ["mediavault.db", "mediavault.db-wal"])
async def test_a_route_that_meets_flipped_bytes_says_that_the_database_is_damaged(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "mediavault.db"
    with pytest.MonkeyPatch.context() as slow_machine:
        # however long filling takes, half stays in the log
        slow_machine.setattr(writer, "IDLE_S", 3_600.0)
        whole = await _filled(path)
    crashed, silent, untold, lost, damaged = [], [], [], [], 0
    async with _served(tmp_path, path) as (store, clock, client):
        for number in range(100):
            await store.close()
            for each, content in whole.items():
                path.with_name(each).write_bytes(content)
            place = random.Random(number).randrange(len(whole[name]))
            _flip(path.with_name(name), place - place % PAGE_BYTES if number % 2 else place)
            try:
                await store.open()
            except StoreError:  # so `serve` is refused, with advice
                continue
            clock.advance(3600)  # nothing is known from before
            answers = [await client.get(route) for route in ROUTES]
            answers.append(
                await client.post("/api/jobs", {"post_url": f"https://example.com/watch/{number}"})
            )
            said = [
                answer for answer in answers if "is damaged" in answer.text and answer.status == 503
            ]
            health = await client.get("/healthz")
            crashed += [(number, answer.text[:200]) for answer in answers if answer.status == 500]
            silent += [number] if said and health.status != 503 else []
            damaged += bool(said)
            if await losses(store.records):
                lost.append(number)
                untold += [
                    number
                    for page in answers
                    if page.status == 200 and is_page(page) and _LOST not in unescape(page.text)
                ]

    assert crashed == []
    assert silent == untold == []
    assert lost == (list(range(100)) if name.endswith("-wal") else [])
    # SQLite itself leaves out what is damaged in its log
    assert damaged > 5 or name.endswith("-wal")


_LOST = "database's log was damaged, cut short or removed"


def is_page(answer: Answer) -> bool:
    return answer.headers.get("content-type", "").startswith("text/html")


def _flip(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        found = file.read(4)
        file.seek(place)
        file.write(bytes(byte ^ 0xA5 for byte in found))


@asynccontextmanager
async def _served(
    root: Path, path: Path
) -> AsyncIterator[tuple[SqliteJobStore, FakeClock, AsgiClient]]:
    """Serve a vault with this database, which may be closed and opened again meanwhile."""
    vault = build_vault(root)
    store = SqliteJobStore(path, vault.clock)
    await store.open()
    live = LiveSettings(vault.services.settings, store.records, vault.clock)
    app = create_app(replace(vault.services, store=store, live=live))
    try:
        yield store, vault.clock, AsgiClient(app)
    finally:
        await app.state.feed.aclose()
        await vault.client.app.state.feed.aclose()  # type: ignore[attr-defined]
        await store.close()


async def _filled(path: Path) -> dict[str, bytes]:
    """Return the files of a database with jobs in several states, with history,
    marks and settings: half in its log.
    """
    store = SqliteJobStore(path, SystemClock())
    await store.open()
    jobs = [
        new_job(f"https://videos.example/watch/{number}", clock=SystemClock())
        for number in range(600)
    ]
    await store.queue.enqueue(jobs)
    await store.close()  # which empties the log into the file
    await store.open()
    # Fewer commits and pages than those after which the writer or SQLite empties the log.
    for claim in await store.queue.claim(WorkerId("w-1"), limit=20, lease=timedelta(seconds=90)):
        await store.queue.fail(
            claim, error_code=ErrorCode.DELETED, error="The post was deleted.", retry_in=None
        )
    for claim in await store.queue.claim(WorkerId("w-1"), limit=20, lease=timedelta(seconds=90)):
        saved = SavedFile(f"jane/{claim.id}.mp4", None, 20_000, "ab" * 32, 4.5, 320, 180)
        await store.queue.complete(claim, saved)
    await store.marks.put([Mark(job.id, "tag/sea", "Sea") for job in jobs[:100]])
    await LiveSettings(Settings(), store.records, SystemClock()).save(
        {"concurrency": 5}, by="owner"
    )
    files = (path, path.with_name(f"{path.name}-wal"))
    contents = {file.name: file.read_bytes() for file in files}
    await store.close()
    return contents


DAMAGES: dict[str, Callable[[Path], object]] = {
    "garbage for a header": lambda path: _overwrite(path, 0, 100),
    "garbage for the schema": lambda path: _overwrite(path, 100, 3_900),
    "cut in half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "another file's bytes": lambda path: path.write_bytes(b"\x1f\x8b" + b"x" * 50_000),
}


@pytest.mark.fault(
    "F19", "a damaged SQLite file", by="garbage in its pages, a cut, another file's bytes"
)
@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_database_is_refused_with_helpful_advice_and_not_deleted(
    vault: VaultOnDisk, damage: str
) -> None:
    await vault.accept(300)
    path = vault.state / "mediavault.db"
    DAMAGES[damage](path)
    before = path.read_bytes()

    worker, doctor = (mediavault(environment(vault), word) for word in ("worker", "doctor"))

    assert (worker.returncode, doctor.returncode) == (2, 1)
    assert "damaged" in worker.stderr
    assert "mediavault rebuild" in worker.stderr
    assert "mediavault rebuild" in doctor.stdout
    assert path.read_bytes() == before


@pytest.mark.fault(
    "F19",
    "a damaged SQLite file, set aside",
    by="garbage in its pages, a cut, another file's bytes",
)
@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_database_is_set_aside_and_restored_from_backup_and_library(
    vault: VaultOnDisk, damage: str
) -> None:
    path, backup = vault.state / "mediavault.db", vault.root / "backup.db"
    async with vault.store() as store:
        await ensure_library_id(store, LocalLibrary(vault.downloads))
    await vault.accept(2)
    # with two jobs that have no file yet
    saved = mediavault(environment(vault), "backup", str(backup))
    with vault.worker():
        before = await vault.until(all_completed)
    # so that the file has pages to damage; these jobs are lost, except in the file that is set
    # aside
    await vault.accept(300, since=2)
    DAMAGES[damage](path)
    damaged = path.read_bytes()

    restored = mediavault(environment(vault), "restore", "--set-aside", str(backup))
    rebuilt = mediavault(environment(vault), "rebuild", "--set-aside")
    jobs = await vault.jobs()
    [set_aside] = vault.state.glob("mediavault.db.corrupt-*Z")

    assert (saved.returncode, restored.returncode, rebuilt.returncode) == (0, 0, 0)
    assert f"is kept as {set_aside}" in restored.stderr
    assert "is not damaged and stays" in rebuilt.stderr
    assert set_aside.read_bytes() == damaged
    assert vault.complaints(jobs, accepted=2) == []
    assert {job.id for job in jobs} == {job.id for job in before}


@pytest.mark.fault(
    "F19", "a damaged SQLite file that is open", by="garbage in its pages, a store open at it"
)
async def test_a_damaged_database_that_a_process_has_open_is_not_set_aside(
    vault: VaultOnDisk,
) -> None:
    path = vault.state / "mediavault.db"
    await vault.accept(300)
    _overwrite(path, path.stat().st_size // 2, 20_000)
    async with vault.store():
        rebuilt = await asyncio.to_thread(mediavault, environment(vault), "rebuild", "--set-aside")

    assert rebuilt.returncode == 2
    assert "is open in another process" in rebuilt.stderr
    assert path.exists()
    assert list(vault.state.glob("*.corrupt-*")) == []


def _as_it_was(path: Path) -> None:
    shutil.copyfile(path.with_name("older copy"), path)
    _without_log(path)


def _without_log(path: Path) -> None:
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _emptied(path: Path) -> None:
    path.write_bytes(b"")
    _without_log(path)


LOSSES: dict[str, Callable[[Path], object]] = {
    "an older copy in its place": _as_it_was,
    "0 bytes": _emptied,
    "its log deleted": _without_log,
}


@pytest.mark.fault(
    "F19", "a SQLite file that has lost rows", by="an older copy, 0 bytes, the -wal deleted"
)
@pytest.mark.parametrize(
    "loss", [*list(LOSSES)[:2], pytest.param("its log deleted", marks=pytest.mark.long)]
)
async def test_lost_rows_of_a_database_are_restored_from_the_library(
    vault: VaultOnDisk, loss: str
) -> None:
    path = vault.state / "mediavault.db"
    async with vault.store() as store:
        await ensure_library_id(store, LocalLibrary(vault.downloads))
    shutil.copyfile(path, path.with_name("older copy"))
    await vault.accept(3)
    with vault.worker() as worker:
        saved = await vault.until(all_completed)
        await vault.until_swept()
        worker.kill()  # so that the write-ahead log is not merged into the file at the end
        worker.wait()
    LOSSES[loss](path)
    rebuilt = await asyncio.to_thread(mediavault, environment(vault), "rebuild")
    jobs = await vault.jobs()

    assert rebuilt.returncode == 0, rebuilt.stderr
    assert vault.complaints(jobs, accepted=3) == []
    assert {job.post_url for job in jobs} == {job.post_url for job in saved}
