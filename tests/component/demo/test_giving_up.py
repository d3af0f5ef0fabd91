"""Leaving the practice site while its videos are still being made."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from mediavault.demo.media import Clip, ClipSpec, make_clips
from mediavault.demo.posts import LOOKS
from mediavault.demo.site import practice_site
from tests.patience import patient


async def test_no_thread_is_left_working_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is removed next, and a thread that is still running would create it again."""
    started, ended = threading.Event(), threading.Event()

    def slowly(looks: Iterable[ClipSpec], folder: Path, *, stop: threading.Event) -> dict[str, Clip]:
        started.set()
        stop.wait(10)
        ended.set()
        return {}

    monkeypatch.setattr("mediavault.demo.site.make_clips", slowly)
    entering = asyncio.ensure_future(practice_site(tmp_path).__aenter__())
    await asyncio.to_thread(started.wait, patient(30))
    entering.cancel()

    with pytest.raises(asyncio.CancelledError):
        await entering
    assert ended.is_set()


def test_no_video_is_started_once_stop_is_set(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()

    assert make_clips(LOOKS, tmp_path, stop=stop) == {}
    assert list(tmp_path.iterdir()) == []
