"""Where one connection is slow, the rest of a file is fetched over several,
and the file is the same in every case.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediavault.core.failures import LinkExpired, NetworkFailure
from mediavault.core.media import DownloadedFile, SourceType
from mediavault.core.urls import EgressScope
from mediavault.download import writer
from mediavault.download.connections import MAX_BLOCK_BYTES
from mediavault.download.direct import MAX_PHASES, PART, DirectDownloader
from mediavault.download.port import DownloadLimits, MediaRequest
from tests import media
from tests.fakes import FakeClock

MB = 1_000_000
LIMITS = DownloadLimits(max_bytes=100 * MB, reserve_bytes=0, resumes=3)
BODY = media.mp4() + random.Random(3).randbytes(40 * MB)
OTHER = media.mp4() + random.Random(4).randbytes(40 * MB)
URL = "https://cdn.example/v.mp4"
CHUNK = 1 << 16


class InThisThread(Executor):
    """Runs the writer's work at once, so that nothing happens while the fake clock moves."""

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as exc:
            done.set_exception(exc)
        return done


class EventClock(FakeClock):
    """Moves to the next moment that a task waits for, once no task can continue."""

    async def run(self) -> None:
        while True:
            await self.settle(40)
            if self._sleepers:
                self.advance(
                    min(self._sleepers, key=lambda sleeper: sleeper[0])[0] - self.monotonic()
                )


@dataclass
class Answer:
    """One response of :class:`Line`, read at the line's speed."""

    line: Line
    status: int
    headers: Mapping[str, str]
    body: memoryview
    cut_at: int | None = None
    url: str = URL

    async def read_chunk(self, limit: int = 1 << 20) -> bytes:
        piece, self.body = self.body[:CHUNK], self.body[CHUNK:]
        if piece:
            await self.line.transmit(len(piece))
        if self.cut_at is not None:
            self.cut_at -= len(piece)
            if self.cut_at < 0:
                raise NetworkFailure("cut")
        return bytes(piece)

    async def read(self, *, limit: int) -> bytes:
        raise NotImplementedError


@dataclass
class Line:
    """A client whose line and whose server's connections have a speed, in bytes a second of the
    fake clock.

    ``further`` changes the answers to all requests for a part of the file.
    """

    clock: EventClock
    each: float
    total: float = 1e12
    offers_ranges: bool = True
    validators: Mapping[str, str] = field(default_factory=lambda: {"etag": '"v1"'})
    further: Callable[[Answer], Answer] = lambda answer: answer
    requests: list[Mapping[str, str]] = field(default_factory=list)
    open: int = 0
    most_open: int = 0

    async def transmit(self, count: int) -> None:
        await self.clock.sleep(count / min(self.each, self.total / self.open))

    @asynccontextmanager
    async def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, **_: Any
    ) -> AsyncIterator[Answer]:
        headers = headers or {}
        self.requests.append(headers)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            yield self._answer(headers)
        finally:
            self.open -= 1

    async def close(self) -> None:
        return None

    def _answer(self, headers: Mapping[str, str]) -> Answer:
        common = {
            **self.validators,
            "content-type": "video/mp4",
            "date": "Tue, 24 Nov 2026 12:00:00 GMT",
        }
        common |= {"accept-ranges": "bytes"} if self.offers_ranges else {}
        if "range" not in headers:
            return Answer(self, 200, common | {"content-length": str(len(BODY))}, memoryview(BODY))
        first, last = headers["range"].removeprefix("bytes=").split("-")
        end = int(last) + 1 if last else len(BODY)
        named = {
            "content-range": f"bytes {first}-{end - 1}/{len(BODY)}",
            "content-length": str(end - int(first)),
        }
        return self.further(Answer(self, 206, common | named, memoryview(BODY)[int(first) : end]))


async def fetch(
    line: Line, folder: Path, *, max_connections: int = 6, **changes: Any
) -> DownloadedFile:
    request = MediaRequest(
        URL,
        SourceType.DIRECT,
        EgressScope("https://a.example/post"),
        max_connections=max_connections,
    )
    return await DirectDownloader(line, line.clock).fetch(
        replace(request, **changes),
        into=folder,
        limits=LIMITS,
        on_progress=lambda done, total: None,
    )


