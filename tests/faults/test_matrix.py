"""Tests of the matrix itself: the tests that it names exist,
and a row without a test or a reason is reported.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.matrix import ELSEWHERE, Table

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("row", [row for row, (_, where) in ELSEWHERE.items() if "::" in where])
def test_a_test_that_a_row_names_exists(row: str) -> None:
    file, _, name = ELSEWHERE[row][1].partition("::")

    assert f"def {name}(" in (TESTS / file).read_text()


def test_a_row_without_a_test_or_a_reason_is_reported() -> None:
    table = Table()
    table.expect("a test", "F07", "ENOSPC", by="tmpfs")
    known = len(ELSEWHERE)

    assert len(table.unmarked()) == 58 - known - 1
    assert "F07" not in table.unmarked()
    assert any(line.startswith(f"{table.unmarked()[0]}   MISSING") for line in table.lines())


def test_a_row_whose_only_test_is_a_long_one_is_not_missing_when_long_tests_are_left_out() -> None:
    table = Table()
    table.leave_out("F07", "ENOSPC", "tmpfs")

    assert "F07" not in table.unmarked()
    assert any(line.startswith("F07   long ") for line in table.lines())


def test_a_test_that_failed_in_any_phase_is_reported() -> None:
    table = Table()
    table.expect("a test", "F07", "ENOSPC", by="tmpfs")
    table.record("a test", "passed", "setup", 1.0)
    table.record("a test", "passed", "call", 2.0)
    table.record("a test", "failed", "teardown", 0.5)

    assert any("1 FAILED" in line and "3.5" in line for line in table.lines())
