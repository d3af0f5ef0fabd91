"""``mediavault retention``: rules on the command line."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import Run


def test_a_rule_is_set_shown_and_cleared(run: Run) -> None:
    rule = run("retention", "set", "--days", "30", "--free-gb", "50", "--on", "--json").json()
    assert (rule["key"], rule["days"], rule["free_gb"], rule["is_on"]) == ("vault", 30, 50.0, True)

    shown = run("retention", "show").out
    assert (
        "vault             saved at least 30 days ago; less than 50 GB free  (on, at most 20"
        " posts per day for all rules)"
    ) in shown
    assert "0 posts can be deleted" in shown
    assert run("retention", "clear").out == "Cleared.\n"
    assert run("retention", "show", "--json").json()["rules"] == []


def test_a_source_without_conditions_keeps_everything(run: Run) -> None:
    source = run("follow", "add", "https://www.youtube.com/@jane", "--json").json()["id"]
    assert run("retention", "set", source).code == 0

    assert "keeps everything  (only lists)" in run("retention", "show").out


@pytest.mark.parametrize(
    "options",
    [("s-none", "--days", "3"), ("--free-gb", "-1"), ("--most-a-day", "5000"), ("--days", "0")],
)
def test_what_is_no_rule_is_refused(run: Run, options: tuple[str, ...]) -> None:
    assert run("retention", "set", *options).code == 2
    assert run("retention", "show", "--json").json()["rules"] == []
