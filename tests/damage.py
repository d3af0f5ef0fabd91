"""Damage to films: what broken disks, servers and downloads make of their bytes, the same in every
run.

A piece of a film's bytes is replaced by as many others, or lost. Which bytes: all of a stretch of
the file, or only those of its pictures or of its sound. In that case every table, length and header
stays as it was, so that only a decoder can notice: of H.264 and HEVC just the slices change, behind
the first bytes of each unit, and of a transport stream just the packets' payload behind the headers
of packets and of pictures.
"""

from __future__ import annotations

import io
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import Any

import av

TS_PACKET = 188
RUN_BITS = 200
FLIPPED = 1_000  # one bit of so many
_WITHOUT_ZEROS = bytes([1, *range(1, 256)])  # so that noise forms no start code
_START_CODE = re.compile(rb"\x00\x00\x01")
_ODD = 37  # so that what moves lands between the packets, which may all be equally long
_LOOKED_THROUGH = 1_000  # bytes after a packet's place in which its payload begins

Pieces = Sequence[tuple[int, int]]  # runs of bytes in a file: where each begins, and its length


class Form(StrEnum):
    """What becomes of the bytes."""

    NOISE = "noise"
    FLIPS = "flips"  # of one bit in a thousand
    RUN = "run of flips"  # 200 successive bits
    ZEROS = "zeros"
    SWAPPED = "swapped"  # its two halves are exchanged
    REPEATED = "repeated"  # its second half is a copy of the first one
    CUT = "cut"  # lost; at a single place: with all that follows
    # all that comes before the place is from another film of the same form
    OTHER_HEAD = "another film's head"


class Scope(StrEnum):
    """Which bytes of a stretch are damaged."""

    ALL = "all"
    PICTURES = "pictures"
    SOUND = "sound"


# from, until: shares of the file, or of its pictures or sound
PLACES: Mapping[str, tuple[float, float]] = {
    "5 %": (0.05, 0.07),
    "25 %": (0.25, 0.27),
    "50 %": (0.50, 0.52),
    "75 %": (0.75, 0.77),
    "95 %": (0.95, 0.97),
    "30-100 %": (0.30, 1.00),
    "10-90 %": (0.10, 0.90),
}
ACROSS = ("30-100 %", "10-90 %")


@dataclass(frozen=True, slots=True)
class Damage:
    """One way to damage a film; ``place`` is a name of ``PLACES``."""

    form: Form
    place: str
    scope: Scope = Scope.ALL

    @property
    def name(self) -> str:
        """The damage in words."""
        return f"{self.form}, {self.scope}, {self.place}"


def kinds_of_damage() -> list[Damage]:
    """Return all kinds: each form at each place in each scope, where that makes a difference."""
    return [
        Damage(form, place, scope)
        for form in Form
        for scope in Scope
        for place in PLACES
        if not (scope is not Scope.ALL and form in (Form.CUT, Form.OTHER_HEAD))
        and not (place in ACROSS and form in (Form.RUN, Form.OTHER_HEAD))
    ]


def damaged(body: bytes, damage: Damage, *, pieces: Pieces = (), other: bytes = b"") -> bytes:
    """Return ``body`` with this damage.

    ``pieces``: what the scope covers, see ``pieces_of``; all of the file if its scope is that.
    ``other``: the film whose head replaces this one's. Raises ValueError where the damage would
    change nothing.
    """
    share_start, share_end = PLACES[damage.place]
    start, end = int(len(body) * share_start), int(len(body) * share_end)
    if damage.form is Form.OTHER_HEAD:
        result = other[:start] + body[start:]
    elif damage.form is Form.CUT:
        # not between two packets of a TS
        result = body[: start | 1] + (body[end:] if damage.place in ACROSS else b"")
    else:
        hit = pieces[int(len(pieces) * share_start) : int(len(pieces) * share_end)]
        if damage.scope is Scope.ALL:
            hit = [(start, end - start)]
        content = b"".join(body[at : at + size] for at, size in hit)
        noise = random.Random(damage.name)
        result = _put(body, hit, _CHANGES[damage.form](content, noise, damage.scope))
    if result == body:
        raise ValueError(f"{damage.name} changes nothing")
    return result


def _put(body: bytes, hit: Pieces, content: bytes) -> bytes:
    result, at = bytearray(body), 0
    for place, size in hit:
        result[place : place + size] = content[at : at + size]
        at += size
    return bytes(result)


def _noise(content: bytes, source: random.Random, scope: Scope) -> bytes:
    noise = source.randbytes(len(content))
    return noise if scope is Scope.ALL else noise.translate(_WITHOUT_ZEROS)


