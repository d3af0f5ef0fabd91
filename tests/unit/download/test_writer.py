"""The writer thread: order, back-pressure, durability,
and the failures of a full or broken disk.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediavault.core.failures import NoSpace, StorageFailure
from mediavault.download import writer as module
from mediavault.download.writer import BATCH_BYTES, QUEUE_BYTES, open_writer
from tests.fakes import FakeClock

MB = 1 << 20


async def test_bytes_arrive_in_order_whatever_their_pieces(tmp_path: Path) -> None:
    pieces = [os.urandom(size) for size in (1, 70_000, 3 * MB, 5, 0, 999_999)]
    async with open_writer(tmp_path / "f", keep=0, reserve_bytes=0, clock=FakeClock()) as writer:
        for piece in pieces:
            await writer.write(piece)

    assert (tmp_path / "f").read_bytes() == b"".join(pieces)


async def test_many_tiny_pieces_are_written_too(tmp_path: Path) -> None:
    async with open_writer(tmp_path / "f", keep=0, reserve_bytes=0, clock=FakeClock()) as writer:
        for _ in range(3_000):
            await writer.write(b"ab")

    assert (tmp_path / "f").read_bytes() == b"ab" * 3_000


async def test_a_writer_continues_after_the_bytes_to_keep(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"keep|drop")
    async with open_writer(tmp_path / "f", keep=5, reserve_bytes=0, clock=FakeClock()) as writer:
        await writer.write(b"new")

    assert (tmp_path / "f").read_bytes() == b"keep|new"


async def test_rewinding_discards_what_came_later(tmp_path: Path) -> None:
    async with open_writer(tmp_path / "f", keep=0, reserve_bytes=0, clock=FakeClock()) as writer:
        await writer.write(b"abcdef")
        await writer.rewind(2)
        await writer.write(b"X")

        assert await writer.read_back(0, 10) == b"abX"
        assert writer.position == 3
    assert (tmp_path / "f").read_bytes() == b"abX"


@settings(max_examples=25, deadline=None)
@given(
    keep=st.integers(min_value=0, max_value=8),
    steps=st.lists(
        st.one_of(st.binary(max_size=9), st.integers(min_value=0, max_value=40)), max_size=8
    ),
)
async def test_the_hash_is_that_of_the_file_whatever_was_kept_and_rewound(
    keep: int, steps: list[bytes | int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("hash") / "f"
    path.write_bytes(b"kept|more")
    async with open_writer(path, keep=keep, reserve_bytes=0, clock=FakeClock()) as writer:
        for step in steps:
            if isinstance(step, bytes):
                await writer.write(step)
            else:
                await writer.rewind(min(step, writer.position))
        written = await writer.written()

    assert written == hashlib.sha256(path.read_bytes()).hexdigest()


async def test_a_file_that_somebody_cut_off_has_no_hash(tmp_path: Path) -> None:
    async with open_writer(tmp_path / "f", keep=0, reserve_bytes=0, clock=FakeClock()) as writer:
        await writer.write(b"abcdef")
        await writer.rewind(2)
        (tmp_path / "f").write_bytes(b"")
        with pytest.raises(StorageFailure):
            await writer.written()


async def test_a_slow_disk_holds_the_network_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go, real = threading.Event(), module._write_all

    def slow(*args: object) -> None:
        may_go.wait(10)
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_write_all", slow)
    async with open_writer(tmp_path / "f", keep=0, reserve_bytes=0, clock=FakeClock()) as writer:
        task = asyncio.create_task(_write(writer, pieces=20))
        await _settled(writer)
        accepted = writer.position
        may_go.set()
        await task

    assert QUEUE_BYTES < accepted <= QUEUE_BYTES + 2 * BATCH_BYTES
    assert (tmp_path / "f").stat().st_size == 20 * MB


async def _write(writer: module.FileWriter, *, pieces: int) -> None:
    for _ in range(pieces):
        await writer.write(bytes(MB))


async def _settled(writer: module.FileWriter) -> None:
    before = -1
    while before != writer.position:
        before = writer.position
        for _ in range(50):
            await asyncio.sleep(0)


async def test_durability_is_reported_after_enough_bytes_or_seconds(tmp_path: Path) -> None:
    clock, reported = FakeClock(), list[int]()
    async with open_writer(
        tmp_path / "f", keep=0, reserve_bytes=0, clock=clock, on_durable=reported.append
    ) as writer:
        await writer.write(bytes(MB))
        await writer.read_back(0, 1)
        assert reported == []
        clock.advance(module.SYNC_S)
        await writer.write(bytes(MB))
        await writer.read_back(0, 1)
        assert reported == [2 * MB]
        await writer.write(bytes(10))

    assert reported == [2 * MB, 2 * MB + 10]


async def test_the_rest_is_synced_even_when_the_transfer_fails(tmp_path: Path) -> None:
    reported = list[int]()

    async def transfer() -> None:
        async with open_writer(
            tmp_path / "f", keep=0, reserve_bytes=0, clock=FakeClock(), on_durable=reported.append
        ) as writer:
            await writer.write(b"abc")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await transfer()
    assert (tmp_path / "f").read_bytes() == b"abc"
    assert reported == [3]


@pytest.mark.parametrize(
    ("number", "failure"),
    [(errno.ENOSPC, NoSpace), (errno.EDQUOT, NoSpace), (errno.EIO, StorageFailure)],
)
async def test_a_disk_that_fails_while_writing_ends_the_transfer(
    number: int, failure: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module, "_write_all", fail)
    with pytest.raises(failure):
        async with open_writer(
            tmp_path / "f", keep=0, reserve_bytes=0, clock=FakeClock()
        ) as writer:
            await _write(writer, pieces=30)


async def test_a_failure_at_the_very_end_is_not_swallowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(fd: int) -> None:
        raise OSError(errno.EIO, "io")

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(StorageFailure):
        async with open_writer(
            tmp_path / "f", keep=0, reserve_bytes=0, clock=FakeClock()
        ) as writer:
            await writer.write(b"abc")


async def test_a_folder_that_cannot_be_written_is_a_storage_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageFailure):
        async with open_writer(tmp_path / "file" / "f", keep=0, reserve_bytes=0, clock=FakeClock()):
            pass


async def test_a_link_in_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "f").symlink_to(tmp_path / "precious")
    with pytest.raises(StorageFailure):
        async with open_writer(tmp_path / "f", keep=0, reserve_bytes=0, clock=FakeClock()):
            pass

    assert (tmp_path / "precious").read_bytes() == b"precious"


async def test_missing_space_is_reported_before_the_first_byte(tmp_path: Path) -> None:
    with pytest.raises(NoSpace, match="MB are free"):
        async with open_writer(
            tmp_path / "f", keep=0, reserve_bytes=0, clock=FakeClock()
        ) as writer:
            await writer.reserve(10**18)


async def test_the_reserve_is_never_used(tmp_path: Path) -> None:
    clock = FakeClock()

    async def transfer() -> None:
        async with open_writer(tmp_path / "f", keep=0, reserve_bytes=10**18, clock=clock) as writer:
            clock.advance(module.SYNC_S)
            await writer.write(bytes(MB))

    with pytest.raises(NoSpace):
        await transfer()


async def test_reserved_space_does_not_lengthen_the_file(tmp_path: Path) -> None:
    async with open_writer(tmp_path / "f", keep=0, reserve_bytes=0, clock=FakeClock()) as writer:
        await writer.reserve(5 * MB)
        await writer.write(b"abc")

    assert (tmp_path / "f").stat().st_size == 3
