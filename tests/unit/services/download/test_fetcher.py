"""The dispatcher, with nothing replaced: a loopback server, the real client, the real helper processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediavault.core.errors import Unsupported
from mediavault.core.media import SourceType
from mediavault.services.media_probe import MediaProbe
from tests import media
from tests.fault_server import FaultServer, serve
from tests.unit.services.download.conftest import Fetch


@pytest.mark.parametrize("source_type", [SourceType.DIRECT, SourceType.UNKNOWN])
async def test_one_file_is_fetched_as_it_is(source_type: SourceType, server: FaultServer, fetch: Fetch) -> None:
    server.on("/v", serve(media.mp4()))
    file = await fetch("/v", source_type=source_type)

    assert (file.path.read_bytes(), file.segmented) == (media.mp4(), False)


@pytest.mark.parametrize("source_type", [SourceType.HLS, SourceType.UNKNOWN, SourceType.DIRECT])
async def test_a_playlist_becomes_one_file_that_passes_the_examination(
    source_type: SourceType, server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    """Also where nobody knew that the address is a playlist's."""
    server.files(media.hls_split())
    file = await fetch("/index.m3u8", source_type=source_type)
    report = await MediaProbe().examine(file)

    assert file.segmented
    assert report.problems == ()
    assert (report.container, report.video_codec, report.audio_codec) == ("mp4", "h264", "aac")
    assert [path.name for path in tmp_path.iterdir()] == ["media.mp4"]


@pytest.mark.parametrize("source_type", [SourceType.DASH, SourceType.UNKNOWN])
async def test_dash_is_refused_in_a_sentence(source_type: SourceType, server: FaultServer, fetch: Fetch) -> None:
    server.on("/v.mpd", serve(b"<?xml version='1.0'?><MPD></MPD>"))

    with pytest.raises(Unsupported, match="MPEG-DASH"):
        await fetch("/v.mpd", source_type=source_type)


SHARED = Path(__file__).resolve().parents[5] / "shared" / "fixtures" / "streams" / "hls_multi-segment"


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the shared samples are not here")
async def test_a_published_stream_becomes_one_file(server: FaultServer, fetch: Fetch) -> None:
    server.files({path.name: path.read_bytes() for path in SHARED.iterdir()})
    report = await MediaProbe().examine(await fetch("/playlist.m3u8", source_type=SourceType.HLS))

    assert report.problems == ()
    assert report.duration_s == pytest.approx(1.05, abs=0.1)
