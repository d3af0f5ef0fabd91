"""The list of log events in docs/log-events.md is compared with the source,
so that it cannot become outdated.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.syntax import nodes

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "mediavault"
LEVELS = {
    "debug": "debug",
    "info": "info",
    "warning": "warning",
    "error": "error",
    "exception": "error",
}
IDS = {"job_id", "trace_id"}  # documented once for all lines of a job
ROW = re.compile(
    r"^\| `(?P<event>[a-z_{}]+)` \| (?P<level>\w+) \|(?P<fields>[^|]*)\| (?P<meaning>[^|]+) \|$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Line:
    """A log call in the source, or the row of an event; ``fields`` leaves out the ids of a job."""

    event: str
    level: str
    fields: frozenset[str]


def is_log_call(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {*LEVELS, "critical", "log"}
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "log"
    )


def event_of(call: ast.Call) -> str:
    """Return the first argument, of an f-string its form: ``{stage}_{outcome}``."""
    [name] = call.args
    return ast.unparse(name).strip("f").strip("'\"")


def fields_of(call: ast.Call) -> set[str]:
    assert all(keyword.arg for keyword in call.keywords), (
        f"the fields of {event_of(call)} cannot be seen in the source"
    )
    names = {keyword.arg for keyword in call.keywords if keyword.arg}
    assert isinstance(call.func, ast.Attribute)
    return names | {"exception"} if call.func.attr == "exception" else names


@cache
def calls() -> tuple[ast.Call, ...]:
    texts = (path.read_text(encoding="utf-8") for path in sorted(SOURCE.rglob("*.py")))
    every = (node for text in texts for node in nodes(text))
    return tuple(node for node in every if isinstance(node, ast.Call) and is_log_call(node))


def in_source() -> Iterator[Line]:
    for call in calls():
        assert isinstance(call.func, ast.Attribute)
        yield Line(event_of(call), LEVELS[call.func.attr], frozenset(fields_of(call) - IDS))


def in_list() -> Iterator[Line]:
    text = (ROOT / "docs" / "log-events.md").read_text(encoding="utf-8")
    for row in ROW.finditer(text):
        yield Line(row["event"], row["level"], frozenset(re.findall(r"`(\w+)`", row["fields"])))


def by_event(lines: Iterable[Line]) -> dict[str, tuple[set[str], set[str]]]:
    """Return the levels and the fields of each event, from all lines that log it."""
    events: dict[str, tuple[set[str], set[str]]] = {}
    for line in lines:
        levels, fields = events.setdefault(line.event, (set(), set()))
        levels.add(line.level)
        fields |= line.fields
    return events


def test_every_event_is_listed_with_its_level_and_fields() -> None:
    source, listed = by_event(in_source()), by_event(in_list())

    assert sorted(source.keys() - listed.keys()) == [], "add a row to docs/log-events.md"
    assert sorted(listed.keys() - source.keys()) == [], "nothing logs this any more"
    assert {event: source[event] for event in source if source[event] != listed[event]} == {}


def test_no_event_is_listed_twice() -> None:
    listed = [line.event for line in in_list()]

    assert len(listed) == len(set(listed))


def test_a_line_that_names_its_job_names_its_trace_too() -> None:
    """Where the ids are not bound by the worker's loop, both are given."""
    assert [event_of(call) for call in calls() if len(IDS & fields_of(call)) == 1] == []


def test_every_logger_is_called_log() -> None:
    """So that no line escapes this comparison."""
    texts = {path: path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py")}
    made = {
        path: re.findall(r"^(.*)get_logger\(", text, re.MULTILINE) for path, text in texts.items()
    }
    del made[SOURCE / "core" / "logs.py"]

    assert {begins for lines in made.values() for begins in lines} == {"log = "}