async def seconds_of(line: Line, folder: Path, **options: Any) -> float:
    began_s = line.clock.monotonic()
    file = await fetch(line, folder, **options)
    assert file.path.read_bytes() == BODY
    assert file.sha256 == hashlib.sha256(BODY).hexdigest()
    return line.clock.monotonic() - began_s


@pytest.fixture(autouse=True)
def _in_this_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "ThreadPoolExecutor", InThisThread)


@asynccontextmanager
async def a_clock() -> AsyncIterator[EventClock]:
    clock = EventClock()
    moving = asyncio.create_task(clock.run())
    yield clock
    moving.cancel()
    with suppress(asyncio.CancelledError):
        await moving


@pytest.fixture
async def clock() -> AsyncIterator[EventClock]:
    async with a_clock() as moving:
        yield moving


async def test_a_server_that_limits_each_connection_is_read_over_several(
    clock: EventClock, tmp_path: Path
) -> None:
    line = Line(clock, each=1 * MB)

    assert await seconds_of(line, tmp_path) < len(BODY) / line.each / 4
    assert line.most_open == 6
    assert all(request["if-range"] == '"v1"' for request in line.requests[1:])


async def test_what_further_connections_do_not_make_faster_goes_on_over_one(
    clock: EventClock, tmp_path: Path
) -> None:
    line = Line(clock, each=9 * MB, total=2 * MB)

    assert await seconds_of(line, tmp_path) < 1.02 * len(BODY) / line.total
    assert line.requests[-1]["range"].endswith("-")  # one request for the rest
    assert line.open == 0


@pytest.mark.parametrize(
    "line",
    [
        {"each": 20 * MB},
        {"each": 3 * MB},
        {"each": 1 * MB, "offers_ranges": False},
        {"each": 1 * MB, "validators": {}},
        {"each": 1 * MB, "validators": {"etag": 'W/"v1"'}},
        {"each": 1 * MB, "max_connections": 1},
    ],
    ids=[
        "fast",
        "soon done",
        "no ranges",
        "no validator",
        "a weak validator",
        "one connection allowed",
    ],
)
async def test_one_request_is_enough(
    line: dict[str, Any], clock: EventClock, tmp_path: Path
) -> None:
    options = {"max_connections": line.pop("max_connections", 6)}
    link = Line(clock, **line)

    await seconds_of(link, tmp_path, **options)
    assert len(link.requests) == 1


def refused(answer: Answer) -> Answer:
    return replace(answer, status=403, body=memoryview(b""))


def overloaded(answer: Answer) -> Answer:
    return replace(answer, status=503, body=memoryview(b""))


def whole(answer: Answer) -> Answer:
    return replace(
        answer, status=200, headers={"content-length": str(len(BODY))}, body=memoryview(BODY)
    )


def another_version(answer: Answer) -> Answer:
    return replace(answer, headers={**answer.headers, "etag": '"v2"'})


def without_validator(answer: Answer) -> Answer:
    return replace(
        answer, headers={name: value for name, value in answer.headers.items() if name != "etag"}
    )


def to_the_end(answer: Answer) -> Answer:
    start = int(answer.headers["content-range"].removeprefix("bytes ").split("-")[0])
    named = f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"
    return replace(
        answer, headers={**answer.headers, "content-range": named}, body=memoryview(BODY)[start:]
    )


def cut_short(answer: Answer) -> Answer:
    return replace(answer, cut_at=300_000)


def ended_early(answer: Answer) -> Answer:
    return replace(answer, body=answer.body[:300_000])


def other_bytes(answer: Answer) -> Answer:
    start = int(answer.headers["content-range"].removeprefix("bytes ").split("-")[0])
    return replace(answer, body=memoryview(OTHER)[start : start + len(answer.body)])


FAULTS = [
    refused,
    overloaded,
    whole,
    another_version,
    without_validator,
    to_the_end,
    cut_short,
    ended_early,
    other_bytes,
]


