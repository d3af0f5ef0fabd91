"""DASH streams from a loopback server become a whole file or a specific failure,
never a file with missing parts.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.failures import (
    Drm,
    Failure,
    Incomplete,
    LinkExpired,
    NotAVideo,
    TooLarge,
    Unsupported,
)
from mediavault.core.media import DownloadedFile, Expected, LiveNow, SourceType
from mediavault.media import library as media_library
from mediavault.media import probe_child as media_probe_child
from mediavault.media.judgement import problems
from tests import media
from tests.component.download import dash_streams as dash
from tests.component.download.conftest import LIMITS, Fetch
from tests.fault_server import FaultServer, cut, reply, serve

media_library.quiet()
pytestmark = pytest.mark.usefixtures("joined_here")


async def save(fetch: Fetch, path: str = "/v.mpd", **options: Any) -> DownloadedFile:
    return await fetch(path, source_type=SourceType.DASH, **options)


def offer(server: FaultServer, manifest: bytes) -> None:
    server.files(dash.files())
    server.on("/v.mpd", serve(manifest))


def faults(file: DownloadedFile, duration_s: float = 6.0) -> tuple[object, ...]:
    return problems(
        media_probe_child.examine(file.path), Expected(duration_s=duration_s, audio=True)
    )


def starts_s(path: Path) -> dict[str, float]:
    """Return the time of the first picture and of the first sound, by kind of stream."""
    starts: dict[str, float] = {}
    with media_library.open_input(path, "mov") as opened:
        for packet in opened.demux(opened.streams.video[0], opened.streams.audio[0]):
            if packet.pts is not None:
                kind, at_s = packet.stream.type, float(packet.pts * packet.time_base)
                starts[kind] = min(at_s, starts.get(kind, at_s))
    return starts


@pytest.mark.parametrize("form", dash.FORMS)
async def test_a_stream_becomes_one_whole_file_with_its_sound(
    form: str, server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    offer(server, dash.mpd(dash.period(*dash.FORMS[form])))
    file = await save(fetch)
    begins = starts_s(file.path)

    assert faults(file) == ()
    assert begins["video"] == pytest.approx(begins["audio"], abs=0.05)
    assert (file.path.name, file.segmented, file.content_type) == ("media.mp4", True, "video/mp4")
    assert file.expected.duration_s == pytest.approx(6.0, abs=0.05)
    assert [path.name for path in tmp_path.iterdir()] == ["media.mp4"]


@pytest.mark.parametrize("kind", ["high", "sound"])
@pytest.mark.parametrize("number", range(dash.SEGMENTS))
@pytest.mark.parametrize("fault", ["404", "empty", "cut", "page"])
async def test_a_stream_with_a_segment_that_stays_faulty_is_never_saved(
    fault: str, number: int, kind: str, server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    offer(server, dash.mpd(dash.period(*dash.FORMS["numbered"])))
    name = f"{kind}/seg{number:03}.m4s"
    spoiled = {
        "404": reply(404),
        "empty": reply(200, b""),
        "cut": cut(serve(dash.files()[name]), at=900),
        "page": reply(200, media.html()),
    }
    server.on(f"/{name}", spoiled[fault])

    with pytest.raises((Incomplete, NotAVideo)):
        await save(fetch)
    assert not list(tmp_path.glob("media.*"))


@pytest.mark.parametrize(
    "options",
    [
        {"use_template": "1", "use_timeline": "1"},
        {"use_template": "1", "use_timeline": "0"},
        {"use_template": "0", "use_timeline": "0"},
        {"single_file": "1"},
    ],
    ids=["timeline", "numbers", "list", "single file"],
)
async def test_a_packaged_stream_becomes_one_whole_file(
    options: Mapping[str, str], server: FaultServer, fetch: Fetch
) -> None:
    """FFmpeg's own muxer, with pictures that are decoded in a different order than shown."""
    server.files(dash.packaged(**options))
    file = await save(fetch, "/index.mpd")
    begins = starts_s(file.path)

    assert faults(file) == ()
    assert begins["video"] == pytest.approx(begins["audio"], abs=0.05)


async def test_a_cut_file_of_one_track_is_requested_again(
    server: FaultServer, fetch: Fetch
) -> None:
    offer(server, dash.mpd(dash.period(*dash.FORMS["whole files"])))
    whole = serve(dash.files()["video.mp4"])
    server.on("/video.mp4", cut(whole, at=len(dash.files()["video.mp4"]) - 1_000), whole)

    assert faults(await save(fetch)) == ()
    assert len(server.asked("/video.mp4")) == 2


