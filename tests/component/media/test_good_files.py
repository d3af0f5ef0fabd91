"""Unusual files that are whole are accepted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import media
from tests.damage_matrix import verdict
from tests.good_files import GOOD_FILES


@pytest.mark.parametrize("name", GOOD_FILES)
def test_an_unusual_but_whole_file_is_accepted(name: str, tmp_path: Path) -> None:
    path = tmp_path / "media.part"
    path.write_bytes(GOOD_FILES[name]())

    assert verdict(path).problems == ()


@pytest.mark.skipif(
    not hasattr(os, "sched_getscheduler"), reason="there are no such priorities here"
)
def test_making_a_film_in_av1_does_not_let_the_tests_run_before_all_other_processes() -> None:
    """Its encoder asks for that when root runs it,
    and no group with a quota accepts such a process.
    """
    media.av1_mp4()

    assert os.sched_getscheduler(0) == os.SCHED_OTHER
