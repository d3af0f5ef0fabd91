"""What is a folder's own; the rest that every vault promises is in tests/contract."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from mediavault.core.failures import NoSpace, StorageFailure
from mediavault.services.library import disk
from mediavault.services.library.layout import VIDEO_SUFFIXES
from mediavault.services.library.local_library import LocalLibrary
from mediavault.worker.stages.keep import SUFFIXES

BODY = b"a video" * 1000
SHA = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def vault(tmp_path: Path) -> LocalLibrary:
    return LocalLibrary(tmp_path / "library")


async def staged(vault: LocalLibrary, folder: Path, body: bytes = BODY) -> Path:
    path = folder / "media.part"
    path.write_bytes(body)
    return path


def test_where_the_kernel_has_no_such_rename_a_link_does_not_replace_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: object())
    first, second, target = tmp_path / "first", tmp_path / "second", tmp_path / "target"
    first.write_bytes(b"first")
    second.write_bytes(b"second")

    assert disk.rename_without_replacing(first, target)
    assert not disk.rename_without_replacing(second, target)
    assert (first.exists(), second.read_bytes(), target.read_bytes()) == (False, b"second", b"first")


async def test_a_file_that_a_crash_left_in_its_place_counts_once_its_folders_are_synced(
    vault: LocalLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the rename and the folder's sync a process may be killed; the next attempt says completed on its word."""
    (vault.root / "acc").mkdir(parents=True)
    (vault.root / "acc/name.mp4").write_bytes(BODY)
    synced: list[Path] = []
    monkeypatch.setattr(disk, "fsync_folder", synced.append)

    assert await vault.holds("acc/name.mp4", size=len(BODY), sha256=SHA)
    assert synced == [vault.root / "acc", vault.root]
    synced.clear()
    assert not await vault.holds("acc/name.mp4", size=len(BODY), sha256="00" * 32)
    assert synced == []


@pytest.mark.parametrize(
    "relative",
    ["../secret", "/etc/passwd", "acc/../../secret", ".staging/job.1/media.part", "acc/\0", "acc", "gone.mp4"],
)
async def test_paths_out_of_the_library_are_never_opened(vault: LocalLibrary, relative: str) -> None:
    (vault.root / "acc").mkdir(parents=True)
    (vault.root.parent / "secret").write_bytes(b"x")
    (vault.root / ".staging/job.1").mkdir(parents=True)
    (vault.root / ".staging/job.1/media.part").write_bytes(b"x")

    assert vault.open_path(relative) is None


async def test_a_link_in_the_library_is_not_followed(vault: LocalLibrary, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    (vault.root / "acc").mkdir(parents=True)
    (vault.root / "acc/link.mp4").symlink_to(tmp_path / "secret")
    (vault.root / "elsewhere").symlink_to(tmp_path)

    assert vault.open_path("acc/link.mp4") is None
    assert vault.open_path("elsewhere/secret") is None


async def test_a_full_disk_is_told_as_such_and_other_errors_name_the_folder(
    vault: LocalLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(code: int) -> None:
        def fail(_: int) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "fsync", fail)

    async with vault.staging.folder("job", 1) as folder:
        path = await staged(vault, folder)
        refuse(errno.ENOSPC)
        with pytest.raises(NoSpace):
            await vault.staging.seal(path)
        refuse(errno.EIO)
        with pytest.raises(StorageFailure, match="cannot be written"):
            await vault.staging.seal(path)
        monkeypatch.undo()


async def test_the_sidecar_is_whole_json_and_replaces_an_older_one(vault: LocalLibrary) -> None:
    (vault.root / "acc").mkdir(parents=True)
    async with vault.staging.folder("job", 1) as folder:
        await vault.place_json({"n": 1}, "acc/name.info.json", via=folder)
        await vault.place_json({"n": 2, "t": "ü"}, "acc/name.info.json", via=folder)

    assert '"t": "ü"' in (vault.root / "acc/name.info.json").read_text(encoding="utf-8")


async def test_removing_deletes_only_what_is_named_and_empty_folders(vault: LocalLibrary) -> None:
    (vault.root / "acc").mkdir(parents=True)
    for name in ("a.mp4", "b.mp4"):
        (vault.root / "acc" / name).write_bytes(b"x")
    await vault.remove("acc/a.mp4", "acc/gone.jpg")
    left = [path.name for path in (vault.root / "acc").iterdir()]
    await vault.remove("acc/b.mp4")

    assert left == ["b.mp4"]
    assert not (vault.root / "acc").exists()


async def test_a_library_that_cannot_be_written_is_found_out_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(StorageFailure):
        await LocalLibrary(tmp_path / "file").prepare()


def put(vault: LocalLibrary, relative: str, body: bytes) -> None:
    path = vault.root / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


async def test_walking_meets_every_file_but_what_is_hidden(vault: LocalLibrary, tmp_path: Path) -> None:
    for relative in ("b/2.mp4", "b/1.mp4", "a/x.jpg", "top.mp4", ".staging/job.1/media.part", "a/.hidden"):
        put(vault, relative, b"123")
    (vault.root / "b/link.mp4").symlink_to(tmp_path / "elsewhere")

    found = [file async for file in vault.walk()]

    assert [file.path for file in found] == ["top.mp4", "a/x.jpg", "b/1.mp4", "b/2.mp4"]
    assert {file.bytes for file in found} == {3}


@pytest.mark.parametrize("text", [b"", b"[1]", b"{", b"\xff", b"[" * 100_000, b'{"a": "' + b"x" * (4 << 20) + b'"}'])
async def test_what_is_no_sidecar_is_none(vault: LocalLibrary, text: bytes) -> None:
    put(vault, "acc/name.info.json", text)

    assert await vault.read_json("acc/name.info.json") is None
    assert await vault.read_json("acc/gone.info.json") is None


# --- which library it is ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what_is_there", ["an empty mount point", "another library", "nothing"])
async def test_in_a_library_that_is_not_the_expected_one_nothing_is_made_placed_or_removed(
    vault: LocalLibrary, what_is_there: str
) -> None:
    """A disk that went away leaves an empty folder, and files saved beneath it would be out of sight when it is back."""
    await vault.carry("0b5e7a52-ours")
    await vault.expect("0b5e7a52-ours")
    async with vault.staging.folder("job", 1) as folder:
        path = await staged(vault, folder)
        (vault.root / ".mediavault-library").unlink()
        if what_is_there == "another library":
            await vault.carry("99999999-theirs")
        if what_is_there == "nothing":
            vault.root.rename(vault.root.with_name("elsewhere"))

        with pytest.raises(StorageFailure, match="The library is not there") as refused:
            await vault.place(path, "acc/name.mp4")
    for refusing in (vault.confirm(), vault.remove("acc/name.mp4"), vault.staging.folder("job", 2).__aenter__()):
        with pytest.raises(StorageFailure, match="The library is not there"):
            await refusing

    assert "echo 0b5e7a52-ours" in refused.value.help
    assert not (vault.root / "acc").exists()
    assert await vault.staging.folders() == []


def test_every_container_that_is_kept_is_known_as_a_videos_name() -> None:
    assert set(SUFFIXES.values()) == set(VIDEO_SUFFIXES)


async def test_a_path_that_no_file_can_have_is_a_missing_file(vault: LocalLibrary) -> None:
    """A row may come from another machine, whose file system took the name."""
    (vault.root / "x").mkdir(parents=True)
    name = f"x/{'文' * 200}.mp4"

    assert await vault.open(name) is None
    assert vault.open_path(name) is None
    assert await vault.digest(name) is None
