"""Wake-ups (jobs may have become claimable) and stops (an attempt or a worker should stop) for the
processes of a host.

Every subscribed process binds one unix datagram socket in a shared folder. A process that makes
jobs claimable sends one byte to each; one that stops an attempt sends its job's id, one that stops
a worker the worker's. Sending never waits and nothing is stored: both are hints, and the worker's
poll and heartbeat make up for lost ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
import socket
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Generic, ParamSpec

from mediavault.core.clock import Clock
from mediavault.core.failures import StoreError
from mediavault.core.logs import get_logger

MAX_SOCKET_PATH_BYTES = 107  # sun_path has 108 bytes and ends with NUL; unix(7)
SUFFIX = ".sock"
WAKE, STOP = b"!", b"="  # how a datagram begins; an id follows a stop
LONGEST_ID_BYTES = 200  # an id has 36
_NAME_BYTES = len("/") + 16 + len(SUFFIX)

P = ParamSpec("P")

log = get_logger(__name__)


class Subscribers(Generic[P]):
    """Callbacks of this process. Used from the event loop only."""

    def __init__(self) -> None:
        self._callbacks: dict[int, Callable[P, None]] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._callbacks)

    def add(self, callback: Callable[P, None]) -> Callable[[], None]:
        """Return the unsubscriber, which may be called twice."""
        key = self._next = self._next + 1
        self._callbacks[key] = callback

        def unsubscribe() -> None:
            self._callbacks.pop(key, None)

        return unsubscribe

    def notify(self, *args: P.args, **options: P.kwargs) -> None:
        """Call each callback in its own turn of the loop,
        so that one that raises does not silence the others.
        """
        if self._callbacks:
            loop = asyncio.get_running_loop()
            for callback in list(self._callbacks.values()):
                loop.call_soon(partial(callback, *args, **options))


class WakeSockets:
    """This process's socket among those of the other processes that use the same store."""

    def __init__(
        self, folder: Path, on_wake: Callable[[], None], on_stop: Callable[[str], None]
    ) -> None:
        self.folder = folder
        self._on_wake, self._on_stop = on_wake, on_stop
        self._name = secrets.token_hex(8) + SUFFIX
        self._receiver: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sender: socket.socket | None = None

    def listen(self) -> None:
        """Start receiving in the running loop. Without a usable folder there are no wake-ups,
        only the poll.
        """
        if self._receiver is not None:
            return
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        receiver.setblocking(False)  # noqa: FBT003 - positional only
        try:
            make_private(self.folder)
            receiver.bind(str(self.folder / self._name))
        except OSError as exc:
            receiver.close()
            log.warning("no_wake_ups", folder=str(self.folder), error=str(exc))
            return
        self._receiver = receiver
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(receiver.fileno(), self._receive)

    def ring(self, stops: Sequence[str] | None = None) -> None:
        """Wake the other processes, or send them the ids of what should stop.

        From any one thread; never blocks or raises.
        """
        messages = (
            [WAKE]
            if stops is None
            else [STOP + stop_id.encode()[:LONGEST_ID_BYTES] for stop_id in stops]
        )
        try:
            names = os.listdir(self.folder)  # noqa: PTH208 - at every enqueue: half the time of iterdir
        except OSError:
            return  # no process has listened yet
        for name in names:
            if name != self._name and name.endswith(SUFFIX):
                for message in messages:
                    self._send(f"{self.folder}/{name}", message)

    def stop_listening(self) -> None:
        if self._receiver is not None and self._loop is not None:
            self._loop.remove_reader(self._receiver.fileno())
            self._receiver.close()
            (self.folder / self._name).unlink(missing_ok=True)
            self._receiver = None

    def close(self) -> None:
        """Close the sockets, once nothing is sent any more. Safe to call twice."""
        self.stop_listening()
        if self._sender is not None:
            self._sender.close()
            self._sender = None

    def _send(self, path: str, message: bytes) -> None:
        if self._sender is None:
            self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._sender.setblocking(False)  # noqa: FBT003 - positional only
        try:
            self._sender.sendto(message, path)
        except ConnectionRefusedError:
            # its process is gone; names are never used again, so no other process binds it
            with suppress(OSError):
                Path(path).unlink()
        except OSError:
            pass  # its buffer is full, or it is just closing

    def _receive(self) -> None:
        assert self._receiver is not None
        messages: dict[bytes, None] = {}  # each once, in order
        with suppress(BlockingIOError):
            while True:
                messages[self._receiver.recv(len(STOP) + LONGEST_ID_BYTES)] = None
        for message in messages:
            if message.startswith(STOP):
                self._on_stop(message.removeprefix(STOP).decode(errors="replace"))
            else:
                self._on_wake()


