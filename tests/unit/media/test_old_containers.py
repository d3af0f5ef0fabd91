"""Check B for Ogg, MPEG program streams and ASF: whole, cut and broken files."""

from __future__ import annotations

import io

import pytest

from mediavault.core.media import ProblemKind
from mediavault.media.boxes import walk
from mediavault.media.old_containers import ASF_DATA, ogg_checksum
from mediavault.media.sniff import Kind, sniff
from tests import media

BODIES = {
    Kind.OGG: media.ogg(),
    Kind.MPEGPS: media.program_stream(),
    Kind.ASF: media.asf(),
}
KINDS = list(BODIES)


def kinds(body: bytes) -> list[ProblemKind]:
    return [problem.kind for problem in walk(io.BytesIO(body), len(body), sniff(body)).problems]


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_file_has_no_problems(kind: Kind) -> None:
    assert sniff(BODIES[kind]) is kind
    assert kinds(BODIES[kind]) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.6, 0.99])
def test_a_cut_file_is_incomplete(kind: Kind, share: float) -> None:
    assert kinds(BODIES[kind][: int(len(BODIES[kind]) * share) | 1]) == [ProblemKind.INCOMPLETE]


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_lost_inside_are_noticed(kind: Kind) -> None:
    body = BODIES[kind]
    at = len(body) // 2

    assert kinds(body[:at] + body[at + 1_001 :]) != []


@pytest.mark.parametrize("kind", KINDS)
def test_a_hole_of_zeros_is_noticed(kind: Kind) -> None:
    body = BODIES[kind]
    at, length = len(body) // 3, 12_000

    assert kinds(body[:at] + bytes(length) + body[at + length :]) == [ProblemKind.DAMAGED]


def test_the_checksum_is_the_one_that_libogg_writes() -> None:
    page = BODIES[Kind.OGG]
    count = page[26]
    end = 27 + count + sum(page[27 : 27 + count])

    assert ogg_checksum(page[:22] + bytes(4) + page[26:end]) == int.from_bytes(
        page[22:26], "little"
    )


def test_a_missing_page_is_noticed_by_the_page_numbers() -> None:
    body = BODIES[Kind.OGG]
    second = body.index(b"OggS", 4)
    third = body.index(b"OggS", second + 4)

    assert kinds(body[:second] + body[third:]) == [ProblemKind.DAMAGED]


def test_two_recordings_glued_together_are_noticed() -> None:
    body = BODIES[Kind.ASF]

    assert kinds(body + body) == [ProblemKind.DAMAGED]


def test_a_header_alone_is_incomplete() -> None:
    body = BODIES[Kind.ASF]

    assert kinds(body[: body.index(ASF_DATA)]) == [ProblemKind.INCOMPLETE]
