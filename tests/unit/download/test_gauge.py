"""Whether a segment is whole, determined from its own bytes."""

from __future__ import annotations

import pytest

from mediavault.core.failures import Failure, Incomplete, NotAVideo
from mediavault.download.track import checker_for
from tests import media

SIZED_CLUSTER = b"\x1f\x43\xb6\x75\x42\x00" + bytes(0x200)
TS, M4S, INIT = (
    media.hls("ts")["seg000.ts"],
    media.hls("fmp4")["seg000.m4s"],
    media.hls("fmp4")["init.mp4"],
)


def fault(body: bytes, piece: int = 10_007) -> str | None:
    gauge = checker_for(body[:1_024])
    for at in range(0, len(body), piece):
        gauge.feed(body[at : at + piece])
    return gauge.fault()


@pytest.mark.parametrize("piece", [1, 7, 188, 10_007, 10**6])
@pytest.mark.parametrize(
    "body",
    [TS[:1_880], TS, M4S, INIT + M4S, media.webm(), media.mkv()],
    ids=["few packets", "ts", "m4s", "init", "webm", "mkv"],
)
def test_a_whole_segment_has_no_fault_however_it_arrives(body: bytes, piece: int) -> None:
    assert (
        fault(
            body[:40_000] if piece == 1 and body is not M4S and len(body) < 40_000 else body,
            max(piece, 2),
        )
        is None
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (TS[:-1], "ends inside a packet"),
        (TS[:5_000] + TS[5_001:] + b"x", "loses packet sync"),
        (M4S[:-1], "ends inside a box"),
        (media.webm()[:-1], "ends inside an element"),
        (SIZED_CLUSTER[:-1], "ends inside an element"),
        (SIZED_CLUSTER + b"\0\0", "has a broken structure"),
        (M4S + b"\0\0", "ends inside a box"),
        (M4S + b"\0\0\0\3abcd", "has a broken structure"),
    ],
)
def test_what_is_wrong_with_a_broken_segment_is_reported(body: bytes, reason: str) -> None:
    assert fault(body) == reason


def test_large_boxes_with_sixty_four_bit_lengths_are_followed() -> None:
    box = b"\0\0\0\x01mdat" + (16 + 3_000).to_bytes(8, "big") + bytes(3_000)

    assert fault(M4S + box, 7) is None
    assert fault(M4S + box[:-1], 7) == "ends inside a box"


@pytest.mark.parametrize(
    ("head", "failure"),
    [
        (b"", Incomplete),
        (bytes(1_024), Incomplete),
        (bytes(range(256)) * 4, Incomplete),
        (media.html()[:1_024], NotAVideo),
        (b"WEBVTT\n\n00:00.000 --> 00:01.000\nHi", NotAVideo),
        (media.png()[:1_024], NotAVideo),
    ],
)
def test_what_is_not_a_segment_is_refused(head: bytes, failure: type[Failure]) -> None:
    with pytest.raises(failure):
        checker_for(head)
