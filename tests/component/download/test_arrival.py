"""A download is decoded while it arrives: when that begins, and everything that ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.failures import HttpError, LinkExpired
from mediavault.core.media import DownloadedFile, ItemType, SourceType
from mediavault.core.urls import EgressScope
from mediavault.download import writer
from mediavault.download.direct import DECODED_AFTER_S, PART, DirectDownloader
from mediavault.download.fetcher import MediaFetcher
from mediavault.download.port import MediaRequest
from mediavault.download.resume import Saved
from mediavault.download.writer import save_progress
from mediavault.media.arrival import Decoding, open_arrival_decoder
from mediavault.media.probe import FfmpegProbe
from mediavault.media.sniff import SNIFF_BYTES
from tests import media
from tests.component.download.conftest import LIMITS
from tests.component.download.test_connections import BODY as LONG_BODY
from tests.component.download.test_connections import LIMITS as LONG_LIMITS
from tests.component.download.test_connections import InThisThread, Line, a_clock
from tests.component.media.test_arrival import is_read_elsewhere
from tests.component.media.test_decode import damaged_at
from tests.fakes import FakeClock
from tests.patience import until
from tests.stubs import IN_PROCESS, UNSTARTED

URL = "https://cdn.example/v.mp4"
BODY, OTHER = media.mp4(4.0), media.mp4(4.0, sound=False)
HALF = len(BODY) // 2
PIECE = 10_000


@dataclass
class Decoder:
    """Begins what never ends, as often as it is asked to."""

    path: Path
    takes: bool = True
    heads: list[bytes] = field(default_factory=list)
    on_disk: list[bytes] = field(default_factory=list)
    begun: list[Decoding] = field(default_factory=list)

    def start(self, path: Path, head: bytes) -> Decoding | None:
        assert path == self.path
        self.heads.append(head)
        self.on_disk.append(path.read_bytes())
        if self.takes:
            self.begun.append(asyncio.create_task(self._decode()))
        return self.begun[-1] if self.takes else None

    async def _decode(self) -> Mapping[str, Any] | None:
        await asyncio.Event().wait()
        return None


@dataclass
class Answer:
    """A response of ``body`` from ``start`` on; each piece takes ``piece_s`` of the clock.
    It ends early, or in a failure.
    """

    site: Site
    body: bytes
    start: int = 0
    end: int | None = None
    status: int = 200
    failure: Exception | None = None
    etag: str = '"v1"'
    url: str = URL
    headers: Mapping[str, str] = field(default_factory=dict)

    async def read_chunk(self, limit: int = 1 << 20) -> bytes:
        await self.site.before_piece(self.start)
        self.site.clock.advance(self.site.piece_s)
        piece = self.body[self.start : self.end][:PIECE]
        self.start += len(piece)
        if not piece and self.failure is not None:
            raise self.failure
        return piece

    async def read(self, *, limit: int) -> bytes:
        raise NotImplementedError


@dataclass
class Site:
    """A client that gives each answer in turn, and the rest of the last one's file to further
    requests.
    """

    clock: FakeClock
    piece_s: float = 1.0
    answers: list[Answer] = field(default_factory=list)
    requests: int = 0

    @asynccontextmanager
    async def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, **_: Any
    ) -> AsyncIterator[Answer]:
        self.requests += 1
        answer = self.answers.pop(0)
        start = (headers or {}).get("range", "").removeprefix("bytes=").partition("-")[0]
        if start and answer.status == 206:
            answer.start = int(start)
        size, left = len(answer.body), len(answer.body) - answer.start
        span = (
            {"content-range": f"bytes {answer.start}-{size - 1}/{size}"}
            if answer.status == 206
            else {}
        )
        answer.headers = {"etag": answer.etag, "content-length": str(left), **span}
        yield answer

    async def close(self) -> None:
        return None

    async def before_piece(self, at: int) -> None:
        """Called before each piece; a test may wait here."""


@pytest.fixture
def site() -> Site:
    return Site(FakeClock(auto=True))


@pytest.fixture
def decoder(tmp_path: Path) -> Decoder:
    return Decoder(tmp_path / PART)


async def fetch(site: Site, decoder: Decoder, folder: Path, **facts: Any) -> DownloadedFile:
    downloader = DirectDownloader(site, site.clock, start_decoding=decoder.start)
    request = MediaRequest(URL, SourceType.DIRECT, EgressScope("https://a.example/post"), **facts)
    return await downloader.fetch(
        request, into=folder, limits=LIMITS, on_progress=lambda done, total: None
    )


async def test_a_download_that_lasts_is_decoded_while_it_arrives(
    site: Site, decoder: Decoder, tmp_path: Path
) -> None:
    site.answers = [Answer(site, BODY)]
    file = await fetch(site, decoder, tmp_path)

    assert decoder.heads == [BODY[:SNIFF_BYTES]]
    assert decoder.on_disk == [BODY[: len(decoder.on_disk[0])]]
    assert SNIFF_BYTES <= len(decoder.on_disk[0]) <= (DECODED_AFTER_S + 1) * PIECE
    assert file.decoding is decoder.begun[0]
    assert not file.decoding.cancelling()


async def test_a_file_that_is_there_at_once_is_not(
    site: Site, decoder: Decoder, tmp_path: Path
) -> None:
    site.answers, site.piece_s = [Answer(site, BODY)], DECODED_AFTER_S / len(BODY) * PIECE / 2
    file = await fetch(site, decoder, tmp_path)

    assert decoder.heads == []
    assert file.decoding is None


async def test_what_is_saved_as_sound_is_not(site: Site, decoder: Decoder, tmp_path: Path) -> None:
    site.answers = [Answer(site, BODY)]
    await fetch(site, decoder, tmp_path, type=ItemType.AUDIO)

    assert decoder.heads == []


async def test_a_download_that_cannot_be_decoded_on_arrival_is_asked_about_once(
    site: Site, decoder: Decoder, tmp_path: Path
) -> None:
    site.answers, decoder.takes = [Answer(site, BODY)], False
    file = await fetch(site, decoder, tmp_path)

    assert len(decoder.heads) == 1
    assert file.decoding is None
    assert file.path.read_bytes() == BODY


async def test_an_interruption_does_not_end_the_decoding(
    site: Site, decoder: Decoder, tmp_path: Path
) -> None:
    site.answers = [Answer(site, BODY, end=HALF), Answer(site, BODY, status=206)]
    file = await fetch(site, decoder, tmp_path)

    assert (site.requests, len(decoder.begun)) == (2, 1)
    assert file.decoding is decoder.begun[0]
    assert not file.decoding.cancelling()


async def test_a_file_that_an_earlier_call_began_is_decoded_from_its_first_byte(
    site: Site, decoder: Decoder, tmp_path: Path
) -> None:
    (tmp_path / PART).write_bytes(BODY[:HALF])
    save_progress(
        tmp_path / PART, Saved(URL, URL, len(BODY), '"v1"', None, "video/mp4", bytes=HALF)
    )
    site.answers = [Answer(site, BODY, status=206)]
    file = await fetch(site, decoder, tmp_path)

    assert decoder.heads == [BODY[:SNIFF_BYTES]]
    assert file.decoding is decoder.begun[0]


async def test_a_download_that_starts_over_ends_the_decoding_before_it_writes(
    site: Site, decoder: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended_before: list[bool] = []
    truncate = writer.FileWriter.rewind

    async def rewind(self: writer.FileWriter, at: int) -> None:
        ended_before.append(all(decoding.cancelling() for decoding in decoder.begun))
        await truncate(self, at)

    monkeypatch.setattr(writer.FileWriter, "rewind", rewind)
    site.answers = [
        Answer(site, BODY, end=HALF),
        Answer(site, OTHER, etag='"v2"'),
        Answer(site, OTHER, etag='"v2"'),
    ]
    file = await fetch(site, decoder, tmp_path)

    assert file.path.read_bytes() == OTHER
    assert file.decoding is None
    assert len(decoder.begun) == 1
    assert ended_before
    assert all(ended_before)


@pytest.mark.parametrize("failure", [LinkExpired("expired"), HttpError("gone", http_status=410)])
async def test_a_download_that_fails_ends_the_decoding(
    failure: Exception, site: Site, decoder: Decoder, tmp_path: Path
) -> None:
    site.answers = [Answer(site, BODY, end=HALF, failure=failure)]
    with pytest.raises(type(failure)):
        await fetch(site, decoder, tmp_path)

    assert [decoding.cancelling() for decoding in decoder.begun] == [1]


async def test_a_download_that_is_cancelled_ends_the_decoding(
    site: Site, decoder: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = asyncio.Event()

    async def before_piece(self: Site, at: int) -> None:
        if at > HALF:
            stuck.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(Site, "before_piece", before_piece)
    site.answers = [Answer(site, BODY)]
    fetching = asyncio.create_task(fetch(site, decoder, tmp_path))
    await stuck.wait()
    fetching.cancel()
    await asyncio.gather(fetching, return_exceptions=True)

    assert [decoding.cancelling() for decoding in decoder.begun] == [1]


async def test_over_several_connections_the_file_is_still_written_in_order(
    decoder: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "ThreadPoolExecutor", InThisThread)
    lengths = [0]

    def check(done: int, total: int | None) -> None:
        length = (tmp_path / PART).stat().st_size
        with (tmp_path / PART).open("rb") as part:
            part.seek(lengths[-1])
            assert part.read() == LONG_BODY[lengths[-1] : length]
        lengths.append(length)

    async with a_clock() as clock:
        line = Line(clock, each=1_000_000)
        request = MediaRequest(
            URL, SourceType.DIRECT, EgressScope("https://a.example/post"), max_connections=6
        )
        file = await DirectDownloader(line, clock, start_decoding=decoder.start).fetch(
            request, into=tmp_path, limits=LONG_LIMITS, on_progress=check
        )

    assert line.most_open == 6
    assert lengths == sorted(lengths)
    assert file.decoding is decoder.begun[0]
    assert not file.decoding.cancelling()


async def test_a_film_whose_sound_is_a_file_of_its_own_is_not_decoded_on_arrival(
    site: Site, decoder: Decoder, tmp_path: Path
) -> None:
    site.answers = [Answer(site, BODY), Answer(site, media.html())]
    fetcher = MediaFetcher(site, site.clock, UNSTARTED, IN_PROCESS, start_decoding=decoder.start)
    request = MediaRequest(
        URL, SourceType.DIRECT, EgressScope("https://a.example/post"), audio_url=URL + "?sound"
    )
    with pytest.raises(Exception, match="no video"):
        await fetcher.fetch(
            request, into=tmp_path, limits=LIMITS, on_progress=lambda done, total: None
        )

    assert decoder.heads == []


@pytest.mark.parametrize("body", [BODY, damaged_at(BODY, 60)], ids=["whole", "damaged"])
async def test_a_download_gets_the_verdict_that_it_would_get_anyway(
    body: bytes, site: Site, tmp_path: Path, probe: FfmpegProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a real helper, which has opened the file before its last pieces are sent."""

    async def before_piece(self: Site, at: int) -> None:
        if at > HALF:
            await until(lambda: is_read_elsewhere(tmp_path / PART))

    monkeypatch.setattr(Site, "before_piece", before_piece)
    site.answers = [Answer(site, body)]
    async with open_arrival_decoder(SystemClock()) as decoder:
        fetcher = MediaFetcher(
            site, site.clock, UNSTARTED, IN_PROCESS, start_decoding=decoder.start
        )
        request = MediaRequest(URL, SourceType.DIRECT, EgressScope("https://a.example/post"))
        file = await fetcher.fetch(
            request, into=tmp_path, limits=LIMITS, on_progress=lambda done, total: None
        )
        assert file.decoding is not None
        report = await probe.examine(file)

        assert (file.decoding.result() or {}).get("decoded") is not None or body != BODY
    (tmp_path / "again").write_bytes(body)
    assert report == await probe.examine(
        DownloadedFile(tmp_path / "again", URL, len(body), None, file.expected)
    )
