"""Behaviour specific to a library in a folder; what every library guarantees is tested in
tests/contract.
"""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from mediavault.core.failures import NoSpace, StorageFailure
from mediavault.library import disk
from mediavault.library.local_library import LocalLibrary

BODY = b"a video" * 1000
SHA = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def library(tmp_path: Path) -> LocalLibrary:
    return LocalLibrary(tmp_path / "library")


async def staged(library: LocalLibrary, folder: Path, body: bytes = BODY) -> Path:
    path = folder / "media.part"
    path.write_bytes(body)
    return path


async def test_a_folder_with_nothing_but_files_about_itself_is_removed(tmp_path: Path) -> None:
    library = LocalLibrary(tmp_path)
    for path in ("show/tvshow.nfo", "show/poster.jpg", "show/Season 2026/season.nfo"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"x")
    await library.tidy("show")

    assert list(tmp_path.iterdir()) == []


def test_without_renameat2_a_hard_link_does_not_replace_the_target_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: object())
    first, second, target = tmp_path / "first", tmp_path / "second", tmp_path / "target"
    first.write_bytes(b"first")
    second.write_bytes(b"second")

    assert disk.rename_without_replacing(first, target)
    assert not disk.rename_without_replacing(second, target)
    assert (first.exists(), second.read_bytes(), target.read_bytes()) == (
        False,
        b"second",
        b"first",
    )


