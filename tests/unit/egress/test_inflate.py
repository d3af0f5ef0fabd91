"""Decompressing in bounded pieces."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.failures import HttpError, Incomplete
from mediavault.egress.client import Inflater


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def pieces(inflater: Inflater, data: bytes, *, fed: int, limit: int) -> Iterator[bytes]:
    for start in range(0, len(data), fed):
        inflater.feed(data[start : start + fed])
        while piece := inflater.take(limit):
            yield piece


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
    ],
)
@given(body=st.binary(max_size=2_000), fed=st.integers(1, 500), limit=st.integers(1, 300))
def test_any_split_gives_the_same_bytes(
    encoding: str, pack: object, body: bytes, fed: int, limit: int
) -> None:
    inflater = Inflater(encoding)
    output = list(pieces(inflater, pack(body * 3), fed=fed, limit=limit))  # type: ignore[operator]

    assert b"".join(output) == body * 3
    assert all(len(piece) <= limit for piece in output)
    assert inflater.ended


def test_a_bomb_gives_no_more_than_is_asked_for() -> None:
    inflater = Inflater("gzip")
    inflater.feed(gzip.compress(bytes(50_000_000)))

    assert len(inflater.take(1_000)) == 1_000


def test_a_million_empty_members_end_at_the_first() -> None:
    inflater = Inflater("gzip")
    inflater.feed(gzip.compress(b"", mtime=0) * 100_000)

    assert inflater.take(1_000) == b""
    assert inflater.ended


@pytest.mark.parametrize(
    "encoding", ["br", "zstd", "gzip, gzip", "gzip,deflate", ", ".join(["gzip"] * 50), "nonsense"]
)
def test_an_encoding_that_was_not_offered_is_refused(encoding: str) -> None:
    with pytest.raises(HttpError):
        Inflater(encoding)


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", b"<html>"),
        ("deflate", b"\xff\xff\xff\xff"),
        ("gzip", raw_deflate(b"x")),
        ("gzip", gzip.compress(b"x" * 99, mtime=0)[:-8] + b"12345678"),
    ],
)
def test_damaged_data_is_incomplete(encoding: str, data: bytes) -> None:
    inflater = Inflater(encoding)

    with pytest.raises(Incomplete):
        list(pieces(inflater, data, fed=5, limit=100))


def test_a_stream_that_breaks_off_has_not_ended() -> None:
    inflater = Inflater("gzip")
    list(pieces(inflater, gzip.compress(b"x" * 500, mtime=0)[:-1], fed=100, limit=100))

    assert not inflater.ended
