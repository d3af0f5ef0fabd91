"""Which library holds a store's files."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from mediavault.core.failures import StorageFailure
from mediavault.core.job import ClaimedJob
from mediavault.core.logs import configure_logs
from mediavault.core.media import SavedFile
from mediavault.library.local_library import LocalLibrary
from mediavault.store.losses import LOSSES, losses
from mediavault.store.port import Store
from mediavault.worker.library_watch import AGREED_AS, check_library, ensure_library_id

SAVED = SavedFile("jane/1.mp4", None, 20_000, "ab" * 32, 4.5, 320, 180)


async def test_a_new_library_gets_the_id_that_the_store_agrees_on(
    store: Store, tmp_path: Path
) -> None:
    first, second = LocalLibrary(tmp_path), LocalLibrary(tmp_path)
    await ensure_library_id(store, first)
    await ensure_library_id(store, second)

    assert await first.identity() == (await store.records.constants())[AGREED_AS]
    await second.check_identity()


async def test_a_library_keeps_its_id_for_another_store_and_rebuild_is_named(
    store: Store, tmp_path: Path
) -> None:
    """After a database is lost, the new one is empty and the library is not."""
    library, lines = LocalLibrary(tmp_path), io.StringIO()
    configure_logs(stream=lines)
    await library.write_identity("0b5e7a52-older")
    await ensure_library_id(store, library)
    first = lines.getvalue()
    await ensure_library_id(store, library)

    assert (await store.records.constants())[AGREED_AS] == "0b5e7a52-older"
    assert "mediavault rebuild" in first
    assert await losses(store.records) == (LOSSES["library"],)
    assert lines.getvalue() == first


async def test_a_library_that_was_read_into_the_new_store_is_missed_by_no_one(
    store: Store, claim: ClaimedJob, tmp_path: Path
) -> None:
    """`mediavault rebuild` comes before the vault's first start."""
    library = LocalLibrary(tmp_path)
    await library.write_identity("0b5e7a52-older")
    await store.queue.complete(claim, SAVED)
    await ensure_library_id(store, library)

    assert await losses(store.records) == ()


async def test_while_nothing_is_saved_a_folder_without_an_id_may_become_the_library(
    store: Store, tmp_path: Path
) -> None:
    """A crash after the store has the id and before the marker is written must not lock the vault
    for ever.
    """
    await store.records.set_once(AGREED_AS, "0b5e7a52-agreed")
    await ensure_library_id(store, LocalLibrary(tmp_path))

    assert await LocalLibrary(tmp_path).identity() == "0b5e7a52-agreed"


async def test_once_files_are_saved_a_folder_without_the_id_is_not_the_library(
    store: Store, claim: ClaimedJob, tmp_path: Path
) -> None:
    await ensure_library_id(store, LocalLibrary(tmp_path / "disk"))
    await store.queue.complete(claim, SAVED)
    empty = tmp_path / "empty"

    for judge in (ensure_library_id, check_library):
        with pytest.raises(StorageFailure, match="The library is not there"):
            await judge(store, LocalLibrary(empty))
    assert not empty.exists()


async def test_a_disk_that_comes_after_the_vaults_first_start_brings_its_own_id(
    store: Store, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(b"not mounted")
    with pytest.raises(StorageFailure):
        await ensure_library_id(store, LocalLibrary(disk))
    disk.unlink()
    await LocalLibrary(disk).write_identity("0b5e7a52-older")
    await ensure_library_id(store, LocalLibrary(disk))

    assert (await store.records.constants())[AGREED_AS] == "0b5e7a52-older"


async def test_another_stores_library_is_refused(store: Store, tmp_path: Path) -> None:
    await store.records.set_once(AGREED_AS, "0b5e7a52-ours")
    await LocalLibrary(tmp_path).write_identity("99999999-theirs")

    with pytest.raises(StorageFailure, match="belongs to another library"):
        await ensure_library_id(store, LocalLibrary(tmp_path))


async def test_a_vault_older_than_library_ids_is_recognised_at_its_first_start(
    store: Store, claim: ClaimedJob, tmp_path: Path
) -> None:
    await store.queue.complete(claim, SAVED)
    await ensure_library_id(store, LocalLibrary(tmp_path))

    assert await LocalLibrary(tmp_path).identity() == (await store.records.constants())[AGREED_AS]


async def test_a_read_only_check_writes_nothing(store: Store, tmp_path: Path) -> None:
    await check_library(store, LocalLibrary(tmp_path))

    assert await store.records.constants() == {}
    assert list(tmp_path.iterdir()) == []
