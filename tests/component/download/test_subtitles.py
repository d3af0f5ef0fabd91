"""Subtitles from a loopback server: one file, or a playlist of segments; whole,
or a specific failure.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from mediavault.core.failures import (
    AddressRefused,
    Failure,
    HttpError,
    LinkExpired,
    NotAVideo,
    RateLimited,
    TooLarge,
)
from mediavault.core.media import Cue, SubtitleSource
from mediavault.core.urls import EgressScope
from mediavault.download import subtitles
from mediavault.download.subtitles import SubtitleFetcher
from mediavault.egress.client import AiohttpClient
from mediavault.egress.guard import EgressGuard
from tests.fakes import FakeClock
from tests.fault_server import FaultServer, reply, serve
from tests.stubs import IN_PROCESS

VTT = b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n"
SEGMENT = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{},LOCAL:00:00:00.000\n\n{}"
PLAYLIST = (
    "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\na.vtt\n#EXTINF:6,\nb.vtt\n#EXTINF:6,\nc.vtt\n"
    "#EXT-X-ENDLIST\n"
)

FetchTexts = Callable[..., Coroutine[Any, Any, list[Cue]]]


@pytest.fixture
async def fetch(server: FaultServer) -> AsyncIterator[FetchTexts]:
    client = AiohttpClient(EgressGuard((f"127.0.0.1:{server.port}",)), clock=FakeClock(auto=True))

    async def run(path: str, *, url: str | None = None) -> list[Cue]:
        source = SubtitleSource(url or server.url(path), "en")
        return list(
            await SubtitleFetcher(client, IN_PROCESS)(
                source,
                scope=EgressScope(server.url("/post")),
                headers={"referer": server.url("/post")},
            )
        )

    yield run
    await client.close()


async def test_a_file_is_fetched_with_the_posts_headers(
    server: FaultServer, fetch: FetchTexts
) -> None:
    server.on("/en.vtt", serve(VTT))

    assert await fetch("/en.vtt") == [Cue(1.0, 2.0, "Hello")]
    assert server.asked("/en.vtt")[0].headers["referer"] == server.url("/post")


async def test_the_segments_of_a_playlist_are_joined_on_one_clock(
    server: FaultServer, fetch: FetchTexts
) -> None:
    """The second segment counts from its own beginning;
    the third repeats a cue that spans the border.
    """
    server.on("/s/index.m3u8", serve(PLAYLIST.encode()))
    cue = "00:{}.000 --> 00:{}.000\n{}\n"
    server.on("/s/a.vtt", serve(SEGMENT.format(900_000, cue.format("01", "02", "one")).encode()))
    server.on(
        "/s/b.vtt",
        serve(SEGMENT.format(900_000 + 6 * 90_000, cue.format("05", "07", "two")).encode()),
    )
    both = cue.format("11", "13", "two") + "\n" + cue.format("14", "15", "three")
    server.on("/s/c.vtt", serve(SEGMENT.format(900_000, both).encode()))

    assert await fetch("/s/index.m3u8") == [
        Cue(1.0, 2.0, "one"),
        Cue(11.0, 13.0, "two"),
        Cue(14.0, 15.0, "three"),
    ]


async def test_a_segment_without_words_is_no_failure(
    server: FaultServer, fetch: FetchTexts
) -> None:
    server.on("/index.m3u8", serve(PLAYLIST.encode()))
    for name, body in (("a", b"WEBVTT\n"), ("b", VTT), ("c", b"WEBVTT\n")):
        server.on(f"/{name}.vtt", serve(body))

    assert await fetch("/index.m3u8") == [Cue(1.0, 2.0, "Hello")]


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (404, LinkExpired),
        (403, LinkExpired),
        (410, LinkExpired),
        (500, HttpError),
        (204, HttpError),
        (429, RateLimited),
    ],
)
async def test_a_refusal_is_a_failure_of_its_kind(
    status: int, failure: type[Failure], server: FaultServer, fetch: FetchTexts
) -> None:
    server.on("/en.vtt", reply(status, Retry_After="90"))

    with pytest.raises(failure) as caught:
        await fetch("/en.vtt")
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after == timedelta(seconds=90)


@pytest.mark.parametrize(
    "body",
    [b"", b"<!doctype html><title>Sign in</title>", b"\x00\xff" * 500, b"WEBVTT\n", b"#EXTM3U\n"],
)
async def test_what_holds_no_subtitles_is_refused(
    body: bytes, server: FaultServer, fetch: FetchTexts
) -> None:
    server.on("/en.vtt", serve(body))

    with pytest.raises(Failure):
        await fetch("/en.vtt")


async def test_a_missing_segment_fails_all(server: FaultServer, fetch: FetchTexts) -> None:
    server.on("/index.m3u8", serve(PLAYLIST.encode()))
    server.on("/a.vtt", serve(VTT))

    with pytest.raises(Failure):
        await fetch("/index.m3u8")


async def test_too_much_is_refused(
    server: FaultServer, fetch: FetchTexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subtitles, "MAX_FILE_BYTES", 20)
    monkeypatch.setattr(subtitles, "MAX_SEGMENTS", 2)
    server.on("/en.vtt", serve(VTT))
    server.on("/many.m3u8", serve(b"#EXTM3U\n"))

    with pytest.raises(TooLarge):
        await fetch("/en.vtt")


async def test_segments_that_are_too_much_together_are_refused(
    server: FaultServer, fetch: FetchTexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subtitles, "MAX_FILE_BYTES", max(len(PLAYLIST), 2 * len(VTT)))
    server.on("/index.m3u8", serve(PLAYLIST.encode()))
    for name in "abc":
        server.on(f"/{name}.vtt", serve(VTT + b" " * (len(PLAYLIST) // 2)))

    with pytest.raises(TooLarge):
        await fetch("/index.m3u8")


async def test_a_playlist_of_too_many_segments_is_refused(
    server: FaultServer, fetch: FetchTexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subtitles, "MAX_SEGMENTS", 2)
    server.on("/index.m3u8", serve(PLAYLIST.encode()))

    with pytest.raises(NotAVideo):
        await fetch("/index.m3u8")
    assert not server.asked("/a.vtt")


async def test_an_address_in_the_home_network_is_refused(fetch: FetchTexts) -> None:
    with pytest.raises(AddressRefused):
        await fetch("", url="http://127.0.0.1:9/en.vtt")
