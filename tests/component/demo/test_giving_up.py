"""A site that is given up while its videos are still being made."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from mediavault.demo.media import Clip, ClipPicture, make_clips
from mediavault.demo.posts import LOOKS
from mediavault.demo.site import practice_site
from tests.patience import patient


async def test_nothing_is_at_work_in_its_folder_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is taken away next, and a thread that goes on would make it anew."""
    begun, ended = threading.Event(), threading.Event()

    def slowly(looks: Iterable[ClipPicture], folder: Path, *, stop: threading.Event) -> dict[str, Clip]:
        begun.set()
        stop.wait(10)
        ended.set()
        return {}

    monkeypatch.setattr("mediavault.demo.site.make_clips", slowly)
    entering = asyncio.ensure_future(practice_site(tmp_path).__aenter__())
    await asyncio.to_thread(begun.wait, patient(30))
    entering.cancel()

    with pytest.raises(asyncio.CancelledError):
        await entering
    assert ended.is_set()


def test_once_it_is_to_stop_no_further_video_is_begun(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()

    assert make_clips(LOOKS, tmp_path, stop=stop) == {}
    assert list(tmp_path.iterdir()) == []
