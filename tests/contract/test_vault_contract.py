"""The contract of ``library/port.py``, tested for every library."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.failures import StorageFailure
from mediavault.core.media import PICTURE_SUFFIXES
from mediavault.library.disk import Digest
from mediavault.library.port import FoundFile, Library
from mediavault.library.staging import StagingFolder
from tests.contract.vaults import VAULTS, Subject

BODY = bytes(range(256)) * 40
SHA = hashlib.sha256(BODY).hexdigest()
# 22 MiB: several parts, and several pieces to read
LARGE = b"".join(n.to_bytes(4, "big") * 4096 for n in range(1400))
NAME = "jane/2026-11-24 A title, 100 % ~ #1 (ü) [abc].mp4"


@pytest.fixture(params=sorted(VAULTS))
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    made = VAULTS[request.param](tmp_path)
    await made.vault.prepare()
    return made


@pytest.fixture
def vault(subject: Subject) -> Library:
    return subject.vault


async def staged(vault: Library, folder: Path, body: bytes = BODY) -> Path:
    path = folder / "media.part"
    path.write_bytes(body)
    assert await vault.staging.seal(path) == hashlib.sha256(body).hexdigest()
    return path


async def saved(vault: Library, relative: str, body: bytes = BODY, *, job: str = "job") -> bool:
    async with vault.staging.folder(job, 1) as folder:
        return await vault.place(await staged(vault, folder, body), relative)


async def read(vault: Library, relative: str, start: int = 0, end: int = 1 << 40) -> bytes | None:
    file = await vault.open(relative)
    if file is None:
        return None
    try:
        return b"".join([chunk async for chunk in file.chunks(start, end)])
    finally:
        await file.close()


async def listed(vault: Library) -> list[FoundFile]:
    return [file async for file in vault.walk()]


# --- small files ----------------------------------------------------------------------------------


async def test_a_small_file_is_put_where_none_is(vault: Library) -> None:
    async with vault.staging.folder("job", 1) as folder:
        first = await vault.place_bytes(b"one", "jane/a.nfo", via=folder)
        second = await vault.place_bytes(b"two", "jane/a.nfo", via=folder)
        instead = await vault.place_bytes(
            b"three", "jane/poster.jpg", via=folder, unless=["jane/poster.png", "jane/a.nfo"]
        )

    assert (first, second, instead) == (True, False, False)
    assert await read(vault, "jane/a.nfo") == b"one"
    assert await read(vault, "jane/poster.jpg") is None


@pytest.mark.parametrize("path", ["../a.nfo", "/a.nfo"])
async def test_a_small_file_is_put_nowhere_else(vault: Library, path: str) -> None:
    async with vault.staging.folder("job", 1) as folder:
        with pytest.raises(StorageFailure):
            await vault.place_bytes(b"one", path, via=folder)


async def test_a_folder_with_a_video_is_not_tidied(vault: Library) -> None:
    async with vault.staging.folder("job", 1) as folder:
        await vault.place_bytes(b"nfo", "show/tvshow.nfo", via=folder)
    await saved(vault, "show/Season 2026/a.mp4")
    await vault.tidy("show")
    await vault.tidy("nothing")
    await vault.tidy("../show")

    assert {file.path for file in await listed(vault)} == {
        "show/tvshow.nfo",
        "show/Season 2026/a.mp4",
    }


# --- the id of a library --------------------------------------------------------------------------


async def test_a_library_keeps_its_first_id_and_does_not_list_the_file_that_holds_it(
    vault: Library,
) -> None:
    before = await vault.identity()
    await vault.write_identity("0b5e7a52-first")
    await vault.write_identity("0b5e7a52-second")
    await vault.require_identity("0b5e7a52-first")
    await vault.check_identity()

    assert (before, await vault.identity(), await listed(vault)) == (None, "0b5e7a52-first", [])


async def test_a_library_other_than_the_expected_one_is_refused(vault: Library) -> None:
    with pytest.raises(StorageFailure, match=r"The library is not there: .* has no library marker"):
        await vault.require_identity("0b5e7a52-ours")
    await vault.write_identity("99999999-theirs")

    with pytest.raises(
        StorageFailure, match=r"The library is not there: .* belongs to another library"
    ) as refused:
        await vault.require_identity("0b5e7a52-ours")
    assert "0b5e7a52-ours" in refused.value.help


async def test_a_marker_that_holds_no_id_is_reported(subject: Subject) -> None:
    await subject.put(".mediavault-library", b"\0" * 40)

    with pytest.raises(StorageFailure, match="holds no library's id"):
        await subject.vault.identity()


# --- staging --------------------------------------------------------------------------------------


async def test_preparing_twice_leaves_nothing_in_the_library(vault: Library) -> None:
    await vault.prepare()

    assert await listed(vault) == []
    assert await vault.staging.folders() == []


async def test_the_folder_of_an_attempt_is_private_and_always_removed(vault: Library) -> None:
    async def fail() -> None:
        async with vault.staging.folder("job", 3) as folder:
            (folder / "media.part").write_bytes(b"x")
            seen.extend(
                [(folder, listed_folder) for listed_folder in await vault.staging.folders()]
            )
            raise ZeroDivisionError

    seen: list[tuple[Path, StagingFolder]] = []
    with pytest.raises(ZeroDivisionError):
        await fail()
    ((folder, listed_folder),) = seen

    assert (listed_folder.job_id, listed_folder.fence, listed_folder.path) == ("job", 3, folder)
    assert folder.is_relative_to(vault.staging.root)
    assert not folder.exists()


async def test_the_leftovers_of_a_strategy_are_removed_and_the_folder_stays(vault: Library) -> None:
    async with vault.staging.folder("job", 1) as folder:
        (folder / "deeper").mkdir()
        (folder / "deeper/piece").write_bytes(b"x")
        await vault.staging.empty(folder)

        assert list(folder.iterdir()) == []


async def test_the_folder_of_a_dead_attempt_can_be_discarded(vault: Library) -> None:
    (vault.staging.root / "job.1").mkdir()
    (dead,) = await vault.staging.folders()
    await vault.staging.discard(dead)

    assert await vault.staging.folders() == []


async def test_a_file_sealed_by_a_dead_attempt_is_found_by_size_and_hash(vault: Library) -> None:
    (vault.staging.root / "job.1").mkdir()
    path = await staged(vault, vault.staging.root / "job.1")

    assert await vault.staging.find("job", size=len(BODY), sha256=SHA) == path
    assert await vault.staging.find("job", size=len(BODY), sha256="0" * 64) is None
    assert await vault.staging.find("other", size=len(BODY), sha256=SHA) is None


@pytest.mark.parametrize("suffix", PICTURE_SUFFIXES)
async def test_a_thumbnail_of_every_kind_that_is_fetched_is_opened(
    vault: Library, suffix: str
) -> None:
    async with vault.staging.folder("job", 1) as folder:
        vault.staging.thumbnail_in(folder, suffix).write_bytes(b"picture")
        opened = await vault.staging.open_thumbnail("job")
        assert opened is not None
        await opened[1].close()


async def test_the_thumbnail_of_the_newest_attempt_is_opened(vault: Library) -> None:
    assert await vault.staging.open_thumbnail("job") is None
    async with vault.staging.folder("job", 9) as old, vault.staging.folder("job", 10) as new:
        (old / "thumbnail.jpg").write_bytes(b"old")
        (new / "thumbnail.webp").write_bytes(b"new")
        (new / "thumbnail.svg").write_bytes(b"never")
        opened = await vault.staging.open_thumbnail("job")
        assert opened is not None
        name, file = opened
        assert (name, b"".join([piece async for piece in file.chunks(0, 9)])) == (
            "thumbnail.webp",
            b"new",
        )
        await file.close()
        (new / "thumbnail.webp").unlink()
        (new / "thumbnail.webp").symlink_to(old / "thumbnail.jpg")
        (old / "thumbnail.jpg").rename(old / "other")
        assert await vault.staging.open_thumbnail("job") is None


# --- placing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [BODY, LARGE], ids=["small", "large"])
async def test_a_placed_file_leaves_staging_and_is_in_the_library(
    vault: Library, body: bytes
) -> None:
    async with vault.staging.folder("job", 1) as folder:
        path = await staged(vault, folder, body)
        placed = await vault.place(path, NAME)

        assert placed
        assert not path.exists()
    assert await vault.holds(NAME, size=len(body), sha256=hashlib.sha256(body).hexdigest())
    assert await read(vault, NAME) == body


@pytest.mark.parametrize("body", [BODY, LARGE], ids=["small", "large"])
async def test_placing_never_replaces_a_file(subject: Subject, body: bytes) -> None:
    await subject.put(NAME, b"somebody's")
    async with subject.vault.staging.folder("job", 1) as folder:
        path = await staged(subject.vault, folder, body)
        placed = await subject.vault.place(path, NAME)

        assert not placed
        assert path.read_bytes() == body
    assert await read(subject.vault, NAME) == b"somebody's"


async def test_the_same_bytes_under_a_taken_name_are_the_file_of_another_job(
    vault: Library,
) -> None:
    assert await saved(vault, NAME, job="first")
    assert not await saved(vault, NAME, job="second")


@pytest.mark.parametrize("size", [10_000, 9 << 20], ids=["small", "large"])
async def test_one_of_many_concurrent_writers_of_a_name_wins_and_its_file_is_whole(
    vault: Library, size: int
) -> None:
    bodies = [bytes([n]) * size for n in range(6)]
    won = await asyncio.gather(*(saved(vault, NAME, body, job=f"job{body[0]}") for body in bodies))

    assert sum(won) == 1
    assert await read(vault, NAME) == bodies[won.index(True)]


async def test_names_are_numbered_until_one_is_free(subject: Subject) -> None:
    first = await subject.vault.free_name("jane", "a clip", ".mp4")
    await subject.put("jane/a clip.mp4", b"x")
    second = await subject.vault.free_name("jane", "a clip", ".mp4")
    await subject.put("jane/a clip (2).mp4", b"x")
    third = await subject.vault.free_name("jane", "a clip", ".mp4")

    assert (first, second, third) == (
        "jane/a clip.mp4",
        "jane/a clip (2).mp4",
        "jane/a clip (3).mp4",
    )


async def test_a_name_that_differs_from_a_saved_videos_only_by_its_suffix_is_not_free(
    vault: Library,
) -> None:
    """Both would have the same sidecar, and the second video would replace that of the first."""
    assert await saved(vault, "jane/a clip.webm")
    async with vault.staging.folder("job", 1) as folder:
        await vault.place_json({"id": "1"}, "jane/a clip.info.json", via=folder)

    assert await vault.free_name("jane", "a clip", ".mp4") == "jane/a clip (2).mp4"


async def test_a_sidecar_replaces_an_older_one_and_is_read_back(vault: Library) -> None:
    assert await saved(vault, "jane/a.mp4")
    async with vault.staging.folder("job", 1) as folder:
        for number in (1, 2):
            await vault.place_json({"n": number, "text": "ü\ud83d"}, "jane/a.info.json", via=folder)

    # half an emoji of a title that was cut
    assert await vault.read_json("jane/a.info.json") == {"n": 2, "text": "ü?"}


async def test_the_library_holds_a_file_only_with_the_same_size_and_hash(subject: Subject) -> None:
    vault = subject.vault
    await subject.put("jane/foreign.mp4", BODY)
    assert await saved(vault, NAME)

    for relative in (NAME, "jane/foreign.mp4"):
        assert await vault.holds(relative, size=len(BODY), sha256=SHA)
        assert not await vault.holds(relative, size=len(BODY) + 1, sha256=SHA)
        assert not await vault.holds(relative, size=len(BODY), sha256="0" * 64)
    assert not await vault.holds("jane/gone.mp4", size=len(BODY), sha256=SHA)
    assert not await vault.holds("../jane", size=len(BODY), sha256=SHA)


async def test_removing_deletes_the_named_files_and_nothing_else(subject: Subject) -> None:
    for relative in ("jane/a.mp4", "jane/b.mp4", "kim/a.mp4"):
        await subject.put(relative, b"x")
    await subject.vault.remove("jane/a.mp4", "jane/gone.jpg", "../kim/a.mp4", "")
    left = [file.path for file in await listed(subject.vault)]
    await subject.vault.remove("jane/b.mp4")

    assert left == ["jane/b.mp4", "kim/a.mp4"]
    assert [file.path for file in await listed(subject.vault)] == ["kim/a.mp4"]
    assert await saved(subject.vault, "jane/a.mp4")  # the name can be used again


# --- reading --------------------------------------------------------------------------------------


async def test_an_open_file_returns_the_requested_bytes(vault: Library) -> None:
    assert await saved(vault, NAME, LARGE)
    file = await vault.open(NAME)
    assert file is not None
    assert file.size == len(LARGE)
    await file.close()
    await file.close()

    assert await read(vault, NAME, 3, 10) == LARGE[3:10]
    assert await read(vault, NAME, 5_000_000, 15_000_001) == LARGE[5_000_000:15_000_001]
    assert await read(vault, NAME, len(LARGE) - 3) == LARGE[-3:]
    assert await read(vault, NAME, 7, 7) == b""


async def test_a_version_changes_with_the_bytes(subject: Subject) -> None:
    async def version() -> str:
        file = await subject.vault.open("jane/a.mp4")
        assert file is not None
        await file.close()
        return file.version

    await subject.put("jane/a.mp4", b"one")
    first, again = await version(), await version()
    await subject.put("jane/a.mp4", b"three")

    assert first == again
    assert first != await version()


@pytest.mark.parametrize(
    "relative",
    ["gone.mp4", "jane", "../secret", "/etc/passwd", "jane/../../secret", "jane/\0", "", "."],
)
async def test_a_path_that_is_not_a_file_of_the_library_gives_none(
    subject: Subject, tmp_path: Path, relative: str
) -> None:
    await subject.put("jane/a.mp4", b"x")
    vault = subject.vault

    assert await vault.open(relative) is None
    assert await vault.digest(relative) is None
    assert await vault.read_json(relative) is None
    assert await vault.local_path(relative, into=tmp_path) is None


async def test_a_file_is_available_on_the_local_machine(vault: Library, tmp_path: Path) -> None:
    assert await saved(vault, NAME, LARGE)
    (tmp_path / "into").mkdir()
    path = await vault.local_path(NAME, into=tmp_path / "into")

    assert path is not None
    assert path.suffix == ".mp4"
    assert path.read_bytes() == LARGE


async def test_walking_yields_every_file_that_is_not_hidden(subject: Subject) -> None:
    for relative in (
        "b/2.mp4",
        "b/1.mp4",
        "a/x.jpg",
        "b/.hidden",
        ".claims/b/1.mp4.json",
        ".staging/job.1/media.part",
    ):
        await subject.put(relative, b"123")
    first, again = await listed(subject.vault), await listed(subject.vault)

    assert (
        first
        == again
        == [FoundFile("a/x.jpg", 3), FoundFile("b/1.mp4", 3), FoundFile("b/2.mp4", 3)]
    )


async def test_a_digest_is_computed_from_the_current_bytes(subject: Subject) -> None:
    await subject.put("jane/a.mp4", BODY)
    before = await subject.vault.digest("jane/a.mp4")
    await subject.put("jane/a.mp4", BODY[:-1] + b"!")
    after = await subject.vault.digest("jane/a.mp4")

    assert before == Digest(len(BODY), SHA)
    assert after is not None
    assert after.sha256 == hashlib.sha256(BODY[:-1] + b"!").hexdigest()


@pytest.mark.parametrize(
    "text",
    [b"", b"[1]", b"{", b"\xff", b'{"a": "' + b"x" * (4 << 20) + b'"}'],
    ids=["0", "list", "cut", "no", "huge"],
)
async def test_a_file_that_is_not_a_sidecar_gives_none(subject: Subject, text: bytes) -> None:
    await subject.put("jane/a.info.json", text)
    answer: Any = await subject.vault.read_json("jane/a.info.json")

    assert answer is None


# --- deleted jobs' files --------------------------------------------------------------------------


async def test_a_file_goes_to_the_trash_and_back_unchanged(vault: Library) -> None:
    assert await saved(vault, NAME)
    trashed = vault.trash_path("job-1", NAME)

    assert await vault.move(NAME, trashed)
    assert await read(vault, trashed) == BODY
    if trashed != NAME:  # in a bucket it stays where it is
        assert await listed(vault) == []
        assert [file async for file in vault.trashed()] == [FoundFile(trashed, len(BODY))]
    assert await vault.move(trashed, NAME)
    assert await read(vault, NAME) == BODY
    assert [file async for file in vault.trashed()] == []


async def test_moving_what_is_missing_does_nothing(vault: Library) -> None:
    assert not await vault.move("jane/none.mp4", vault.trash_path("job-1", "jane/none.mp4"))


async def test_moving_replaces_nothing(vault: Library) -> None:
    assert await saved(vault, NAME)
    trashed = vault.trash_path("job-1", NAME)
    await vault.move(NAME, trashed)
    if trashed == NAME:
        return
    assert await saved(vault, NAME, b"another video, saved since", job="job-2")

    assert not await vault.move(trashed, NAME)
    assert await read(vault, NAME) == b"another video, saved since"
    assert await read(vault, trashed) == BODY


async def test_a_file_in_the_trash_can_be_removed_for_good(vault: Library) -> None:
    assert await saved(vault, NAME)
    trashed = vault.trash_path("job-1", NAME)
    await vault.move(NAME, trashed)
    await vault.remove(trashed)

    assert await read(vault, trashed) is None
    assert [file async for file in vault.trashed()] == []
