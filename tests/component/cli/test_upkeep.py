"""Moving, backing up, verifying and rebuilding from the command line, on real stores and files."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from mediavault.app.storage import store_at
from mediavault.cli.main import main
from mediavault.core.clock import SystemClock
from mediavault.core.job import WorkerHeartbeat, WorkerId
from mediavault.store.port import Store, StoredJob
from mediavault.store.schema import SCHEMA_VERSION
from mediavault.store.sqlite.engine import connect_to_write
from mediavault.store.transitions import as_imported
from tests import logs, vaults
from tests.contract.stores import numbered_job
from tests.fakes import FakeClock
from tests.patience import patient
from tests.servers import mongo, postgres

T = TypeVar("T")


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)

    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


class Workspace:
    """A vault's folders, and the databases next to them."""

    def __init__(self, root: Path) -> None:
        self.root, self.library, self.state = root, root / "library", root / "state"
        self.library.mkdir()

    def url(self, name: str) -> str:
        """Return a database URL: on a server for ``postgres`` and ``mongodb``,
        a SQLite file for any other name.
        """
        servers = {"postgres": postgres.database_for, "mongodb": mongo.database_for}
        return servers[name](self.root) if name in servers else f"sqlite:///{self.root}/{name}.db"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    workspace = Workspace(tmp_path)
    monkeypatch.setenv("MEDIAVAULT_STATE_DIR", str(workspace.state))
    monkeypatch.setenv("MEDIAVAULT_DOWNLOAD_DIR", str(workspace.library))
    monkeypatch.setenv("COLUMNS", "200")
    with logs.given_back():
        yield workspace


