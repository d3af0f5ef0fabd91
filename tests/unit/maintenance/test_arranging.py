"""Arranging a library in another layout, also after a kill at any point."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.job import Job
from mediavault.core.records import RecordKind
from mediavault.core.settings import ChangeableSettings
from mediavault.core.shows import Layout, episode_of
from mediavault.features.trash.service import Trash
from mediavault.library.local_library import LocalLibrary
from mediavault.library.port import OpenedFile
from mediavault.maintenance.arranging import Arranged, Arrangement, Move, finish_moves
from mediavault.maintenance.rebuilding import Rebuild
from mediavault.maintenance.verifying import Verification
from mediavault.presentation.views import saved_paths
from mediavault.store import trash
from mediavault.store.port import JobQuery
from tests import vaults
from tests.fakes import FakeClock
from tests.media_servers import in_jellyfin, in_kodi, in_plex, videos_in
from tests.memory_store import MemoryJobStore


class Killed(BaseException):
    """The process ends here."""


class Environment:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = FakeClock()
        self.store = MemoryJobStore(self.clock)
        self.library = LocalLibrary(root)

    async def arrange(
        self,
        layout: Layout = Layout.SHOWS,
        *,
        dry_run: bool = False,
        nfo: bool = True,
        can_move: bool = True,
    ) -> tuple[list[Move], Arranged]:
        settings = ChangeableSettings(layout=layout, nfo=nfo)
        arrangement = Arrangement(
            self.store, self.library, settings, can_move=can_move, dry_run=dry_run
        )
        return [move async for move in arrangement.run()], arrangement.done

    async def jobs(self) -> tuple[Job, ...]:
        return (await self.store.catalogue.jobs(JobQuery())).jobs

    async def paths(self) -> list[str]:
        return sorted(
            item.saved.output_path for job in await self.jobs() for item in job.items if item.saved
        )

    def files(self) -> dict[str, bytes]:
        found = (path for path in self.root.rglob("*") if path.is_file())
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in found}

    def videos(self) -> list[bytes]:
        files = self.files()
        return sorted(files[path] for path in videos_in(files))

    async def findings(self) -> list[Any]:
        verification = Verification(self.store, self.library, read_data=True)
        return [finding async for finding in verification.run()]


@pytest.fixture
async def vault(tmp_path: Path) -> Environment:
    """Nine jobs, two of each of two accounts, and of five others;
    every second one has two videos.
    """
    environment = Environment(tmp_path)
    await environment.library.prepare()
    await vaults.fill(environment.store, tmp_path, environment.clock, jobs=9, videos=2)
    for path in tmp_path.rglob("*"):
        if path.name.endswith((".nfo", "-thumb.jpg")):
            path.unlink()  # as a library of an earlier version has it
    return environment


async def test_every_post_becomes_an_episode_and_still_verifies(vault: Environment) -> None:
    before = vault.videos()
    moves, done = await vault.arrange()

    assert (len(moves), done.moved, done.missing, done.left) == (18, 18, 0, 0)
    assert vault.videos() == before
    assert all(episode_of(path) for path in await vault.paths())
    assert await vault.paths() == videos_in(vault.files())
    assert await vault.findings() == []
    for job in await vault.jobs():
        assert job.output_path == next(item.saved.output_path for item in job.items if item.saved)


async def test_the_servers_find_every_post_in_its_show(vault: Environment) -> None:
    await vault.arrange()
    files = vault.files()
    seen = set()
    for path in videos_in(files):
        for shown in (in_jellyfin(path, files), in_kodi(path, files), in_plex(path, files)):
            assert shown is not None
            assert shown.picture is not None
            seen.add((type(shown), shown.show, shown.season, shown.episodes))
        jellyfin = in_jellyfin(path, files)
        assert jellyfin is not None
        assert jellyfin.show == "Ann"
    assert len({path.rpartition(" - ")[0] for path in videos_in(files)}) == 18


async def test_a_dry_run_lists_what_the_run_does_and_changes_nothing(vault: Environment) -> None:
    before = vault.files()
    planned, _ = await vault.arrange(dry_run=True)
    after, records = vault.files(), await vault.store.records.all(RecordKind.EPISODE)
    moves, _ = await vault.arrange()

    assert after == before
    assert records == []
    assert planned == moves


async def test_a_second_run_changes_nothing(vault: Environment) -> None:
    await vault.arrange()
    files = vault.files()
    moves, done = await vault.arrange()

    assert (moves, done.written) == ([], 0)
    assert vault.files() == files


async def test_there_and_back_every_post_has_the_names_of_the_template(vault: Environment) -> None:
    videos = vault.videos()
    await vault.arrange()
    episodes = await vault.paths()
    await vault.arrange(Layout.ACCOUNTS)

    assert not any(episode_of(path) for path in await vault.paths())
    assert not [path for path in vault.files() if "Season" in path or path.endswith("tvshow.nfo")]
    assert vault.videos() == videos
    assert await vault.findings() == []

    await vault.arrange()
    assert await vault.paths() == episodes


async def test_an_nfo_is_that_of_the_layout(vault: Environment) -> None:
    """A film's NFO next to an episode would hide its title from Jellyfin,
    and one that stayed behind would be an orphan.
    """
    for layout, show in ((Layout.ACCOUNTS, None), (Layout.SHOWS, "Ann"), (Layout.ACCOUNTS, None)):
        await vault.arrange(layout)
        files = vault.files()
        shown = [in_jellyfin(path, files) for path in videos_in(files)]

        assert {video.show for video in shown if video} == {show}
        assert await vault.findings() == []


async def test_the_same_layout_gets_the_files_that_are_missing(vault: Environment) -> None:
    paths = await vault.paths()
    moves, done = await vault.arrange(Layout.ACCOUNTS)
    files = vault.files()

    assert moves == []
    assert await vault.paths() == paths
    assert done.written == 2 * len(paths)
    assert all(in_kodi(path, files).picture == path.replace(".mp4", "-thumb.jpg") for path in paths)  # type: ignore[union-attr]


async def test_a_file_of_the_owners_is_never_replaced(vault: Environment) -> None:
    mine = {"ann1/poster.png": b"mine", "ann1/tvshow.nfo": b"mine", "ann2/000002-0.nfo": b"mine"}
    for path, body in mine.items():
        (vault.root / path).write_bytes(body)
    await vault.arrange(Layout.ACCOUNTS)
    between = vault.files()
    await vault.arrange(Layout.SHOWS)
    files = vault.files()

    assert {path: between[path] for path in mine} == mine
    assert files["ann1/poster.png"] == files["ann1/tvshow.nfo"] == b"mine"
    assert "ann1/poster.jpg" not in files
    assert "ann2/poster.jpg" in files


async def test_a_missing_video_is_reported_and_the_others_are_moved(vault: Environment) -> None:
    (vault.root / "ann3/000003-0.mp4").unlink()
    moves, done = await vault.arrange()

    assert (len(moves), done.missing) == (17, 1)


async def test_in_a_bucket_nothing_moves_and_the_missing_files_are_written(
    vault: Environment,
) -> None:
    moves, done = await vault.arrange(can_move=False)

    assert (moves, done.left, done.written) == ([], 18, 36)


async def test_without_nfos_only_the_names_change(vault: Environment) -> None:
    await vault.arrange(nfo=False)

    assert not [path for path in vault.files() if path.endswith(".nfo")]
    assert await vault.findings() == []


async def test_a_moved_post_is_rebuilt_trashed_and_restored(vault: Environment) -> None:
    await vault.arrange()
    again = MemoryJobStore(vault.clock)
    refused = [entry async for entry in Rebuild(again, vault.library, read_data=True).run()]
    job = (await vault.jobs())[0]
    files = vault.files()
    await trash.move_to_trash(
        vault.store, vault.library, vault.clock, job.id, saved_paths, batch="b"
    )
    without = vault.files()
    await Trash(vault.store, vault.library, vault.clock).restore(job.id)

    assert refused == []
    assert {record.key for record in await again.records.all(RecordKind.EPISODE)} == {
        record.key for record in await vault.store.records.all(RecordKind.EPISODE)
    }
    assert not [path for path in without if path in saved_paths(job)]
    assert vault.files() == files


async def test_a_show_without_videos_goes_when_the_trash_is_emptied(vault: Environment) -> None:
    await vault.arrange()
    job = next(
        job for job in await vault.jobs() if job.account is not None and job.account.slug == "ann3"
    )
    await trash.move_to_trash(
        vault.store, vault.library, vault.clock, job.id, saved_paths, batch="b"
    )
    before = (vault.root / "ann3/tvshow.nfo").exists()
    await Trash(vault.store, vault.library, vault.clock).empty()

    assert before
    assert not (vault.root / "ann3").exists()
    assert (vault.root / "ann1/tvshow.nfo").exists()


async def test_a_picture_that_cannot_be_read_costs_only_its_copy(
    vault: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk with a bad sector."""
    open_file = vault.library.open

    async def open_damaged(path: str) -> OpenedFile | None:
        file = await open_file(path)
        return DamagedFile(file) if file is not None and path.endswith(".jpg") else file

    monkeypatch.setattr(vault.library, "open", open_damaged)
    _, done = await vault.arrange(Layout.ACCOUNTS)

    names = vault.files().keys()
    assert done.written > 0
    assert [name for name in names if name.endswith("-thumb.jpg")] == []
    assert len([name for name in names if name.endswith(".nfo")]) == len(await vault.paths())