async def test_a_file_placed_before_a_crash_counts_once_its_folders_are_synced(
    library: LocalLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process may be killed between rename and folder sync;
    the next attempt completes once ``holds`` is true.
    """
    (library.root / "acc").mkdir(parents=True)
    (library.root / "acc/name.mp4").write_bytes(BODY)
    synced: list[Path] = []
    monkeypatch.setattr(disk, "fsync_folder", synced.append)

    assert await library.holds("acc/name.mp4", size=len(BODY), sha256=SHA)
    assert synced == [library.root / "acc", library.root]
    synced.clear()
    assert not await library.holds("acc/name.mp4", size=len(BODY), sha256="00" * 32)
    assert synced == []


@pytest.mark.parametrize(
    "relative",
    [
        "../secret",
        "/etc/passwd",
        "acc/../../secret",
        ".staging/job.1/media.part",
        "acc/\0",
        "acc",
        "gone.mp4",
    ],
)
async def test_paths_outside_the_library_are_never_opened(
    library: LocalLibrary, relative: str
) -> None:
    (library.root / "acc").mkdir(parents=True)
    (library.root.parent / "secret").write_bytes(b"x")
    (library.root / ".staging/job.1").mkdir(parents=True)
    (library.root / ".staging/job.1/media.part").write_bytes(b"x")

    assert library.open_path(relative) is None


async def test_a_link_in_the_library_is_not_followed(library: LocalLibrary, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    (library.root / "acc").mkdir(parents=True)
    (library.root / "acc/link.mp4").symlink_to(tmp_path / "secret")
    (library.root / "elsewhere").symlink_to(tmp_path)

    assert library.open_path("acc/link.mp4") is None
    assert library.open_path("elsewhere/secret") is None


async def test_a_full_disk_is_reported_as_such_and_other_errors_name_the_folder(
    library: LocalLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(code: int) -> None:
        def fail(_: int) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "fsync", fail)

    async with library.staging.folder("job", 1) as folder:
        path = await staged(library, folder)
        refuse(errno.ENOSPC)
        with pytest.raises(NoSpace):
            await library.staging.seal(path)
        refuse(errno.EIO)
        with pytest.raises(StorageFailure, match="cannot be written"):
            await library.staging.seal(path)
        monkeypatch.undo()


async def test_the_sidecar_is_whole_json_and_replaces_an_older_one(library: LocalLibrary) -> None:
    (library.root / "acc").mkdir(parents=True)
    async with library.staging.folder("job", 1) as folder:
        await library.place_json({"n": 1}, "acc/name.info.json", via=folder)
        await library.place_json({"n": 2, "t": "ü"}, "acc/name.info.json", via=folder)

    assert '"t": "ü"' in (library.root / "acc/name.info.json").read_text(encoding="utf-8")


async def test_empty_folders_go_with_the_last_file_up_to_one_that_holds_something(
    library: LocalLibrary,
) -> None:
    for name in ("site/2026/jane/a.mp4", "site/2025/b.mp4"):
        (library.root / name).parent.mkdir(parents=True)
        (library.root / name).write_bytes(b"x")
    await library.remove("site/2026/jane/a.mp4")

    assert sorted(path.name for path in (library.root / "site").iterdir()) == ["2025"]
    await library.remove("site/2025/b.mp4")
    assert not (library.root / "site").exists()


async def test_removing_deletes_only_what_is_named_and_empty_folders(library: LocalLibrary) -> None:
    (library.root / "acc").mkdir(parents=True)
    for name in ("a.mp4", "b.mp4"):
        (library.root / "acc" / name).write_bytes(b"x")
    await library.remove("acc/a.mp4", "acc/gone.jpg")
    left = [path.name for path in (library.root / "acc").iterdir()]
    await library.remove("acc/b.mp4")

    assert left == ["b.mp4"]
    assert not (library.root / "acc").exists()


async def test_a_library_that_cannot_be_written_is_refused_at_startup(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(StorageFailure):
        await LocalLibrary(tmp_path / "file").prepare()


def put(library: LocalLibrary, relative: str, body: bytes) -> None:
    path = library.root / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


async def test_walking_yields_every_file_except_hidden_ones(
    library: LocalLibrary, tmp_path: Path
) -> None:
    for relative in (
        "b/2.mp4",
        "b/1.mp4",
        "a/x.jpg",
        "top.mp4",
        ".staging/job.1/media.part",
        "a/.hidden",
    ):
        put(library, relative, b"123")
    (library.root / "b/link.mp4").symlink_to(tmp_path / "elsewhere")

    files = [file async for file in library.walk()]

    assert [file.path for file in files] == ["top.mp4", "a/x.jpg", "b/1.mp4", "b/2.mp4"]
    assert {file.bytes for file in files} == {3}


@pytest.mark.parametrize(
    "text", [b"", b"[1]", b"{", b"\xff", b"[" * 100_000, b'{"a": "' + b"x" * (4 << 20) + b'"}']
)
async def test_an_invalid_or_missing_sidecar_is_none(library: LocalLibrary, text: bytes) -> None:
    put(library, "acc/name.info.json", text)

    assert await library.read_json("acc/name.info.json") is None
    assert await library.read_json("acc/gone.info.json") is None


# --- the library's id -----------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["an empty mount point", "another library", "nothing"])
async def test_nothing_is_created_placed_or_removed_unless_it_is_the_expected_library(
    library: LocalLibrary, content: str
) -> None:
    """An unmounted disk leaves an empty folder; files saved in it would be hidden once the disk is
    mounted again.
    """
    await library.write_identity("0b5e7a52-ours")
    await library.require_identity("0b5e7a52-ours")
    async with library.staging.folder("job", 1) as folder:
        path = await staged(library, folder)
        (library.root / ".mediavault-library").unlink()
        if content == "another library":
            await library.write_identity("99999999-theirs")
        if content == "nothing":
            library.root.rename(library.root.with_name("elsewhere"))

        with pytest.raises(StorageFailure, match="The library is not there") as refused:
            await library.place(path, "acc/name.mp4")
    for operation in (
        library.check_identity(),
        library.remove("acc/name.mp4"),
        library.staging.folder("job", 2).__aenter__(),
    ):
        with pytest.raises(StorageFailure, match="The library is not there"):
            await operation

    assert "echo 0b5e7a52-ours" in refused.value.help
    assert not (library.root / "acc").exists()
    assert await library.staging.folders() == []


async def test_a_path_that_no_file_can_have_counts_as_a_missing_file(library: LocalLibrary) -> None:
    """A row may come from another machine, whose file system accepts the name."""
    (library.root / "x").mkdir(parents=True)
    name = f"x/{'文' * 200}.mp4"

    assert await library.open(name) is None
    assert library.open_path(name) is None
    assert await library.digest(name) is None
