"""Every message of the code can be filled in and collected."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
from scripts.messages import SRC, messages_of_the_code

from tests.syntax import nodes

FIELD = re.compile(r"%\((\w+)\)(?:s|d|\.\df)")


@cache
def calls() -> list[tuple[str, ast.Call]]:
    """Return each call of ``Message`` with its location."""
    return list(_calls())


def _calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(SRC.rglob("*.py")):
        for node in nodes(path.read_text("utf-8")):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Message":
                yield f"{path.relative_to(SRC)}:{node.lineno}", node


def test_every_template_has_a_placeholder_for_each_of_its_values_and_no_other() -> None:
    bad = []
    for where, call in calls():
        match call.args:
            case [ast.Constant(value=str(template))] if call.keywords:
                names = {keyword.arg for keyword in call.keywords}
                if names != set(FIELD.findall(template)) or "%" in FIELD.sub("", template).replace(
                    "%%", ""
                ):
                    bad.append((where, template, sorted(map(str, names))))
            case _:
                pass

    assert bad == []


def test_no_template_is_built_at_run_time() -> None:
    """A catalogue holds templates as they are written in the source."""
    bad = [
        where
        for where, call in calls()
        if isinstance(call.args[0], ast.JoinedStr | ast.BinOp)
        or (
            isinstance(call.args[0], ast.Call)
            and getattr(call.args[0].func, "attr", "") == "format"
        )
    ]

    assert bad == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("%(site)s shows a CAPTCHA.", "extraction/walls.py"),
        ("Wrong password.", "auth/authenticator.py"),
        ("Open it again from the Sign-ins page.", "browser/login_windows.py"),
        (("%(count)d picture", "%(count)d pictures"), "extraction/ranking.py"),
        ("Partly saved", "core/failures.py"),
    ],
)
def test_what_the_code_says_is_collected(text: str | tuple[str, str], where: str) -> None:
    """Templates, arguments and helps of our exceptions, counts, and the table of failures."""
    assert where in messages_of_the_code()[text]


def test_what_commands_and_the_practice_site_say_is_not_collected() -> None:
    assert not {
        name
        for names in messages_of_the_code().values()
        for name in names
        if name.startswith(("commands", "practice"))
    }
