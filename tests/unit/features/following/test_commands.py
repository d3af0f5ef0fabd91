"""``mediavault follow``: sources on the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mediavault.core.listings import Entry
from mediavault.features.following.commands import previews as previewing
from mediavault.features.following.filters import Reason
from mediavault.features.following.model import EntryState, SeenEntry
from mediavault.features.following.records import put_seen
from mediavault.features.following.taking import entry_key
from mediavault.store.holds import pause
from tests.previewed import fail_what_waits, read_what_waits
from tests.unit.cli.conftest import Run, StubHouse, beat

CHANNEL = "https://www.youtube.com/@jane"
FILM = Entry(
    "https://www.youtube.com/watch?v=aaaaaaaaaaa", "aaaaaaaaaaa", title="A film", duration_s=90.0
)


def test_a_channel_is_followed_listed_paused_resumed_checked_and_removed(run: Run) -> None:
    source = run("follow", "add", CHANNEL, "--json").json()
    assert (source["url"], source["start"], source["is_paused"]) == (CHANNEL, "now", False)

    assert run("follow", "list", "--json").json() == {"sources": [source]}
    assert f"{source['id']}  new       {CHANNEL}" in run("follow", "list").out
    assert run("follow", "pause", source["id"], "--json").json()["is_paused"] is True
    assert "paused" in run("follow", "list").out
    assert run("follow", "resume", source["id"], "--json").json()["is_paused"] is False
    assert run("follow", "check", source["id"]).code == 0
    assert run("follow", "remove", source["id"]).out == f"{source['id']} is no longer followed.\n"
    assert run("follow", "list").out == "No sources are followed.\n"
    assert run("follow", "check", source["id"]).code == 2


def test_skipped_posts_are_saved_by_their_links(run: Run, house: StubHouse) -> None:
    source = run("follow", "add", CHANNEL, "--json").json()
    entry = SeenEntry(EntryState.SKIPPED, FILM.url, "A film", reason=Reason.WORDS)
    key = entry_key(FILM.url)
    asyncio.run(put_seen(house.store.tables, source["id"], {key: entry}))

    assert run("follow", "save", source["id"], FILM.url).out == (
        f"1 post of {source['id']} chosen.\n"
    )
    assert run("list", "--json").json()["jobs"][0]["post_url"] == FILM.url
    assert run("follow", "save", source["id"], FILM.url, "--json").json() == {"count": 1}
    assert run("follow", "save", source["id"], "https://youtu.be/bbbbbbbbbbb").code == 2


@pytest.mark.parametrize(
    ("start", "stored"),
    [
        ("everything", {"start": "everything", "since": None, "newest": None}),
        ("25", {"start": "newest", "since": None, "newest": 25}),
        ("2026-01-31", {"start": "since", "since": "2026-01-31T00:00:00Z", "newest": None}),
    ],
)
def test_the_start_is_a_word_a_number_or_a_day(
    run: Run, start: str, stored: dict[str, object]
) -> None:
    source = run("follow", "add", CHANNEL, "--start", start, "--json").json()

    assert {name: source[name] for name in stored} == stored


def test_filters_and_the_rhythm_are_stored(run: Run) -> None:
    options = (
        "--with",
        "train",
        "--without",
        "/trailer$/",
        "--only",
        "video",
        "--shortest",
        "60",
        "--longest",
        "600",
    )
    more = ("--every", "90", "--per-day", "5", "--collection", "Trains", "--profile", "audio")
    source = run("follow", "add", CHANNEL, *options, *more, "--json").json()

    assert (
        source["interval_minutes"],
        source["per_day"],
        source["collection"],
        source["profile"],
    ) == (
        90,
        5,
        "Trains",
        "audio",
    )
    assert (source["filters"]["having"], source["filters"]["kinds"]) == (["train"], ["video"])


def test_further_filters_are_stored_and_a_change_leaves_out_what_it_does_not_name(run: Run) -> None:
    options = (
        "--language",
        "en",
        "--language",
        "pt-BR",
        "--members",
        "--reposts",
        "--no-replies",
        "--shortest",
        "60",
    )
    source = run(
        "follow", "add", CHANNEL, *options, "--with", "train", "--every", "90", "--json"
    ).json()
    change = (
        "--no-reposts",
        "--shortest",
        "0",
        "--with",
        "",
        "--start",
        "25",
        "--every",
        "0",
        "--collection",
        "Trains",
    )
    after = run("follow", "change", source["id"], *change, "--profile", "audio", "--json").json()

    filters = source["filters"]
    assert (filters["languages"], filters["members_only"], filters["reposts"]) == (
        ["en", "pt-br"],
        True,
        True,
    )
    assert (filters["replies"], filters["shortest_s"], filters["having"]) == (False, 60, ["train"])
    assert after["filters"] == {**filters, "reposts": False, "shortest_s": None, "having": []}
    assert (after["start"], after["newest"], after["interval_minutes"]) == ("newest", 25, None)
    assert (after["collection"], after["profile"]) == ("Trains", "audio")
    assert (
        run("follow", "change", source["id"], "--profile", "", "--json").json()["profile"] is None
    )


def test_all_languages_are_no_filter(run: Run) -> None:
    assert (
        run("follow", "add", CHANNEL, "--language", "all", "--json").json()["filters"]["languages"]
        == []
    )


@pytest.mark.parametrize(
    "options",
    [
        ("s-000000000000",),
        ("SOURCE", "--only", "film"),
        ("SOURCE", "--language", "the french one"),
        ("SOURCE", "--every", "1"),
        ("SOURCE", "--start", "yesterday"),
        ("SOURCE", "--profile", "nothing"),
    ],
)
def test_a_change_that_cannot_be_is_refused_and_nothing_changes(
    run: Run, options: tuple[str, ...]
) -> None:
    source = run("follow", "add", CHANNEL, "--json").json()
    result = run(
        "follow", "change", *(source["id"] if option == "SOURCE" else option for option in options)
    )

    assert (result.code, "Traceback" in result.err) == (2, False)
    assert run("follow", "list", "--json").json() == {"sources": [source]}


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
def test_what_cannot_be_is_refused_with_a_sentence_and_nothing_is_stored(
    run: Run, options: tuple[str, ...]
) -> None:
    result = run("follow", "add", *options)

    assert (result.code, "Traceback" in result.err) == (2, False)
    assert run("follow", "list").out == "No sources are followed.\n"


def test_a_preview_waits_for_a_worker_and_follows_nothing(
    run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read_while_the_command_sleeps(seconds: float) -> None:
        house.clock.advance(seconds)
        await read_what_waits(house.store.records, house.clock, FILM)

    asyncio.run(beat(house))
    monkeypatch.setattr(house.clock, "sleep", read_while_the_command_sleeps)
    shown = run("follow", "add", CHANNEL, "--start", "everything", "--preview")

    assert shown.code == 0
    assert (
        "Slow Trains: 1 would be saved, 0 would be decided once the post is read, 0 would be"
        " skipped."
    ) in shown.out
    assert "Saved later, in turn: 1 post, about 10 minutes." in shown.out
    assert "Later, in turn" in shown.out
    assert "A film" in shown.out
    assert run("follow", "list").out == "No sources are followed.\n"

    view = run("follow", "add", CHANNEL, "--shortest", "120", "--preview", "--json").json()
    assert (view["counts"]["skipped_for"], view["entries"][0]["reason"]) == (
        {"before": 1},
        "before",
    )


def test_a_preview_of_a_list_that_cannot_be_read_says_what_helps(
    run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail_while_the_command_sleeps(seconds: float) -> None:
        house.clock.advance(seconds)
        await fail_what_waits(house.store.records, house.clock)

    asyncio.run(beat(house))
    monkeypatch.setattr(house.clock, "sleep", fail_while_the_command_sleeps)
    shown = run("follow", "add", CHANNEL, "--preview")

    assert (shown.code, shown.out) == (1, "")
    assert shown.err.startswith("This list is private.")
    assert "Sign in" in shown.err


def test_a_preview_that_nobody_reads_says_why(run: Run, house: StubHouse) -> None:
    alone = run("follow", "add", CHANNEL, "--preview")
    assert (alone.code, "`mediavault worker`" in alone.err) == (2, True)

    asyncio.run(pause(house.store.records, "youtube"))
    asyncio.run(beat(house))
    paused = run("follow", "add", CHANNEL, "--preview")
    assert (paused.code, paused.err.splitlines()[0]) == (
        2,
        "mediavault: YouTube is paused, so the list is not read.",
    )


def test_a_preview_waits_no_longer_than_a_worker_may_take(
    run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def beat_while_the_command_sleeps(seconds: float) -> None:
        house.clock.advance(seconds)
        await beat(house)

    asyncio.run(beat(house))
    monkeypatch.setattr(house.clock, "sleep", beat_while_the_command_sleeps)
    began = house.clock.now()
    shown = run("follow", "add", CHANNEL, "--preview")

    assert (shown.code, "No worker has read the list yet." in shown.err) == (2, True)
    assert (house.clock.now() - began).total_seconds() == pytest.approx(
        previewing.WAIT_AT_MOST_S, abs=1
    )


@pytest.mark.parametrize("options", [("--start", "0"), ("--profile", "nothing"), ("--with", "/(/")])
def test_a_preview_refuses_what_following_refuses(run: Run, options: tuple[str, ...]) -> None:
    assert run("follow", "add", CHANNEL, "--preview", *options).code == 2


def test_a_list_is_imported_after_a_dry_run_and_exported_again(run: Run, tmp_path: Path) -> None:
    file, exported = tmp_path / "list.txt", tmp_path / "sources.opml"
    file.write_text(f"{CHANNEL}\nhttps://videos.example/feed.xml\nnonsense\n")

    dry = run("follow", "import", str(file), "--dry-run")
    assert (dry.code, dry.out.splitlines()[-1]) == (
        1,
        "2 would be followed, 0 already followed, 1 can't be followed.",
    )
    assert f"would be followed: {CHANNEL}" in dry.out
    assert "line 3: nonsense: " in dry.err
    assert run("follow", "list").out == "No sources are followed.\n"

    done = run(
        "follow", "import", str(file), "--start", "25", "--profile", "audio", "--json"
    ).json()
    assert (done["is_dry_run"], len(done["new"])) == (False, 2)
    source = run("follow", "list", "--json").json()["sources"][0]
    assert (source["start"], source["newest"], source["profile"]) == ("newest", 25, "audio")

    assert run("follow", "export", "--to", str(exported)).code == 0
    assert run("follow", "export", "--to", str(exported)).code == 2
    again = run("follow", "import", str(exported))
    assert (again.code, again.out.splitlines()[-1]) == (
        0,
        "0 followed, 2 already followed, 0 can't be followed.",
    )


@pytest.mark.parametrize(
    "options", [(), ("--start", "yesterday"), ("--profile", "nothing"), ("--start", "0")]
)
def test_an_import_that_cannot_be_is_refused_with_a_sentence(
    run: Run, tmp_path: Path, options: tuple[str, ...]
) -> None:
    file = tmp_path / "list.txt"
    file.write_text(CHANNEL if options else "")
    result = run("follow", "import", str(file), *options)

    assert (result.code, "Traceback" in result.err) == (2, False)
    assert run("follow", "list").out == "No sources are followed.\n"
    assert run("follow", "import", str(tmp_path / "missing")).code == 2
