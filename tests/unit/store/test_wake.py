"""Wake-ups between the processes of a host, here between objects of one process."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mediavault.store.wake import (
    MAX_SOCKET_PATH_BYTES,
    Subscribers,
    WakeSockets,
    make_private,
    wake_folder,
)
from tests.patience import patient

PATIENCE_S = 10.0


class WakeCounter:
    """A callback that counts wake-ups."""

    def __init__(self) -> None:
        self.heard = asyncio.Event()
        self.times = 0

    def __call__(self) -> None:
        self.times += 1
        self.heard.set()

    async def wait(self) -> None:
        async with asyncio.timeout(patient(PATIENCE_S)):
            await self.heard.wait()


def never() -> None:
    raise AssertionError("it woke itself")


def no_stop(job_id: str) -> None:
    raise AssertionError(f"nobody asked {job_id!r} to stop")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "w"


@pytest.fixture
def ringer(folder: Path) -> Iterator[WakeSockets]:
    sockets = WakeSockets(folder, never, no_stop)
    yield sockets
    sockets.close()


async def test_every_listener_hears_a_ring_and_the_ringer_does_not(
    folder: Path, ringer: WakeSockets
) -> None:
    counters = [WakeCounter(), WakeCounter()]
    listeners = [WakeSockets(folder, counter, no_stop) for counter in counters]
    for sockets in (*listeners, ringer):
        sockets.listen()

    ringer.ring()
    for counter in counters:
        await counter.wait()

    assert [counter.times for counter in counters] == [1, 1]
    for sockets in listeners:
        sockets.close()


async def test_rings_that_come_together_are_heard_once(folder: Path, ringer: WakeSockets) -> None:
    counter = WakeCounter()
    listener = WakeSockets(folder, counter, no_stop)
    listener.listen()

    for _ in range(5):
        ringer.ring()
    await counter.wait()

    assert counter.times == 1
    listener.close()


async def test_stop_requests_reach_the_others_one_by_one_and_wake_no_one(
    folder: Path, ringer: WakeSockets
) -> None:
    """An id that is too long is cut; it is then an unknown id, which is ignored."""
    heard: list[str] = []
    listener = WakeSockets(folder, never, heard.append)
    listener.listen()
    stops = ["job-1", "job-2", "job-1", "x" * 300]
    ringer.ring(stops)
    async with asyncio.timeout(patient(PATIENCE_S)):
        while len(heard) < 3:
            await asyncio.sleep(0)

    assert heard == ["job-1", "job-2", "x" * 200]
    listener.close()


async def test_a_full_mailbox_does_not_block_the_ringer(folder: Path, ringer: WakeSockets) -> None:
    counter = WakeCounter()
    listener = WakeSockets(folder, counter, no_stop)
    listener.listen()

    for _ in range(2_000):  # net.unix.max_dgram_qlen is 512 at most by default
        ringer.ring()
    await counter.wait()

    assert counter.times >= 1
    listener.close()


async def test_the_socket_of_a_dead_process_is_removed(folder: Path, ringer: WakeSockets) -> None:
    make_private(folder)
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    dead.bind(str(folder / "dead.sock"))
    dead.close()
    counter = WakeCounter()
    listener = WakeSockets(folder, counter, no_stop)
    listener.listen()

    ringer.ring()
    await counter.wait()

    assert not (folder / "dead.sock").exists()
    listener.close()


async def test_a_listener_that_has_stopped_leaves_nothing_behind(
    folder: Path, ringer: WakeSockets
) -> None:
    listener = WakeSockets(folder, never, no_stop)
    listener.listen()
    listener.stop_listening()
    listener.stop_listening()
    ringer.ring()

    assert list(folder.iterdir()) == []


def test_a_ring_without_listeners_has_no_effect(ringer: WakeSockets) -> None:
    ringer.ring()


async def test_without_a_usable_folder_there_are_no_wake_ups_but_no_error_either(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    listener = WakeSockets(tmp_path / "file", never, no_stop)
    listener.listen()
    listener.ring()
    listener.close()


async def test_a_folder_that_others_may_enter_is_not_used(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o755)
    listener = WakeSockets(folder, never, no_stop)
    listener.listen()

    assert list(folder.iterdir()) == []
    listener.close()


def test_the_folder_is_made_private(folder: Path) -> None:
    make_private(folder)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_symbolic_link_is_not_accepted_as_the_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(PermissionError):
        make_private(folder)


def test_the_folder_is_next_to_the_database() -> None:
    assert wake_folder(Path("/state/mediavault.db")) == Path("/state/mediavault.db-wake")


@pytest.mark.parametrize("length", [60, 78, 79, 80, 81, 82, 83, 84, 200])
def test_the_path_of_a_socket_always_fits(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/tmp")
    database = Path("/" + "s" * (length - 4) + ".db")
    name = WakeSockets(wake_folder(database), never, no_stop)._name

    assert len(os.fsencode(wake_folder(database) / name)) <= MAX_SOCKET_PATH_BYTES


def test_long_paths_have_a_folder_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/tmp")
    folders = {wake_folder(Path("/" + "s" * 120) / name) for name in ("a.db", "b.db")}

    assert len(folders) == 2
    assert {folder.parent for folder in folders} == {Path("/tmp")}


async def test_a_callback_that_raises_does_not_silence_the_others() -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda loop, context: complaints.append(context["exception"])
    )
    subscribers, counter = Subscribers[[]](), WakeCounter()
    subscribers.add(never)
    subscribers.add(counter)

    subscribers.notify()
    await counter.wait()

    assert len(complaints) == 1
