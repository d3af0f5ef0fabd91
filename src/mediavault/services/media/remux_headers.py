"""When a stream's decoder configuration changes half way: what must go into its packets so that one header is enough.

An MP4 made here has one configuration a track. A later run may bring its own (an insert, another encoder); H.264 and
HEVC then carry their parameter sets in front of each key frame as well (ISO/IEC 14496-15, 5.3.3.1.2 and 8.3.3.1.2).
"""

from __future__ import annotations

from collections.abc import Iterator

from mediavault.services.media.nal import nal_length_bytes


def parameter_sets(codec: str, extradata: bytes) -> bytes:
    """The parameter sets of a decoder configuration, as units with their length in front; empty when it holds none.

    ValueError for a broken configuration.
    """
    length_bytes = nal_length_bytes(codec, extradata)
    if length_bytes is None:
        return b""
    try:
        units = list(_avc_units(extradata) if codec == "h264" else _hevc_units(extradata))
        return b"".join(len(unit).to_bytes(length_bytes, "big") + unit for unit in units)
    except (IndexError, OverflowError) as exc:
        raise ValueError("its decoder configuration is broken") from exc


def same_form(codec: str, first: bytes, other: bytes) -> bool:
    """Whether packets of both configurations mark their units alike, so that one track can hold them."""
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