@pytest.fixture
def run(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    def command(*arguments: str, at: str) -> Ran:
        monkeypatch.setenv("MEDIAVAULT_DATABASE_URL", workspace.url(at))
        capsys.readouterr()
        code = main(arguments)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return command


Run = Callable[..., Ran]


def at(workspace: Workspace, name: str, use: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
    async def opened() -> T:
        store = store_at(workspace.url(name), SystemClock())
        await store.open()
        try:
            return await use(store)
        finally:
            await store.close()

    return asyncio.run(opened())


def fill(workspace: Workspace, name: str, *, jobs: int = 5, queued: int = 0) -> Sequence[StoredJob]:
    async def work(store: Store) -> Sequence[StoredJob]:
        await vaults.fill(store, workspace.library, FakeClock(), jobs=jobs, videos=2)
        if queued:
            await store.queue.enqueue(
                [
                    numbered_job(n, f"https://later.example/{n}")
                    for n in range(1_000, 1_000 + queued)
                ]
            )
        return await vaults.all_of(store)

    return at(workspace, name, work)


async def send_heartbeat(store: Store) -> None:
    now = SystemClock().now()
    await store.workers.heartbeat(WorkerHeartbeat(WorkerId("w-1"), "host", 1, "0", now, now))


# --- moving ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target"),
    [("a", "postgres"), ("postgres", "a"), ("a", "b"), ("a", "mongodb"), ("mongodb", "postgres")],
)
def test_a_vault_that_moves_between_engines_is_unchanged(
    workspace: Workspace, run: Run, source: str, target: str
) -> None:
    before = fill(workspace, source, queued=3)
    first = run("migrate", "--to", workspace.url(target), "--json", at=source)
    second = run("migrate", "--to", workspace.url(target), at=source)

    assert (
        first.code,
        first.json()["whole"],
        first.json()["same"],
        first.json()["copied"]["new"],
    ) == (0, True, 8, 8)
    assert second.code == 0
    assert "all 8 jobs are the same" in second.out
    assert at(workspace, target, vaults.all_of) == [
        StoredJob(as_imported(stored.job), stored.history) for stored in before
    ]
    assert run("verify", "--read-data", at=target).code == 0


def test_a_vault_of_one_job_is_reported_in_the_singular(workspace: Workspace, run: Run) -> None:
    fill(workspace, "a", jobs=1)
    moved, again = (run("migrate", "--to", workspace.url("b"), at="a").out for _ in range(2))

    assert "1 job copied, " in moved
    assert ", 1 was there already." in again
    assert "Compared field by field: 1 job is the same in the target." in again
    assert run("migrate", at="a").out.endswith(", 1 job.\n")
    assert " of 1 job, " in run("verify", at="a").out
    assert ": 1 job new, " in run("rebuild", at="c").out


def test_a_difference_exits_1_and_is_named(workspace: Workspace, run: Run) -> None:
    (first, *_) = fill(workspace, "a")
    run("migrate", "--to", workspace.url("b"), at="a")

    async def meddle(store: Store) -> None:
        await store.catalogue.remove(first.job.id)
        await store.queue.enqueue([numbered_job(77, first.job.canonical_url)])

    at(workspace, "b", meddle)
    ended = run("migrate", "--to", workspace.url("b"), "--json", at="a")
    assert (ended.code, ended.json()["whole"]) == (1, False)
    assert ended.json()["differences"] == [{"job": first.job.id, "what": "missing"}]


def test_migrating_a_running_vault_or_to_its_own_database_is_refused(
    workspace: Workspace, run: Run
) -> None:
    fill(workspace, "a", jobs=1)
    own = run("migrate", "--to", workspace.url("a"), at="a")
    at(workspace, "a", send_heartbeat)
    busy = run("migrate", "--to", workspace.url("b"), at="a")

    assert (own.code, busy.code) == (2, 2)
    assert "--while-running" in busy.err


DYING = """
import os, signal, sys
import apsw
from mediavault.cli.main import main

left = int(sys.argv[1])
def count(event):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
def watch(connection):
    if connection.filename.endswith("/b.db"):
        connection.trace_v2(apsw.SQLITE_TRACE_STMT, count)
apsw.connection_hooks.append(watch)
sys.exit(main(sys.argv[2:]))
"""


def test_a_move_that_is_killed_at_any_moment_is_finished_by_repeating_it(
    workspace: Workspace, run: Run
) -> None:
    """Each run is killed before a later statement of the target, until one has fewer statements."""
    fill(workspace, "a", jobs=3, queued=300)
    move = ["migrate", "--to", workspace.url("b"), "--json"]
    environment = {**os.environ, "MEDIAVAULT_DATABASE_URL": workspace.url("a")}
    codes: list[int] = []
    for statement in (
        1,
        20,
        60,
        150,
        400,
        700,
        1_000,
        1_500,
        2_000,
        3_000,
        5_000,
        10_000,
        1_000_000,
    ):
        dying = [sys.executable, "-c", DYING, str(statement), *move]
        codes.append(
            subprocess.run(
                dying, env=environment, stdout=subprocess.DEVNULL, check=False
            ).returncode
        )
        if codes[-1] == 0:
            break
    ended = run(*move, at="a")

    assert codes == [-signal.SIGKILL] * (len(codes) - 1) + [0]
    assert len(codes) > 5
    assert (ended.code, ended.json()["same"]) == (0, 303)
    assert at(workspace, "b", vaults.all_of) == at(workspace, "a", vaults.all_of)


# --- backups --------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["a", "postgres"])
def test_a_backup_is_restored_into_any_engine(workspace: Workspace, run: Run, engine: str) -> None:
    before = fill(workspace, engine, queued=2)
    file = workspace.root / "copies" / "vault.backup"
    written = run("backup", str(file), "--json", at=engine)
    body = file.read_bytes()
    restored = run("restore", str(file), "--json", at="c")

    assert written.json() == {"file": str(file), "bytes": len(body), "removed": []}
    assert [path.name for path in file.parent.iterdir()] == ["vault.backup"]
    assert (restored.code, restored.json()["copied"]["new"]) == (0, 7)
    assert at(workspace, "c", vaults.all_of) == before
    assert file.read_bytes() == body
    assert list(workspace.state.iterdir()) == []


def test_a_backup_does_not_replace_an_existing_file(workspace: Workspace, run: Run) -> None:
    fill(workspace, "a", jobs=1)
    file = workspace.root / "vault.backup"
    file.write_text("precious")

    assert run("backup", str(file), at="a").code == 2
    assert file.read_text() == "precious"


def test_dated_backups_in_a_folder_are_kept_up_to_a_number(workspace: Workspace, run: Run) -> None:
    """Everything else in the folder stays, and so do older backups when the new one fails."""
    fill(workspace, "a", jobs=1)
    folder = workspace.root / "copies"
    folder.mkdir()
    older = [folder / f"mediavault-2026010{day}T000000Z.db" for day in range(1, 5)]
    for path in (*older, folder / "mediavault-mine.db"):
        path.write_text("a backup")
    failed = run("backup", "--to", str(folder), "--keep", "1", at="missing")
    kept_at_first = sorted(folder.iterdir())
    written = run("backup", "--to", str(folder), "--keep", "3", "--json", at="a")
    new = Path(written.json()["file"])

    assert (failed.code, kept_at_first) == (2, [*older, folder / "mediavault-mine.db"])
    assert new.parent == folder
    assert written.json()["removed"] == [str(path) for path in older[:2]]
    assert sorted(folder.iterdir()) == sorted([*older[2:], new, folder / "mediavault-mine.db"])


@pytest.mark.parametrize(
    "arguments",
    [(), ("a.db", "--to", "folder"), ("a.db", "--keep", "3"), ("--to", "folder", "--keep", "0")],
)
def test_a_backup_goes_either_to_a_file_or_to_a_folder(
    workspace: Workspace, run: Run, arguments: tuple[str, ...]
) -> None:
    assert run("backup", *arguments, at="a").code == 2
    assert not (workspace.root / "folder").exists()


def test_a_backup_is_written_while_workers_work(workspace: Workspace, run: Run) -> None:
    """Jobs are added and removed all the time; the backup is a complete snapshot of one moment."""
    fill(workspace, "a", jobs=2)
    writing = (
        "import asyncio, sys\n"
        "from tests.contract.stores import *\n"
        "async def main():\n"
        "    store = SqliteJobStore(Path(sys.argv[1]), SystemClock()); await store.open()\n"
        "    for n in range(100, 100_000):\n"
        "        await store.queue.enqueue([numbered_job(n, f'https://x.example/{n}')])\n"
        "        await claim_and_complete(store, WorkerId('w'))\n"
        "asyncio.run(main())\n"
    )
    process = subprocess.Popen([sys.executable, "-c", writing, str(workspace.root / "a.db")])
    try:
        deadline = time.monotonic() + patient(60)
        while len(at(workspace, "a", vaults.all_of)) < 10 and time.monotonic() < deadline:
            time.sleep(0.1)
        for number in range(3):
            assert run("backup", str(workspace.root / f"{number}.backup"), at="a").code == 0
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    restored = run("restore", str(workspace.root / "2.backup"), "--json", at="c")

    assert restored.code == 0
    assert restored.json()["same"] >= 10


def altered_backup(workspace: Workspace, run: Run, statement: str) -> Path:
    """Return a backup of five jobs after running ``statement`` on it."""
    fill(workspace, "a")
    file = workspace.root / "a.backup"
    assert run("backup", str(file), at="a").code == 0
    db = connect_to_write(file)
    db.execute(statement)
    db.close()
    return file


@pytest.mark.parametrize(
    "change",
    [
        "candidates = '[{'",
        "metadata = '[1]'",
        "error_code = 'EATEN'",
        "items = '[{}]'",
        "account = '{\"slug\":}'",
    ],
)
def test_a_backup_with_an_unreadable_row_is_refused_entirely(
    workspace: Workspace, run: Run, change: str
) -> None:
    file = altered_backup(workspace, run, f"UPDATE jobs SET {change} WHERE seq = 3")
    refused = run("restore", str(file), "--json", at="c")

    assert (refused.code, refused.json()["code"]) == (2, "BAD_REQUEST")
    assert "cannot be read" in refused.json()["message"]
    assert at(workspace, "c", vaults.all_of) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE jobs SET metadata = json_object('text', printf('%.*c', 5000000, 'x'))",
        (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)"
            " INSERT INTO history (job, at, attempt, stage, outcome, detail)"
            " SELECT 1, 1, 1, 'queue', 'ok', printf('%.*c', 1000000, 'x') FROM n"
        ),
        (
            "INSERT INTO records SELECT 'source_entry', seq, json_object('title', printf('%.*c',"
            " 100000, 'x')), 1, NULL FROM jobs"
        ),
        (
            "INSERT INTO records SELECT 'saved_search', seq, json_object('text', printf('%.*c',"
            " 30000000, 'x')), 1, NULL FROM jobs"
        ),
        "INSERT INTO agreed SELECT 'name-' || seq, printf('%.*c', 30000000, 'x') FROM jobs",
        (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
            " INSERT INTO history (job, at, attempt, stage, outcome) SELECT 1, 1, 1, 'queue', 'ok'"
            " FROM n"
        ),
    ],
)
def test_a_backup_that_would_fill_the_memory_is_refused(
    workspace: Workspace, run: Run, statement: str
) -> None:
    file = altered_backup(workspace, run, statement)
    refused = run("restore", str(file), "--json", at="c")

    assert (refused.code, "larger values" in refused.err + refused.out) == (2, True)


