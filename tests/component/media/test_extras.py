"""What a player shows besides a video, read in a child process: chapters, subtitles,
and pictures for the seek bar.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.failures import StorageFailure
from mediavault.core.media import Chapter, Cue, PreviewSheet, SavedFile, Subtitles, TextTracks
from mediavault.media import child, extras, extras_child
from mediavault.media.arrival import open_helpers
from mediavault.media.extras import PlayerExtras, SubtitleFile, extras_folder
from mediavault.media.remux import Joiner
from mediavault.sandbox.process import ChildFailed, ChildLimits
from mediavault.sandbox.standing import ChildPool
from tests import media

JOB = "0a-1"
SAVED = SavedFile("jane/film.mp4", None, 1, "ab" * 32, 4.0, 320, 180)


@pytest.fixture
async def helpers() -> AsyncIterator[ChildPool]:
    async with open_helpers(SystemClock(), count=1) as opened:
        yield opened


class Asked:
    """A pool that counts what it is asked, and answers like ``helpers``, or with ``answer``,
    once it may.
    """

    def __init__(
        self, helpers: ChildPool | None = None, answer: Mapping[str, Any] | None = None
    ) -> None:
        self._helpers, self._answer = helpers, answer
        self.tasks: list[str] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def ask(self, make_request: Any, *, limits: ChildLimits) -> Mapping[str, Any]:
        self.tasks.append(make_request()["task"])
        await self.may_answer.wait()
        if self._helpers is not None:
            return await self._helpers.ask(make_request, limits=limits)
        if self._answer is None:
            raise ChildFailed("it crashed")
        return self._answer


def extras_of(asked: Any, folder: Path, video: bytes | None = None) -> PlayerExtras:
    path = folder / "film.mp4"
    if video is not None:
        path.write_bytes(video)

    async def path_of(_: str) -> Path | None:
        return path if path.exists() else None

    return PlayerExtras(asked, extras_folder(folder), path_of)


@pytest.mark.parametrize("container", ["mp4", "matroska"])
async def test_chapters_and_subtitles_are_read_once(
    container: str, helpers: ChildPool, tmp_path: Path
) -> None:
    asked = Asked(helpers)
    player = extras_of(asked, tmp_path, media.subtitled(container))
    answers = [await player.tracks(JOB, 0, SAVED) for _ in range(2)]

    expected = TextTracks(
        (Chapter(0.0, "Start"), Chapter(2.0, "End")),
        (Subtitles("eng", "Dialogue", (Cue(0.5, 1.5, "Hello"), Cue(2.0, 3.0, "Goodbye"))),),
    )
    assert answers == [expected, expected]
    assert asked.tasks == ["tracks"]


@pytest.mark.parametrize(
    "source",
    [media.sound(), media.sound("mp3", "libmp3lame"), media.sound("ogg", "libopus")],
    ids=["M4A", "MP3", "Opus"],
)
async def test_chapters_of_a_file_of_sound_are_read(
    source: bytes, helpers: ChildPool, tmp_path: Path
) -> None:
    (tmp_path / "source").write_bytes(source)
    chapters = (Chapter(0.0, "One"), Chapter(1.5, "Two"))
    path = await Joiner(helpers).to_sound(
        tmp_path / "source", tmp_path / "sound", tags={}, chapters=chapters, cover=None
    )

    assert (
        await extras_of(helpers, tmp_path, path.read_bytes()).tracks(JOB, 0, SAVED)
    ).chapters == chapters


def test_a_helper_reads_what_a_player_shows_at_a_low_priority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes: list[int] = []
    monkeypatch.setattr(os, "nice", changes.append)
    (tmp_path / "film").write_bytes(media.mp4())
    request = {"path": str(tmp_path / "film")}

    # the process that calls it keeps its priority
    extras_child.answer({"task": "tracks", **request})
    child.answer({"task": "examine", **request})
    assert changes == []

    child.answer({"task": "tracks", **request})
    child.answer({"task": "examine", "later": True, **request})
    assert changes == [child.NICENESS] * 2


async def test_marks_of_the_subtitles_own_format_are_left_out(
    helpers: ChildPool, tmp_path: Path
) -> None:
    video = media.subtitled("matroska", cues=((0.5, 1.5, r"<i>Hi</i> {\an8}there"),))
    tracks = await extras_of(helpers, tmp_path, video).tracks(JOB, 0, SAVED)

    assert tracks.subtitles[0].cues == (Cue(0.5, 1.5, "Hi there"),)


async def test_texts_of_a_file_are_shortened(helpers: ChildPool, tmp_path: Path) -> None:
    video = media.subtitled(
        cues=((0.5, 1.5, "x" * 30_000),), chapters=((0.0, "y" * 30_000),), title="z" * 30_000
    )
    tracks = await extras_of(helpers, tmp_path, video).tracks(JOB, 0, SAVED)

    assert len(tracks.chapters[0].title) == 200
    assert (len(tracks.subtitles[0].title), len(tracks.subtitles[0].cues[0].text)) == (200, 1_000)


@pytest.mark.parametrize(
    "video", [media.mp4(), media.webm(), b"<html>" * 100, media.mp4()[:-4_000]]
)
async def test_a_file_without_texts_has_no_tracks(
    video: bytes, helpers: ChildPool, tmp_path: Path
) -> None:
    assert await extras_of(helpers, tmp_path, video).tracks(JOB, 0, SAVED) == TextTracks()


async def test_pictures_of_the_whole_video_are_put_on_one_sheet(
    helpers: ChildPool, tmp_path: Path
) -> None:
    asked = Asked(helpers)
    player = extras_of(asked, tmp_path, media.mp4(6.0, gop=250))
    sheets = [await player.preview(JOB, 0, SAVED) for _ in range(2)]
    picture = await player.preview_picture(JOB, 0, SAVED)

    # with the sound
    assert sheets == [PreviewSheet(count=12, columns=10, width=160, height=90, step_s=0.5013)] * 2
    assert asked.tasks == ["preview"]
    assert picture is not None
    (tmp_path / "sheet.jpg").write_bytes(picture)
    with av.open(str(tmp_path / "sheet.jpg")) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (1_600, 180)
    # although the video has one key frame
    assert len({_tile(frame, number) for number in range(12)}) == 12


async def test_a_portrait_video_keeps_its_shape_on_the_sheet(
    helpers: ChildPool, tmp_path: Path
) -> None:
    sheet = await extras_of(helpers, tmp_path, media.rotated_mp4()).preview(JOB, 0, SAVED)

    assert sheet is not None
    assert (sheet.width, sheet.height) == (90, 160)


async def test_a_damaged_video_shows_the_pictures_that_decode(
    helpers: ChildPool, tmp_path: Path
) -> None:
    video = bytearray(media.mp4(6.0))
    video[len(video) // 2 :] = bytes(len(video) - len(video) // 2)
    sheet = await extras_of(helpers, tmp_path, bytes(video)).preview(JOB, 0, SAVED)

    assert sheet is None or sheet.count <= 12


@pytest.mark.parametrize(
    "video",
    [
        b"<html>" * 100,
        media.sound_only_mp4(),
        media.sound("mp3", "libmp3lame"),
        media.one_picture_mp4(),
    ],
)
async def test_what_has_no_moving_pictures_has_no_sheet(
    video: bytes, helpers: ChildPool, tmp_path: Path
) -> None:
    player = extras_of(helpers, tmp_path, video)

    assert await player.preview(JOB, 0, SAVED) is None
    assert await player.preview_picture(JOB, 0, SAVED) is None


async def test_a_sheet_whose_picture_is_gone_is_made_again(
    helpers: ChildPool, tmp_path: Path
) -> None:
    player = extras_of(helpers, tmp_path, media.mp4())
    await player.preview(JOB, 0, SAVED)
    for path in (tmp_path / "player").glob("*.jpg"):
        path.unlink()
    await player.preview(JOB, 0, SAVED)

    assert await player.preview_picture(JOB, 0, SAVED) is not None


async def test_another_version_of_the_file_is_read_again(tmp_path: Path) -> None:
    asked = Asked(answer={"tracks": [[], []]})
    player = extras_of(asked, tmp_path, b"any")
    for saved in (SAVED, replace(SAVED, sha256="cd" * 32), SAVED):
        await player.tracks(JOB, 0, saved)

    assert asked.tasks == ["tracks", "tracks"]


async def test_two_who_ask_at_once_get_one_answer_and_it_is_made_once(tmp_path: Path) -> None:
    asked = Asked(answer={"tracks": [[[1.0, "Part"]], []]})
    player = extras_of(asked, tmp_path, b"any")
    first, second = await asyncio.gather(player.tracks(JOB, 0, SAVED), player.tracks(JOB, 0, SAVED))

    assert first == second == TextTracks((Chapter(1.0, "Part"),))
    assert asked.tasks == ["tracks"]


async def test_more_than_a_few_videos_at_once_are_not_read(tmp_path: Path) -> None:
    asked = Asked(answer={"tracks": [[[1.0, "Part"]], []]})
    player = extras_of(asked, tmp_path, b"any")
    asked.may_answer.clear()
    pending = {
        asyncio.create_task(player.tracks(JOB, place, SAVED))
        for place in range(extras.MAX_WAITING + 2)
    }
    refused: list[TextTracks] = []
    while len(refused) < 2:  # the others wait for an answer
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        refused += [task.result() for task in done]
    asked.may_answer.set()

    assert not any(answer.chapters for answer in refused)
    assert all(answer.chapters for answer in await asyncio.gather(*pending))


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        {"tracks": None},
        {"tracks": 5},
        {"tracks": [[["soon", "Part"]], []]},
        {"tracks": [[[1e400, "Part"]], []]},
    ],
)
async def test_a_helper_that_fails_or_answers_nonsense_is_not_asked_again(
    answer: Mapping[str, Any] | None, tmp_path: Path
) -> None:
    asked = Asked(answer=answer)
    player = extras_of(asked, tmp_path, b"any")

    assert [await player.tracks(JOB, 0, SAVED) for _ in range(2)] == [TextTracks()] * 2
    assert asked.tasks == ["tracks"]


async def test_a_missing_file_and_an_unavailable_library_have_no_extras(tmp_path: Path) -> None:
    async def fail(_: str) -> None:
        raise StorageFailure("The library is not there.")

    for player in (extras_of(Asked(), tmp_path), PlayerExtras(Asked(), tmp_path, fail)):  # type: ignore[arg-type]
        assert await player.tracks(JOB, 0, SAVED) == TextTracks()
        assert await player.preview(JOB, 0, SAVED) is None
        assert await player.beside(SAVED) == []


async def test_a_file_in_a_bucket_is_not_fetched_for_its_extras(tmp_path: Path) -> None:
    asked = Asked(answer={"tracks": [[], []]})
    player = PlayerExtras(asked, tmp_path, None)  # type: ignore[arg-type]

    assert await player.tracks(JOB, 0, SAVED) == TextTracks()
    assert await player.preview(JOB, 0, SAVED) is None
    assert asked.tasks == []


async def test_subtitle_files_next_to_the_video_are_found_by_its_name_and_a_language(
    tmp_path: Path,
) -> None:
    player = extras_of(Asked(), tmp_path, b"any")
    for name in (
        "film.en.vtt",
        "film.pt-BR.vtt",
        "film.vtt",
        "film.not a language.vtt",
        "films.en.vtt",
        "film.en.srt",
    ):
        (tmp_path / name).write_text("WEBVTT\n")
    (tmp_path / "film.fr.vtt").symlink_to(tmp_path / "film.en.vtt")

    assert await player.beside(SAVED) == [
        SubtitleFile("en", "jane/film.en.vtt"),
        SubtitleFile("pt-BR", "jane/film.pt-BR.vtt"),
    ]


async def test_what_was_cached_for_a_job_is_removed_with_it(tmp_path: Path) -> None:
    asked = Asked(answer={"tracks": [[], []]})
    player = extras_of(asked, tmp_path, b"any")
    for job in (JOB, f"{JOB}-2"):
        await player.tracks(job, 0, SAVED)
    await player.forget(JOB)

    assert [path.name.partition(".")[0] for path in (tmp_path / "player").iterdir()] == [f"{JOB}-2"]


async def test_the_cache_drops_what_was_used_longest_ago(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(answer={"tracks": [[[1.0, "Part"]], []]})
    player = extras_of(asked, tmp_path, b"any")
    monkeypatch.setattr(extras, "MAX_CACHE_BYTES", 2 * len(json.dumps(asked._answer)))
    for place in (0, 1):
        await player.tracks(JOB, place, SAVED)
        for path in (tmp_path / "player").iterdir():
            os.utime(path, (place + 1, place + 1))
    for place in (0, 2):
        await player.tracks(JOB, place, SAVED)

    assert sorted(path.name.split(".")[1] for path in (tmp_path / "player").iterdir()) == ["0", "2"]


def _tile(frame: Any, number: int) -> bytes:
    """Return the brightness of the middle row of a picture on the sheet."""
    plane, row, column = frame.planes[0], number // 10 * 90 + 45, number % 10 * 160
    return bytes(plane)[row * plane.line_size + column :][:160]
