"""Writes one file in a separate thread, so that a slow disk never blocks the event loop, and
records its progress.

Bytes wait in a bounded queue: with a slow disk the network is held back, not buffered. ``position``
counts the accepted bytes; ``on_durable`` is called in the writer's thread with the number of bytes
that have reached the disk. Everything is written in order and space is reserved behind the file's
end, so its length says how much of it can be read.

The progress file next to a partial file says what it is a part of and how much of it has reached
the disk. It is written after those bytes were synced, by an atomic rename, so it never claims too
much.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import hashlib
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

from mediavault.core.clock import Clock
from mediavault.core.failures import Failure, NoSpace, StorageFailure
from mediavault.core.messages import Message
from mediavault.core.system_errors import NO_SPACE, failure_of_disk
from mediavault.download.resume import Saved

MB = 1e6


def check_space(needed: int, folder: Path, reserve_bytes: int) -> None:
    """Raise NoSpace unless ``needed`` more bytes fit on the disk of ``folder``;
    0 where that is not known.
    """
    free = shutil.disk_usage(folder).free
    if free - reserve_bytes >= needed:
        return
    if not needed:
        raise NoSpace(
            Message(
                "The disk is full: %(free).0f MB are free, of which %(reserve).0f MB are kept free"
                " (MEDIAVAULT_RESERVE_MB).",
                free=free / MB,
                reserve=reserve_bytes / MB,
            )
        )
    raise NoSpace(
        Message(
            "The video needs %(needed).0f MB. %(free).0f MB are free, of which %(reserve).0f MB are"
            " kept free"
            " (MEDIAVAULT_RESERVE_MB).",
            needed=max(1.0, needed / MB),
            free=free / MB,
            reserve=reserve_bytes / MB,
        )
    )


QUEUE_BYTES = 8 << 20
BATCH_BYTES = 1 << 20  # written by one call
BATCH_PIECES = 512  # half of Linux's IOV_MAX
SYNC_BYTES, SYNC_S = 64 << 20, 5.0
_KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE

T = TypeVar("T")


@asynccontextmanager
async def open_writer(
    path: Path,
    *,
    keep: int,
    reserve_bytes: int,
    clock: Clock,
    on_durable: Callable[[int], None] | None = None,
) -> AsyncIterator[FileWriter]:
    """Open a writer on ``path`` that continues after its first ``keep`` bytes; the rest of the file
    is cut off.

    At the end everything written is on the disk, even when the body raised. Raises NoSpace and
    StorageFailure.
    """
    writer = FileWriter(path, reserve_bytes, clock, on_durable)
    failed = True
    try:
        await writer.start(keep)
        yield writer
        failed = False
    finally:
        await writer.close(quietly=failed)


class FileWriter:
    """Made by :func:`open_writer`. Every method may raise an earlier failure of the thread:
    NoSpace, StorageFailure.
    """

    def __init__(
        self, path: Path, reserve_bytes: int, clock: Clock, on_durable: Callable[[int], None] | None
    ) -> None:
        self.position = 0
        self._path, self._reserve, self._clock, self._on_durable = (
            path,
            reserve_bytes,
            clock,
            on_durable,
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._fd = -1
        self._batch: list[bytes] = []
        self._batch_bytes = self._queued = 0
        self._moved = asyncio.Event()
        self._failed: Failure | None = None
        # the rest is used by the thread only
        self._unsynced, self._synced_at = 0, clock.monotonic()
        self._hash, self._hashed = hashlib.sha256(), 0  # of the first _hashed bytes

    async def start(self, keep: int) -> None:
        await self._do(lambda: self._open(keep))
        self.position = keep

    async def write(self, data: bytes) -> None:
        """Accept ``data``; waits while more than QUEUE_BYTES are pending."""
        self._check()
        self._batch.append(data)
        self._batch_bytes += len(data)
        self.position += len(data)
        if self._batch_bytes >= BATCH_BYTES or len(self._batch) >= BATCH_PIECES:
            self._send_batch()
        while self._queued > QUEUE_BYTES:
            self._moved.clear()
            await self._moved.wait()
            self._check()

    async def reserve(self, total: int) -> None:
        """Reserve disk space up to ``total`` bytes. Raises NoSpace."""
        await self._do(lambda: self._allocate(self.position, total))

    async def rewind(self, at: int) -> None:
        """Cut the file off at ``at``. When this returns, no earlier write is pending."""
        self._send_batch()
        await self._do(lambda: self._truncate(at))
        self.position = at

    async def read_back(self, start: int, count: int) -> bytes:
        """Return bytes that were written before; fewer at the end of the file."""
        self._send_batch()
        return await self._do(lambda: os.pread(self._fd, count, start))

    async def written(self) -> str:
        """Return what is known of everything written.

        It is found as bytes are written; where the writing began in the middle or was rewound, they
        are read again.
        """
        self._send_batch()
        return await self._do(lambda: self._sum_up(self.position))

    async def sync(self) -> None:
        """Return when everything accepted has reached the disk."""
        self._send_batch()
        await self._do(lambda: self._sync(self.position))

    async def close(self, *, quietly: bool) -> None:
        """Write and sync the rest. ``quietly``: another failure is being raised and must not be
        replaced.
        """
        try:
            if self._fd >= 0 and self._failed is None:
                self._send_batch()
                await self._do(lambda: self._sync(self.position))
        except Failure:
            if not quietly:
                raise
        finally:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
            self._thread.shutdown(wait=False)

    # --- in the event loop ------------------------------------------------------------------------

    def _send_batch(self) -> None:
        if not self._batch:
            return
        pieces, count, offset = self._batch, self._batch_bytes, self.position - self._batch_bytes
        self._batch, self._batch_bytes = [], 0
        self._queued += count
        job = asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: self._append(pieces, offset, count)
        )
        job.add_done_callback(lambda done: self._written(done, count))

    def _written(self, job: asyncio.Future[None], count: int) -> None:
        self._queued -= count
        self._moved.set()
        if not job.cancelled() and (exc := job.exception()) is not None:
            self._failed = self._failed or _translate_error(exc, self._path.parent)

    async def _do(self, work: Callable[[], T]) -> T:
        self._check()
        try:
            result = await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (OSError, Failure) as exc:
            self._failed = self._failed or _translate_error(exc, self._path.parent)
            raise self._failed from exc
        self._check()
        return result

    def _check(self) -> None:
        if self._failed is not None:
            raise self._failed

    # --- in the writer's thread -------------------------------------------------------------------

    def _open(self, keep: int) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
        self._fd = os.open(self._path, flags, 0o666)
        os.ftruncate(self._fd, keep)

    def _append(self, pieces: list[bytes], offset: int, count: int) -> None:
        if self._failed is not None:
            return
        _write_all(self._fd, pieces, offset)
        if self._hashed == offset:
            for piece in pieces:
                self._note(piece)
        self._unsynced += count
        if self._unsynced >= SYNC_BYTES or self._clock.monotonic() - self._synced_at >= SYNC_S:
            check_space(0, self._path.parent, self._reserve)
            self._sync(offset + count)

    def _sync(self, durable: int) -> None:
        os.fdatasync(self._fd)
        self._unsynced, self._synced_at = 0, self._clock.monotonic()
        if self._on_durable is not None:
            self._on_durable(durable)

    def _note(self, piece: bytes) -> None:
        self._hash.update(piece)
        self._hashed += len(piece)

    def _sum_up(self, size: int) -> str:
        while self._hashed < size:
            piece = os.pread(self._fd, min(BATCH_BYTES, size - self._hashed), self._hashed)
            if not piece:
                raise OSError(errno.EIO, "the file is shorter than what was written")
            self._note(piece)
        return self._hash.hexdigest()

    def _truncate(self, at: int) -> None:
        os.ftruncate(self._fd, at)
        if at < self._hashed:
            self._hash, self._hashed = hashlib.sha256(), 0
        if self._on_durable is not None:
            self._on_durable(at)

    def _allocate(self, start: int, total: int) -> None:
        check_space(max(0, total - start), self._path.parent, self._reserve)
        if total > start:
            _allocate(self._fd, start, total - start)

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _write_all(fd: int, pieces: Sequence[bytes], offset: int) -> None:
    views = [memoryview(piece) for piece in pieces]
    while views:
        written = os.pwritev(fd, views, offset)
        offset += written
        while views and written >= len(views[0]):
            written -= len(views.pop(0))
        if views and written:
            views[0] = views[0][written:]


def _allocate(fd: int, start: int, count: int) -> None:
    """Reserve blocks without changing the file's length, where the file system can; ENOSPC raises
    OSError.

    Not ``os.posix_fallocate``: on a network share the C library would write into every block
    instead.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    call = libc.fallocate
    call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    if call(fd, _KEEP_SIZE, start, count) != 0 and ctypes.get_errno() in NO_SPACE:
        raise OSError(ctypes.get_errno(), "no space left")


