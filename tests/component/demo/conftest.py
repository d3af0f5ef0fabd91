from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from mediavault.demo.media import Clip, make_clips
from mediavault.demo.posts import SPECS
from mediavault.demo.site import PracticeSite
from tests.fakes import FakeClock

WHOLE = {"mse", "holed"}


@pytest.fixture(scope="session")
def media_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("practice-media")


@pytest.fixture(scope="session")
def clips(media_folder: Path) -> Mapping[str, Clip]:
    """The practice site's videos, made once; most are shortened,
    because making them takes most of the time.
    """
    return make_clips(
        (spec if spec.name in WHOLE else replace(spec, seconds=1) for spec in SPECS), media_folder
    )


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(auto=True)


@pytest.fixture
def site(clips: Mapping[str, Clip], clock: FakeClock) -> PracticeSite:
    """The site's handler without a socket."""
    site = PracticeSite(clips, clock=clock)
    site.origin = "http://127.0.0.1:1"
    return site
