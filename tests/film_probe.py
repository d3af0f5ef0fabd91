"""A stand-in for the probe, for tests of what examines saved files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mediavault.core.media import DecodedPart, ProbeReport, Problem, ProblemKind
from mediavault.library.local_library import LocalLibrary
from mediavault.maintenance.examining import FileExaminer
from tests.fakes import FakeClock

PART = 100  # packets
BAD = Problem(ProblemKind.DAMAGED, "3 of its pictures do not decode near 2:10")
SHORT = Problem(ProblemKind.DOUBTFUL, "it lasts 60 s, and the sound 40 s")


@dataclass
class FilmProbe:
    """A probe for films of ``packets`` video packets,
    each with the problems that a test puts at some of them.
    """

    clock: FakeClock
    packets: int = 300
    # by the file's name and the packet
    bad: dict[str, dict[int, Problem]] = field(default_factory=dict)
    unreadable: dict[str, Problem] = field(default_factory=dict)
    calls: list[tuple[str, int | None]] = field(default_factory=list)
    killed: int = 0  # so many calls end like those of a process that was killed

    async def check_unknown(self, path: Path) -> ProbeReport:
        self.calls.append((path.name, None))
        self.clock.advance(2)
        problem = self.unreadable.get(path.name) or self._failure()
        whole = self.packets == 0
        return ProbeReport(
            "mp4",
            "h264",
            "aac",
            4.0,
            320,
            180,
            problems=(problem,) if problem else (),
            decoded_whole=whole,
        )

    async def decode_rest(self, path: Path, *, start: int) -> DecodedPart:
        self.calls.append((path.name, start))
        self.clock.advance(5)
        found = [
            problem
            for at, problem in self.bad.get(path.name, {}).items()
            if start <= at < start + PART
        ]
        failure = self._failure()
        end = start + PART
        return DecodedPart(
            (*found, *([failure] if failure else ())), end if end < self.packets else None
        )

    def _failure(self) -> Problem | None:
        self.killed -= 1
        return (
            Problem(ProblemKind.DAMAGED, "it could not be examined: killed")
            if self.killed >= 0
            else None
        )


def film_examiner(root: Path, unreadable: dict[str, Problem] | None = None) -> FileExaminer:
    """Return an examiner of the library at ``root``; ``unreadable`` is by the files' names."""
    library = LocalLibrary(root)

    async def path_of(path: str) -> Path | None:
        return await library.local_path(path, into=root)

    return FileExaminer(FilmProbe(FakeClock(), unreadable=unreadable or {}), path_of)
