"""``mark``, ``tags``, ``collections``, and ``list`` by what is noted."""

from __future__ import annotations

from tests.unit.cli.conftest import POST, Run

OTHER = f"{POST}2"


def added(run: Run) -> list[str]:
    return [job["id"] for job in run("add", POST, OTHER, "--json").json()["jobs"]]


def test_posts_are_marked_listed_by_it_and_shown_with_it(run: Run) -> None:
    first, second = added(run)
    options = (
        "--favourite",
        "--tag",
        "Cats",
        "--tag",
        "long train",
        "--collect",
        "Trains",
        "--note",
        "hm",
    )
    assert run("mark", first, *options).out == "1 post changed.\n"
    run("mark", first, second, "--watched")

    for query, found in (
        (("--tag", "cats"), [first]),
        (("--q", "tag:cats"), [first]),
        (("--collection", "TRAINS"), [first]),
        (("--no-favourite",), [second]),
        (("--unwatched",), []),
    ):
        assert [job["id"] for job in run("list", *query, "--json").json()["jobs"]] == found, query
    shown = run("show", first).out
    assert all(word in shown for word in ("Favourite, Watched", "Cats, long train", "Trains", "hm"))


def test_an_unknown_id_or_a_bad_tag_changes_nothing(run: Run) -> None:
    first, _ = added(run)

    assert run("mark", first, "nobody", "--favourite").code == 2
    assert run("mark", first, "--favourite", "--tag", "#").code == 2
    assert run("show", first, "--json").json()["marks"]["favourite"] is False


def test_tags_and_collections_are_listed_renamed_and_removed(run: Run) -> None:
    first, second = added(run)
    run("mark", first, second, "--tag", "Cats", "--collect", "Trains")

    assert run("tags", "--rename", "cats", "Pets", "--json").json() == {
        "names": [{"name": "Pets", "jobs": 2}]
    }
    assert run("tags", "--remove", "pets", "--json").json() == {"names": []}
    assert "Trains" in run("collections").out
    assert run("collections", "--remove", "trains").out == "There are none.\n"
    assert run("collections", "--rename", "trains", "Rails").code == 2
