"""Makes a player's additions to the video, when one is first requested, and caches it in the state
folder.

A helper (``extras_child``) reads the file under limits. What one video needs is made once at a
time, and for one video after the other: playing must not wait for a disk or a processor that is
busy with previews.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mediavault.core.failures import StorageFailure
from mediavault.core.logs import get_logger
from mediavault.core.media import LANGUAGE_TAG, PreviewSheet, SavedFile, TextTracks
from mediavault.core.typed_records import from_json, refuse_mistyped
from mediavault.sandbox.process import ChildFailed, ChildLimits
from mediavault.sandbox.standing import ChildPool

WALL_S = 120.0
CPU_S = 40  # measured: 2 to 5 s for a sheet, 3 s for the subtitles of 2 GiB
MAX_SHEET_BYTES = 4 << 20
FRAMES = "frame-"  # the kind of the pictures of candidates
MAX_CACHE_BYTES = 256 << 20  # about 1,000 sheets
MAX_WAITING = 8
MAX_FAILED = 1_000  # that are remembered
MAX_BESIDE = 40  # subtitle files of one video

PathOf = Callable[[str], Awaitable[Path | None]]
_BESIDE = ".vtt"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SubtitleFile:
    """A WebVTT file in the library that has the video's name and a language:
    ``film.en.vtt`` next to ``film.mp4``.
    """

    language: str
    path: str  # relative to the library, as SavedFile's


def extras_folder(state_dir: Path) -> Path:
    """Return the folder of the cache on this machine."""
    return state_dir / "player"


def forget_extras(folder: Path, job_id: str, *, kind: str = "") -> None:
    """Remove what the cache in ``folder`` has of a job, of one ``kind`` or all. A failure is
    ignored: the cache's bound removes it later.
    """
    for path in folder.glob(f"{job_id}.{kind}*"):
        with contextlib.suppress(OSError):
            path.unlink()


class PlayerExtras:
    """The chapters, subtitles and previews of saved videos.

    ``path_of`` returns the path of a saved file on this machine, or None when it is missing.
    Without it, where reading would fetch the whole file from a bucket, there are none.
    """

    def __init__(self, helpers: ChildPool, folder: Path, path_of: PathOf | None) -> None:
        self._helpers, self._folder, self._path_of = helpers, folder, path_of
        self._cache = ExtrasCache(folder)
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0
        self._running: dict[str, asyncio.Task[Mapping[str, Any] | None]] = {}
        # until the process ends: a helper may have failed for want of memory
        self._failed: dict[str, None] = {}

    async def tracks(self, job_id: str, place: int, saved: SavedFile) -> TextTracks:
        """Return the chapters and subtitles inside the file of a job's item;
        empty when it cannot be read.
        """
        answer = await self._answer("tracks", _key(job_id, place, saved), saved)
        return (
            TextTracks() if answer is None else _read(TextTracks, answer["tracks"]) or TextTracks()
        )

    async def beside(self, saved: SavedFile) -> Sequence[SubtitleFile]:
        """Return the subtitle files next to the video, by name."""
        path = await self._path(saved)
        return (
            []
            if path is None
            else await asyncio.to_thread(_beside, path, PurePosixPath(saved.output_path).parent)
        )

    async def preview(self, job_id: str, place: int, saved: SavedFile) -> PreviewSheet | None:
        """Return how the sheet of pictures for the seek bar is divided;
        None when none can be made.
        """
        answer = await self._answer("preview", _key(job_id, place, saved), saved)
        return None if answer is None else _read(PreviewSheet, answer["sheet"])

    async def preview_picture(self, job_id: str, place: int, saved: SavedFile) -> bytes | None:
        """Return the sheet, a JPEG; None while it has not been made."""
        return await asyncio.to_thread(self._cache.picture, _key(job_id, place, saved))

    async def forget(self, job_id: str) -> None:
        """Remove what was cached for a job."""
        await asyncio.to_thread(forget_extras, self._folder, job_id)

    async def aclose(self) -> None:
        """Cancel what is being made."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _answer(self, task: str, key: str, saved: SavedFile) -> Mapping[str, Any] | None:
        """Return the helper's answer, cached or made now.
        It is made to the end also when the one who asked leaves.
        """
        name = f"{key}.{task}"
        running = self._running.get(name)
        if running is None:
            running = asyncio.create_task(
                self._find_or_make(task, key, saved), name=f"player extras {name}"
            )
            self._running[name] = running
            running.add_done_callback(lambda _: self._running.pop(name, None))
        await asyncio.wait([running])
        return None if running.cancelled() else running.result()

    async def _find_or_make(
        self, task: str, key: str, saved: SavedFile
    ) -> Mapping[str, Any] | None:
        name = f"{key}.{task}"
        known = await asyncio.to_thread(self._cache.answer, name)
        if known is not None and (not known.get("sheet") or await self._has_picture(key)):
            return known
        if self._path_of is None or name in self._failed or self._waiting >= MAX_WAITING:
            return None
        self._waiting += 1
        try:
            async with self._turn:
                return await self._make(task, key, name, saved)
        finally:
            self._waiting -= 1

    async def _has_picture(self, key: str) -> bool:
        return await asyncio.to_thread(self._cache.picture, key) is not None

    async def _make(
        self, task: str, key: str, name: str, saved: SavedFile
    ) -> Mapping[str, Any] | None:
        path = await self._path(saved)
        if path is None:
            return None
        try:
            answer = await self._ask(task, key, path)
            await asyncio.to_thread(self._cache.keep, name, answer)
        except OSError as exc:
            log.warning("extras_not_cached", error=exc.strerror)
            return None
        except (ChildFailed, LookupError, TypeError, ValueError) as exc:
            log.info("extras_not_made", task=task, error=str(exc)[:200])
            self._failed[name] = None
            while len(self._failed) > MAX_FAILED:
                del self._failed[next(iter(self._failed))]
            return None
        return answer

    async def _ask(self, task: str, key: str, path: Path) -> Mapping[str, Any]:
        """Return the helper's answer once it is known to be one.
        What it wrote is in the cache then.
        """
        limits = ChildLimits(wall_s=WALL_S, cpu_s=CPU_S, file_bytes=MAX_SHEET_BYTES)
        request: dict[str, Any] = {"task": task, "path": str(path)}
        if task == "tracks":
            answer = await self._helpers.ask(lambda: request, limits=limits)
            _must_be(TextTracks, answer["tracks"])
            return {"tracks": answer["tracks"]}
        draft = await asyncio.to_thread(self._cache.draft, key)
        try:
            answer = await self._helpers.ask(lambda: request | {"into": str(draft)}, limits=limits)
            if answer["sheet"] is not None:
                _must_be(PreviewSheet, answer["sheet"])
                await asyncio.to_thread(self._cache.keep_picture, key, draft)
            return {"sheet": answer["sheet"]}
        finally:
            await asyncio.to_thread(draft.unlink, missing_ok=True)

    async def _path(self, saved: SavedFile) -> Path | None:
        try:
            return None if self._path_of is None else await self._path_of(saved.output_path)
        except StorageFailure:
            return None


