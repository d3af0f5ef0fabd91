"""Whatever a backup's row contains, restore refuses it or every page still works afterwards."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediavault.core.clock import SystemClock
from mediavault.core.failures import BadInput, ErrorCode, MediavaultError
from mediavault.core.job import Job, JobItem
from mediavault.core.media import Candidate, Expected, FoundIn, SourceType
from mediavault.maintenance.moving import restore
from mediavault.store.port import StoredJob
from mediavault.store.sqlite.engine import connect_to_write, fetch_all
from mediavault.store.sqlite.store import SqliteJobStore
from tests.fakes import START
from tests.unit.api.test_hostile_sidecars import SqliteVault, film

JSON_COLUMNS = ("candidates", "items", "image_urls", "metadata", "account")
CANDIDATE = Candidate(
    url="https://videos.example/1.mp4",
    source_type=SourceType.DIRECT,
    found_in=FoundIn.API,
    audio_url="https://videos.example/1.m4a",
    has_audio=True,
    width=640,
    height=360,
    fps=25.0,
    size=1_000,
    signed=True,
    expires_at=START,
    headers={"accept": "*/*"},
    note="the largest",
)


class Silent:
    def start(self, words: str, total: int | None) -> None: ...
    def advance(self, count: int) -> None: ...


def numbered(number: int) -> Job:
    """A job in which every column and every field of JSON has a value."""
    job = film().job
    return replace(
        job,
        id=f"0199d0a0-0000-7000-8000-{number:012}",  # type: ignore[arg-type]
        canonical_url=f"https://videos.example/watch/{number}",
        candidates=(CANDIDATE,),
        items=tuple(map(_full, job.items)),
        image_urls=("https://videos.example/1.jpg",),
        thumbnail_url="https://videos.example/1.jpg",
    )


def _full(job_item: JobItem) -> JobItem:
    expected = Expected(4.0, audio=True, size=1_000)
    item = replace(
        job_item.item, label="2", thumbnail_url="https://videos.example/1.jpg", expected=expected
    )
    return replace(job_item, item=item, error_code=ErrorCode.NETWORK, error="It broke off.")


async def restore_backup(vault: SqliteVault, backup: Path) -> None:
    source = SqliteJobStore(backup, SystemClock())
    await source.open()
    try:
        await restore(source, vault.store, Silent(), alive_within=timedelta(seconds=1))
    finally:
        await source.close()


async def write_backup(backup: Path, number: int) -> None:
    store = SqliteJobStore(backup, SystemClock())
    await store.open()
    await store.catalogue.import_jobs([StoredJob(numbered(number), film().history)])
    await store.close()


def change(backup: Path, column: str, value: object) -> None:
    """Write ``value`` into the job's row, as anyone with the file can."""
    db = connect_to_write(backup)
    try:
        db.execute(f"UPDATE jobs SET {column} = ?", (value,))
    finally:
        db.close()


def read(backup: Path, column: str) -> Any:
    db = connect_to_write(backup)
    try:
        return fetch_all(db, f"SELECT {column} FROM jobs")[0][0]
    finally:
        db.close()


@pytest.mark.parametrize(
    ("column", "path", "value"),
    [
        ("candidates", (0, "url"), 5),
        ("candidates", (0, "width"), "wide"),
        ("candidates", (0, "width"), 640.5),
        ("candidates", (0, "fps"), 10**400),
        ("candidates", (0, "headers"), ["accept"]),
        ("candidates", (0, "note"), None),
        ("items", (0, "label"), -1),
        ("items", (0, "thumbnail_url"), []),
        ("items", (0, "expected", "duration_s"), "long"),
        ("image_urls", (0,), {}),
        ("account", ("slug",), None),
        ("account", ("display_name",), [5]),
        ("stage", None, ""),
        ("bytes", None, 1 << 62),
        ("duration_s", None, float("inf")),
    ],
)
async def test_a_row_with_a_value_of_another_type_is_refused(
    tmp_path: Path, column: str, path: tuple[Any, ...] | None, value: object
) -> None:
    backup = tmp_path / "backup.db"
    await write_backup(backup, 1)
    spoiled = (
        value if path is None else json.dumps(_put(json.loads(read(backup, column)), path, value))
    )
    change(backup, column, spoiled)
    async with SqliteVault() as vault:
        with pytest.raises(BadInput, match="cannot be read"):
            await restore_backup(vault, backup)


async def test_a_row_written_by_mediavault_is_restored(tmp_path: Path) -> None:
    await write_backup(tmp_path / "backup.db", 1)
    async with SqliteVault() as vault:
        await restore_backup(vault, tmp_path / "backup.db")

        assert (await vault.store.catalogue.get(numbered(1).id)).candidates == (CANDIDATE,)
        assert await vault.crashes(numbered(1).id) == {}


# --- any value anywhere ---------------------------------------------------------------------------

_SCALARS = st.sampled_from(
    [
        0,
        -1,
        1.5,
        True,
        None,
        "",
        "x",
        "\0",
        "\ud800",
        "https://videos.example/\0",
        "\x1b[1m",
        2**62,
        2**70,
        10**400,
    ]
)
_JSON = st.one_of(_SCALARS, st.sampled_from([[], {}, [[]], ["x"], [5], {"a": 1}, [{}], 1e308]))
_PLAIN = st.sampled_from(
    [0, -1, 1.5, "", "x", "a\0b", b"\xff", None, 2**62, -(2**62), 1e308, float("inf")]
)
_CHANGES = st.tuples(st.integers(0), _JSON, _PLAIN, st.booleans())


def _paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield before
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, each in inner:
        yield from _paths(each, (*before, name))


def _put(value: Any, path: tuple[Any, ...], replacement: object) -> Any:
    if not path:
        return replacement
    changed = deepcopy(value)
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = replacement
    return changed


def spoil(backup: Path, which: int, in_json: Any, plain: Any, *, is_plain: bool) -> None:
    """Change one value of the row; ``which`` selects it."""
    db = connect_to_write(backup)
    columns = [str(row[0]) for row in fetch_all(db, "SELECT name FROM pragma_table_info('jobs')")]
    db.close()
    if is_plain:
        column = columns[which % len(columns)]
        if column not in ("id", "seq", "canonical_url"):
            change(backup, column, plain)
        return
    paths = [
        (column, path)
        for column in JSON_COLUMNS
        for path in _paths(json.loads(read(backup, column)))
    ]
    column, path = paths[which % len(paths)]
    change(backup, column, json.dumps(_put(json.loads(read(backup, column)), path, in_json)))


@settings(max_examples=4)
@given(changes=st.lists(_CHANGES, min_size=5, max_size=12))
def test_every_page_works_whatever_a_backup_contains(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, Any, Any, bool]]
) -> None:
    async def crashes() -> dict[str, int]:
        folder = tmp_path_factory.mktemp("backups")
        async with SqliteVault() as vault:
            for number, (which, in_json, plain, is_plain) in enumerate(changes):
                backup = folder / f"{number}.db"
                await write_backup(backup, number)
                # a constraint of the table, such as NOT NULL
                with suppress(apsw.Error, ValueError, OverflowError):
                    spoil(backup, which, in_json, plain, is_plain=is_plain)
                with suppress(MediavaultError):  # refused with a message
                    await restore_backup(vault, backup)
            await vault.verify()
            return await vault.crashes(*[numbered(number).id for number in range(len(changes))])

    assert asyncio.run(crashes()) == {}
