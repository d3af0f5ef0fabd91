"""``mediavault feed``: RSS feeds on the command line."""

from __future__ import annotations

import re

from tests.unit.cli.conftest import Run


def test_a_feed_is_made_listed_and_revoked(run: Run) -> None:
    made = run("feed", "add", "Trains", "--filter", "q=trains&state=failed", "--json").json()
    [listed] = run("feed", "list", "--json").json()["feeds"]

    assert listed == made
    assert (made["name"], made["filter"], made["user"], made["fetched_at"]) == (
        "Trains",
        "q=trains",
        "owner",
        None,
    )
    assert re.fullmatch(r"http://[^/]+/feeds/[\w-]{43}/rss\.xml", made["rss"])
    assert made["made_at"].endswith("+00:00")
    assert run("feed", "list").out == f"Trains  (q=trains, never fetched)\n  {made['rss']}\n"
    assert run("feed", "revoke", "Trains").out == "Trains: revoked.\n"
    assert run("feed", "revoke", "Trains").code == 2
    assert run("feed", "list").out == "No RSS feeds.\n"


def test_a_mistyped_filter_makes_no_feed(run: Run) -> None:
    assert run("feed", "add", "Trains", "--filter", "tags=trains").code == 2
    assert run("feed", "list", "--json").json() == {"feeds": []}