def test_a_file_that_is_not_our_backup_is_refused(workspace: Workspace, run: Run) -> None:
    foreign = workspace.root / "foreign.db"
    foreign.write_text("no database at all")

    assert run("restore", str(workspace.root / "nothing"), at="a").code == 2
    refused = run("restore", str(foreign), at="a")

    assert refused.code == 2
    assert f"{foreign} is not a SQLite database." in refused.err
    assert "`mediavault backup`" in refused.err


# --- data of a newer mediavault -------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", [["list"], ["migrate"], ["verify"], ["rebuild"], ["worker"], ["serve"]]
)
def test_a_newer_schema_is_refused_with_a_message_and_left_unchanged(
    workspace: Workspace, run: Run, command: list[str]
) -> None:
    fill(workspace, "a", jobs=1)
    db = connect_to_write(workspace.root / "a.db")
    db.pragma("user_version", SCHEMA_VERSION + 1)
    db.close()
    ended = run(*command, at="a")

    assert ended.code == 2
    assert f"schema {SCHEMA_VERSION + 1}" in ended.err


def test_a_newer_schema_in_postgresql_is_refused_too(workspace: Workspace, run: Run) -> None:
    fill(workspace, "postgres", jobs=1)
    url = workspace.url("postgres")
    postgres.sql(url, "UPDATE mediavault.schema_version SET version = 999, oldest_code = 999")
    ended = run("list", "--json", at="postgres")

    assert (ended.code, ended.json()["code"]) == (2, "SCHEMA_TOO_NEW")


