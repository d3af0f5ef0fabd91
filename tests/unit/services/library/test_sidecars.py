"""The names of the files next to a video."""

from __future__ import annotations

import pytest

from mediavault.services.library.sidecars import sibling


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
