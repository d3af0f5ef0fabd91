"""The videos that the practice site makes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from mediavault.demo.media import Clip, ClipSpec, fingerprint, has_sound, make_clips
from mediavault.demo.posts import SPECS


def test_every_clip_is_a_different_video_and_one_is_silent(
    clips: Mapping[str, Clip], tmp_path: Path
) -> None:
    heard = {}
    for name, clip in clips.items():
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(clip.files["video.mp4"])
        heard[name] = has_sound(path)

    assert len(clips) == len({clip.sha256 for clip in clips.values()}) == len(SPECS)
    assert len({clip.fingerprint for clip in clips.values()}) == len(SPECS)
    assert [name for name, sound in heard.items() if not sound] == ["silent"]


def test_the_fingerprint_survives_repackaging_but_not_missing_content(
    clips: Mapping[str, Clip], tmp_path: Path
) -> None:
    clip, path = clips["mse"], tmp_path / "fragmented.mp4"
    segments = [clip.files[f"fmp4/seg-{number}.m4s"] for number in range(int(clip.duration_s))]
    found = []
    for parts in (segments, segments[:2] + segments[3:]):
        path.write_bytes(clip.files["fmp4/init.mp4"] + b"".join(parts))
        found.append(fingerprint(path) == clip.fingerprint)
    path.write_bytes(b"<!doctype html>" + b" " * 20_000)

    assert found == [True, False]
    assert (fingerprint(path), has_sound(path)) == (None, False)


def test_a_clip_is_made_once_and_a_half_made_one_again(tmp_path: Path) -> None:
    spec = ClipSpec("tiny", 1, seconds=1)
    first = make_clips([spec], tmp_path)
    (home,) = tmp_path.iterdir()
    made = home.stat().st_mtime_ns
    assert make_clips([spec], tmp_path) == first
    assert home.stat().st_mtime_ns == made

    (home / "ts" / "index.m3u8").unlink()
    home.rename(home.with_name(home.name + ".part"))
    assert make_clips([spec], tmp_path) == first


def test_no_video_is_started_once_stop_is_set(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()

    assert make_clips(SPECS, tmp_path, stop=stop) == {}
    assert list(tmp_path.iterdir()) == []