def _translate_error(exc: BaseException, folder: Path) -> Failure:
    if isinstance(exc, Failure):
        return exc
    if isinstance(exc, OSError):
        failure: Failure = failure_of_disk(exc, folder)
    else:
        failure = StorageFailure(
            Message("%(folder)s cannot be written: %(error)s.", folder=folder, error=exc)
        )
    failure.__cause__ = exc
    return failure


# --- progress of a partial file -------------------------------------------------------------------

PROGRESS_VERSION = 1


def progress_file(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def save_progress(part: Path, saved: Saved) -> None:
    """Replace the progress file of ``part``. May raise OSError."""
    replace_text(progress_file(part), json.dumps({"version": PROGRESS_VERSION, **asdict(saved)}))


def replace_text(target: Path, text: str) -> None:
    """Replace a small file by one whose text has reached the disk. May raise OSError."""
    draft = target.with_name(target.name + ".new")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fdatasync(file.fileno())
    draft.replace(target)


def load_progress(part: Path) -> Saved | None:
    """Return the progress of an earlier try; None when there is none that can be trusted."""
    try:
        size = part.stat().st_size
        raw = json.loads(progress_file(part).read_text(encoding="utf-8"))
        if raw.pop("version") != PROGRESS_VERSION:
            return None
        saved = Saved(**raw)
        if not 0 < saved.bytes <= size:
            return None
        return replace(saved, bytes=int(saved.bytes))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def discard_partial(part: Path) -> None:
    for path in (progress_file(part), part):
        path.unlink(missing_ok=True)
