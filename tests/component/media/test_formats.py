"""Formats of saved files: read in a child process on request, and cached."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mediavault.core.failures import StorageFailure
from mediavault.core.media import SavedFile
from mediavault.media.probe import FfmpegProbe, FormatProbe
from tests import media

SAVED = SavedFile("jane/film.mkv", None, 1, "a" * 64, 2.0, 320, 180)


async def test_a_format_is_read_once(tmp_path: Path, probe: FfmpegProbe) -> None:
    reads: list[str] = []
    (tmp_path / "film").write_bytes(media.mkv())

    async def path_of(relative: str) -> Path:
        reads.append(relative)
        return tmp_path / "film"

    formats = FormatProbe(probe, path_of)
    before = formats.known(SAVED)
    reports = [await formats.read(SAVED) for _ in range(2)]

    assert before is None
    assert [
        (report.container, report.video_codec, report.audio_codec) for report in reports if report
    ] == [("matroska", "h264", "aac")] * 2
    assert formats.known(SAVED) == reports[0]
    assert reads == ["jane/film.mkv"]


async def test_the_format_of_a_file_of_sound_is_read_without_decoding_it(
    tmp_path: Path, probe: FfmpegProbe
) -> None:
    damaged = bytearray(media.sound("ogg", "libopus"))
    middle = len(damaged) // 2
    damaged[middle : middle + 2_000] = bytes(2_000)
    path = tmp_path / "sound.opus"
    path.write_bytes(damaged)

    async def path_of(_: str) -> Path:
        return path

    report = await FormatProbe(probe, path_of).read(replace(SAVED, output_path="jane/sound.opus"))

    assert report is not None
    assert (report.container, report.audio_codec, report.problems) == ("ogg", "opus", ())
    assert report.duration_s == pytest.approx(3.0, abs=0.1)
    assert (await probe.check_unknown(path)).problems != ()


@pytest.mark.parametrize("is_unavailable", [True, False])
async def test_a_missing_file_and_an_unavailable_library_have_no_format(
    is_unavailable: bool, probe: FfmpegProbe
) -> None:
    async def path_of(_: str) -> None:
        if is_unavailable:
            raise StorageFailure("The library is not there.")

    assert await FormatProbe(probe, path_of).read(SAVED) is None


async def test_a_file_in_a_bucket_is_not_fetched_for_its_format(probe: FfmpegProbe) -> None:
    assert await FormatProbe(probe, None).read(SAVED) is None
