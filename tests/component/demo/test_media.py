"""The videos that the practice site makes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from mediavault.demo.media import Clip, ClipSpec, fingerprint, has_sound, make_clips, number_boxes
from mediavault.demo.posts import LOOKS


def test_every_clip_is_a_different_video(clips: Mapping[str, Clip]) -> None:
    assert len(clips) == len(LOOKS)
    assert len({clip.sha256 for clip in clips.values()}) == len(LOOKS)
    assert len({clip.fingerprint for clip in clips.values()}) == len(LOOKS)


@pytest.mark.parametrize("name", ["mse", "holed"])
def test_clips_are_small_but_not_trivial(clips: Mapping[str, Clip], name: str) -> None:
    assert 50_000 <= len(clips[name].files["video.mp4"]) <= 500_000


def test_the_index_of_a_movie_is_before_its_pictures(clips: Mapping[str, Clip]) -> None:
    movie = clips["plain"].files["video.mp4"]

    assert movie[4:8] == b"ftyp"
    assert movie.index(b"moov") < movie.index(b"mdat")


@pytest.mark.parametrize(("packing", "suffix"), [("fmp4", "m4s"), ("ts", "ts")])
def test_a_playlist_names_one_whole_segment_per_second(clips: Mapping[str, Clip], packing: str, suffix: str) -> None:
    files = clips["mse"].files
    playlist = files[f"{packing}/index.m3u8"].decode()
    named = [line for line in playlist.splitlines() if line.endswith(f".{suffix}")]

    assert len(named) == clips["mse"].duration_s
    assert all(files[f"{packing}/{name}"] for name in named)
    assert playlist.rstrip().endswith("#EXT-X-ENDLIST")


def test_the_master_playlist_names_the_codecs(clips: Mapping[str, Clip]) -> None:
    assert f'CODECS="{clips["mse"].codecs}"' in clips["mse"].files["master.m3u8"].decode()
    assert clips["mse"].codecs.startswith("avc1.42")
    assert clips["mse"].codecs.endswith("mp4a.40.2")


def test_the_fingerprint_survives_repackaging_but_not_missing_content(
    clips: Mapping[str, Clip], tmp_path: Path
) -> None:
    clip = clips["mse"]
    fragmented = tmp_path / "fragmented.mp4"
    segments = [clip.files[f"fmp4/seg-{number}.m4s"] for number in range(int(clip.duration_s))]
    fragmented.write_bytes(clip.files["fmp4/init.mp4"] + b"".join(segments))
    holed = tmp_path / "holed.mp4"
    holed.write_bytes(clip.files["fmp4/init.mp4"] + b"".join(segments[:2] + segments[3:]))

    assert fingerprint(fragmented) == clip.fingerprint
    assert fingerprint(holed) != clip.fingerprint


def test_a_file_that_is_not_a_video_has_no_fingerprint(clips: Mapping[str, Clip], tmp_path: Path) -> None:
    page = tmp_path / "page.mp4"
    page.write_bytes(b"<!doctype html>" + b" " * 20_000)
    picture = tmp_path / "poster.jpg"
    picture.write_bytes(clips["plain"].files["poster.jpg"])

    assert fingerprint(page) is None
    assert fingerprint(picture) is None
    assert has_sound(page) is False


def test_only_the_silent_clip_lacks_sound(clips: Mapping[str, Clip], tmp_path: Path) -> None:
    heard = {}
    for name, clip in clips.items():
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(clip.files["video.mp4"])
        heard[name] = has_sound(path)

    assert [name for name, sound in heard.items() if not sound] == ["silent"]


def test_a_clip_is_made_once_and_read_the_next_time(tmp_path: Path) -> None:
    look = ClipSpec("tiny", 1, seconds=1)
    first = make_clips([look], tmp_path)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    again = make_clips([look], tmp_path)

    assert again == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == made


def test_a_half_made_clip_is_made_again(tmp_path: Path) -> None:
    look = ClipSpec("tiny", 1, seconds=1)
    whole = make_clips([look], tmp_path)
    (home,) = tmp_path.iterdir()
    (home / "ts" / "index.m3u8").unlink()
    home.rename(home.with_name(home.name + ".part"))

    assert make_clips([look], tmp_path) == whole


def test_numbers_are_painted_with_two_digits() -> None:
    assert len(number_boxes(88)) == 14
    assert len(number_boxes(11)) == 4
    assert number_boxes(12) != number_boxes(21)
