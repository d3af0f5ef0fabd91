"""Whether a saved file plays: the verdict of the probe that also examines downloads,
for files of the library.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mediavault.core.media import DecodedPart, ProbeReport, Problem, ProblemKind, SavedFile
from mediavault.core.messages import join

PathOf = Callable[[str], Awaitable[Path | None]]


class FileProbe(Protocol):
    """What checks need of the probe: see ``media/probe.py``."""

    async def check_unknown(self, path: Path) -> ProbeReport: ...
    async def decode_rest(self, path: Path, *, start: int) -> DecodedPart: ...


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found in a saved file.

    ``problems`` say why it does not play whole, ``remarks`` are worth knowing of one that does.
    ``next`` is the video packet at which the rest of its pictures begins; None when nothing is left
    to decode.
    """

    problems: Sequence[Problem] = ()
    remarks: Sequence[Problem] = ()
    next: int | None = None

    @property
    def detail(self) -> str:
        """The problems in words; of a file without any the remarks."""
        return in_words(self.problems or self.remarks)


@dataclass(frozen=True, slots=True)
class FileExaminer:
    """Examines files of the library. ``path_of`` returns the path of a saved file on this machine;
    None when it is missing.

    A problem counts only if it is found twice: the first time, the process that decodes may have
    been killed.
    """

    probe: FileProbe
    path_of: PathOf

    async def examine(self, saved: SavedFile) -> Examined | None:
        """Read all packets, and decode all sound and every key frame; of a short film every
        picture. None when it is missing.

        Raises StorageFailure.
        """
        path = await self.path_of(saved.output_path)
        if path is None:
            return None
        examined = await self._examine(saved, path)
        return await self._examine(saved, path) if examined.problems else examined

    async def decode(self, saved: SavedFile, start: int) -> Examined | None:
        """Decode the pictures from this video packet on, for some seconds. None when the file is
        missing.

        Raises StorageFailure.
        """
        path = await self.path_of(saved.output_path)
        if path is None:
            return None
        part = await self.probe.decode_rest(path, start=start)
        if part.problems:
            part = await self.probe.decode_rest(path, start=start)
        return Examined(tuple(damage_in(part.problems)), next=part.next)

    async def _examine(self, saved: SavedFile, path: Path) -> Examined:
        report = await self.probe.check_unknown(path)
        is_done = report.decoded_whole or saved.is_sound or saved.is_picture
        damage = tuple(damage_in(report.problems))
        remarks = tuple(problem for problem in report.problems if problem not in damage)
        return Examined(damage, remarks, None if is_done else 0)


def damage_in(problems: Iterable[Problem]) -> Iterable[Problem]:
    """Yield the problems for which a file does not play whole: a length is a question,
    which its user has answered.
    """
    return (problem for problem in problems if problem.kind is not ProblemKind.DOUBTFUL)


def in_words(problems: Iterable[Problem]) -> str:
    """Return the problems' reasons as one text, which can be translated; "" without any."""
    reasons = [problem.reason for problem in problems]
    return join("; ", reasons) if reasons else ""
