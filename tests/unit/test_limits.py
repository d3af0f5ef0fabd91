"""The time limits of the tests themselves: they grow with the machine's load,
and none is too tight for a busy one.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import patience
from tests.patience import patient, slowness, until

TESTS = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_measured_slowness", lambda: 0.5)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def test_a_limit_is_never_shorter_than_it_was_written() -> None:
    assert slowness() == 1
    assert patient(30) == 30


def test_a_limit_grows_with_the_programs_that_wait_for_each_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (8.0, 1.0, 1.0))

    assert patient(30) == 120
    assert patient(2, most=3) == 6


def test_a_limit_grows_with_what_was_measured_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_measured_slowness", lambda: 5.0)

    assert patient(30) == 150


async def test_a_condition_is_polled_until_it_is_true_and_no_longer_than_the_limit() -> None:
    answers = iter([False, False, True])

    await until(lambda: next(answers), every_s=0)
    with pytest.raises(AssertionError, match="not within 0 s"):
        await until(lambda: False, within_s=0)


def waits(tree: ast.AST) -> Iterator[tuple[int, float]]:
    """Line and seconds of each call that ends a wait after a fixed number of seconds."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        name = ast.unparse(node.func)
        limit = keywords.get("timeout")
        if name == "asyncio.timeout" and node.args:
            limit = node.args[0]
        if name == "asyncio.wait_for" and len(node.args) > 1:
            limit = node.args[1]
        if isinstance(limit, ast.Constant) and isinstance(limit.value, int | float):
            yield node.lineno, limit.value


def test_every_limit_against_hanging_is_extended_on_a_busy_machine() -> None:
    """Limits below one second are meant to be reached."""
    fixed = [
        f"{path.relative_to(TESTS)}:{line}: {seconds} s"
        for path in sorted(TESTS.rglob("*.py"))
        for line, seconds in waits(ast.parse(path.read_text()))
        if seconds >= 1
    ]

    assert fixed == [], "write patient(30), from tests/patience.py"
