"""The names of the files that belong to a video."""

from __future__ import annotations

import pytest

from mediavault.core.companions import (
    companions,
    is_about_folder,
    related_names,
    sibling,
    split_stem,
)
from mediavault.core.media import PICTURE_SUFFIXES


@pytest.mark.parametrize(
    ("output_path", "named"),
    [
        ("jane/A film [1].mp4", "jane/A film [1].info.json"),
        ("jane/v1.2 [1].mp4", "jane/v1.2 [1].info.json"),
        ("jane/film", "jane/film.info.json"),
        ("j.doe/film", "j.doe/film.info.json"),
        ("", ".info.json"),
    ],
)
def test_a_sibling_has_the_videos_name_and_another_suffix(output_path: str, named: str) -> None:
    """Names without a suffix come from a damaged or altered backup."""
    assert sibling(output_path, ".info.json") == named


def test_every_companion_has_the_stem_of_its_video() -> None:
    """Or a companion would stay behind when the video is moved under another name."""
    video = "jane/v1.2 [1].mp4"

    paths = companions(video, "jane/v1.2 [1].jpg")

    assert {split_stem(path)[0] for path in [video, *paths]} == {"jane/v1.2 [1]"}
    assert {split_stem(path)[1] for path in paths} == {".info.json", ".nfo", ".jpg", "-thumb.jpg"}
    assert companions(video, None) == ["jane/v1.2 [1].info.json", "jane/v1.2 [1].nfo"]


def test_a_free_name_is_free_for_every_companion() -> None:
    related = related_names("jane/a.mp4")

    for suffix in PICTURE_SUFFIXES:
        assert set(companions("jane/a.mp4", f"jane/a{suffix}")) <= set(related)


@pytest.mark.parametrize(
    ("path", "is_of_a_folder"),
    [
        ("show/tvshow.nfo", True),
        ("show/Season 2026/season.nfo", True),
        ("show/season2026-poster.webp", True),
        ("show/Season 2026/Season2026.jpg", True),
        ("poster.jpg", True),
        ("show/a poster.jpg", False),
        ("show/poster.mp4", False),
        ("show/Season 2026/s2026.e110101 - poster.jpg", False),
    ],
)
def test_files_about_a_folder_are_told_by_their_names(path: str, is_of_a_folder: bool) -> None:
    assert is_about_folder(path) == is_of_a_folder
