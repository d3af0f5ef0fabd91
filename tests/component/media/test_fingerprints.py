"""Fingerprints of videos, made in a child process: copies look the same,
and other videos do not.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.failures import StorageFailure
from mediavault.core.fingerprints import FRAME_BYTES, MAX_FRAMES, likeness
from mediavault.demo.media import make_clips
from mediavault.demo.posts import POSTS
from mediavault.media.arrival import open_helpers
from mediavault.media.fingerprint_child import moments
from mediavault.media.fingerprints import FingerprintReader
from mediavault.sandbox.process import ChildFailed, ChildLimits
from mediavault.sandbox.standing import ChildPool
from tests import media

SPECS = {spec.name: spec for post in POSTS for spec in post.specs}


@pytest.fixture
async def helpers() -> AsyncIterator[ChildPool]:
    async with open_helpers(SystemClock(), count=1) as opened:
        yield opened


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """The videos of all posts of the practice site."""
    made = make_clips(SPECS.values(), tmp_path_factory.mktemp("clips"))
    return {name: clip.files["video.mp4"] for name, clip in made.items()}


class Films:
    """Fingerprints of videos that are given as bytes."""

    def __init__(self, helpers: Any, folder: Path) -> None:
        self._path = folder / "film"
        self._reader = FingerprintReader(helpers, self._path_of)

    async def _path_of(self, relative: str) -> Path | None:
        return self._path if relative == "film" else None

    async def __call__(self, video: bytes) -> bytes:
        self._path.write_bytes(video)
        return await self._reader.read("film")

    async def missing(self) -> bytes:
        return await self._reader.read("another")


@pytest.fixture
def films(helpers: ChildPool, tmp_path: Path) -> Films:
    return Films(helpers, tmp_path)


@pytest.mark.parametrize(
    ("steps", "form"),
    [
        pytest.param(
            [("scale", "320:180")], {"bit_rate": 60_000}, id="smaller, at a quarter of the rate"
        ),
        pytest.param([], {"container": "webm", "codec": "libvpx-vp9"}, id="as VP9 in WebM"),
        pytest.param([], {"container": "mpegts"}, id="in MPEG-TS"),
        pytest.param([("pad", "640:640:0:140")], {}, id="with black bars above and below"),
        pytest.param([("pad", "1280:360:320:0")], {}, id="with black bars left and right"),
        pytest.param([("hflip", "")], {}, id="mirrored"),
        pytest.param([("hflip", ""), ("pad", "640:640:0:140")], {}, id="mirrored with black bars"),
        pytest.param([], {"until_s": 4.5}, id="cut by a tenth"),
    ],
)
async def test_a_copy_looks_the_same(
    films: Films, clips: Mapping[str, bytes], steps: list[tuple[str, str]], form: dict[str, Any]
) -> None:
    original = clips["plain"]

    assert (
        likeness(await films(original), await films(media.copied(original, *steps, **form))) >= 80
    )


@pytest.mark.parametrize(
    "steps", [[("vflip", "")], [("hue", "h=60")], [("drawbox", "x=0:y=0:w=320:h=360:t=fill")]],
    ids=["upside down", "in other colours", "half covered"],
)  # fmt: skip
async def test_what_was_changed_visibly_looks_different(
    films: Films, clips: Mapping[str, bytes], steps: list[tuple[str, str]]
) -> None:
    original = clips["plain"]

    assert likeness(await films(original), await films(media.copied(original, *steps))) == 0


async def test_no_two_clips_of_the_practice_site_look_the_same(
    films: Films, clips: Mapping[str, bytes]
) -> None:
    """They are one test pattern each in its own colours and with its own number."""
    prints = {name: await films(video) for name, video in clips.items()}

    assert all(len(frames) >= 8 * FRAME_BYTES for frames in prints.values())
    assert [
        pair
        for pair in itertools.combinations(prints, 2)
        if likeness(prints[pair[0]], prints[pair[1]])
    ] == []


@pytest.mark.parametrize("colour", ["black", "white", "red"])
async def test_a_video_of_one_colour_has_no_fingerprint(
    films: Films, clips: Mapping[str, bytes], colour: str
) -> None:
    flat = media.copied(clips["plain"], ("drawbox", f"x=0:y=0:w=640:h=360:color={colour}:t=fill"))

    assert await films(flat) == b""


def test_a_long_video_has_as_many_frames_as_any_at_moments_that_a_shorter_one_shares() -> None:
    assert [len(moments(length)) for length in (0.1, 5, 30, 31, 3600)] == [1, 10, 60, 31, 57]
    assert {moment for moment in moments(130) if moment < 117} <= set(moments(117))
    assert len(moments(36_000)) <= MAX_FRAMES


async def test_what_is_no_video_or_missing_has_no_fingerprint(films: Films) -> None:
    assert await films(media.sound_only_mp4()) == b""
    assert await films(media.html()) == b""
    assert await films(b"") == b""
    assert await films.missing() == b""


@pytest.mark.parametrize("seed", range(6))
async def test_a_hostile_video_costs_its_fingerprint_only(films: Films, seed: int) -> None:
    chance = random.Random(seed)
    video = bytearray(media.mp4(3.0))
    for _ in range(10 ** (seed % 3 + 1)):
        video[chance.randrange(len(video))] = chance.randrange(256)
    broken = await films(bytes(video))

    assert len(broken) % FRAME_BYTES == 0
    assert len(await films(media.mp4(3.0))) == 6 * FRAME_BYTES


async def test_a_picture_as_large_as_a_header_can_say_is_refused_by_the_limits(
    films: Films,
) -> None:
    """The size is that of the sample description, and the decoder reads its own."""
    video = media.mp4(2.0).replace(b"\x01\x40\x00\xb4", b"\xff\xff\xff\xff")

    assert len(await films(video)) % FRAME_BYTES == 0


class Answers:
    """A helper that answers anything."""

    def __init__(self, answer: Mapping[str, Any] | Exception) -> None:
        self._answer = answer

    async def ask(self, make_request: Any, *, limits: ChildLimits) -> Mapping[str, Any]:
        assert make_request()["task"] == "fingerprint"
        assert limits.cpu_s
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    "answer",
    [
        ChildFailed("it crashed"),
        {},
        {"frames": None},
        {"frames": 7},
        {"frames": "not Base64!"},
        {"frames": "AAAA"},
        {"frames": "AAAA" * FRAME_BYTES * MAX_FRAMES},
    ],
)
async def test_an_answer_that_is_no_fingerprint_counts_as_none(
    tmp_path: Path, answer: Mapping[str, Any] | Exception
) -> None:
    assert await Films(Answers(answer), tmp_path)(b"film") == b""


async def test_a_library_that_is_away_is_not_taken_for_a_missing_file(helpers: ChildPool) -> None:
    async def away(_: str) -> Path | None:
        raise StorageFailure("The library is not there.")

    with pytest.raises(StorageFailure):
        await FingerprintReader(helpers, away).read("film")


async def test_nothing_is_fetched_from_a_bucket(helpers: ChildPool) -> None:
    assert await FingerprintReader(helpers, None).read("film") == b""
