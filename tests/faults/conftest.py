"""The vault of a fault test, and the table of the fault matrix at the end of a run with
``--fault-matrix``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from tests.faults.house import House
from tests.faults.matrix import Table

PROPERTY = "fault"  # a property of a test: its row, the fault, and how it is injected
LEFT_OUT = "mediavault_faults_left_out"  # what each test process reports to the first one
_left_out: list[list[str]] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults")
    group.addoption(
        "--fault-matrix",
        action="store_true",
        help="print the fault matrix; every row must have its tests",
    )
    group.addoption(
        "--fault-seeds", type=int, default=20, help="how many random runs a test with seeds makes"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--fault-matrix") and not hasattr(
        config, "workerinput"
    ):  # one table, even with several test processes
        config.pluginmanager.register(MatrixReport())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("fault"):
            item.user_properties.append((PROPERTY, [*mark.args, mark.kwargs["by"]]))


def pytest_deselected(items: list[pytest.Item]) -> None:
    _left_out.extend(
        [*mark.args, mark.kwargs["by"]] for item in items for mark in item.iter_markers("fault")
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output[LEFT_OUT] = _left_out


class MatrixReport:
    """Fills the table from the report of each test, and prints it at the end."""

    def __init__(self) -> None:
        self._table = Table()
        self._expected: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.nodeid not in self._expected:
            self._expected.add(report.nodeid)
            for name, mark in report.user_properties:
                if name == PROPERTY:
                    row, fault, by = cast("list[str]", mark)
                    self._table.expect(report.nodeid, row, fault, by=by)
        self._table.record(report.nodeid, report.outcome, str(report.when), report.duration)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A process of pytest-xdist has ended. One that crashed has no output."""
        for row, fault, by in getattr(node, "workeroutput", {}).get(LEFT_OUT, ()):
            self._table.leave_out(row, fault, by)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        for row, fault, by in _left_out:
            self._table.leave_out(row, fault, by)
        if self._table.unmarked():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("fault matrix")
        for line in self._table.lines():
            terminalreporter.write_line(line)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def seeds(pytestconfig: pytest.Config) -> int:
    seeds: int = pytestconfig.getoption("--fault-seeds")
    return seeds