class DamagedFile:
    """A file of the library that cannot be read."""

    version = ""

    def __init__(self, file: OpenedFile) -> None:
        self.size, self.close = file.size, file.close

    async def chunks(self, start: int, end: int) -> AsyncIterator[bytes]:
        for _ in range(start, end):
            raise OSError(errno.EIO, "Input/output error")
        yield b""


STEPS = ["move", "place_bytes", "place_json", "remove"]


@pytest.mark.parametrize("layout", Layout)
async def test_a_kill_at_any_point_is_made_good_by_the_next_run(
    tmp_path: Path, layout: Layout
) -> None:
    """Before every change of the library and of the row, which is also after the one before it;
    and after the last.
    """
    for point in range(1, 200):
        vault = Environment(tmp_path / str(point))
        await vault.library.prepare()
        await vaults.fill(vault.store, vault.root, vault.clock, jobs=2, videos=2)
        if layout is Layout.ACCOUNTS:
            await vault.arrange()
        videos = vault.videos()
        countdown = Countdown(point)
        for step in STEPS:
            countdown.watch(vault.library, step)
        countdown.watch(vault.store.catalogue, "relocate")
        countdown.watch(vault.store.records, "put")
        countdown.watch(vault.store.records, "remove")
        with contextlib.suppress(Killed):
            await vault.arrange(layout)
        is_whole = countdown.left > 0  # the run has fewer steps
        countdown.left = 1_000_000
        await finish_moves(vault.store, vault.library, nfo=True)  # as a worker does when it starts

        assert vault.videos() == videos
        assert await vault.findings() == []
        await vault.arrange(layout)
        assert [episode_of(path) is not None for path in await vault.paths()] == [
            layout is Layout.SHOWS
        ] * 4
        assert vault.videos() == videos
        assert await vault.findings() == []
        if is_whole:
            assert point > 10
            return
    raise AssertionError("the run never ended")


class Countdown:
    """Kills the process before the call with this number."""

    def __init__(self, left: int) -> None:
        self.left = left

    def watch(self, owner: Any, name: str) -> None:
        call: Callable[..., Awaitable[Any]] = getattr(owner, name)

        async def counted(*args: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                raise Killed
            return await call(*args, **options)

        setattr(owner, name, counted)


async def test_a_taken_name_sends_the_post_back(vault: Environment) -> None:
    """Another program may write into the library while it is arranged."""
    job = (await vault.jobs())[0]
    before = vault.files()
    move = vault.library.move

    async def raced(source: str, target: str) -> bool:
        if source == job.output_path:
            (vault.root / target).write_bytes(b"theirs")
        return await move(source, target)

    vault.library.move = raced  # type: ignore[method-assign]
    await vault.arrange()

    assert (await vault.store.catalogue.get(job.id)).output_path == job.output_path
    assert {path for path in before if path in saved_paths(job)} <= set(vault.files())