@pytest.mark.parametrize("right", [0, 1, 5], ids=["at once", "after one", "after five"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_further_connections_that_are_answered_wrongly_do_no_harm(
    fault: Callable[[Answer], Answer], right: int, clock: EventClock, tmp_path: Path
) -> None:
    """Requests for a block are answered rightly ``right`` times;
    the rest over one connection has no end.
    """
    blocks = 0

    def only_blocks(answer: Answer) -> Answer:
        nonlocal blocks
        is_block = not line.requests[-1]["range"].endswith("-")
        blocks += is_block
        return fault(answer) if is_block and blocks > right else answer

    line = Line(clock, each=1 * MB, further=only_blocks)

    assert (await fetch(line, tmp_path)).path.read_bytes() == BODY
    assert len(line.requests) <= 1 + MAX_PHASES * 8 + right


async def test_a_link_that_works_once_is_read_to_its_end_however_slowly(
    clock: EventClock, tmp_path: Path
) -> None:
    line = Line(clock, each=1 * MB, further=refused)

    await seconds_of(line, tmp_path)
    assert len(line.requests) == 2  # the second one asked whether there is more than one


async def test_a_site_that_asks_to_slow_down_is_left_with_one_connection(
    clock: EventClock, tmp_path: Path
) -> None:
    def too_many(answer: Answer) -> Answer:
        is_block = not line.requests[-1]["range"].endswith("-")
        return replace(answer, status=429, headers={"retry-after": "7"}) if is_block else answer

    line = Line(clock, each=1 * MB, further=too_many)

    await seconds_of(line, tmp_path)
    assert len(line.requests) == 2


async def test_a_site_that_asks_to_slow_down_later_is_obeyed(
    clock: EventClock, tmp_path: Path
) -> None:
    def too_many(answer: Answer) -> Answer:
        is_block = not line.requests[-1]["range"].endswith("-")
        limited = replace(answer, status=429, headers={"retry-after": "7"})
        return limited if is_block and len(line.requests) > 5 else answer

    line = Line(clock, each=1 * MB, further=too_many)

    await seconds_of(line, tmp_path)
    assert 7.0 in clock.slept
    assert line.requests[-1]["range"].endswith("-")
    assert len(line.requests) <= 2 + 6 + 1


async def test_a_url_that_expires_ends_the_download_as_it_does_over_one_connection(
    clock: EventClock, tmp_path: Path
) -> None:
    def until_the_third(answer: Answer) -> Answer:
        return answer if len(line.requests) <= 3 else refused(answer)

    line = Line(clock, each=1 * MB, further=until_the_third)
    with pytest.raises(LinkExpired):
        await fetch(line, tmp_path)


async def test_two_files_of_one_host_share_its_connections(
    clock: EventClock, tmp_path: Path
) -> None:
    line = Line(clock, each=1 * MB)
    downloader = DirectDownloader(line, clock)
    request = MediaRequest(
        URL, SourceType.DIRECT, EgressScope("https://a.example/post"), max_connections=4
    )
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()

    files = await asyncio.gather(
        *(
            downloader.fetch(
                request, into=into, limits=LIMITS, on_progress=lambda done, total: None
            )
            for into in folders
        )
    )

    assert [file.path.read_bytes() == BODY for file in files] == [True, True]
    assert line.most_open == 4


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(stops_after=st.integers(min_value=1, max_value=600))
async def test_a_download_that_is_stopped_anywhere_leaves_the_beginning_of_the_file(
    stops_after: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("stopped")
    left = stops_after

    class StoppingLine(Line):
        async def transmit(self, count: int) -> None:
            nonlocal left
            await super().transmit(count)
            left -= 1
            if left == 0:
                task.cancel()

    async with a_clock() as clock:
        task = asyncio.ensure_future(fetch(StoppingLine(clock, each=1 * MB), folder))
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            return

        part = folder / PART
        saved = writer.load_progress(part)
        kept = part.read_bytes()[: saved.bytes if saved else 0]
        assert BODY.startswith(kept)
        assert len(kept) >= min(stops_after * CHUNK, len(BODY)) - 7 * (MAX_BLOCK_BYTES + CHUNK)
        assert (await fetch(Line(clock, each=1 * MB), folder)).path.read_bytes() == BODY
