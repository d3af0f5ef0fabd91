"""Pictures that are saved as they are: whole ones pass, cut ones and other files do not,
and each gets a small copy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.media import (
    DownloadedFile,
    Expected,
    ItemType,
    ProbeReport,
    ProblemKind,
    picture_suffix,
)
from mediavault.media.arrival import open_helpers
from mediavault.media.picture_child import structure_of_picture
from mediavault.media.probe import FfmpegProbe
from mediavault.sandbox.standing import ChildPool
from tests import media

PICTURES: Mapping[str, bytes] = {
    ".jpg": media.picture("image2", "mjpeg", "yuvj420p"),
    ".png": media.picture("image2", "png", "rgb24"),
    ".webp": media.picture("webp", "libwebp", "yuv420p"),
    ".gif": media.picture("gif", "gif", "rgb8", count=3),
    ".avif": media.picture("avif", "libsvtav1", "yuv420p"),
    "animated .webp": media.picture("webp", "libwebp_anim", "yuv420p", count=3),
}
ALL = pytest.mark.parametrize("body", PICTURES.values(), ids=PICTURES)


@pytest.fixture
async def helpers() -> AsyncIterator[ChildPool]:
    async with open_helpers(SystemClock(), count=1) as opened:
        yield opened


async def checked_at(helpers: ChildPool, path: Path, body: bytes) -> ProbeReport:
    path.write_bytes(body)
    file = DownloadedFile(path, "", len(body), None, Expected(), type=ItemType.IMAGE)
    return await FfmpegProbe(helpers).examine(file)


@ALL
async def test_a_whole_picture_passes_with_its_size(
    helpers: ChildPool, tmp_path: Path, body: bytes
) -> None:
    report = await checked_at(helpers, tmp_path / "picture", body)

    assert (report.problems, f".{report.container}") == ((), picture_suffix(body))
    assert (report.width, report.height, report.duration_s) == (320, 180, None)


@ALL
async def test_each_picture_gets_a_small_copy(
    helpers: ChildPool, tmp_path: Path, body: bytes
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(body)
    small = await FfmpegProbe(helpers).still(path, into=tmp_path / "small.jpg", at_s=1.0)

    assert small is not None
    report = await checked_at(helpers, tmp_path / "again", small.read_bytes())
    assert (report.container, report.problems, report.width) == ("jpg", (), 320)


@ALL
async def test_a_picture_is_shrunk_to_the_size_that_is_asked_for(
    helpers: ChildPool, tmp_path: Path, body: bytes
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(body)
    small = await FfmpegProbe(helpers).shrink(path, into=tmp_path / "small.jpg", longest_px=64)

    assert small is not None
    report = await checked_at(helpers, tmp_path / "again", small.read_bytes())
    assert (report.container, report.problems, report.width, report.height) == ("jpg", (), 64, 36)


async def test_a_damaged_picture_is_not_shrunk(helpers: ChildPool, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(b"\xff\xd8\xff and no more")

    assert (
        await FfmpegProbe(helpers).shrink(path, into=tmp_path / "small.jpg", longest_px=64) is None
    )


@ALL
def test_a_cut_anywhere_is_seen(body: bytes) -> None:
    step = max(1, len(body) // 200)

    assert structure_of_picture(body).problems == ()
    assert [
        cut
        for cut in range(16, len(body) - 1, step)
        if not structure_of_picture(body[:cut]).problems
    ] == []


@ALL
def test_bytes_after_the_end_are_ignored(body: bytes) -> None:
    padding = (16).to_bytes(4, "big") + b"free" + bytes(8)  # in AVIF only a box can follow
    assert structure_of_picture(body + padding).problems == ()


async def test_damage_inside_is_seen_where_the_format_has_checksums(
    helpers: ChildPool, tmp_path: Path
) -> None:
    body = bytearray(PICTURES[".png"])
    middle = len(body) // 2
    body[middle : middle + 40] = bytes(byte ^ 0xFF for byte in body[middle : middle + 40])
    report = await checked_at(helpers, tmp_path / "picture", bytes(body))

    assert [problem.kind for problem in report.problems] == [ProblemKind.DAMAGED]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", ProblemKind.EMPTY),
        (b"<!doctype html><title>Sign in</title>", ProblemKind.NOT_A_VIDEO),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
            ProblemKind.NOT_A_VIDEO,
        ),
        (media.mp4(1.0), ProblemKind.NOT_A_VIDEO),
        (b"\0\0\0\x18ftypheic" + bytes(40), ProblemKind.NOT_A_VIDEO),
        (b"\xff\xd8\xff\xd9", ProblemKind.DAMAGED),
    ],
)
async def test_what_is_no_picture_is_refused(
    helpers: ChildPool, tmp_path: Path, body: bytes, kind: ProblemKind
) -> None:
    report = await checked_at(helpers, tmp_path / "picture", body)

    assert [problem.kind for problem in report.problems] == [kind]


async def test_a_picture_that_claims_a_huge_size_is_refused(
    helpers: ChildPool, tmp_path: Path
) -> None:
    body = bytearray(PICTURES[".gif"])
    body[6:10] = b"\xff\xff\xff\xff"  # width and height of its screen
    report = await checked_at(helpers, tmp_path / "picture", bytes(body))

    assert [problem.kind for problem in report.problems] == [ProblemKind.DAMAGED]