def _flips(content: bytes, source: random.Random, scope: Scope) -> bytes:
    result = bytearray(content)
    for bit in (source.randrange(8 * len(content)) for _ in range(8 * len(content) // FLIPPED)):
        result[bit // 8] ^= 1 << bit % 8
    return bytes(result)


def _run(content: bytes, source: random.Random, scope: Scope) -> bytes:
    at, size = len(content) // 2, RUN_BITS // 8
    return (
        content[:at] + bytes(byte ^ 0xFF for byte in content[at : at + size]) + content[at + size :]
    )


def _zeros(content: bytes, source: random.Random, scope: Scope) -> bytes:
    return bytes(len(content))


def _swapped(content: bytes, source: random.Random, scope: Scope) -> bytes:
    half = len(content) // 2 + _ODD
    return content[half:] + content[:half]


def _repeated(content: bytes, source: random.Random, scope: Scope) -> bytes:
    half = len(content) // 2 + _ODD
    return (content[:half] * 2)[: len(content)]


_CHANGES: Mapping[Form, Callable[[bytes, random.Random, Scope], bytes]] = {
    Form.NOISE: _noise,
    Form.FLIPS: _flips,
    Form.RUN: _run,
    Form.ZEROS: _zeros,
    Form.SWAPPED: _swapped,
    Form.REPEATED: _repeated,
}


# --- where pictures and sound are -----------------------------------------------------------------


def pieces_of(body: bytes, scope: Scope) -> Pieces:
    """Return which bytes of a film are its pictures' or its sound's contents, in the file's order.
    () for the whole file.

    Raises ValueError for a film whose packets cannot be found.
    """
    if scope is Scope.ALL:
        return ()
    with av.open(io.BytesIO(body), "r") as container:
        streams: Sequence[Any] = (
            container.streams.video if scope is Scope.PICTURES else container.streams.audio
        )
        if not streams:
            return ()
        codec, extradata = (
            streams[0].codec_context.codec.canonical_name,
            bytes(streams[0].codec_context.extradata or b""),
        )
        if container.format.name == "mpegts":
            packets = _ts_packets(body, streams[0].id)
        else:
            packets = [
                _packet(body, packet) for packet in container.demux(streams[0]) if packet.size
            ]
    parts = _PARTS.get(codec, _whole)
    found: list[tuple[int, int]] = []
    for packet in packets:
        payload = b"".join(body[at : at + size] for at, size in packet)
        for start, end in parts(payload, extradata):
            found += _places(packet, start, end)
    return sorted(found)


def _packet(body: bytes, packet: Any) -> Pieces:
    """Return where a packet's payload is. Containers put it behind a header of their own."""
    at = body.find(bytes(packet), packet.pos, packet.pos + packet.size + _LOOKED_THROUGH)
    if at < 0:
        raise ValueError(f"the packet at {packet.pos} is not there")
    return [(at, packet.size)]


def _ts_packets(body: bytes, pid: int) -> list[Pieces]:
    """Return where the payloads of a stream of a transport stream are:
    the parts of each of its larger packets (PES).
    """
    packets: list[list[tuple[int, int]]] = []
    for start in range(0, len(body), TS_PACKET):
        flags = int.from_bytes(body[start : start + 4], "big")
        if flags >> 8 & 0x1FFF != pid or not flags & 0x10:
            continue
        at = start + 4 + (1 + body[start + 4] if flags & 0x20 else 0)
        if flags & 0x40_0000:  # a packet begins, with a header
            packets.append([])
            at += 9 + body[at + 8]
        packets[-1].append((at, start + TS_PACKET - at))
    return list(packets)


def _places(packet: Pieces, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where the bytes from ``start`` to ``end`` of a packet are in the file."""
    for (at, size), past in zip(packet, accumulate(size for _, size in packet), strict=True):
        first, last = max(start, past - size), min(end, past)
        if first < last:
            yield at + first - (past - size), last - first


def _whole(payload: bytes, extradata: bytes) -> Iterator[tuple[int, int]]:
    yield 0, len(payload)


def _h264(payload: bytes, extradata: bytes) -> Iterator[tuple[int, int]]:
    """Yield the parts of a picture that are slices, without the first byte of each unit."""
    for start, end in _units(payload, extradata, length_at=4):
        if payload[start] & 0x1F in (1, 5):
            yield start + 1, end


def _hevc(payload: bytes, extradata: bytes) -> Iterator[tuple[int, int]]:
    for start, end in _units(payload, extradata, length_at=21):
        if payload[start] >> 1 & 0x3F < 32:
            yield start + 2, end


def _units(payload: bytes, extradata: bytes, *, length_at: int) -> Iterator[tuple[int, int]]:
    """Yield the units of a packet: each after its length where the decoder's configuration says so,
    else after a start code.
    """
    if extradata[:1] == b"\1":
        length_bytes, at = (extradata[length_at] & 3) + 1, 0
        while at < len(payload):
            start = at + length_bytes
            at = start + int.from_bytes(payload[at:start], "big")
            yield start, at
    else:
        starts = [found.end() for found in _START_CODE.finditer(payload)]
        ends = [start - 4 if payload[start - 4] == 0 else start - 3 for start in starts[1:]]
        yield from zip(starts, [*ends, len(payload)], strict=False)


_PARTS: Mapping[str, Callable[[bytes, bytes], Iterator[tuple[int, int]]]] = {
    "h264": _h264,
    "hevc": _hevc,
}
