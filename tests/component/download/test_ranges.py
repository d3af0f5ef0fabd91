"""Files fetched in ranges of bounded size are complete and unchanged, or refused,
whatever the server does.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.failures import (
    EmptyBody,
    Failure,
    Incomplete,
    LinkExpired,
    RateLimited,
    TooLarge,
)
from mediavault.core.media import DownloadedFile
from mediavault.download.port import MIN_RANGE_BYTES
from mediavault.download.resume import OVERLAP_BYTES
from tests import media
from tests.component.download.conftest import LIMITS, Fetch
from tests.component.download.test_direct import half_there
from tests.fakes import FakeClock
from tests.fault_server import FaultServer, Reply, Request, Script, changed, cut, reply, serve
from tests.patience import patient

PIECE = MIN_RANGE_BYTES
BODY = media.mp4() + random.Random(1).randbytes(5 * PIECE // 2)
OTHER = media.mp4() + random.Random(2).randbytes(5 * PIECE // 2)
PIECES = 3


async def in_ranges(fetch: Fetch, **options: Any) -> DownloadedFile:
    return await fetch("/v.mp4", max_range_bytes=PIECE, **options)


async def test_no_request_asks_for_more_than_is_allowed_and_the_file_is_whole(
    server: FaultServer, fetch: Fetch, clock: FakeClock
) -> None:
    server.on("/v.mp4", serve(BODY))
    file = await in_ranges(fetch)

    assert file.path.read_bytes() == BODY
    spans = [(request.range_start, request.range_end) for request in server.requests]
    assert spans[0] == (0, PIECE - 1)
    assert [first for first, _ in spans[1:]] == [
        last + 1 - OVERLAP_BYTES for _, last in spans[:-1] if last is not None
    ]
    assert all(
        last is not None and first is not None and last - first < PIECE for first, last in spans
    )
    assert [request.headers.get("if-range") for request in server.requests] == [
        None,
        '"v1"',
        '"v1"',
    ]
    assert clock.slept == []


async def test_a_file_that_fits_takes_one_request(server: FaultServer, fetch: Fetch) -> None:
    server.on("/v.mp4", serve(BODY[:PIECE]))

    assert (await in_ranges(fetch)).path.read_bytes() == BODY[:PIECE]
    assert len(server.requests) == 1


async def test_without_a_validator_the_file_is_whole(server: FaultServer, fetch: Fetch) -> None:
    server.on("/v.mp4", serve(BODY, etag=None))
    file = await in_ranges(fetch)

    assert file.path.read_bytes() == BODY


def other_range(request: Request) -> Reply:
    """Return the right bytes, labelled as another range."""
    made = serve(BODY)(request)
    start = (request.range_start or 0) + 10
    made.headers["Content-Range"] = f"bytes {start}-{start + len(made.body) - 1}/{len(BODY)}"
    return made


def more_than_asked(request: Request) -> Reply:
    """Respect where a range begins and not where it ends."""
    start = request.range_start or 0
    return Reply(206, {"Content-Range": f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"}, BODY[start:])


def without_range_whole(script: Script) -> Script:
    return lambda request: serve(BODY)(request) if request.range_start is None else script(request)


@pytest.mark.parametrize(
    "script",
    [
        serve(BODY, ranges=False),
        without_range_whole(other_range),
        more_than_asked,
        without_range_whole(changed(serve(BODY), headers={"Content-Range": None})),
        without_range_whole(
            changed(serve(BODY), headers={"Content-Range": f"bytes 0-{PIECE - 1}/*"})
        ),
        without_range_whole(reply(416, Content_Range=f"bytes */{len(BODY)}")),
    ],
    ids=[
        "ignores them",
        "another part",
        "more than asked",
        "does not say which",
        "no total",
        "has none",
    ],
)
async def test_a_server_without_usable_ranges_is_asked_for_the_whole_file(
    script: Script, server: FaultServer, fetch: Fetch
) -> None:
    server.on("/v.mp4", script)

    assert (await in_ranges(fetch)).path.read_bytes() == BODY
    assert len(server.requests) <= 2


@pytest.mark.parametrize("if_range", [True, False], ids=["understands If-Range", "does not"])
async def test_a_file_that_changes_between_two_ranges_is_never_mixed(
    if_range: bool, server: FaultServer, fetch: Fetch
) -> None:
    server.on("/v.mp4", serve(BODY), serve(OTHER, etag='"v2"', if_range=if_range))

    assert (await in_ranges(fetch)).path.read_bytes() == OTHER


async def test_a_change_that_only_the_bytes_show_is_noticed_too(
    server: FaultServer, fetch: Fetch
) -> None:
    server.on("/v.mp4", serve(BODY, etag=None), serve(OTHER, etag=None))

    assert (await in_ranges(fetch)).path.read_bytes() == OTHER


async def test_another_total_in_a_later_range_means_starting_over(
    server: FaultServer, fetch: Fetch
) -> None:
    longer = BODY + b"more"
    server.on("/v.mp4", serve(BODY, etag=None), serve(longer, etag=None))

    assert (await in_ranges(fetch)).path.read_bytes() == longer


@pytest.mark.parametrize("at", [0, 1_000, OVERLAP_BYTES + 1_000])
async def test_a_range_that_breaks_off_is_resumed(
    at: int, server: FaultServer, fetch: Fetch, clock: FakeClock
) -> None:
    server.on("/v.mp4", serve(BODY), cut(serve(BODY), at=at, reset=True), serve(BODY))

    assert (await in_ranges(fetch)).path.read_bytes() == BODY
    assert clock.slept == [0.5]


async def test_ranges_shorter_than_requested_are_accepted(
    server: FaultServer, fetch: Fetch
) -> None:
    def at_most_half(request: Request) -> Reply:
        start = request.range_start or 0
        part = BODY[start : start + PIECE // 2]
        return Reply(
            206,
            {"Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(BODY)}", "ETag": '"v1"'},
            part,
        )

    server.on("/v.mp4", at_most_half)

    assert (await in_ranges(fetch)).path.read_bytes() == BODY


async def test_a_server_that_never_sends_anything_new_is_given_up(
    server: FaultServer, fetch: Fetch
) -> None:
    def overlap_only(request: Request) -> Reply:
        start = request.range_start or 0
        part = BODY[start : start + OVERLAP_BYTES] if start else BODY[:PIECE]
        return Reply(
            206,
            {"Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(BODY)}", "ETag": '"v1"'},
            part,
        )

    server.on("/v.mp4", overlap_only)

    with pytest.raises(Incomplete, match="nothing new"):
        async with asyncio.timeout(patient(30)):  # without the check it would be asked for ever
            await in_ranges(fetch)


async def test_more_bytes_than_a_range_names_never_get_into_the_file(
    server: FaultServer, fetch: Fetch
) -> None:
    def long_body(request: Request) -> Reply:
        made = serve(BODY)(request)
        made.body += b"x" * 100
        return made

    server.on("/v.mp4", long_body)

    with pytest.raises(Incomplete):
        await in_ranges(fetch)


async def test_an_empty_file_has_no_ranges(server: FaultServer, fetch: Fetch) -> None:
    server.on("/v.mp4", reply(416, Content_Range="bytes */0"))

    with pytest.raises(EmptyBody):
        await in_ranges(fetch)


async def test_the_total_is_checked_against_the_limit_at_the_first_range(
    server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    server.on("/v.mp4", serve(BODY))

    with pytest.raises(TooLarge):
        await in_ranges(fetch, limits=replace(LIMITS, max_bytes=len(BODY) - 1))
    assert len(server.requests) == 1
    assert list(tmp_path.iterdir()) == []


async def test_a_part_of_an_earlier_call_is_resumed_in_ranges(
    server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    half_there(server, tmp_path, body=BODY)
    server.on("/v.mp4", serve(BODY))

    assert (await in_ranges(fetch)).path.read_bytes() == BODY
    assert all(
        (request.range_end or 0) - (request.range_start or 0) < PIECE for request in server.requests
    )


# --- a site that refuses or slows down half way ---------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
async def test_a_request_to_slow_down_between_two_ranges_is_respected_and_the_rest_fetched(
    status: int, server: FaultServer, fetch: Fetch, clock: FakeClock
) -> None:
    server.on("/v.mp4", serve(BODY), reply(status, Retry_After="7"), serve(BODY))

    assert (await in_ranges(fetch)).path.read_bytes() == BODY
    assert clock.slept == [7.0]


async def test_a_request_to_slow_down_without_a_time_means_a_short_wait(
    server: FaultServer, fetch: Fetch, clock: FakeClock
) -> None:
    server.on("/v.mp4", serve(BODY), reply(429), serve(BODY))

    assert (await in_ranges(fetch)).path.read_bytes() == BODY
    assert clock.slept == [5.0]


@pytest.mark.parametrize(
    "script", [reply(429, Retry_After="600"), reply(403)], ids=["a long time", "refused"]
)
async def test_a_refusal_that_waiting_does_not_help_is_raised_and_leaves_the_part(
    script: Script, server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    server.on("/v.mp4", serve(BODY), script)

    with pytest.raises(Failure) as refused:
        await in_ranges(fetch)
    assert isinstance(refused.value, RateLimited | LinkExpired)
    assert refused.value.bytes_received == PIECE
    assert (tmp_path / "media.part").read_bytes() == BODY[:PIECE]
