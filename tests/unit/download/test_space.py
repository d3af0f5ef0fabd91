"""Room on the disk for a download."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mediavault.core.failures import NoSpace
from mediavault.download.writer import check_space

MB = 1_000_000


@pytest.fixture(autouse=True)
def disk(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=400 * MB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


def test_a_file_that_fits_beside_the_reserve_is_accepted() -> None:
    check_space(100 * MB, Path("/"), 300 * MB)


@pytest.mark.parametrize(
    ("needed", "said"),
    [
        (
            40 * MB,
            (
                "The video needs 40 MB. 400 MB are free, of which 500 MB are kept free"
                " (MEDIAVAULT_RESERVE_MB)."
            ),
        ),
        (
            0,
            (
                "The disk is full: 400 MB are free, of which 500 MB are kept free"
                " (MEDIAVAULT_RESERVE_MB)."
            ),
        ),
    ],
)
def test_a_full_disk_is_told_with_the_figures_as_they_are(needed: int, said: str) -> None:
    with pytest.raises(NoSpace) as caught:
        check_space(needed, Path("/"), 500 * MB)

    assert caught.value.message == said
