"""H.264 and HEVC as MP4 and Matroska store them: units with their length in front (ISO/IEC 14496-15)."""

from __future__ import annotations


def nal_length_bytes(codec: str, extradata: bytes) -> int | None:
    """Bytes of each unit's length field, from the decoder configuration; None when units are marked by start codes."""
    if codec == "h264" and len(extradata) > 6 and extradata[0] == 1:  # AVCDecoderConfigurationRecord
        return (extradata[4] & 3) + 1
    if codec == "hevc" and len(extradata) > 22 and extradata[0] == 1:  # HEVCDecoderConfigurationRecord
        return (extradata[21] & 3) + 1
    return None


def has_hole(packet: bytes, least: int) -> bool:
    """Whether ``least`` zero bytes stand in a row in it, with something behind them."""
    at = packet.find(bytes(least))
    return at >= 0 and bool(packet[at:].strip(b"\0"))


def units_fill(packet: memoryview, length_bytes: int) -> bool:
    """True when the units' lengths lead exactly to the packet's end."""
    at, end = 0, len(packet)
    while at + length_bytes <= end:
        at += length_bytes + int.from_bytes(packet[at : at + length_bytes], "big")
    return at == end
