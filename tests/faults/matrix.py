"""The fault matrix: every fault that the vault must survive, and what proves that it does.

A row has tests here, marked ``@pytest.mark.fault("F07", "ENOSPC at each write", by="a small tmpfs")``, or it names the
test elsewhere, or says why it does not apply. A row that has none of these fails ``make faults``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

COLUMNS = "row   outcome   seconds  fault | injected by"

# Row -> (fault, `folder/file.py::test` below tests/ that shows it, or the reason why there is none)
ELSEWHERE: dict[str, tuple[str, str]] = {}


@dataclass(slots=True)
class Entry:
    """One line: the tests that share row, fault and way of injecting it."""

    row: str
    fault: str
    by: str
    outcomes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def outcome(self) -> str:
        bad = sum(outcome != "passed" for outcome in self.outcomes)
        if not self.outcomes:
            return "not run"
        return f"{bad} FAILED" if bad else f"{len(self.outcomes)} passed"


class Table:
    """What was marked, and how it went."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str, str], Entry] = {}
        self._of_test: dict[str, list[Entry]] = {}

    def expect(self, test: str, row: str, fault: str, *, by: str) -> None:
        entry = self._entries.setdefault((row, fault, by), Entry(row, fault, by))
        self._of_test.setdefault(test, []).append(entry)

    def told(self, test: str, outcome: str, when: str, seconds: float) -> None:
        """``outcome`` of a test's phase: a phase round the test counts only when it went wrong."""
        for entry in self._of_test.get(test, ()):
            entry.seconds += seconds
            if when == "call" or outcome != "passed":
                entry.outcomes.append(outcome)

    def unmarked(self) -> list[str]:
        """Rows of which nothing is known."""
        known = {entry.row for entry in self._entries.values()} | ELSEWHERE.keys()
        return [row for row in (f"F{number:02}" for number in range(1, 57)) if row not in known]

    def lines(self) -> list[str]:
        here = [
            (entry.row, f"{entry.row:<5} {entry.outcome:<9} {entry.seconds:7.1f}  {entry.fault} | {entry.by}")
            for entry in self._entries.values()
        ]
        there = [(row, f"{row:<5} elsewhere       -  {fault} | {where}") for row, (fault, where) in ELSEWHERE.items()]
        missing = [(row, f"{row:<5} MISSING         -  no test, and no reason for none") for row in self.unmarked()]
        return [COLUMNS, *(line for _, line in sorted(here + there + missing, key=lambda pair: pair[0]))]
