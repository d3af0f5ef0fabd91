"""What a zip that is streamed needs: a sink for zipfile, its entries and files,
and names that every file system takes.
"""

from __future__ import annotations

import zipfile
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from pathlib import PurePosixPath

from mediavault.core.names import reserved_name, safe_text, truncate_bytes
from mediavault.library.port import OpenedFile

MAX_PART_BYTES = 200  # of each part of a name, with room for a number
FIRST_YEAR, LAST_YEAR = 1980, 2107  # the range of a zip's timestamps
_MODE = 0o644 << 16


def zip_entry(name: str, size: int, at: datetime) -> zipfile.ZipInfo:
    """Return the head of a stored file of ``size`` bytes,
    by which zipfile knows whether the entry needs ZIP64.
    """
    at = at.astimezone(UTC)
    year = min(max(at.year, FIRST_YEAR), LAST_YEAR)
    info = zipfile.ZipInfo(name, (year, at.month, at.day, at.hour, at.minute, at.second))
    info.external_attr = _MODE
    info.file_size = size
    return info


class Names:
    """Names inside one archive: each part is safe on every file system,
    and no two differ only in case.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def free(self, path: str) -> str:
        parts = [
            _safe_part(part) for part in PurePosixPath(path).parts if part not in ("/", "..", ".")
        ]
        folder, name = "/".join(parts[:-1]), parts[-1] if parts else "file"
        stem, suffix = _split(name)
        number = 1
        while True:
            numbered = name if number == 1 else f"{stem} ({number}){suffix}"
            whole = f"{folder}/{numbered}" if folder else numbered
            if whole.casefold() not in self._taken:
                self._taken.add(whole.casefold())
                return whole
            number += 1


def _safe_part(part: str) -> str:
    """Remove trailing spaces and dots, which Windows drops,
    and avoid the device names that it reserves.
    """
    stem, suffix = _split(safe_text(part))
    name = (truncate_bytes(stem, MAX_PART_BYTES) + suffix).strip(" .")
    return (f"_{name}" if reserved_name(stem.rstrip(" .") + suffix) else name) or "file"


def _split(name: str) -> tuple[str, str]:
    """Split off the suffix. ``.info.json`` counts as one;
    anything longer than 12 characters is not a suffix.
    """
    for suffix in (".info.json", PurePosixPath(name).suffix):
        if suffix and name.endswith(suffix) and len(suffix) <= 12:
            return name.removesuffix(suffix), suffix
    return name, ""


class ZipSink:
    """The file that zipfile writes into. It can't seek, and discards the bytes that were taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def taken(self) -> bytes:
        """Return the bytes written since the last call."""
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        return data


async def write_file(
    archive: zipfile.ZipFile,
    sink: ZipSink,
    info: zipfile.ZipInfo,
    file: OpenedFile,
    *,
    on_chunk: Callable[[bytes], object] = lambda _: None,
) -> AsyncGenerator[bytes, None]:
    """Write one file into the archive, and yield the archive's bytes. Raises EOFError when the file
    has become shorter.

    The entry is closed in any case, so that the next one can follow.
    """
    size, done = info.file_size, 0
    with archive.open(info, "w") as entry:
        async for chunk in file.chunks(0, size):
            entry.write(chunk)
            on_chunk(chunk)
            done += len(chunk)
            yield sink.taken()
    yield sink.taken()
    if done < size:
        raise EOFError
