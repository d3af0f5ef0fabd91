"""Fixtures that the acceptance tests share."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mediavault.demo.media import Clip, make_clips
from mediavault.demo.posts import SPECS


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Clip]:
    """The practice site's videos, made once, since that takes seconds of processor time."""
    return make_clips(SPECS, tmp_path_factory.mktemp("practice-media"))
