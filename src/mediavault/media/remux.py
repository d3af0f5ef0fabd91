"""Joins media tracks into one faststart MP4, in a child process and without re-encoding.

In a child, because closing a faststart file stalls the interpreter for up to half a second per
gigabyte, and because the bytes are untrusted.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mediavault.core.failures import BadFile, Failure, Incomplete, TookTooLong
from mediavault.core.media import Chapter, Cue
from mediavault.core.messages import Message, join
from mediavault.core.system_errors import failure_of_code, is_of_the_machine
from mediavault.core.typed_records import named
from mediavault.media.join_facts import Announced, JoinFacts, reasons_to_reject
from mediavault.sandbox.process import GIB, ChildFailed, ChildLimits, ChildTookTooLong
from mediavault.sandbox.standing import ChildPool

BASE_S = 120.0
# written, then moved by the size of the table of contents: on a slow share at 15 MB/s
WALL_PER_GIB_S = 300.0
CPU_PER_GIB_S = 30.0  # measured: 2.2
CONVERTING_PER_GIB_S = 20_000.0  # a GiB has 50 hours at 48 kbit/s: ten times faster than it plays
CONVERTED_RATIO = 16  # from 12 kbit/s to the 192 of MP3
OVERHEAD_BYTES = 64 << 20  # tables of contents
SLACK_S = 1.0
SLACK = 0.02

_INVALID_DATA = 1_094_995_529  # FFmpeg's AVERROR_INVALIDDATA, "INDA"
_BROKEN = frozenset({errno.EINVAL, _INVALID_DATA})


@dataclass(frozen=True, slots=True)
class Track:
    """One track's bytes, one file per run.

    For each run, ``joints`` are the offsets at which its segments meet, ``parts`` says how many
    times the clock restarted before it (default: before each run), and ``origins_s`` is the media
    time at which its part begins to be shown (default: 0 for all tracks).
    """

    runs: tuple[Path, ...]
    joints: tuple[tuple[int, ...], ...] = ()
    parts: tuple[int, ...] = ()
    origins_s: tuple[float, ...] = ()


class Joiner:
    """Joins tracks in helper processes."""

    def __init__(self, helpers: ChildPool) -> None:
        self._helpers = helpers

    async def to_mp4(self, sources: Sequence[Path], into: Path) -> JoinFacts:
        """Join whole files, each with its own streams, into the MP4 ``into``: pictures from the
        first, sound from the last that has some. Raises as :meth:`join`.
        """
        return await self.join([Track((source,)) for source in sources], into)

    async def to_sound(
        self,
        source: Path,
        into: Path,
        *,
        tags: Mapping[str, str],
        chapters: Sequence[Chapter],
        cover: Path | None,
        codec: str | None = None,
    ) -> Path:
        """Copy a file's sound into its own file, at ``into`` and the suffix of its codec; return
        its path.

        Sound of another codec than ``codec`` is converted to it, and PCM to FLAC.
        ``tags`` are those of the file by FFmpeg's names. A chapter lasts until the next one. A
        ``cover`` that cannot be decoded is left out. Raises BadFile, NoSpace, StorageFailure,
        TookTooLong.
        """
        size = (await asyncio.to_thread(source.stat)).st_size
        request = {
            "task": "extract",
            "path": str(source),
            "into": str(into),
            "tags": dict(tags),
            "chapters": [(chapter.start_s, chapter.title) for chapter in chapters],
            "cover": str(cover) if cover is not None else None,
            "codec": codec,
        }
        try:
            answer = await self._helpers.ask(lambda: request, limits=_converting_limits(size))
            return Path(str(answer["path"]))
        except ChildFailed as exc:
            failure = _failure(exc, size, into.parent)
            if isinstance(failure, BadFile):
                failure = BadFile(
                    Message(
                        "The audio cannot be saved as its own file: %(error)s.", error=exc.reason
                    )
                )
            raise failure from exc

    async def embed(
        self,
        source: Path,
        into: Path,
        *,
        texts: Mapping[str, Sequence[Cue]],
        chapters: Sequence[Chapter],
    ) -> None:
        """Copy an MP4 or a Matroska file with these subtitles, by language,
        and chapters inside. Raises as :meth:`to_sound`.
        """
        size = (await asyncio.to_thread(source.stat)).st_size
        request = {
            "task": "embed",
            "path": str(source),
            "into": str(into),
            "texts": {
                language: [(cue.start_s, cue.end_s, cue.text) for cue in cues]
                for language, cues in texts.items()
            },
            "chapters": [(chapter.start_s, chapter.title) for chapter in chapters],
        }
        try:
            await self._helpers.ask(lambda: request, limits=_limits(size))
        except ChildFailed as exc:
            raise _failure(exc, size, into.parent) from exc

    async def join(
        self,
        tracks: Sequence[Track],
        into: Path,
        *,
        announced_s: float | None = None,
        slack_s: float | None = None,
        announced: Sequence[Announced] = (),
        sound_only: bool = False,
        recorded: bool = False,
    ) -> JoinFacts:
        """Join tracks of segments. ``announced_s`` is the film's duration by its manifest,
        ``slack_s`` by how much that may be wrong; ``announced`` is what the playlist of each track
        says.

        ``sound_only``: they need no pictures. ``recorded``: they cannot be had again, so they may
        have holes.

        Raises Incomplete when the result is not the whole film, BadFile when the tracks cannot be
        joined, NoSpace, StorageFailure, TookTooLong. ``into`` is removed then.
        """
        size = await asyncio.to_thread(_size, tracks)
        request = {
            "task": "join",
            "tracks": [_to_json(track) for track in tracks],
            "into": str(into),
        }
        whole = False
        try:
            facts = named(JoinFacts, await self._helpers.ask(lambda: request, limits=_limits(size)))
            slack_s = max(SLACK_S, SLACK * (announced_s or 0)) if slack_s is None else slack_s
            if reasons := reasons_to_reject(
                facts,
                announced_s=announced_s,
                slack_s=slack_s,
                announced=announced,
                sound_only=sound_only,
                recorded=recorded,
            ):
                raise Incomplete(
                    Message("The stream is incomplete: %(reasons)s.", reasons=join("; ", reasons)),
                    bytes_received=size,
                )
            whole = True
            return facts
        except ChildFailed as exc:
            raise _failure(exc, size, into.parent) from exc
        finally:
            if not whole:
                await asyncio.to_thread(into.unlink, missing_ok=True)


def _to_json(track: Track) -> dict[str, Any]:
    runs = [str(run) for run in track.runs]
    return {
        "runs": runs,
        "joints": track.joints,
        "parts": track.parts,
        "origins_s": track.origins_s,
    }


def _size(tracks: Sequence[Track]) -> int:
    return sum(run.stat().st_size for track in tracks for run in track.runs)


def _limits(size: int) -> ChildLimits:
    gib = size / GIB
    return ChildLimits(
        wall_s=BASE_S + WALL_PER_GIB_S * gib,
        cpu_s=int(BASE_S + CPU_PER_GIB_S * gib) + 1,
        file_bytes=size + size // 5 + OVERHEAD_BYTES,
    )


def _converting_limits(size: int) -> ChildLimits:
    """Return the limits for sound that may have to be converted,
    to a codec that needs more bytes.
    """
    limits = _limits(size)
    converting_s = CONVERTING_PER_GIB_S * size / GIB
    return replace(
        limits,
        wall_s=limits.wall_s + 2 * converting_s,
        cpu_s=limits.cpu_s + int(converting_s),
        file_bytes=limits.file_bytes + CONVERTED_RATIO * size,
    )


def _failure(exc: ChildFailed, size: int, folder: Path) -> Failure:
    if isinstance(exc, ChildTookTooLong):
        return TookTooLong(
            Message("Joining the stream was given up: %(error)s.", error=exc.reason),
            bytes_received=size,
        )
    if is_of_the_machine(exc.errno, of_a_file=True):
        return failure_of_code(exc.errno, folder, bytes_received=size)
    if exc.errno in _BROKEN:
        return Incomplete(
            Message("The stream cannot be joined, it is broken: %(error)s.", error=exc.reason),
            bytes_received=size,
        )
    return BadFile(
        Message("The stream cannot be joined: %(error)s.", error=exc.reason), bytes_received=size
    )