# --- the library ----------------------------------------------------------------------------------


def test_findings_are_listed_one_object_per_line_and_summed_up(
    workspace: Workspace, run: Run
) -> None:
    fill(workspace, "a")
    body = bytearray((workspace.library / "ann1/000001-0.mp4").read_bytes())
    body[7] ^= 4
    (workspace.library / "ann1/000001-0.mp4").write_bytes(body)
    (workspace.library / "ann2/000002-2.mp4").unlink()
    (workspace.library / "ann3/mine.mp4").write_bytes(b"x")
    quick, deep = run("verify", "--json", at="a"), run("verify", "--read-data", "--json", at="a")

    assert (quick.code, deep.code) == (1, 1)
    assert [line.get("finding") for line in quick.lines()] == ["missing", "orphan", None]
    assert sorted(line["finding"] for line in deep.lines()[:-1]) == [
        "hash_differs",
        "missing",
        "orphan",
    ]
    assert deep.lines()[-1] == {
        "ok": False,
        "jobs": 5,
        "videos": 10,
        "files": 50,
        "bytes_read": 9 * vaults.VIDEO_BYTES,
        "findings": {"hash_differs": 1, "missing": 1, "orphan": 1},
    }
    assert "ann2/000002-2.mp4: the file is not there" in run("verify", at="a").out