class Signals:
    """The wake-ups and stops of a store whose processes share a host:
    the callbacks of this process, and its socket.
    """

    def __init__(self, folder: Path) -> None:
        self._work, self._stops = Subscribers[[]](), Subscribers[[str]]()
        self.sockets = WakeSockets(folder, self._work.notify, self._stops.notify)

    def on_work(self, callback: Callable[[], None]) -> Callable[[], None]:
        return self._listen(self._work.add(callback))

    def on_stop(self, callback: Callable[[str], None]) -> Callable[[], None]:
        return self._listen(self._stops.add(callback))

    def ring(self, *, wake: bool, stops: Sequence[str]) -> None:
        """Signal the other processes. From any one thread."""
        if wake:
            self.sockets.ring()
        if stops:
            self.sockets.ring(stops)

    def notify(self, *, wake: bool, stops: Sequence[str]) -> None:
        """Signal this process. From the event loop."""
        if wake:
            self._work.notify()
        for stopped in stops:
            self._stops.notify(stopped)

    def close(self) -> None:
        """Close the sockets, once nothing is sent any more. Safe to call twice."""
        self.sockets.close()

    def _listen(self, unsubscribe: Callable[[], None]) -> Callable[[], None]:
        self.sockets.listen()

        def leave() -> None:
            unsubscribe()
            if not self._work and not self._stops:
                self.sockets.stop_listening()

        return leave


def wake_folder(database: Path) -> Path:
    """Return ``<database>-wake`` next to the database,
    or a temporary folder of this user if that path is too long.
    """
    socket_folder = database.absolute().with_name(f"{database.name}-wake")
    if len(os.fsencode(socket_folder)) + _NAME_BYTES <= MAX_SOCKET_PATH_BYTES:
        return socket_folder
    key = hashlib.sha256(os.fsencode(socket_folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"mediavault-{os.getuid()}-{key}"


def make_private(folder: Path) -> None:
    """Create the folder with mode 0700. Raises PermissionError if another user created it before,
    to listen in.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} is not private to this user")


RECONNECT_S = (1.0, 30.0)  # first wait, longest wait
CANCEL_AGAIN_S = 2.0


class ChangeListener:
    """Repeatedly runs ``until_lost``, which listens until its connection breaks."""

    def __init__(self, until_lost: Callable[[], Awaitable[None]], clock: Clock) -> None:
        self._until_lost = until_lost
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Start listening in the running loop. Safe to call twice."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="store-wake-ups")

    async def close(self) -> None:
        if self._task is not None:
            task, self._task = self._task, None
            # a driver may swallow a cancellation that coincides with a response
            while not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=CANCEL_AGAIN_S)
            with contextlib.suppress(asyncio.CancelledError):
                task.result()

    async def _run(self) -> None:
        first_s, longest_s = RECONNECT_S
        wait_s = first_s
        while True:
            began, error = self._clock.monotonic(), None
            try:
                await self._until_lost()
            except StoreError as exc:
                error = exc.message
            # A change stream ends with an error even after a week, so an error does not mean that
            # it never listened.
            if error is None or self._clock.monotonic() - began > longest_s:
                wait_s = first_s
            if error is not None:
                log.warning("wake_ups_lost", error=error, retry_in_s=wait_s)
            await self._clock.sleep(wait_s)
            wait_s = min(2 * wait_s, longest_s)