async def test_a_missing_file_of_one_track_keeps_its_own_failure(
    server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    offer(server, dash.mpd(dash.period(*dash.FORMS["whole files"])))
    server.on("/audio.mp4", reply(403))

    with pytest.raises(LinkExpired):
        await save(fetch)
    assert not list(tmp_path.glob("media.mp4"))


async def test_the_size_limit_applies_to_all_tracks_together(
    server: FaultServer, fetch: Fetch
) -> None:
    offer(server, dash.mpd(dash.period(*dash.FORMS["whole files"])))
    both = len(dash.files()["video.mp4"]) + len(dash.files()["audio.mp4"])

    with pytest.raises(TooLarge):
        await save(fetch, limits=replace(LIMITS, max_bytes=both - 1))


async def test_periods_follow_each_other(server: FaultServer, fetch: Fetch) -> None:
    period = dash.period(*dash.FORMS["numbered"], attributes='duration="PT6S"')
    offer(
        server,
        dash.mpd(period, period, attributes='type="static" mediaPresentationDuration="PT12S"'),
    )

    assert faults(await save(fetch), 12.0) == ()


async def test_tracks_whose_clocks_differ_are_synchronised(
    server: FaultServer, fetch: Fetch
) -> None:
    """The sound's clock is at 50 s when the pictures' is at 0: their offsets say so."""
    clock = {
        "movflags": "+cmaf+frag_discont",
        "frag_duration": "2000000",
        "use_editlist": "0",
        "output_ts_offset": "50",
    }
    late = media.encode("mp4", 6.0, video=None, options=clock)
    sound = (
        '<BaseURL>late.mp4</BaseURL><SegmentBase timescale="48000"'
        ' presentationTimeOffset="2400000"/>'
    )
    offer(server, dash.mpd(dash.period(dash.NUMBERED, sound)))
    server.on("/late.mp4", serve(late))
    file = await save(fetch)
    begins = starts_s(file.path)

    assert begins["video"] == pytest.approx(begins["audio"], abs=0.05)
    assert faults(file) == ()


async def test_a_last_segment_implied_only_by_a_rounded_length_may_be_missing(
    server: FaultServer, fetch: Fetch
) -> None:
    """The presentation lasts as long as its sound, 6.1 s;
    there are no pictures for the last tenth.
    """
    period = dash.period(dash.NUMBERED, dash.whole("audio"))
    offer(server, dash.mpd(period, attributes='type="static" mediaPresentationDuration="PT6.1S"'))

    assert faults(await save(fetch)) == ()
    assert server.asked("/high/seg003.m4s")


async def test_webm_segments_become_one_file_too(server: FaultServer, fetch: Fetch) -> None:
    body = media.encode(
        "webm",
        4.0,
        sound=False,
        video="libvpx-vp9",
        options={"live": "1", "cluster_time_limit": "1900"},
    )
    head, *clusters = body.split(b"\x1f\x43\xb6\x75")
    template = (
        '<SegmentTemplate media="w$Number$" initialization="w0" duration="2" startNumber="1"'
        " endNumber="
        f'"{len(clusters)}"/>'
    )
    offer(server, dash.mpd(dash.period(template), attributes='mediaPresentationDuration="PT4S"'))
    server.on("/w0", serve(head))
    for number, cluster in enumerate(clusters, 1):
        server.on(f"/w{number}", serve(b"\x1f\x43\xb6\x75" + cluster))
    file = await save(fetch)

    assert len(clusters) > 1
    assert problems(media_probe_child.examine(file.path), Expected(duration_s=4.0)) == ()


async def test_a_manifest_embedded_in_the_page_is_read_from_it(
    server: FaultServer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its relative URLs are resolved against the page."""
    server.files(dash.files())
    inline = (
        "data:application/dash+xml;base64,"
        + base64.b64encode(dash.mpd(dash.period(*dash.FORMS["numbered"]))).decode()
    )
    monkeypatch.setattr(
        server,
        "url",
        lambda path: path if path.startswith("data:") else f"http://127.0.0.1:{server.port}{path}",
    )

    assert faults(await save(fetch, inline)) == ()


@pytest.mark.parametrize(
    ("manifest", "failure"),
    [
        (dash.mpd(dash.period(dash.NUMBERED), attributes='type="dynamic"'), LiveNow),
        (dash.mpd(dash.period("<ContentProtection/>" + dash.NUMBERED)), Drm),
        (dash.mpd(dash.period(dash.NUMBERED, "<ContentProtection/>" + dash.NUMBERED)), Drm),
        (
            dash.mpd('<Period xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="p.xml"/>'),
            Unsupported,
        ),
        (dash.mpd(), Incomplete),
        (dash.mpd(dash.period("<BaseURL>file:///etc/passwd</BaseURL>")), NotAVideo),
        (dash.mpd(dash.period("<BaseURL>http://127.0.0.1:1/v.mp4</BaseURL>")), Failure),
        (b'<!DOCTYPE MPD [<!ENTITY a "b">]><MPD>&a;</MPD>', NotAVideo),
        (b"<MPD><Period>", NotAVideo),
        (media.html(), NotAVideo),
        (media.mp4(), NotAVideo),
    ],
    ids=[
        "live",
        "drm",
        "drm of the sound",
        "xlink",
        "empty",
        "file",
        "loopback",
        "entity",
        "torn",
        "page",
        "mp4",
    ],
)
async def test_a_manifest_that_cannot_be_saved_raises_a_specific_failure(
    manifest: bytes, failure: type[Failure], server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    offer(server, manifest)

    with pytest.raises(failure):
        await save(fetch)
    assert not list(tmp_path.glob("media.*"))
