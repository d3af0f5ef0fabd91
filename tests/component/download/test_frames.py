"""Pictures of videos that a user may choose: from the beginning of each, within bounds,
through the guard, decoded in a child.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.media import Candidate, FoundIn, SourceType
from mediavault.core.platform import MediaRules, Platform
from mediavault.core.urls import EgressScope
from mediavault.download import beginning, frames
from mediavault.download.beginning import BeginningFetcher, missing_index
from mediavault.download.frames import CandidateFrames, FrameRequest, frame_key
from mediavault.download.port import MediaRequest, media_headers
from mediavault.egress.client import AiohttpClient
from mediavault.egress.guard import EgressGuard
from mediavault.media.arrival import open_helpers
from mediavault.media.extras import ExtrasCache, forget_extras
from mediavault.media.probe import FfmpegProbe
from tests import media
from tests.fakes import FakeClock
from tests.fault_server import FaultServer, changed, reply, serve
from tests.stubs import IN_PROCESS

JOB = "0a-1"
JPEG = b"\xff\xd8\xff"


@pytest.fixture
async def client(server: FaultServer) -> AsyncIterator[AiohttpClient]:
    guard = EgressGuard((f"127.0.0.1:{server.port}",))
    client = AiohttpClient(guard)
    yield client
    await client.close()
    guard.close()


@pytest.fixture
async def made(client: AiohttpClient, tmp_path: Path) -> AsyncIterator[CandidateFrames]:
    async with open_helpers(SystemClock(), count=1) as helpers:
        fetcher = BeginningFetcher(client, FakeClock(auto=True), IN_PROCESS)
        made = CandidateFrames(client, fetcher, FfmpegProbe(helpers), tmp_path / "player")
        yield made
        await made.aclose()


def wanted(
    server: FaultServer, path: str = "/v.mp4", poster: str | None = None, **facts: Any
) -> FrameRequest:
    kind = SourceType.HLS if path.endswith("m3u8") else SourceType.DIRECT
    request = MediaRequest(server.url(path), kind, scope=EgressScope(server.url("/post")), **facts)
    return FrameRequest(request, server.url(poster) if poster else None)


def size_of(picture: bytes | None) -> tuple[int, int] | None:
    if picture is None:
        return None
    with av.open(io.BytesIO(picture), "r") as container:
        frame = next(container.decode(video=0))
    return frame.width, frame.height


@pytest.mark.parametrize(
    "video",
    [
        media.mp4(),
        media.mp4(layout="moov_last"),
        media.mp4(layout="fragmented"),
        media.ts(),
        media.webm(),
        media.mkv(),
        media.avi(),
    ],
    ids=["mp4", "index-last", "fragmented", "ts", "webm", "mkv", "avi"],
)
async def test_a_video_shows_a_picture_of_its_beginning(
    video: bytes, server: FaultServer, made: CandidateFrames
) -> None:
    server.on("/v.mp4", serve(video))

    assert size_of(await made.frame(JOB, wanted(server))) == (320, 180)


@pytest.mark.parametrize("layout", ["faststart", "moov_last"])
async def test_no_more_than_the_beginning_and_the_index_is_asked_for(
    layout: str, server: FaultServer, made: CandidateFrames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginning, "HEAD_BYTES", 60_000)
    body = media.mp4(20.0, layout=layout)
    index = body.index(b"moov") - 4
    server.on("/v.mp4", serve(body))
    picture = await made.frame(JOB, wanted(server))

    assert len(body) > 100_000
    assert size_of(picture) == (320, 180)
    starts = [request.range_start for request in server.asked("/v.mp4")]
    assert starts == ([0] if layout == "faststart" else [0, index])
    assert server.asked("/v.mp4")[0].range_end == 59_999


async def test_a_server_that_ignores_ranges_is_left_after_the_beginning(
    server: FaultServer, made: CandidateFrames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginning, "HEAD_BYTES", 60_000)
    server.on("/v.mp4", serve(media.mp4(20.0), ranges=False))

    assert size_of(await made.frame(JOB, wanted(server))) == (320, 180)


@pytest.mark.parametrize("kind", ["ts", "fmp4"])
async def test_of_a_stream_only_the_first_segment_is_fetched(
    kind: str, server: FaultServer, made: CandidateFrames
) -> None:
    for name, body in media.hls(kind).items():
        server.on(f"/{name}", serve(body))
    picture = await made.frame(JOB, wanted(server, "/index.m3u8"))

    assert size_of(picture) == (320, 180)
    segments = [request.path for request in server.requests if "seg" in request.path]
    assert [name.partition(".")[0] for name in segments] == ["/seg000"]


async def test_no_more_than_the_beginning_of_a_segment_is_waited_for(
    server: FaultServer, made: CandidateFrames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginning, "HEAD_BYTES", 20_000)
    for name, body in media.hls("ts").items():
        hanging = changed(serve(body), hang=True, cut_at=len(body) // 2)
        server.on(f"/{name}", hanging if "seg" in name else serve(body))

    assert len(media.hls("ts")["seg000.ts"]) > 40_000
    assert size_of(await made.frame(JOB, wanted(server, "/index.m3u8"))) == (320, 180)


async def test_an_encrypted_stream_shows_a_picture_and_a_file_that_is_a_playlist_too(
    server: FaultServer, made: CandidateFrames
) -> None:
    for name, body in media.hls_aes().items():
        server.on(f"/{name}", serve(body))
    server.on("/v.mp4", serve(media.hls_aes()["index.m3u8"]))

    assert size_of(await made.frame(JOB, wanted(server, "/v.mp4"))) == (320, 180)


@pytest.mark.parametrize(
    "script",
    [
        reply(404),
        reply(403, b"no"),
        serve(media.html()),
        serve(b""),
        serve(media.mp4()[:300]),
        serve(media.png()),
    ],
    ids=["gone", "refused", "page", "empty", "cut", "picture"],
)
async def test_what_is_no_video_has_no_picture_and_is_not_asked_for_again(
    script: Any, server: FaultServer, made: CandidateFrames
) -> None:
    server.on("/v.mp4", script)
    found = [await made.frame(JOB, wanted(server)) for _ in range(2)]

    assert found == [None, None]
    assert len(server.asked("/v.mp4")) == 1

    await made.forget(JOB)
    await made.frame(JOB, wanted(server))
    assert len(server.asked("/v.mp4")) == 2


async def test_the_picture_that_the_page_shows_comes_first_and_the_video_is_not_asked_for(
    server: FaultServer, made: CandidateFrames
) -> None:
    server.on("/p", serve(media.png(), content_type="image/png"))

    assert await made.frame(JOB, wanted(server, poster="/p")) == media.png()
    assert server.asked("/v.mp4") == []


@pytest.mark.parametrize(
    "script",
    [
        reply(404),
        serve(b"<svg onload='alert(1)'/>", content_type="image/svg+xml"),
        serve(media.html()),
    ],
    ids=["gone", "svg", "page"],
)
async def test_a_poster_that_is_no_picture_is_replaced_by_one_of_the_video(
    script: Any, server: FaultServer, made: CandidateFrames
) -> None:
    server.on("/p", script)
    server.on("/v.mp4", serve(media.mp4()))
    picture = await made.frame(JOB, wanted(server, poster="/p"))

    assert (picture or b"").startswith(JPEG)


async def test_a_picture_is_made_once_also_when_several_ask_and_kept_in_the_cache(
    server: FaultServer, made: CandidateFrames, tmp_path: Path
) -> None:
    server.on("/v.mp4", serve(media.mp4()))
    request = wanted(server)
    first, second = await asyncio.gather(made.frame(JOB, request), made.frame(JOB, request))

    assert first == second == await made.frame(JOB, request) is not None
    assert len(server.asked("/v.mp4")) == 1
    assert ExtrasCache(tmp_path / "player").picture(frame_key(JOB, request.media.url)) == first

    await made.forget(JOB)
    assert list((tmp_path / "player").iterdir()) == []


async def test_removing_a_job_removes_its_pictures_and_a_retry_nothing_else(tmp_path: Path) -> None:
    for name in (f"{JOB}.frame-1.jpg", f"{JOB}.0.ab.jpg", "0a-2.frame-1.jpg"):
        (tmp_path / name).write_bytes(JPEG)
    forget_extras(tmp_path, JOB, kind="frame-")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0a-1.0.ab.jpg", "0a-2.frame-1.jpg"]

    forget_extras(tmp_path, JOB)
    assert [path.name for path in tmp_path.iterdir()] == ["0a-2.frame-1.jpg"]


# --- through the guard, and without anybody's cookies ---------------------------------------------


@pytest.mark.parametrize("where", ["video", "poster", "redirect", "segment"])
async def test_no_picture_makes_the_vault_ask_a_private_address(
    where: str, server: FaultServer, tmp_path: Path
) -> None:
    """Only the post's own host is exempt here: what its page names elsewhere on this machine is
    refused.
    """
    private = f"http://127.0.0.1:{server.port}/inside.mp4"
    server.on("/inside.mp4", serve(media.mp4()))
    guard = EgressGuard(("10.9.9.9:1",))
    client = AiohttpClient(guard)
    request = MediaRequest(private, SourceType.DIRECT, scope=EgressScope("https://post.example/1"))
    if where == "segment":
        manifest = (
            "data:application/x-mpegurl,%23EXTM3U%0A%23EXT-X-TARGETDURATION:2%0A%23EXTINF:2,"
            f"%0A{private}%0A%23EXT-X-ENDLIST"
        )
        request = replace(request, url=manifest, source_type=SourceType.HLS)
    if where == "redirect":
        server.on("/away", reply(302, Location="http://169.254.169.254/latest"))
        guard = EgressGuard((f"127.0.0.1:{server.port}",))
        client = AiohttpClient(guard)
        request = MediaRequest(
            server.url("/away"), SourceType.DIRECT, scope=EgressScope(server.url("/post"))
        )
    poster = private if where == "poster" else None
    async with open_helpers(SystemClock(), count=1) as helpers:
        fetcher = BeginningFetcher(client, FakeClock(auto=True), IN_PROCESS)
        made = CandidateFrames(client, fetcher, FfmpegProbe(helpers), tmp_path)
        found = await made.frame(JOB, FrameRequest(request, poster))
    await client.close()
    guard.close()

    assert found is None
    assert server.asked("/inside.mp4") == []


async def test_the_players_headers_go_with_the_video_and_only_the_referrer_with_the_poster(
    server: FaultServer, made: CandidateFrames
) -> None:
    server.on("/p", reply(404))
    server.on("/v.mp4", serve(media.mp4()))
    headers = {"referer": server.url("/post"), "user-agent": "Browser", "x-key": "secret"}
    await made.frame(JOB, wanted(server, poster="/p", headers=headers))

    (poster,), (video,) = server.asked("/p"), server.asked("/v.mp4")
    assert (video.headers["x-key"], video.headers["user-agent"]) == ("secret", "Browser")
    assert (poster.headers["referer"], poster.headers["user-agent"]) == (
        server.url("/post"),
        "Browser",
    )
    assert "x-key" not in poster.headers
    assert "cookie" not in {*poster.headers, *video.headers}


def test_a_candidates_headers_are_the_players_then_the_sites_and_the_browsers_name() -> None:
    candidate = Candidate(
        "https://a.example/1",
        SourceType.DIRECT,
        FoundIn.DOM,
        headers={"origin": "https://a.example"},
    )
    site = Platform("s", "S", "2026-11-29", media=MediaRules(headers={"x-site": "1"}))
    asked = media_headers(candidate, site, page_url="https://a.example/post", user_agent="Browser")

    assert asked == {
        "referer": "https://a.example/post",
        "origin": "https://a.example",
        "x-site": "1",
        "user-agent": "Browser",
    }


# --- bounds ---------------------------------------------------------------------------------------


async def test_whoever_waits_is_not_kept_by_a_server_that_hangs(
    server: FaultServer, made: CandidateFrames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "WAIT_S", 0.05)
    server.on("/v.mp4", changed(serve(media.mp4()), hang=True, cut_at=100))
    server.on("/w.mp4", serve(media.mp4()))

    assert await made.frame(JOB, wanted(server)) is None  # although LIMIT_S is not over


async def test_a_video_that_takes_too_long_is_given_up(
    server: FaultServer, made: CandidateFrames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "LIMIT_S", 0.1)
    server.on("/v.mp4", changed(serve(media.mp4()), hang=True, cut_at=100))
    found = [await made.frame(JOB, wanted(server)) for _ in range(2)]

    assert (found, len(server.asked("/v.mp4"))) == ([None, None], 1)


async def test_few_pictures_are_made_at_a_time_and_too_many_are_refused(
    client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "MAX_WAITING", 5)
    monkeypatch.setattr(frames, "WAIT_S", 0.01)
    running, go = [], asyncio.Event()

    class Waiting(BeginningFetcher):
        async def fetch(self, request: MediaRequest, into: Path) -> None:
            running.append(request.url)
            await go.wait()

    class NoStills:
        async def still(self, video: Path, *, into: Path, at_s: float) -> Path | None:
            return None

    made = CandidateFrames(client, Waiting(client, FakeClock(), IN_PROCESS), NoStills(), tmp_path)
    requests = [
        MediaRequest(
            f"https://a.example/{n}", SourceType.DIRECT, scope=EgressScope("https://a.example")
        )
        for n in range(9)
    ]
    await asyncio.gather(*(made.frame(JOB, FrameRequest(request)) for request in requests))

    assert len(running) == frames.AT_ONCE
    go.set()
    await made.aclose()


INDEX = b"\0\0\0\x10moov" + bytes(8)


@pytest.mark.parametrize(
    ("make", "missing"),
    [
        (lambda: (INDEX + b"\0\0\1\0mdat", 272), None),  # in front
        (lambda: (b"\0\0\1\0mdat" + bytes(20), 272), 256),  # behind the media
        (lambda: (b"\0\0\1\0mdat" + bytes(248) + INDEX, 272), None),  # all of it is there
        (lambda: (b"\0\0\1\0moov" + bytes(20), 272), 28),  # cut in the middle of it
        (lambda: (b"\0\0\0\0mdat" + bytes(20), 272), None),  # media to the end
        (lambda: (b"\0\0\2\0mdat" + bytes(20), 272), None),  # longer than the file
        (lambda: (b"rubbish that is no box", 272), None),
        (lambda: (b"", 272), None),
    ],
)
def test_the_missing_index_is_found_by_the_boxes_in_front_of_it(
    make: Callable[[], tuple[bytes, int]], missing: int | None
) -> None:
    assert missing_index(*make()) == missing
