"""The house of a fault test, and the table of the fault matrix at the end of a run with ``--fault-matrix``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.house import House
from tests.faults.matrix import Table

TABLE = pytest.StashKey[Table]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults")
    group.addoption("--fault-matrix", action="store_true", help="print the fault matrix; every row must have its tests")
    group.addoption("--fault-seeds", type=int, default=20, help="how many random runs a test with seeds makes")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--fault-matrix"):
        config.stash[TABLE] = Table()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if TABLE in config.stash:
        for item in items:
            for mark in item.iter_markers("fault"):
                config.stash[TABLE].expect(item.nodeid, *mark.args, **mark.kwargs)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    if TABLE in item.config.stash:
        report = outcome.get_result()  # type: ignore[attr-defined]
        item.config.stash[TABLE].told(item.nodeid, report.outcome, report.when, report.duration)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if TABLE in session.config.stash and session.config.stash[TABLE].unmarked():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if TABLE in config.stash:
        terminalreporter.section("fault matrix")
        for line in config.stash[TABLE].lines():
            terminalreporter.write_line(line)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def seeds(pytestconfig: pytest.Config) -> int:
    seeds: int = pytestconfig.getoption("--fault-seeds")
    return seeds