def test_an_unmounted_disk_is_not_reported_as_missing_files(workspace: Workspace, run: Run) -> None:
    """The mount point exists and is empty: verify refuses instead of listing every video."""
    fill(workspace, "a")
    at(
        workspace,
        "a",
        lambda store: store.records.set_once("library", "an id that this folder does not carry"),
    )
    workspace.library.rename(workspace.root / "unplugged")
    workspace.library.mkdir()
    ended = run("verify", "--json", at="a")

    assert (ended.code, ended.json()["code"]) == (2, "STORAGE")


@pytest.mark.parametrize("engine", ["c", "postgres"])
def test_an_empty_store_is_rebuilt_from_the_library(
    workspace: Workspace, run: Run, engine: str
) -> None:
    before = fill(workspace, "a")
    rebuilt = run("rebuild", "--json", at=engine)

    assert (rebuilt.code, rebuilt.lines()[-1]["new"]) == (0, 5)
    after = at(workspace, engine, vaults.all_of)
    assert [(stored.job.id, stored.job.items, stored.job.sha256) for stored in after] == [
        (stored.job.id, stored.job.items, stored.job.sha256) for stored in before
    ]
    assert run("verify", "--read-data", at=engine).code == 0
    assert "5 known already" in run("rebuild", at=engine).out


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_a_name_that_is_not_utf8_is_printed_by_rebuild_and_verify(
    workspace: Workspace, run: Run, arguments: list[str]
) -> None:
    fill(workspace, "a")
    shutil.copy(
        workspace.library / "ann1/000001-0.info.json",
        workspace.library / os.fsdecode(b"ann1/\xff.info.json"),
    )
    rebuilt, verified = run("rebuild", *arguments, at="c"), run("verify", *arguments, at="a")

    assert (rebuilt.code, verified.code) == (1, 1)
    assert "5 jobs new" in rebuilt.out or rebuilt.lines()[-1]["new"] == 5
    assert all(
        "ann1/" in ended.out and "udcff.info.json" in ended.out for ended in (rebuilt, verified)
    )


def test_a_refused_sidecar_is_named(workspace: Workspace, run: Run) -> None:
    fill(workspace, "a")
    (workspace.library / "ann1/000001-0.info.json").write_text("{")
    ended = run("rebuild", "--json", at="c")

    assert ended.code == 1
    assert ended.lines()[0] == {
        "refused": "bad_sidecar",
        "path": "ann1/000001-0.info.json",
        "job": None,
        "detail": "it is not a JSON object",
    }


def test_rebuild_is_refused_while_a_worker_is_running(workspace: Workspace, run: Run) -> None:
    at(workspace, "c", send_heartbeat)

    assert run("rebuild", at="c").code == 2


# --- the layout -----------------------------------------------------------------------------------


def test_a_library_is_arranged_as_a_show_for_each_account_and_back(
    workspace: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(workspace, "a")
    monkeypatch.setenv("MEDIAVAULT_LAYOUT", "shows")
    planned = run("arrange", "--dry-run", "--json", at="a")
    between = run("verify", "--json", at="a")
    arranged = run("arrange", "--json", at="a")
    again = run("arrange", at="a")
    verified = run("verify", "--read-data", "--json", at="a")
    monkeypatch.setenv("MEDIAVAULT_LAYOUT", "accounts")
    back = run("arrange", "--json", at="a")

    assert (planned.code, arranged.code, again.code, back.code) == (0, 0, 0, 0)
    assert planned.lines()[:-1] == arranged.lines()[:-1]
    assert planned.lines()[-1]["dry_run"]
    assert arranged.lines()[-1]["moved"] == 10
    assert "0 videos moved" in again.out
    assert between.lines()[-1]["ok"]
    assert verified.lines()[-1]["ok"]
    assert back.lines()[-1]["moved"] == 10
    assert not list(workspace.library.rglob("Season*"))
    assert run("verify", "--json", at="a").code == 0