def _key(job_id: str, place: int, saved: SavedFile) -> str:
    """Return the name of a video's files in the cache. It changes with the file;
    the hash may be an untrusted text.
    """
    content = hashlib.sha256(
        f"{saved.sha256} {saved.output_path}".encode("utf-8", "replace")
    ).hexdigest()
    return f"{job_id}.{place}.{content[:16]}"


def _must_be(kind: Any, raw: Any) -> None:
    """Raise LookupError, TypeError or ValueError for a value that is not this record."""
    refuse_mistyped(from_json(kind, raw))


def _read(kind: Any, raw: Any) -> Any:
    return None if raw is None else from_json(kind, raw)


def _beside(video: Path, folder: PurePosixPath) -> Sequence[SubtitleFile]:
    found = []
    with contextlib.suppress(OSError), os.scandir(video.parent) as entries:
        for entry in entries:
            if entry.name.startswith(f"{video.stem}.") and entry.name.endswith(_BESIDE):
                language = entry.name[len(video.stem) + 1 : -len(_BESIDE)]
                if LANGUAGE_TAG.fullmatch(language) and entry.is_file(follow_symlinks=False):
                    found.append(SubtitleFile(language, str(folder / entry.name)))
    return sorted(found, key=lambda file: file.path)[:MAX_BESIDE]


class ExtrasCache:
    """Answers as JSON, and pictures, in one folder; the ones that were used longest ago are
    removed.

    Not made durable: whatever is lost is made again. All methods block.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def answer(self, name: str) -> Mapping[str, Any] | None:
        path = self._folder / f"{name}.json"
        try:
            answer = json.loads(path.read_bytes())
            os.utime(path)
        except (OSError, ValueError):
            return None
        return answer if isinstance(answer, dict) else None

    def picture(self, key: str) -> bytes | None:
        path = self._folder / f"{key}.jpg"
        try:
            os.utime(path)
            return path.read_bytes()
        except OSError:
            return None

    def draft(self, key: str) -> Path:
        """Return where a picture is written before it is kept."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / f"{key}.{os.getpid()}.part"

    def keep_picture(self, key: str, draft: Path) -> None:
        draft.replace(self._folder / f"{key}.jpg")
        self._shrink()

    def keep(self, name: str, answer: Mapping[str, Any]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f"{name}.{os.getpid()}.part"
        draft.write_text(json.dumps(answer), encoding="ascii")
        draft.replace(self._folder / f"{name}.json")
        self._shrink()

    def _shrink(self) -> None:
        files = [(status.st_mtime, status.st_size, path) for path, status in _files(self._folder)]
        size = sum(bytes_ for _, bytes_, _ in files)
        for _, bytes_, path in sorted(files):
            if size <= MAX_CACHE_BYTES:
                return
            path.unlink(missing_ok=True)
            size -= bytes_


def _files(folder: Path) -> Sequence[tuple[Path, os.stat_result]]:
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                found.append((Path(entry.path), entry.stat()))
    return found
