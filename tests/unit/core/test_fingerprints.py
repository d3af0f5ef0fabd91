"""Comparing fingerprints of videos."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.fingerprints import (
    COLOUR_WITHIN,
    FRAME_BYTES,
    HASH_BYTES,
    MAX_FRAMES,
    MIN_QUALITY,
    SAME_WITHIN,
    SIDE,
    Fingerprint,
    FingerprintIndex,
    Likeness,
    colours,
    fingerprints_from_json,
    fingerprints_to_json,
    frame_hash,
    frame_quality,
    likeness,
)
from mediavault.core.job import JobId
from tests.patience import patient

GREY = bytes([128] * (FRAME_BYTES - HASH_BYTES))
LENGTHS = st.floats(0, 1e6)


def frames_of(chance: random.Random, count: int) -> list[bytes]:
    return [chance.randbytes(HASH_BYTES) + GREY for _ in range(count)]


def changed(frame: bytes, bits: int) -> bytes:
    """Return the frame with that many other bits in its hash."""
    number = int.from_bytes(frame, "little")
    for at in range(bits):
        number ^= 1 << (at * 7 % (HASH_BYTES * 8))
    return number.to_bytes(len(frame), "little")


def picture(seed: int) -> bytes:
    """Return a picture of soft blots."""
    chance = random.Random(seed)
    blots = [(chance.random(), chance.random(), chance.random() * 0.3 + 0.05) for _ in range(12)]
    return bytes(
        min(
            255,
            int(
                sum(
                    90 * max(0.0, 1 - ((x / SIDE - a) ** 2 + (y / SIDE - b) ** 2) / r**2)
                    for a, b, r in blots
                )
            ),
        )
        for y in range(SIDE)
        for x in range(SIDE)
    )


def mirrored(pixels: bytes) -> bytes:
    return b"".join(pixels[at : at + SIDE][::-1] for at in range(0, len(pixels), SIDE))


videos = st.tuples(st.integers(0, 1 << 32), st.integers(0, MAX_FRAMES)).map(
    lambda drawn: b"".join(frames_of(random.Random(drawn[0]), drawn[1]))
)


@given(videos, videos)
def test_likeness_is_the_same_from_both_sides_and_a_percentage(one: bytes, other: bytes) -> None:
    assert likeness(one, other) == likeness(other, one)
    assert likeness(one, other) == 0 or 80 <= likeness(one, other) <= 100


@given(videos, st.randoms())
def test_a_video_looks_like_itself_in_any_order_of_its_frames(
    video: bytes, chance: random.Random
) -> None:
    frames = [video[at : at + FRAME_BYTES] for at in range(0, len(video), FRAME_BYTES)]
    chance.shuffle(frames)

    assert likeness(video, b"".join(frames)) == (100 if len(frames) >= 2 else 0)


@pytest.mark.parametrize(("bits", "percent"), [(0, 100), (SAME_WITHIN, 100), (SAME_WITHIN + 1, 0)])
def test_frames_within_31_bits_look_the_same(bits: int, percent: int) -> None:
    frames = frames_of(random.Random(1), 10)

    assert likeness(b"".join(frames), b"".join(changed(frame, bits) for frame in frames)) == percent


@pytest.mark.parametrize(("by", "percent"), [(COLOUR_WITHIN, 100), (COLOUR_WITHIN + 1, 0)])
def test_frames_of_another_colour_look_different(by: int, percent: int) -> None:
    frames = frames_of(random.Random(1), 10)
    other = [frame[:-1] + bytes([frame[-1] - by]) for frame in frames]

    assert likeness(b"".join(frames), b"".join(other)) == percent


@pytest.mark.parametrize(("kept", "percent"), [(10, 100), (9, 90), (8, 80), (7, 0)])
def test_four_fifths_of_the_frames_need_a_partner_in_both_videos(kept: int, percent: int) -> None:
    frames = frames_of(random.Random(1), 10)

    assert likeness(b"".join(frames), b"".join(frames[:kept])) == percent


@pytest.mark.parametrize("seed", range(8))
def test_a_mirrored_picture_has_a_partner_and_another_one_has_none(seed: int) -> None:
    own, turned, other = (
        (frame_hash(pixels) + GREY) * 2
        for pixels in (picture(seed), mirrored(picture(seed)), picture(seed + 100))
    )

    assert likeness(own, turned) == 100
    assert likeness(own, other) == 0


def test_a_brighter_picture_with_less_contrast_is_still_a_partner() -> None:
    pixels, paler = picture(1), bytes(40 + value // 2 for value in picture(1))

    assert likeness((frame_hash(paler) + GREY) * 2, (frame_hash(pixels) + GREY) * 2) == 100


@given(st.integers(0, 255))
def test_a_picture_of_one_colour_has_no_quality(value: int) -> None:
    assert frame_quality(bytes([value]) * SIDE * SIDE) == 0


def test_the_quality_of_a_full_picture_is_high_and_that_of_a_slight_gradient_low() -> None:
    assert frame_quality(random.Random(1).randbytes(SIDE * SIDE)) == 100
    assert frame_quality(bytes(x for _ in range(SIDE) for x in range(SIDE))) < MIN_QUALITY


def test_colours_are_the_averages_of_four_bands_of_each_plane() -> None:
    assert colours([bytes([0, 10, 20, 30, 40, 50, 60, 71]), bytes([7] * 16)]) == bytes(
        [5, 25, 45, 66, 7, 7, 7, 7]
    )


@given(
    st.dictionaries(
        st.integers(0, 99),
        st.builds(Fingerprint, st.text(max_size=64), LENGTHS, videos),
        max_size=3,
    )
)
def test_a_record_has_all_of_a_fingerprint(videos: dict[int, Fingerprint]) -> None:
    assert fingerprints_from_json(fingerprints_to_json(videos)) == videos


@pytest.mark.parametrize(
    "value",
    [
        {}, {"videos": None}, {"videos": {"x": {}}}, {"videos": {"0": 7}},
        {"videos": {"0": {"sha256": "", "duration_s": "x", "frames": ""}}},
        {"videos": {"0": {"sha256": "", "duration_s": 1, "frames": "AAAA"}}},
        {"videos": {"0": {"sha256": "", "duration_s": 1, "frames": "é"}}},
    ],
)  # fmt: skip
def test_a_record_that_is_no_fingerprint_is_none(value: dict[str, object]) -> None:
    assert fingerprints_from_json(value) is None


# --- the index


def video(
    seed: int, duration_s: float = 10.0, *, sha256: str = "", frames: int = 20
) -> Fingerprint:
    return Fingerprint(
        sha256 or f"{seed:064}", duration_s, b"".join(frames_of(random.Random(seed), frames))
    )


def test_the_index_finds_identical_files_and_videos_that_look_the_same() -> None:
    index = FingerprintIndex()
    index.put(JobId("a"), [video(1)])
    index.put(JobId("b"), [video(1)])
    index.put(JobId("c"), [video(1, sha256="another", frames=18)])
    index.put(JobId("d"), [video(2)])

    assert index.search(JobId("a")) == {"b": Likeness(100, identical=True), "c": Likeness(90)}
    assert index.search(JobId("d")) == {}
    assert index.search(JobId("nobody")) == {}


def test_one_of_several_videos_of_a_post_is_enough() -> None:
    index = FingerprintIndex()
    index.put(JobId("a"), [video(1, 5.0), video(2, 60.0)])
    index.put(JobId("b"), [video(3, 90.0), video(2, 60.0, sha256="another")])

    assert index.search(JobId("a")) == {"b": Likeness(100)}


def test_identical_files_are_found_without_a_fingerprint_and_others_not() -> None:
    index = FingerprintIndex()
    for name, sha256 in (("a", "same"), ("b", "same"), ("c", "another")):
        index.put(JobId(name), [Fingerprint(sha256, 10.0)])

    assert index.search(JobId("a")) == {"b": Likeness(100, identical=True)}


@pytest.mark.parametrize(
    ("length", "is_found"), [(8.0, True), (12.5, True), (7.9, False), (12.6, False)]
)
def test_only_videos_of_similar_length_are_compared(length: float, is_found: bool) -> None:
    index = FingerprintIndex()
    index.put(JobId("a"), [video(1)])
    index.put(JobId("b"), [video(1, length, sha256="another")])

    assert (JobId("b") in index.search(JobId("a"))) == is_found


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.integers(0, 3), st.sampled_from([8.0, 10.0])),
        max_size=12,
    )
)
def test_the_index_is_as_if_the_last_videos_of_each_job_had_been_put_alone(
    puts: list[tuple[str, int, float]],
) -> None:
    index, alone = FingerprintIndex(), FingerprintIndex()
    for name, seed, length in puts:
        index.put(JobId(name), [video(seed, length), video(seed, length)])
    for name, (seed, length) in {name: (seed, length) for name, seed, length in puts}.items():
        alone.put(JobId(name), [video(seed, length), video(seed, length)])
    index.drop(JobId("a"))
    alone.drop(JobId("a"))

    assert [index.search(JobId(name)) for name in "abcd"] == [
        alone.search(JobId(name)) for name in "abcd"
    ]
    assert JobId("a") not in index


def test_of_many_videos_only_those_of_similar_length_cost_time() -> None:
    chance = random.Random(1)
    index = FingerprintIndex()
    for number in range(5_000):
        length = 10.0 if number < 200 else 20.0 + number
        frames = chance.randbytes(MAX_FRAMES * FRAME_BYTES)
        index.put(JobId(f"{number}"), [Fingerprint(f"{number}", length, frames)])
    index.put(JobId("own"), [video(1, frames=MAX_FRAMES)])
    began = time.perf_counter()
    index.search(JobId("own"))

    assert time.perf_counter() - began < patient(1)
