"""Playable copies with the real remuxer: made once, whole or not at all, within a limit, and never in the library."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.copies import Copy, CopyStatus, CopyTrouble
from mediavault.core.failures import BadInput, Incomplete
from mediavault.core.media import Expected, KeptFile
from mediavault.services.media import copies as module
from mediavault.services.media.copies import MAX_WAITING, PlayableCopies
from mediavault.services.media.copy_shelf import LEFT_BEHIND_S, CopyShelf
from mediavault.services.media.probe import MediaProbe
from mediavault.services.media.remux import to_mp4
from mediavault.services.vault.local import LocalVault
from tests import media
from tests.fakes import FakeClock
from tests.patience import patient

MIB = 1 << 20
READY = Copy(CopyStatus.READY)
MAKING = Copy(CopyStatus.MAKING)


class Desk:
    """A library with a shelf for its copies."""

    def __init__(self, root: Path) -> None:
        self.clock = FakeClock()
        self.library, self.shelf_folder = root / "library", root / "state" / "playable"
        self.library.mkdir()
        self.remuxes = 0
        self.limit(MIB)

    def limit(self, limit_bytes: int, *, reserve_bytes: int = 0) -> None:
        vault = LocalVault(self.library)
        self.shelf = CopyShelf(self.shelf_folder, limit_bytes, reserve_bytes, self.clock.now)
        self.copies = PlayableCopies(
            self.shelf,
            lambda relative, into: vault.on_this_machine(relative, into=into),
            partial(MediaProbe().look_into, expected=Expected(), deep=False),
            self.remux,
        )

    async def remux(self, sources: Sequence[Path], into: Path) -> object:
        self.remuxes += 1
        return await to_mp4(sources, into)

    def keep(self, content: bytes, name: str = "film.mkv") -> KeptFile:
        (self.library / name).write_bytes(content)
        return KeptFile(name, None, len(content), hashlib.sha256(content).hexdigest(), None, None, None)

    async def make(self, kept: KeptFile) -> Copy:
        self.copies.make(kept)
        await self.copies.wait_for(kept)
        return await self.copies.state(kept)

    def left(self) -> list[str]:
        return sorted(path.name for path in self.shelf_folder.iterdir())


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    await desk.copies.aclose()


@pytest.mark.parametrize(("maker", "name"), [(media.mkv, "a.mkv"), (media.ts, "a.ts"), (media.flv, "a.flv")])
async def test_the_copy_is_a_whole_mp4_beside_the_library(desk: Desk, maker: Any, name: str) -> None:
    kept = desk.keep(maker(), name)
    before = sorted(desk.library.iterdir())
    made = await desk.make(kept)
    report = await MediaProbe().look_into(desk.shelf.path(kept.sha256), expected=Expected(), deep=True)

    assert made == READY
    assert (report.container, report.video_codec, report.problems) == ("mp4", "h264", ())
    assert sorted(desk.library.iterdir()) == before
    assert desk.left() == [f"{kept.sha256}.mp4"]


async def test_two_who_ask_at_once_get_one_copy(desk: Desk) -> None:
    kept = desk.keep(media.mkv())
    desk.copies.make(kept)
    desk.copies.make(kept)
    under_way = await desk.copies.state(kept)
    await desk.copies.wait_for(kept)
    again = await desk.make(kept)

    assert (under_way, again) == (MAKING, READY)
    assert desk.remuxes == 1


async def test_the_copy_looked_at_longest_ago_goes_first(desk: Desk) -> None:
    films = [desk.keep(media.mkv(2.0 + n / 25), f"{n}.mkv") for n in range(3)]
    desk.limit(sum(film.bytes for film in films[:2]) + 60_000)
    for film in films[:2]:
        assert await desk.make(film) == READY
        desk.clock.advance(60)
    file = await desk.copies.open(films[0])
    assert file is not None
    await file.close()
    desk.clock.advance(60)

    assert await desk.make(films[2]) == READY
    states = [(await desk.copies.state(film)).status for film in films]
    assert states == [CopyStatus.READY, CopyStatus.NONE, CopyStatus.READY]


async def test_a_film_larger_than_the_limit_gets_none_and_pushes_nothing_out(desk: Desk) -> None:
    small, large = desk.keep(media.mkv(1.0), "s.mkv"), desk.keep(media.mkv(4.0), "l.mkv")
    desk.limit(large.bytes - 1)
    await desk.make(small)

    assert await desk.make(large) == Copy(CopyStatus.FAILED, CopyTrouble.TOO_LARGE)
    assert await desk.copies.state(small) == READY


async def test_the_disks_reserve_is_never_used(desk: Desk) -> None:
    desk.limit(MIB, reserve_bytes=1 << 60)

    assert (await desk.make(desk.keep(media.mkv()))).trouble is CopyTrouble.NO_SPACE
    assert desk.left() == []


@pytest.mark.parametrize(
    ("content", "trouble"),
    [(media.ogg, CopyTrouble.CODEC), (media.asf, CopyTrouble.CODEC), (media.mp4, CopyTrouble.CODEC)],
)
async def test_what_a_new_container_cannot_help_is_said(desk: Desk, content: Any, trouble: CopyTrouble) -> None:
    assert await desk.make(desk.keep(content())) == Copy(CopyStatus.FAILED, trouble)
    assert desk.left() == []


async def test_a_missing_file_is_said_to_be_missing(desk: Desk) -> None:
    kept = desk.keep(media.mkv())
    (desk.library / kept.output_path).unlink()

    assert await desk.make(kept) == Copy(CopyStatus.FAILED, CopyTrouble.MISSING)


async def test_a_failure_leaves_nothing_and_can_be_tried_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(_: object, into: Path) -> object:
        into.write_bytes(b"half a film")
        raise Incomplete("The stream is incomplete.")

    kept = desk.keep(media.mkv())
    monkeypatch.setattr(desk.copies, "_remux", breaks)
    failed = await desk.make(kept)
    left = desk.left()
    monkeypatch.undo()

    assert (failed.trouble, left) == (CopyTrouble.DAMAGED, [])
    assert await desk.make(kept) == READY


async def test_the_deadline_ends_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> object:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(module, "DEADLINE_S", 0.01)
    monkeypatch.setattr(desk.copies, "_remux", never)

    assert await desk.make(desk.keep(media.mkv())) == Copy(CopyStatus.FAILED, CopyTrouble.TOOK_TOO_LONG)


async def test_what_is_given_up_at_the_end_leaves_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = asyncio.Event()

    async def never(_: object, into: Path) -> object:
        into.write_bytes(b"half a film")
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(desk.copies, "_remux", never)
    kept = desk.keep(media.mkv())
    desk.copies.make(kept)
    await asyncio.wait_for(begun.wait(), patient(30))
    await desk.copies.aclose()

    assert desk.left() == []
    assert await desk.copies.state(kept) == Copy(CopyStatus.NONE)


async def test_few_may_wait(desk: Desk) -> None:
    for number in range(MAX_WAITING):
        desk.copies.make(desk.keep(bytes([number]) * 10, f"{number}.mkv"))

    with pytest.raises(BadInput):
        desk.copies.make(desk.keep(b"one more"))


async def test_what_a_killed_process_left_is_removed_after_a_day(desk: Desk) -> None:
    folder = Path(desk.shelf.working_folder())
    young = desk.shelf.working_folder()
    (folder / "half.mp4").write_bytes(b"half")
    at = desk.clock.now().timestamp()
    os.utime(folder, (at, at - LEFT_BEHIND_S - 1))
    os.utime(young, (at, at - 60))
    desk.shelf.working_folder()

    assert not folder.exists()
    assert Path(young).exists()


async def test_a_look_tells_the_codecs_and_is_remembered(desk: Desk) -> None:
    kept = desk.keep(media.mkv())
    look = await desk.copies.look(kept)
    (desk.library / kept.output_path).unlink()

    assert look is not None
    assert (look.container, look.video_codec, look.copy_helps) == ("matroska", "h264", True)
    assert await desk.copies.look(kept) == look
