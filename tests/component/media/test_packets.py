"""Gaps in time, and which of them prove that something is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from mediavault.media.facts import PacketFacts
from mediavault.media.packets import read_packets, shared

TICK_S = 0.04


@dataclass
class StubContext:
    codec: Any = None
    name: str = "mpeg2video"
    extradata: bytes = b""


@dataclass
class StubStream:
    type: str
    index: int
    time_base: float = TICK_S
    codec_context: StubContext = field(default_factory=StubContext)


@dataclass
class StubPacket:
    stream: StubStream
    dts: int
    duration: int = 1
    size: int = 4
    is_corrupt: bool = False

    @property
    def pts(self) -> int:
        return self.dts

    @property
    def stream_index(self) -> int:
        return self.stream.index

    @property
    def time_base(self) -> float:
        return self.stream.time_base


VIDEO, SOUND = StubStream("video", 0), StubStream("audio", 1)


def read(
    pictures: Sequence[int], sounds: Sequence[int] = (), *, exact: bool = False, **packet: Any
) -> PacketFacts:
    packets = [StubPacket(VIDEO, at, **packet) for at in pictures] + [
        StubPacket(SOUND, at) for at in sounds
    ]
    return read_packets(sorted(packets, key=lambda each: each.dts), VIDEO, start_s=0.0, exact=exact)


ALL = list(range(250))
HOLED = [*range(100), *range(200, 250)]


def test_a_frozen_picture_while_the_sound_continues_proves_nothing() -> None:
    facts = read(HOLED, ALL)

    assert facts.longest_gap_s == pytest.approx(101 * TICK_S)
    assert facts.proven_gap_s == 0.0


def test_a_gap_that_the_sound_has_too_is_a_loss() -> None:
    assert read(HOLED, HOLED).proven_gap_s == pytest.approx(101 * TICK_S)


def test_a_gap_elsewhere_in_the_sound_proves_nothing() -> None:
    assert read(HOLED, [*range(20), *range(60, 250)]).proven_gap_s == 0.0


def test_with_exact_durations_only_time_that_no_picture_covers_is_a_gap() -> None:
    assert read(HOLED, exact=True).proven_gap_s == pytest.approx(100 * TICK_S)
    assert read([0, 100, 200], exact=True, duration=100).proven_gap_s == 0.0


def test_a_jump_back_alone_is_a_loss() -> None:
    packets = [StubPacket(VIDEO, at) for at in (*range(50), *range(25, 50))]

    assert read_packets(packets, VIDEO, start_s=0.0, exact=False).proven_gap_s == pytest.approx(
        24 * TICK_S
    )


def test_a_jump_back_of_the_sound_is_reported_with_exact_durations() -> None:
    sounds = [StubPacket(SOUND, at) for at in (*range(50), *range(20, 50))]

    assert read_packets(sounds, VIDEO, start_s=0.0, exact=True).sound_back_s == pytest.approx(
        29 * TICK_S
    )
    assert read_packets(sounds, VIDEO, start_s=0.0, exact=False).sound_back_s == 0.0


def test_the_longest_gap_of_the_sound_is_reported_with_exact_durations() -> None:
    assert read(ALL, HOLED, exact=True).sound_gap_s == pytest.approx(100 * TICK_S)
    assert read(ALL, HOLED).sound_gap_s == 0.0


def test_gaps_are_shared_where_they_overlap() -> None:
    assert shared([(1.0, 2.0), (5.0, 6.0)], [(1.9, 3.0), (6.0, 7.0)]) == [(1.0, 2.0)]
