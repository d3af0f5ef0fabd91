"""The direct downloader against servers that behave and servers that do not."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.failures import (
    EmptyBody,
    Failure,
    HttpError,
    Incomplete,
    LinkExpired,
    NetworkFailure,
    NoSpace,
    NotAVideo,
    RateLimited,
    TookTooLong,
    TooLarge,
)
from mediavault.core.media import Expected, SourceType
from mediavault.core.urls import EgressScope
from mediavault.download.direct import DirectDownloader
from mediavault.download.port import MediaRequest
from mediavault.download.resume import OVERLAP_BYTES, Saved
from mediavault.download.writer import load_progress, progress_file, save_progress
from tests import media
from tests.component.download.conftest import LIMITS, Fetch
from tests.fakes import FakeClock
from tests.fault_server import FaultServer, Reply, Script, changed, cut, reply, serve
from tests.patience import patient

BODY = media.mp4() + random.Random(1).randbytes(400_000)  # the downloader judges first bytes only
OTHER = media.mp4() + random.Random(2).randbytes(400_000)
HALF = len(BODY) // 2


def half_there(server: FaultServer, folder: Path, body: bytes = BODY, **facts: Any) -> None:
    """Write what an interrupted call leaves: half of ``body``, and its progress."""
    url = server.url("/v.mp4")
    known = {
        "url": url,
        "final_url": url,
        "total": len(body),
        "etag": '"v1"',
        "last_modified": None,
        **facts,
    }
    (folder / "media.part").write_bytes(body[:HALF])
    save_progress(folder / "media.part", Saved(**known, content_type="video/mp4", bytes=HALF))


# --- the plain case -------------------------------------------------------------------------------


async def test_a_file_is_saved_as_it_is(server: FaultServer, fetch: Fetch, tmp_path: Path) -> None:
    server.on("/v.mp4", serve(BODY))
    heard: list[tuple[int, int | None]] = []
    file = await fetch("/v.mp4", on_progress=lambda done, total: heard.append((done, total)))

    assert file.path.read_bytes() == BODY
    assert (file.bytes, file.content_type, file.segmented) == (len(BODY), "video/mp4", False)
    assert heard[-1] == (len(BODY), len(BODY))
    assert [path.name for path in tmp_path.iterdir()] == ["media.mp4"]


async def test_the_first_request_is_a_plain_one_for_unchanged_bytes(
    server: FaultServer, fetch: Fetch
) -> None:
    server.on("/v.mp4", serve(BODY))
    await fetch("/v.mp4", headers={"Referer": "http://a.example/", "Accept-Encoding": "gzip"})
    sent = server.requests[0].headers

    assert "range" not in sent
    assert sent["accept-encoding"] == "identity"
    assert sent["referer"] == "http://a.example/"


async def test_the_name_comes_from_the_bytes_alone(server: FaultServer, fetch: Fetch) -> None:
    named = {"Content-Type": "text/html", "Content-Disposition": 'attachment; filename="x.desktop"'}
    server.on("/v.html", changed(serve(media.webm()), headers=named))

    assert (await fetch("/v.html")).path.name == "media.webm"


async def test_a_redirected_file_records_its_final_url(server: FaultServer, fetch: Fetch) -> None:
    server.on("/v", reply(302, Location=server.url("/real.mp4")))
    server.on("/real.mp4", serve(BODY))

    assert (await fetch("/v")).url == server.url("/real.mp4")


async def test_a_body_without_a_length_is_saved(server: FaultServer, fetch: Fetch) -> None:
    server.on("/v.mp4", changed(serve(BODY), length=False))
    file = await fetch("/v.mp4")

    assert file.path.read_bytes() == BODY


async def test_a_chunked_body_is_saved(server: FaultServer, fetch: Fetch) -> None:
    server.on("/v.mp4", changed(serve(BODY), chunked=True))
    file = await fetch("/v.mp4")

    assert file.path.read_bytes() == BODY


async def test_a_body_without_a_length_must_have_what_the_post_announced(
    server: FaultServer, fetch: Fetch
) -> None:
    server.on("/v.mp4", changed(serve(BODY), length=False, cut_at=HALF))

    with pytest.raises(Incomplete):
        await fetch("/v.mp4", expected=Expected(size=len(BODY)))


# --- the ten behaviours: half a file is there, and the server -------------------------------------

GZIPPED = {"Content-Encoding": "gzip"}
BEHAVIOURS: Mapping[str, tuple[Script, bytes | type[Failure]]] = {
    "is normal": (serve(BODY), BODY),
    "ignores Range": (serve(BODY, ranges=False), BODY),
    "has a new file under a new ETag": (serve(OTHER, etag='"v2"'), OTHER),
    "has a new file and ignores If-Range": (serve(OTHER, etag='"v2"', if_range=False), OTHER),
    "names no Content-Range": (changed(serve(BODY), headers={"Content-Range": None}), BODY),
    "sends another range": (
        lambda request: Reply(206,
                              {"Content-Range": f"bytes 0-{len(BODY) - 1}/{len(BODY)}",
                               "ETag": '"v1"'}, BODY)
        if request.range_start is not None
        else serve(BODY)(request),
        BODY,
    ),
    "sends wrong bytes under the right header": (
        lambda request: serve(OTHER if request.range_start else BODY, etag='"v1"')(request),
        BODY,
    ),
    "compresses": (changed(serve(BODY), headers=GZIPPED), HttpError),
    "sends a login page": (reply(200, media.html(), Content_Type="text/html"), NotAVideo),
    "sends a login page as the part": (
        lambda request: Reply(206, {"Content-Range": (
            f"bytes {request.range_start}-{len(BODY) - 1}/{len(BODY)}"
        ),
                                    "Content-Type": "text/html", "ETag": '"v1"'}, media.html())
        if request.range_start is not None
        else Reply(200, {}, media.html()),
        NotAVideo,
    ),
    "always closes early": (cut(serve(BODY, ranges=False), at=HALF), Incomplete),
    "announces a thousand bytes too many": (
        changed(serve(BODY, ranges=False), headers={"Content-Length": str(len(BODY) + 1_000)}),
        Incomplete,
    ),
    "says 416 with another length": (
        lambda request: Reply(416,
                              {"Content-Range": "bytes */7"}) if request.range_start else serve(BODY)(request),  # noqa: E501
        BODY,
    ),
}  # fmt: skip


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
async def test_a_resumed_file_is_right_or_refused_when_the_server(
    behaviour: str, server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    script, outcome = BEHAVIOURS[behaviour]
    half_there(server, tmp_path)
    server.on("/v.mp4", script)

    if isinstance(outcome, bytes):
        assert (await fetch("/v.mp4")).path.read_bytes() == outcome
    else:
        with pytest.raises(outcome):
            await fetch("/v.mp4")
        assert not list(tmp_path.glob("media.mp4"))


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
async def test_a_fresh_file_is_right_or_refused_when_the_server(
    behaviour: str, server: FaultServer, fetch: Fetch
) -> None:
    script, outcome = BEHAVIOURS[behaviour]
    server.on("/v.mp4", cut(serve(BODY), at=HALF), script)

    if isinstance(outcome, bytes):
        assert (await fetch("/v.mp4")).path.read_bytes() == outcome
    else:
        with pytest.raises(outcome):
            await fetch("/v.mp4")


async def test_a_resume_loads_only_what_is_missing_and_a_little_overlap(
    server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    half_there(server, tmp_path)
    server.on("/v.mp4", serve(BODY))
    await fetch("/v.mp4")

    assert server.requests[0].headers["range"] == f"bytes={HALF - OVERLAP_BYTES}-"
    assert server.requests[0].headers["if-range"] == '"v1"'
    assert len(server.requests) == 1


async def test_without_a_strong_validator_the_overlap_alone_decides_about_a_resume(
    server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    half_there(server, tmp_path, etag=None)
    server.on("/v.mp4", serve(BODY, etag='W/"v1"'))
    file = await fetch("/v.mp4")

    assert file.path.read_bytes() == BODY
    assert len(server.requests) == 1


async def test_a_part_of_another_video_never_gets_into_the_file(
    server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    """Same URL, same length, no validators: only the overlap differs."""
    half_there(server, tmp_path, body=OTHER, etag=None)
    server.on("/v.mp4", serve(BODY, etag=None))

    assert (await fetch("/v.mp4")).path.read_bytes() == BODY
    assert len(server.requests) == 2


@pytest.mark.parametrize("fresh", ["/v.mp4?sig=2", "/moved.mp4"])
async def test_a_fresh_signed_url_resumes_where_the_old_one_ended(
    fresh: str, server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    half_there(server, tmp_path)
    server.on(fresh.partition("?")[0], serve(BODY))

    assert (await fetch(fresh)).path.read_bytes() == BODY
    assert server.requests[0].range_start == HALF - OVERLAP_BYTES


async def test_a_whole_part_that_was_never_renamed_is_checked_and_kept(
    server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    half_there(server, tmp_path)
    (tmp_path / "media.part").write_bytes(BODY)
    saved = load_progress(tmp_path / "media.part")
    assert saved is not None
    save_progress(tmp_path / "media.part", replace(saved, bytes=len(BODY)))
    server.on("/v.mp4", serve(BODY))

    assert (await fetch("/v.mp4")).path.read_bytes() == BODY
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "sidecar",
    ["", "{}", "[]", '{"version": 99}', '{"version": 1, "url": 5}'],
    ids=["empty", "{}", "[]", "new", "odd"],
)
async def test_a_sidecar_that_cannot_be_trusted_means_starting_over(
    sidecar: str, server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    half_there(server, tmp_path)
    progress_file(tmp_path / "media.part").write_text(sidecar)
    server.on("/v.mp4", serve(BODY))

    assert (await fetch("/v.mp4")).path.read_bytes() == BODY
    assert server.requests[0].range_start is None


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 99},
        {"bytes": HALF + 1},
        {"bytes": 0},
        {"bytes": "many"},
        {"total": None},
        {"extra": 1},
    ],
)
async def test_a_sidecar_that_does_not_fit_means_starting_over(
    changes: dict[str, Any], server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    half_there(server, tmp_path)
    sidecar = progress_file(tmp_path / "media.part")
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | changes))
    server.on("/v.mp4", serve(BODY))

    assert (await fetch("/v.mp4")).path.read_bytes() == BODY
    assert server.requests[0].range_start is None


async def test_bytes_that_were_never_synced_are_loaded_again(
    server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    """After a power cut a file may be longer than what reached the disk: the sidecar counts,
    not the length.
    """
    half_there(server, tmp_path)
    (tmp_path / "media.part").write_bytes(BODY[:HALF] + bytes(100_000))
    server.on("/v.mp4", serve(BODY))

    assert (await fetch("/v.mp4")).path.read_bytes() == BODY


async def test_a_failed_call_leaves_a_part_that_a_later_call_resumes(
    server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    half_there(server, tmp_path)
    server.on("/v.mp4", reply(403))
    with pytest.raises(LinkExpired):
        await fetch("/v.mp4")
    server.on("/v.mp4", serve(BODY))

    assert (await fetch("/v.mp4")).path.read_bytes() == BODY
    assert server.requests[-1].range_start == HALF - OVERLAP_BYTES


# --- connections that break -----------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 1, 5_000, HALF, len(BODY) - 1])
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_a_connection_that_breaks_is_resumed(
    at: int, reset: bool, server: FaultServer, fetch: Fetch
) -> None:
    server.on("/v.mp4", cut(serve(BODY), at=at, reset=reset), serve(BODY))
    file = await fetch("/v.mp4")

    assert file.path.read_bytes() == BODY


async def test_a_chunked_body_that_breaks_is_loaded_again(
    server: FaultServer, fetch: Fetch
) -> None:
    server.on(
        "/v.mp4",
        changed(serve(BODY), chunked=True, cut_at=HALF),
        changed(serve(BODY), chunked=True),
    )

    assert (await fetch("/v.mp4")).path.read_bytes() == BODY


async def test_interruptions_are_retried_with_growing_delays_and_not_for_ever(
    server: FaultServer, fetch: Fetch, clock: FakeClock
) -> None:
    server.on("/v.mp4", cut(serve(BODY, ranges=False), at=HALF))

    with pytest.raises(Incomplete):
        await fetch("/v.mp4")
    assert clock.slept == [0.5, 1.0, 2.0]
    assert len(server.requests) == 1 + LIMITS.resumes


# --- answers that are not a video -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        (reply(200, media.html(), Content_Type="video/mp4"), NotAVideo),
        (reply(200, b'{"error": "login"}', Content_Type="video/mp4"), NotAVideo),
        (reply(200, b"<?xml version='1.0'?><Error/>", Content_Type="video/mp4"), NotAVideo),
        (reply(200, media.png(), Content_Type="video/mp4"), NotAVideo),
        (reply(200, b"", Content_Type="video/mp4"), EmptyBody),
        (reply(204), EmptyBody),
        (reply(401), LinkExpired),
        (reply(403), LinkExpired),
        (reply(410), LinkExpired),
        (reply(404), HttpError),
        (reply(500), HttpError),
        (reply(206, BODY[10:], Content_Range=f"bytes 10-{len(BODY) - 1}/{len(BODY)}"), HttpError),
        (reply(302, Location="ftp://a.example/v.mp4"), HttpError),
    ],
)
async def test_an_answer_that_is_not_a_video_raises_a_specific_failure(
    script: Script, failure: type[Failure], server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    server.on("/v.mp4", script)

    with pytest.raises(failure):
        await fetch("/v.mp4")
    assert not list(tmp_path.glob("media.mp4"))
    assert len(server.requests) == 1


async def test_a_file_refused_for_its_content_leaves_nothing_behind(
    server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    server.on("/v.mp4", reply(200, media.html()))
    with pytest.raises(NotAVideo):
        await fetch("/v.mp4")

    assert list(tmp_path.iterdir()) == []


async def test_a_request_to_slow_down_says_for_how_long(server: FaultServer, fetch: Fetch) -> None:
    server.on("/v.mp4", reply(429, Retry_After="42"))

    with pytest.raises(RateLimited) as refused:
        await fetch("/v.mp4")
    assert refused.value.retry_after == timedelta(seconds=42)


async def test_a_server_error_half_way_counts_as_an_interruption(
    server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    half_there(server, tmp_path)
    server.on("/v.mp4", reply(502), serve(BODY))

    assert (await fetch("/v.mp4")).path.read_bytes() == BODY


# --- limits ---------------------------------------------------------------------------------------


async def test_a_file_that_announces_too_much_is_refused_before_its_first_byte(
    server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    server.on("/v.mp4", changed(serve(BODY), headers={"Content-Length": str(10**13)}, hang=True))

    with pytest.raises(TooLarge):
        await fetch("/v.mp4")
    assert list(tmp_path.iterdir()) == []


async def test_a_body_without_end_is_cut_off_at_the_limit(
    server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    server.on("/v.mp4", changed(serve(BODY), length=False, hang=True))

    with pytest.raises(TooLarge):
        await fetch("/v.mp4", limits=replace(LIMITS, max_bytes=300_000))
    assert list(tmp_path.iterdir()) == []


async def test_a_file_larger_than_the_free_space_is_refused_before_its_first_byte(
    server: FaultServer, fetch: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=len(BODY) + 99))
    server.on("/v.mp4", serve(BODY))

    with pytest.raises(NoSpace):
        await fetch("/v.mp4", limits=replace(LIMITS, reserve_bytes=100))
    assert (await fetch("/v.mp4", limits=replace(LIMITS, reserve_bytes=99))).bytes == len(BODY)


async def test_a_server_that_falls_silent_is_asked_again(server: FaultServer, fetch: Fetch) -> None:
    server.on("/v.mp4", changed(cut(serve(BODY), at=HALF), hang=True), serve(BODY))
    file = await fetch("/v.mp4", limits=replace(LIMITS, stall_s=patient(0.3)))

    assert file.path.read_bytes() == BODY
    assert server.requests[1].range_start is not None


async def test_a_refused_connection_is_a_network_failure(
    server: FaultServer, fetch: Fetch, clock: FakeClock
) -> None:
    server.on("/gone", reply(302, Location="http://127.0.0.1:1/v.mp4"))
    server.on("/v.mp4", changed(serve(BODY), headers={"Content-Length": "no number"}))

    with pytest.raises(Failure):
        await fetch("/gone")
    with pytest.raises(NetworkFailure):
        await fetch("/v.mp4")


# --- with a scripted client: what no real server can be made to do in a short time ----------------


@dataclass(slots=True)
class Drip:
    """An ``HttpResponse`` whose pieces each take ``each_s`` of the clock."""

    clock: FakeClock
    pieces: list[bytes]
    each_s: float
    status: int = 200
    url: str = "http://a.example/v.mp4"
    headers: Mapping[str, str] = field(default_factory=dict)

    async def read_chunk(self, limit: int = 1 << 20) -> bytes:
        self.clock.advance(self.each_s)
        return self.pieces.pop(0) if self.pieces else b""

    async def read(self, *, limit: int) -> bytes:
        raise NotImplementedError


class OneAnswer:
    """An ``HttpClient`` that gives the same answer every time, and counts the requests."""

    def __init__(self, answer: Drip) -> None:
        self.answer, self.requests = answer, 0

    @asynccontextmanager
    async def get(self, url: str, **options: Any) -> AsyncIterator[Drip]:
        self.requests += 1
        yield self.answer

    async def close(self) -> None:
        return None


async def dripped(
    pieces: Sequence[bytes], each_s: float, folder: Path, **headers: str
) -> tuple[OneAnswer, FakeClock]:
    clock = FakeClock(auto=True)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    client = OneAnswer(Drip(clock, list(pieces), each_s, headers=named))
    request = MediaRequest(
        "http://a.example/v.mp4", SourceType.DIRECT, EgressScope("http://a.example/post")
    )
    await DirectDownloader(client, clock).fetch(
        request, into=folder, limits=LIMITS, on_progress=lambda done, total: None
    )
    return client, clock


@pytest.mark.parametrize("start", [0, 100_000], ids=["from the start", "later"])
async def test_a_server_that_sends_too_slowly_is_given_up_after_a_minute(
    start: int, tmp_path: Path
) -> None:
    pieces = [BODY[:start], *(bytes([byte]) for byte in BODY[start : start + 600])]

    with pytest.raises(TookTooLong, match="less than 1024 bytes a second"):
        await dripped([piece for piece in pieces if piece], 10.0, tmp_path)


async def test_a_slow_connection_is_tolerated(tmp_path: Path) -> None:
    await dripped([BODY[at : at + 20_000] for at in range(0, len(BODY), 20_000)], 10.0, tmp_path)

    assert (tmp_path / "media.mp4").read_bytes() == BODY


async def test_an_announced_length_must_be_reached_even_if_the_client_reports_no_error(
    tmp_path: Path,
) -> None:
    with pytest.raises(Incomplete, match=r"download (stopped|was interrupted)"):
        await dripped([BODY[:HALF]], 0.0, tmp_path, content_length=str(len(BODY)))


async def test_more_bytes_than_announced_are_refused_too(tmp_path: Path) -> None:
    with pytest.raises(Failure):
        await dripped([BODY], 0.0, tmp_path, content_length=str(HALF))


async def test_a_cancelled_transfer_keeps_its_part_for_the_next_call(
    server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    arrived = asyncio.Event()
    server.on("/v.mp4", changed(cut(serve(BODY), at=HALF), hang=True), serve(BODY))
    first = asyncio.create_task(
        fetch("/v.mp4", on_progress=lambda done, total: arrived.set() if done >= HALF else None)
    )
    await arrived.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    file = await fetch("/v.mp4")

    assert hashlib.sha256(file.path.read_bytes()).digest() == hashlib.sha256(BODY).digest()
    assert server.requests[1].range_start == HALF - OVERLAP_BYTES
