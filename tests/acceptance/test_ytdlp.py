"""yt-dlp in its child process, behind the egress proxy, against sites on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.failures import (
    AddressRefused,
    Deleted,
    Failure,
    HttpError,
    NetworkFailure,
    TookTooLong,
    Unsupported,
)
from mediavault.core.media import Extraction, Ownership, SourceType
from mediavault.core.urls import parse_http_url
from mediavault.egress.guard import EgressGuard
from mediavault.egress.proxy import EgressProxy
from mediavault.extraction.ytdlp_extractor import YtdlpExtractor
from mediavault.platforms.registry import identify
from tests.patience import patient, until
from tests.unit.egress.servers import Answer, Site, connections, ok, redirect, running, trapping

WITHIN_S = 60.0
PAGE = """<!doctype html><html><head><title>A lighthouse</title>
<meta property="og:title" content="A lighthouse"><meta property="og:video" content="{base}/film.mp4">
<meta property="og:video:type" content="video/mp4"></head><body>Waves.</body></html>"""  # noqa: E501
PLAYER = """<!doctype html><title>A stream</title><video controls>
<source src="/live/master.m3u8" type="application/x-mpegURL"></video>"""
MASTER = """#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English",DEFAULT=YES,URI="sound.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=640x360,CODECS="avc1.64001e,mp4a.40.2",AUDIO="a"
low.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2400000,RESOLUTION=1280x720,CODECS="avc1.64001f,mp4a.40.2",AUDIO="a"
high.m3u8
"""
MEDIA = """#EXTM3U
#EXT-X-TARGETDURATION:4
#EXTINF:4,
one.ts
#EXT-X-ENDLIST
"""
HTML = "Content-Type: text/html"


@asynccontextmanager
async def asking(tmp_path: Path, *, allow: tuple[str, ...]) -> AsyncIterator[YtdlpExtractor]:
    guard = EgressGuard(allow)
    proxy = EgressProxy(guard)
    await proxy.start()
    try:
        yield YtdlpExtractor(proxy, SystemClock(), state_dir=tmp_path)
    finally:
        await proxy.close()
        guard.close()


async def ask(tmp_path: Path, site: Site, path: str, *, within_s: float = WITHIN_S) -> Extraction:
    """Return what yt-dlp reads from a page of ``site``, which is the only exempt host."""
    async with asking(tmp_path, allow=(f"127.0.0.1:{site.port}",)) as extractor:
        post, platform = identify(parse_http_url(f"{site.url}{path}"))
        return await extractor.extract(post, platform, within_s=patient(within_s, most=3))


def children() -> set[int]:
    """Return the yt-dlp processes started by this one, however indirectly:
    other tests of the run have their own.
    """
    parents: dict[int, int] = {}
    workers = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended in the meantime
            parents[int(folder.name)] = int(
                (folder / "stat").read_text().rpartition(")")[2].split()[1]
            )
            if b"ytdlp_worker" in (folder / "cmdline").read_bytes():
                workers.add(int(folder.name))

    def is_ours(pid: int) -> bool:
        while pid in parents and pid != os.getpid():
            pid = parents[pid]
        return pid == os.getpid()

    return set(filter(is_ours, workers))


def at_work(tmp_path: Path) -> list[str]:
    return [folder.name for folder in (tmp_path / "ytdlp" / "at-work").iterdir()]


async def test_the_declared_video_of_a_page_becomes_the_only_candidate_of_the_post(
    tmp_path: Path,
) -> None:
    async with running() as site:
        site.answers = {
            "/post": ok(PAGE.format(base=site.url).encode(), HTML),
            "/film.mp4": ok(b"x" * 100, "Content-Type: video/mp4"),
        }
        result = await ask(tmp_path, site, "/post")

        assert [(c.url, c.source_type, c.ownership) for c in result.candidates] == [
            (f"{site.url}/film.mp4", SourceType.DIRECT, Ownership.LONE)
        ]
    assert (result.title, result.extractor) == ("A lighthouse", "ytdlp")
    assert "cookie" not in result.candidates[0].headers
    assert at_work(tmp_path) == []


async def test_a_master_playlist_is_a_candidate_with_its_best_variant_and_one_of_its_sound_alone(
    tmp_path: Path,
) -> None:
    async with running() as site:
        site.answers = {
            "/post": ok(PLAYER.encode(), HTML),
            "/live/master.m3u8": ok(MASTER.encode(), "Content-Type: application/x-mpegURL"),
            **{f"/live/{name}.m3u8": ok(MEDIA.encode()) for name in ("low", "high", "sound")},
        }
        result = await ask(tmp_path, site, "/post")
        candidate, sound = result.candidates

        assert candidate.url == f"{site.url}/live/master.m3u8"
        assert (sound.url, sound.has_video) == (f"{site.url}/live/sound.m3u8", False)
    assert (candidate.source_type, candidate.width, candidate.height) == (SourceType.HLS, 1280, 720)
    assert (candidate.video_codec, candidate.has_audio, candidate.audio_url) == ("h264", True, None)


async def test_the_url_of_a_file_is_its_candidate(tmp_path: Path) -> None:
    async with running() as site:
        site.answers = {
            "/clip.mp4": ok(b"\0\0\0\x18ftypmp42" + b"x" * 100, "Content-Type: video/mp4")
        }
        result = await ask(tmp_path, site, "/clip.mp4")

        assert [c.url for c in result.candidates] == [f"{site.url}/clip.mp4"]


async def test_a_private_address_is_refused_and_never_reached(tmp_path: Path) -> None:
    async with trapping() as trap, asking(tmp_path, allow=()) as extractor:
        post, platform = identify(parse_http_url(trap.url))
        with pytest.raises(AddressRefused):
            await extractor.extract(post, platform, within_s=patient(WITHIN_S))

        assert trap.hits == 0


async def test_a_redirect_to_a_private_address_is_refused_and_never_followed(
    tmp_path: Path,
) -> None:
    async with trapping() as trap, running() as site:
        site.answers = {"/post": redirect(trap.url)}
        with pytest.raises(AddressRefused):
            await ask(tmp_path, site, "/post")

        assert trap.hits == 0


async def test_a_redirect_to_a_private_address_over_tls_is_refused_too(tmp_path: Path) -> None:
    async with trapping() as trap, running() as site:
        site.answers = {"/post": redirect(trap.url.replace("http:", "https:"))}
        with pytest.raises(AddressRefused):
            await ask(tmp_path, site, "/post")

        assert trap.hits == 0


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (ok(b"gone", HTML, status="404 Not Found"), Deleted),
        (ok(b"busy", HTML, status="500 Oops"), HttpError),
        (ok(b"<title>Words</title><p>no video here", HTML), Unsupported),
    ],
)
async def test_errors_of_a_site_are_reported_with_our_codes(
    tmp_path: Path, answer: bytes, kind: type[Failure]
) -> None:
    async with running({"/post": answer}) as site:
        with pytest.raises(kind):
            await ask(tmp_path, site, "/post")


async def test_an_unreachable_server_is_a_network_failure(tmp_path: Path) -> None:
    async with running() as site:
        pass
    with pytest.raises(NetworkFailure):
        await ask(tmp_path, site, "/post")


async def test_a_hanging_extraction_is_killed_in_time_and_leaves_nothing(tmp_path: Path) -> None:
    started = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        started.set()
        await asyncio.Future()

    before = children()
    async with connections(silent) as port, asyncio.timeout(patient(60)):
        with pytest.raises(TookTooLong):
            await ask(tmp_path, Site(port=port), "/post", within_s=8)

    assert started.is_set()
    await until(lambda: children() <= before)
    assert at_work(tmp_path) == []


async def test_a_cancelled_extraction_leaves_neither_process_nor_folder(tmp_path: Path) -> None:
    requested = asyncio.Event()

    def answer(request: object) -> bytes:
        requested.set()
        return b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"  # and no body after it

    answers: dict[str, bytes | Answer] = {"/post": answer}
    before = children()
    async with running(answers) as site:
        asking = asyncio.create_task(ask(tmp_path, site, "/post"))
        await asyncio.wait_for(requested.wait(), patient(30))
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    await until(lambda: children() <= before)
    assert at_work(tmp_path) == []
