"""A file system in memory that keeps only synced data through a power cut; chance decides about the
rest.

``python -m tests.faults.lossy_disk MOUNT_POINT SEED CUT_AFTER REMAINS`` serves it until it is
unmounted. After CUT_AFTER changes the power is cut: every call fails with EIO, and REMAINS gets
what a disk would contain at the next start. A file's bytes are safe after its own fsync, its name
after that of its folder: no file system promises more, and many keep more.
"""

from __future__ import annotations

import errno
import random
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import mfusepy


@dataclass(slots=True, eq=False)
class Node:
    """A file or a folder, as programs see it and as it is on the disk."""

    is_folder: bool
    body: bytearray = field(default_factory=bytearray)
    names: dict[str, Node] = field(default_factory=dict)
    synced_body: bytes = b""
    synced_names: dict[str, Node] = field(default_factory=dict)

    def sync(self) -> None:
        self.synced_body, self.synced_names = bytes(self.body), dict(self.names)


class LossyDisk(mfusepy.Operations):  # type: ignore[misc]
    use_ns = True

    def __init__(self, seed: int, cut_after: int, remains: Path) -> None:
        self._root = Node(is_folder=True)
        self._chance = random.Random(seed)
        self._left = cut_after
        self._remains = remains
        self._is_cut = False

    # --- calls that change data -------------------------------------------------------------------

    def create(self, path: str, mode: int, fi: object = None) -> int:
        return self._add(path, Node(is_folder=False))

    def mkdir(self, path: str, mode: int) -> int:
        return self._add(path, Node(is_folder=True))

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        self._change()
        body = self._node(path).body
        body.extend(b"\0" * (offset - len(body)))
        body[offset : offset + len(data)] = data
        return len(data)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        self._change()
        body = self._node(path).body
        del body[length:]
        body.extend(b"\0" * (length - len(body)))
        return 0

    def rename(self, old: str, new: str) -> int:
        self._change()
        node = self._parent(old).names.pop(PurePosixPath(old).name)
        self._parent(new).names[PurePosixPath(new).name] = node
        return 0

    def unlink(self, path: str) -> int:
        self._change()
        del self._parent(path).names[PurePosixPath(path).name]
        return 0

    rmdir = unlink

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self._change()
        self._node(path).sync()
        return 0

    fsyncdir = fsync

    # --- calls that read --------------------------------------------------------------------------

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        node = self._node(path)
        mode = stat.S_IFDIR | 0o755 if node.is_folder else stat.S_IFREG | 0o644
        now = time.time_ns()
        return {
            "st_mode": mode,
            "st_nlink": 1,
            "st_size": len(node.body),
            "st_mtime": now,
            "st_atime": now,
        }

    def readdir(self, path: str, fh: int) -> Iterator[str]:
        yield from (".", "..", *self._node(path).names)

    def open(self, path: str, flags: int) -> int:
        self._node(path)
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return bytes(self._node(path).body[offset : offset + size])

    def statfs(self, path: str) -> dict[str, int]:
        return {
            "f_bsize": 4096,
            "f_frsize": 4096,
            "f_blocks": 1 << 20,
            "f_bfree": 1 << 20,
            "f_bavail": 1 << 20,
        }

    def chmod(self, path: str, mode: int) -> int:
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        return 0

    # --- inside -----------------------------------------------------------------------------------

    def _change(self) -> None:
        self._left -= 1
        if self._left <= 0 and not self._is_cut:
            self.cut()
        if self._is_cut:
            raise mfusepy.FuseOSError(errno.EIO)

    def cut(self) -> None:
        """Write out what the disk contains afterwards; from now on every call fails."""
        self._is_cut = True
        draft = self._remains.with_name("draft")
        self._write(self._root, draft)
        draft.rename(self._remains)

    def _write(self, node: Node, into: Path) -> None:
        if not node.is_folder:
            into.write_bytes(self._chance.choice((node.synced_body, bytes(node.body))))
            return
        into.mkdir()
        for name in sorted(node.names.keys() | node.synced_names.keys()):
            surviving = self._chance.choice((node.names, node.synced_names)).get(name)
            if surviving is not None:
                self._write(surviving, into / name)

    def _node(self, path: str) -> Node:
        if self._is_cut:
            raise mfusepy.FuseOSError(errno.EIO)
        node = self._root
        for part in PurePosixPath(path).parts[1:]:
            if part not in node.names:
                raise mfusepy.FuseOSError(errno.ENOENT)
            node = node.names[part]
        return node

    def _parent(self, path: str) -> Node:
        return self._node(str(PurePosixPath(path).parent))

    def _add(self, path: str, node: Node) -> int:
        self._change()
        self._parent(path).names[PurePosixPath(path).name] = node
        return 0


def main(mount_point: str, seed: str, cut_after: str, remains: str) -> None:
    disk = LossyDisk(int(seed), int(cut_after), Path(remains))
    mfusepy.FUSE(disk, mount_point, foreground=True, nothreads=True)
    if not Path(remains).exists():  # everything was done before
        disk.cut()


if __name__ == "__main__":
    main(*sys.argv[1:])
