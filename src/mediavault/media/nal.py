"""H.264 and HEVC as MP4 and Matroska store them: units, each after its length (ISO/IEC 14496-15)."""

from __future__ import annotations

from collections.abc import Iterator

from mediavault.core.messages import Message


def nal_length_bytes(codec: str, extradata: bytes) -> int | None:
    """Return the size of each unit's length field, from the decoder configuration; None when start codes mark the units."""
    if codec == "h264" and len(extradata) > 6 and extradata[0] == 1:  # AVCDecoderConfigurationRecord
        return (extradata[4] & 3) + 1
    if codec == "hevc" and len(extradata) > 22 and extradata[0] == 1:  # HEVCDecoderConfigurationRecord
        return (extradata[21] & 3) + 1
    return None


def has_hole(packet: bytes, least: int) -> bool:
    """Return whether the packet contains ``least`` consecutive zero bytes that are followed by other data."""
    at = packet.find(bytes(least))
    return at >= 0 and bool(packet[at:].strip(b"\0"))


def units_fill(packet: memoryview, length_bytes: int) -> bool:
    """Return whether the units' lengths lead exactly to the packet's end."""
    at, end = 0, len(packet)
    while at + length_bytes <= end:
        at += length_bytes + int.from_bytes(packet[at : at + length_bytes], "big")
    return at == end


def parameter_sets(codec: str, extradata: bytes) -> bytes:
    """Return the parameter sets of a decoder configuration as units after their lengths; empty when it holds none.

    Raises ValueError for a broken configuration.
    """
    length_bytes = nal_length_bytes(codec, extradata)
    if length_bytes is None:
        return b""
    try:
        units = list(_avc_units(extradata) if codec == "h264" else _hevc_units(extradata))
        return b"".join(len(unit).to_bytes(length_bytes, "big") + unit for unit in units)
    except (IndexError, OverflowError) as exc:
        raise ValueError(Message("its decoder configuration is broken")) from exc


def same_form(codec: str, first: bytes, other: bytes) -> bool:
    """Return whether packets of both configurations mark their units alike, so that one track can hold them."""
    return nal_length_bytes(codec, first) == nal_length_bytes(codec, other)


def _avc_units(record: bytes) -> Iterator[bytes]:
    at = 5
    for mask in (0x1F, 0xFF):  # sequence sets, then picture sets
        count, at = record[at] & mask, at + 1
        for _ in range(count):
            unit, at = _unit(record, at)
            yield unit


def _hevc_units(record: bytes) -> Iterator[bytes]:
    at = 23
    for _ in range(record[22]):
        count, at = int.from_bytes(record[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            unit, at = _unit(record, at)
            yield unit


def _unit(record: bytes, at: int) -> tuple[bytes, int]:
    end = at + 2 + int.from_bytes(record[at : at + 2], "big")
    if end > len(record):
        raise IndexError
    return record[at + 2 : end], end
