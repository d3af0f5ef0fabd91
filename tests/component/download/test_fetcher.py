"""The dispatcher, with nothing replaced: a loopback server, the real client,
the real helper processes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediavault.core.failures import Failure
from mediavault.core.media import SourceType
from mediavault.media.probe import FfmpegProbe
from tests import media
from tests.component.download import dash_streams
from tests.component.download.conftest import Fetch
from tests.fault_server import FaultServer, serve


@pytest.mark.parametrize("source_type", [SourceType.DIRECT, SourceType.UNKNOWN])
async def test_one_file_is_fetched_as_it_is(
    source_type: SourceType, server: FaultServer, fetch: Fetch
) -> None:
    server.on("/v", serve(media.mp4()))
    file = await fetch("/v", source_type=source_type)

    assert (file.path.read_bytes(), file.segmented) == (media.mp4(), False)


@pytest.mark.parametrize("source_type", [SourceType.HLS, SourceType.UNKNOWN, SourceType.DIRECT])
async def test_a_playlist_becomes_one_file_that_passes_the_probe(
    source_type: SourceType, server: FaultServer, fetch: Fetch, tmp_path: Path, probe: FfmpegProbe
) -> None:
    """Also where the URL was not known to be a playlist."""
    server.files(media.hls_split())
    file = await fetch("/index.m3u8", source_type=source_type)
    report = await probe.examine(file)

    assert file.segmented
    assert report.problems == ()
    assert (report.container, report.video_codec, report.audio_codec) == ("mp4", "h264", "aac")
    assert [path.name for path in tmp_path.iterdir()] == ["media.mp4"]


@pytest.mark.parametrize(
    "source_type", [SourceType.DASH, SourceType.HLS, SourceType.UNKNOWN, SourceType.DIRECT]
)
async def test_a_dash_manifest_becomes_one_file_that_passes_the_probe(
    source_type: SourceType, server: FaultServer, fetch: Fetch, tmp_path: Path, probe: FfmpegProbe
) -> None:
    """Also where it was classified as something else."""
    server.files(dash_streams.files())
    server.on("/v.mpd", serve(dash_streams.mpd(dash_streams.period(*dash_streams.FORMS["timed"]))))
    file = await fetch("/v.mpd", source_type=source_type)
    report = await probe.examine(file)

    assert report.problems == ()
    assert (report.container, report.video_codec, report.audio_codec) == ("mp4", "h264", "aac")
    assert [path.name for path in tmp_path.iterdir()] == ["media.mp4"]


SHARED = (
    Path(__file__).resolve().parents[4] / "shared" / "fixtures" / "streams" / "hls_multi-segment"
)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the shared samples are not here")
async def test_a_published_stream_becomes_one_file(
    server: FaultServer, fetch: Fetch, probe: FfmpegProbe
) -> None:
    server.files({path.name: path.read_bytes() for path in SHARED.iterdir()})
    report = await probe.examine(await fetch("/playlist.m3u8", source_type=SourceType.HLS))

    assert report.problems == ()
    assert report.duration_s == pytest.approx(1.05, abs=0.1)


async def test_a_silent_file_and_its_sound_become_one_file_that_passes_the_probe(
    server: FaultServer, fetch: Fetch, tmp_path: Path, probe: FfmpegProbe
) -> None:
    server.on("/v", serve(media.mp4(sound=False)))
    server.on("/a", serve(media.sound_only_mp4()))
    file = await fetch("/v", source_type=SourceType.DIRECT, audio="/a")
    report = await probe.examine(file)

    assert report.problems == ()
    assert (report.container, report.video_codec, report.audio_codec) == ("mp4", "h264", "aac")
    assert report.duration_s == pytest.approx(2.0, abs=0.1)
    assert [path.name for path in tmp_path.iterdir()] == ["media.mp4"]


@pytest.mark.parametrize(
    "sound", [media.mp4(sound=False), media.html()], ids=["a silent file", "a page"]
)
async def test_a_silent_file_is_never_saved_without_its_sound(
    sound: bytes, server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    server.on("/v", serve(media.mp4(sound=False)))
    server.on("/a", serve(sound))

    with pytest.raises(Failure):
        await fetch("/v", source_type=SourceType.DIRECT, audio="/a")
    assert not (tmp_path / "media.mp4").exists()
