"""``mediavault follow``: sources on the command line."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import Run

CHANNEL = "https://www.youtube.com/@jane"


def test_a_channel_is_followed_listed_paused_resumed_checked_and_removed(run: Run) -> None:
    source = run("follow", "add", CHANNEL, "--json").json()
    assert (source["url"], source["start"], source["is_paused"]) == (CHANNEL, "now", False)

    assert run("follow", "list", "--json").json() == {"sources": [source]}
    assert f"{source['id']}  new       {CHANNEL}" in run("follow", "list").out
    assert run("follow", "pause", source["id"], "--json").json()["is_paused"] is True
    assert "paused" in run("follow", "list").out
    assert run("follow", "resume", source["id"], "--json").json()["is_paused"] is False
    assert run("follow", "check", source["id"]).code == 0
    assert run("follow", "remove", source["id"]).out == f"{source['id']} is not followed any more.\n"
    assert run("follow", "list").out == ""
    assert run("follow", "check", source["id"]).code == 2


@pytest.mark.parametrize(
    ("start", "stored"),
    [
        ("everything", {"start": "everything", "since": None, "newest": None}),
        ("25", {"start": "newest", "since": None, "newest": 25}),
        ("2026-01-31", {"start": "since", "since": "2026-01-31T00:00:00Z", "newest": None}),
    ],
)
def test_the_start_is_a_word_a_number_or_a_day(run: Run, start: str, stored: dict[str, object]) -> None:
    source = run("follow", "add", CHANNEL, "--start", start, "--json").json()

    assert {name: source[name] for name in stored} == stored


def test_filters_and_the_rhythm_are_stored(run: Run) -> None:
    options = ("--with", "train", "--without", "/trailer$/", "--only", "video", "--shortest", "60", "--longest", "600")
    more = ("--every", "90", "--per-day", "5", "--collection", "Trains", "--profile", "audio")
    source = run("follow", "add", CHANNEL, *options, *more, "--json").json()

    assert (source["interval_minutes"], source["per_day"], source["collection"], source["profile"]) == (
        90,
        5,
        "Trains",
        "audio",
    )
    assert (source["filters"]["having"], source["filters"]["kinds"]) == (["train"], ["video"])


@pytest.mark.parametrize(
    "options",
    [
        ("https://www.youtube.com/watch?v=aaaaaaaaaaa",),
        (CHANNEL, "--start", "yesterday"),
        (CHANNEL, "--start", "0"),
        (CHANNEL, "--every", "1"),
        (CHANNEL, "--every", "-1"),
        (CHANNEL, "--per-day", "100000"),
        (CHANNEL, "--only", "film"),
        (CHANNEL, "--with", "/(/"),
        (CHANNEL, "--profile", "nothing"),
        (CHANNEL, "--shortest", "nan"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence_and_nothing_is_stored(run: Run, options: tuple[str, ...]) -> None:
    result = run("follow", "add", *options)

    assert (result.code, "Traceback" in result.err) == (2, False)
    assert run("follow", "list").out == ""
