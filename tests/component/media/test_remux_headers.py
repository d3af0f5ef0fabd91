"""Parameter sets from decoder configurations."""

from __future__ import annotations

import pytest

from mediavault.media.packets import parameter_sets, same_form

SPS, PPS, VPS = b"\x67sequence", b"\x68pic", b"\x40video"


def sized(unit: bytes, length_bytes: int) -> bytes:
    return len(unit).to_bytes(length_bytes, "big") + unit


def avc(length_bytes: int = 4) -> bytes:
    head = b"\x01\x64\x00\x1f" + bytes([0xFC | length_bytes - 1])
    return head + b"\xe1" + sized(SPS, 2) + b"\x02" + sized(PPS, 2) * 2


def hevc() -> bytes:
    arrays = b"".join(
        bytes([kind]) + b"\x00\x01" + sized(unit, 2)
        for kind, unit in ((32, VPS), (33, SPS), (34, PPS))
    )
    return b"\x01" + bytes(20) + b"\xff" + b"\x03" + arrays


@pytest.mark.parametrize(
    ("codec", "record", "units"),
    [
        ("h264", avc(), sized(SPS, 4) + sized(PPS, 4) * 2),
        ("h264", avc(2), sized(SPS, 2) + sized(PPS, 2) * 2),
        ("hevc", hevc(), sized(VPS, 4) + sized(SPS, 4) + sized(PPS, 4)),
        ("h264", b"\x00\x00\x00\x01" + SPS, b""),
        ("vp9", b"\x01\x00\x00\x00", b""),
        ("h264", b"", b""),
    ],
    ids=["avc", "short lengths", "hevc", "start codes", "another codec", "nothing"],
)
def test_parameter_sets_are_units_with_their_length(
    codec: str, record: bytes, units: bytes
) -> None:
    assert parameter_sets(codec, record) == units


@pytest.mark.parametrize(
    ("codec", "record"), [("h264", avc()[:-1]), ("hevc", hevc()[:-1]), ("h264", avc()[:8])]
)
def test_a_truncated_record_is_an_error(codec: str, record: bytes) -> None:
    with pytest.raises(ValueError, match="broken"):
        parameter_sets(codec, record)


def test_units_with_lengths_and_with_start_codes_are_different_forms() -> None:
    assert same_form("h264", avc(), avc())
    assert not same_form("h264", avc(), avc(2))
    assert not same_form("h264", avc(), b"\x00\x00\x00\x01" + SPS)
