"""What a version of yt-dlp could read, and when a new one is worse than the former."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediavault.services.extraction.ytdlp_results import (
    KEPT,
    Results,
    drop_results,
    is_worse,
    note_result,
    read_results,
)

URL = "https://tube.example/"


def results(site: str, read: int, broken: int = 0, *, first: int = 0) -> dict[tuple[str, str], bool]:
    posts = range(first, first + read + broken)
    return {(site, str(post)): number < read for number, post in enumerate(posts)}


def test_the_last_result_of_each_post_counts(tmp_path: Path) -> None:
    note_result(tmp_path, "2026.10.26", "tube", f"{URL}1", was_read=False)
    note_result(tmp_path, "2026.10.26", "tube", f"{URL}2", was_read=True)
    note_result(tmp_path, "2026.10.26", "tube", f"{URL}1", was_read=True)

    assert list(read_results(tmp_path, "2026.10.26").values()) == [True, True]


def test_both_forms_of_a_version_are_the_same(tmp_path: Path) -> None:
    note_result(tmp_path, "2026.07.04", "tube", URL, was_read=True)

    assert len(read_results(tmp_path, "2026.7.4")) == 1


def test_only_the_newest_results_are_kept(tmp_path: Path) -> None:
    for number in range(5 * KEPT):
        note_result(tmp_path, "2026.10.26", "tube", f"{URL}{number}", was_read=True)
    (file,) = tmp_path.iterdir()

    assert len(read_results(tmp_path, "2026.10.26")) == KEPT
    assert file.stat().st_size < 70_000


def test_results_of_versions_that_are_gone_are_dropped(tmp_path: Path) -> None:
    for version in ("2026.07.04", "2026.10.26", "2026.11.20"):
        note_result(tmp_path, version, "tube", URL, was_read=True)
    drop_results(tmp_path, keep={"2026.7.4", "2026.10.26", None})

    assert sorted(path.name for path in tmp_path.iterdir()) == ["results-2026.10.26", "results-2026.7.4"]


@pytest.mark.parametrize("version", [None, "../x", ""])
def test_what_is_no_version_has_no_results(tmp_path: Path, version: str | None) -> None:
    note_result(tmp_path, version, "tube", URL, was_read=True)

    assert read_results(tmp_path, version) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_hinders_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    note_result(tmp_path / "file", "2026.10.26", "tube", URL, was_read=True)

    assert read_results(tmp_path / "file", "2026.10.26") == {}


def test_results_that_are_not_text_are_none(tmp_path: Path) -> None:
    (tmp_path / "results-2026.10.26").write_bytes(b"\xff\xfe tube")

    assert read_results(tmp_path, "2026.10.26") == {}


@pytest.mark.parametrize(
    ("new", "former", "worse"),
    [
        (results("tube", 4, 4, first=100), results("tube", 20), True),
        (results("tube", 5, 4, first=100), results("tube", 20), True),
        (results("tube", 0, 7, first=100), results("tube", 20), False),  # too few to tell
        (results("tube", 20, 4, first=100), results("tube", 20), False),  # a sixth
        (results("tube", 5, 5, first=100), results("tube", 10, 10), False),  # as often as before
        (results("tube", 0, 20), results("tube", 5, 15), False),  # fifteen are the same posts
        (results("other", 0, 20, first=100), results("tube", 20), False),  # a site that is new to the vault
        (results("other", 0, 20, first=100), results("other", 0, 20), False),  # one that was never read
        ({**results("tube", 0, 8, first=100), **results("clips", 50)}, results("tube", 20), True),
        # five of the six are those that the former version failed at
        (
            {**results("tube", 0, 6), **results("tube", 4, first=50)},
            {**results("tube", 0, 5), **results("tube", 30, first=100)},
            False,
        ),
        # what the former version could not do elsewhere is no excuse
        (results("tube", 3, 5, first=100), {**results("tube", 20), **results("other", 0, 20)}, True),
        (results("tube", 0, 20), {}, False),
        ({}, results("tube", 20), False),
    ],
)
def test_a_version_is_worse_when_it_breaks_what_the_former_one_read(new: Results, former: Results, worse: bool) -> None:
    assert is_worse(new, former) is worse
