from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from mediavault.library.bucket_library import (
    LARGEST_PIECE,
    MIB,
    SMALLEST_PART,
    part_bytes,
    parts_at_once,
    spans_of,
)

# Amazon S3 multipart upload limits
S3_MOST_PARTS, S3_LARGEST_PART, S3_LARGEST_OBJECT = 10_000, 5 << 30, 5 << 40


@given(st.integers(SMALLEST_PART + 1, S3_LARGEST_OBJECT))
def test_parts_keep_within_s3s_limits_and_within_memory(size: int) -> None:
    part = part_bytes(size)

    assert part % MIB == 0
    assert SMALLEST_PART <= part <= S3_LARGEST_PART
    assert -(-size // part) < S3_MOST_PARTS
    assert parts_at_once(part) * part <= max(48 * MIB, part)


def test_files_up_to_70_gib_go_in_the_smallest_parts() -> None:
    assert part_bytes(70 << 30) == SMALLEST_PART
    assert part_bytes(71 << 30) > SMALLEST_PART
    assert parts_at_once(SMALLEST_PART) == 4


@given(st.integers(0, 1 << 33), st.integers(0, 1 << 26))
def test_pieces_follow_each_other_without_a_gap_and_stay_small(start: int, length: int) -> None:
    spans = list(spans_of(start, start + length))

    assert sum(stop - begin for begin, stop in spans) == length
    assert all(0 < stop - begin <= LARGEST_PIECE for begin, stop in spans)
    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))
